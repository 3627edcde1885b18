//! Declarations that own code: functions with a role, spaces, pipelines, tests, and their parameters.

use super::stmts::Place;
use super::{Pair, Reader, Rule, parts, take};
use crate::ast::*;
use nas_diagnostics::{Diagnostic, Span};
use std::sync::Arc;

impl Reader<'_> {
    pub(super) fn item(&self, pair: Pair) -> Option<Item> {
        let mut inner = parts(pair);
        let doc = self.docs(&mut inner);
        let body = inner.next()?;
        let span = self.span(&body);
        Some(Item {
            doc,
            kind: self.item_kind(body)?,
            span,
        })
    }

    pub(super) fn item_kind(&self, pair: Pair) -> Option<ItemKind> {
        let span = self.span(&pair);
        Some(match pair.as_rule() {
            Rule::use_item => ItemKind::Use(self.use_item(pair)?),
            Rule::let_stmt => {
                let mut inner = parts(pair);
                let pattern = self.pattern(inner.next()?);
                self.no_repeats(pattern.names().into_iter(), "name");
                let ty = take(&mut inner, Rule::r#type).map(|p| self.ty(p));
                if take(&mut inner, Rule::draws).is_some() {
                    self.report(
                        Diagnostic::error("E0107", "a draw has no meaning at the top of a file")
                            .at(span, "drawn once and for all?")
                            .help("move it into a function, a trainer or a test"),
                    );
                }
                ItemKind::Let {
                    pattern,
                    ty,
                    value: self.expr(inner.next()?),
                }
            }
            Rule::fn_item => ItemKind::Fn(Arc::new(self.fn_item(pair)?)),
            Rule::space_item => {
                let (name, params, block) = self.headed(pair)?;
                ItemKind::Space(Arc::new(SpaceDecl {
                    name,
                    params,
                    body: self.block_in(block, Place::Space),
                }))
            }
            Rule::pipeline_item => {
                let (name, params, block) = self.headed(pair)?;
                ItemKind::Pipeline(Arc::new(PipelineDecl {
                    name,
                    params,
                    body: self.block_in(block, Place::Anywhere),
                }))
            }
            Rule::test_item => {
                let mut inner = parts(pair);
                let name = self.text(&inner.next()?);
                ItemKind::Test(Arc::new(TestDecl {
                    name,
                    body: self.block_in(inner.next()?, Place::Anywhere),
                }))
            }
            Rule::type_item => {
                let mut inner = parts(pair);
                ItemKind::Type {
                    name: self.ident(&inner.next()?),
                    ty: self.ty(inner.next()?),
                }
            }
            Rule::enlarge_item => ItemKind::Enlarge(Arc::new(self.enlarge(pair)?)),
            Rule::table_item => ItemKind::Table(Arc::new(self.table(pair)?)),
            Rule::rewrite_item => ItemKind::Rewrite(Arc::new(self.rewrite(pair)?)),
            _ => return None,
        })
    }

    fn use_item(&self, pair: Pair) -> Option<Use> {
        let span = self.span(&pair);
        let mut inner = parts(pair);
        let path = parts(inner.next()?).map(|p| self.ident(&p)).collect();
        let names = take(&mut inner, Rule::use_names).map(|p| {
            let pairs = parts(p).filter_map(|name| {
                let mut name = parts(name);
                Some((
                    self.ident(&name.next()?),
                    name.next().map(|w| self.ident(&w)),
                ))
            });
            pairs.collect::<Vec<_>>()
        });
        if let Some(names) = &names {
            self.no_repeats(names.iter().map(|(n, to)| to.as_ref().unwrap_or(n)), "name");
        }
        let alias = inner.next().map(|p| self.ident(&p));
        Some(Use {
            path,
            names,
            alias,
            span,
        })
    }

    /// Name, parameters and block of `space`, `pipeline`.
    fn headed<'a>(&self, pair: Pair<'a>) -> Option<(Ident, Vec<Param>, Pair<'a>)> {
        let mut inner = parts(pair);
        let name = self.ident(&inner.next()?);
        let params = take(&mut inner, Rule::params)
            .map(|p| self.params(p))
            .unwrap_or_default();
        Some((name, params, inner.next()?))
    }

    fn fn_item(&self, pair: Pair) -> Option<FnDecl> {
        let span = self.span(&pair);
        let mut inner = parts(pair);
        let role = match inner.next()?.as_str() {
            "block" => Role::Block,
            "proxy" => Role::Proxy,
            "loss" => Role::Loss,
            "metric" => Role::Metric,
            "schedule" => Role::Schedule,
            "curriculum" => Role::Curriculum,
            "distill" => Role::Distill,
            "trainer" => Role::Trainer,
            "search" => Role::Search,
            "intrinsic" => Role::Intrinsic,
            _ => Role::Fn,
        };
        let name = self.ident(&inner.next()?);
        let mut params = vec![];
        while let Some(list) = take(&mut inner, Rule::params) {
            params.push(self.params(list));
        }
        let clock = take(&mut inner, Rule::clock)
            .and_then(|p| parts(p).next())
            .map(|p| self.ident(&p));
        let result = take(&mut inner, Rule::r#type).map(|p| self.ty(p));
        let requires = take(&mut inner, Rule::requires)
            .and_then(|p| parts(p).next())
            .map(|p| self.expr(p));
        let place = match role {
            Role::Curriculum => Place::Curriculum,
            Role::Distill => Place::Distill,
            _ => Place::Anywhere,
        };
        let body = inner.next().map(|p| match p.as_rule() {
            Rule::block => self.block_in(p, place),
            _ => {
                let value = self.expr(p);
                Block {
                    stmts: vec![],
                    span: value.span,
                    value: Some(Box::new(value)),
                }
            }
        });
        if body.is_none() && role != Role::Intrinsic {
            let end = Span {
                start: span.end.saturating_sub(1),
                ..span
            };
            self.report(
                Diagnostic::error("E0101", format!("`{}` has no body", name.text))
                    .at(end, "a `{ … }` is expected after this")
                    .help("write what it does between `{` and `}`"),
            );
        }
        Some(FnDecl {
            role,
            name,
            params,
            result,
            requires,
            clock,
            body,
        })
    }

    pub(super) fn params(&self, pair: Pair) -> Vec<Param> {
        let params: Vec<Param> = parts(pair)
            .enumerate()
            .filter_map(|(i, p)| self.param(p, i))
            .collect();
        let names = params
            .iter()
            .flat_map(|p| p.pattern.as_ref().map_or(vec![&p.name], Pattern::names));
        self.no_repeats(names.filter(|n| &*n.text != "_"), "parameter");
        params
    }

    fn param(&self, pair: Pair, place: usize) -> Option<Param> {
        let span = self.span(&pair);
        let mut inner = parts(pair);
        let pattern = self.pattern(inner.next()?);
        let (mut ty, mut sealed) = (None, false);
        if let Some(written) = take(&mut inner, Rule::r#type) {
            ty = Some(match self.ty(written) {
                Type {
                    kind: TypeKind::Sealed(of),
                    ..
                } => {
                    sealed = true;
                    *of
                }
                other => other,
            });
        }
        let default = inner.next().map(|p| self.expr(p));
        let (name, pattern) = match pattern.kind {
            PatternKind::Name(name) => (name, None),
            PatternKind::Wildcard => (
                Ident {
                    text: "_".into(),
                    span: pattern.span,
                },
                None,
            ),
            kind => {
                let name = Ident {
                    text: format!("_{place}").into(),
                    span: pattern.span,
                };
                (
                    name,
                    Some(Pattern {
                        kind,
                        span: pattern.span,
                    }),
                )
            }
        };
        Some(Param {
            name,
            pattern,
            ty,
            sealed,
            default,
            span,
        })
    }
}
