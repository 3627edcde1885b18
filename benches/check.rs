//! How long a cold check of the whole library and all pipelines takes on one core: `cargo bench -p nas-driver --bench check`.
//!
//! Times are of the processor, so that other work on the machine does not show. `BUDGET_MS` makes more than that a failure.

#[path = "../tests/common/world.rs"]
mod world;

use std::path::Path;
use std::time::Instant;
use world::{Files, Memory, deep, host};

/// Nanoseconds that this thread was on a core, where the system tells; else time that passed.
fn on_core(begun: Instant) -> u128 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let first = told
        .as_ref()
        .and_then(|t| t.split_whitespace().next()?.parse().ok());
    first.unwrap_or_else(|| begun.elapsed().as_nanos())
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
    let mut rows = deep(|| {
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
        for (i, m) in std.program.modules.iter().enumerate() {
            let found = nas_eval::pipeline::check_module(&program, &none, i, &names);
            assert!(found.iter().all(|d| !d.is_error()), "{} has errors", m.path);
            lap(&format!("std/{}", m.path), &mut rows);
        }
        for (name, text) in &pipelines {
            let files = Files::from([("main.nas".to_string(), text.clone())]);
            let loaded = nas_driver::load(&Memory(&files), "main.nas");
            lap(&format!("{name}: read"), &mut rows);
            let found = nas_driver::check_names(&loaded);
            lap(&format!("{name}: names and types"), &mut rows);
            let program = std::sync::Arc::new(loaded.program.clone());
            let entry = loaded.program.entry;
            let _ = nas_eval::pipeline::check_module(&program, &host(&files), entry, &found);
            lap(&format!("{name}: shapes"), &mut rows);
        }
        rows
    });
    let total: u128 = rows.iter().map(|r| r.1).sum();
    rows.sort_by_key(|r| std::cmp::Reverse(r.1));
    for (name, ns) in rows.iter().take(16) {
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
