//! Expressions: the type of each kind, with what is certainly wrong in it.

use super::Types;
use super::stmt::{list, words};
use super::ty::{Elem, Num, Ty, Unit};
use nas_diagnostics::Diagnostic;
use nas_grammar::ast::*;
use std::sync::Arc;

impl Types<'_> {
    pub(super) fn expr(&mut self, e: &Expr) -> Ty {
        use ExprKind as E;
        match &e.kind {
            E::Number(n) => {
                if let Some(u) = &n.unit {
                    self.units.insert(e.span, u.span);
                }
                number(n)
            }
            E::Text(_) => Ty::Text,
            E::Bool(_) => Ty::Bool,
            E::None => Ty::None,
            E::Name(n) => self.name(n),
            E::Hole | E::It | E::Error | E::TapTarget(_) | E::Of { .. } => Ty::Any,
            E::Field { base, name } => self.field(base, name),
            E::TupleField { base, index } => match self.expr(base) {
                Ty::Tuple(parts) => parts.get(*index).cloned().unwrap_or(Ty::Any),
                Ty::List(t) => (*t).clone(),
                _ => Ty::Any,
            },
            E::Call { .. } => self.call(e, None),
            E::Index { base, args } => self.index(base, args),
            E::Lambda { params, body } => self.scoped(|t| {
                t.params(params);
                let ty = t.expr(body);
                Ty::Func(None, Arc::new(ty))
            }),
            E::Pipe { value, target } => {
                let piped = self.expr(value);
                self.pipe(piped, value, target)
            }
            E::Unary { op, value } => {
                let ty = self.expr(value);
                match (op, ty.met()) {
                    (UnaryOp::Not, Ty::Num(_) | Ty::Text | Ty::Named(_)) => {
                        let d = Diagnostic::error(
                            "E0301",
                            format!("`not` is of a truth value, and this is {}", words(&ty)),
                        )
                        .at(value.span, "not true or false");
                        let d = self.as_condition(d, value, &ty);
                        self.report(d);
                        Ty::Bool
                    }
                    (UnaryOp::Not, Ty::Bool) => Ty::Bool,
                    (UnaryOp::Neg, Ty::Num(_) | Ty::Tensor(Elem::Float | Elem::Complex)) => ty,
                    (UnaryOp::Neg, Ty::Text | Ty::None) => {
                        let d = Diagnostic::error(
                            "E0301",
                            format!("`-` is of a number, and this is {}", words(&ty)),
                        )
                        .at(value.span, "not a number");
                        let d = self.unquoted(d, value.span);
                        self.report(d);
                        Ty::Any
                    }
                    _ => Ty::Any,
                }
            }
            E::Binary { op, left, right } => self.binary(*op, left, right, e.span),
            E::Range {
                low, high, step, ..
            } => {
                let mut ends = [low, high, step].into_iter().flatten();
                let whole = ends.all(|x| matches!(self.expr(x), Ty::Num(n) if n.whole));
                if whole { list(Ty::whole()) } else { Ty::Any }
            }
            E::If {
                condition,
                then,
                otherwise,
            } => {
                let c = self.expr(condition);
                if matches!(
                    c,
                    Ty::Text | Ty::Num(Num { run: false, .. }) | Ty::Named(_) | Ty::List(_)
                ) {
                    let d = Diagnostic::error(
                        "E0301",
                        format!("a condition is true or false, and this is {}", words(&c)),
                    )
                    .at(condition.span, "this condition");
                    let d = self.as_condition(d, condition, &c);
                    self.report(d);
                }
                let a = self.block(then);
                match otherwise {
                    Some(o) => {
                        let b = self.expr(o);
                        self.arms(&a, &b, then.span, o.span);
                        a.join(&b)
                    }
                    None => Ty::Any,
                }
            }
            E::Block(b) => self.block(b),
            E::Rejected(b) => {
                self.quietly(|t| t.block(b));
                Ty::Bool
            }
            E::Tuple(items) => {
                let types = items.iter().map(|i| self.expr(i)).collect();
                Ty::Tuple(Arc::new(types))
            }
            E::List(items) => self.items(items),
            E::Fill { value, count } => {
                let of = self.expr(value);
                self.expr(count);
                list(of)
            }
            E::ListFor { body, clauses } | E::Sequence { body, clauses } => self.scoped(|t| {
                t.clauses(clauses);
                let of = t.expr(body);
                list(of)
            }),
            E::Record(fields) => self.record(fields),
            E::RecordFor {
                key,
                value,
                clauses,
            } => self.scoped(|t| {
                t.clauses(clauses);
                t.quietly(|t| t.expr(key));
                t.expr(value);
                Ty::Any
            }),
            E::Choose { count, options, .. } => {
                if let Some(c) = count {
                    let n = self.expr(c);
                    self.static_needed(&n, c.span, "how many are chosen");
                }
                if let E::List(items) = &options.kind {
                    for i in items {
                        if let ListItem::Item(x) = i {
                            let ty = self.quietly(|t| t.expr(x));
                            if matches!(ty, Ty::Num(_) | Ty::Tensor(_)) {
                                self.static_needed(&ty, x.span, "an option");
                            }
                        }
                    }
                }
                match self.expr(options) {
                    Ty::List(t) if count.is_none() && matches!(*t, Ty::Num(_)) => (*t).clone(),
                    _ => Ty::Any,
                }
            }
            E::Repeat {
                over,
                binder,
                index,
                condition,
                body,
            } => {
                let n = self.expr(over);
                self.static_needed(&n, over.span, "the number of turns");
                let turn = match &n {
                    Ty::List(t) => (**t).clone(),
                    Ty::Num(_) => Ty::whole(),
                    _ => Ty::Any,
                };
                self.scoped(|t| {
                    binder.iter().for_each(|p| t.pattern(p, &turn));
                    index.iter().for_each(|p| t.pattern(p, &Ty::whole()));
                    condition.iter().for_each(|c| {
                        t.expr(c);
                    });
                    t.block(body);
                });
                Ty::Any
            }
            E::Modes { train, infer } => match (train, infer) {
                (Some(a), Some(b)) => {
                    let a = self.block(a);
                    let b = self.block(b);
                    a.join(&b)
                }
                _ => {
                    for b in [train, infer].into_iter().flatten() {
                        self.block(b);
                    }
                    Ty::Any
                }
            },
            E::AtMode { value, .. } => self.expr(value),
            E::AtValue { value, name, at } => {
                self.expr(at);
                self.scoped(|t| {
                    t.bind(&name.text, Ty::Any);
                    t.expr(value)
                })
            }
            E::With { base, entries } => {
                let ty = self.expr(base);
                self.edits(entries);
                match ty {
                    Ty::Record(_) => Ty::Any,
                    ty => ty,
                }
            }
            E::As { value, ty } => {
                let of = self.expr(value);
                match (&ty.kind, of) {
                    (TypeKind::Name { name, .. }, of) if matches!(&*name.text, "f32" | "f64") => {
                        match of {
                            Ty::Tensor(_) => Ty::Tensor(Elem::Float),
                            other => other,
                        }
                    }
                    _ => Ty::Any,
                }
            }
            E::Where { value, conditions } => {
                let ty = self.expr(value);
                let space = matches!(ty.met(), Ty::Named(n) if &**n == "Space");
                conditions.iter().for_each(|c| {
                    self.expr(c);
                    if space {
                        self.condition(c);
                    }
                });
                // `xs where known(y)`: what is left is valid.
                let known = |c: &Expr| self.sources.text(c.span).contains("known(");
                match ty {
                    Ty::Maybe(t) if conditions.iter().any(known) => t.met().clone(),
                    Ty::Table(_) => list(self.element(&ty)),
                    ty => ty,
                }
            }
            E::DrawWhere {
                value,
                condition,
                within,
                otherwise,
            } => {
                let ty = self.expr(value);
                self.expr(condition);
                self.bounded(condition, within.as_deref());
                otherwise.iter().for_each(|e| {
                    self.expr(e);
                });
                if otherwise.is_some() || within.is_none() {
                    ty
                } else {
                    ty.maybe()
                }
            }
            E::Modulo { value, rules } => {
                self.quietly(|t| t.expr(rules));
                self.expr(value)
            }
            E::Else { value, otherwise } => {
                let a = self.expr(value);
                let b = self.expr(otherwise);
                self.stand_in(&a, &b, value.span, otherwise.span);
                match a.met() {
                    Ty::None | Ty::Any => Ty::Any,
                    a => a.join(&b),
                }
            }
            E::Is { value, option, .. } => {
                self.expr(value);
                self.quietly(|t| t.expr(option));
                Ty::Bool
            }
            E::In {
                value, collection, ..
            } => {
                let ty = self.expr(value);
                self.expr(collection);
                self.between_ends(&ty, value.span, collection);
                Ty::Any
            }
            E::Draw(inner) => self.drawn(inner),
            E::Net(net) => {
                self.net(net);
                Ty::named("Net")
            }
            E::Within {
                value,
                tolerance,
                of,
            } => {
                self.expr(value);
                self.tolerance(value, tolerance);
                of.iter().for_each(|o| {
                    self.expr(o);
                });
                Ty::Bool
            }
            E::Arrow { from, to } => {
                for (end, e) in [(self.expr(from), from), (self.expr(to), to)] {
                    if matches!(end, Ty::Text | Ty::Bool | Ty::List(_)) {
                        let d = Diagnostic::error(
                            "E0301",
                            format!("a course goes between numbers, and this is {}", words(&end)),
                        )
                        .at(e.span, "not a number");
                        let d = self.unquoted(d, e.span);
                        self.report(d);
                    }
                }
                Ty::Any
            }
        }
    }

    /// What is drawn from a value.
    pub(super) fn drawn(&mut self, e: &Expr) -> Ty {
        let ty = self.expr(e);
        self.nothing_drawn(e, &ty);
        match &e.kind {
            // `normal[2, 3]`
            _ if matches!(&ty, Ty::Decl(d) if d.decl.role == Role::Intrinsic) => Ty::Num(Num {
                unit: None,
                run: false,
                whole: false,
            }),
            ExprKind::Index { base, .. } => match &base.kind {
                ExprKind::Name(n)
                    if matches!(
                        &*n.text,
                        "normal"
                            | "uniform"
                            | "gumbel"
                            | "rademacher"
                            | "trunc_normal"
                            | "bernoulli"
                    ) =>
                {
                    Ty::Tensor(Elem::Float)
                }
                _ => ty,
            },
            _ => ty,
        }
    }

    pub(super) fn clauses(&mut self, clauses: &[Clause]) {
        for c in clauses {
            match c {
                Clause::For { pattern, iterable } => {
                    let over = self.expr(iterable);
                    self.counted_ends(iterable);
                    self.gone_through(&over, iterable.span);
                    let turn = self.element(&over);
                    self.pattern(pattern, &turn);
                }
                Clause::If(e) => {
                    self.expr(e);
                }
            }
        }
    }
}

fn number(n: &Number) -> Ty {
    let unit = match &n.unit {
        Some(u) => Unit::of_suffix(&u.text),
        None => Some(Unit::Bare),
    };
    let whole = (!n.float || n.scale.is_some()) && unit != Some(Unit::Percent);
    Ty::Num(Num {
        unit,
        run: false,
        whole,
    })
}
