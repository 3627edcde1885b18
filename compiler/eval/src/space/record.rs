//! A member written as a record: `space[{ width: 16, layers: [{ heads: 3 }] }]`, and `{ all: skip }` where sites have one option in common.

use super::mixture::{self, ArchSoFar, Shares};
use super::{ArchValue, SiteInfo, SpaceValue};
use crate::ctx::{Ctx, fault};
use crate::value::Value;
use crate::{Result, number};
use nas_diagnostics::{Span, did_you_mean};
use std::sync::Arc;

/// Reads addresses from names, indices and fields, and picks the options at them, or their shares. `None`: some answer is not known yet.
///
/// # Errors
/// E0603 for what is no option, E0605 for what is no choice or is left out, E0301 for shares that do not fit.
pub fn read(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    v: &Value,
    at: Span,
) -> Result<Option<Arc<ArchValue>>> {
    let a = s.algebra(ctx, at)?;
    let sites = s.sites();
    let mut given = vec![];
    flatten(String::new(), v, &sites, &mut given);
    let mut picks: Vec<Option<Answer>> = vec![None; sites.len()];
    let mut unknown = false;
    for (address, v) in &given {
        if v.is_unknown() {
            unknown = true;
            continue;
        }
        let mut met = false;
        for (i, site) in sites.iter().enumerate() {
            if address == "all" || super::edit::matches_address(address, &site.address) {
                let own = address == &*site.address || picks[i].is_none();
                met = true;
                if own {
                    picks[i] = Some(answer(ctx, site, v, at)?);
                }
            }
        }
        if !met {
            let names = sites.iter().map(|s| &*s.address);
            let d = fault("E0605", format!("`{address}` is no choice of `{}`", s.name))
                .at(at, "in this member");
            return Err(match did_you_mean(address, names) {
                Some(n) => d.help(format!("did you mean `{n}`?")),
                None => d.note(format!(
                    "its choices are {}",
                    listed(sites.iter().map(|s| &s.address))
                )),
            }
            .into());
        }
    }
    if unknown {
        return Ok(None);
    }
    // What does not exist under the options before it has none.
    let mut arch = ArchSoFar {
        picked: vec![None; sites.len()],
        mixed: vec![None; sites.len()],
    };
    for (i, site) in sites.iter().enumerate() {
        let exists = (site.exists.iter())
            .any(|all| (all.iter()).all(|(j, o)| mixture::holds(&arch, *j as usize, *o)));
        if !exists {
            continue;
        }
        match picks[i].take() {
            Some(Answer::Option(o)) => arch.picked[i] = Some(o),
            Some(Answer::Shares(shares)) => arch.mixed[i] = Some(shares),
            None => {
                return Err(fault(
                    "E0605",
                    format!("this member leaves `{}` open", site.address),
                )
                .at(at, "here")
                .help(format!("its options are {}", listed(&site.labels)))
                .into());
            }
        }
    }
    // Conditions speak of members; of a mixture, each option that is open is one of the space's.
    if arch.mixed.iter().all(Option::is_none) {
        let whole = nas_space::Arch(arch.picked.clone());
        a.space.contains(&whole).map_err(|w| {
            fault(
                "E0605",
                format!("this architecture is not in the space: {w}"),
            )
            .at(at, "here")
        })?;
    }
    Ok(Some(mixture::member(s, arch, v)))
}

/// What a record says of one site.
#[derive(Clone)]
enum Answer {
    Option(usize),
    Shares(Shares),
}

fn answer(ctx: &mut Ctx, site: &SiteInfo, v: &Value, at: Span) -> Result<Answer> {
    match position(site, v) {
        Some(o) => Ok(Answer::Option(o)),
        None => match mixture::shares(ctx, site, v, at)? {
            Some(shares) => Ok(Answer::Shares(shares)),
            None => Err(no_option(site, v, at)),
        },
    }
}

fn flatten(address: String, v: &Value, sites: &[SiteInfo], out: &mut Vec<(String, Value)>) {
    let site = address == "all" || sites.iter().any(|s| *s.address == *address);
    match v.plain() {
        Value::Record(r) if !site => {
            for (k, v) in r.iter() {
                let at = match address.is_empty() {
                    true => k.to_string(),
                    false => format!("{address}.{k}"),
                };
                flatten(at, v, sites, out);
            }
        }
        Value::List(l) if !site => {
            for (i, v) in l.iter().enumerate() {
                flatten(format!("{address}[{i}]"), v, sites, out);
            }
        }
        _ => out.push((address, v.clone())),
    }
}

fn position(site: &SiteInfo, v: &Value) -> Option<usize> {
    match v {
        Value::Picked(p) => site.labels.iter().position(|l| *l == p.label),
        Value::Label(l) | Value::Text(l) => site.labels.iter().position(|x| x == l),
        other => site
            .options
            .iter()
            .position(|o| number::equal(o, other) == Some(true)),
    }
}

fn no_option(site: &SiteInfo, v: &Value, at: Span) -> crate::Fault {
    let shown = crate::show::brief(v);
    let d = fault(
        "E0603",
        format!("{shown} is not an option of `{}`", site.address),
    )
    .at(at, "in this member")
    .at(site.span, "the choice");
    match did_you_mean(&shown, site.labels.iter().map(|l| &**l)) {
        Some(n) => d.help(format!("did you mean `{n}`?")),
        None => d.help(format!("its options are {}", listed(&site.labels))),
    }
    .into()
}

fn listed<'a>(names: impl IntoIterator<Item = &'a Arc<str>>) -> String {
    let all: Vec<&str> = names.into_iter().map(|n| &**n).collect();
    match all.len() {
        0..=12 => all.join(", "),
        n => format!("{} and {} more", all[..10].join(", "), n - 10),
    }
}
