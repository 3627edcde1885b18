//! What an expression is made of: numbers, texts, brackets, `if`, `repeat`, `choose`, lambdas.

use super::{Pair, Reader, Rule, parts, take};
use crate::ast::*;
use nas_diagnostics::{Diagnostic, Span};

impl Reader<'_> {
    pub(super) fn primary(&self, pair: Pair) -> Expr {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::number => ExprKind::Number(self.number(pair)),
            Rule::text => ExprKind::Text(self.text(&pair)),
            Rule::bool => ExprKind::Bool(pair.as_str() == "true"),
            Rule::none => ExprKind::None,
            Rule::hole => ExprKind::Hole,
            Rule::it => ExprKind::It,
            Rule::name => return self.name(pair),
            Rule::full_range => ExprKind::Range {
                low: None,
                high: None,
                inclusive: false,
                step: None,
            },
            Rule::block => ExprKind::Block(Box::new(self.block(pair))),
            Rule::lambda => self.lambda(pair),
            Rule::if_expr => return self.if_expr(pair),
            Rule::repeat_expr => self.repeat(pair),
            Rule::choose_expr => self.choose(pair),
            Rule::modes => self.modes(pair),
            Rule::rejected => match parts(pair).next() {
                Some(block) => ExprKind::Rejected(Box::new(self.block(block))),
                None => ExprKind::Error,
            },
            Rule::net_expr => ExprKind::Net(std::sync::Arc::new(self.net(pair))),
            Rule::adapter => match parts(pair).next() {
                Some(value) => {
                    let word = Span {
                        end: span.start + "adapter".len() as u32,
                        ..span
                    };
                    let value = self.expr(value);
                    let arg = Arg {
                        name: None,
                        spread: false,
                        span: value.span,
                        value,
                    };
                    let callee = Expr {
                        kind: ExprKind::Name(Ident {
                            text: "adapter".into(),
                            span: word,
                        }),
                        span: word,
                    };
                    ExprKind::Call {
                        callee: Box::new(callee),
                        args: vec![arg],
                        trailing: None,
                    }
                }
                None => ExprKind::Error,
            },
            Rule::tap_target => parts(pair)
                .next()
                .map_or(ExprKind::Error, |w| ExprKind::TapTarget(self.ident(&w))),
            Rule::clock_of => self.clock_of(pair),
            Rule::record => self.record(pair),
            Rule::paren => return self.paren(pair),
            Rule::list => self.list(pair),
            _ => ExprKind::Error,
        };
        Expr { kind, span }
    }

    fn name(&self, pair: Pair) -> Expr {
        let ident = self.ident(&pair);
        let span = ident.span;
        let help = match &*ident.text {
            "True" => "write `true`",
            "False" => "write `false`",
            "None" | "null" | "nil" => "write `none`",
            _ => {
                return Expr {
                    kind: ExprKind::Name(ident),
                    span,
                };
            }
        };
        self.report(
            Diagnostic::error("E0103", format!("`{}` is not a word of Nas", ident.text))
                .at(span, "from another language")
                .help(help),
        );
        Expr {
            kind: ExprKind::Error,
            span,
        }
    }

    fn lambda(&self, pair: Pair) -> ExprKind {
        let mut inner = parts(pair);
        let params = match inner.next() {
            Some(p) if p.as_rule() == Rule::params => self.params(p),
            Some(p) => {
                let name = self.ident(&p);
                vec![Param {
                    span: name.span,
                    name,
                    pattern: None,
                    ty: None,
                    sealed: false,
                    default: None,
                }]
            }
            None => vec![],
        };
        match inner.next() {
            Some(body) => ExprKind::Lambda {
                params: params.into(),
                body: self.expr(body).into(),
            },
            None => ExprKind::Error,
        }
    }

    fn if_expr(&self, pair: Pair) -> Expr {
        let span = self.span(&pair);
        let mut arms = vec![];
        let mut otherwise = None;
        let mut inner = parts(pair);
        while let Some(part) = inner.next() {
            if part.as_rule() == Rule::else_block {
                otherwise = parts(part).next();
            } else if let Some(block) = inner.next() {
                arms.push((part, block));
            }
        }
        let broken = Expr {
            kind: ExprKind::Error,
            span,
        };
        self.deeper(arms.len(), span, || {
            let mut rest = otherwise.map(|p| {
                let block = self.block(p);
                Box::new(Expr {
                    span: block.span,
                    kind: ExprKind::Block(Box::new(block)),
                })
            });
            for (condition, block) in arms.into_iter().rev() {
                let condition = Box::new(self.expr(condition));
                let then = Box::new(self.block(block));
                let here = Span {
                    start: condition.span.start.saturating_sub(3).max(span.start),
                    ..span
                };
                rest = Some(Box::new(Expr {
                    kind: ExprKind::If {
                        condition,
                        then,
                        otherwise: rest,
                    },
                    span: here,
                }));
            }
            rest.map_or(broken.clone(), |e| *e)
        })
        .unwrap_or(broken.clone())
    }

    fn repeat(&self, pair: Pair) -> ExprKind {
        let mut inner = parts(pair);
        let Some(over) = inner.next().map(|p| Box::new(self.expr(p))) else {
            return ExprKind::Error;
        };
        let (mut binder, mut index) = (None, None);
        if let Some(names) = take(&mut inner, Rule::repeat_as) {
            let mut names = parts(names);
            binder = names.next().map(|p| self.pattern(p));
            index = names.next().map(|p| self.pattern(p));
        }
        let condition = take(&mut inner, Rule::repeat_while)
            .and_then(|p| parts(p).next())
            .map(|p| Box::new(self.expr(p)));
        match inner.next() {
            Some(body) => ExprKind::Repeat {
                over,
                binder,
                index,
                condition,
                body: Box::new(self.block(body)),
            },
            None => ExprKind::Error,
        }
    }

    fn choose(&self, pair: Pair) -> ExprKind {
        let (mut ordered, mut distinct) = (false, false);
        let mut inner = parts(pair);
        while let Some(how) = take(&mut inner, Rule::choose_how) {
            if how.as_str() == "ordered" {
                ordered = true;
            } else {
                distinct = true;
            }
        }
        let Some(first) = inner.next().map(|p| Box::new(self.expr(p))) else {
            return ExprKind::Error;
        };
        match inner.next().map(|p| Box::new(self.expr(p))) {
            Some(options) => ExprKind::Choose {
                count: Some(first),
                options,
                ordered,
                distinct,
            },
            None => ExprKind::Choose {
                count: None,
                options: first,
                ordered,
                distinct,
            },
        }
    }

    fn modes(&self, pair: Pair) -> ExprKind {
        let (mut train, mut infer) = (None, None);
        for arm in parts(pair) {
            let is_train = arm.as_rule() == Rule::train_arm;
            let block = parts(arm).next().map(|p| Box::new(self.block(p)));
            if is_train {
                train = block;
            } else {
                infer = block;
            }
        }
        ExprKind::Modes { train, infer }
    }

    fn net(&self, pair: Pair) -> NetDecl {
        let span = self.span(&pair);
        let mut inner = parts(pair);
        let params = inner.next().map(|p| self.params(p)).unwrap_or_default();
        let result = take(&mut inner, Rule::r#type).map(|p| self.ty(p));
        let body = inner.next().map(|p| self.block(p)).unwrap_or(Block {
            stmts: vec![],
            value: None,
            span,
        });
        NetDecl {
            params,
            result,
            body,
            span,
        }
    }

    /// `epoch 3 of 250`
    fn clock_of(&self, pair: Pair) -> ExprKind {
        let mut inner = parts(pair);
        let (Some(unit), Some(value), Some(of)) = (inner.next(), inner.next(), inner.next()) else {
            return ExprKind::Error;
        };
        let number = |p: Pair| {
            let digits: std::sync::Arc<str> = p.as_str().replace('_', "").into();
            let float = digits.contains(['.', 'e', 'E']);
            Box::new(Expr {
                span: self.span(&p),
                kind: ExprKind::Number(Number {
                    digits,
                    float,
                    scale: None,
                    unit: None,
                }),
            })
        };
        ExprKind::Of {
            value: number(value),
            of: number(of),
            unit: Some(self.ident(&unit)),
        }
    }

    fn record(&self, pair: Pair) -> ExprKind {
        let (fields, clauses) = self.record_parts(pair);
        let Some(clauses) = clauses else {
            return ExprKind::Record(fields);
        };
        let at = self.span(&clauses);
        let mut fields = fields.into_iter();
        match (fields.next(), fields.next()) {
            (Some(field @ (Field::Named { .. } | Field::Computed { .. })), None) => {
                let (key, value) = match field {
                    Field::Named { name, value } => (
                        Expr {
                            span: name.span,
                            kind: ExprKind::Name(name),
                        },
                        value,
                    ),
                    Field::Computed { key, value } => (key, value),
                    _ => return ExprKind::Error,
                };
                ExprKind::RecordFor {
                    key: Box::new(key),
                    value: Box::new(value),
                    clauses: self.clauses(clauses),
                }
            }
            _ => {
                self.report(
                    Diagnostic::error("E0101", "a record made by `for` has one `key: value`")
                        .at(at, "for this")
                        .help("write `{ key: value for x in xs }`"),
                );
                ExprKind::Error
            }
        }
    }

    pub(super) fn record_parts<'a>(&self, pair: Pair<'a>) -> (Vec<Field>, Option<Pair<'a>>) {
        let mut fields = vec![];
        let mut clauses = None;
        for part in parts(pair) {
            match part.as_rule() {
                Rule::record_field => fields.extend(self.field(part)),
                Rule::clauses => clauses = Some(part),
                _ => {}
            }
        }
        self.no_repeats(
            fields.iter().filter_map(|f| match f {
                Field::Named { name, .. } | Field::Short(name) => Some(name),
                _ => None,
            }),
            "field",
        );
        (fields, clauses)
    }

    fn field(&self, pair: Pair) -> Option<Field> {
        let inner = parts(pair).next()?;
        if inner.as_rule() == Rule::word {
            return Some(Field::Short(self.ident(&inner)));
        }
        let rule = inner.as_rule();
        let mut below = parts(inner);
        let first = below.next()?;
        Some(match rule {
            Rule::spread_field => Field::Spread(self.expr(first)),
            Rule::named_field => Field::Named {
                name: self.ident(&first),
                value: self.expr(below.next()?),
            },
            _ => Field::Computed {
                key: self.expr(first),
                value: self.expr(below.next()?),
            },
        })
    }

    fn paren(&self, pair: Pair) -> Expr {
        let span = self.span(&pair);
        let inner: Vec<Pair> = parts(pair).collect();
        let comma = inner.iter().any(|p| p.as_rule() == Rule::trailing_comma);
        let mut all: Vec<Expr> = inner
            .into_iter()
            .filter(|p| p.as_rule() == Rule::expr)
            .map(|p| self.expr(p))
            .collect();
        match all.pop() {
            Some(only) if all.is_empty() && !comma => Expr { span, ..only },
            Some(last) => {
                all.push(last);
                Expr {
                    kind: ExprKind::Tuple(all),
                    span,
                }
            }
            None => Expr {
                kind: ExprKind::Tuple(vec![]),
                span,
            },
        }
    }

    fn list(&self, pair: Pair) -> ExprKind {
        let span = self.span(&pair);
        let mut items = vec![];
        let inner = parts(pair);
        for part in inner {
            match part.as_rule() {
                Rule::list_fill => {
                    return match (items.pop(), parts(part).next()) {
                        (Some(ListItem::Item(value)), Some(count)) => ExprKind::Fill {
                            value: Box::new(value),
                            count: Box::new(self.expr(count)),
                        },
                        _ => self.no_spread(span),
                    };
                }
                Rule::clauses => {
                    return match items.pop() {
                        Some(ListItem::Item(body)) => ExprKind::ListFor {
                            body: Box::new(body),
                            clauses: self.clauses(part),
                        },
                        _ => self.no_spread(span),
                    };
                }
                _ => {
                    let Some(item) = parts(part).next() else {
                        continue;
                    };
                    if item.as_rule() == Rule::spread {
                        items.extend(parts(item).next().map(|p| ListItem::Spread(self.expr(p))));
                    } else {
                        items.push(ListItem::Item(self.expr(item)));
                    }
                }
            }
        }
        ExprKind::List(items)
    }

    fn no_spread(&self, span: Span) -> ExprKind {
        self.report(
            Diagnostic::error("E0101", "`..` cannot stand before `for` or `;`")
                .at(span, "in this list")
                .help("use `flat([… for x in xs])` to join lists"),
        );
        ExprKind::Error
    }
}
