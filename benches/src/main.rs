//! Serves timings: reads `time CASE TURNS`, `profile CASE`, `prepare CASE` or `memory` a line, answers in a line of JSON.

mod cases;
mod groups;
mod net;

use nas_ir::Bindings;
use nas_ir::graph::{collect, linearise};
use nasc_device::{Device, Executor, NoSlots, Program};
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Write};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: nasc_device::Aligned = nasc_device::Aligned;

type Fault = Box<dyn std::error::Error>;

struct Bench {
    executor: Executor,
    ready: HashMap<String, (Program, Bindings)>,
}

/// Seconds on the processor of all threads so far, where the system tells.
fn cpu() -> f64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return f64::NAN;
    };
    let of = |text: String| -> Option<f64> { text.split(' ').next()?.parse().ok() };
    let each = tasks
        .flatten()
        .filter_map(|t| of(std::fs::read_to_string(t.path().join("schedstat")).ok()?));
    each.sum::<f64>() / 1e9
}

/// The most memory that the process has held, in MB.
fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let number = line.and_then(|l| l.trim().split(' ').next()?.parse::<f64>().ok());
    number.unwrap_or(f64::NAN) / 1024.0
}

impl Bench {
    fn case(&mut self, name: &str) -> Result<&(Program, Bindings), Fault> {
        if !self.ready.contains_key(name) {
            let outputs = cases::outputs(name).ok_or_else(|| format!("no case `{name}`"))?;
            let outputs = outputs.map_err(|e| format!("{name}: {e:?}"))?;
            let (graph, bindings) = linearise(&outputs).map_err(|e| e.shape)?;
            let program = self.executor.compile(&nas_network::prepare(&graph)?);
            self.ready.insert(name.into(), (program, bindings));
        }
        Ok(&self.ready[name])
    }

    fn answer(&mut self, line: &str) -> Result<String, Fault> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["time", case, turns] => {
                let turns: usize = turns.parse()?;
                let executor = self.executor.clone();
                let (program, bindings) = self.case(case)?;
                let (at, busy) = (Instant::now(), cpu());
                for _ in 0..turns {
                    executor.run(program, bindings, &NoSlots)?;
                }
                let (wall, busy) = (at.elapsed().as_secs_f64(), cpu() - busy);
                let each = |s: f64| s * 1e3 / turns as f64;
                Ok(format!(
                    "{{\"wall_ms\":{:.5},\"cpu_ms\":{:.5},\"nodes\":{}}}",
                    each(wall),
                    each(busy),
                    program.len()
                ))
            }
            ["profile" | "shapes", case] => {
                // By kind, or by kind and shape of the result.
                let shapes = words[0] == "shapes";
                let executor = self.executor.clone();
                let (program, bindings) = self.case(case)?;
                let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
                const TURNS: usize = 5;
                for turn in 0..=TURNS {
                    for s in executor.profile(program, bindings, &NoSlots)? {
                        if turn > 0 {
                            let name = match shapes {
                                true => format!("{} {:?}", s.kind, s.shape),
                                false => s.kind,
                            };
                            let sum = sums.entry(name).or_default();
                            *sum = (sum.0 + s.seconds, sum.1 + 1);
                        }
                    }
                }
                let mut all: Vec<_> = sums.into_iter().collect();
                all.sort_by(|a, b| b.1.0.total_cmp(&a.1.0));
                let each = all.iter().map(|(kind, (s, n))| {
                    format!("\"{kind}\":[{:.4},{}]", s * 1e3 / TURNS as f64, n / TURNS)
                });
                Ok(format!("{{{}}}", each.collect::<Vec<_>>().join(",")))
            }
            // What runs as one pass.
            ["groups", case] => {
                let outputs = cases::outputs(case)
                    .ok_or("no such case")?
                    .map_err(|e| format!("{e:?}"))?;
                let (graph, _) = linearise(&outputs).map_err(|e| e.shape)?;
                let lines = groups::told(&nas_network::prepare(&graph)?);
                let quoted: Vec<String> = lines.iter().map(|l| format!("{l:?}")).collect();
                Ok(format!("[{}]", quoted.join(",")))
            }
            // What a structure costs that was not met before, and one that was.
            ["prepare", case] => {
                let outputs = cases::outputs(case)
                    .ok_or("no such case")?
                    .map_err(|e| format!("{e:?}"))?;
                let mut best = [f64::INFINITY; 5];
                for _ in 0..15 {
                    let mut at = Instant::now();
                    let mut lap = |i: usize| {
                        best[i] = best[i].min(at.elapsed().as_secs_f64() * 1e3);
                        at = Instant::now();
                    };
                    collect(&outputs).map_err(|e| e.shape)?;
                    lap(0);
                    let (graph, _) = linearise(&outputs).map_err(|e| e.shape)?;
                    lap(1);
                    let ready = nas_network::prepare(&graph)?;
                    lap(2);
                    let program = self.executor.compile(&ready);
                    lap(3);
                    best[4] = program.len() as f64;
                }
                let [c, l, p, k, n] = best;
                Ok(format!(
                    "{{\"collect_ms\":{c:.4},\"linearise_ms\":{l:.4},\"prepare_ms\":{p:.4},\"compile_ms\":{k:.4},\"nodes\":{n}}}"
                ))
            }
            ["memory"] => Ok(format!("{{\"most_mb\":{:.1}}}", memory())),
            ["cases"] => {
                let nets = cases::NETS
                    .iter()
                    .flat_map(|n| [format!("\"{n}_f\""), format!("\"{n}_step\"")]);
                let parts = cases::PARTS
                    .iter()
                    .flat_map(|n| [format!("\"{n}_f\""), format!("\"{n}_fb\"")]);
                Ok(format!(
                    "[{}]",
                    nets.chain(parts).collect::<Vec<_>>().join(",")
                ))
            }
            _ => Err(format!("`{line}` is no request").into()),
        }
    }
}

fn main() -> Result<(), Fault> {
    let threads = std::env::args()
        .nth(1)
        .and_then(|t| t.parse().ok())
        .unwrap_or(2);
    nasc_device::threads(threads);
    let mut bench = Bench {
        executor: Executor::new(Device::Cpu)?,
        ready: HashMap::new(),
    };
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let answer = bench
            .answer(&line?)
            .unwrap_or_else(|e| format!("{{\"error\":{:?}}}", e.to_string()));
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
