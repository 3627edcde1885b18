//! Mixtures: members whose choices have shares. A block with shares is the sum of its open options, each times its share.

use super::choose::Spot;
use super::{ArchValue, Choices, SiteInfo};
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::value::{Func, FuncKind, Picked, Value};
use crate::{Result, access, net, number};
use nas_diagnostics::{Span, did_you_mean};
use nas_grammar::ast::BinaryOp;
use std::sync::Arc;

/// The options of a site that are open, each with its share.
pub type Shares = Vec<(usize, Value)>;

/// What a member has that is not decided.
#[derive(Debug)]
pub struct Mixture {
    /// For each site, in order: its shares; none where one option is picked, or where it does not exist.
    pub sites: Vec<Option<Shares>>,
    /// The record that it was written as.
    pub written: Value,
}

/// A chosen block that is not decided.
#[derive(Debug)]
pub struct Mixed {
    site: Arc<str>,
    parts: Vec<(Arc<Picked>, Value)>,
}

impl Mixed {
    fn names(&self) -> String {
        let all: Vec<String> = (self.parts.iter())
            .map(|p| format!("`{}`", p.0.label))
            .collect();
        all.join(", ")
    }
}

/// The shares that a value gives a site's options: one number an option, or a record from open options to theirs. `None`: it is no shares.
///
/// # Errors
/// E0301 where the shares do not fit the options, or the options are no blocks; E0603 for a name that is no option.
pub(super) fn shares(
    ctx: &mut Ctx,
    site: &SiteInfo,
    v: &Value,
    at: Span,
) -> Result<Option<Shares>> {
    let found: Shares = match v.plain() {
        Value::Tensor(t, _) => {
            let n = site.labels.len() as i64;
            if t.rank() != 1 || t.shape()[0].known().is_some_and(|k| k != n) {
                let shape = nas_ir::shape::Show(t.shape()).to_string();
                return Err(counted(site, &format!("shares of shape {shape}"), at));
            }
            let each = (0..n).map(|i| Ok((i as usize, access::element(ctx, v.clone(), i, at)?)));
            each.collect::<Result<_>>()?
        }
        Value::List(l) if l.iter().all(share) => {
            if l.len() != site.labels.len() {
                return Err(counted(site, &format!("{} shares", l.len()), at));
            }
            l.iter().cloned().enumerate().collect()
        }
        Value::Record(r) => {
            let mut found = vec![];
            for (name, v) in r.iter() {
                let Some(o) = site.labels.iter().position(|l| l == name) else {
                    let d = fault(
                        "E0603",
                        format!("`{name}` is not an option of `{}`", site.address),
                    )
                    .at(at, "in these shares")
                    .at(site.span, "the choice");
                    return Err(match did_you_mean(name, site.labels.iter().map(|l| &**l)) {
                        Some(n) => d.help(format!("did you mean `{n}`?")),
                        None => d.help(format!("its options are {}", site.labels.join(", "))),
                    }
                    .into());
                };
                if !share(v) {
                    return Err(fault(
                        "E0301",
                        format!(
                            "the share of `{name}` is a number, and this is {}",
                            v.kind()
                        ),
                    )
                    .at(at, "in these shares")
                    .into());
                }
                found.push((o, v.clone()));
            }
            found.sort_by_key(|f| f.0);
            found
        }
        _ => return Ok(None),
    };
    // What is closed is neither computed nor counted.
    let open: Shares = (found.into_iter())
        .filter(|f| !matches!(number::as_f64(&f.1), Some(s) if s == 0.0))
        .collect();
    if open.is_empty() {
        return Err(fault(
            "E0605",
            format!("this mixture closes every option of `{}`", site.address),
        )
        .at(at, "no share is above 0")
        .at(site.span, "the choice")
        .into());
    }
    if let Some((o, _)) = open
        .iter()
        .find(|(o, _)| !matches!(site.options[*o].plain(), Value::Func(_)))
    {
        return Err(fault(
            "E0301",
            format!(
                "`{}` chooses {}, which cannot be mixed",
                site.address,
                site.options[*o].kind()
            ),
        )
        .at(at, "this gives shares to its options")
        .at(site.span, "the choice")
        .note("the outputs of blocks are added up by their shares; sizes have no such sum")
        .help("pick one of its options")
        .into());
    }
    Ok(Some(open))
}

fn share(v: &Value) -> bool {
    match v.plain() {
        Value::Int(..) | Value::Float(..) | Value::Unknown(_) => true,
        Value::Tensor(t, _) => t.rank() == 0,
        _ => false,
    }
}

fn counted(site: &SiteInfo, given: &str, at: Span) -> crate::Fault {
    fault(
        "E0301",
        format!(
            "`{}` has {} options, and these are {given}",
            site.address,
            site.labels.len()
        ),
    )
    .at(at, "one share an option")
    .at(site.span, "the choice")
    .help(format!(
        "or name those that are open: `{{ {} }}`",
        (site.labels.iter().take(2))
            .map(|l| format!("{l}: …"))
            .collect::<Vec<_>>()
            .join(", ")
    ))
    .into()
}

/// The shares of the choice at a spot, with its address and the names of its options; `None` where one option is picked.
pub(super) fn here(
    choices: &Choices,
    spot: &Spot,
) -> Option<(Arc<str>, Vec<(usize, Arc<str>, Value)>)> {
    let Choices::Member(a) = choices else {
        return None;
    };
    let mixture = a.mixture.as_ref()?;
    a.space.sites().iter().enumerate().find_map(|(i, s)| {
        if s.base != spot.base || s.span != spot.span {
            return None;
        }
        let open = mixture.sites.get(i)?.as_ref()?;
        let named = open
            .iter()
            .map(|(o, v)| Some((*o, s.labels.get(*o)?.clone(), v.clone())));
        Some((s.address.clone(), named.collect::<Option<_>>()?))
    })
}

/// The value of a choice that is not decided: a block, by its open options as `(index, name, block, share)`.
pub(super) fn value(
    ctx: &mut Ctx,
    site: &Arc<str>,
    options: Vec<(usize, Arc<str>, Value, Value)>,
    span: Span,
) -> Value {
    let label: Vec<&str> = options.iter().map(|o| &*o.1).collect();
    let label: Arc<str> = label.join("|").into();
    let parts = options.into_iter().map(|(index, label, value, share)| {
        let site = site.clone();
        let p = Picked {
            label,
            index,
            site,
            value,
        };
        (Arc::new(p), share)
    });
    let mixed = Mixed {
        site: site.clone(),
        parts: parts.collect(),
    };
    let f = ctx.func(FuncKind::Mixed(Arc::new(mixed)), span);
    Value::Picked(Arc::new(Picked {
        label,
        index: usize::MAX,
        site: site.clone(),
        value: f,
    }))
}

/// Whether a chosen value is such a block: it takes its options' places, and none of its own.
pub(crate) fn is_mixed(p: &Picked) -> bool {
    matches!(&p.value, Value::Func(f) if matches!(&**f, Func { kind: FuncKind::Mixed(_), .. }))
}

/// Every open option at its own place, added up by their shares.
pub(crate) fn call(ctx: &mut Ctx, m: &Mixed, args: Args) -> Result<Value> {
    let span = args.span;
    let count = |ctx: &Ctx| {
        let n = ctx.net.as_ref()?;
        n.frames.last()?.counters.get(&m.site).copied()
    };
    let before = count(ctx);
    let mut sum: Option<Value> = None;
    for (p, share) in &m.parts {
        // All options stand at one place of the net, as they do in the members that take one of them.
        if let Some(top) = ctx.net.as_mut().and_then(|n| n.frames.last_mut()) {
            match before {
                Some(k) => top.counters.insert(m.site.clone(), k),
                None => top.counters.remove(&m.site),
            };
        }
        let out = net::chosen(ctx, p, args.clone())?;
        // Of a share that is not known yet, the shape of what it weighs is.
        let part = match share {
            Value::Unknown(_) => out,
            s if number::as_f64(s) == Some(1.0) => out,
            s => number::binary(ctx, BinaryOp::Mul, out, s.clone(), span)?,
        };
        sum = Some(match sum {
            None => part,
            Some(s) => number::binary(ctx, BinaryOp::Add, s, part, span).map_err(|mut e| {
                let (all, last) = (m.names(), &p.label);
                e.0.notes
                    .push(format!("in a mixture of {all}: the right one is `{last}`"));
                e
            })?,
        });
    }
    Ok(sum.unwrap_or(Value::None))
}

/// What sites hold of an architecture: whether an option is taken, or open.
pub(super) fn holds(arch: &ArchSoFar, site: usize, option: usize) -> bool {
    let open = arch.mixed.get(site).and_then(Option::as_ref);
    arch.picked.get(site).copied().flatten() == Some(option)
        || open.is_some_and(|s| s.iter().any(|(o, _)| *o == option))
}

/// A member as its sites are answered one by one.
pub(super) struct ArchSoFar {
    pub picked: Vec<Option<usize>>,
    pub mixed: Vec<Option<Shares>>,
}

/// The member with these answers, mixed where something has shares.
pub(super) fn member(
    space: &Arc<super::SpaceValue>,
    arch: ArchSoFar,
    written: &Value,
) -> Arc<ArchValue> {
    let whole = arch.mixed.iter().all(Option::is_none);
    let mut a = ArchValue::plain(space.clone(), nas_space::Arch(arch.picked));
    if !whole {
        a.mixture = Some(Arc::new(Mixture {
            sites: arch.mixed,
            written: written.clone(),
        }));
    }
    Arc::new(a)
}
