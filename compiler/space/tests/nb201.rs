//! The cell space with six edges and five operations: sizes, the closed form of its MACs, its text.

use nas_space::{
    Arch, Condition, Cost, Model, Part, Site, Space, Table, Template, Window, hamming,
};
use num_bigint::BigUint;

const OPS: [&str; 5] = [
    "none",
    "skip_connect",
    "nor_conv_1x1",
    "nor_conv_3x3",
    "avg_pool_3x3",
];

fn nb201(window: Option<i128>) -> Space {
    let mut model = Model {
        sites: (0..6)
            .map(|i| Site::always(format!("op[{i}]"), OPS))
            .collect(),
        ..Model::default()
    };
    let mut terms: Vec<_> = (0..6)
        .map(|s| Table {
            sites: vec![s],
            values: vec![0, 0, 3_932_160, 35_389_440, 0],
        })
        .collect();
    terms.push(Table {
        sites: vec![],
        values: vec![7_782_400 + 640],
    });
    model.costs.insert("macs".into(), Cost { terms });
    if window.is_some() {
        model.windows.push(Window {
            cost: "macs".into(),
            low: None,
            high: window,
        });
    }
    Space::new(model).unwrap()
}

fn template(space: &Space) -> Template {
    let mut parts = Vec::new();
    let mut op = 0;
    for (node, edges) in [1, 2, 3].into_iter().enumerate() {
        parts.push(Part::Literal(if node == 0 {
            "|".into()
        } else {
            "+|".into()
        }));
        for from in 0..edges {
            parts.push(Part::Site {
                site: op,
                texts: OPS.map(String::from).to_vec(),
            });
            parts.push(Part::Literal(format!("~{from}|")));
            op += 1;
        }
    }
    Template::new(space, parts).unwrap()
}

#[test]
fn sizes_and_costs() {
    let space = nb201(None);
    assert_eq!(space.raw_size().unwrap(), BigUint::from(15_625u32));
    assert_eq!(space.range("macs").unwrap(), Some((7_783_040, 220_119_680)));
    let narrow = nb201(Some(100_000_000));
    assert_eq!(narrow.feasible_size().unwrap(), BigUint::from(14_080u32));
    assert_eq!(narrow.enumerate().count(), 14_080);
    assert_eq!(narrow.sampler().unwrap().size(), &BigUint::from(14_080u32));
    let mean = space.summary("macs").unwrap().unwrap().mean();
    assert!((mean - (7_783_040.0 + 6.0 / 5.0 * (3_932_160.0 + 35_389_440.0))).abs() < 1e-6);
    assert_eq!(
        space.distribution("macs").unwrap().total(),
        BigUint::from(15_625u32)
    );
}

#[test]
fn each_has_24_neighbours() {
    let space = nb201(None);
    for arch in space.enumerate().step_by(7) {
        let near = space.neighbours(&arch);
        assert_eq!(near.len(), 24);
        assert!(
            near.iter()
                .all(|n| hamming(n, &arch) == 1 && space.contains(n).is_ok())
        );
    }
}

#[test]
fn text_both_ways() {
    let space = nb201(None);
    let template = template(&space);
    let texts: Vec<(Arch, String)> = space
        .enumerate()
        .map(|a| (a.clone(), template.encode(&a).unwrap()))
        .collect();
    assert_eq!(
        texts[0].1,
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    );
    let start = std::time::Instant::now();
    for (arch, text) in &texts {
        assert_eq!(&template.decode(text).unwrap(), arch);
    }
    let took = start.elapsed();
    println!("15,625 texts read in {took:?}");
    assert!(took.as_millis() < 500, "{took:?}");
    let wrong = template
        .decode("|none~0|+|none~0|nor_conv_5x5~1|+|none~0|none~1|none~2|")
        .unwrap_err();
    assert_eq!(wrong.at, 17);
    assert_eq!(wrong.expected.len(), 5);
    let wrong = template
        .decode("|none~0|+|none~1|none~1|+|none~0|none~1|none~2|")
        .unwrap_err();
    assert_eq!(
        (wrong.at, &wrong.expected[..]),
        (15, &["0|".to_string()][..])
    );
    let wrong = template
        .decode("|none~0|+|none~0|none~1|+|none~0|none~1|none~2||")
        .unwrap_err();
    assert_eq!(
        (wrong.at, &wrong.expected[..]),
        (47, &["the end".to_string()][..])
    );
    let few = Template::new(
        &space,
        vec![Part::Site {
            site: 2,
            texts: OPS.map(String::from).to_vec(),
        }],
    )
    .err()
    .unwrap();
    assert_eq!(few.missing.len(), 5);
}

/// Depth 12 to 14, and in each layer that exists a ratio and a number of heads: depth is the number of digits.
fn layers() -> Space {
    let mut model = Model::default();
    model.sites.push(Site::always("dim", ["192", "216", "240"]));
    model.sites.push(Site::always("depth", ["12", "13", "14"]));
    for l in 0..14 {
        let on = Condition::on(1, (0..3).filter(|d| l < 12 + d));
        model
            .sites
            .push(Site::always(format!("layers[{l}].ratio"), ["3.5", "4.0"]).when(on.clone()));
        model
            .sites
            .push(Site::always(format!("layers[{l}].heads"), ["3", "4"]).when(on));
    }
    Space::new(model).unwrap()
}

#[test]
fn open_depth_is_read_from_the_length() {
    let space = layers();
    assert_eq!(space.raw_size().unwrap(), BigUint::from(1_056_964_608u64));
    let many = |from: usize| Part::Many {
        sites: (0..14).map(|l| 2 + 2 * l + from).collect(),
        texts: vec![vec!["3".into(), "4".into()]; 14],
        join: String::new(),
    };
    let dim = Part::Site {
        site: 0,
        texts: vec!["192".into(), "216".into(), "240".into()],
    };
    let parts = vec![
        dim,
        Part::Literal(" ".into()),
        many(0),
        Part::Literal(" ".into()),
        many(1),
    ];
    let template = Template::new(&space, parts).unwrap();
    let text = "216 34344434444333 33443434433443";
    let arch = template.decode(text).unwrap();
    assert_eq!(arch.0[1], Some(2));
    assert_eq!(template.encode(&arch).unwrap(), text);
    let arch = template.decode("192 444444444444 333333333333").unwrap();
    assert_eq!((arch.0[1], arch.0[26]), (Some(0), None));
    let short = template.decode("192 44444444444 33333333333").unwrap_err();
    assert_eq!(
        (short.at, &short.expected[..]),
        (15, &["3".to_string(), "4".to_string()][..])
    );
    let uneven = template
        .decode("192 444444444444 3333333333333")
        .unwrap_err();
    assert_eq!(uneven.at, 29);
    let mut draws = 0u64;
    for a in space
        .sample_uniform(200, &mut |n: u64| {
            draws = draws
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (draws >> 20) % n
        })
        .unwrap()
    {
        assert_eq!(template.decode(&template.encode(&a).unwrap()).unwrap(), a);
    }
}
