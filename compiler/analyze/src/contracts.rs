//! Declarations with a contract, `distill` and `enlarge`, as far as the contract follows from the text: called or not.

use nas_diagnostics::{Diagnostic, did_you_mean};
use nas_eval::program::{ModuleId, Program};
use nas_grammar::ast::*;
use std::collections::HashSet;
use std::sync::Arc;

use crate::modules::labels::labels;
use crate::walk::{Visit, walk_expr};

/// What every trace of a net has beside its taps.
const TRACE: &[&str] = &["out", "in", "all", "input", "output", "params"];

/// Findings E0624, E0626, E0627, E0202, E0206, E0301 and E0302 of declarations by themselves.
pub fn check_contracts(program: &Program) -> Vec<Diagnostic> {
    let library = program.modules.get(program.entry).is_some_and(|m| m.std);
    let mut out = vec![];
    crate::sealed::check_seals(program, &mut out);
    for (id, m) in program.modules.iter().enumerate() {
        if m.std && !library {
            continue;
        }
        for item in &m.tree.items {
            match &item.kind {
                ItemKind::Fn(d) if d.role == Role::Distill => distill(d, &mut out),
                ItemKind::Fn(d) if d.role == Role::Intrinsic => {
                    // The prelude's own files may be read from a folder.
                    if !m.std && nas_eval::builtins::find(&d.name.text).is_none() {
                        out.push(primitive(d));
                    }
                }
                ItemKind::Enlarge(d) => enlarge(d, &mut out),
                ItemKind::Space(d) => crate::spaces::space(d, &mut out),
                ItemKind::Table(d) => crate::spaces::table(program, id, d, &mut out),
                ItemKind::Rewrite(d) => {
                    let labels = program.modules.iter().flat_map(|m| labels(&m.tree));
                    let labels: HashSet<Arc<str>> = labels.collect();
                    rewrite(program, id, d, &labels, &mut out);
                }
                _ => {}
            }
        }
    }
    out
}

/// E0501: what the runtime implements is declared in the prelude, and nowhere else.
fn primitive(d: &FnDecl) -> Diagnostic {
    let what = format!(
        "only the prelude declares intrinsics, and `{}` stands here",
        d.name.text
    );
    Diagnostic::error("E0501", what)
        .at(d.name.span, "the runtime has no primitive of this file")
        .help("write it as a `fn` or a `block` on what the prelude has")
}

fn distill(d: &FnDecl, out: &mut Vec<Diagnostic>) {
    let params: Vec<&Param> = d.params.iter().flatten().collect();
    let (Some(teacher), Some(student)) = (params.first(), params.get(1)) else {
        out.push(
            Diagnostic::error(
                "E0302",
                format!(
                    "`{}` needs two nets: the teacher, then the student",
                    d.name.text
                ),
            )
            .at(d.name.span, "declared here")
            .help(format!(
                "write `distill {}(teacher: Net, student: Net) {{ … }}`",
                d.name.text
            )),
        );
        return;
    };
    let net = |p: &&&Param| {
        matches!(p.ty.as_ref().map(|t| &t.kind),
            Some(TypeKind::Name { name, .. }) if &*name.text == "Net")
    };
    if let Some(third) = params.iter().skip(2).find(net) {
        out.push(
            Diagnostic::error("E0626", format!("`{}` is of more than two nets", d.name.text))
                .at(third.span, "a third net")
                .at(teacher.span, "the teacher")
                .at(student.span, "the student")
                .help("a `distill` has one teacher and one student: write one for each pair, and add them up in `minimise`"),
        );
    }
    let Some(body) = &d.body else { return };
    let labels: Vec<&Stmt> = (body.stmts.iter())
        .filter(|s| matches!(s.kind, StmtKind::Label { .. }))
        .collect();
    if let [first, second, ..] = labels[..] {
        out.push(
            Diagnostic::error("E0108", "the loss of the labels is given twice")
                .at(second.span, "again here")
                .at(first.span, "first here")
                .help("one `label` line, with its weight"),
        );
    }
    let mut lines = 0;
    block(body, teacher, student, &mut lines, out);
    if lines == 0 {
        out.push(
            Diagnostic::error("E0626", format!("`{}` matches nothing", d.name.text))
                .at(d.name.span, "declared here")
                .help(format!(
                    "write `match {}.out to {}.out with mse`, or `label cross_entropy`",
                    student.name.text, teacher.name.text
                )),
        );
    }
    // A tap that is used is asked for, so that nets without it are refused where they are given.
    for p in [teacher, student] {
        let Some(TypeKind::Name { name, taps, .. }) = p.ty.as_ref().map(|t| &t.kind) else {
            continue;
        };
        if &*name.text != "Net" || taps.is_empty() {
            continue;
        }
        let mut fields = Fields {
            of: &p.name.text,
            found: vec![],
        };
        fields.block(body);
        for f in fields.found {
            if TRACE.contains(&&*f.text) || taps.iter().any(|t| t.text == f.text) {
                continue;
            }
            let names: Vec<&str> = taps.iter().map(|t| &*t.text).collect();
            let mut e = Diagnostic::error(
                "E0627",
                format!("`{}` is not asked to have a tap `{}`", p.name.text, f.text),
            )
            .at(f.span, "read here")
            .at(p.ty.as_ref().map_or(p.span, |t| t.span), "the taps it has");
            e = match did_you_mean(&f.text, names.clone()) {
                Some(n) => e.help(format!("did you mean `{n}`?")).fix(f.span, n),
                None => e.help(format!(
                    "ask for it: `{}: Net{{{}, {}}}`",
                    p.name.text,
                    names.join(", "),
                    f.text
                )),
            };
            out.push(e);
        }
    }
}

fn block(
    b: &Block,
    teacher: &Param,
    student: &Param,
    lines: &mut usize,
    out: &mut Vec<Diagnostic>,
) {
    for s in &b.stmts {
        match &s.kind {
            StmtKind::Match {
                from, to, weight, ..
            } => {
                *lines += 1;
                weighed(weight.as_ref(), out);
                if mentions(to, &student.name.text) {
                    out.push(
                        Diagnostic::error(
                            "E0626",
                            "the right side of a match is the teacher's, and it is stopped",
                        )
                        .at(to.span, format!("`{}` gets no gradient here", student.name.text))
                        .help(format!(
                            "write `match {0}.… to {1}.…`; the first parameter is the teacher, `{1}`, and the other way round is a `distill` of its own",
                            student.name.text, teacher.name.text
                        )),
                    );
                } else if mentions(from, &teacher.name.text) && !mentions(from, &student.name.text)
                {
                    out.push(
                        Diagnostic::error("E0626", "no gradient of this match reaches the student")
                            .at(from.span, format!("nothing of `{}`", student.name.text))
                            .at(to.span, "and this side is stopped"),
                    );
                }
            }
            StmtKind::Label { weight, .. } => {
                *lines += 1;
                weighed(weight.as_ref(), out);
            }
            StmtKind::For { body, .. } => block(body, teacher, student, lines, out),
            _ => {}
        }
    }
}

/// E0301: a weight that is written out, and is no number.
fn weighed(weight: Option<&Expr>, out: &mut Vec<Diagnostic>) {
    let Some(w) = weight else { return };
    let what = match &w.kind {
        ExprKind::Text(_) => "a text",
        ExprKind::Bool(_) => "true or false",
        ExprKind::List(_) => "a list",
        _ => return,
    };
    out.push(
        Diagnostic::error("E0301", format!("a weight is a number, and this is {what}"))
            .at(w.span, "here")
            .help("write `weight 0.5`"),
    );
}

struct Fields<'a> {
    of: &'a str,
    found: Vec<Ident>,
}

impl Visit for Fields<'_> {
    fn expr(&mut self, e: &Expr) {
        if let ExprKind::Field { base, name } = &e.kind
            && matches!(&base.kind, ExprKind::Name(n) if &*n.text == self.of)
        {
            self.found.push(name.clone());
        }
        walk_expr(self, e);
    }
}

struct Names<'a> {
    name: &'a str,
    found: bool,
}

impl Visit for Names<'_> {
    fn expr(&mut self, e: &Expr) {
        self.found |= matches!(&e.kind, ExprKind::Name(n) if &*n.text == self.name);
        walk_expr(self, e);
    }
}

fn mentions(e: &Expr, name: &str) -> bool {
    let mut names = Names { name, found: false };
    names.expr(e);
    names.found
}

/// E0201: what stands on the right of a rule only, or in its condition only, has no meaning.
fn rewrite(
    program: &Program,
    module: ModuleId,
    d: &RewriteDecl,
    labels: &HashSet<Arc<str>>,
    out: &mut Vec<Diagnostic>,
) {
    for rule in &d.rules {
        called(program, module, &rule.left, labels, out);
        let mut used = All(vec![]);
        used.expr(&rule.right);
        let right = used.0.len();
        rule.when.iter().for_each(|c| used.expr(c));
        for (i, n) in used.0.into_iter().enumerate() {
            let known = mentions(&rule.left, &n.text)
                || labels.contains(&n.text)
                || program.lookup(module, &n.text).is_some();
            if known {
                continue;
            }
            let mut left = All(vec![]);
            left.expr(&rule.left);
            let e = Diagnostic::error(
                "E0201",
                match i < right {
                    true => format!("`{}` stands on the right of this rule only", n.text),
                    false => format!("`{}` stands in the condition of this rule only", n.text),
                },
            )
            .at(n.span, "means nothing")
            .at(rule.left.span, "the left side has the names of a rule");
            out.push(
                match did_you_mean(&n.text, left.0.iter().map(|n| &n.text)) {
                    Some(near) => e.did_you_mean(&near),
                    None => e,
                },
            );
        }
    }
}

/// E0201: what a rule's left side calls is an operation that something declares, or `any_op`.
fn called(
    program: &Program,
    module: ModuleId,
    left: &Expr,
    labels: &HashSet<Arc<str>>,
    out: &mut Vec<Diagnostic>,
) {
    struct Callees(Vec<Ident>);
    impl Visit for Callees {
        fn expr(&mut self, e: &Expr) {
            if let ExprKind::Call { callee, .. } = &e.kind
                && let ExprKind::Name(n) = &callee.kind
            {
                self.0.push(n.clone());
            }
            walk_expr(self, e);
        }
    }
    let mut all = Callees(vec![]);
    all.expr(left);
    for n in all.0 {
        let known = &*n.text == "any_op"
            || labels.contains(&n.text)
            || program.lookup(module, &n.text).is_some();
        if known {
            continue;
        }
        let e = Diagnostic::error("E0201", format!("unknown name `{}`", n.text)).at(
            n.span,
            "no operation of this name is in scope, and no choice has it as an option",
        );
        let scope = program.modules[module]
            .scope
            .keys()
            .chain(program.prelude.keys());
        out.push(match did_you_mean(&n.text, scope.chain(labels.iter())) {
            Some(near) => e.did_you_mean(&near),
            None => e.help("`any_op(x)` stands for whatever operation"),
        });
    }
}

/// All names of an expression.
struct All(Vec<Ident>);

impl Visit for All {
    fn expr(&mut self, e: &Expr) {
        if let ExprKind::Name(n) = &e.kind {
            self.0.push(n.clone());
        }
        walk_expr(self, e);
    }
}

fn enlarge(d: &EnlargeDecl, out: &mut Vec<Diagnostic>) {
    let here = d.name.span;
    if d.moves.is_empty() {
        out.push(
            Diagnostic::error("E0624", format!("`{}` has no moves", d.name.text))
                .at(here, "in this family")
                .help("add a move: `move wider { width: it + 4 }`"),
        );
    }
    match &d.raises {
        None => out.push(
            Diagnostic::error(
                "E0624",
                format!("`{}` does not say which cost its moves raise", d.name.text),
            )
            .at(here, "in this family")
            .help("add `raises macs.core` or `raises params`"),
        ),
        Some(e)
            if matches!(
                e.kind,
                ExprKind::Number(_) | ExprKind::Text(_) | ExprKind::List(_)
            ) =>
        {
            out.push(
                Diagnostic::error("E0624", "moves raise a cost of the nets, and this is none")
                    .at(e.span, "here")
                    .help("write `raises macs.core` or `raises params`"),
            );
        }
        Some(_) => {}
    }
    let knobs: Vec<&Ident> = d
        .params
        .iter()
        .filter_map(|p| match p.ty.as_ref().map(|t| &t.kind) {
            Some(TypeKind::Name { name, args, .. }) if &*name.text == "Space" => Some(args),
            _ => None,
        })
        .flatten()
        .filter_map(|a| match &a.kind {
            ExprKind::Name(n) => Some(n),
            _ => None,
        })
        .collect();
    for m in &d.moves {
        for e in &m.edits {
            let WithTarget::Path(path) = &e.target else {
                continue;
            };
            if let Some(why) = stands(&e.value) {
                out.push(
                    Diagnostic::error(
                        "E0624",
                        format!("the move `{}` does not raise any cost", m.name.text),
                    )
                    .at(e.value.span, why)
                    .at(m.name.span, "this move")
                    .help("grow: `it + 1`, `it * 2`"),
                );
            }
            if knobs.is_empty() {
                continue;
            }
            let Some(root) = root(path) else { continue };
            if knobs.iter().any(|k| k.text == root.text) {
                continue;
            }
            let names: Vec<&str> = knobs.iter().map(|k| &*k.text).collect();
            let mut f = Diagnostic::error(
                "E0202",
                format!("`{}` changes no choice `{}`", d.name.text, root.text),
            )
            .at(root.span, "not among the choices asked for")
            .at(knobs[0].span, "asked for here");
            f = match did_you_mean(&root.text, names.clone()) {
                Some(n) => f.help(format!("did you mean `{n}`?")).fix(root.span, n),
                None => f.note(format!("it asks for {}", names.join(", "))),
            };
            out.push(f);
        }
    }
}

/// Why an edit leaves its choice where it is, or lowers it, whatever it is.
fn stands(value: &Expr) -> Option<&'static str> {
    let it = |e: &Expr| matches!(&e.kind, ExprKind::It);
    let number = |e: &Expr| match &e.kind {
        ExprKind::Number(n) => n.digits.parse::<f64>().ok().filter(|_| n.scale.is_none()),
        _ => None,
    };
    if it(value) {
        return Some("stays as it is");
    }
    let ExprKind::Binary { op, left, right } = &value.kind else {
        return None;
    };
    let (l, r) = (it(left), it(right));
    let by = if l { number(right) } else { number(left) }?;
    let by = Some(by).filter(|_| l || r)?;
    match op {
        BinaryOp::Add | BinaryOp::Sub if by == 0.0 => Some("stays as it is"),
        BinaryOp::Mul | BinaryOp::Div if by == 1.0 => Some("stays as it is"),
        _ => None,
    }
}

fn root(e: &Expr) -> Option<&Ident> {
    match &e.kind {
        ExprKind::Name(n) => Some(n),
        ExprKind::Field { base, .. } | ExprKind::Index { base, .. } => root(base),
        _ => None,
    }
}
