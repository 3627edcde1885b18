//! Trained weights from elsewhere: read by name, carried over to a net by address.

use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::net::{self, NetValue, NetWeights};
use crate::value::{BuiltinFn, Value};
use crate::weights::{Slot, Store, WeightsValue};
use crate::{Fault, Result, access, number};
use nas_diagnostics::Span;
use nas_ir::{Dim, Tensor};
use std::collections::HashSet;
use std::sync::Arc;

pub const ADOPT: &[(&str, BuiltinFn)] = &[
    ("trained", trained),
    ("adopt", adopt),
    ("captures", captures),
    ("int", int),
];

/// `trained("path")`: the tensors of a file, by the names they have there.
fn trained(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let path = args.need("path")?;
    let Value::Text(path) = path.plain().clone() else {
        return Err(fault(
            "E0301",
            "trained weights are read from a path, written as a text",
        )
        .at(span, "here")
        .into());
    };
    let raw = ctx.host.weights(&path).map_err(|d| {
        Fault::from(if d.labels.is_empty() {
            d.at(span, "read here")
        } else {
            d
        })
    })?;
    let mut store = Store::new();
    for (name, t) in raw.tensors {
        store.insert(
            name.into(),
            Slot {
                value: ctx.host.upload(t),
                trained: true,
            },
        );
    }
    let key = ctx.next_key();
    Ok(Value::Weights(Arc::new(WeightsValue::new(
        key, None, store, false,
    ))))
}

/// A place of a net that holds a tensor.
struct Place {
    address: Arc<str>,
    fresh: Tensor,
    trained: bool,
}

/// `adopt(w, net, names: f, by: g)`: the weights of `net`, address by address from `w`.
fn adopt(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let from = args.need("w")?;
    let target = args.need("net")?;
    let names = args.next("names").filter(|v| !matches!(v, Value::None));
    let by = args.next("by").filter(|v| !matches!(v, Value::None));
    if from.is_unknown() || target.is_unknown() {
        return Ok(Value::unknown());
    }
    if let Some(v) = [&from, &target]
        .into_iter()
        .find(|v| matches!(v.plain(), Value::Invalid(_)))
    {
        return Ok(v.clone());
    }
    let Value::Weights(w) = from.plain() else {
        return Err(fault(
            "E0301",
            format!("`adopt` takes weights, and this is {}", from.kind()),
        )
        .at(span, "here")
        .into());
    };
    let n = net::as_net(ctx, &target, span)?;
    let key = ctx.next_key();
    let mut store = Store::new();
    let (mut missing, mut read) = (vec![], HashSet::new());
    for p in places(ctx, &n, key, span)? {
        let name: Arc<str> = match &names {
            Some(f) => {
                let v = call::apply(ctx, f.clone(), Value::text(p.address.clone()), span)?;
                access::key_text(&v)
            }
            None => p.address.clone(),
        };
        let old = w.get(&name);
        let want = extents(&p.fresh);
        let stored = match (old, &by) {
            (Some(s), _)
                if want
                    .as_deref()
                    .is_none_or(|want| *want == *s.value.download_shape()) =>
            {
                s.value
            }
            // The same numbers in the same order: axes of one are a matter of notation.
            (Some(s), _)
                if want
                    .as_deref()
                    .is_some_and(|want| alike(want, &s.value.download_shape())) =>
            {
                let mut t = s.value.download();
                t.shape = want.unwrap_or_default();
                ctx.host.upload(t)
            }
            (old, Some(f)) => {
                let given = match old {
                    Some(s) => Value::tensor(Tensor::value(s.value.download())),
                    None => Value::None,
                };
                let args = Args::of(
                    vec![(given, span), (Value::tensor(p.fresh.clone()), span)],
                    span,
                );
                let v = call::call(ctx, f.clone(), args)?;
                let t = number::as_tensor(&v).ok_or_else(|| {
                    Fault::from(
                        fault(
                            "E0301",
                            format!("`by` gives a tensor, and this gave {}", v.kind()),
                        )
                        .at(span, "here"),
                    )
                })?;
                let t = t
                    .expand(p.fresh.shape())
                    .map_err(|e| ctx.shape_fault(e, span))?;
                if ctx.checking() {
                    continue;
                }
                let made = ctx
                    .host
                    .compute(&[t], &|s, a| crate::weights::find(s, a))
                    .map_err(Fault::from)?;
                match made.into_iter().next() {
                    Some(s) => s,
                    None => continue,
                }
            }
            (Some(s), None) => {
                let e = nas_ir::ShapeError::new(format!("`{name}` does not fit `{}`", p.address))
                    .fact(format!("stored  {:?}", s.value.download_shape()))
                    .fact(format!("wanted  {}", nas_ir::shape::Show(p.fresh.shape())));
                let mut f = ctx.shape_fault(e, span);
                f.0.help = Some(
                    "name another tensor, or say what becomes of it: `by: (old, new) => …`".into(),
                );
                return Err(f);
            }
            (None, None) => {
                missing.push((p.address, name));
                continue;
            }
        };
        read.insert(name);
        store.insert(
            p.address,
            Slot {
                value: stored,
                trained: p.trained,
            },
        );
    }
    if let Some((address, name)) = missing.first() {
        let have: Vec<Arc<str>> = w
            .store
            .lock()
            .map(|s| s.keys().cloned().collect())
            .unwrap_or_default();
        let near = have
            .iter()
            .filter(|h| !read.contains(*h))
            .max_by(|a, b| strsim(name, a).total_cmp(&strsim(name, b)).then(b.cmp(a)));
        let mut d = fault(
            "E0202",
            format!("no tensor of these weights is called `{name}`"),
        )
        .at(
            span,
            format!("for `{address}`, and {} more", missing.len() - 1),
        );
        if let Some(near) = near {
            d = d.note(format!(
                "not used yet: `{near}` and {} others",
                have.len() - read.len() - 1
            ));
        }
        return Err(d
            .help("`names: address => …` gives each address its name in the file; `by: (old, new) => new` starts what is missing afresh")
            .into());
    }
    let mut out = WeightsValue::new(key, None, store, false);
    out.space = n.space().cloned();
    Ok(Value::Weights(Arc::new(out)))
}

/// How alike two names are: the share of letters in common from both ends.
fn strsim(a: &str, b: &str) -> f64 {
    let front = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    let back = a
        .bytes()
        .rev()
        .zip(b.bytes().rev())
        .take_while(|(x, y)| x == y)
        .count();
    (front + back) as f64 / (a.len() + b.len()).max(1) as f64
}

/// Equal but for axes of extent 1.
fn alike(a: &[usize], b: &[usize]) -> bool {
    a.iter()
        .filter(|d| **d != 1)
        .eq(b.iter().filter(|d| **d != 1))
}

fn extents(t: &Tensor) -> Option<Vec<usize>> {
    t.shape()
        .iter()
        .map(|d| d.known().and_then(|v| usize::try_from(v).ok()))
        .collect()
}

/// All parameters and states of a net with their starting values, in the order in which it reads them.
fn places(
    ctx: &mut Ctx,
    n: &Arc<NetValue>,
    key: crate::key::Key,
    span: Span,
) -> Result<Vec<Place>> {
    let fresh = Arc::new(NetValue::new(n.base.clone(), NetWeights::Fresh(key)));
    let x = net::stand_in_input(ctx, &fresh, Dim::Const(1), None, span)?;
    let (_, recorded, _) = net::run(
        ctx,
        &fresh,
        Args::one(x, span),
        Some(crate::net::Recorder::default()),
        false,
    )?;
    let mut out = vec![];
    let mut seen = HashSet::new();
    for c in recorded.map(|r| r.calls).unwrap_or_default() {
        for (name, v) in &c.params {
            let address: Arc<str> = if c.path.is_empty() {
                name.clone()
            } else {
                format!("{}/{name}", c.path).into()
            };
            if let Some(t) = number::as_tensor(v)
                && seen.insert(address.clone())
            {
                let trained = !c.states.contains(name);
                out.push(Place {
                    address,
                    fresh: t,
                    trained,
                });
            }
        }
    }
    // What stands in the net itself, outside all blocks.
    let mut rest: Vec<(Arc<str>, Tensor)> = fresh
        .made
        .lock()
        .map(|m| m.iter().map(|(a, t)| (a.clone(), t.clone())).collect())
        .unwrap_or_default();
    rest.sort_by(|a, b| a.0.cmp(&b.0));
    for (address, fresh) in rest {
        if seen.insert(address.clone()) {
            out.push(Place {
                address,
                fresh,
                trained: true,
            });
        }
    }
    Ok(out)
}

/// `captures("cell[3]/conv", "cell[*]/*")`: what stands for each `*`, or `none` where the text does not match.
fn captures(_ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let text = args.need("text")?;
    let pattern = args.need("pattern")?;
    if text.is_unknown() || pattern.is_unknown() {
        return Ok(Value::unknown());
    }
    let (text, pattern) = (access::key_text(&text), access::key_text(&pattern));
    Ok(match matched(&text, &pattern) {
        Some(parts) => Value::list(parts.into_iter().map(Value::text).collect()),
        None => Value::None,
    })
}

/// Each `*` takes as little as lets the rest match; the last takes all.
fn matched(text: &str, pattern: &str) -> Option<Vec<String>> {
    let mut parts = pattern.split('*');
    let mut rest = text.strip_prefix(parts.next()?)?;
    let literals: Vec<&str> = parts.collect();
    let mut out = vec![];
    for (i, literal) in literals.iter().enumerate() {
        let at = if i + 1 == literals.len() {
            rest.len()
                .checked_sub(literal.len())
                .filter(|at| rest.get(*at..) == Some(*literal))?
        } else {
            rest.find(literal)?
        };
        out.push(rest[..at].to_string());
        rest = &rest[at + literal.len()..];
    }
    rest.is_empty().then_some(out)
}

/// A text's whole number.
fn int(_ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let v = args.need("text")?;
    if v.is_unknown() {
        return Ok(v);
    }
    let text = access::key_text(&v);
    match text.trim().parse::<i64>() {
        Ok(i) => Ok(Value::int(i)),
        Err(_) => Ok(Value::invalid(format!("`{text}` is no whole number"))),
    }
}

#[cfg(test)]
mod tests {
    use super::matched;

    #[test]
    fn stars_match_as_little_as_they_can() {
        let m = |t, p| matched(t, p).map(|v| v.join("|"));
        assert_eq!(m("a[3]/b", "a[*]/*").as_deref(), Some("3|b"));
        assert_eq!(m("a/b/c", "a/*").as_deref(), Some("b/c"));
        assert_eq!(m("a/b/c", "*/c").as_deref(), Some("a/b"));
        assert_eq!(m("abc", "abc").as_deref(), Some(""));
        assert_eq!(m("abcd", "abc"), None);
        assert_eq!(m("xx", "*y*"), None);
        assert_eq!(m("aba", "*a").as_deref(), Some("ab"));
    }
}
