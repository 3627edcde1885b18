//! Blocks and statements.

use super::draws::{drawn, hidden_condition, split_where};
use super::{Pair, Reader, Rule, parts, take};
use crate::ast::*;
use nas_diagnostics::{Diagnostic, Span};
use std::sync::Arc;

/// Where a block stands: some statements have a meaning in one place only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    Space,
    Curriculum,
    Distill,
}

impl Reader<'_> {
    pub(super) fn block(&self, pair: Pair) -> Block {
        self.block_in(pair, self.place_below())
    }

    /// Inside a `for` or `if` of a distill, its lines still stand; all else starts anew.
    fn place_below(&self) -> Place {
        match self.place.get() {
            Place::Distill => Place::Distill,
            _ => Place::Anywhere,
        }
    }

    pub(super) fn block_in(&self, pair: Pair, place: Place) -> Block {
        let span = self.span(&pair);
        let before = self.place.replace(place);
        let block = self.deeper(1, span, || {
            let mut stmts: Vec<Stmt> = parts(pair)
                .filter(|p| p.as_rule() == Rule::stmt)
                .filter_map(|p| self.stmt(p, place))
                .collect();
            let value = match stmts.pop() {
                Some(Stmt {
                    kind: StmtKind::Expr(value),
                    ..
                }) => Some(Box::new(value)),
                Some(last) => {
                    stmts.push(last);
                    None
                }
                None => None,
            };
            Block { stmts, value, span }
        });
        self.place.set(before);
        block.unwrap_or(Block {
            stmts: vec![],
            value: None,
            span,
        })
    }

    /// `///` lines, joined.
    pub(super) fn docs<'a>(
        &self,
        inner: &mut std::iter::Peekable<impl Iterator<Item = Pair<'a>>>,
    ) -> Option<String> {
        let mut lines = vec![];
        while let Some(line) = take(inner, Rule::doc) {
            let text = line.as_str().trim_end().trim_start_matches("///");
            lines.push(text.strip_prefix(' ').unwrap_or(text).to_string());
        }
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn stmt(&self, pair: Pair, place: Place) -> Option<Stmt> {
        let mut inner = parts(pair);
        let doc = self.docs(&mut inner);
        let body = inner.next()?;
        let span = self.span(&body);
        self.check_place(body.as_rule(), place, span);
        let kind = self.stmt_kind(body, place)?;
        let (doc, kind) = match kind {
            StmtKind::Item(item) => (None, StmtKind::Item(Item { doc, ..item })),
            kind => (doc, kind),
        };
        Some(Stmt { doc, kind, span })
    }

    fn check_place(&self, rule: Rule, place: Place, at: Span) {
        let (what, home, wanted) = match rule {
            Rule::phase_stmt => ("`phase`", "a `curriculum`", Place::Curriculum),
            Rule::monotone_stmt => ("`monotone`", "a `curriculum`", Place::Curriculum),
            Rule::match_stmt => ("`match … to …`", "a `distill`", Place::Distill),
            Rule::label_stmt => ("`label`", "a `distill`", Place::Distill),
            Rule::encoding_stmt => ("`encoding`", "a `space`", Place::Space),
            Rule::value_stmt => ("`value`", "a `space`", Place::Space),
            Rule::where_stmt => ("`where` on a line of its own", "a `space`", Place::Space),
            _ => return,
        };
        if place != wanted {
            self.report(
                Diagnostic::error("E0107", format!("{what} has no meaning here"))
                    .at(at, format!("stands only in {home}"))
                    .help(format!("move it into {home}, or remove it")),
            );
        }
    }

    fn stmt_kind(&self, pair: Pair, place: Place) -> Option<StmtKind> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        if rule == Rule::nested_item {
            let item = parts(pair).next()?;
            return Some(StmtKind::Item(Item {
                doc: None,
                kind: self.item_kind(item)?,
                span,
            }));
        }
        let mut inner = parts(pair);
        Some(match rule {
            Rule::let_stmt => {
                let pattern = self.pattern(inner.next()?);
                self.no_repeats(pattern.names().into_iter(), "name");
                let ty = take(&mut inner, Rule::r#type).map(|p| self.ty(p));
                if take(&mut inner, Rule::draws).is_some() {
                    StmtKind::Draw {
                        pattern,
                        value: drawn(self.expr(inner.next()?)),
                    }
                } else {
                    StmtKind::Let {
                        pattern,
                        ty,
                        value: self.expr(inner.next()?),
                    }
                }
            }
            Rule::for_stmt => {
                let pattern = self.pattern(inner.next()?);
                let (iterable, condition) = split_where(self.expr(inner.next()?));
                StmtKind::For {
                    pattern,
                    iterable,
                    condition,
                    body: self.block(inner.next()?),
                }
            }
            Rule::tap_stmt => StmtKind::Tap {
                name: self.ident(&inner.next()?),
                value: self.expr(inner.next()?),
            },
            Rule::param_stmt | Rule::state_stmt => {
                let name = self.ident(&inner.next()?);
                let ty = take(&mut inner, Rule::r#type).map(|p| self.ty(p));
                let drawn = take(&mut inner, Rule::draws).is_some();
                let init = inner.next().map(|p| self.expr(p));
                if rule == Rule::param_stmt {
                    StmtKind::Param {
                        name,
                        ty,
                        init,
                        drawn,
                    }
                } else {
                    StmtKind::State {
                        name,
                        ty,
                        init,
                        drawn,
                    }
                }
            }
            Rule::weights_stmt => StmtKind::Weights {
                name: self.ident(&inner.next()?),
                value: self.expr(inner.next()?),
            },
            Rule::minimise_stmt => {
                let loss = self.expr(inner.next()?);
                let over = self.expr(inner.next()?);
                let by = inner
                    .next()
                    .and_then(|p| parts(p).next())
                    .map(|p| self.expr(p));
                StmtKind::Minimise { loss, over, by }
            }
            Rule::keep_stmt => {
                let value = self.expr(inner.next()?);
                StmtKind::Keep {
                    value,
                    every: inner
                        .next()
                        .and_then(|p| parts(p).next())
                        .map(|p| self.expr(p)),
                }
            }
            Rule::record_stmt => {
                let mut fields = vec![];
                for part in inner {
                    let mut part = parts(part);
                    fields.push((self.ident(&part.next()?), self.expr(part.next()?)));
                }
                self.no_repeats(fields.iter().map(|(n, _)| n), "field");
                StmtKind::Record { fields }
            }
            Rule::on_stmt => {
                let setting = self.expr(inner.next()?);
                let binder = take(&mut inner, Rule::pattern).map(|p| self.pattern(p));
                StmtKind::OnChange {
                    setting,
                    binder,
                    body: self.block(inner.next()?),
                }
            }
            Rule::expect_stmt => {
                let claim = self.expr(inner.next()?);
                StmtKind::Expect(self.sequence(claim, inner.next()))
            }
            Rule::report_stmt => {
                let args: Vec<Arg> = inner.map(|p| self.arg(p)).collect();
                self.no_repeats(args.iter().filter_map(|a| a.name.as_ref()), "name");
                StmtKind::Report(args)
            }
            Rule::budget_stmt => StmtKind::Budget(inner.map(|p| self.expr(p)).collect()),
            Rule::check_stmt => match self.expr(inner.next()?) {
                Expr {
                    kind: ExprKind::Else { value, otherwise },
                    ..
                } => StmtKind::Check {
                    condition: *value,
                    message: *otherwise,
                },
                condition => {
                    self.report(
                        Diagnostic::error("E0101", "a `check` says what is wrong")
                            .at(span, "`else` is missing")
                            .help("add `else \"what is wrong\"`"),
                    );
                    let message = Expr {
                        kind: ExprKind::Error,
                        span,
                    };
                    StmtKind::Check { condition, message }
                }
            },
            Rule::encoding_stmt => StmtKind::Encoding(self.text(&inner.next()?)),
            Rule::value_stmt => {
                let value = self.expr(inner.next()?);
                if let Some((before, condition)) = hidden_condition(&value) {
                    let mut gap = before;
                    gap.start = before.end;
                    gap.end = before.end + 1;
                    self.report(
                        Diagnostic::error(
                            "E0107",
                            "this `where` belongs to the value, not to the space",
                        )
                        .at(condition, "a condition of the expression before it")
                        .at(before, "this expression")
                        .help("a condition of the space stands on a line of its own")
                        .fix(gap, "\n  "),
                    );
                }
                StmtKind::Value(value)
            }
            Rule::where_stmt => StmtKind::Where(inner.map(|p| self.expr(p)).collect()),
            Rule::match_stmt => {
                let from = self.expr(inner.next()?);
                let to = self.expr(inner.next()?);
                let with = self.expr(inner.next()?);
                StmtKind::Match {
                    from,
                    to,
                    with,
                    weight: self.weight(inner.next()),
                }
            }
            Rule::label_stmt => {
                let loss = self.expr(inner.next()?);
                StmtKind::Label {
                    loss,
                    weight: self.weight(inner.next()),
                }
            }
            Rule::phase_stmt => {
                let at = self.expr(inner.next()?);
                let (settings, clauses) = self.record_parts(inner.next()?);
                if let Some(clauses) = clauses {
                    self.report(
                        Diagnostic::error(
                            "E0107",
                            "the settings of a phase are written one by one",
                        )
                        .at(self.span(&clauses), "this is no setting")
                        .help("write `{ name: value, … }`"),
                    );
                }
                StmtKind::Phase { at, settings }
            }
            Rule::monotone_stmt => StmtKind::Monotone(inner.map(|p| self.ident(&p)).collect()),
            Rule::bad_while => {
                self.report(
                    Diagnostic::error("E0103", "a loop in Nas has a bound")
                        .at(
                            Span {
                                end: span.start + 5,
                                ..span
                            },
                            "`while` alone may never end",
                        )
                        .help("write `for turn in 0..n { … }` or `repeat n while p { … }`"),
                );
                return None;
            }
            Rule::bad_return => {
                let word = self
                    .source_at(span)
                    .split_whitespace()
                    .next()
                    .unwrap_or("")
                    .to_string();
                let help = match word.as_str() {
                    "return" => "leave the word out: the last expression of a block is its value",
                    "var" => "write `let`, or `state` for what changes from turn to turn",
                    _ => "write `let`",
                };
                let at = Span {
                    end: span.start + word.len() as u32,
                    ..span
                };
                let d = Diagnostic::error("E0103", format!("`{word}` is not a word of Nas"))
                    .at(at, "from another language")
                    .help(help);
                self.report(match word.as_str() {
                    "return" => {
                        // Taken out with the space behind it.
                        let rest = &self.text[(at.end as usize - self.base).min(self.text.len())..];
                        let gap = rest.len() - rest.trim_start_matches(' ').len();
                        d.fix(
                            Span {
                                end: at.end + gap as u32,
                                ..at
                            },
                            "",
                        )
                    }
                    _ => d.fix(at, "let"),
                });
                return None;
            }
            _ => {
                let first = self.expr(inner.next()?);
                match (take(&mut inner, Rule::assign), inner.next()) {
                    (Some(_), Some(value)) => StmtKind::Assign {
                        place: first,
                        value: self.expr(value),
                    },
                    _ => match first.kind {
                        ExprKind::Net(net) if place == Place::Space => StmtKind::Net(net),
                        kind => StmtKind::Expr(Expr {
                            kind,
                            span: first.span,
                        }),
                    },
                }
            }
        })
    }

    fn weight(&self, pair: Option<Pair>) -> Option<Expr> {
        pair.and_then(|p| parts(p).next()).map(|p| self.expr(p))
    }

    /// Reports a name that occurs twice.
    pub(super) fn no_repeats<'n>(&self, names: impl Iterator<Item = &'n Ident>, what: &str) {
        let mut seen = std::collections::HashMap::<Arc<str>, Span>::new();
        for name in names {
            if let Some(first) = seen.get(&name.text) {
                self.report(
                    Diagnostic::error(
                        "E0108",
                        format!("the {what} `{}` is given twice", name.text),
                    )
                    .at(name.span, "again here")
                    .at(*first, "first here")
                    .help("rename or remove one of the two"),
                );
            } else {
                seen.insert(name.text.clone(), name.span);
            }
        }
    }
}
