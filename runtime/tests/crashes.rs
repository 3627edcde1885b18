//! A run whose machine stops at every operation of the store, goes on, and ends with the result of one that nothing disturbed.

#[path = "../store/tests/simulated/mod.rs"]
mod simulated;

use nas_driver::{ReadFault, World};
use nas_eval::ctx::{Ctx, Purpose};
use nas_eval::host::Host;
use nas_eval::pipeline;
use nasc_runtime::{Device, Options, Runtime};
use simulated::Simulated;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const PROGRAM: &str = r#"
block dense(out: Int)(x: [n, c]) -> [n, out] {
  param w: [c, out] ~ normal(0, 0.1)
  contract("n c, c o -> n o", x, w)
}
space nets(classes: Int = 2) {
  let width = choose [3, 5]
  net(x: [n, 3, 8, 8]) -> [n, classes] { x |> flatten |> dense(width) |> rectify |> dense(classes) }
}
fn descent(rate: Float) { { update: (p, g, s) => { p: p - rate * g } } }
trainer fit(net, data, steps: Int) -> Weights {
  weights w = init(net)
  for (x, y) in data.batches(8, steps: steps) {
    minimise mean(-pick_class(log_softmax(net[w](x)), y)) over w by descent(0.1)
  }
  w
}
pipeline main() {
  let data = generated(32, 2, 8)
  let archs = sample(nets, 2)
  let ws = [fit(nets[a], data, 6) for a in archs]
  report [sum(nets[archs[i], ws[i]](ones([1, 3, 8, 8]))) for i in 0..2], archs
}
"#;

struct One;

impl World for One {
    fn read(&self, path: &str) -> Result<String, ReadFault> {
        match path {
            "a.nas" => Ok(PROGRAM.to_string()),
            _ => Err(ReadFault::Missing),
        }
    }
}

/// What the pipeline reports as text; none where the run was stopped.
fn run(disk: Arc<Simulated>) -> Option<String> {
    let loaded = nas_driver::load(&One, "a.nas");
    let program = Arc::new(loaded.program);
    let host: Arc<dyn Host> = Runtime::new(Options {
        device: Device::Cpu,
        threads: Some(1),
        jobs: 1,
        data_roots: vec![],
        store: Some(PathBuf::from("/s")),
        disk,
        memory: None,
        rest: u64::MAX,
        operations: nasc_runtime::OPERATIONS,
        interrupt: Arc::new(AtomicBool::new(false)),
        events: Box::new(|_| {}),
    })
    .ok()?;
    let mut ctx = Ctx::new(program.clone(), host, Purpose::Run, 0);
    let decl = pipeline::find(&program, program.entry, None).ok()?;
    let out = pipeline::run(&mut ctx, &decl, program.entry, vec![]);
    if out.failed() {
        return None;
    }
    let mut values = vec![];
    for r in &out.reports {
        values.push(nas_eval::show::json(&mut ctx, &r.value).ok()?);
    }
    Some(format!("{values:?}"))
}

/// Evaluation recurses: a test's own stack is too small.
fn deep<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|s| {
        let thread = std::thread::Builder::new().stack_size(256 << 20);
        let handle = thread.spawn_scoped(s, work).expect("a thread");
        handle.join().expect("no panic")
    })
}

#[test]
fn stopped_at_every_operation_a_run_ends_with_the_same_result() {
    let luck: u64 = std::env::var("NASC_CRASHES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(2);
    deep(|| {
        let whole = Arc::new(Simulated::new(1));
        let result = run(whole.clone()).expect("nothing disturbs it");
        let operations = whole.operations();
        assert!(operations >= 10, "{operations}");
        let mut crashes = 0;
        for at in 0..operations {
            for luck in 0..luck {
                let disk = Arc::new(Simulated::new(at as u64 * 100 + luck));
                disk.crash_at(at);
                let stopped = run(disk.clone());
                assert!(stopped.is_none_or(|r| r == result), "{at}");
                disk.restart();
                assert_eq!(run(disk.clone()).as_ref(), Some(&result), "after {at}");
                // And once more, from what is kept now.
                assert_eq!(run(disk).as_ref(), Some(&result), "after {at}");
                crashes += 1;
            }
        }
        println!("{crashes} crashes at {operations} operations");
    });
}
