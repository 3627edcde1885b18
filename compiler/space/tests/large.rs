//! Spaces at the edges: no choices, counts beyond 128 bits, couplings that do not decompose.

use nas_space::{Arch, Cost, Limits, Model, Site, Space, Table, Window};
use num_bigint::BigUint;
use num_traits::ToPrimitive;

/// A source that has no chance in it.
fn first(_: u64) -> u64 {
    0
}

fn digits(n: usize, domain: usize) -> Model {
    let labels: Vec<String> = (0..domain).map(|o| o.to_string()).collect();
    let mut model = Model {
        sites: (0..n)
            .map(|i| Site::always(format!("d[{i}]"), labels.clone()))
            .collect(),
        ..Model::default()
    };
    let terms = (0..n)
        .map(|s| Table {
            sites: vec![s],
            values: (0..domain as i128).collect(),
        })
        .collect();
    model.costs.insert("sum".into(), Cost { terms });
    model
}

fn window(mut model: Model, low: Option<i128>, high: Option<i128>) -> Space {
    model.windows.push(Window {
        cost: "sum".into(),
        low,
        high,
    });
    Space::new(model).unwrap()
}

#[test]
fn a_space_without_choices_has_one_member() {
    let space = Space::new(Model::default()).unwrap();
    assert_eq!(space.feasible_size().unwrap(), BigUint::from(1u32));
    assert_eq!(space.enumerate().collect::<Vec<_>>(), [Arch(vec![])]);
    assert_eq!(
        space.build(|_, _, o, _| Ok::<_, ()>(o[0])),
        Ok(Arch(vec![]))
    );
    assert_eq!(space.member(&0u32.into()).unwrap(), Some(Arch(vec![])));
    assert_eq!(space.member(&1u32.into()).unwrap(), None);
    assert_eq!(space.sample_uniform(2, &mut |_: u64| 0).unwrap().len(), 2);
    let none = window(digits(0, 1), Some(1), None);
    assert_eq!(none.feasible_size().unwrap(), BigUint::from(0u32));
    assert_eq!(none.enumerate().count(), 0);
}

#[test]
fn counts_beyond_128_bits_stay_exact() {
    let whole = Space::new(digits(100, 8)).unwrap();
    assert_eq!(whole.raw_size().unwrap(), BigUint::from(8u32).pow(100));
    // The sum is symmetric around 350: half of the members without those at 350 lie below.
    let below = window(digits(100, 8), None, Some(349));
    let at = window(digits(100, 8), Some(350), Some(350));
    let (b, a) = (below.feasible_size().unwrap(), at.feasible_size().unwrap());
    assert_eq!(b.clone() + b + &a, BigUint::from(8u32).pow(100));
    assert_eq!(
        whole.distribution("sum").unwrap().total(),
        BigUint::from(8u32).pow(100)
    );
    assert_eq!(whole.summary("sum").unwrap().unwrap().mean(), 350.0);
    let mut state = 9u64;
    let mut source = |n: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((u128::from(state) * u128::from(n)) >> 64) as u64
    };
    for arch in at.sample_uniform(20, &mut source).unwrap() {
        assert_eq!(at.contains(&arch), Ok(()));
        let rank = at.index_of(&arch).unwrap().unwrap();
        assert_eq!(at.member(&rank).unwrap(), Some(arch));
    }
    let made = at.sample_by_site(&mut source).unwrap();
    assert_eq!(at.contains(&made), Ok(()));
}

#[test]
fn an_unsatisfiable_window_shows_the_closest_member() {
    let space = window(digits(40, 8), Some(1_000), Some(2_000));
    assert_eq!(space.feasible_size().unwrap(), BigUint::from(0u32));
    let near = space.nearest().unwrap().unwrap();
    assert_eq!(near.arch, Arch(vec![Some(7); 40]));
    assert_eq!(near.violated[0].to_string(), "`sum` is 280, below 1000");
    assert_eq!(space.vacuous(&mut first).unwrap(), (vec![], vec![]));
    assert_eq!(
        window(digits(40, 8), Some(0), None)
            .vacuous(&mut first)
            .unwrap(),
        (vec![], vec![0])
    );
}

#[test]
fn what_does_not_decompose_is_named() {
    // Every pair of sites is coupled.
    let mut model = digits(20, 4);
    for a in 0..20 {
        for b in 0..a {
            let differ = Table::tabulate(&model, vec![a, b], true, |o| {
                Ok::<_, ()>(o[0] != o[1] || a - b > 4)
            })
            .unwrap();
            model.predicates.push(differ);
        }
    }
    let space = Space::with_limits(
        model,
        Limits {
            rows: 1 << 12,
            ..Limits::default()
        },
    )
    .unwrap();
    let hard = space.feasible_size().unwrap_err();
    assert!(hard.sites.len() > 6);
    assert!(hard.to_string().contains("coupled too closely"), "{hard}");
    assert!(space.sampler().is_err());
    assert!(space.sample_by_site(&mut |_: u64| 0).is_err());
    // Without limits in the way of plain enumeration the same kind of space is counted.
    let mut model = digits(10, 4);
    let all = (0..10).collect::<Vec<_>>();
    let even = Table::tabulate(&model, all, true, |o| {
        Ok::<_, ()>(o.iter().flatten().sum::<usize>() % 2 == 0)
    })
    .unwrap();
    model.predicates.push(even);
    let space = Space::with_limits(
        model,
        Limits {
            rows: 1 << 12,
            ..Limits::default()
        },
    )
    .unwrap();
    assert_eq!(space.feasible_size().unwrap().to_u64(), Some(1 << 19));
}

/// Choices of one list of options that must differ.
fn differing(k: usize, options: usize) -> Model {
    let mut model = digits(k, options);
    for b in 0..k {
        for a in 0..b {
            let differ = |o: &[Option<usize>]| Ok::<_, ()>(o[0] != o[1]);
            let table = Table::tabulate(&model, vec![a, b], true, differ).unwrap();
            model.structure.push(table);
        }
    }
    model
}

fn falling(n: u64, k: u64) -> BigUint {
    (n - k + 1..=n).map(BigUint::from).product()
}

#[test]
fn what_must_differ_is_counted_at_any_size() {
    for (k, n) in [(8, 8), (5, 100), (24, 40), (60, 60)] {
        let space = Space::new(differing(k, n)).unwrap();
        let size = falling(n as u64, k as u64);
        assert_eq!(space.raw_size().unwrap(), size);
        let sampler = space.sampler().unwrap();
        assert_eq!(*sampler.size(), size);
        let a = sampler.pick(&space, &(&size - 1u32)).unwrap();
        assert!(space.contains(&a).is_ok());
        let at = space.index_of(&a).unwrap().unwrap();
        assert_eq!(space.member(&at).unwrap().unwrap(), a);
        assert_eq!(
            space.neighbours(&a).len(),
            k * (n - k) + k * (k - 1) / 2,
            "{k} of {n}"
        );
    }
}

#[test]
fn an_assignment_under_a_window_is_counted() {
    // Each place pays for its option; the least total is that of the best assignment.
    let n = 9;
    let mut model = differing(n, n);
    let pay = |s: usize, o: usize| ((s * 37 + o * 61 + s * o * 17) % 50) as i128;
    let mut cost = Cost::default();
    for s in 0..n {
        let values = (0..n).map(|o| pay(s, o)).collect();
        cost.terms.push(Table {
            sites: vec![s],
            values,
        });
    }
    model.costs.insert("pay".into(), cost);
    // By going through all permutations.
    let mut totals = Vec::new();
    let mut order: Vec<usize> = (0..n).collect();
    permute(&mut order, 0, &mut |p| {
        totals.push(p.iter().enumerate().map(|(s, o)| pay(s, *o)).sum::<i128>())
    });
    let free = Space::new(model.clone()).unwrap();
    let s = free.summary("pay").unwrap().unwrap();
    let ends = totals.iter().min().zip(totals.iter().max()).unwrap();
    assert_eq!((&s.min, &s.max), ends);
    assert_eq!(s.sum, totals.iter().sum::<i128>().into());
    let (low, high) = (180, 210);
    model.windows.push(Window {
        cost: "pay".into(),
        low: Some(low),
        high: Some(high),
    });
    let space = Space::new(model).unwrap();
    let inside = totals.iter().filter(|t| (low..=high).contains(*t)).count();
    assert_eq!(space.feasible_size().unwrap(), inside.into());
    let mut state = 7u64;
    let mut r = |n: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % n
    };
    for a in space.sample_uniform(500, &mut r).unwrap() {
        assert!(space.contains(&a).is_ok());
    }
    let a = space.sample_by_site(&mut r).unwrap();
    assert!(space.contains(&a).is_ok());
}

fn permute(order: &mut Vec<usize>, from: usize, f: &mut impl FnMut(&[usize])) {
    if from == order.len() {
        return f(order);
    }
    for i in from..order.len() {
        order.swap(from, i);
        permute(order, from + 1, f);
        order.swap(from, i);
    }
}

#[test]
fn a_chain_of_thousands_is_counted() {
    let n = 2_000;
    let mut model = digits(n, 2);
    let mut cost = Cost::default();
    for s in 1..n {
        // Neighbours pay together; from place to place something else.
        let values = vec![0, 1, 1 + (s % 3) as i128, 2];
        cost.terms.push(Table {
            sites: vec![s - 1, s],
            values,
        });
    }
    model.costs.insert("macs".into(), cost);
    let space = Space::new(model.clone()).unwrap();
    assert_eq!(space.raw_size().unwrap(), BigUint::from(2u32).pow(2_000));
    assert_eq!(space.range("macs").unwrap(), Some((0, 2 * (n as i128 - 1))));
    model.windows.push(Window {
        cost: "macs".into(),
        low: None,
        high: Some(2),
    });
    // At most 2: none, a 1 at the start or at its end, or next to the end.
    let space = Space::new(model.clone()).unwrap();
    let few = space.feasible_size().unwrap();
    assert_eq!(BigUint::from(space.enumerate().count()), few);
}
