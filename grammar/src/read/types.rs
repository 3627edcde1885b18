//! Types and patterns.

use super::{Pair, Reader, Rule, parts, take};
use crate::ast::*;

impl Reader<'_> {
    pub(super) fn ty(&self, pair: Pair) -> Type {
        let span = self.span(&pair);
        let broken = Type {
            kind: TypeKind::Tuple(vec![]),
            span,
        };
        self.deeper(1, span, || {
            let mut inner = parts(pair);
            let Some(first) = inner.next() else {
                return broken.clone();
            };
            let grouped = parts(first.clone())
                .next()
                .is_some_and(|p| p.as_rule() == Rule::tuple_type)
                && parts(first.clone()).count() == 1;
            let left = self.type_post(first.clone());
            let Some(result) = inner.next() else {
                return left;
            };
            let result = Box::new(self.ty(result));
            let from = match left.kind {
                TypeKind::Tuple(all) if grouped => all,
                kind => vec![Type {
                    kind,
                    span: left.span,
                }],
            };
            Type {
                kind: TypeKind::Fn(from, result),
                span,
            }
        })
        .unwrap_or(broken.clone())
    }

    pub(super) fn type_post(&self, pair: Pair) -> Type {
        let span = self.span(&pair);
        let mut inner = parts(pair);
        let mut ty = match inner.next() {
            Some(atom) => self.type_atom(atom),
            None => Type {
                kind: TypeKind::Tuple(vec![]),
                span,
            },
        };
        for part in inner {
            let here = ty.span.to(self.span(&part));
            ty = match part.as_rule() {
                Rule::optional => Type {
                    kind: TypeKind::Optional(Box::new(ty)),
                    span: here,
                },
                Rule::sealed => Type {
                    kind: TypeKind::Sealed(Box::new(ty)),
                    span: here,
                },
                _ => {
                    let of = Box::new(self.type_post(part));
                    match ty.kind {
                        TypeKind::Tensor { shape, of: None } => Type {
                            kind: TypeKind::Tensor {
                                shape,
                                of: Some(of),
                            },
                            span: here,
                        },
                        kind => {
                            self.report(
                                nas_diagnostics::Diagnostic::error(
                                    "E0101",
                                    "`of` follows a tensor's shape only",
                                )
                                .at(of.span, "an element type")
                                .help("write a shape before it: `[n, c] of Complex`"),
                            );
                            Type { kind, span: here }
                        }
                    }
                }
            };
        }
        ty
    }

    fn type_atom(&self, pair: Pair) -> Type {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::tuple_type => {
                let mut all: Vec<Type> = parts(pair).map(|p| self.ty(p)).collect();
                match (all.len(), all.pop()) {
                    // `(T)` is T, but as the left of an arrow it is a list of one: see `ty`.
                    (1, Some(one)) => {
                        return Type {
                            kind: one.kind,
                            span,
                        };
                    }
                    (_, Some(last)) => {
                        all.push(last);
                        TypeKind::Tuple(all)
                    }
                    (_, None) => TypeKind::Tuple(vec![]),
                }
            }
            Rule::record_type => self.record_type(pair),
            Rule::list_type => {
                let mut inner = parts(pair).filter(|p| p.as_rule() != Rule::list_guard);
                let of = inner.next().map(|p| self.ty(p)).unwrap_or(Type {
                    kind: TypeKind::Tuple(vec![]),
                    span,
                });
                let count = inner.next().map(|p| Box::new(self.expr(p)));
                TypeKind::List {
                    of: Box::new(of),
                    count,
                }
            }
            Rule::tensor_type => TypeKind::Tensor {
                shape: parts(pair).map(|p| self.index_arg(p, true)).collect(),
                of: None,
            },
            _ => {
                let mut inner = parts(pair);
                let name = inner.next().map(|p| self.ident(&p)).unwrap_or(Ident {
                    text: "".into(),
                    span,
                });
                let taps = take(&mut inner, Rule::taps)
                    .map(|p| parts(p).map(|w| self.ident(&w)).collect())
                    .unwrap_or_default();
                let args = take(&mut inner, Rule::type_args)
                    .map(|p| parts(p).map(|a| self.type_arg(a)).collect())
                    .unwrap_or_default();
                TypeKind::Name { name, taps, args }
            }
        };
        Type { kind, span }
    }

    fn record_type(&self, pair: Pair) -> TypeKind {
        let mut fields = vec![];
        for field in parts(pair) {
            let mut inner = parts(field);
            if let (Some(name), Some(ty)) = (inner.next(), inner.next()) {
                fields.push((self.ident(&name), self.ty(ty)));
            }
        }
        let is_type = |n: &Ident| n.text.chars().next().is_some_and(char::is_uppercase);
        match fields.as_slice() {
            [(name, value)] if is_type(name) => {
                let key = Type {
                    kind: TypeKind::Name {
                        name: name.clone(),
                        taps: vec![],
                        args: vec![],
                    },
                    span: name.span,
                };
                TypeKind::Map(Box::new(key), Box::new(value.clone()))
            }
            _ => {
                self.no_repeats(fields.iter().map(|(n, _)| n), "field");
                TypeKind::Record(fields)
            }
        }
    }

    /// `Data[x, y: Label[c]]`: a named argument becomes a record of one field whose value is the type, read as an expression.
    fn type_arg(&self, pair: Pair) -> Expr {
        let span = self.span(&pair);
        let mut inner = parts(pair);
        match (inner.next(), inner.next()) {
            (Some(name), Some(ty)) if name.as_rule() == Rule::word => {
                let name = self.ident(&name);
                let value = type_as_expr(self.ty(ty));
                Expr {
                    kind: ExprKind::Record(vec![Field::Named { name, value }]),
                    span,
                }
            }
            (Some(expr), _) => self.expr(expr),
            _ => Expr {
                kind: ExprKind::Error,
                span,
            },
        }
    }

    pub(super) fn pattern(&self, pair: Pair) -> Pattern {
        let span = self.span(&pair);
        let Some(inner) = parts(pair).next() else {
            return Pattern {
                kind: PatternKind::Wildcard,
                span,
            };
        };
        let kind = match inner.as_rule() {
            Rule::tuple_pattern => {
                let all: Vec<Pattern> = parts(inner).map(|p| self.pattern(p)).collect();
                PatternKind::Tuple(all)
            }
            Rule::record_pattern => PatternKind::Record(
                parts(inner)
                    .filter_map(|field| {
                        let mut field = parts(field);
                        let name = self.ident(&field.next()?);
                        Some((name, field.next().map(|p| self.pattern(p))))
                    })
                    .collect(),
            ),
            _ if inner.as_str() == "_" => PatternKind::Wildcard,
            _ => PatternKind::Name(self.ident(&inner)),
        };
        Pattern { kind, span }
    }
}

/// `Label[c]` as the expression it looks like.
fn type_as_expr(ty: Type) -> Expr {
    let span = ty.span;
    let kind = match ty.kind {
        TypeKind::Name { name, args, .. } if args.is_empty() => ExprKind::Name(name),
        TypeKind::Name { name, args, .. } => {
            let base = Box::new(Expr {
                span: name.span,
                kind: ExprKind::Name(name),
            });
            ExprKind::Index {
                base,
                args: args.into_iter().map(IndexArg::At).collect(),
            }
        }
        // `T?` and the like keep what stands inside.
        TypeKind::Optional(inner) | TypeKind::Sealed(inner) => type_as_expr(*inner).kind,
        _ => ExprKind::Error,
    };
    Expr { kind, span }
}
