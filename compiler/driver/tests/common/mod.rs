//! Programs given as text, checked and their `test` blocks run, with a host that computes nothing.

use nas_diagnostics::Diagnostic;
use nas_driver::{ReadFault, World};
use nas_eval::ctx::{Ctx, Purpose};
use nas_eval::data::DataSource;
use nas_eval::host::{Buffer, DataRequest, Event, Host, RawTable, RawWeights, Slots, Stored};
use nas_eval::pipeline;
use nas_grammar::ast::ItemKind;
use nas_ir::{HostTensor, Tensor};
use std::any::Any;
use std::sync::Arc;

struct Text<'a>(&'a str);

impl World for Text<'_> {
    fn read(&self, path: &str) -> Result<String, ReadFault> {
        match path {
            "it.nas" => Ok(self.0.to_string()),
            _ => Err(ReadFault::Missing),
        }
    }
}

/// A host without a device, data or store.
pub struct Nothing;

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

impl Host for Nothing {
    fn compute(&self, _: &[Tensor], _: &Slots) -> Result<Vec<Stored>, Diagnostic> {
        Err(Diagnostic::error("E0304", "nothing is computed here"))
    }
    fn upload(&self, value: HostTensor) -> Stored {
        Arc::new(Plain(value))
    }
    fn data(&self, _: &DataRequest, _: bool) -> Result<Arc<dyn DataSource>, Diagnostic> {
        Err(Diagnostic::error("E0701", "no data here"))
    }
    fn table(&self, _: &str) -> Result<RawTable, Diagnostic> {
        Err(Diagnostic::error("E0701", "no table here"))
    }
    fn weights(&self, _: &str) -> Result<RawWeights, Diagnostic> {
        Err(Diagnostic::error("E0701", "no weights here"))
    }
    fn event(&self, _: Event) {}
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

fn deep<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(256 << 20);
    thread.spawn(work).unwrap().join().unwrap()
}

fn shown(d: &Diagnostic) -> String {
    format!("{} {} {}", d.code, d.message, d.notes.join("; "))
}

/// Everything that is wrong with a program: findings of reading and checking, as `code message notes`.
#[allow(dead_code)]
pub fn findings(source: &str) -> Vec<String> {
    let source = source.to_string();
    deep(move || {
        let loaded = nas_driver::load(&Text(&source), "it.nas");
        let mut found = loaded.diagnostics.clone();
        found.extend(nas_driver::check_names(&loaded));
        if !found.iter().any(Diagnostic::is_error) {
            let program = Arc::new(loaded.program);
            let host: Arc<dyn Host> = Arc::new(Nothing);
            found.extend(pipeline::check_module(&program, &host, program.entry, &[]));
        }
        found.iter().map(shown).collect()
    })
}

/// What does not hold in the `test` blocks of a program: empty where all do.
#[allow(dead_code)]
pub fn failures(source: &str) -> Vec<String> {
    let source = source.to_string();
    deep(move || {
        let loaded = nas_driver::load(&Text(&source), "it.nas");
        let mut out: Vec<String> = loaded
            .diagnostics
            .iter()
            .chain(&nas_driver::check_names(&loaded))
            .filter(|d| d.is_error())
            .map(shown)
            .collect();
        if !out.is_empty() {
            return out;
        }
        let program = Arc::new(loaded.program);
        let host: Arc<dyn Host> = Arc::new(Nothing);
        let tree = program.modules[program.entry].tree.clone();
        for item in &tree.items {
            let ItemKind::Test(t) = &item.kind else {
                continue;
            };
            let mut ctx = Ctx::new(program.clone(), host.clone(), Purpose::Run, 0);
            let done = pipeline::test(&mut ctx, t, program.entry);
            let name = &t.name.raw;
            for d in done.diagnostics.iter().filter(|d| d.is_error()) {
                let at = d
                    .primary()
                    .map(|s| loaded.sources.text(s))
                    .unwrap_or_default();
                out.push(format!("{name}: {} at `{at}`", shown(d)));
            }
            for e in &done.expects {
                if e.holds != Some(true) {
                    out.push(format!(
                        "{name}: `{}` does not hold: {:?}",
                        loaded.sources.text(e.span),
                        (e.left.as_ref().map(nas_eval::show::brief), &e.reason)
                    ));
                }
            }
        }
        out
    })
}
