//! Members: by architecture or text, their fields, edits, and building one site by site.

use super::{ArchValue, SiteInfo, SiteValue, SpaceValue, too_hard};
use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::env::Found;
use crate::net::{self, NetBase, NetWeights};
use crate::value::{FuncKind, Picked, Value};
use crate::{Fault, Result, number};
use nas_diagnostics::Span;
use nas_grammar::ast;
use nas_space as algebra;
use std::sync::Arc;

/// `space[arch]`, `space["text"]`, `space[arch, weights]`, `space[arch, weights, policy]`
pub fn member(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    args: Vec<(Value, Span)>,
    span: Span,
) -> Result<Value> {
    let Some((first, at)) = args.first() else {
        return Err(fault("E0302", "which member?")
            .at(span, "here")
            .help("write `space[arch]`")
            .into());
    };
    let base = match first.plain() {
        Value::Arch(a) => NetBase::Member {
            space: s.clone(),
            arch: of_space(ctx, s, a, *at)?,
        },
        Value::Text(t) => NetBase::Member {
            space: s.clone(),
            arch: decode(ctx, s, t, *at)?,
        },
        Value::Unknown(_) => NetBase::AllMembers { space: s.clone() },
        Value::Invalid(_) => return Ok(first.clone()),
        Value::Record(_) => match super::record::read(ctx, s, first, *at)? {
            Some(arch) => NetBase::Member {
                space: s.clone(),
                arch,
            },
            None => NetBase::AllMembers { space: s.clone() },
        },
        other => {
            return Err(fault(
                "E0301",
                format!(
                    "a member is given by an architecture, not by {}",
                    other.kind()
                ),
            )
            .at(*at, "here")
            .into());
        }
    };
    if s.net_decl().is_none() {
        let e = s.elaborate(ctx)?;
        let (Some(v), NetBase::Member { arch, .. }) = (&e.value, &base) else {
            return Ok(Value::unknown());
        };
        let env = arch.env(ctx)?;
        return ctx.in_module(s.module, |ctx| ctx.eval(v, &env));
    }
    let weights = match args.get(1).map(|w| (w.0.plain().clone(), w.1)) {
        None => {
            // Fresh weights belong to the place in the text; all members there share the draws.
            let key = ctx.next_key();
            if matches!(base, NetBase::AllMembers { .. }) {
                NetWeights::Abstract
            } else {
                NetWeights::Fresh(key)
            }
        }
        Some((Value::Weights(w), _)) => {
            if matches!(base, NetBase::AllMembers { .. }) {
                NetWeights::Abstract
            } else {
                NetWeights::Stored(w)
            }
        }
        Some((Value::Unknown(_), _)) => NetWeights::Abstract,
        Some((Value::Invalid(r), _)) => return Ok(Value::Invalid(r)),
        Some((other, at)) => {
            return Err(fault(
                "E0301",
                format!("a member reads weights, and this is {}", other.kind()),
            )
            .at(at, "here")
            .into());
        }
    };
    // Of a member that is not known yet, nothing but what all share can be told: the policy marks it.
    let some = matches!(base, NetBase::AllMembers { .. });
    let policy = if some {
        if let (Some((Value::Weights(w), _)), Some((p, at)), true) = (
            args.get(1).map(|w| (w.0.plain().clone(), w.1)),
            args.get(2),
            ctx.checking(),
        ) && !p.is_unknown()
        {
            crate::weights::subset(ctx, s, &w, p, *at)?;
        }
        if let Some(Value::Weights(w)) = args.get(1).map(|w| w.0.plain()) {
            return Ok(net::some_member(base, w, Some(Value::unknown())));
        }
        Some(Value::unknown())
    } else {
        args.get(2).map(|p| p.0.clone())
    };
    Ok(net::member_net(base, weights, policy))
}

/// An architecture of this space or of one with the same choices.
fn of_space(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    a: &Arc<ArchValue>,
    at: Span,
) -> Result<Arc<ArchValue>> {
    if Arc::ptr_eq(&s.base, &a.space.base) {
        return Ok(a.clone());
    }
    s.elaborate(ctx)?;
    a.space.elaborate(ctx)?;
    let (mine, other) = (s.sites(), a.space.sites());
    let same = mine.len() == other.len()
        && mine
            .iter()
            .zip(&other)
            .all(|(x, y)| x.address == y.address && x.labels == y.labels);
    if !same {
        return Err(fault(
            "E0605",
            format!(
                "this architecture is of `{}`, which has other choices than `{}`",
                a.space.name, s.name
            ),
        )
        .at(at, "here")
        .into());
    }
    Ok(ArchValue::new(s.clone(), a.arch.clone()))
}

/// Reads a member's text; what cannot be read is pointed at.
pub fn decode(ctx: &mut Ctx, s: &Arc<SpaceValue>, text: &str, at: Span) -> Result<Arc<ArchValue>> {
    let a = s.algebra(ctx, at)?;
    let Some(t) = &a.template else {
        return Err(fault(
            "E0603",
            format!("`{}` has no `encoding`, so no text can be read", s.name),
        )
        .at(at, "here")
        .into());
    };
    match t.decode_raw(text) {
        Ok(m) => {
            if !s.conditions.is_empty() || !a.space.model().predicates.is_empty() {
                a.space.contains(&m).map_err(|w| {
                    fault(
                        "E0605",
                        format!("this architecture is not in the space: {w}"),
                    )
                    .at(at, "here")
                })?;
            }
            Ok(ArchValue::new(s.clone(), m))
        }
        Err(e) => {
            let shown = format!("{text}\n{}^", " ".repeat(e.at));
            let mut d = fault(
                "E0603",
                format!(
                    "this text is not an architecture of `{}`: character {} cannot be read",
                    s.name,
                    e.at + 1
                ),
            )
            .at(at, "here");
            for line in shown.lines() {
                d = d.note(line.to_string());
            }
            if !e.expected.is_empty() {
                let mut shown: Vec<String> = e
                    .expected
                    .iter()
                    .take(8)
                    .map(|x| match &**x {
                        nas_space::END => x.clone(),
                        x => format!("`{x}`"),
                    })
                    .collect();
                if e.expected.len() > 8 {
                    shown.push("…".into());
                }
                d = d.help(format!("expected there: {}", shown.join(", ")));
            }
            Err(d.into())
        }
    }
}

/// `a.op`, `a.depth`: what the space declares, in this member.
pub fn arch_field(
    ctx: &mut Ctx,
    a: &Arc<ArchValue>,
    key: &str,
    _span: Span,
) -> Result<Option<Value>> {
    if key == "text" {
        a.space.algebra(ctx, Span::default())?;
        return Ok(Some(Value::text(a.text())));
    }
    if !a.space.names().iter().any(|n| n == key) {
        return Ok(None);
    }
    let env = a.env(ctx)?;
    Ok(match env.find(key) {
        Some(Found::Value(v)) => Some(v),
        _ => None,
    })
}

pub fn space_field(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    key: &str,
    span: Span,
) -> Result<Option<Value>> {
    match key {
        "name" => return Ok(Some(Value::text(s.name.clone()))),
        "sites" => {
            s.prove(ctx)?;
            let sites = s.sites();
            return Ok(Some(Value::list(
                (0..sites.len())
                    .map(|i| site_value(&sites, i, None))
                    .collect(),
            )));
        }
        _ => {}
    }
    let e = s.elaborate(ctx)?;
    // A block declared in the space, as a kind: `u.within(nb201.cell)`.
    if let Some(Found::Item(item, env)) = e.env.find(key)
        && let ast::ItemKind::Fn(decl) = &item.kind
    {
        let kind = FuncKind::Decl {
            decl: decl.clone(),
            module: s.module,
            env,
            global: None,
            lists: 0,
        };
        return Ok(Some(ctx.func(kind, span)));
    }
    if !s.names().iter().any(|n| n == key) {
        return Ok(None);
    }
    Ok(match e.env.find(key) {
        Some(Found::Value(v)) => Some(v),
        _ => None,
    })
}

pub fn site_value(sites: &[SiteInfo], i: usize, allowed: Option<&[usize]>) -> Value {
    let s = &sites[i];
    let all: Vec<usize> = (0..s.labels.len()).collect();
    let options = allowed
        .unwrap_or(&all)
        .iter()
        .map(|o| {
            Value::Picked(Arc::new(Picked {
                label: s.labels[*o].clone(),
                index: *o,
                site: s.address.clone(),
                value: s.options[*o].clone(),
            }))
        })
        .collect();
    Value::Site(Arc::new(SiteValue {
        id: i,
        address: s.address.clone(),
        options,
    }))
}

pub fn site_field(s: &Arc<SiteValue>, key: &str) -> Option<Value> {
    match key {
        "options" => Some(Value::list(s.options.clone())),
        "address" => Some(Value::text(s.address.clone())),
        "name" => {
            let end = s.address.find(['[', '.']).unwrap_or(s.address.len());
            Some(Value::Label(s.address[..end].into()))
        }
        "index" => Some(Value::int(s.id as i64)),
        _ => None,
    }
}

/// `a[site]`: the option taken there; invalid where the site does not exist.
pub fn arch_at(_ctx: &mut Ctx, a: &Arc<ArchValue>, s: &Arc<SiteValue>, _at: Span) -> Result<Value> {
    let sites = a.space.sites();
    let Some(i) = sites.iter().position(|x| x.address == s.address) else {
        return Ok(Value::invalid("no such site"));
    };
    Ok(match a.arch.0.get(i).copied().flatten() {
        Some(o) => Value::Picked(Arc::new(Picked {
            label: sites[i].labels[o].clone(),
            index: o,
            site: s.address.clone(),
            value: sites[i].options[o].clone(),
        })),
        None => Value::invalid("the site does not exist in this member"),
    })
}

/// `space.build(f)`: asks f for an option at each site that exists.
pub fn build_with(ctx: &mut Ctx, s: &Arc<SpaceValue>, mut args: Args) -> Result<Value> {
    let f = args.need("f")?;
    let span = args.span;
    let a = s.algebra(ctx, span)?;
    let sites = s.sites();
    let key = ctx.next_key();
    if ctx.checking() {
        // One site is tried, so that what is wrong in f shows.
        if !sites.is_empty() {
            call::apply(ctx, f, site_value(&sites, 0, None), span)?;
        }
        return Ok(Value::unknown());
    }
    let made = a
        .space
        .build(|_, site, allowed, _| -> std::result::Result<usize, Fault> {
            let v = site_value(&sites, site, Some(allowed));
            let answer = ctx.under(key.child(site as u64), |ctx| {
                call::apply(ctx, f.clone(), v, span)
            })?;
            let option = match &answer {
                Value::Picked(p)
                    if p.site == sites[site].address || sites[site].labels.contains(&p.label) =>
                {
                    sites[site].labels.iter().position(|l| *l == p.label)
                }
                Value::Label(l) | Value::Text(l) => sites[site].labels.iter().position(|x| x == l),
                other => sites[site]
                    .options
                    .iter()
                    .position(|o| number::equal(o, other) == Some(true)),
            };
            match option {
                Some(o) if allowed.contains(&o) => Ok(o),
                // An option that would leave the space gives way to one that can be completed.
                Some(_) => {
                    let mut stream = key.named("repair").child(site as u64).stream();
                    Ok(allowed[stream.below(allowed.len() as u64) as usize])
                }
                None => Err(fault(
                    "E0605",
                    format!(
                        "{} is not an option of `{}`",
                        crate::show::brief(&answer),
                        sites[site].address
                    ),
                )
                .at(span, "here")
                .into()),
            }
        });
    match made {
        Ok(m) => {
            let m = match super::classes::of(ctx, s, span)? {
                Some(c) => c.canonical(ctx, s, &a.space, &m, span)?.unwrap_or(m),
                None => m,
            };
            Ok(Value::Arch(ArchValue::new(s.clone(), m)))
        }
        Err(algebra::BuildError::Caller(f)) => Err(f),
        Err(algebra::BuildError::Empty) => Err(fault(
            "E0601",
            format!("`{}` has no member under its conditions", s.name),
        )
        .at(span, "here")
        .into()),
        Err(algebra::BuildError::TooHard(e)) => Err(too_hard(e, span)),
        Err(algebra::BuildError::NotOffered { .. }) => {
            Ok(Value::invalid("an option that cannot be completed"))
        }
    }
}
