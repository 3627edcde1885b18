//! Isomorphism classes of small graphs: published counts of one cell space, and brute force over all members.

use nas_space::{Arch, Cost, GraphShape, Model, Quotient, Site, Space, Table, Window};
use num_bigint::BigUint;
use std::collections::HashSet;

/// Cells of up to `n` vertices, at most `edges` edges, three labels.
fn cells(n: usize, edges: i128) -> (Space, GraphShape) {
    let mut model = Model::default();
    let mut shape = GraphShape {
        vertices: n,
        ..GraphShape::default()
    };
    let mut terms = Vec::new();
    for i in 0..n {
        for j in i + 1..n {
            let site = model.sites.len();
            model
                .sites
                .push(Site::always(format!("edge[{i}][{j}]"), ["0", "1"]));
            terms.push(Table {
                sites: vec![site],
                values: vec![0, 1],
            });
            shape.edges.push((i, j, site, vec![false, true]));
        }
    }
    for v in 1..n - 1 {
        let site = model.sites.len();
        model
            .sites
            .push(Site::always(format!("op[{v}]"), ["a", "b", "c"]));
        shape.labels.push((v, site, vec![0, 1, 2]));
    }
    model.costs.insert("edges".into(), Cost { terms });
    model.windows.push(Window {
        cost: "edges".into(),
        low: None,
        high: Some(edges),
    });
    (Space::new(model).unwrap(), shape)
}

#[test]
fn classes_of_cells_are_the_published_numbers() {
    for (n, want) in [
        (2, 1u32),
        (3, 7),
        (4, 91),
        (5, 2_532),
        (6, 64_542),
        (7, 423_624),
    ] {
        let (space, shape) = cells(n, 9);
        let classes = shape.classes(&space, 10_000_000).unwrap();
        assert_eq!(classes.count, BigUint::from(want), "{n} vertices");
    }
    let (space, _) = cells(7, 9);
    assert_eq!(space.raw_size().unwrap(), BigUint::from(509_607_936u32));
}

#[test]
fn classes_agree_with_keys_of_all_members() {
    for (n, edges) in [(3, 9), (4, 9), (4, 3), (5, 9), (5, 5)] {
        let (space, shape) = cells(n, edges);
        let key = |a: &Arch| Ok::<_, ()>(shape.key(a));
        let listed = Quotient::by_key(&space, 1_000_000, key, |_| {}).unwrap();
        let classes = shape.classes(&space, 1_000_000).unwrap();
        assert_eq!(classes.count, BigUint::from(listed.len()));
        let members = classes.members(&shape);
        assert_eq!(members.len(), listed.len());
        let keys: HashSet<Vec<u8>> = members.iter().map(|a| shape.key(a).unwrap()).collect();
        assert_eq!(keys.len(), members.len());
        for m in &members {
            assert_eq!(space.contains(m), Ok(()));
            assert!(listed.class_of(&shape.key(m).unwrap()).is_some());
        }
    }
}

/// A key must not tell two graphs apart that a plain search over all orders maps to each other, and the other way round.
#[test]
fn keys_agree_with_a_search_over_all_orders() {
    let (space, shape) = cells(5, 9);
    let members: Vec<Arch> = space.enumerate().step_by(97).collect();
    let graph = |a: &Arch| {
        let mut edges = [[false; 5]; 5];
        for (i, j, s, _) in &shape.edges {
            edges[*i][*j] = a.0[*s] == Some(1);
        }
        let mut from = [true, false, false, false, false];
        let mut to = [false, false, false, false, true];
        for i in 0..5 {
            for j in i + 1..5 {
                from[j] |= from[i] && edges[i][j];
            }
        }
        for i in (0..5).rev() {
            to[i] |= (i + 1..5).any(|j| edges[i][j] && to[j]);
        }
        if !(from[4] && to[0]) {
            return None;
        }
        let live: Vec<usize> = (0..5).filter(|v| from[*v] && to[*v]).collect();
        let label = |v: usize| {
            let l = shape.labels.iter().find(|l| l.0 == v);
            l.map_or(9, |l| a.0[l.1].unwrap_or(0))
        };
        Some((
            live.iter().map(|v| label(*v)).collect::<Vec<_>>(),
            live.iter()
                .map(|v| live.iter().map(|w| edges[*v][*w]).collect::<Vec<_>>())
                .collect::<Vec<_>>(),
        ))
    };
    let orders = |n: usize| {
        let mut all: Vec<Vec<usize>> = vec![vec![]];
        for _ in 0..n {
            all = all
                .iter()
                .flat_map(|o| {
                    (0..n)
                        .filter(|v| !o.contains(v))
                        .map(|v| [o.clone(), vec![v]].concat())
                        .collect::<Vec<_>>()
                })
                .collect();
        }
        all
    };
    let least = |a: &Arch| {
        graph(a).map(|(labels, edges)| {
            let n = labels.len();
            orders(n)
                .into_iter()
                .map(|o| {
                    let l: Vec<usize> = o.iter().map(|v| labels[*v]).collect();
                    let e: Vec<bool> = o
                        .iter()
                        .flat_map(|v| o.iter().map(|w| edges[*v][*w]).collect::<Vec<_>>())
                        .collect();
                    (n, l, e)
                })
                .min()
        })
    };
    let mut by_key = std::collections::HashMap::new();
    let mut by_search = std::collections::HashMap::new();
    for m in &members {
        let (k, s) = (shape.key(m), least(m));
        assert_eq!(k.is_some(), s.is_some());
        assert_eq!(by_key.entry(k.clone()).or_insert(s.clone()), &s);
        assert_eq!(by_search.entry(s).or_insert(k.clone()), &k);
    }
}
