//! A program of texts in memory, checked as the command checks it, with a host that reads nothing but these texts.

#![allow(dead_code)]

use nas_diagnostics::{Diagnostic, Severity};
use nas_driver::{Loaded, ReadFault, World};
use nas_eval::data::DataSource;
use nas_eval::host::{Buffer, DataRequest, Event, Host, RawTable, RawWeights, Slots, Stored};
use nas_ir::{HostTensor, Tensor};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Texts by path.
pub type Files = BTreeMap<String, String>;

/// A folder in memory.
pub struct Memory<'a>(pub &'a Files);

impl World for Memory<'_> {
    fn read(&self, path: &str) -> Result<String, ReadFault> {
        if path.split('/').any(|p| p == "..") {
            return Err(ReadFault::Outside);
        }
        self.0.get(path).cloned().ok_or(ReadFault::Missing)
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let names = self.0.keys().filter_map(|k| match folder {
            "" => Some(k.as_str()),
            _ => k.strip_prefix(folder)?.strip_prefix('/'),
        });
        names
            .filter(|n| !n.contains('/'))
            .map(String::from)
            .collect()
    }
}

struct Texts(Files);

#[derive(Debug)]
struct Images {
    len: usize,
    shape: Vec<usize>,
    classes: usize,
    test: Option<Arc<Images>>,
}

impl DataSource for Images {
    fn len(&self) -> usize {
        self.len
    }
    fn shape(&self) -> Vec<usize> {
        self.shape.clone()
    }
    fn classes(&self) -> usize {
        self.classes
    }
    fn fetch(&self, _: &[u32]) -> Result<(HostTensor, HostTensor), Diagnostic> {
        Err(Diagnostic::error("E0304", "nothing is read before a run"))
    }
    fn digest(&self) -> String {
        format!("{:?} {}", self.shape, self.len)
    }
    fn test(&self) -> Option<Arc<dyn DataSource>> {
        self.test.clone().map(|t| t as Arc<dyn DataSource>)
    }
}

impl Host for Texts {
    fn compute(&self, _: &[Tensor], _: &Slots) -> Result<Vec<Stored>, Diagnostic> {
        Err(Diagnostic::error(
            "E0304",
            "a run-time value is needed before anything runs",
        ))
    }
    fn upload(&self, value: HostTensor) -> Stored {
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
            fn as_any(&self) -> &dyn std::any::Any {
                self
            }
        }
        Arc::new(Plain(value))
    }
    fn data(&self, request: &DataRequest, _: bool) -> Result<Arc<dyn DataSource>, Diagnostic> {
        let number = |i: usize, or: usize| request.numbers.get(i).map_or(or, |v| *v as usize);
        let images = |len, shape: &[usize], classes, test: usize| {
            let one = |len, test| Images {
                len,
                shape: shape.to_vec(),
                classes,
                test,
            };
            Arc::new(one(len, (test > 0).then(|| Arc::new(one(test, None)))))
        };
        match &*request.format {
            "cifar10" => Ok(images(50_000, &[3, 32, 32], 10, 10_000)),
            "cifar100" => Ok(images(50_000, &[3, 32, 32], 100, 10_000)),
            "generated" => {
                let side = number(2, 16);
                Ok(images(
                    number(0, 2000),
                    &[3, side, side],
                    number(1, 10),
                    number(4, 500),
                ))
            }
            _ => Err(Diagnostic::error(
                "E0701",
                format!("there is no `{}`", request.path),
            )),
        }
    }
    fn table(&self, path: &str) -> Result<RawTable, Diagnostic> {
        let Some(text) = self.0.get(path) else {
            return Err(Diagnostic::error("E0701", format!("there is no `{path}`")));
        };
        let mut lines = text
            .lines()
            .map(|l| l.split(',').map(|c| c.trim().to_string()).collect());
        let columns = lines.next().unwrap_or_default();
        Ok(RawTable {
            columns,
            rows: lines.collect(),
            digest: String::new(),
        })
    }
    fn weights(&self, path: &str) -> Result<RawWeights, Diagnostic> {
        Err(Diagnostic::error("E0701", format!("there is no `{path}`")))
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

/// A host that knows tables among some texts, and the shapes of the usual data.
pub fn host(files: &Files) -> Arc<dyn Host> {
    Arc::new(Texts(files.clone()))
}

/// Runs on a deep stack, as the command does.
pub fn deep<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|s| {
        let thread = std::thread::Builder::new().stack_size(512 << 20);
        match thread.spawn_scoped(s, work).expect("a thread").join() {
            Ok(v) => v,
            Err(e) => std::panic::resume_unwind(e),
        }
    })
}

/// Checks `main.nas` of some files; data that is not there is no error, as in the command.
pub fn check(files: &Files) -> (Loaded, Vec<Diagnostic>) {
    let loaded = nas_driver::load(&Memory(files), "main.nas");
    let host = host(files);
    let entry = loaded.program.entry;
    let mut found = deep(|| nas_driver::check(&loaded, &host, &[entry]));
    for d in &mut found {
        if d.code == "E0701" {
            d.severity = Severity::Warning;
        }
    }
    (loaded, found)
}
