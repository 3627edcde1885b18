//! How long the questions about two large published spaces take on one core: `cargo run -p nas-space --example speed`.

use nas_space::{Condition, Cost, Model, Site, Space, Table, Window};
use num_bigint::BigUint;
use std::time::Instant;

/// A generator of random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((u128::from(z ^ (z >> 31)) * u128::from(n)) >> 64) as u64
    }
}

/// A vision transformer: width, depth, and for each layer ratio and heads; operations of each layer depend on the width.
fn transformer() -> Model {
    let (dims, depths) = ([192i128, 216, 240], [12usize, 13, 14]);
    let mut model = Model::default();
    model
        .sites
        .push(Site::always("dim", dims.map(|d| d.to_string())));
    model
        .sites
        .push(Site::always("depth", depths.map(|d| d.to_string())));
    let mut terms = vec![Table {
        sites: vec![0],
        values: dims.map(|d| d * 768 * 196 + 1000 * d).to_vec(),
    }];
    for layer in 0..14 {
        let with: Vec<usize> = (0..3).filter(|i| depths[*i] > layer).collect();
        let first = model.sites.len();
        for (name, options) in [("ratio", ["3.5", "4.0"]), ("heads", ["3", "4"])] {
            let site = Site::always(format!("layers[{layer}].{name}"), options);
            model.sites.push(match with.len() {
                3 => site,
                _ => site.when(Condition::on(1, with.clone())),
            });
        }
        let sites = vec![0, first, first + 1];
        let table = Table::tabulate(&model, sites, 0, |o| {
            let (Some(d), Some(r), Some(h)) = (o[0], o[1], o[2]) else {
                return Ok::<_, ()>(0);
            };
            let (d, t, inner) = (dims[d], 197, 64 * (3 + h as i128));
            let hidden = d * [7, 8][r] / 2;
            Ok(t * (d * 3 * inner + inner * d + 2 * d * hidden) + 2 * t * t * inner)
        });
        terms.extend(table);
    }
    model.costs.insert("macs".into(), Cost { terms });
    model
}

/// A mobile net: five stages of two to four blocks, each with a kernel and an expansion.
fn mobile() -> Model {
    let widths = [16i128, 24, 40, 80, 112, 160];
    let sides = [112i128, 56, 28, 14, 14, 7];
    let mut model = Model::default();
    let mut terms = vec![Table {
        sites: vec![],
        values: vec![10_838_016 + 16 * 112 * 112 * 25 + 960 * 160 * 49 + 960 * 1280 + 1_280_000],
    }];
    for stage in 0..5 {
        let depth = model.sites.len();
        model
            .sites
            .push(Site::always(format!("depth[{stage}]"), ["2", "3", "4"]));
        for block in 0..4usize {
            let first = model.sites.len();
            for (name, options) in [("kernel", ["3", "5", "7"]), ("expand", ["3", "4", "6"])] {
                let site = Site::always(format!("block[{stage}][{block}].{name}"), options);
                let with: Vec<usize> = (0..3).filter(|d| d + 2 > block).collect();
                model.sites.push(match with.len() {
                    3 => site,
                    _ => site.when(Condition::on(depth, with)),
                });
            }
            let (from, to) = (widths[stage + usize::from(block > 0)], widths[stage + 1]);
            let (before, side) = (sides[stage + usize::from(block > 0)], sides[stage + 1]);
            let table = Table::tabulate(&model, vec![first, first + 1], 0, |o| {
                let (Some(k), Some(e)) = (o[0], o[1]) else {
                    return Ok::<_, ()>(0);
                };
                let (k, wide) = ([3, 5, 7][k], from * [3, 4, 6][e]);
                Ok(before * before * from * wide + side * side * wide * (k * k + to))
            });
            terms.extend(table);
        }
    }
    model.costs.insert("macs".into(), Cost { terms });
    model
}

fn timed<T>(what: &str, f: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let out = f();
    println!("  {what:28} {:8.1} ms", start.elapsed().as_secs_f64() * 1e3);
    out
}

fn main() {
    for (name, model) in [
        ("vision transformer", transformer()),
        ("mobile net", mobile()),
    ] {
        println!("{name}");
        let mut random = Random(1);
        let mut source = |n: u64| random.below(n);
        let space = Space::new(model.clone()).expect("the model is well formed");
        let size = timed("size", || space.raw_size()).unwrap_or_default();
        let summary = timed("min, mean, max", || space.summary("macs"));
        let Ok(Some(s)) = summary else { continue };
        let d = timed("distribution", || space.distribution("macs"));
        let (low, high) = d.map_or((s.min, s.max), |d| {
            let at = |p| d.quantile(p, 100).unwrap_or(s.min);
            println!("  values told to within {}", d.error);
            (at(40), at(60))
        });
        let mut inside = model;
        inside.windows.push(Window {
            cost: "macs".into(),
            low: Some(low),
            high: Some(high),
        });
        let part = Space::new(inside).expect("the model is well formed");
        let n = timed("feasible under a window", || part.feasible_size());
        let share = |n: &BigUint| n.to_string().len();
        println!(
            "  {size} members, macs {} ..= {}, mean {:.0}; {} digits of members in {low} ..= {high}",
            s.min,
            s.max,
            s.mean(),
            n.as_ref().map_or(0, share)
        );
        let sampler = timed("sampler", || part.sampler());
        let Ok(sampler) = sampler else { continue };
        let all = timed("10,000 uniform draws", || {
            (0..10_000)
                .filter_map(|_| sampler.sample(&part, &mut source))
                .collect::<Vec<_>>()
        });
        assert!(all.iter().all(|a| part.contains(a).is_ok()));
        let steps = timed("1,000 draws site by site", || {
            (0..1_000)
                .filter(|_| part.sample_by_site(&mut source).is_ok())
                .count()
        });
        assert_eq!(steps, 1_000);
    }
}
