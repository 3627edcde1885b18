//! Values as bytes, for results that outlive a run: numbers, texts, lists, records and weights.

use crate::ctx::Ctx;
use crate::env::Env;
use crate::train::{LoopState, Start};
use crate::value::{Fields, Unit, Value};
use crate::weights::{Slot, WeightsValue};
use nas_ir::{HostData, HostTensor};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// `None` where the value holds something that is not kept (functions, spaces, data).
pub fn encode(v: &Value) -> Option<Vec<u8>> {
    let mut blob = vec![];
    let tree = to_json(v, &mut blob)?;
    Some(pack(&tree, &blob))
}

pub fn decode(ctx: &mut Ctx, bytes: &[u8]) -> Option<Value> {
    let (tree, blob) = unpack(bytes)?;
    from_json(ctx, &tree, blob)
}

fn pack(tree: &Json, blob: &[u8]) -> Vec<u8> {
    let text = tree.to_string();
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text.as_bytes());
    out.extend(blob);
    out
}

fn unpack(bytes: &[u8]) -> Option<(Json, &[u8])> {
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

fn weights_json(w: &WeightsValue, blob: &mut Vec<u8>) -> Option<Json> {
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
        .map(|v| to_json(v, blob))
        .collect::<Option<_>>()?;
    let key: Vec<String> = w.key.0.iter().map(u64::to_string).collect();
    let uses: Vec<Json> = w
        .uses()
        .into_iter()
        .map(|(address, slot, leading)| json!([&*address, &*slot, leading]))
        .collect();
    Some(
        json!({"weights": slots, "key": key, "history": history, "uses": uses,
        "passes": w.passes.load(std::sync::atomic::Ordering::Relaxed)}),
    )
}

fn weights_of(ctx: &mut Ctx, j: &Json, blob: &[u8], live: bool) -> Option<WeightsValue> {
    let mut key = [0u64; 4];
    for (k, v) in key.iter_mut().zip(j["key"].as_array()?) {
        *k = v.as_str()?.parse().ok()?;
    }
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
    let w = WeightsValue::new(crate::key::Key(key), None, store, live);
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

fn to_json(v: &Value, blob: &mut Vec<u8>) -> Option<Json> {
    Some(match v {
        Value::None => Json::Null,
        Value::Bool(b) => json!(b),
        Value::Int(i, Unit::One) => json!({"int": i.to_string()}),
        // Bits, so that what comes back is what was kept.
        Value::Float(f, Unit::One) => json!({"bits": f.to_bits().to_string()}),
        Value::Text(t) => json!({"text": &**t}),
        Value::List(l) => Json::Array(l.iter().map(|v| to_json(v, blob)).collect::<Option<_>>()?),
        Value::Record(r) => {
            let fields: Vec<Json> = r
                .iter()
                .map(|(k, v)| to_json(v, blob).map(|v| json!([&**k, v])))
                .collect::<Option<_>>()?;
            json!({"record": fields})
        }
        Value::Invalid(reason) => json!({"invalid": &**reason}),
        Value::Tensor(t, crate::value::Element::Float) => {
            let h = t.0.value.get()?;
            json!({"tensor": tensor_json(h, blob)})
        }
        // A policy is a function: it is given again by whoever asks for the result.
        Value::Weights(w) if w.policy.is_none() || matches!(&w.policy, Some(Value::Func(_))) => {
            weights_json(w, blob)?
        }
        Value::Picked(p) => to_json(&p.value, blob)?,
        Value::Kept(k) => {
            json!({"kept": to_json(&k.value, blob)?, "history": to_json(&k.history, blob)?})
        }
        _ => return None,
    })
}

fn from_json(ctx: &mut Ctx, j: &Json, blob: &[u8]) -> Option<Value> {
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
                Value::int(i.as_str()?.parse().ok()?)
            } else if let Some(b) = o.get("bits") {
                Value::float(f64::from_bits(b.as_str()?.parse().ok()?))
            } else if let Some(t) = o.get("text") {
                Value::text(t.as_str()?)
            } else if let Some(t) = o.get("invalid") {
                Value::invalid(t.as_str()?)
            } else if let Some(t) = o.get("tensor") {
                Value::tensor(nas_ir::Tensor::value(tensor_of(t, blob)?))
            } else if let Some(v) = o.get("kept") {
                Value::Kept(Arc::new(crate::value::Kept {
                    value: from_json(ctx, v, blob)?,
                    history: from_json(ctx, o.get("history")?, blob)?,
                }))
            } else if o.contains_key("weights") {
                Value::Weights(Arc::new(weights_of(ctx, j, blob, false)?))
            } else {
                let mut r = Fields::new();
                for f in o.get("record")?.as_array()? {
                    r.insert(f[0].as_str()?.into(), from_json(ctx, &f[1], blob)?);
                }
                Value::record(r)
            }
        }
        _ => return None,
    })
}

/// Everything a loop carries from turn to turn.
pub fn loop_point(env: &Env, state: &LoopState) -> Option<Vec<u8>> {
    let mut blob = vec![];
    let mut cells = vec![];
    for (name, cell) in env.cells() {
        let v = cell.lock().ok()?.clone();
        let j = match &v {
            Value::Weights(w) => {
                let mut j = weights_json(w, &mut blob)?;
                j["id"] = json!(w.id.to_string());
                j
            }
            other => to_json(other, &mut blob)?,
        };
        cells.push(json!([&*name, j]));
    }
    let mut opts = vec![];
    for (place, w) in state.optimisers.lock().ok()?.iter() {
        opts.push(json!([place, weights_json(w, &mut blob)?]));
    }
    let mut settings = vec![];
    for (place, v) in state.settings.lock().ok()?.iter() {
        settings.push(json!([place, to_json(v, &mut blob)?]));
    }
    let history: Vec<Json> = state
        .history
        .lock()
        .ok()?
        .iter()
        .map(|v| to_json(v, &mut blob))
        .collect::<Option<_>>()?;
    let mut adapters = vec![];
    for (name, w) in state.adapters.lock().ok()?.iter() {
        let mut j = weights_json(w, &mut blob)?;
        j["id"] = json!(w.id.to_string());
        adapters.push(json!([&**name, j]));
    }
    let restarts: Vec<Json> = state
        .restarts
        .lock()
        .ok()?
        .iter()
        .map(|(place, s)| json!([place, s.step, s.epoch]))
        .collect();
    // Bits, as everywhere: what comes back is what was kept.
    let losses = {
        let l = state.losses.lock().ok()?;
        let means: Vec<u64> = l.means.iter().map(|v| v.to_bits()).collect();
        json!([means, l.sum.to_bits(), l.count])
    };
    Some(pack(
        &json!({
            "cells": cells, "optimisers": opts, "settings": settings, "history": history,
            "adapters": adapters, "restarts": restarts, "losses": losses,
        }),
        &blob,
    ))
}

/// Puts a loop back to where it was kept.
pub fn restore(ctx: &mut Ctx, bytes: &[u8], env: &Env, state: &LoopState) -> bool {
    restore_parts(ctx, bytes, env, state).is_some()
}

fn restore_parts(ctx: &mut Ctx, bytes: &[u8], env: &Env, state: &LoopState) -> Option<()> {
    let (tree, blob) = unpack(bytes)?;
    let cells = env.cells();
    let mut ids: Vec<(String, u64)> = vec![];
    let mut restored = vec![];
    for entry in tree["cells"].as_array()? {
        let name = entry[0].as_str()?;
        let (_, cell) = cells.iter().find(|c| &*c.0 == name)?;
        let now = cell.lock().ok()?.clone();
        match &now {
            Value::Weights(w) => {
                let kept = weights_of(ctx, &entry[1], blob, true)?;
                ids.push((entry[1]["id"].as_str()?.to_string(), w.id));
                restored.push((w.clone(), kept));
            }
            _ => {
                let v = from_json(ctx, &entry[1], blob)?;
                *cell.lock().ok()? = v;
            }
        }
    }
    for (w, kept) in restored {
        let fresh = kept.store.lock().ok()?.clone();
        *w.store.lock().ok()? = fresh;
        let h = kept.history.lock().ok()?.clone();
        *w.history.lock().ok()? = h;
    }
    for entry in tree["adapters"].as_array()? {
        let kept = Arc::new(weights_of(ctx, &entry[1], blob, true)?);
        ids.push((entry[1]["id"].as_str()?.to_string(), kept.id));
        let name = entry[0].as_str()?.into();
        state.adapters.lock().ok()?.insert(name, kept);
    }
    for entry in tree["restarts"].as_array()? {
        let start = Start {
            step: entry[1].as_i64()?,
            epoch: entry[2].as_i64()?,
        };
        let place = entry[0].as_u64()? as u32;
        state.restarts.lock().ok()?.insert(place, start);
    }
    {
        let mut l = state.losses.lock().ok()?;
        let means = tree["losses"][0].as_array()?.iter();
        l.means = means
            .map(|v| v.as_u64().map(f64::from_bits))
            .collect::<Option<_>>()?;
        l.sum = f64::from_bits(tree["losses"][1].as_u64()?);
        l.count = tree["losses"][2].as_i64()?;
    }
    for entry in tree["optimisers"].as_array()? {
        let place = entry[0].as_u64()? as u32;
        let kept = weights_of(ctx, &entry[1], blob, true)?;
        // Optimiser slots carry the number of the store they belong to.
        let store = kept.store.lock().ok()?.clone();
        let renamed = store
            .into_iter()
            .map(|(k, v)| {
                let new = k.split_once('/').and_then(|(id, rest)| {
                    ids.iter()
                        .find(|x| x.0 == id)
                        .map(|x| format!("{}/{rest}", x.1))
                });
                (new.map_or(k, Into::into), v)
            })
            .collect();
        *kept.store.lock().ok()? = renamed;
        state.optimisers.lock().ok()?.insert(place, Arc::new(kept));
    }
    for entry in tree["settings"].as_array()? {
        let v = from_json(ctx, &entry[1], blob)?;
        state
            .settings
            .lock()
            .ok()?
            .insert(entry[0].as_u64()? as u32, v);
    }
    let history: Vec<Value> = tree["history"]
        .as_array()?
        .iter()
        .map(|v| from_json(ctx, v, blob))
        .collect::<Option<_>>()?;
    *state.history.lock().ok()? = history;
    Some(())
}
