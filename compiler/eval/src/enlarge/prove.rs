//! What is proved of a family: each move raises the cost of every member it applies to; a budget can be reached.

use super::{GrowthValue, MoveValue, moved};
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::space::{ArchValue, too_hard};
use crate::value::{Unit, Value};
use crate::{Result, model};
use nas_diagnostics::Span;
use nas_grammar::ast::EnlargeDecl;
use nas_ir::Table;
use nas_space as algebra;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// Members looked through for a witness that the conditions of the space do not rule out.
const WITNESSES: usize = 20_000;

fn shown(v: i64, unit: Unit) -> String {
    crate::show::brief(&Value::Int(v, unit))
}

/// A move strictly raises the cost wherever it applies: the least rise over all members, exact, is above 0.
pub fn raises(ctx: &mut Ctx, g: &GrowthValue, m: &MoveValue, decl: &EnlargeDecl) -> Result<()> {
    let a = g.space.algebra(ctx, m.span)?;
    let base = a.space.model();
    let mut rise: Vec<Table<i64>> = vec![];
    for t in &g.cost.tables {
        if !t
            .sites
            .iter()
            .any(|s| m.steps.iter().any(|x| x.0 == s.0 as usize))
        {
            continue;
        }
        let values = (0..t.values.len())
            .map(|i| {
                let at = t.assignment(i);
                let option = |s: u32| at.iter().find(|x| x.0 == s).map_or(0, |x| x.1);
                // Where it does not apply, a condition leaves the member out.
                let after = t.index(|s| {
                    let o = option(s);
                    let step = m.steps.iter().find(|x| x.0 == s as usize);
                    step.and_then(|(_, map)| map.get(o).copied().flatten())
                        .unwrap_or(o)
                });
                t.values[after] - t.values[i]
            })
            .collect();
        rise.push(Table {
            sites: t.sites.clone(),
            values,
        });
    }
    let mut all = base.clone();
    for (site, map) in &m.steps {
        let width = base.sites[*site].width();
        all.predicates.push(algebra::Table {
            sites: vec![*site],
            values: (0..width)
                .map(|c| map.get(c).copied().flatten().is_some())
                .collect(),
        });
    }
    let terms = rise
        .iter()
        .map(|t| model::convert(base, &t.map(|v| *v as i128)))
        .collect();
    all.costs.insert("rise".into(), algebra::Cost { terms });
    let built = |m: algebra::Model| {
        algebra::Space::new(m).map_err(|e| fault("E0606", e.to_string()).at(decl.name.span, "here"))
    };
    let space = built(all.clone())?;
    let range = space.range("rise").map_err(|e| too_hard(e, m.span))?;
    let Some((least, _)) = range else {
        return Err(fault("E0624", format!("`{}` applies to no member", m.name))
            .at(m.span, "this move")
            .note("no option of these choices is followed by another option")
            .into());
    };
    if least > 0 {
        return Ok(());
    }
    // A member that shows it, if the conditions of the space leave one.
    all.windows.push(algebra::Window {
        cost: "rise".into(),
        low: None,
        high: Some(0),
    });
    let space = built(all)?;
    for found in space.enumerate().take(WITNESSES) {
        let Some(after) = moved(ctx, m, &found)? else {
            continue;
        };
        let (x, y) = (g.cost_of(&found), g.cost_of(&after));
        let unit = g.unit();
        let raises = decl.raises.as_ref().map_or(decl.name.span, |e| e.span);
        return Err(fault(
            "E0624",
            format!(
                "the move `{}` does not raise this cost for every member",
                m.name
            ),
        )
        .at(m.span, "this move")
        .at(raises, "the cost that moves raise")
        .note(format!(
            "from  {}  {}",
            ArchValue::new(g.space.clone(), found).text(),
            shown(x, unit)
        ))
        .note(format!(
            "to    {}  {}",
            ArchValue::new(g.space.clone(), after).text(),
            shown(y, unit)
        ))
        .help("a move makes a member strictly larger; leave out what does not")
        .into());
    }
    Ok(())
}

/// Options that a site takes in any member grown from the base.
fn grown(g: &GrowthValue) -> Vec<Option<BTreeSet<usize>>> {
    let mut out: Vec<Option<BTreeSet<usize>>> = g
        .base
        .arch
        .0
        .iter()
        .map(|o| o.map(|o| BTreeSet::from([o])))
        .collect();
    loop {
        let mut more = false;
        for m in &g.moves {
            for (site, map) in &m.steps {
                let Some(Some(set)) = out.get_mut(*site) else {
                    continue;
                };
                let next: Vec<usize> = set
                    .iter()
                    .filter_map(|o| map.get(*o).copied().flatten())
                    .collect();
                for n in next {
                    more |= set.insert(n);
                }
            }
        }
        if !more {
            return out;
        }
    }
}

/// The largest cost of a member that grows from the base.
fn largest(ctx: &mut Ctx, g: &GrowthValue, span: Span) -> Result<Option<i128>> {
    if let Some(known) = g.largest.get() {
        return Ok(*known);
    }
    let a = g.space.algebra(ctx, span)?;
    let base = a.space.model();
    let mut all = base.clone();
    for (site, set) in grown(g).into_iter().enumerate() {
        if let Some(set) = set {
            let width = base.sites[site].width();
            let options = g.space.sites().get(site).map_or(0, |s| s.labels.len());
            all.predicates.push(algebra::Table {
                sites: vec![site],
                values: (0..width)
                    .map(|c| c >= options || set.contains(&c))
                    .collect(),
            });
        }
    }
    let tables = &g.cost.tables;
    let terms = tables
        .iter()
        .map(|t| model::convert(base, &t.map(|v| *v as i128)))
        .collect();
    all.costs.insert("size".into(), algebra::Cost { terms });
    let space = algebra::Space::new(all)
        .map_err(|e| fault("E0606", e.to_string()).at(span, "in this family"))?;
    let range = space.range("size").map_err(|e| too_hard(e, span))?;
    Ok(*g.largest.get_or_init(|| range.map(|r| r.1)))
}

/// A cost lies within what the family grows to.
pub(super) fn within(ctx: &mut Ctx, g: &GrowthValue, low: f64, span: Span) -> Result<()> {
    let Some(top) = largest(ctx, g, span)? else {
        return Ok(());
    };
    if low <= top as f64 {
        return Ok(());
    }
    let unit = g.unit();
    Err(fault(
        "E0625",
        format!(
            "`{}` ends at {}, below {}",
            g.name,
            shown(top as i64, unit),
            shown(low.ceil() as i64, unit)
        ),
    )
    .at(span, "out of reach")
    .at(g.span, "the family starts here")
    .help("a smaller budget, or more options for what grows")
    .into())
}

/// `reach(g, budget, tolerance)`: the budget, proved to lie between the base and the end of the family.
pub fn reach(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let (g, budget) = (args.need("g")?, args.need("budget")?);
    let slack = args.next("tolerance").unwrap_or(Value::float(0.05));
    let Value::Growth(g) = g.plain() else {
        return Ok(budget);
    };
    if budget.is_unknown() || slack.is_unknown() {
        return Ok(budget);
    }
    let (b, s) = (
        crate::train::number(ctx, &budget, span)?,
        crate::train::number(ctx, &slack, span)?,
    );
    let (unit, given) = (g.unit(), crate::number::unit_of(&budget));
    if given != unit && given != Unit::One && unit != Unit::One {
        return Err(fault(
            "E0305",
            format!(
                "the family grows in {}, and the budget is in {}",
                unit.name(),
                given.name()
            ),
        )
        .at(span, "here")
        .into());
    }
    within(ctx, g, b * (1.0 - s), span)?;
    let least = g.cost_of(&g.base.arch);
    if b * (1.0 + s) < least as f64 {
        return Err(fault(
            "E0625",
            format!(
                "the base costs {} already, more than the budget",
                shown(least, unit)
            ),
        )
        .at(span, "this budget")
        .at(g.span, "the family starts here")
        .into());
    }
    Ok(budget)
}

/// `reachable(g, a, b, …)`: whether moves lead from the base to a, from a to b, and so on.
pub fn reachable(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let g = args.need("g")?;
    let Value::Growth(g) = g.plain() else {
        return Ok(Value::unknown());
    };
    let mut from = g.base.arch.clone();
    while let Some(next) = args.next("arch") {
        let to = match next.plain() {
            Value::Arch(a) => a.arch.clone(),
            Value::Text(t) => crate::space::decode(ctx, &g.space, t, span)?.arch.clone(),
            Value::Unknown(_) => return Ok(next),
            other => {
                return Err(fault(
                    "E0301",
                    format!("an architecture is wanted, and this is {}", other.kind()),
                )
                .at(span, "here")
                .into());
            }
        };
        if !leads(g, &from, &to)? {
            return Ok(Value::Bool(false));
        }
        from = to;
    }
    Ok(Value::Bool(true))
}

/// Sites that some move edits together are walked together; the others each by itself.
fn leads(g: &Arc<GrowthValue>, from: &algebra::Arch, to: &algebra::Arch) -> Result<bool> {
    let mut groups: Vec<BTreeSet<usize>> = vec![];
    for m in &g.moves {
        let mut set: BTreeSet<usize> = m.steps.iter().map(|s| s.0).collect();
        groups.retain(|x| {
            let joins = !x.is_disjoint(&set);
            if joins {
                set.extend(x);
            }
            !joins
        });
        groups.push(set);
    }
    let part = |a: &algebra::Arch, set: &BTreeSet<usize>| -> Vec<Option<usize>> {
        set.iter().map(|s| a.0.get(*s).copied().flatten()).collect()
    };
    for site in 0..from.0.len() {
        // Choices that no move edits stay, unless they appear or go with others.
        let fixed = !groups.iter().any(|x| x.contains(&site));
        let (x, y) = (from.0[site], to.0.get(site).copied().flatten());
        if fixed && x.is_some() && y.is_some() && x != y {
            return Ok(false);
        }
    }
    for set in &groups {
        let order: Vec<usize> = set.iter().copied().collect();
        let goal = part(to, set);
        let mut seen: HashSet<Vec<Option<usize>>> = HashSet::new();
        let mut stack = vec![part(from, set)];
        let mut found = false;
        while let Some(at) = stack.pop() {
            if at == goal {
                found = true;
                break;
            }
            if !seen.insert(at.clone()) || seen.len() > 1_000_000 {
                continue;
            }
            for m in g
                .moves
                .iter()
                .filter(|m| m.steps.iter().all(|s| set.contains(&s.0)))
            {
                let mut next = at.clone();
                let mut applies = true;
                for (site, map) in &m.steps {
                    let k = order.iter().position(|s| s == site).unwrap_or(0);
                    match next[k].and_then(|o| map.get(o).copied().flatten()) {
                        Some(o) => next[k] = Some(o),
                        None => applies = false,
                    }
                }
                if applies {
                    stack.push(next);
                }
            }
        }
        if !found {
            return Ok(false);
        }
    }
    Ok(true)
}
