//! Every answer against brute force, on small random spaces.

mod random;

use std::collections::HashMap;

use nas_space::{Arch, Source, Space};
use num_bigint::{BigInt, BigUint};
use proptest::prelude::*;
use random::{Random, all_members, random_space};

fn brute(space: &Space) -> (Vec<Arch>, Vec<Arch>) {
    let raw = all_members(space.model());
    let feasible = raw
        .iter()
        .filter(|a| space.contains(a).is_ok())
        .cloned()
        .collect();
    (raw, feasible)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sizes_order_and_ranks(seed: u64) {
        let space = random_space(seed);
        let (raw, feasible) = brute(&space);
        prop_assert_eq!(space.raw_size().unwrap(), BigUint::from(raw.len()));
        prop_assert_eq!(space.feasible_size().unwrap(), BigUint::from(feasible.len()));
        let listed: Vec<Arch> = space.enumerate().collect();
        prop_assert_eq!(&listed, &feasible);
        let sampler = space.sampler().unwrap();
        prop_assert_eq!(sampler.size(), &BigUint::from(feasible.len()));
        let mut picked: Vec<Arch> = (0..feasible.len()).map(|i| sampler.pick(&space, &i.into()).unwrap()).collect();
        picked.sort();
        let mut sorted = feasible.clone();
        sorted.sort();
        prop_assert_eq!(picked, sorted);
        for (i, a) in feasible.iter().enumerate() {
            prop_assert_eq!(space.index_of(a).unwrap(), Some(i.into()));
            prop_assert!(space.member(&i.into()).unwrap().as_ref() == Some(a));
        }
        prop_assert_eq!(space.member(&feasible.len().into()).unwrap(), None);
    }

    #[test]
    fn cost_figures(seed: u64) {
        let space = random_space(seed);
        let (raw, feasible) = brute(&space);
        for name in space.model().costs.keys() {
            let mut counts: HashMap<i128, u64> = HashMap::new();
            let values: Vec<i128> = feasible.iter().map(|a| space.model().cost(name, a).unwrap()).collect();
            values.iter().for_each(|v| *counts.entry(*v).or_default() += 1);
            let found = space.distribution(name).unwrap();
            prop_assert_eq!(found.error, 0);
            prop_assert_eq!(found.counts.len(), counts.len());
            for (v, n) in &found.counts {
                prop_assert_eq!(n, &BigUint::from(counts[v]));
            }
            let range = values.iter().min().copied().zip(values.iter().max().copied());
            prop_assert_eq!(space.range(name).unwrap(), range);
            let summary = space.summary(name).unwrap();
            prop_assert_eq!(summary.as_ref().map(|s| (s.min, s.max)), range);
            if let Some(s) = summary {
                prop_assert_eq!(s.sum, values.iter().map(|v| BigInt::from(*v)).sum::<BigInt>());
                prop_assert_eq!(s.count, BigUint::from(values.len()));
                let mut sorted = values.clone();
                sorted.sort_unstable();
                prop_assert_eq!(found.quantile(1, 2), Some(sorted[(sorted.len() - 1) / 2]));
                let bins = found.histogram(5);
                prop_assert_eq!(bins.iter().map(|b| &b.2).sum::<BigUint>(), BigUint::from(values.len()));
            }
            // By halves, or listed: the same answers.
            let spread = space.spread(name).unwrap();
            prop_assert_eq!(spread.total(), BigUint::from(values.len()));
            prop_assert_eq!(spread.summary(), found.summary());
            prop_assert_eq!(spread.histogram(4), found.histogram(4));
            for share in [0, 5, 25, 50, 75, 95, 100] {
                prop_assert_eq!(spread.quantile(share, 100), found.quantile(share, 100));
            }
        }
        let (predicates, windows) = space.vacuous(&mut Random::new(seed)).unwrap();
        prop_assert_eq!(space.whole(&mut Random::new(seed)).unwrap(), raw.len() == feasible.len());
        for (i, p) in space.model().predicates.iter().enumerate() {
            prop_assert_eq!(predicates.contains(&i), raw.iter().all(|a| p.at(space.model(), a) == Some(&true)));
        }
        for (i, w) in space.model().windows.iter().enumerate() {
            let inside = |a: &Arch| {
                let v = space.model().cost(&w.cost, a).unwrap();
                w.low.is_none_or(|l| v >= l) && w.high.is_none_or(|h| v <= h)
            };
            prop_assert_eq!(windows.contains(&i), raw.iter().all(inside));
        }
    }

    #[test]
    fn options_offered_are_exactly_the_extensible_ones(seed: u64) {
        let space = random_space(seed);
        let (_, feasible) = brute(&space);
        let mut rng = Random::new(seed);
        for _ in 0..5 {
            let made = space.build(|_, site, options, so_far| {
                let mut want: Vec<usize> = feasible
                    .iter()
                    .filter(|a| a.0[..site] == so_far.0[..site])
                    .filter_map(|a| a.0[site])
                    .collect();
                want.sort_unstable();
                want.dedup();
                if want == options { Ok(options[rng.below(options.len() as u64) as usize]) } else { Err(format!("{want:?} {options:?}")) }
            });
            match made {
                Ok(a) => prop_assert!(feasible.contains(&a)),
                Err(e) => {
                    prop_assert!(feasible.is_empty(), "{e}");
                    prop_assert_eq!(e, nas_space::BuildError::Empty);
                }
            }
        }
    }
}

#[test]
fn sampling_is_uniform() {
    let mut tested = 0;
    for seed in 0..200 {
        let space = random_space(seed);
        let (_, feasible) = brute(&space);
        if !(20..=400).contains(&feasible.len()) || tested == 25 {
            continue;
        }
        tested += 1;
        let mut rng = Random::new(seed + 1);
        let draws = 50 * feasible.len();
        let mut seen: HashMap<Arch, f64> = HashMap::new();
        for a in space.sample_uniform(draws, &mut rng).unwrap() {
            *seen.entry(a).or_default() += 1.0;
        }
        assert!(seen.keys().all(|a| feasible.contains(a)));
        let chi: f64 = feasible
            .iter()
            .map(|a| (seen.get(a).copied().unwrap_or(0.0) - 50.0).powi(2) / 50.0)
            .sum();
        let free = feasible.len() as f64 - 1.0;
        // Mean `free`, variance `2 free`: five standard deviations.
        assert!(
            (chi - free).abs() < 5.0 * (2.0 * free).sqrt(),
            "seed {seed}: chi-square {chi} with {free} degrees"
        );
    }
    assert!(tested >= 20);
}
