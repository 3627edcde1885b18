//! Spaces and tables by themselves: a space says once what a member is; a table has each column once, and is of a space.

use crate::modules::report::twice;
use nas_diagnostics::Diagnostic;
use nas_eval::program::{ModuleId, Program, ScopeEntry};
use nas_grammar::ast::*;
use std::collections::HashMap;

/// E0206 for a second `net` or `value`, E0302 where there is none.
pub(crate) fn space(d: &SpaceDecl, out: &mut Vec<Diagnostic>) {
    let mut said = d
        .body
        .stmts
        .iter()
        .filter(|s| matches!(s.kind, StmtKind::Net(_) | StmtKind::Value(_)));
    let Some(first) = said.next() else {
        // A bare value at the end is told elsewhere, as is what could not be read.
        let bare = d.body.value.is_some()
            || d.body
                .stmts
                .iter()
                .any(|s| matches!(s.kind, StmtKind::Expr(_)));
        if !bare {
            out.push(
                Diagnostic::error(
                    "E0302",
                    format!("`{}` does not say what a member is", d.name.text),
                )
                .at(d.name.span, "no `net` and no `value` in its body")
                .help("add `net(x: [n, 3, 32, 32]) -> [n, 10] { … }`, or `value …` for a space of anything else"),
            );
        }
        return;
    };
    for second in said {
        out.push(
            Diagnostic::error(
                "E0206",
                format!("`{}` says twice what a member is", d.name.text),
            )
            .at(second.span, "again here")
            .at(first.span, "first here")
            .help("a space is of one kind of member: give the second one a space of its own"),
        );
    }
}

/// E0206 for a column that is there twice, E0302 for one without a key, E0301 where the table is of something that is no space.
pub(crate) fn table(program: &Program, module: ModuleId, d: &TableDecl, out: &mut Vec<Diagnostic>) {
    let mut met: HashMap<String, nas_diagnostics::Span> = HashMap::new();
    for c in &d.columns {
        let path: Vec<&str> = c.path.iter().map(|p| &*p.text).collect();
        let (Some(a), Some(b)) = (c.path.first(), c.path.last()) else {
            continue;
        };
        let (path, at) = (path.join("."), a.span.to(b.span));
        match met.get(&path) {
            Some(first) => out.push(
                twice(&path, *first, at, "a column").help("each column stands in the table once"),
            ),
            None => {
                met.insert(path, at);
            }
        }
    }
    if d.key.is_none() {
        let first = d.columns.iter().find_map(|c| c.path.first());
        let e = Diagnostic::error("E0302", format!("`{}` has no key", d.name.text))
            .at(d.name.span, "which column says of which member a row is?")
            .help("write `key arch`, where `arch` is the column with a member's text");
        out.push(match first {
            Some(first) => {
                let start = nas_diagnostics::Span {
                    end: first.span.start,
                    ..first.span
                };
                e.fix(start, "key arch   ")
            }
            None => e,
        });
    }
    let mut of = &d.space;
    while let ExprKind::Call { callee, .. }
    | ExprKind::Where { value: callee, .. }
    | ExprKind::Modulo { value: callee, .. } = &of.kind
    {
        of = callee;
    }
    let ExprKind::Name(name) = &of.kind else {
        return;
    };
    let Some(ScopeEntry::Global(id)) = program.lookup(module, &name.text) else {
        return;
    };
    let what = match &program.item(*id).kind {
        // What it gives may be one.
        ItemKind::Fn(f) if f.role == Role::Fn && of != &d.space => return,
        ItemKind::Fn(f) if f.role == Role::Block => "a block",
        ItemKind::Fn(_) => "a function",
        ItemKind::Table(_) => "a table",
        ItemKind::Pipeline(_) => "a pipeline",
        ItemKind::Type { .. } => "a type",
        _ => return,
    };
    out.push(
        Diagnostic::error(
            "E0301",
            format!("a table is of a space, and `{}` is {what}", name.text),
        )
        .at(of.span, what)
        .help("its rows are of members: name the `space` that they are of"),
    );
}
