//! Costs of a space or a member under every convention of the library, or by the items of the cost table.

use nas_diagnostics::Span;
use nas_eval::ctx::Ctx;
use nas_eval::key::Key;
use nas_eval::net::{NetBase, NetValue, NetWeights};
use nas_eval::program::{GlobalId, Program};
use nas_eval::show::number_text;
use nas_eval::space::{self, SpaceValue, Terms};
use nas_eval::value::{Unit, Value};
use nas_eval::{Fault, call, model};
use nas_grammar::ast::ItemKind;
use nas_space::Distribution;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Bars of a histogram.
const BARS: usize = 10;

/// Multiply-adds that an exact figure may take here: about a tenth of a second.
const WORK: u64 = 24_000_000;

/// The same for a cost that a condition bounds: its histogram is what one looks for.
const OWN_WORK: u64 = 1_000_000_000;

/// Members drawn where the exact figures would take longer.
const DRAWN: usize = 4_096;

/// A cost over the feasible members.
#[derive(Clone)]
pub struct Cost {
    pub name: String,
    /// Not exact, but of this many members, drawn evenly.
    drawn: Option<usize>,
    pub min: i64,
    pub mean: f64,
    pub max: i64,
    /// At 5, 25, 50, 75 and 95 per cent of the members.
    quantiles: Vec<(u64, i128)>,
    /// How far values of the histogram and the quantiles may lie below the true ones.
    error: i128,
    /// First value, last value, share of the members.
    histogram: Vec<(i128, i128, f64)>,
}

/// Costs for people: each with its histogram, those that are spread alike told once.
pub fn text(costs: &[Cost]) -> String {
    let mut out = String::new();
    for (i, c) in costs.iter().enumerate() {
        match costs[..i].iter().find(|o| o.like(c)) {
            Some(o) => out.push_str(&format!("  {:16} as {}\n", c.name, o.name)),
            None => out.push_str(&c.text()),
        }
    }
    out
}

impl Cost {
    /// A line of numbers, then a bar a range of values.
    fn text(&self) -> String {
        let mut out = format!(
            "  {:16} {} ..= {}, mean {}\n",
            self.name,
            self.min,
            self.max,
            number_text(self.mean)
        );
        if let Some(n) = self.drawn {
            out.push_str(&format!("    about: of {n} members, drawn evenly\n"));
        }
        if !self.quantiles.is_empty() {
            let list: Vec<String> = self
                .quantiles
                .iter()
                .map(|(p, v)| format!("{p}% {v}"))
                .collect();
            out.push_str(&format!("    {}\n", list.join("  ")));
        }
        if self.error > 0 {
            let error = self.error;
            out.push_str(&format!("    below to within {error}, by rounded values\n"));
        }
        let most = self.histogram.iter().map(|b| b.2).fold(0.0, f64::max);
        for (first, last, share) in &self.histogram {
            let bar = "█".repeat((share / most.max(1e-300) * 32.0).ceil() as usize);
            out.push_str(&format!(
                "    {:>14} – {:<14} {:>5.1}%  {bar}\n",
                first,
                last,
                share * 100.0
            ));
        }
        out
    }
}

impl Cost {
    /// Whether another cost has the same spread, so that one histogram tells both.
    fn like(&self, other: &Cost) -> bool {
        (self.min, self.max, self.drawn, self.error)
            == (other.min, other.max, other.drawn, other.error)
            && self.mean == other.mean
            && self.quantiles == other.quantiles
            && self.histogram == other.histogram
    }

    /// The same for a cost that is more by a constant.
    fn moved(&self, name: String, more: i128) -> Cost {
        let by = more as i64;
        Cost {
            name,
            min: self.min + by,
            mean: self.mean + by as f64,
            max: self.max + by,
            quantiles: self.quantiles.iter().map(|(p, v)| (*p, v + more)).collect(),
            histogram: self
                .histogram
                .iter()
                .map(|(a, b, share)| (a + more, b + more, *share))
                .collect(),
            ..self.clone()
        }
    }

    pub fn json(&self) -> serde_json::Value {
        let quantiles: serde_json::Map<String, serde_json::Value> = self
            .quantiles
            .iter()
            .map(|(p, v)| (format!("{p}%"), serde_json::json!(*v as i64)))
            .collect();
        let bars: Vec<serde_json::Value> = self
            .histogram
            .iter()
            .map(|(a, b, share)| serde_json::json!({ "from": *a as i64, "to": *b as i64, "share": share }))
            .collect();
        serde_json::json!({
            "min": self.min, "mean": self.mean, "max": self.max,
            "quantiles": quantiles, "histogram": bars, "error": self.error as i64, "drawn": self.drawn,
        })
    }
}

/// Lines that bring the library's cost modules into a program that does not use them.
pub fn imports() -> String {
    let paths = nas_stdlib::FILES.iter().map(|(path, _)| *path);
    let costs = paths.filter(|p| *p == "cost.nas" || p.starts_with("cost/"));
    costs
        .enumerate()
        .map(|(i, path)| {
            let dotted = path.trim_end_matches(".nas").replace('/', ".");
            format!("use std.{dotted} as nasc_asked_{i}\n")
        })
        .collect()
}

/// The library's function `params`.
pub fn params(program: &Program) -> Option<GlobalId> {
    let of_costs = |path: &str| path == "cost" || path.starts_with("cost.");
    program.globals.iter().position(|g| {
        let m = &program.modules[g.module];
        m.std
            && &*g.name == "params"
            && (of_costs(&m.path) || m.path.starts_with("core"))
            && matches!(m.tree.items[g.item].kind, ItemKind::Fn(_))
    })
}

/// The conventions by name: `macs.core`, …, and `params`.
pub fn conventions(program: &Program) -> Vec<(String, GlobalId)> {
    let mut out = Vec::new();
    for (id, g) in program.globals.iter().enumerate() {
        let m = &program.modules[g.module];
        let ItemKind::Fn(decl) = &m.tree.items[g.item].kind else {
            continue;
        };
        // One net and nothing else that has to be given.
        let first = decl
            .params
            .first()
            .map(|list| list.iter().filter(|p| p.default.is_none()).count());
        let of_net = first == Some(1) && decl.params.len() == 1;
        let own = m.path.rsplit('.').next() == Some(&*g.name);
        let listed = &*m.path == "cost.macs" || (m.path.starts_with("cost.macs.") && own);
        if m.std && listed && of_net {
            out.push((format!("macs.{}", g.name), id));
        }
    }
    out.extend(params(program).map(|id| ("params".to_string(), id)));
    out
}

/// What each convention gives for a net.
pub fn under_conventions(ctx: &mut Ctx, net: &Value, span: Span) -> Vec<(String, Value)> {
    let program = ctx.program.clone();
    let mut out = Vec::new();
    for (name, id) in conventions(&program) {
        let v = ctx
            .global(id, span)
            .and_then(|f| call::apply(ctx, f, net.clone(), span));
        // A convention that does not cover a block of this net has no number for it.
        if let Ok(v) = v
            && matches!(
                v.plain(),
                Value::Terms(_) | Value::Int(..) | Value::Float(..)
            )
        {
            out.push((name, v));
        }
    }
    out
}

/// Costs of all members; what is too hard to tell is left out.
pub fn of_space(ctx: &mut Ctx, s: &Arc<SpaceValue>, span: Span) -> Vec<Cost> {
    if s.net_decl().is_none() {
        return Vec::new();
    }
    let all = Value::Net(Arc::new(NetValue::new(
        NetBase::AllMembers { space: s.clone() },
        NetWeights::Abstract,
    )));
    let mut asked = under_conventions(ctx, &all, span);
    if asked.is_empty() {
        asked = items(ctx, s);
    }
    let mut out = Vec::new();
    let mut some = None;
    let mut known = Vec::new();
    for (name, v) in asked {
        let cost = match v.plain() {
            Value::Terms(t) => {
                // Costs that differ by a constant are spread alike.
                let all = model::with_cost(ctx, &t.space, &t.tables, span).ok();
                let shape = all.and_then(|s| Some(s.model().costs.get("asked")?.shape()));
                let seen = shape
                    .as_ref()
                    .and_then(|shape| known.iter().find(|(rest, _, _)| *rest == shape.0));
                if let (Some((_, first, cost)), Some((_, least))) = (seen, &shape) {
                    let cost: &Option<Cost> = cost;
                    out.extend(cost.as_ref().map(|c| c.moved(name, least - first)));
                    continue;
                }
                let cost = match ranged(ctx, &name, t) {
                    Ok(c) => c,
                    Err(_) => {
                        let drawn = some.get_or_insert_with(|| drawn(ctx, s, span));
                        about(ctx, &name, t, drawn)
                    }
                };
                known.extend(shape.map(|(rest, least)| (rest, least, cost.clone())));
                cost
            }
            Value::Int(n, _) => Some(Cost {
                name,
                drawn: None,
                min: *n,
                mean: *n as f64,
                max: *n,
                quantiles: Vec::new(),
                error: 0,
                histogram: Vec::new(),
            }),
            _ => None,
        };
        out.extend(cost);
    }
    out
}

/// The items of the cost table as costs of their own.
fn items(ctx: &mut Ctx, s: &Arc<SpaceValue>) -> Vec<(String, Value)> {
    let Ok(entries) = s.prove(ctx) else {
        return Vec::new();
    };
    let names: BTreeSet<&str> = entries.iter().map(|e| &*e.item).collect();
    let terms = |name: &&str| {
        let tables = entries
            .iter()
            .filter(|e| *e.item == **name)
            .map(|e| e.amount.as_table())
            .collect::<Option<Vec<_>>>()?;
        let terms = Terms {
            space: s.clone(),
            tables,
            unit: Unit::One,
        };
        Some((name.to_string(), Value::Terms(Arc::new(terms))))
    };
    names.iter().filter_map(terms).collect()
}

/// Members drawn evenly; none where even that is too hard.
fn drawn(ctx: &mut Ctx, s: &Arc<SpaceValue>, span: Span) -> Vec<nas_space::Arch> {
    let Ok(a) = s.algebra(ctx, span) else {
        return Vec::new();
    };
    let Ok(sampler) = a.space.sampler() else {
        return Vec::new();
    };
    let mut stream = Key::seed(0).named("costs").named(&s.name).stream();
    let mut source = |below: u64| stream.below(below);
    (0..DRAWN)
        .filter_map(|_| sampler.sample(&a.space, &mut source))
        .collect()
}

/// A cost as some members have it.
fn about(ctx: &mut Ctx, name: &str, t: &Terms, members: &[nas_space::Arch]) -> Option<Cost> {
    let span = t.space.base.decl.name.span;
    let s = model::with_cost(ctx, &t.space, &t.tables, span).ok()?;
    let mut values: Vec<i128> = members
        .iter()
        .filter_map(|a| s.model().cost("asked", a))
        .collect();
    values.sort_unstable();
    let (first, last) = (*values.first()?, *values.last()?);
    let whole = |n: i128| i64::try_from(n).unwrap_or(i64::MAX);
    let mean = values.iter().map(|v| *v as f64).sum::<f64>() / values.len() as f64;
    let mut cost = Cost {
        name: name.to_string(),
        drawn: Some(values.len()),
        min: whole(first),
        mean,
        max: whole(last),
        quantiles: Vec::new(),
        error: 0,
        histogram: Vec::new(),
    };
    let d = Distribution::of(&values);
    cost.shape(d.total(), |p| d.quantile(p, 100), d.histogram(BARS));
    Some(cost)
}

fn ranged(ctx: &mut Ctx, name: &str, t: &Terms) -> Result<Option<Cost>, Fault> {
    let span = t.space.base.decl.name.span;
    let s = model::with_cost(ctx, &t.space, &t.tables, span)?;
    let own = s.windowed("asked");
    let s = s.limited(if own { OWN_WORK } else { WORK });
    let found = s.summary("asked").map_err(|e| space::too_hard(e, span))?;
    let whole = |n: i128| i64::try_from(n).unwrap_or(i64::MAX);
    let Some(f) = found else { return Ok(None) };
    let mut cost = Cost {
        name: name.to_string(),
        drawn: None,
        min: whole(f.min),
        mean: f.mean(),
        max: whole(f.max),
        quantiles: Vec::new(),
        error: 0,
        histogram: Vec::new(),
    };
    if let (true, Ok(d)) = (f.min < f.max, s.rough_spread("asked")) {
        cost.error = d.error();
        cost.shape(d.total(), |p| d.quantile(p, 100), d.histogram(BARS));
    }
    Ok(Some(cost))
}

impl Cost {
    /// Quantiles and histogram.
    fn shape(
        &mut self,
        total: impl ToString,
        quantile: impl Fn(u64) -> Option<i128>,
        bars: Vec<(i128, i128, impl ToString)>,
    ) {
        // Shares by way of decimal text: the counts may not fit a double.
        let number = |n: String| n.parse::<f64>().unwrap_or(0.0);
        let total = number(total.to_string());
        for p in [5, 25, 50, 75, 95] {
            self.quantiles.extend(quantile(p).map(|v| (p, v)));
        }
        for (first, last, n) in bars {
            self.histogram
                .push((first, last, number(n.to_string()) / total.max(1.0)));
        }
    }
}

/// Least, mean and largest value of a cost over the feasible members; none where there is no member.
pub fn summary(ctx: &mut Ctx, t: &Terms) -> Result<Option<(i64, f64, i64)>, Fault> {
    let span = t.space.base.decl.name.span;
    let s = model::with_cost(ctx, &t.space, &t.tables, span)?;
    let found = s.summary("asked").map_err(|e| space::too_hard(e, span))?;
    let whole = |n: i128| i64::try_from(n).unwrap_or(i64::MAX);
    Ok(found.map(|f| (whole(f.min), f.mean(), whole(f.max))))
}
