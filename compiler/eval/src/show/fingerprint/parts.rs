//! Fingerprints of spaces, nets and stored weights.

use super::{Hash, captured, host, value};
use crate::env::{Env, Found};
use crate::net::{EditValue, NetBase, NetValue, NetWeights};
use crate::space::SpaceValue;
use crate::weights::WeightsValue;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

/// Hashes of spaces, by their number: a space is asked for with each of its members.
static SPACES: LazyLock<Mutex<HashMap<(u64, bool), String>>> = LazyLock::new(Default::default);

pub(super) fn space(h: &mut Hash, s: &SpaceValue, depth: usize) {
    let key = (s.id, h.program.is_some());
    let kept = SPACES.lock().ok().and_then(|k| k.get(&key).cloned());
    let text = kept.unwrap_or_else(|| {
        let mut inner = Hash::new(h.program.clone());
        space_tree(&mut inner, s, depth);
        let text = inner.end();
        if let Ok(mut k) = SPACES.lock() {
            k.insert(key, text.clone());
        }
        text
    });
    h.text("space", &text);
}

fn space_tree(h: &mut Hash, s: &SpaceValue, depth: usize) {
    let decl = &s.base.decl;
    h.tree("space", decl);
    captured(h, &format!("{decl:?}"), &Env::default(), s.module, depth);
    for p in &decl.params {
        h.text("param", &p.name.text);
        if let Some(Found::Value(v)) = s.base.env.find(&p.name.text) {
            value(h, &v, depth.saturating_sub(1));
        }
    }
    h.part("where", &(s.conditions.len() as u64).to_le_bytes());
    for (e, env, module) in &s.conditions {
        h.tree("condition", e);
        captured(h, &format!("{e:?}"), env, *module, depth);
    }
    h.part("modulo", &(s.modulo.len() as u64).to_le_bytes());
    for (e, env, module) in &s.modulo {
        h.tree("equivalence", e);
        captured(h, &format!("{e:?}"), env, *module, depth);
    }
}

pub(super) fn net(h: &mut Hash, n: &NetValue, depth: usize) {
    match &n.base {
        NetBase::Member { space: s, arch } => {
            space(h, s, depth);
            h.tree("indices", &arch.arch);
            if let Some(m) = &arch.mixture {
                value(h, &m.written, depth.saturating_sub(1));
            }
        }
        NetBase::AllMembers { space: s } => {
            space(h, s, depth);
            h.part("all", &[]);
        }
        NetBase::Literal { decl, env, module } => {
            h.tree("net", decl);
            captured(h, &format!("{decl:?}"), env, *module, depth);
        }
        NetBase::Block(b) => value(h, b, depth.saturating_sub(1)),
    }
    match &n.weights {
        NetWeights::Fresh(k) => h.text("fresh", &format!("{k:?}")),
        NetWeights::Stored(w) => weights(h, w, depth),
        NetWeights::Abstract => h.part("abstract", &[]),
    }
    if let Some(p) = &n.policy {
        value(h, p, depth.saturating_sub(1));
    }
    h.text("mode", &format!("{:?} {:?}", n.train, n.dtype));
    for e in &n.edits {
        h.text("edit", &e.kind);
        h.text("param", e.param.as_deref().unwrap_or(""));
        h.text("binder", &format!("{:?} {:?}", e.binder, e.key));
        match &e.value {
            EditValue::Ready(v) => value(h, v, depth.saturating_sub(1)),
            EditValue::Later {
                value: e,
                env,
                module,
            } => {
                h.tree("later", e);
                captured(h, &format!("{e:?}"), env, *module, depth);
            }
        }
    }
}

/// Hashes of stored weights that nothing changes any more, by their number.
static FROZEN: LazyLock<Mutex<HashMap<u64, String>>> = LazyLock::new(Default::default);

pub(super) fn weights(h: &mut Hash, w: &WeightsValue, depth: usize) {
    h.text("weights", &format!("{:?}", w.key));
    if let Some(p) = &w.policy {
        value(h, p, depth.saturating_sub(1));
    }
    let known = FROZEN.lock().ok().and_then(|f| f.get(&w.id).cloned());
    if let (Some(text), false) = (known, w.live) {
        return h.text("slots", &text);
    }
    // Taken out first: a download may be slow.
    let mut slots: Vec<_> = w
        .store
        .lock()
        .map(|s| s.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
        .unwrap_or_default();
    slots.sort_by(|a: &(Arc<str>, crate::weights::Slot), b| a.0.cmp(&b.0));
    let mut inner = Hash::new(None);
    for (address, slot) in slots {
        inner.text("slot", &address);
        inner.part("trained", &[slot.trained as u8]);
        host(&mut inner, &slot.value.download());
    }
    let text = inner.end();
    if !w.live
        && let Ok(mut f) = FROZEN.lock()
    {
        f.insert(w.id, text.clone());
    }
    h.text("slots", &text);
}
