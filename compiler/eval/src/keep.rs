//! Values as bytes, for results that outlive a run.

mod code;
mod point;

pub use point::{loop_point, restore};

use crate::ctx::Ctx;
use crate::value::{Element, Fields, Unit, Value};
use crate::weights::{Slot, WeightsValue};
use nas_ir::{HostData, HostTensor};
use serde_json::{Value as Json, json};
use std::sync::Arc;

const UNITS: [Unit; 10] = [
    Unit::One,
    Unit::Macs,
    Unit::Params,
    Unit::Bits,
    Unit::Bytes,
    Unit::Epochs,
    Unit::Steps,
    Unit::Pixels,
    Unit::Seconds,
    Unit::Decibel,
];
const ELEMENTS: [Element; 5] = [
    Element::Float,
    Element::Bool,
    Element::Index,
    Element::Label,
    Element::OneHot,
];

fn unit_of(j: &Option<&Json>) -> Option<Unit> {
    let name = j.map_or(Some(""), Json::as_str)?;
    UNITS.iter().find(|u| u.name() == name).copied()
}

/// `None` where the value holds something that is made anew in each run: data, tables, what is known at run time only.
pub fn encode(ctx: &Ctx, v: &Value) -> Option<Vec<u8>> {
    let mut blob = vec![];
    let tree = to_json(ctx, v, &mut blob)?;
    Some(pack(&tree, &blob))
}

pub fn decode(ctx: &mut Ctx, bytes: &[u8]) -> Option<Value> {
    let (tree, blob) = unpack(bytes)?;
    from_json(ctx, &tree, blob)
}

pub(crate) fn pack(tree: &Json, blob: &[u8]) -> Vec<u8> {
    let text = tree.to_string();
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text.as_bytes());
    out.extend(blob);
    out
}

pub(crate) fn unpack(bytes: &[u8]) -> Option<(Json, &[u8])> {
    let mut n = [0u8; 8];
    n.copy_from_slice(bytes.get(..8)?);
    let n = usize::try_from(u64::from_le_bytes(n)).ok()?;
    let text = bytes.get(8..8usize.checked_add(n)?)?;
    Some((serde_json::from_slice(text).ok()?, &bytes[8 + n..]))
}

fn tensor_json(t: &HostTensor, blob: &mut Vec<u8>) -> Json {
    let at = blob.len();
    let kind = match &t.data {
        HostData::F32(d) => {
            d.iter().for_each(|v| blob.extend(v.to_le_bytes()));
            "f32"
        }
        HostData::F64(d) => {
            d.iter().for_each(|v| blob.extend(v.to_le_bytes()));
            "f64"
        }
        HostData::I32(d) => {
            d.iter().for_each(|v| blob.extend(v.to_le_bytes()));
            "i32"
        }
    };
    json!({"kind": kind, "shape": t.shape, "at": at})
}

fn tensor_of(j: &Json, blob: &[u8]) -> Option<HostTensor> {
    let shape: Vec<usize> = j["shape"]
        .as_array()?
        .iter()
        .map(|v| v.as_u64().map(|v| v as usize))
        .collect::<Option<_>>()?;
    let n: usize = shape.iter().product();
    let at = j["at"].as_u64()? as usize;
    let size = if j["kind"] == "f64" { 8 } else { 4 };
    let raw = blob.get(at..at.checked_add(n.checked_mul(size)?)?)?;
    Some(match j["kind"].as_str()? {
        "f32" => HostTensor::f32(
            shape,
            raw.chunks_exact(4)
                .map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]]))
                .collect(),
        ),
        "i32" => HostTensor::i32(
            shape,
            raw.chunks_exact(4)
                .map(|c| i32::from_le_bytes([c[0], c[1], c[2], c[3]]))
                .collect(),
        ),
        _ => HostTensor::f64(
            shape,
            raw.chunks_exact(8)
                .map(|c| f64::from_le_bytes([c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]]))
                .collect(),
        ),
    })
}

pub(crate) fn weights_json(ctx: &Ctx, w: &WeightsValue, blob: &mut Vec<u8>) -> Option<Json> {
    let store = w.store.lock().ok()?.clone();
    let mut slots = vec![];
    for (name, s) in &store {
        slots.push(json!([
            &**name,
            s.trained,
            tensor_json(&s.value.download(), blob)
        ]));
    }
    let history: Vec<Json> = w
        .history
        .lock()
        .ok()?
        .iter()
        .map(|v| to_json(ctx, v, blob))
        .collect::<Option<_>>()?;
    let policy = match &w.policy {
        Some(p) => to_json(ctx, p, blob)?,
        None => Json::Null,
    };
    let space = match &w.space {
        Some(s) => to_json(ctx, &Value::Space(s.clone()), blob)?,
        None => Json::Null,
    };
    let uses: Vec<Json> = w
        .uses()
        .into_iter()
        .map(|(address, slot, leading)| json!([&*address, &*slot, leading]))
        .collect();
    let passes = w.passes.load(std::sync::atomic::Ordering::Relaxed);
    Some(
        json!({"weights": slots, "key": key_json(&w.key), "history": history, "policy": policy, "space": space, "uses": uses, "passes": passes}),
    )
}

pub(crate) fn key_json(key: &crate::key::Key) -> Json {
    key.0.iter().map(u64::to_string).collect()
}

pub(crate) fn key_of(j: &Json) -> Option<crate::key::Key> {
    let mut key = [0u64; 4];
    for (k, v) in key.iter_mut().zip(j.as_array()?) {
        *k = v.as_str()?.parse().ok()?;
    }
    Some(crate::key::Key(key))
}

pub(crate) fn weights_of(ctx: &mut Ctx, j: &Json, blob: &[u8], live: bool) -> Option<WeightsValue> {
    let mut store = crate::weights::Store::new();
    for s in j["weights"].as_array()? {
        let t = tensor_of(&s[2], blob)?;
        store.insert(
            s[0].as_str()?.into(),
            Slot {
                value: ctx.host.upload(t),
                trained: s[1].as_bool()?,
            },
        );
    }
    let policy = match &j["policy"] {
        Json::Null => None,
        p => Some(from_json(ctx, p, blob)?),
    };
    let mut w = WeightsValue::new(key_of(&j["key"])?, policy, store, live);
    if !j["space"].is_null() {
        w.space = match from_json(ctx, &j["space"], blob)? {
            Value::Space(s) => Some(s),
            _ => return None,
        };
    }
    let mut uses = vec![];
    for u in j["uses"].as_array()? {
        uses.push((
            u[0].as_str()?.into(),
            u[1].as_str()?.into(),
            u[2].as_bool()?,
        ));
    }
    w.set_uses(uses);
    let passes = j["passes"].as_u64()?;
    w.passes.store(passes, std::sync::atomic::Ordering::Relaxed);
    let history: Vec<Value> = j["history"]
        .as_array()?
        .iter()
        .map(|h| from_json(ctx, h, blob))
        .collect::<Option<_>>()?;
    *w.history.lock().ok()? = history;
    Some(w)
}

pub(crate) fn to_json(ctx: &Ctx, v: &Value, blob: &mut Vec<u8>) -> Option<Json> {
    Some(match v {
        Value::None => Json::Null,
        Value::Bool(b) => json!(b),
        Value::Int(i, Unit::One) => json!({"int": i.to_string()}),
        Value::Int(i, u) => json!({"int": i.to_string(), "unit": u.name()}),
        // Bits, so that what comes back is what was kept.
        Value::Float(f, Unit::One) => json!({"bits": f.to_bits().to_string()}),
        Value::Float(f, u) => json!({"bits": f.to_bits().to_string(), "unit": u.name()}),
        Value::Text(t) => json!({"text": &**t}),
        Value::List(l) => Json::Array(
            l.iter()
                .map(|v| to_json(ctx, v, blob))
                .collect::<Option<_>>()?,
        ),
        Value::Record(r) => {
            let fields: Vec<Json> = r
                .iter()
                .map(|(k, v)| to_json(ctx, v, blob).map(|v| json!([&**k, v])))
                .collect::<Option<_>>()?;
            json!({"record": fields})
        }
        Value::Invalid(reason) => json!({"invalid": &**reason}),
        Value::Tensor(t, element) => {
            // Of a settled result the values themselves are left, without the graph behind them.
            let leaf = t.0.leaf.as_ref().and_then(|l| l.value.as_ref());
            let h = leaf.or_else(|| t.0.value.get())?;
            json!({"tensor": tensor_json(h, blob), "element": format!("{element:?}")})
        }
        Value::Weights(w) => weights_json(ctx, w, blob)?,
        Value::Kept(k) => {
            json!({"kept": to_json(ctx, &k.value, blob)?, "history": to_json(ctx, &k.history, blob)?})
        }
        other => code::to_json(ctx, other, blob)?,
    })
}

pub(crate) fn from_json(ctx: &mut Ctx, j: &Json, blob: &[u8]) -> Option<Value> {
    Some(match j {
        Json::Null => Value::None,
        Json::Bool(b) => Value::Bool(*b),
        Json::Array(items) => Value::list(
            items
                .iter()
                .map(|i| from_json(ctx, i, blob))
                .collect::<Option<_>>()?,
        ),
        Json::Object(o) => {
            if let Some(i) = o.get("int") {
                Value::Int(i.as_str()?.parse().ok()?, unit_of(&o.get("unit"))?)
            } else if let Some(b) = o.get("bits") {
                let f = f64::from_bits(b.as_str()?.parse().ok()?);
                Value::Float(f, unit_of(&o.get("unit"))?)
            } else if let Some(t) = o.get("text") {
                Value::text(t.as_str()?)
            } else if let Some(t) = o.get("invalid") {
                Value::invalid(t.as_str()?)
            } else if let Some(t) = o.get("tensor") {
                let element = ELEMENTS
                    .iter()
                    .find(|e| format!("{e:?}") == o["element"].as_str().unwrap_or(""))?;
                Value::Tensor(nas_ir::Tensor::value(tensor_of(t, blob)?), *element)
            } else if let Some(v) = o.get("kept") {
                Value::Kept(Arc::new(crate::value::Kept {
                    value: from_json(ctx, v, blob)?,
                    history: from_json(ctx, o.get("history")?, blob)?,
                }))
            } else if o.contains_key("weights") {
                Value::Weights(Arc::new(weights_of(ctx, j, blob, false)?))
            } else if let Some(fields) = o.get("record") {
                let mut r = Fields::new();
                for f in fields.as_array()? {
                    r.insert(f[0].as_str()?.into(), from_json(ctx, &f[1], blob)?);
                }
                Value::record(r)
            } else {
                code::from_json(ctx, o, blob)?
            }
        }
        _ => return None,
    })
}

/// A stored tensor of a kept result: where it stands in the value, its address, whether it is trained, and its numbers.
pub struct Kept {
    pub path: String,
    pub address: String,
    pub trained: bool,
    pub tensor: HostTensor,
}

/// All weights in a kept result, for other programs; none where the bytes are not one.
pub fn tensors(bytes: &[u8]) -> Option<Vec<Kept>> {
    fn walk(j: &Json, path: &str, blob: &[u8], out: &mut Vec<Kept>) -> Option<()> {
        match j {
            Json::Array(items) => {
                for (i, x) in items.iter().enumerate() {
                    walk(x, &format!("{path}[{i}]"), blob, out)?;
                }
            }
            Json::Object(o) => {
                for s in o
                    .get("weights")
                    .and_then(Json::as_array)
                    .into_iter()
                    .flatten()
                {
                    out.push(Kept {
                        path: path.to_string(),
                        address: s[0].as_str()?.to_string(),
                        trained: s[1].as_bool()?,
                        tensor: tensor_of(&s[2], blob)?,
                    });
                }
                for f in o
                    .get("record")
                    .and_then(Json::as_array)
                    .into_iter()
                    .flatten()
                {
                    walk(&f[1], &format!("{path}.{}", f[0].as_str()?), blob, out)?;
                }
                if let Some(net) = o.get("net") {
                    walk(&net["weights"], path, blob, out)?;
                }
            }
            _ => {}
        }
        Some(())
    }
    let (tree, blob) = unpack(bytes)?;
    let mut out = vec![];
    walk(&tree, "", blob, &mut out)?;
    Some(out)
}
