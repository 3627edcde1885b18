//! Values as people and files read them: one line, JSON, a report, a fingerprint.

mod bound;
mod columns;
mod fingerprint;
mod normal;
mod report;
mod spans;

use crate::ctx::{Ctx, fault};
use crate::value::{Dist, FuncKind, Range, Unit, Value};
use crate::{Result, train};
use nas_diagnostics::Span;
use nas_ir::HostTensor;
use serde_json::{Map, json};

pub use bound::Bound;
pub use columns::aligned;
pub use fingerprint::{
    code_fingerprint, fingerprint, fingerprint_in, form_in, item_fingerprint, named, names,
    reached, scope_fingerprint,
};
pub use normal::{normal, normal_in};
pub use report::report_text;
pub use spans::erase_spans;

/// Longest one-line text, in characters.
const WIDTH: usize = 60;

/// A number with at most six significant digits.
pub fn number_text(v: f64) -> String {
    if v.is_nan() {
        return "not a number".into();
    }
    if v.is_infinite() {
        return if v > 0.0 {
            "infinite".into()
        } else {
            "-infinite".into()
        };
    }
    if v == 0.0 {
        return "0".into();
    }
    if v.fract() == 0.0 && v.abs() < 1e15 {
        return format!("{v:.0}");
    }
    // Rounding comes first: 0.9999999 has one digit more before its point than it shows.
    let text = format!("{v:.5e}");
    let Some((digits, power)) = text.split_once('e') else {
        return text;
    };
    let power: i32 = power.parse().unwrap_or(0);
    if !(-4..15).contains(&power) {
        let digits = if digits.contains('.') {
            digits.trim_end_matches('0').trim_end_matches('.')
        } else {
            digits
        };
        return format!("{digits}e{power}");
    }
    let text = format!("{v:.*}", (5 - power).max(0) as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

fn with_unit(text: String, unit: Unit) -> String {
    if unit == Unit::One {
        text
    } else {
        format!("{text} {}", unit.name())
    }
}

/// At most `width` characters, ending in `…` where something is left out.
fn cut(text: String, width: usize) -> String {
    if text.chars().count() <= width {
        return text;
    }
    text.chars()
        .take(width.saturating_sub(1))
        .collect::<String>()
        + "…"
}

/// As many parts as fit, between brackets.
fn within(open: &str, parts: impl Iterator<Item = String>, close: &str, width: usize) -> String {
    let mut out = open.to_string();
    let room = width.saturating_sub(close.chars().count() + 3);
    for (i, p) in parts.enumerate() {
        let sep = if i > 0 { ", " } else { "" };
        if out.chars().count() + sep.len() + p.chars().count() > room {
            out.push_str(sep);
            out.push('…');
            break;
        }
        out.push_str(sep);
        out.push_str(&p);
    }
    out + close
}

fn range_text(r: &Range) -> String {
    let end = |v: Option<i64>| v.map(|v| v.to_string()).unwrap_or_default();
    let by = if r.step > 1 {
        format!(" by {}", r.step)
    } else {
        String::new()
    };
    format!("{}..{}{by}", end(r.low), end(r.high))
}

/// One line, at most 60 characters, as a person would write it.
pub fn brief(v: &Value) -> String {
    brief_in(v, WIDTH, 4)
}

fn brief_in(v: &Value, width: usize, depth: usize) -> String {
    if depth == 0 {
        return "…".into();
    }
    let part = |v: &Value| brief_in(v, width.saturating_sub(6).max(8), depth - 1);
    let text = match v {
        Value::None => "none".into(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i, u) => with_unit(i.to_string(), *u),
        Value::Float(f, u) => with_unit(number_text(*f), *u),
        Value::Big(b) => b.to_string(),
        Value::Text(t) => format!("\"{t}\""),
        Value::List(l) => within("[", l.iter().map(part), "]", width),
        Value::Record(r) if r.is_empty() => "{}".into(),
        Value::Record(r) => within(
            "{ ",
            r.iter().map(|(k, v)| format!("{k}: {}", part(v))),
            " }",
            width,
        ),
        Value::Range(r) => range_text(r),
        Value::Interval(i) => format!("{} ..= {}", part(&i.0), part(&i.1)),
        Value::Tensor(t, _) => {
            let known = t.0.value.get();
            match known {
                Some(h) if t.rank() == 0 => h
                    .to_f64()
                    .first()
                    .map_or("tensor []".into(), |v| number_text(*v)),
                _ => within(
                    "tensor [",
                    t.shape().iter().map(|d| d.to_string()),
                    "]",
                    width,
                ),
            }
        }
        Value::Dim(d) => d.to_string(),
        Value::Label(l) => l.to_string(),
        Value::Picked(p) => p.label.to_string(),
        Value::Kept(k) => part(&k.value),
        Value::Func(f) => func_text(&f.kind, v),
        Value::Space(s) => s.name.to_string(),
        Value::Arch(a) => a.text(),
        Value::Site(s) => s.address.to_string(),
        Value::Net(n) => match &n.base {
            crate::net::NetBase::Member { space, arch } => match &arch.mixture {
                Some(m) => format!("{}[{}]", space.name, part(&m.written)),
                None => format!("{}[\"{}\"]", space.name, arch.text()),
            },
            crate::net::NetBase::AllMembers { space } => format!("{}[it]", space.name),
            crate::net::NetBase::Literal { .. } => "net".into(),
            crate::net::NetBase::Block(b) => part(b),
        },
        Value::Call(c) if c.path.is_empty() => c.kind.to_string(),
        Value::Call(c) => format!("{} at {}", c.kind, c.path),
        Value::Weights(w) => format!("weights ({} slots)", w.store.lock().map_or(0, |s| s.len())),
        Value::Data(d) => format!("data ({} samples)", d.len()),
        Value::Dist(d) => dist_text(d),
        Value::Module(_) => "module".into(),
        Value::Clock(c) => format!("epoch {} of {}", c.epoch, c.epochs),
        Value::Open(t) => within(
            "one of ",
            t.values
                .iter()
                .filter(|v| !matches!(v, Value::Impossible))
                .map(part),
            "",
            width,
        ),
        Value::Impossible => "impossible".into(),
        Value::Table(t) => t.name.to_string(),
        Value::Growth(g) => g.name.to_string(),
        Value::Move(m) => m.name.to_string(),
        Value::Invalid(reason) => format!("invalid(\"{reason}\")"),
        Value::Unknown(_) => "known at run time".into(),
        other => other.kind().into(),
    };
    cut(text.replace('\n', " "), width)
}

fn func_text(kind: &FuncKind, v: &Value) -> String {
    match kind {
        FuncKind::Decl { decl, .. } => decl.name.text.to_string(),
        FuncKind::Space { decl, .. } => decl.name.text.to_string(),
        FuncKind::Enlarge { decl, .. } => decl.name.text.to_string(),
        FuncKind::Builtin { name, .. } => (*name).into(),
        FuncKind::Method { name, .. } => name.to_string(),
        FuncKind::Partial { of } => format!("{}(…)", brief_in(of, WIDTH - 4, 2)),
        FuncKind::Compose(parts) => parts
            .iter()
            .map(|p| brief_in(p, 20, 2))
            .collect::<Vec<_>>()
            .join(" |> "),
        _ => v.kind().into(),
    }
}

fn dist_text(d: &Dist) -> String {
    let n = |v: &f64| number_text(*v);
    match d {
        Dist::Normal(m, s) => format!("normal({}, {})", n(m), n(s)),
        Dist::Uniform(a, b) => format!("uniform({}, {})", n(a), n(b)),
        Dist::TruncNormal(s) => format!("trunc_normal({})", n(s)),
        Dist::Bernoulli(p) => format!("bernoulli({})", n(p)),
        Dist::Gumbel => "gumbel".into(),
        Dist::Rademacher => "rademacher".into(),
        Dist::OneOf(l) => format!("uniform over {} values", l.len()),
    }
}

fn json_invalid(reason: &str) -> serde_json::Value {
    json!({ "invalid": reason })
}

fn json_number(v: f64) -> serde_json::Value {
    match serde_json::Number::from_f64(v) {
        Some(n) => serde_json::Value::Number(n),
        None => json_invalid(if v.is_nan() {
            "not a number"
        } else {
            "infinite"
        }),
    }
}

/// Nested lists in row-major order.
fn json_tensor(t: &HostTensor) -> serde_json::Value {
    fn nest(shape: &[usize], data: &[f64]) -> serde_json::Value {
        match shape {
            [] => data
                .first()
                .map_or(serde_json::Value::Null, |v| json_number(*v)),
            [n, rest @ ..] => {
                let each = rest.iter().product::<usize>();
                (0..*n)
                    .map(|i| nest(rest, data.get(i * each..(i + 1) * each).unwrap_or(&[])))
                    .collect()
            }
        }
    }
    nest(&t.shape, &t.to_f64())
}

/// The whole value for `results.json`. Tensors are computed; what cannot be told as JSON is told by its one-line text.
pub fn json(ctx: &mut Ctx, v: &Value) -> Result<serde_json::Value> {
    let mut left = ENTRIES;
    writable(v, DEEPEST, &mut left)?;
    // All tensors inside are computed together.
    let mut all = [v.clone()];
    train::settle_all(ctx, &mut all, Span::default())?;
    json_of(ctx, &all[0])
}

/// Readers of JSON refuse what is nested deeper than 128.
const DEEPEST: usize = 120;
/// Entries of one result: a list that holds one list many times is as long as what it shows.
const ENTRIES: usize = 10_000_000;

/// Refuses a result that cannot be written down.
fn writable(v: &Value, depth: usize, left: &mut usize) -> Result<()> {
    let refused = |what: String| {
        fault("E0606", what).help("report a summary of it: `len`, `mean`, a few of its entries")
    };
    if depth == 0 {
        return Err(refused(format!("a result is nested deeper than {DEEPEST} levels")).into());
    }
    let mut inner = |x: &Value| {
        *left = left
            .checked_sub(1)
            .ok_or_else(|| refused(format!("a result has more than {ENTRIES} entries")))?;
        writable(x, depth - 1, left)
    };
    match v.plain() {
        Value::List(l) => l.iter().try_for_each(&mut inner),
        Value::Record(r) => r.values().try_for_each(&mut inner),
        _ => Ok(()),
    }
}

fn json_of(ctx: &mut Ctx, v: &Value) -> Result<serde_json::Value> {
    Ok(match v.plain() {
        _ if matches!(v, Value::Picked(p) if !plain_json(p.value.plain())) => {
            serde_json::Value::String(brief(v))
        }
        Value::None => serde_json::Value::Null,
        Value::Bool(b) => json!(b),
        Value::Int(i, _) => json!(i),
        Value::Float(f, _) => json_number(*f),
        Value::Big(b) => serde_json::Value::String(b.to_string()),
        Value::Text(t) | Value::Label(t) => json!(&**t),
        Value::List(l) => {
            let mut out = Vec::with_capacity(l.len());
            for x in l.iter() {
                out.push(json_of(ctx, x)?);
            }
            serde_json::Value::Array(out)
        }
        Value::Record(r) => {
            let mut out = Map::new();
            for (k, x) in r.iter() {
                out.insert(k.to_string(), json_of(ctx, x)?);
            }
            serde_json::Value::Object(out)
        }
        Value::Range(r) => json!({ "low": r.low, "high": r.high, "step": r.step }),
        Value::Interval(i) => json!({ "low": json_of(ctx, &i.0)?, "high": json_of(ctx, &i.1)? }),
        Value::Tensor(..) if ctx.checking() => serde_json::Value::Null,
        Value::Tensor(t, _) => {
            match train::force(ctx, std::slice::from_ref(t), Span::default())?.first() {
                Some(h) => json_tensor(h),
                None => serde_json::Value::Null,
            }
        }
        Value::Arch(a) => {
            a.space.algebra(ctx, Span::default())?;
            json!(a.text())
        }
        Value::Weights(w) => {
            let (slots, bytes) = w.store.lock().map_or((0, 0), |s| {
                (s.len(), s.values().map(|v| v.value.bytes()).sum::<usize>())
            });
            json!({ "weights": slots, "bytes": bytes })
        }
        Value::Data(d) => json!({ "samples": d.len(), "digest": d.digest() }),
        Value::Clock(c) => {
            json!({ "step": c.step, "steps": c.steps, "epoch": c.epoch, "epochs": c.epochs })
        }
        Value::Invalid(reason) => json_invalid(reason),
        Value::Unknown(_) => serde_json::Value::Null,
        _ => serde_json::Value::String(brief(v)),
    })
}

/// Whether an option is told by its value; a block or function is told by its name.
fn plain_json(v: &Value) -> bool {
    matches!(
        v,
        Value::None
            | Value::Bool(_)
            | Value::Int(..)
            | Value::Float(..)
            | Value::Text(_)
            | Value::List(_)
            | Value::Record(_)
            | Value::Tensor(..)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_six_digits() {
        for (v, text) in [
            (0.1 + 0.2, "0.3"),
            (15625.0, "15625"),
            (1.0 / 3.0, "0.333333"),
            (123456.789, "123457"),
            (0.00012345678, "0.000123457"),
            (0.99999999, "1"),
            (1.5e-7, "1.5e-7"),
            (-2.5, "-2.5"),
            (9999999.5, "10000000"),
        ] {
            assert_eq!(number_text(v), text);
        }
    }

    #[test]
    fn long_lists_are_cut() {
        let l = Value::list((0..100).map(Value::int).collect());
        let text = brief(&l);
        assert!(
            text.chars().count() <= WIDTH && text.ends_with("…]"),
            "{text}"
        );
        assert_eq!(
            brief(&Value::list(vec![Value::int(1), Value::float(0.5)])),
            "[1, 0.5]"
        );
    }
}
