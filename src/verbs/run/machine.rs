//! What a run stands on: the device, the store, the run folder with its journal, and the progress line.

use crate::args::{Common, Device};
use crate::front::Front;
use crate::interrupt::Interrupt;
use crate::show::progress::Progress;
use crate::world;
use nas_diagnostics::Diagnostic;
use nas_eval::host::{Event, Host};
use nas_grammar::ast::PipelineDecl;
use nasc_store::{RunFolder, StoreFault};
use serde_json::{Value as Json, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub struct Machine {
    pub host: Arc<dyn Host>,
    pub folder: Arc<RunFolder>,
    told: Arc<Told>,
    device: nasc_device::Device,
    jobs: u64,
}

/// Who is told of events.
struct Told {
    folder: Arc<RunFolder>,
    progress: Mutex<Progress>,
    /// When a stage's step was last written down.
    written: Mutex<HashMap<Arc<str>, Instant>>,
    /// The journal's first fault; a run goes on without it.
    fault: Mutex<Option<Diagnostic>>,
    /// What was damaged or could not be kept, told when the run ends.
    told: Mutex<Vec<Diagnostic>>,
    /// Stages with the keys of their results.
    links: Mutex<std::collections::BTreeMap<String, Json>>,
}

/// Steps are written to the journal at most this often.
const STEPS: Duration = Duration::from_secs(1);

/// The device that a flag names.
pub fn device(flag: Device) -> Result<nasc_device::Device, Box<Diagnostic>> {
    let text = match flag {
        Device::Auto => "auto".to_string(),
        Device::Cpu => "cpu".to_string(),
        Device::Cuda(n) => format!("cuda:{n}"),
    };
    nasc_device::Device::parse(&text)
        .map_err(|e| Box::new(Diagnostic::error("E0704", e.message).help(e.help)))
}

/// A fault of the store or a run folder as a finding.
pub fn disk_fault(e: &StoreFault) -> Diagnostic {
    let message = format!("`{}`: {}", e.path.display(), e.message);
    Diagnostic::error(e.code, message).help(e.help.clone())
}

impl Machine {
    pub fn new(
        front: &Front,
        name: &str,
        common: &Common,
        stop: &Interrupt,
        progress: Progress,
        plan: &nas_plan::Plan,
    ) -> Result<Machine, Box<Diagnostic>> {
        let device = device(common.device)?;
        let folder = RunFolder::create(&common.out, name).map_err(|e| disk_fault(&e))?;
        let folder = Arc::new(folder);
        let told = Arc::new(Told {
            folder: folder.clone(),
            progress: Mutex::new(progress),
            written: Mutex::default(),
            fault: Mutex::default(),
            told: Mutex::default(),
            links: Mutex::default(),
        });
        let listener = told.clone();
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let jobs = match (common.jobs, device) {
            (Some(n), _) => n.get(),
            (None, nasc_device::Device::Cpu) => cores,
            (None, nasc_device::Device::Cuda(_)) => 1,
        };
        let mut memory = plan.memory.clone().unwrap_or_default();
        memory.data = memory.data.saturating_add(memory.tables);
        let limit = limit(plan);
        let jobs = fitting(jobs, &memory, limit);
        let between = crate::verbs::plan::memory::rest(&memory, plan.limit, jobs as u64);
        let rest = memory.base.saturating_add(memory.data);
        let host = nasc_runtime::Runtime::new(nasc_runtime::Options {
            device,
            threads: common.threads.map(|n| n.get()),
            jobs,
            data_roots: world::data_roots(common.data.as_deref(), &front.path),
            store: Some(world::store(&front.path)),
            disk: Arc::new(nasc_runtime::Disk),
            memory: limit.map(|l| l.saturating_sub(rest)),
            rest: between,
            operations: nasc_runtime::OPERATIONS,
            interrupt: stop.flag(),
            events: Box::new(move |event| listener.hear(event)),
        })?;
        Ok(Machine {
            host,
            folder,
            told,
            device,
            jobs: jobs as u64,
        })
    }

    /// Where the run's files are, for people.
    pub fn shown(&self) -> String {
        crate::verbs::shown(self.folder.dir())
    }

    pub fn begin(&self, front: &Front, decl: &PipelineDecl, fingerprint: &str, common: &Common) {
        let values: Vec<String> = common
            .set
            .iter()
            .map(|s| format!("{}={}", s.name, s.value))
            .collect();
        self.told.write(json!({
            "event": "run", "pipeline": &*decl.name.text, "fingerprint": fingerprint, "set": values, "device": self.device.to_string(),
            "seed": common.seed.unwrap_or(0), "file": crate::verbs::shown(&front.path),
            "version": env!("CARGO_PKG_VERSION"),
        }));
    }

    /// Writes how the run ended, with its faults.
    pub fn end(&self, front: &Front, code: u8, took: Duration) {
        for d in front.diags.iter().filter(|d| d.code.starts_with("E07")) {
            let event =
                json!({ "event": "fault", "code": d.code, "message": d.message, "notes": d.notes });
            self.told.write(event);
        }
        self.told
            .write(json!({ "event": "end", "exit": code, "seconds": took.as_secs_f64() }));
    }

    /// Holds the memory that was predicted against what was taken: `memory.json`.
    pub fn measured(&self, plan: &nas_plan::Plan) {
        let (Some(m), Some(peak)) = (&plan.memory, super::results::peak_memory()) else {
            return;
        };
        let predicted = m.as_drawn(self.jobs).saturating_add(m.tables);
        let most = m.of_jobs(self.jobs).saturating_add(m.tables);
        let ratio = predicted as f64 / peak.max(1.0);
        let line = json!({
            "predicted": predicted, "at_most": most, "measured": peak as u64, "ratio": (ratio * 1e3).round() / 1e3, "jobs": self.jobs,
        });
        let path = self.folder.dir().join("memory.json");
        if let Err(e) = nasc_store::write_atomic(&path, format!("{line:#}\n").as_bytes()) {
            lock(&self.told.fault).get_or_insert_with(|| disk_fault(&e));
        }
        let links = std::mem::take(&mut *lock(&self.told.links));
        let links: serde_json::Map<String, Json> = links.into_iter().collect();
        let path = self.folder.dir().join("links.json");
        let text = format!("{:#}\n", Json::Object(links));
        if let Err(e) = nasc_store::write_atomic(&path, text.as_bytes()) {
            lock(&self.told.fault).get_or_insert_with(|| disk_fault(&e));
        }
    }

    /// Takes the progress line away.
    pub fn progress_done(&self) {
        lock(&self.told.progress).clear();
    }

    /// What went wrong with the journal.
    pub fn faults(&self) -> Vec<Diagnostic> {
        let mut all = std::mem::take(&mut *lock(&self.told.told));
        all.extend(lock(&self.told.fault).take());
        all
    }
}

/// Bytes that the run may take: its budget, else most of what the machine has left.
fn limit(plan: &nas_plan::Plan) -> Option<u64> {
    plan.limit.or_else(|| {
        let text = std::fs::read_to_string("/proc/meminfo").ok()?;
        let line = text.lines().find(|l| l.starts_with("MemAvailable:"))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1024 / 10 * 9)
    })
}

/// As many jobs as fit beside each other; at least one.
fn fitting(jobs: usize, m: &nas_plan::Memory, limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return jobs };
    let needed = |n: usize| m.of_jobs(n as u64);
    let all = (1..=jobs).rev();
    all.into_iter().find(|n| needed(*n) <= limit).unwrap_or(1)
}

fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Told {
    fn write(&self, mut event: Json) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        if let (Some(o), Ok(now)) = (event.as_object_mut(), now) {
            o.insert("time".into(), json!(now.as_millis() as u64));
        }
        if let Err(e) = self.folder.event(&event) {
            lock(&self.fault).get_or_insert_with(|| disk_fault(&e));
        }
    }

    fn hear(&self, event: Event) {
        match event {
            Event::StageStart { stage, steps } => {
                lock(&self.progress).begin(&stage, steps.and_then(|s| u64::try_from(s).ok()));
                self.write(json!({ "event": "stage-start", "stage": &*stage, "steps": steps }));
            }
            Event::Step {
                stage,
                step,
                steps,
                loss,
            } => {
                let note = loss.map(|l| format!("loss {}", nas_eval::show::number_text(l)));
                let count = |n: i64| u64::try_from(n).unwrap_or(0);
                lock(&self.progress).step(
                    &stage,
                    count(step),
                    count(steps),
                    note.as_deref().unwrap_or(""),
                );
                let due = {
                    let mut written = lock(&self.written);
                    let due = written.get(&stage).is_none_or(|at| at.elapsed() >= STEPS);
                    if due {
                        written.insert(stage.clone(), Instant::now());
                    }
                    due || step >= steps
                };
                if due {
                    self.write(json!({ "event": "step", "stage": &*stage, "step": step, "steps": steps, "loss": loss }));
                }
            }
            Event::StageEnd { stage, cached } => {
                lock(&self.progress).end(&stage, cached);
                lock(&self.written).remove(&stage);
                self.write(json!({ "event": "stage-end", "stage": &*stage, "cached": cached }));
            }
            Event::Fallback { stage, what, count } => {
                self.write(
                    json!({ "event": "fallback", "stage": &*stage, "what": what, "count": count }),
                );
            }
            Event::Kept { stage, step } => {
                self.write(json!({ "event": "kept", "stage": &*stage, "step": step }));
            }
            Event::Resumed { stage, step } => {
                self.write(json!({ "event": "resumed", "stage": &*stage, "step": step }));
            }
            Event::Invalid { stage, reason } => {
                self.write(json!({ "event": "invalid", "stage": &*stage, "reason": &*reason }));
            }
            Event::Stored { stage, key, about } => {
                let about: serde_json::Map<String, Json> = about
                    .into_iter()
                    .map(|(k, v)| (k.to_string(), v.into()))
                    .collect();
                let link = json!({ "key": key, "about": about });
                lock(&self.links).insert(stage.to_string(), link);
            }
            Event::Damaged { what } => {
                self.write(json!({ "event": "damaged", "what": what }));
                let d = Diagnostic::warning("E0708", format!("something kept was damaged: {what}"));
                lock(&self.told).push(d);
            }
            Event::NotKept { what } => {
                self.write(json!({ "event": "not-kept", "what": what }));
                let d = Diagnostic::warning("E0706", format!("results are not kept: {what}"));
                lock(&self.told).push(d);
            }
        }
    }
}
