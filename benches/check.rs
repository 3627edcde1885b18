//! How long a cold check of the whole library and all pipelines takes on one core: `cargo bench -p nas-driver --bench check`.
//!
//! Times are of the processor, so that other work on the machine does not show. `BUDGET_MS` makes more than that a failure.

#[path = "../tests/common/world.rs"]
mod world;

use std::path::Path;
#[cfg(unix)]
use std::time::Duration;
use std::time::Instant;
use world::{Files, Memory, deep, host};

/// Nanoseconds that all threads were on a core, those that ended as well; where the system does not tell, time that passed.
fn on_core(begun: Instant) -> u128 {
    #[cfg(unix)]
    {
        let _ = begun;
        let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::new(t.tv_sec.unsigned_abs(), t.tv_nsec.unsigned_abs() as u32).as_nanos()
    }
    #[cfg(not(unix))]
    begun.elapsed().as_nanos()
}

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines");
    let mut pipelines: Vec<(String, String)> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|e| e.path().extension().is_some_and(|e| e == "nas"))
        .filter_map(|e| {
            Some((
                e.file_name().to_string_lossy().to_string(),
                std::fs::read_to_string(e.path()).ok()?,
            ))
        })
        .collect();
    pipelines.sort();
    let begun = Instant::now();
    let rows = deep(|| {
        let mut rows = vec![];
        let mut at = on_core(begun);
        let mut lap = |name: &str, rows: &mut Vec<(String, u128)>| {
            let now = on_core(begun);
            rows.push((name.to_string(), now - at));
            at = now;
        };
        let std = nas_driver::load_std();
        lap("read std", &mut rows);
        let names = nas_driver::check_names(&std);
        lap("names and types of std", &mut rows);
        let none = host(&Files::new());
        let program = std::sync::Arc::new(std.program.clone());
        let all: Vec<usize> = (0..program.modules.len()).collect();
        let found = nas_eval::pipeline::check_modules(&program, &none, &all, &names);
        assert!(!found.iter().any(|d| d.is_error()), "std has errors");
        lap("shapes of std", &mut rows);
        let files: Files = pipelines.iter().cloned().collect();
        let paths: Vec<&str> = pipelines.iter().map(|p| p.0.as_str()).collect();
        let loaded = nas_driver::load_all(&Memory(&files), &paths);
        lap("read pipelines", &mut rows);
        let found = nas_driver::check_names(&loaded);
        lap("names and types of pipelines", &mut rows);
        let program = std::sync::Arc::new(loaded.program);
        let _ = nas_eval::pipeline::check_modules(&program, &host(&files), &loaded.entries, &found);
        lap("shapes of pipelines", &mut rows);
        rows
    });
    let total: u128 = rows.iter().map(|r| r.1).sum();
    for (name, ns) in &rows {
        println!("{:9.2} ms  {name}", *ns as f64 / 1e6);
    }
    println!(
        "{:9.2} ms  all of std and {} pipelines",
        total as f64 / 1e6,
        pipelines.len()
    );
    if let Some(budget) = std::env::var("BUDGET_MS")
        .ok()
        .and_then(|b| b.parse::<f64>().ok())
    {
        assert!(total as f64 / 1e6 <= budget, "more than {budget} ms");
    }
}
