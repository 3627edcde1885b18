//! Calls: arguments against the parameters of a declaration that is known, and the names in them.

use super::{Checker, Known};
use crate::walk::Visit;
use nas_diagnostics::{Diagnostic, Span, did_you_mean};
use nas_grammar::ast::*;
use std::sync::Arc;

/// One pair of brackets behind a callee.
struct Given<'a> {
    args: &'a [Arg],
    trailing: Option<&'a Block>,
    span: Span,
    /// Written with its brackets.
    bracketed: bool,
}

/// `f(a)(b)` as `f` and its two lists.
fn flatten(expr: &Expr) -> (&Expr, Vec<Given<'_>>) {
    let (mut lists, mut rest) = (Vec::new(), expr);
    while let ExprKind::Call {
        callee,
        args,
        trailing,
    } = &rest.kind
    {
        lists.push(Given {
            args,
            trailing: trailing.as_deref(),
            span: rest.span,
            bracketed: true,
        });
        rest = callee;
    }
    lists.reverse();
    (rest, lists)
}

/// How a known callee is called.
struct Shape<'a> {
    name: Arc<str>,
    role: Option<Role>,
    params: Vec<&'a [Param]>,
}

impl Checker<'_> {
    /// A call; `piped` when a value comes in from the left of `|>`, `drawn` behind `~`.
    pub(super) fn call(&mut self, expr: &Expr, piped: bool, drawn: bool) {
        let (root, lists) = flatten(expr);
        let before = self.diagnostics.len();
        self.expr(root);
        if let Some(first) = lists.first().filter(|_| !piped) {
            self.fitting_member(root, first.args, before);
        }
        let axes = matches!(&root.kind, ExprKind::Field { .. });
        if let Some((known, global)) = self.callee(root) {
            let shape = match &known {
                Known::Value => None,
                Known::Fn(d) => Some(Shape {
                    name: d.name.text.clone(),
                    role: Some(d.role),
                    params: d.params.iter().map(|p| &p[..]).collect(),
                }),
                Known::Space(d) => Some(Shape {
                    name: d.name.text.clone(),
                    role: None,
                    params: vec![&d.params],
                }),
            };
            let before = self.diagnostics.len();
            if let Some(shape) = shape {
                self.arity(&shape, root.span, &lists, piped);
            }
            // A misspelt `seed:` is not also a draw that is not shown.
            let misnamed = |d: &Diagnostic| d.code == "E0303" && !d.fixes.is_empty();
            let told = self.diagnostics[before..].iter().any(misnamed);
            if let (Known::Fn(d), false) = (&known, told) {
                let given: Vec<&[Arg]> = lists.iter().map(|l| l.args).collect();
                self.check_draw(d, global, root.span, &given, drawn, piped);
            }
        }
        for list in &lists {
            for arg in list.args {
                self.arg(arg, axes);
            }
            list.trailing.iter().for_each(|b| self.inner(b));
        }
    }

    fn arg(&mut self, arg: &Arg, method: bool) {
        let name = arg.name.as_ref().map(|n| &*n.text);
        // Axis names; and the taps that `.all(…)`, `.after(…)` of a net are asked for.
        let tap =
            |e: &Expr| matches!(&e.kind, ExprKind::Name(n) if self.words.taps.contains(&n.text));
        if name == Some("over") || (method && tap(root_of(&arg.value))) {
            self.lenient += 1;
            self.expr(&arg.value);
            self.lenient -= 1;
        } else {
            self.expr(&arg.value);
        }
    }

    /// `value |> target`.
    pub(super) fn pipe(&mut self, expr: &Expr, drawn: bool) {
        let ExprKind::Pipe { value, target } = &expr.kind else {
            return self.expr(expr);
        };
        self.expr(value);
        match &target.kind {
            ExprKind::Call { .. } => self.call(target, true, drawn),
            ExprKind::Name(_) | ExprKind::Field { .. } => self.call(target, true, drawn),
            ExprKind::TapTarget(_) => {}
            ExprKind::Block(body) => self.inner(body),
            _ => {
                self.implicit += 1;
                self.expr(target);
                self.implicit -= 1;
            }
        }
    }

    fn arity(&mut self, shape: &Shape, at: Span, lists: &[Given], piped: bool) {
        let block = shape.role == Some(Role::Block);
        let curried = block && shape.params.len() > 1;
        if lists.is_empty() {
            if let Some(params) = shape.params.first()
                && curried
            {
                // `x |> f` stands for `x |> f()`: nothing for the first list.
                let none = Given {
                    args: &[],
                    trailing: None,
                    span: at,
                    bracketed: false,
                };
                if params.iter().any(|p| p.default.is_none()) {
                    self.missing_of(shape, params, &none, false);
                }
            }
            return;
        }
        for (i, list) in lists.iter().enumerate() {
            let Some(params) = shape.params.get(i) else {
                return;
            };
            let last = i + 1 == lists.len();
            let before = self.diagnostics.len();
            self.names_of(shape, params, list);
            if shape.role == Some(Role::Intrinsic) {
                // Some take a list for all their values, or draw in brackets: one that is given nothing is left alone.
                let spare = piped || list.args.is_empty() || list.trailing.is_some();
                if self.diagnostics.len() == before && !spare {
                    self.missing_of(shape, params, list, false);
                }
                continue;
            }
            let misnamed = self.diagnostics.len() > before;
            let piped = piped && last && !(curried && i == 0);
            self.count_of(shape, params, list, piped);
            // A misspelt name is also a missing one: once is enough.
            if !misnamed {
                self.missing_of(shape, params, list, piped);
            }
        }
    }

    /// E0303: names that the list does not have, or has twice.
    fn names_of(&mut self, shape: &Shape, params: &[Param], list: &Given) {
        let open = shape.role == Some(Role::Intrinsic) && params.iter().any(collects);
        let positional = list.args.iter().filter(|a| plain(a)).count();
        let mut seen: Vec<&Ident> = Vec::new();
        for arg in list.args {
            let Some(name) = &arg.name else { continue };
            let first = seen.iter().find(|s| s.text == name.text);
            let at = params.iter().position(|p| p.name.text == name.text);
            let finding = if first.is_some() {
                // Two of one name were reported when the file was read.
                continue;
            } else if at.is_some_and(|at| at < positional) && shape.role != Some(Role::Intrinsic) {
                Diagnostic::error("E0303", format!("`{}` is given twice", name.text))
                    .at(name.span, "by name here, and by its place before")
            } else if at.is_none() && !open && !self.extra(shape, name) {
                let mut finding = Diagnostic::error(
                    "E0303",
                    format!("`{}` has no parameter `{}`", shape.name, name.text),
                )
                .at(name.span, "not one of its parameters");
                let names = || params.iter().map(|p| &*p.name.text);
                let list: Vec<&str> = names().collect();
                if !list.is_empty() {
                    finding = finding.note(format!("its parameters: {}", list.join(", ")));
                }
                let seed = Ident {
                    text: "seed".into(),
                    span: name.span,
                };
                let more = self.extra(shape, &seed).then_some("seed");
                match did_you_mean(&name.text, names().chain(more)) {
                    Some(near) => finding.did_you_mean(&near),
                    None => finding,
                }
            } else {
                seen.push(name);
                continue;
            };
            self.diagnostics.push(finding);
        }
    }

    /// Arguments that calls of some kinds take beside their parameters.
    fn extra(&self, shape: &Shape, name: &Ident) -> bool {
        match (&*name.text, shape.role) {
            ("seed", Some(Role::Block | Role::Schedule | Role::Curriculum)) => false,
            ("seed", Some(_)) => true,
            _ => false,
        }
    }

    /// E0303: more values than parameters.
    fn count_of(&mut self, shape: &Shape, params: &[Param], list: &Given, piped: bool) {
        let positional: Vec<&Arg> = list.args.iter().filter(|a| plain(a)).collect();
        let room = params.len().saturating_sub(usize::from(piped));
        if list.args.iter().any(|a| a.spread) || positional.len() <= room {
            return;
        }
        let takes = match (room, piped) {
            (n, true) => format!("takes {n} beside the piped value"),
            (1, false) => "takes 1 argument".to_string(),
            (n, false) => format!("takes {n} arguments"),
        };
        let message = format!("`{}` {takes}, {} are given", shape.name, positional.len());
        let (extra, last) = (positional[room].span, positional[positional.len() - 1].span);
        // With the comma before it; the first has the bracket there.
        let before = room
            .checked_sub(1)
            .map_or(extra.start, |i| positional[i].span.end);
        let cut = Span {
            start: before,
            end: last.end,
            ..extra
        };
        self.diagnostics.push(
            Diagnostic::error("E0303", message)
                .at(extra, "one too many")
                .help(format!("leave it out: {}", signature(shape)))
                .fix(cut, ""),
        );
    }

    /// E0302: parameters without a default and without an argument.
    fn missing_of(&mut self, shape: &Shape, params: &[Param], list: &Given, piped: bool) {
        let open = |a: &Arg| a.spread || matches!(a.value.kind, ExprKind::Hole);
        if list.args.iter().any(open) {
            return;
        }
        let positional = list.args.iter().filter(|a| plain(a)).count();
        let named = |p: &Param| {
            list.args
                .iter()
                .any(|a| a.name.as_ref().is_some_and(|n| n.text == p.name.text))
        };
        let free: Vec<&Param> = params
            .iter()
            .enumerate()
            .filter(|(i, p)| *i >= positional && !named(p))
            .map(|(_, p)| p)
            .collect();
        let mut missing: Vec<&Param> = free
            .iter()
            .copied()
            .filter(|p| p.default.is_none())
            .filter(|p| shape.role != Some(Role::Intrinsic) || !collects(p))
            .collect();
        if list.trailing.is_some() {
            // A trailing block is the last block parameter, whatever its default.
            let body = free.iter().rev().find(|p| is_block(p)).or(free.last());
            if let Some(body) = body.copied() {
                missing.retain(|p| !std::ptr::eq(*p, body));
            }
        }
        // The tensor of a block, and the value that flows into a block argument, may come from a pipe around it.
        let tensors = shape.role == Some(Role::Block) && shape.params.len() == 1;
        if (piped || tensors || self.implicit > 0) && !missing.is_empty() {
            missing.remove(0);
        }
        let Some(first) = missing.first() else { return };
        let names: Vec<String> = missing
            .iter()
            .map(|p| format!("`{}`", p.name.text))
            .collect();
        let finding = Diagnostic::error(
            "E0302",
            format!("`{}` is called without {}", shape.name, names.join(", ")),
        );
        let finding = finding
            .at(list.span, "this call")
            .at(first.span, "declared here without a default");
        let here = |p: &&Param| self.locals.iter().any(|l| l.name == p.name.text);
        let finding = if missing.iter().all(here) {
            // What is in scope under the very names is most likely meant.
            let all = missing
                .iter()
                .map(|p| format!("{0}: {0}", p.name.text))
                .collect::<Vec<_>>()
                .join(", ");
            let end = Span {
                start: list.span.end.saturating_sub(1),
                end: list.span.end.saturating_sub(1),
                ..list.span
            };
            let d = finding.help(format!("`{}` is in scope: add `{all}`", first.name.text));
            match (list.trailing.is_none(), list.args.is_empty()) {
                (true, false) => d.fix(end, format!(", {all}")),
                (true, true) if list.bracketed => d.fix(end, all),
                _ => d,
            }
        } else {
            finding.help(format!(
                "give it, or write `_` for `{}` to leave it open",
                first.name.text
            ))
        };
        self.diagnostics.push(finding);
    }
}

/// Given by its place.
fn plain(arg: &Arg) -> bool {
    arg.name.is_none() && !arg.spread
}

fn is_block(param: &Param) -> bool {
    matches!(
        param.ty.as_ref().map(|t| &t.kind),
        Some(TypeKind::Name { name, .. }) if &*name.text == "Block"
    )
}

/// A parameter of an intrinsic that takes arguments of any name: `names: { Text: Int }`.
fn collects(param: &Param) -> bool {
    matches!(
        param.ty.as_ref().map(|t| &t.kind),
        Some(TypeKind::Map(..) | TypeKind::Record(_))
    )
}

fn root_of(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Index { base, .. } => root_of(base),
        _ => expr,
    }
}

fn signature(shape: &Shape) -> String {
    let lists: Vec<String> = shape
        .params
        .iter()
        .map(|list| {
            let names: Vec<&str> = list.iter().map(|p| &*p.name.text).collect();
            format!("({})", names.join(", "))
        })
        .collect();
    format!("it is declared as `{}{}`", shape.name, lists.concat())
}
