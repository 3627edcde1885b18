//! Kept points: all that a loop carries from turn to turn, as bytes and back.

use super::{from_json, pack, to_json, unpack, weights_json, weights_of};
use crate::ctx::Ctx;
use crate::env::Env;
use crate::train::{LoopState, Start};
use crate::value::Value;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Everything a loop carries from turn to turn.
pub fn loop_point(ctx: &Ctx, env: &Env, state: &LoopState) -> Option<Vec<u8>> {
    let mut blob = vec![];
    let mut cells = vec![];
    for (name, cell) in env.cells() {
        let v = cell.lock().ok()?.clone();
        let j = match &v {
            Value::Weights(w) => {
                let mut j = weights_json(ctx, w, &mut blob)?;
                j["id"] = json!(w.id.to_string());
                j
            }
            other => to_json(ctx, other, &mut blob)?,
        };
        cells.push(json!([&*name, j]));
    }
    let mut opts = vec![];
    for (place, w) in state.optimisers.lock().ok()?.iter() {
        opts.push(json!([place, weights_json(ctx, w, &mut blob)?]));
    }
    let mut settings = vec![];
    for (place, v) in state.settings.lock().ok()?.iter() {
        settings.push(json!([place, to_json(ctx, v, &mut blob)?]));
    }
    let history: Vec<Json> = state
        .history
        .lock()
        .ok()?
        .iter()
        .map(|v| to_json(ctx, v, &mut blob))
        .collect::<Option<_>>()?;
    let mut adapters = vec![];
    for (name, w) in state.adapters.lock().ok()?.iter() {
        let mut j = weights_json(ctx, w, &mut blob)?;
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
    let mut stores = vec![];
    let mut values = vec![];
    // Everything is read before anything is put back: a point that cannot be read changes nothing.
    for entry in tree["cells"].as_array()? {
        let name = entry[0].as_str()?;
        let (_, cell) = cells.iter().find(|c| &*c.0 == name)?;
        let now = cell.lock().ok()?.clone();
        match &now {
            Value::Weights(w) => {
                let kept = weights_of(ctx, &entry[1], blob, true)?;
                ids.push((entry[1]["id"].as_str()?.to_string(), w.id));
                stores.push((w.clone(), kept));
            }
            _ => values.push((cell.clone(), from_json(ctx, &entry[1], blob)?)),
        }
    }
    let mut adapters = vec![];
    for entry in tree["adapters"].as_array()? {
        let kept = Arc::new(weights_of(ctx, &entry[1], blob, true)?);
        ids.push((entry[1]["id"].as_str()?.to_string(), kept.id));
        adapters.push((std::sync::Arc::<str>::from(entry[0].as_str()?), kept));
    }
    let mut restarts = vec![];
    for entry in tree["restarts"].as_array()? {
        let start = Start {
            step: entry[1].as_i64()?,
            epoch: entry[2].as_i64()?,
        };
        restarts.push((entry[0].as_u64()? as u32, start));
    }
    let means: Vec<f64> = tree["losses"][0]
        .as_array()?
        .iter()
        .map(|v| v.as_u64().map(f64::from_bits))
        .collect::<Option<_>>()?;
    let sum = f64::from_bits(tree["losses"][1].as_u64()?);
    let count = tree["losses"][2].as_i64()?;
    let mut optimisers = vec![];
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
        optimisers.push((place, Arc::new(kept)));
    }
    let mut settings = vec![];
    for entry in tree["settings"].as_array()? {
        settings.push((entry[0].as_u64()? as u32, from_json(ctx, &entry[1], blob)?));
    }
    let history: Vec<Value> = tree["history"]
        .as_array()?
        .iter()
        .map(|v| from_json(ctx, v, blob))
        .collect::<Option<_>>()?;
    for (cell, v) in values {
        *cell.lock().ok()? = v;
    }
    for (w, kept) in stores {
        let fresh = kept.store.lock().ok()?.clone();
        *w.store.lock().ok()? = fresh;
        let h = kept.history.lock().ok()?.clone();
        *w.history.lock().ok()? = h;
    }
    state.adapters.lock().ok()?.extend(adapters);
    state.restarts.lock().ok()?.extend(restarts);
    {
        let mut l = state.losses.lock().ok()?;
        (l.means, l.sum, l.count) = (means, sum, count);
    }
    state.optimisers.lock().ok()?.extend(optimisers);
    state.settings.lock().ok()?.extend(settings);
    *state.history.lock().ok()? = history;
    Some(())
}
