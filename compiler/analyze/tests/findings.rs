//! Each finding of the module system and of name resolution, in the short form.

use nas_analyze::{Library, ReadFault, World, check_names, load, load_library};
use nas_diagnostics::{Format, Style, render, tidy};

struct Memory<'a>(&'a [(&'a str, &'a str)]);

impl World for Memory<'_> {
    fn read(&self, path: &str) -> Result<String, ReadFault> {
        let found = self.0.iter().find(|(p, _)| *p == path);
        match found {
            Some((_, "outside")) => Err(ReadFault::Outside),
            Some((_, "binary")) => Err(ReadFault::NotUtf8 { offset: 3 }),
            Some((_, text)) => Ok((*text).to_string()),
            None => Err(ReadFault::Missing),
        }
    }

    fn list(&self, _folder: &str) -> Vec<String> {
        self.0.iter().map(|(p, _)| (*p).to_string()).collect()
    }
}

const LIBRARY: Library = &[
    (
        "core/draws.nas",
        "intrinsic normal(mean: Float = 0, std: Float = 1)\nintrinsic uniform(xs)\nfn sample(space, n) { [~uniform(space) for i in 0..n] }\n",
    ),
    (
        "core/ops.nas",
        "intrinsic exp(x)\nintrinsic sum(x, over = none)\nblock relu(x: [..s]) -> [..s] { x }\nblock identity(x: [..s]) -> [..s] { x }\n",
    ),
    ("cost/macs.nas", "fn core(net) { 1 }\nfn nats(net) { 2 }\n"),
    (
        "ops.nas",
        "block linear(out: Int, bias: Bool = true)(x: [..s, d]) -> [..s, out] { x }\nblock residual(body: Block)(x: [..s]) -> [..s] { x + body(x) }\nblock cross(a: [n, d], b: [n, d]) -> [n, d] { a + b }\n",
    ),
    (
        "search/nb201.nas",
        "use search.samplers\nspace nb201(classes: Int = 10) {\n  let op = [choose { none: identity, skip: relu } for e in 0..6]\n  net(x: [n, 3]) -> [n, classes] { x |> op[0] }\n}\nfn learns(m) { m.op[0] is skip }\n",
    ),
    (
        "search/samplers.nas",
        "fn by_site(space) { ~uniform(space) }\nfn fair(space, m: Int) { ~by_site(space) }\nproxy amp(net) { sum(~normal[2]) }\n",
    ),
];

/// The findings with their helps and notes, a line each.
fn findings(files: &[(&str, &str)]) -> String {
    let loaded = load(&Memory(files), LIBRARY, files[0].0);
    let mut found = loaded.diagnostics;
    found.extend(check_names(&loaded.program, &loaded.sources, LIBRARY));
    let mut out = String::new();
    for d in tidy(found) {
        out += &render(
            Format::Short,
            std::slice::from_ref(&d),
            &loaded.sources,
            Style::default(),
        );
        for label in d.labels.iter().skip(1) {
            let place = loaded.sources.get(label.span.file);
            let line = place.map_or(0, |f| f.line_column(label.span.start).line);
            let name = place.map_or("", |f| &f.name);
            out += &format!("  at {name}:{line}: {}\n", label.text);
        }
        for note in &d.notes {
            out += &format!("  note: {note}\n");
        }
        if let Some(help) = &d.help {
            out += &format!("  help: {help}\n");
        }
    }
    out
}

fn one(text: &str) -> String {
    findings(&[("main.nas", text)])
}

#[test]
fn the_library_of_these_tests_is_clean() {
    let loaded = load_library(LIBRARY);
    let found = check_names(&loaded.program, &loaded.sources, LIBRARY);
    let codes: Vec<_> = found.iter().map(|d| (d.code, &d.message)).collect();
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    assert!(codes.is_empty(), "{codes:?}");
}

#[test]
fn imports_bring_names_into_scope() {
    let text = "use search.nb201\nuse std.cost.macs.nats as macs\nuse search.{samplers}\nuse std.ops.{linear, residual as skip_of}\n\
                fn a() { nb201 }\nfn b(m) { learns(m) }\nfn c(x) { macs(x) }\nfn d() { ~by_site(nb201) }\nfn e(o) { o is skip }\n\
                fn f(o) { o in [skip] }\nblock g(x: [n, c]) -> [n, 2] { x |> skip_of { linear(c) } |> linear(2) }\n";
    assert_eq!(one(text), "");
}

#[test]
fn project_files_come_before_the_library() {
    let files = [
        (
            "a/main.nas",
            "use search.nb201\nuse near\nfn f() { mine() + beside() }\n",
        ),
        ("search/nb201.nas", "fn mine() { 1 }\n"),
        ("a/near.nas", "fn beside() { 1 }\n"),
    ];
    assert_eq!(findings(&files), "");
}

#[test]
fn missing_module() {
    insta::assert_snapshot!(one(
        "use search.samplrs\nuse std.opps.relu\nuse std\nuse quite.other\n"
    ));
}

#[test]
fn missing_item() {
    insta::assert_snapshot!(one("use std.ops.{linera}\nuse std.cost.macs.thop\n"));
}

#[test]
fn cycles() {
    insta::assert_snapshot!(findings(&[
        ("main.nas", "use a\nfn m() { one() }\n"),
        ("a.nas", "use b.{two}\nfn one() { two() }\n"),
        ("b.nas", "use a.{one}\nuse b\nfn two() { one() }\n"),
    ]));
}

#[test]
fn a_long_chain_is_cut() {
    let files: Vec<(String, String)> = (0..100)
        .map(|i| (format!("m{i}.nas"), format!("use m{}\n", i + 1)))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (&**a, &**b)).collect();
    let found = findings(&files);
    let errors: Vec<&str> = found.lines().filter(|l| l.contains("error")).collect();
    assert_eq!(errors.len(), 1, "{found}");
    assert!(errors[0].contains("E0204"), "{found}");
}

#[test]
fn faults_of_files() {
    insta::assert_snapshot!(findings(&[
        ("main.nas", "use gone\nuse odd\nuse bad\nfn f() { 1 }\n"),
        ("gone.nas", "outside"),
        ("odd.nas", "binary"),
        ("bad.nas", "fn ( {\n"),
    ]));
    insta::assert_snapshot!(findings(&[("main.nas", "outside")]), @"error[E0205]: main.nas is outside the project");
}

#[test]
fn doubled_names() {
    insta::assert_snapshot!(findings(&[
        (
            "main.nas",
            "use a\nuse b\nuse std.ops.{linear}\nuse a.{x as y}\nuse b.{x as y}\nfn linear(k) { k }\nfn f() { x() + y() }\nfn g(p) { let q = p   let q = q   q }\nfn f() { linear(1) }\n"
        ),
        ("a.nas", "fn x() { 1 }\n"),
        ("b.nas", "fn x() { 2 }\n"),
    ]));
}

#[test]
fn unused_imports() {
    insta::assert_snapshot!(one(
        "use std.ops.{linear, cross}\nuse search.samplers\nblock f(x: [n, c]) -> [n, 2] { x |> linear(2) }\n"
    ));
}

#[test]
fn unknown_names() {
    insta::assert_snapshot!(one(
        "fn area(w: Int, h: Int) { w * hieght + h }\nfn s(space) { ~by_site(space) }\nfn late() { let a = b   let b = 1   a }\n\
         fn g(f) { f.nothing + rel(f) }\nblock k(x: [n, c, 2 * d]) -> [n, q] { x }\nfn l() { [i for i in 0..3 if j] }\n"
    ));
}

#[test]
fn binders() {
    let text = "use std.ops.{linear}\n\
        fn a(net) { net with { linear as b, i: b(i), linear(out, k): linear(out + k), weight: 2 * weight } }\n\
        fn b(xs) { for (x, y) in xs { let z = x   sum(z + y, over: [h, w]) }   sum(p for p in xs if p > 0) }\n\
        fn c(x: [n, c, ..s]) -> [n, r] { sum(n + c + now.epoch)   twice(2) }\nfn twice(k) { inner(k)   fn inner(z) { z * late }   let late = 1 }\n\
        fn d(rows) { count_of(rows where col == 1) }\nfn count_of(x) { x |> repeat 3 as i { identity } }\n\
        space s(k: Int) {\n  let a = choose [1, k]\n  block u(x: [n, a]) -> [n, b] { x }\n  let b = a + 1\n  value (x) => x + a\n  where a < b\n  encoding \"{a}\"\n}\n\
        fn e() { s(1) where a < 2 }\nfn f() { let z ~ normal[2] where sum(z) > 0 within 3 else normal[2]   z }\n";
    assert_eq!(one(text), "");
}

#[test]
fn namespaces() {
    insta::assert_snapshot!(one(
        "use std.cost.macs\nfn a(n) { macs.core(n) + macs.thop(n) }\nfn b(n) { macs(n) }\nfn c() { macs }\n"
    ));
}

#[test]
fn arguments() {
    insta::assert_snapshot!(one(
        "use std.ops.{linear, residual, cross}\nuse search.nb201\nfn clip(x, high, low: Int = 0) { x + high + low }\n\
         fn a() { clip(3, hihg: 2) }\nfn b() { clip(3) }\nfn c() { clip(1, 2, 3, 4) }\nfn d() { clip(1, 2, x: 1) }\nfn e() { clip(1, high: 2, high: 3) }\n\
         fn f() { clip(_, low: 2) }\nfn g(xs) { clip(..xs) }\nfn h(x) { x |> clip(1) |> clip(high: 2) |> clip(1, 2, 3) }\n\
         fn i(x) { x |> linear }\nfn j(x) { x |> residual { linear(2) } |> cross(x) |> linear(2, 3, 4) }\nfn k() { nb201(width: 3) }\n"
    ));
}

#[test]
fn draws() {
    insta::assert_snapshot!(one(
        "use search.samplers\nfn noisy(x) { let e ~ normal   x + e }\nfn calm(x) { x }\n\
         fn a(x) { noisy(x) }\nfn b(x) { let y ~ noisy(x)   y + ~noisy(y) }\nfn c(x) { ~calm(x) }\nfn d() { normal[2, 3] }\n\
         fn e(s) { fair(s, 2) }\nfn f(n) { amp(n) + ~amp(n) }\nfn g(s) { sample(s, 3) + noisy(2, seed: 1) }\nfn h() { noisy(_) }\n\
         block i(x: [n, c]) -> [n, c] { param w: [n, c] ~ normal(0, 1)   x + w }\n"
    ));
}
