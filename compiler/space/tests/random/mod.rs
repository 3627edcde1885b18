//! Random small models with conditional sites, predicates and windows, and a brute-force listing.

use nas_space::{Arch, Clause, Condition, Cost, Limits, Model, Site, Source, Space, Table, Window};

/// A small generator for tests (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

impl Source for Random {
    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }
}

fn condition(r: &mut Random, model: &Model) -> Condition {
    let mut any = Vec::new();
    for _ in 0..1 + r.below(2) {
        let mut all = Vec::new();
        for _ in 0..1 + r.below(2) {
            let s = r.below(model.sites.len() as u64) as usize;
            all.push((
                s,
                (0..model.sites[s].labels.len())
                    .filter(|_| r.below(2) == 0)
                    .collect(),
            ));
        }
        any.push(all);
    }
    Condition::Any(any)
}

fn scope(r: &mut Random, model: &Model, most: u64) -> Vec<usize> {
    let mut sites: Vec<usize> = Vec::new();
    for _ in 0..r.below(most + 1) {
        let s = r.below(model.sites.len() as u64) as usize;
        if !sites.contains(&s) {
            sites.push(s);
        }
    }
    sites
}

/// A model of at most about 2,000 raw members.
pub fn random_model(seed: u64) -> Model {
    let mut r = Random::new(seed);
    let mut model = Model::default();
    let mut size = 1;
    for id in 0..1 + r.below(7) as usize {
        let domain = 1 + r.below(4) as usize;
        if size * domain > 2_000 {
            break;
        }
        size *= domain;
        let mut site = Site::always(format!("s[{id}]"), (0..domain).map(|o| format!("o{o}")));
        if id > 0 && r.below(2) == 0 {
            site.exists = condition(&mut r, &model);
        }
        model.sites.push(site);
    }
    dress(&mut r, &mut model);
    model
}

/// A random space; every third one has choices that must differ, which are counted apart.
pub fn random_space(seed: u64) -> Space {
    match seed % 3 {
        0 => {
            let limits = Limits {
                apart: [0, 0, 20][(seed / 3 % 3) as usize],
                ..Limits::default()
            };
            Space::with_limits(different_model(seed), limits).unwrap()
        }
        _ => Space::new(random_model(seed)).unwrap(),
    }
}

/// Three to five choices that must differ, with others before and between; all of them there or none.
fn different_model(seed: u64) -> Model {
    let mut r = Random::new(seed);
    let mut model = Model::default();
    let labels = |n: usize| (0..n).map(|o| format!("o{o}"));
    let first = r.below(3) as usize;
    if first > 0 {
        model.sites.push(Site::always("first", labels(1 + first)));
    }
    let n = 3 + r.below(if first > 0 { 2 } else { 3 }) as usize;
    let k = 3 + r.below(n as u64 - 2) as usize;
    let exists = match first > 0 && r.below(2) == 0 {
        true => Condition::on(0, [1]),
        false => Condition::Always,
    };
    let mut group = Vec::new();
    for j in 0..k {
        if r.below(6) == 0 && n < 5 {
            model
                .sites
                .push(Site::always(format!("between[{j}]"), labels(2)));
        }
        group.push(model.sites.len());
        model
            .sites
            .push(Site::always(format!("s[{j}]"), labels(n)).when(exists.clone()));
    }
    for (i, b) in group.iter().enumerate() {
        for a in &group[..i] {
            let differ = |o: &[Option<usize>]| Ok::<_, ()>(o[0].is_none() || o[0] != o[1]);
            let table = Table::tabulate(&model, vec![*a, *b], true, differ).unwrap();
            model.structure.push(table);
        }
    }
    if r.below(4) > 0 {
        dress(&mut r, &mut model);
    }
    model
}

/// Rules, costs, windows and alternatives.
fn dress(r: &mut Random, model: &mut Model) {
    for _ in 0..r.below(3).saturating_sub(1) {
        let sites = scope(r, model, 3);
        let table = Table::tabulate(model, sites, true, |_| Ok::<_, ()>(r.below(5) > 0)).unwrap();
        model.structure.push(table);
    }
    for _ in 0..r.below(3) {
        let sites = scope(r, model, 3);
        let table = Table::tabulate(model, sites, true, |_| Ok::<_, ()>(r.below(10) > 0)).unwrap();
        model.predicates.push(table);
    }
    for name in ["macs", "params"].into_iter().take(r.below(3) as usize) {
        let step = 1 + r.below(3) as i128;
        let mut cost = Cost::default();
        for _ in 0..r.below(6) {
            let sites = scope(r, model, 2);
            let f = |_: &[Option<usize>]| Ok::<_, ()>(step * (r.below(12) as i128 - 3));
            cost.terms
                .push(Table::tabulate(model, sites, 99, f).unwrap());
        }
        model.costs.insert(name.into(), cost);
        for _ in 0..r.below(3) {
            let low = r.below(40) as i128 - 15;
            let high = low + r.below(40) as i128;
            let (low, high) = [
                (Some(low), None),
                (None, Some(high)),
                (Some(low), Some(high)),
            ][r.below(3) as usize];
            model.windows.push(Window {
                cost: name.into(),
                low,
                high,
            });
        }
    }
    for _ in 0..r.below(3) {
        let mut clauses = Vec::new();
        for _ in 0..r.below(3) {
            clauses.push(clause(r, model));
        }
        model.either.push(clauses);
    }
}

/// Conditions that hold together, for one of several alternatives.
fn clause(r: &mut Random, model: &Model) -> Clause {
    let mut out = Clause::default();
    for _ in 0..r.below(2) {
        let sites = scope(r, model, 2);
        let table = Table::tabulate(model, sites, true, |_| Ok::<_, ()>(r.below(3) > 0)).unwrap();
        out.predicates.push(table);
    }
    for name in model.costs.keys() {
        if r.below(2) == 0 {
            continue;
        }
        let low = r.below(40) as i128 - 15;
        out.windows.push(Window {
            cost: name.clone(),
            low: Some(low),
            high: [None, Some(low + r.below(30) as i128 - 3)][r.below(2) as usize],
        });
    }
    out
}

/// All raw members in lexicographic order.
pub fn all_members(model: &Model) -> Vec<Arch> {
    let mut out = vec![Arch(Vec::new())];
    for (id, site) in model.sites.iter().enumerate() {
        let mut next = Vec::new();
        for a in out {
            let exists = model.exists(id, &a.0);
            for o in 0..if exists { site.labels.len() } else { 1 } {
                next.push(Arch([a.0.clone(), vec![exists.then_some(o)]].concat()));
            }
        }
        out = next;
    }
    let fits = |a: &Arch| {
        let holds = |t: &Table<bool>| t.at(model, a) == Some(&true);
        model.structure.iter().all(holds)
    };
    out.retain(fits);
    out
}
