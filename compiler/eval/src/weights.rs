//! Stored weights: slots by address, shared by a policy, snapshots that cost nothing until something changes.

use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::host::Stored;
use crate::key::Key;
use crate::net::NetValue;
use crate::value::{Fields, Value};
use crate::{Fault, Result, number};
use indexmap::IndexMap;
use nas_diagnostics::Span;
use nas_grammar::ast::BinaryOp;
use nas_ir::{DType, Dim, Shape, Tensor};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, RwLock, Weak};

#[derive(Debug, Clone)]
pub struct Slot {
    pub value: Stored,
    /// A parameter; else a state.
    pub trained: bool,
}

/// A slot, and whether it is read by leading slices.
type KnownSlot = (Arc<str>, bool);

pub type Store = IndexMap<Arc<str>, Slot>;

#[derive(Debug)]
pub struct WeightsValue {
    /// Names this store in graphs.
    pub id: u64,
    pub store: Arc<Mutex<Store>>,
    /// Slots that were never used are drawn from here when they first are.
    pub key: Key,
    pub policy: Option<Value>,
    /// Being trained: nets that read it run at train.
    pub live: bool,
    /// What `keep` recorded.
    pub history: Mutex<Vec<Value>>,
    /// Slots by address: the policy is asked once.
    known: Mutex<HashMap<Arc<str>, KnownSlot>>,
    /// Full shapes of slots that are read by leading slices.
    full: OnceLock<HashMap<Arc<str>, Vec<i64>>>,
    pub space: Option<Arc<crate::space::SpaceValue>>,
}

static NEXT: AtomicU64 = AtomicU64::new(1);
static STORES: LazyLock<RwLock<HashMap<u64, Weak<Mutex<Store>>>>> = LazyLock::new(Default::default);

impl WeightsValue {
    pub fn new(key: Key, policy: Option<Value>, store: Store, live: bool) -> WeightsValue {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let store = Arc::new(Mutex::new(store));
        if let Ok(mut all) = STORES.write() {
            if id.is_multiple_of(256) {
                all.retain(|_, w| w.strong_count() > 0);
            }
            all.insert(id, Arc::downgrade(&store));
        }
        WeightsValue {
            id,
            store,
            key,
            policy,
            live,
            history: Mutex::default(),
            known: Mutex::default(),
            full: OnceLock::new(),
            space: None,
        }
    }

    /// The same tensors under a new name; what happens to one does not touch the other.
    pub fn copy(&self, live: bool) -> WeightsValue {
        let store = self.store.lock().map(|s| s.clone()).unwrap_or_default();
        let mut w = WeightsValue::new(self.key, self.policy.clone(), store, live);
        w.space = self.space.clone();
        if let (Ok(mut a), Ok(b)) = (w.known.lock(), self.known.lock()) {
            a.clone_from(&b);
        }
        if let Some(f) = self.full.get() {
            let _ = w.full.set(f.clone());
        }
        w
    }

    pub fn has(&self, slot: &str) -> bool {
        self.store.lock().is_ok_and(|s| s.contains_key(slot))
    }

    pub fn get(&self, slot: &str) -> Option<Slot> {
        self.store.lock().ok().and_then(|s| s.get(slot).cloned())
    }

    pub fn put(&self, slot: Arc<str>, value: Stored, trained: bool) {
        if let Ok(mut s) = self.store.lock() {
            s.insert(slot, Slot { value, trained });
        }
    }

    pub fn bytes(&self) -> usize {
        self.store
            .lock()
            .map(|s| s.values().map(|v| v.value.bytes()).sum())
            .unwrap_or(0)
    }
}

/// The current tensor of a slot of any store.
pub fn find(store: u64, address: &str) -> Option<Stored> {
    let s = STORES.read().ok()?.get(&store)?.upgrade()?;
    let s = s.lock().ok()?;
    s.get(address).map(|s| s.value.clone())
}

/// Which slot a parameter reads, and the full shape of what is stored there.
#[allow(clippy::too_many_arguments)]
pub fn slot_of(
    ctx: &mut Ctx,
    net: &Arc<NetValue>,
    w: &Arc<WeightsValue>,
    address: &Arc<str>,
    place: &Arc<str>,
    shape: &Shape,
    owner: &Arc<str>,
    span: Span,
) -> Result<(Arc<str>, Shape)> {
    let Some(policy) = net.policy.as_ref().or(w.policy.as_ref()).cloned() else {
        return Ok((address.clone(), shape.clone()));
    };
    let own = net.policy.is_none();
    let known = if own {
        w.known.lock().ok().and_then(|k| k.get(address).cloned())
    } else {
        None
    };
    let (slot, leading) = match known {
        Some(k) => k,
        None => {
            let k = ask(ctx, &policy, address, place, shape, owner, span)?;
            if own && let Ok(mut known) = w.known.lock() {
                known.insert(address.clone(), k.clone());
            }
            k
        }
    };
    if !leading {
        return Ok((slot, shape.clone()));
    }
    let full = full_shapes(ctx, net, w, &policy, span)?;
    match full.get(&slot) {
        Some(dims) => Ok((slot, dims.iter().map(|d| Dim::Const(*d)).collect())),
        None => Ok((slot, shape.clone())),
    }
}

/// Asks a policy for the slot of one use.
pub fn ask(
    ctx: &mut Ctx,
    policy: &Value,
    address: &str,
    place: &str,
    shape: &Shape,
    owner: &Arc<str>,
    span: Span,
) -> Result<(Arc<str>, bool)> {
    // The unit is the innermost chosen block; outside choices, the block that owns the parameter.
    let parts: Vec<&str> = address.split('/').collect();
    let places: Vec<&str> = place.split('/').collect();
    let chosen = parts.iter().rposition(|p| p.contains(':'));
    let unit = chosen.map_or(parts.len().saturating_sub(1), |c| c + 1);
    let inner = parts[unit..].join("/");
    let option = chosen
        .and_then(|c| parts[c].split_once(':'))
        .map(|(_, o)| o);
    // An address with every choice erased.
    let bare: Vec<String> = places[..unit.min(places.len())]
        .iter()
        .map(|p| p.to_string())
        .collect();
    let mut fields = Fields::new();
    fields.insert("place".into(), Value::text(bare.join("/")));
    fields.insert("option".into(), option.map_or(Value::None, Value::text));
    fields.insert(
        "shape".into(),
        Value::text(nas_ir::shape::Show(shape).to_string()),
    );
    fields.insert("kind".into(), Value::text(owner.clone()));
    fields.insert("path".into(), Value::text(parts[..unit].join("/")));
    let saved = ctx.net.take();
    let r = call::call(ctx, policy.clone(), Args::one(Value::record(fields), span));
    ctx.net = saved;
    let r = r?;
    let Value::Record(slot) = r.plain() else {
        return Err(fault(
            "E0301",
            format!("a sharing policy gives a slot, and this gave {}", r.kind()),
        )
        .at(span, "here")
        .help("write `slot(place: u.place, …)`")
        .into());
    };
    let name = slot
        .get("slot")
        .map(crate::access::key_text)
        .unwrap_or_default();
    let leading = matches!(slot.get("leading"), Some(Value::Bool(true)));
    Ok((format!("{name}/{inner}").into(), leading))
}

/// The largest extents over all members, for slots that smaller members read by leading slices.
fn full_shapes(
    ctx: &mut Ctx,
    net: &Arc<NetValue>,
    w: &Arc<WeightsValue>,
    policy: &Value,
    span: Span,
) -> Result<HashMap<Arc<str>, Vec<i64>>> {
    if let Some(f) = w.full.get() {
        return Ok(f.clone());
    }
    let Some(space) = net.space().cloned().or(w.space.clone()) else {
        return Ok(HashMap::new());
    };
    let f = space.slot_shapes(ctx, policy, true, span)?;
    let _ = w.full.set(f.clone());
    Ok(f)
}

/// The tensor a parameter reads.
pub fn read(
    ctx: &mut Ctx,
    w: &Arc<WeightsValue>,
    slot: &Arc<str>,
    full: &Shape,
    shape: &Shape,
    dtype: DType,
    span: Span,
) -> Result<Tensor> {
    let mut t = Tensor::slot(w.id, slot.clone(), full.clone(), DType::F32);
    if full != shape {
        for (axis, d) in shape.iter().enumerate() {
            t = t
                .slice(axis, Dim::Const(0), d.clone(), 1)
                .map_err(|e| ctx.shape_fault(e, span))?;
        }
    } else if let Some(stored) = w.get(slot) {
        let have = stored.value.download_shape();
        let want: Option<Vec<usize>> = shape
            .iter()
            .map(|d| d.known().map(|v| v as usize))
            .collect();
        if want.as_ref().is_some_and(|w| *w != have) {
            let e = nas_ir::ShapeError::new(format!("two shapes are kept in one slot, `{slot}`"))
                .fact(format!("stored  {have:?}"))
                .fact(format!("wanted  {}", nas_ir::shape::Show(shape)));
            let mut f = ctx.shape_fault(e, span);
            f.0.help = Some(
                "give each shape a slot of its own (`shape: u.shape`), or read `leading` slices"
                    .into(),
            );
            return Err(f);
        }
    }
    Ok(t.cast(dtype))
}

pub fn field(w: &Arc<WeightsValue>, key: &str) -> Option<Value> {
    match key {
        "history" => w.history.lock().ok().map(|h| Value::list(h.clone())),
        "bytes" => Some(Value::Int(w.bytes() as i64, crate::value::Unit::Bytes)),
        _ => None,
    }
}

pub fn equal(a: &WeightsValue, b: &WeightsValue) -> bool {
    let (Ok(x), Ok(y)) = (
        a.store.lock().map(|s| s.clone()),
        b.store.lock().map(|s| s.clone()),
    ) else {
        return false;
    };
    x.len() == y.len()
        && x.iter().all(|(k, v)| {
            y.get(k)
                .is_some_and(|u| u.value.download() == v.value.download())
        })
}

/// `a + b`, `a * 0.5`: address by address.
pub fn arithmetic(ctx: &mut Ctx, op: BinaryOp, a: &Value, b: &Value, span: Span) -> Result<Value> {
    let weights = |v: &Value| match v.plain() {
        Value::Weights(w) => Some(w.clone()),
        _ => None,
    };
    let base = weights(a).or(weights(b));
    let Some(base) = base else {
        return Ok(Value::unknown());
    };
    let names: Vec<Arc<str>> = base
        .store
        .lock()
        .map(|s| s.keys().cloned().collect())
        .unwrap_or_default();
    let out = base.copy(false);
    for n in names {
        let side = |v: &Value| -> Option<Value> {
            match weights(v) {
                Some(w) => w
                    .get(&n)
                    .map(|s| Value::tensor(Tensor::value(s.value.download()))),
                None => Some(v.clone()),
            }
        };
        if let (Some(x), Some(y)) = (side(a), side(b)) {
            let r = number::binary(ctx, op, x, y, span)?;
            if let Some(t) = number::as_tensor(&r) {
                let v = ctx
                    .host
                    .compute(&[t], &|s, a| find(s, a))
                    .map_err(Fault::from)?;
                let trained = base.get(&n).is_none_or(|s| s.trained);
                if let Some(v) = v.into_iter().next() {
                    out.put(n, v, trained);
                }
            }
        }
    }
    Ok(Value::Weights(Arc::new(out)))
}
