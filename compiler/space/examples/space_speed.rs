//! Times exact answers on two spaces of practical size: counts, figures and samples under a cost window.

use std::time::Instant;

use nas_space::{Condition, Cost, Model, Site, Space, Table, Window};

fn timed<T>(what: &str, f: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let out = f();
    println!("  {what}: {:.1} ms", start.elapsed().as_secs_f64() * 1e3);
    out
}

/// Five units of depth 2 to 4; each layer has a kernel and an expansion.
fn mobile() -> Model {
    let mut model = Model::default();
    let (mut macs, mut params) = (Cost::default(), Cost::default());
    let mut side = 112i128;
    let mut before = 16i128;
    for (u, (width, stride)) in [(24, 2), (40, 2), (80, 2), (112, 1), (160, 2)]
        .into_iter()
        .enumerate()
    {
        let depth = model.sites.len();
        model
            .sites
            .push(Site::always(format!("depth[{u}]"), ["2", "3", "4"]));
        for l in 0..4usize {
            let on = if l < 2 {
                Condition::Always
            } else {
                Condition::on(depth, l - 1..3)
            };
            let kernel = model.sites.len();
            model.sites.push(
                Site::always(format!("unit[{u}][{l}].kernel"), ["3", "5", "7"]).when(on.clone()),
            );
            model
                .sites
                .push(Site::always(format!("unit[{u}][{l}].expand"), ["3", "4", "6"]).when(on));
            let (input, inside) = if l == 0 {
                (before, side)
            } else {
                (width, side)
            };
            let out_side = if l == 0 { side / stride } else { side };
            let size = |o: &[Option<usize>]| {
                let (Some(k), Some(e)) = (o[0], o[1]) else {
                    return (0, 0);
                };
                let (k, mid) = ([3, 5, 7][k], input * [3, 4, 6][e]);
                let (expand, deep, reduce) = (input * mid, mid * k * k, mid * width);
                (
                    expand * inside * inside + (deep + reduce) * out_side * out_side,
                    expand + deep + reduce,
                )
            };
            let scope = vec![kernel, kernel + 1];
            let both =
                Table::tabulate(&model, scope, (0, 0), |o| Ok::<_, ()>(size(o))).unwrap_or(Table {
                    sites: vec![],
                    values: vec![],
                });
            let pick = |f: fn(&(i128, i128)) -> i128| Table {
                sites: both.sites.clone(),
                values: both.values.iter().map(f).collect(),
            };
            macs.terms.push(pick(|b| b.0));
            params.terms.push(pick(|b| b.1));
            if l == 0 {
                side /= stride;
            }
        }
        before = width;
    }
    model.costs.insert("macs".into(), macs);
    model.costs.insert("params".into(), params);
    model
}

/// A width that all layers share, depth 12 to 14, and in each layer a ratio and a number of heads.
fn transformer() -> Model {
    let mut model = Model::default();
    model.sites.push(Site::always("dim", ["192", "216", "240"]));
    model.sites.push(Site::always("depth", ["12", "13", "14"]));
    let mut params = Cost::default();
    let dim = |o: Option<usize>| o.map_or(0, |d| [192, 216, 240][d]);
    for l in 0..14usize {
        let on = Condition::on(1, (0..3).filter(|d| l < 12 + d));
        let at = model.sites.len();
        model
            .sites
            .push(Site::always(format!("layers[{l}].ratio"), ["3.5", "4.0"]).when(on.clone()));
        model
            .sites
            .push(Site::always(format!("layers[{l}].heads"), ["3", "4"]).when(on));
        let mlp = |o: &[Option<usize>]| {
            o[1].map_or(0, |r| {
                dim(o[0]) * (dim(o[0]) * [7, 8][r] / 2) * 2 + dim(o[0])
            })
        };
        let heads = |o: &[Option<usize>]| o[1].map_or(0, |h| 4 * dim(o[0]) * 64 * [3, 4][h]);
        params
            .terms
            .extend(Table::tabulate(&model, vec![0, at], 0, |o| {
                Ok::<_, ()>(mlp(o))
            }));
        params
            .terms
            .extend(Table::tabulate(&model, vec![0, at + 1], 0, |o| {
                Ok::<_, ()>(heads(o))
            }));
    }
    model.costs.insert("params".into(), params);
    model
}

fn report(name: &str, model: &Model, cost: &str, windows: &[(&str, Option<i128>, Option<i128>)]) {
    println!("{name} with {windows:?}");
    let mut model = model.clone();
    model.windows = windows
        .iter()
        .map(|(c, low, high)| Window {
            cost: (*c).into(),
            low: *low,
            high: *high,
        })
        .collect();
    let Ok(space) = timed("check", || Space::new(model)) else {
        return;
    };
    println!(
        "  raw {:?}",
        timed("raw size", || space.raw_size()).map(|n| n.to_string())
    );
    println!(
        "  feasible {:?}",
        timed("feasible size", || space.feasible_size()).map(|n| n.to_string())
    );
    println!("  {:?}", timed("range", || space.range(cost)));
    if let Ok(Some(s)) = timed("summary", || space.summary(cost)) {
        println!("  mean {:.1}", s.mean());
    }
    match timed("distribution", || space.distribution(cost)) {
        Ok(d) => println!(
            "  {} values, error {}, median {:?}",
            d.counts.len(),
            d.error,
            d.quantile(1, 2)
        ),
        Err(e) => println!("  {e}"),
    }
    let mut state = 1u64;
    let mut source = |n: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(state) * u128::from(n)) >> 64) as u64
    };
    match timed("sampler", || space.sampler()) {
        Ok(sampler) => {
            let all = timed("10,000 uniform samples", || {
                (0..10_000)
                    .filter_map(|_| sampler.sample(&space, &mut source))
                    .collect::<Vec<_>>()
            });
            println!(
                "  all feasible: {}",
                all.iter().all(|a| space.contains(a).is_ok())
            );
        }
        Err(e) => println!("  {e}"),
    }
    let first = timed("first sample by site", || space.sample_by_site(&mut source));
    println!("  {}", first.is_ok());
    let n = timed("100 samples by site", || {
        (0..100)
            .filter(|_| space.sample_by_site(&mut source).is_ok())
            .count()
    });
    println!("  {n} made");
}

fn main() {
    let mobile = mobile();
    report("mobile", &mobile, "macs", &[]);
    report(
        "mobile",
        &mobile,
        "macs",
        &[("macs", None, Some(300_000_000))],
    );
    report(
        "mobile",
        &mobile,
        "macs",
        &[("macs", Some(295_000_000), Some(300_000_000))],
    );
    report(
        "mobile",
        &mobile,
        "params",
        &[("macs", None, Some(300_000_000))],
    );
    let transformer = transformer();
    report("transformer", &transformer, "params", &[]);
    report(
        "transformer",
        &transformer,
        "params",
        &[("params", Some(5_000_000), Some(6_000_000))],
    );
}
