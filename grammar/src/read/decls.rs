//! Declarations that are lists: enlarge, table, rewrite.

use super::{Pair, Reader, Rule, parts, take};
use crate::ast::{Column, EnlargeDecl, Move, RewriteDecl, Rule as RewriteRule, TableDecl};
use nas_diagnostics::Diagnostic;

impl Reader<'_> {
    pub(super) fn enlarge(&self, pair: Pair) -> Option<EnlargeDecl> {
        let mut inner = parts(pair);
        let name = self.ident(&inner.next()?);
        let params = take(&mut inner, Rule::params)
            .map(|p| self.params(p))
            .unwrap_or_default();
        let (mut moves, mut raises) = (vec![], None);
        for part in inner {
            if part.as_rule() == Rule::raises {
                raises = parts(part).next().map(|p| self.expr(p));
            } else {
                moves.extend(self.enlarge_move(part));
            }
        }
        self.no_repeats(moves.iter().map(|m| &m.name), "move");
        Some(EnlargeDecl {
            name,
            params,
            moves,
            raises,
        })
    }

    fn enlarge_move(&self, pair: Pair) -> Option<Move> {
        let span = self.span(&pair);
        let mut inner = parts(pair);
        let name = self.ident(&inner.next()?);
        let mut over = vec![];
        while let Some(part) = take(&mut inner, Rule::move_over) {
            let mut part = parts(part);
            over.push((self.pattern(part.next()?), self.expr(part.next()?)));
        }
        Some(Move {
            name,
            over,
            edits: self.entries(inner.next()?),
            span,
        })
    }

    pub(super) fn table(&self, pair: Pair) -> Option<TableDecl> {
        let mut inner = parts(pair);
        let name = self.ident(&inner.next()?);
        let params = take(&mut inner, Rule::params)
            .map(|p| self.params(p))
            .unwrap_or_default();
        let space = self.expr(inner.next()?);
        let source = self.expr(inner.next()?);
        let mut table = TableDecl {
            name,
            params,
            space,
            source,
            key: None,
            columns: vec![],
            per: vec![],
            means: vec![],
            modulo: vec![],
        };
        for line in inner {
            let span = self.span(&line);
            let rule = line.as_rule();
            let mut line = parts(line);
            match rule {
                Rule::table_key => {
                    let key = self.ident(&line.next()?);
                    let template = line.next().map(|p| self.text(&p));
                    if table.key.replace((key, template)).is_some() {
                        self.report(
                            Diagnostic::error("E0108", "a table has one key")
                                .at(span, "a second one")
                                .help("remove one of the two"),
                        );
                    }
                }
                Rule::table_per => table.per.extend(line.next().map(|p| self.ident(&p))),
                Rule::table_mean => {
                    table.means.extend(line.next().map(|p| self.ident(&p)));
                    table.modulo.extend(
                        line.next()
                            .and_then(|p| parts(p).next())
                            .map(|p| self.expr(p)),
                    );
                }
                Rule::table_modulo => table.modulo.extend(line.next().map(|p| self.expr(p))),
                _ => {
                    let mut path = vec![];
                    while let Some(word) = take(&mut line, Rule::word) {
                        path.push(self.ident(&word));
                    }
                    let ty = take(&mut line, Rule::r#type).map(|p| self.ty(p));
                    let header = take(&mut line, Rule::column_from)
                        .and_then(|p| parts(p).next())
                        .map(|p| self.text(&p));
                    table.columns.push(Column {
                        path,
                        ty,
                        header,
                        derived: line.next().map(|p| self.expr(p)),
                        span,
                    });
                }
            }
        }
        Some(table)
    }

    pub(super) fn rewrite(&self, pair: Pair) -> Option<RewriteDecl> {
        let mut inner = parts(pair);
        let name = self.ident(&inner.next()?);
        let mut rules = vec![];
        for line in inner {
            let span = self.span(&line);
            let mut line = parts(line);
            let left = self.expr(line.next()?);
            let both = line.next()?.as_rule() == Rule::rule_both;
            let right = self.expr(parts(line.next()?).next()?);
            let when = line
                .next()
                .and_then(|p| parts(p).next())
                .map(|p| self.expr(p));
            rules.push(RewriteRule {
                left,
                right,
                both,
                when,
                span,
            });
        }
        Some(RewriteDecl { name, rules })
    }
}
