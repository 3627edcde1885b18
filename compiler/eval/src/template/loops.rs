//! Loops in an encoding: `{for s in 0..4, i in 0..5: (mid[s][i]:index+1)(tied[s]:index+1) else 00}`.

use super::{address_matches, derived, inner_expr, numbered};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::space::{SiteInfo, SpaceValue, address_pattern};
use crate::{Fault, Result, access, stmt};
use nas_grammar::ast::{self, Clause, ExprKind};
use nas_space as algebra;
use std::sync::Arc;

/// Turns of one loop, at most.
const TURNS: usize = 10_000;

/// What a turn writes.
enum Piece {
    Literal(String),
    Site(usize, Vec<String>),
    Table(algebra::Table<String>),
}

/// One part for each turn. A turn with a choice that is absent writes what stands behind `else`, or nothing.
pub(super) fn read(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    space: &algebra::Space,
    t: &ast::Text,
    sites: &[SiteInfo],
    text: &str,
    out: &mut Vec<algebra::Part>,
) -> Result<()> {
    let unread = |why: &str| {
        Fault::from(
            fault("E0603", format!("`{{{text}}}`: {why}"))
                .at(t.span, "in this encoding")
                .help("write `{for i in 0..n: (xs[i]) else 0}`"),
        )
    };
    let (head, body) =
        head_and_body(text).ok_or_else(|| unread("a `:` belongs behind the loop"))?;
    let (body, otherwise) = match body.rsplit_once(" else ") {
        Some((b, o)) => (b.trim(), Some(o.trim().to_string())),
        None => (body.trim(), None),
    };
    // The loop is read as that of a list.
    let list = inner_expr(t, &format!("[0 {head}]"))?;
    let ExprKind::ListFor { clauses, .. } = &list.kind else {
        return Err(unread("the loop cannot be read"));
    };
    let e = s.elaborate(ctx)?;
    let mut envs = vec![e.env.clone()];
    for c in clauses {
        let Clause::For { pattern, iterable } = c else {
            return Err(unread("a loop of an encoding has no filter"));
        };
        let mut next = vec![];
        for env in &envs {
            let over = crate::model::within_open(ctx, &e, |ctx| {
                ctx.in_module(s.module, |ctx| ctx.eval(iterable, env))
            })?;
            for item in access::items(ctx, &over, t.span)? {
                next.push(stmt::destructure(ctx, pattern, item, env)?);
            }
            if next.len() > TURNS {
                return Err(unread("it has too many turns"));
            }
        }
        envs = next;
    }
    for env in &envs {
        let pieces = pieces(ctx, s, space, t, sites, body, env)?;
        out.push(
            part(space, pieces, otherwise.as_deref())
                .ok_or_else(|| unread("a turn depends on too many choices at once"))?,
        );
    }
    Ok(())
}

/// The loop and what it writes, at the first colon outside brackets.
fn head_and_body(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0;
    for (i, c) in text.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ':' if depth == 0 => return Some((text[..i].trim(), &text[i + 1..])),
            _ => {}
        }
    }
    None
}

/// Literal text, and expressions in parentheses.
fn pieces(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    space: &algebra::Space,
    t: &ast::Text,
    sites: &[SiteInfo],
    body: &str,
    env: &Env,
) -> Result<Vec<Piece>> {
    let mut out = vec![];
    let mut rest = body;
    while let Some(open) = rest.find('(') {
        if open > 0 {
            out.push(Piece::Literal(rest[..open].into()));
        }
        let mut depth = 0;
        let close = rest[open..].char_indices().find_map(|(i, c)| {
            depth += match c {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            (depth == 0).then_some(open + i)
        });
        let Some(close) = close else {
            return Err(
                fault("E0603", format!("`{rest}`: a parenthesis is not closed"))
                    .at(t.span, "in this encoding")
                    .into(),
            );
        };
        let (path, index) = numbered(&rest[open + 1..close]);
        rest = &rest[close + 1..];
        let e = inner_expr(t, &path)?;
        let elaborated = s.elaborate(ctx)?;
        let address = crate::model::within_open(ctx, &elaborated, |ctx| {
            ctx.in_module(s.module, |ctx| address_pattern(ctx, &e, env))
        });
        let found = address.ok().and_then(|a| {
            sites
                .iter()
                .position(|s| *s.address == *a)
                .or_else(|| sites.iter().position(|s| address_matches(&a, &s.address)))
        });
        out.push(match found {
            Some(i) => {
                let name = |(k, l): (usize, &Arc<str>)| match index {
                    Some(first) => (k as i64 + first).to_string(),
                    None => l.to_string(),
                };
                Piece::Site(i, sites[i].labels.iter().enumerate().map(name).collect())
            }
            None => match derived(ctx, s, space, env, &path, None, t)? {
                algebra::Part::Derived { texts } => Piece::Table(texts),
                algebra::Part::Literal(text) => Piece::Literal(text),
                _ => continue,
            },
        });
    }
    if !rest.is_empty() {
        out.push(Piece::Literal(rest.into()));
    }
    Ok(out)
}

/// One text for all choices of a turn together.
fn part(
    space: &algebra::Space,
    pieces: Vec<Piece>,
    otherwise: Option<&str>,
) -> Option<algebra::Part> {
    let model = space.model();
    let mut sites: Vec<usize> = vec![];
    for p in &pieces {
        match p {
            Piece::Literal(_) => {}
            Piece::Site(s, _) => sites.push(*s),
            Piece::Table(t) => sites.extend(&t.sites),
        }
    }
    sites.sort_unstable();
    sites.dedup();
    model.rows(&sites).filter(|n| *n <= 1 << 16)?;
    let absent = otherwise.unwrap_or("").to_string();
    let mut whole = algebra::Arch(vec![None; model.sites.len()]);
    let filled = algebra::Table::tabulate(model, sites.clone(), absent.clone(), |options| {
        sites
            .iter()
            .zip(options)
            .for_each(|(s, o)| whole.0[*s] = *o);
        let mut text = String::new();
        for p in &pieces {
            match p {
                Piece::Literal(l) => text.push_str(l),
                Piece::Site(s, names) => match whole.0[*s].and_then(|o| names.get(o)) {
                    Some(n) => text.push_str(n),
                    None => return Ok::<_, std::convert::Infallible>(absent.clone()),
                },
                Piece::Table(t) => text.extend(t.at(model, &whole).map(String::as_str)),
            }
        }
        Ok(text)
    });
    let Ok(texts) = filled;
    Some(match texts.sites.is_empty() {
        true => algebra::Part::Literal(texts.values.concat()),
        false => algebra::Part::Derived { texts },
    })
}
