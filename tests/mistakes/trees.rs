//! Mistakes in statements, expressions and calls.

use super::{Generator, apart, misspelt, range};
use nas_analyze::walk::{Visit, walk_expr, walk_item, walk_stmt};
use nas_grammar::ast::*;

impl Visit for Generator<'_> {
    fn item(&mut self, item: &Item) {
        if matches!(&item.kind, ItemKind::Fn(d) if d.role == Role::Intrinsic) {
            return;
        }
        walk_item(self, item);
    }

    fn block(&mut self, b: &Block) {
        self.lets.push(vec![]);
        nas_analyze::walk::walk_block(self, b);
        self.lets.pop();
    }

    fn stmt(&mut self, s: &Stmt) {
        match &s.kind {
            StmtKind::Draw { pattern, value } => {
                let between = pattern.span.end as usize..value.span.start as usize;
                self.change("missing ~", between, " = ", &[range(value.span)]);
            }
            StmtKind::Let { pattern, value, .. } => match &pattern.kind {
                PatternKind::Name(n) => {
                    if let Some(first) = self.lets.last().and_then(|l| l.last()).cloned() {
                        self.replace("bound twice", range(n.span), &first.text);
                    }
                    if let Some(l) = self.lets.last_mut() {
                        l.push(n.clone());
                    }
                    if let ExprKind::Call { callee, .. } = &value.kind
                        && let ExprKind::Name(f) = &callee.kind
                        && self
                            .one(&f.text)
                            .is_some_and(|d| d.role != Role::Intrinsic && !d.draws)
                    {
                        let at = value.span.start as usize;
                        self.change("needless ~", at..at, "~", &[range(value.span)]);
                    }
                }
                PatternKind::Tuple(parts) => {
                    if let Some(last) = parts.last() {
                        let end = last.span.end as usize;
                        self.change(
                            "wrong pattern",
                            end..end,
                            ", more",
                            &[range(pattern.span), range(value.span)],
                        );
                    }
                }
                _ => {}
            },
            StmtKind::Minimise {
                by: Some(by), over, ..
            } => {
                self.change(
                    "no optimiser",
                    over.span.end as usize..by.span.end as usize,
                    "",
                    &[range(s.span)],
                );
            }
            StmtKind::Encoding(t) => {
                if let Some(i) = t.raw.find('{') {
                    let at = t.span.start as usize + 1 + i + 1;
                    self.change("unknown name in a text", at..at, "un", &[range(t.span)]);
                }
            }
            _ => {}
        }
        walk_stmt(self, s);
    }

    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Name(n) if n.text.len() > 3 && self.stem != *n.text => {
                self.stem = n.text.to_string();
                self.replace("misspelt name", range(n.span), &misspelt(&n.text));
            }
            ExprKind::Draw(inner) => {
                self.change(
                    "missing ~",
                    e.span.start as usize..inner.span.start as usize,
                    "",
                    &[range(inner.span)],
                );
            }
            ExprKind::Field { base, name } if name.text.len() > 3 => {
                if !matches!(base.kind, ExprKind::Name(_)) || self.known.modules.is_empty() {
                    self.replace("misspelt field", range(name.span), &misspelt(&name.text));
                } else {
                    self.replace("misspelt member", range(name.span), &misspelt(&name.text));
                }
            }
            ExprKind::Number(n) => {
                if let Some(u) = &n.unit {
                    let other = match &*u.text {
                        "epochs" => "steps",
                        "minutes" | "GB" => "params",
                        "steps" => "epochs",
                        _ => "",
                    };
                    if !other.is_empty() {
                        self.replace("wrong unit", range(u.span), other);
                        if let Some(m) = self.out.last_mut().filter(|m| m.kind == "wrong unit") {
                            let end = m.places[0].end;
                            m.places = vec![e.span.start as usize..end];
                        }
                    }
                }
            }
            ExprKind::If { condition, .. } => {
                self.replace("no condition", range(condition.span), "\"yes\"");
            }
            ExprKind::Choose { options, .. } => {
                if let ExprKind::List(items) = &options.kind
                    && !items.is_empty()
                {
                    self.replace("empty choice", range(options.span), "[]");
                }
            }
            ExprKind::Call {
                callee,
                args,
                trailing,
            } => self.call(e, callee, args, trailing.is_some()),
            ExprKind::Pipe { target, .. } => {
                if let ExprKind::Call { callee, args, .. } = &target.kind
                    && let ExprKind::Name(f) = &callee.kind
                    && self
                        .one(&f.text)
                        .is_some_and(|d| d.role == Role::Block && d.lists.len() == 2)
                    && let Some(a) = args.iter().find(|a| a.name.is_none())
                    && let Some(t) = self.tensor.clone()
                {
                    self.replace("run-time size", range(a.value.span), &format!("sum({t})"));
                    self.replace("text for a number", range(a.value.span), "\"wide\"");
                }
            }
            _ => {}
        }
        walk_expr(self, e);
    }
}

impl Generator<'_> {
    fn call(&mut self, e: &Expr, callee: &Expr, args: &[Arg], trailing: bool) {
        let name = match &callee.kind {
            ExprKind::Name(n) => n,
            ExprKind::Field { base, name } if matches!(base.kind, ExprKind::Name(_)) => {
                // `kendall_tau.b(…)`: the plain name, and a member that is not there.
                if let ExprKind::Name(space) = &base.kind
                    && self.known.modules.contains_key(&*space.text)
                {
                    self.change(
                        "plain name of a convention",
                        space.span.end as usize..name.span.end as usize,
                        "",
                        &[range(space.span)],
                    );
                    self.replace("unknown convention", range(name.span), "q");
                }
                return;
            }
            _ => return,
        };
        for a in args {
            if let Some(n) = &a.name {
                let any = self.one(&name.text).is_some_and(|d| d.open);
                if n.text.len() > 3 && !any {
                    self.replace("misspelt argument", range(n.span), &misspelt(&n.text));
                }
                if &*n.text == "over" {
                    self.replace("wrong axis", range(a.value.span), "9");
                    if let Some(m) = self.out.last_mut().filter(|m| m.kind == "wrong axis") {
                        m.places = vec![e.span.start as usize..m.places[0].end];
                    }
                }
            }
        }
        let Some(d) = self.one(&name.text) else {
            return;
        };
        let positional: Vec<&Arg> = args
            .iter()
            .filter(|a| a.name.is_none() && !a.spread)
            .collect();
        let hole = args
            .iter()
            .any(|a| a.spread || matches!(a.value.kind, ExprKind::Hole));
        let Some(list) = d.lists.first() else { return };
        let (list, curried): (Vec<(String, bool)>, bool) = (list.clone(), d.lists.len() > 1);
        let intrinsic = d.role == Role::Intrinsic;
        let required = list.iter().filter(|p| !p.1).count();
        if let Some(last) = args.last().filter(|a| a.name.is_none())
            && !hole
            && !trailing
            && !intrinsic
            && positional.len() == required
            && positional.len() == args.len()
            && (d.role != Role::Block || curried)
        {
            let start = match positional.len() {
                1 => last.span.start as usize,
                n => positional[n - 2].span.end as usize,
            };
            self.change(
                "dropped argument",
                start..last.span.end as usize,
                "",
                &[range(e.span)],
            );
        }
        if let Some(last) = args.last()
            && !hole
            && !trailing
            && !intrinsic
            && positional.len() == list.len()
        {
            let end = last.span.end as usize;
            self.change("one argument too many", end..end, ", 1", &[end..end + 3]);
            if let Some(m) = self
                .out
                .last_mut()
                .filter(|m| m.kind == "one argument too many")
            {
                m.places = vec![end..end + 3];
            }
        }
        if let [a, b, ..] = &positional[..]
            && !hole
            && !intrinsic
            && let [x, y, ..] = &list[..]
            && apart(&x.0, &y.0)
        {
            let swapped = format!("{}, {}", self.at(b.span), self.at(a.span));
            let cut = a.span.start as usize..b.span.end as usize;
            self.change("swapped arguments", cut, &swapped, &[range(e.span)]);
        }
        for (a, p) in positional.iter().zip(&list) {
            match &*p.0 {
                "Schedule" if !intrinsic => {
                    self.replace("number for a schedule", range(a.value.span), "0.1")
                }
                "Int" | "Epochs" if matches!(a.value.kind, ExprKind::Number(_)) && !intrinsic => {
                    self.replace("text for a number", range(a.value.span), "\"3\"");
                }
                "Net" | "Space" | "Data" if !intrinsic => {
                    self.replace("number for a thing", range(a.value.span), "7")
                }
                _ => {}
            }
        }
    }
}
