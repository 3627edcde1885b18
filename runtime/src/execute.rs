//! The host of a real run: graphs are compiled once a structure and executed, results are kept, parts run side by side.

use crate::buffer::Held;
use crate::gate::Gate;
use crate::samples;
use nas_diagnostics::Diagnostic;
use nas_eval::data::DataSource;
use nas_eval::host::{DataRequest, Event, Host, RawTable, RawWeights, Slots as EvalSlots, Stored};
use nas_ir::graph::{collect, linearise};
use nas_ir::{HostTensor, Tensor};
use nasc_device::{Device, Executor, Kernels, Program, RunFault, Slots, Value};
use nasc_store::{Key, Store};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

type Events = Box<dyn Fn(Event) + Send + Sync>;

/// How a run is set up.
pub struct Options {
    pub device: Device,
    /// Threads for independent parts; all cores where `None`.
    pub threads: Option<usize>,
    /// Independent parts at once.
    pub jobs: usize,
    /// Where relative data paths are looked up, in order.
    pub data_roots: Vec<PathBuf>,
    /// Where results are kept; `None` keeps nothing.
    pub store: Option<PathBuf>,
    /// The file system that the store is on.
    pub disk: Arc<dyn nasc_store::Fs>,
    /// Bytes that graphs at work may take together; what does not fit waits.
    pub memory: Option<u64>,
    /// Bytes that buffers may hold between the runs of graphs.
    pub rest: u64,
    /// Operations that compiled graphs may have together; [`OPERATIONS`] is much.
    pub operations: usize,
    /// Set when the run is asked to stop.
    pub interrupt: Arc<AtomicBool>,
    pub events: Events,
}

/// Operations of compiled graphs that are kept: some 30 MB of them.
pub const OPERATIONS: usize = 40_000;

/// A program with the bytes one run of it takes.
#[derive(Clone)]
struct Ready {
    program: Program,
    bytes: u64,
}

/// Compiled programs by the fingerprint of their graph, each with when it was asked for last.
#[derive(Default)]
struct Programs {
    all: HashMap<u128, (Ready, AtomicU64)>,
    operations: usize,
    asked: AtomicU64,
}

impl Programs {
    fn get(&self, fingerprint: u128) -> Option<Ready> {
        let (ready, last) = self.all.get(&fingerprint)?;
        let now = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        last.store(now, Ordering::Relaxed);
        Some(ready.clone())
    }

    /// Keeps a program; what was not asked for the longest is let go until it has room, and a quarter more.
    fn keep(&mut self, fingerprint: u128, ready: Ready, most: usize) {
        let own = ready.program.len();
        if self.operations + own > most {
            let mut old: Vec<(u64, u128)> = self
                .all
                .iter()
                .map(|(f, (_, last))| (last.load(Ordering::Relaxed), *f))
                .collect();
            old.sort_unstable();
            for (_, f) in old {
                if self.operations + own <= most / 4 * 3 {
                    break;
                }
                if let Some((gone, _)) = self.all.remove(&f) {
                    self.operations -= gone.program.len();
                }
            }
            tracing::debug!("{} compiled graphs are left", self.all.len());
        }
        let now = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let before = self.all.insert(fingerprint, (ready, AtomicU64::new(now)));
        self.operations += own;
        self.operations -= before.map_or(0, |(r, _)| r.program.len());
    }
}

/// A run's host.
pub struct Runtime {
    executor: Executor,
    programs: RwLock<Programs>,
    gate: Gate,
    /// Bytes that one graph may take.
    most: u64,
    /// Operations that compiled programs may have together.
    operations: usize,
    /// Whether it was told that the store cannot be written.
    read_only: AtomicBool,
    pool: rayon::ThreadPool,
    jobs: usize,
    roots: Vec<PathBuf>,
    store: Option<Store>,
    interrupt: Arc<AtomicBool>,
    events: Events,
    /// Data sets read so far, by request.
    sets: Mutex<HashMap<String, Arc<dyn DataSource>>>,
}

impl Runtime {
    /// Opens the device and the store.
    ///
    /// # Errors
    /// E0704: the device is not there. E0706: the store cannot be used.
    pub fn new(options: Options) -> Result<Arc<Runtime>, Diagnostic> {
        let most = match options.device {
            Device::Cpu => memory(),
            _ => u64::MAX,
        };
        let executor = Executor::new(options.device)
            .map_err(|f| Diagnostic::error("E0704", f.message).help(f.help))?;
        let executor = match std::env::var("NASC_KERNELS").as_deref() {
            Ok("burn") => executor.with_kernels(Kernels::Burn),
            _ => executor,
        };
        executor.bound(options.rest);
        let store = match &options.store {
            Some(dir) => Some(
                Store::open_on(options.disk, dir)
                    .map_err(|f| Diagnostic::error(f.code, f.message).help(f.help))?,
            ),
            None => None,
        };
        if let Some(s) = &store {
            s.sweep();
        }
        let jobs = options.jobs.max(1);
        let threads = options.threads.unwrap_or(jobs).max(1);
        nasc_device::threads(threads);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            // Evaluation recurses: a deep program needs a deep stack.
            .stack_size(256 << 20)
            .build()
            .map_err(|e| Diagnostic::error("E0706", format!("no threads could be started: {e}")))?;
        Ok(Arc::new(Runtime {
            executor,
            programs: RwLock::default(),
            gate: Gate::new(options.memory),
            most,
            operations: options.operations,
            read_only: AtomicBool::new(false),
            pool,
            jobs: jobs.min(threads),
            roots: options.data_roots,
            store,
            interrupt: options.interrupt,
            events: options.events,
            sets: Mutex::default(),
        }))
    }

    fn program(&self, fingerprint: u128, outputs: &[Tensor]) -> Result<Ready, Diagnostic> {
        if let Ok(all) = self.programs.read()
            && let Some(p) = all.get(fingerprint)
        {
            return Ok(p);
        }
        let (graph, _) = linearise(outputs).map_err(not_concrete)?;
        if let Some(node) = graph
            .nodes
            .node_weights()
            .find(|n| elements(&n.shape) > LARGEST)
        {
            return Err(too_large(&node.shape));
        }
        let ready = nas_network::prepare(&graph)
            .map_err(|e| Diagnostic::error("E0309", format!("no gradient: {}", e.reason)))?;
        let p = Ready {
            program: self.executor.compile(&ready),
            bytes: (ready.placement.peak + ready.placement.bound) as u64,
        };
        if p.bytes > self.most {
            let largest = graph
                .nodes
                .node_weights()
                .max_by_key(|n| elements(&n.shape));
            return Err(too_large(largest.map_or(&[], |n| &n.shape)));
        }
        if let Ok(mut all) = self.programs.write() {
            all.keep(fingerprint, p.clone(), self.operations);
        }
        Ok(p)
    }
}

impl Runtime {
    /// A store that may be read only serves what it holds: that is told once, and the run goes on. Any other fault stops it.
    fn written(&self, done: Result<(), nasc_store::StoreFault>) -> Result<(), Diagnostic> {
        use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        match done {
            Ok(()) => Ok(()),
            Err(f) if matches!(f.kind, PermissionDenied | ReadOnlyFilesystem) => {
                if !self.read_only.swap(true, Ordering::Relaxed) {
                    (self.events)(Event::NotKept {
                        what: f.to_string(),
                    });
                }
                Ok(())
            }
            Err(f) => {
                let path = f.path.display();
                Err(Diagnostic::error(f.code, format!("`{path}`: {}", f.message)).help(f.help))
            }
        }
    }
}

/// Elements of a tensor that no machine has room for.
const LARGEST: usize = 1 << 44;

fn elements(shape: &[usize]) -> usize {
    shape.iter().fold(1, |n, s| n.saturating_mul(*s))
}

/// Bytes that a graph on the CPU can take at all: an allocation beyond them would end the process.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = |name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    match line("MemTotal:") {
        Some(kib) => (kib + line("SwapTotal:").unwrap_or(0)) * 1024,
        None => u64::MAX,
    }
}

fn too_large(shape: &[usize]) -> Diagnostic {
    let text = format!("a tensor of shape {shape:?} does not fit into this machine's memory");
    Diagnostic::error("E0704", text).help("smaller batches or sizes need less at once")
}

fn not_concrete(e: nas_ir::graph::NotConcrete) -> Diagnostic {
    Diagnostic::error(
        "E0304",
        format!(
            "a tensor of shape {} cannot be computed: a size is not known",
            e.shape
        ),
    )
}

/// The stores of the evaluator as the executor reads them.
struct Read<'a> {
    stores: &'a [u64],
    slots: &'a EvalSlots<'a>,
}

impl Slots for Read<'_> {
    fn get(&self, store: usize, address: &str) -> Option<Value> {
        let stored = (self.slots)(*self.stores.get(store)?, address)?;
        match stored.as_any().downcast_ref::<Held>() {
            Some(h) => Some(h.value.clone()),
            None => Some(Value::Host(stored.download())),
        }
    }
}

impl Host for Runtime {
    fn compute(&self, outputs: &[Tensor], slots: &EvalSlots) -> Result<Vec<Stored>, Diagnostic> {
        let (fingerprint, bindings) = collect(outputs).map_err(not_concrete)?;
        let program = self.program(fingerprint, outputs)?;
        let read = Read {
            stores: &bindings.stores,
            slots,
        };
        let _at_work = self.gate.enter(program.bytes);
        let out = self
            .executor
            .run(&program.program, &bindings, &read)
            .map_err(|f| match &f {
                RunFault::Device { .. } => Diagnostic::error("E0704", f.to_string()),
                RunFault::Index { .. } => Diagnostic::error("E0702", f.to_string())
                    .help("labels and indices lie within their axis"),
                _ => Diagnostic::error("E0309", format!("this graph cannot be computed: {f}")),
            })?;
        Ok(out
            .into_iter()
            .map(|value| {
                Arc::new(Held {
                    value,
                    executor: self.executor.clone(),
                }) as Stored
            })
            .collect())
    }

    fn upload(&self, value: HostTensor) -> Stored {
        Arc::new(Held {
            value: self.executor.upload(&value),
            executor: self.executor.clone(),
        })
    }

    fn data(
        &self,
        request: &DataRequest,
        header_only: bool,
    ) -> Result<Arc<dyn DataSource>, Diagnostic> {
        let key = format!("{request:?}|{header_only}");
        let Ok(mut sets) = self.sets.lock() else {
            return samples::open(&self.roots, request, header_only);
        };
        if let Some(s) = sets.get(&key) {
            return Ok(s.clone());
        }
        let s = samples::open(&self.roots, request, header_only)?;
        sets.insert(key, s.clone());
        Ok(s)
    }

    fn table(&self, path: &str) -> Result<RawTable, Diagnostic> {
        samples::table(&self.roots, path)
    }

    fn weights(&self, path: &str) -> Result<RawWeights, Diagnostic> {
        samples::weights(&self.roots, path)
    }

    fn event(&self, event: Event) {
        (self.events)(event);
    }

    fn interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    fn cached(&self, key: &str) -> Option<Vec<u8>> {
        match self.store.as_ref()?.get(&Key::from(key)) {
            Ok(found) => found,
            Err(damaged) => {
                // Told, and made again.
                (self.events)(Event::Damaged {
                    what: damaged.to_string(),
                });
                None
            }
        }
    }

    fn keep(&self, key: &str, bytes: &[u8]) -> Result<(), Diagnostic> {
        let Some(store) = &self.store else {
            return Ok(());
        };
        let kept = store.put(&Key::from(key), "value", bytes).map(|_| ());
        self.written(kept)
    }

    fn forget(&self, key: &str) {
        // The points on the way are not needed any more; leaving them does no harm.
        if let Some(store) = &self.store {
            let _ = store.drop_checkpoints(&Key::from(key));
        }
    }

    fn keeps(&self) -> bool {
        self.store.is_some()
    }

    fn checkpoint(&self, key: &str) -> Option<(u64, Vec<u8>)> {
        let mut note = |damaged: &nasc_store::Damaged| {
            (self.events)(Event::Damaged {
                what: damaged.to_string(),
            });
        };
        self.store
            .as_ref()?
            .latest_checkpoint_noting(&Key::from(key), &mut note)
            .ok()
            .flatten()
    }

    fn keep_checkpoint(&self, key: &str, step: u64, bytes: &[u8]) -> Result<(), Diagnostic> {
        let Some(store) = &self.store else {
            return Ok(());
        };
        self.written(store.checkpoint(&Key::from(key), step, bytes))
    }

    fn jobs(&self) -> usize {
        self.jobs
    }

    fn parallel(&self, count: usize, work: &(dyn Fn(usize) + Sync)) {
        use rayon::prelude::*;
        // One element at a time a thread: elements are long.
        self.pool
            .install(|| (0..count).into_par_iter().with_max_len(1).for_each(work));
    }
}
