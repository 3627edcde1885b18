//! A host that computes nothing: headers of data and tables, for checking and planning.

use crate::samples;
use nas_diagnostics::Diagnostic;
use nas_eval::data::DataSource;
use nas_eval::host::{Buffer, DataRequest, Event, Host, RawTable, RawWeights, Slots, Stored};
use nas_ir::{HostTensor, Tensor};
use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

/// Reads headers and tables under some folders.
pub struct Bare {
    roots: Vec<PathBuf>,
    /// Data that is not here is what its format declares.
    declared: bool,
    /// Told how far a long count is.
    events: Option<Box<dyn Fn(Event) + Send + Sync>>,
}

impl Bare {
    #[allow(clippy::new_ret_no_self)]
    pub fn new(roots: Vec<PathBuf>) -> Arc<dyn Host> {
        Arc::new(Bare {
            roots,
            declared: false,
            events: None,
        })
    }

    /// As [`Bare::new`]; what takes long says how far it is.
    pub fn telling(
        roots: Vec<PathBuf>,
        events: impl Fn(Event) + Send + Sync + 'static,
    ) -> Arc<dyn Host> {
        Arc::new(Bare {
            roots,
            declared: false,
            events: Some(Box::new(events)),
        })
    }

    /// For plans: a set whose format fixes its sizes need not be here.
    pub fn planning(roots: Vec<PathBuf>) -> Arc<dyn Host> {
        Arc::new(Bare {
            roots,
            declared: true,
            events: None,
        })
    }
}

#[derive(Debug)]
struct Plain(HostTensor);

impl Buffer for Plain {
    fn download(&self) -> HostTensor {
        self.0.clone()
    }

    fn download_shape(&self) -> Vec<usize> {
        self.0.shape.clone()
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Host for Bare {
    fn compute(&self, _: &[Tensor], _: &Slots) -> Result<Vec<Stored>, Diagnostic> {
        Err(Diagnostic::error(
            "E0304",
            "a run-time value is needed before anything runs",
        ))
    }

    fn tried(&self, outputs: &[Tensor]) -> Option<Vec<HostTensor>> {
        let (graph, bindings) = nas_ir::graph::linearise(outputs).ok()?;
        let sources = nas_network::reference::Sources {
            bindings: &bindings,
            slot: &|_, _| None,
            random: &|_, _, _| vec![],
        };
        // Nothing is drawn, and nothing is large: this is for rules tried on a few numbers.
        let small = bindings.keys.is_empty() && bindings.stores.is_empty();
        small
            .then(|| nas_network::reference::evaluate(&graph, &sources).ok())
            .flatten()
    }

    fn upload(&self, value: HostTensor) -> Stored {
        Arc::new(Plain(value))
    }

    fn data(
        &self,
        request: &DataRequest,
        _header_only: bool,
    ) -> Result<Arc<dyn DataSource>, Diagnostic> {
        match samples::open(&self.roots, request, true) {
            Err(d) if self.declared && d.code == nasc_data::MISSING => {
                samples::declared(request).ok_or(d)
            }
            other => other,
        }
    }

    fn table(&self, path: &str) -> Result<RawTable, Diagnostic> {
        samples::table(&self.roots, path)
    }

    fn weights(&self, path: &str) -> Result<RawWeights, Diagnostic> {
        samples::weights(&self.roots, path)
    }

    fn event(&self, event: Event) {
        if let Some(told) = &self.events {
            told(event);
        }
    }

    fn interrupted(&self) -> bool {
        false
    }

    fn cached(&self, _: &str) -> Option<Vec<u8>> {
        None
    }

    fn keep(&self, _: &str, _: &[u8]) -> Result<(), Diagnostic> {
        Ok(())
    }

    fn checkpoint(&self, _: &str) -> Option<(u64, Vec<u8>)> {
        None
    }

    fn keep_checkpoint(&self, _: &str, _: u64, _: &[u8]) -> Result<(), Diagnostic> {
        Ok(())
    }

    fn jobs(&self) -> usize {
        1
    }

    fn parallel(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(work);
    }
}
