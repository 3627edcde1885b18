//! Neighbours, the nearest member and text codecs against brute force, on small random spaces.

mod random;

use nas_space::{Arch, Part, Space, Table, Template, hamming};
use proptest::prelude::*;
use random::{all_members, random_model, random_space};

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn neighbours_are_members_one_choice_away(seed: u64) {
        let space = random_space(seed);
        let feasible: Vec<Arch> = space.enumerate().collect();
        for a in feasible.iter().step_by(feasible.len() / 20 + 1) {
            let near = space.neighbours(a);
            // Where the other option is taken already, by a choice that must differ, the two change places.
            let rivals = |i: usize, j: usize| {
                let pair = |t: &&Table<bool>| t.sites == [i, j] && t.values.iter().filter(|v| !**v).count() > 2;
                seed % 3 == 0 && space.model().structure.iter().any(|t| pair(&t))
            };
            let swapped = |b: &Arch| -> Option<(usize, usize)> {
                let both: Vec<usize> = (0..a.0.len()).filter(|&s| a.0[s].is_some() && b.0[s].is_some() && a.0[s] != b.0[s]).collect();
                let &[i, j] = &both[..] else { return None };
                (a.0[i] == b.0[j] && a.0[j] == b.0[i] && rivals(i, j)).then_some((i, j))
            };
            for n in &near {
                prop_assert!(space.contains(n).is_ok());
                prop_assert!(hamming(a, n) == 1 || swapped(n).is_some());
            }
            let mut swaps: Vec<(usize, usize)> = feasible.iter().filter_map(&swapped).collect();
            swaps.sort_unstable();
            swaps.dedup();
            // One for each (site, option) that some feasible member at distance 1 has.
            let mut want: Vec<(usize, usize)> = Vec::new();
            for b in feasible.iter().filter(|b| hamming(a, b) == 1) {
                let at = (0..a.0.len()).find(|&s| a.0[s].is_some() && b.0[s].is_some() && a.0[s] != b.0[s]).unwrap();
                // A change behind the one site comes through existence alone.
                want.push((at, b.0[at].unwrap()));
            }
            want.sort_unstable();
            want.dedup();
            prop_assert_eq!(near.len(), want.len() + swaps.len());
        }
    }

    #[test]
    fn nearest_violates_least(seed: u64) {
        let mut model = random_model(seed);
        // How far a member is from alternatives is measured in each part; here is the plain case.
        model.either.clear();
        let space = Space::new(model).unwrap();
        let raw = all_members(space.model());
        if raw.is_empty() {
            prop_assert!(space.nearest().unwrap().is_none());
            return Ok(());
        }
        let predicates = |a: &Arch| space.model().predicates.iter().filter(|p| p.at(space.model(), a) == Some(&false)).count();
        let least = raw.iter().map(predicates).min().unwrap();
        let found = space.nearest().unwrap().unwrap();
        prop_assert!(raw.contains(&found.arch));
        prop_assert_eq!(predicates(&found.arch), least);
        let away = |a: &Arch| -> f64 {
            let costs = space.model().costs.keys();
            costs
                .filter_map(|n| Some((n, space.model().window(n)?)))
                .map(|(n, (low, high))| {
                    let v = space.model().cost(n, a).unwrap();
                    let part = |gap: i128, b: i128| gap.max(0) as f64 / b.abs().max(1) as f64;
                    low.map_or(0.0, |l| part(l - v, l)) + high.map_or(0.0, |h| part(v - h, h))
                })
                .sum()
        };
        let best = raw.iter().filter(|a| predicates(a) == least).map(&away).fold(f64::INFINITY, f64::min);
        prop_assert!((away(&found.arch) - best).abs() < 1e-9);
        if space.enumerate().next().is_some() {
            prop_assert!(found.violated.is_empty());
        } else {
            prop_assert!(!found.violated.is_empty());
        }
    }

    #[test]
    fn text_comes_back(seed: u64) {
        let model = random_model(seed);
        let n = model.sites.len();
        let space = Space::new(model).unwrap();
        let model = space.model();
        let texts = |s: usize| -> Vec<String> { (0..model.sites[s].labels.len()).map(|o| format!("{}", o * 7)).collect() };
        let mut parts = vec![Part::Literal("<".into())];
        let mut s = 0;
        while s < n {
            match (seed >> s) % 3 {
                0 if s + 1 < n => {
                    let f = |o: &[Option<usize>]| Ok::<_, ()>(format!("{:?}{:?}", o[0], o[1]));
                    parts.push(Part::Derived { texts: Table::tabulate(model, vec![s, s + 1], "?".into(), f).unwrap() });
                    s += 2;
                }
                1 if s + 1 < n => {
                    // With the site's place in each item, so that absence shows which one it is.
                    let item = |s: usize| texts(s).iter().map(|t| format!("{s}:{t}")).collect();
                    parts.push(Part::Many { sites: vec![s, s + 1], texts: vec![item(s), item(s + 1)], join: ",".into() });
                    s += 2;
                }
                _ => {
                    parts.push(Part::Site { site: s, texts: texts(s) });
                    s += 1;
                }
            }
            parts.push(Part::Literal(";".into()));
        }
        let template = Template::new(&space, parts).unwrap();
        for a in space.enumerate().take(300) {
            let text = template.encode(&a).unwrap();
            prop_assert_eq!(template.decode(&text).unwrap(), a);
            let cut = &text[..text.len() - 1];
            prop_assert!(template.decode(cut).is_err());
        }
    }
}

#[test]
fn members_are_counted_up_to_a_number() {
    let mut tried = 0;
    // Of 3 and 525, a rule that says nothing reads choices that are counted by what the others left.
    for seed in 0..600 {
        let s = random_space(seed);
        let all = s.enumerate().count() as u64;
        let mut source = random::Random::new(seed);
        for n in [0, 1, 2, 5, 40, 3_000] {
            let up_to = s.members_up_to(n, &mut source).unwrap();
            assert_eq!(up_to, n.min(all), "seed {seed}, up to {n}");
            tried += u64::from(all > n && !s.model().windows.is_empty());
        }
    }
    assert!(tried > 200, "{tried}");
}
