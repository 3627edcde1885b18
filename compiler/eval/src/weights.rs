//! Stored weights: slots by address, shared by a policy, snapshots that cost nothing until something changes.

mod fill;
mod mix;
mod policy;
mod select;
mod sums;

pub use fill::fill;
pub use mix::chosen;
pub use policy::{Asked, ask_all, slot_of, slot_shapes, subset};
pub use select::{Place, call_place, pick, place, write};
pub use sums::arithmetic;

use crate::Result;
use crate::ctx::Ctx;
use crate::host::Stored;
use crate::key::Key;
use crate::value::Value;
use indexmap::IndexMap;
use nas_diagnostics::Span;
use nas_ir::{DType, Dim, Shape, Tensor};
use std::collections::{HashMap, HashSet, VecDeque};
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
    /// Slots by address and shape: the policy is asked once.
    known: Mutex<HashMap<Arc<str>, KnownSlot>>,
    /// Full shapes of slots that are read by leading slices.
    full: OnceLock<HashMap<Arc<str>, Vec<i64>>>,
    pub space: Option<Arc<crate::space::SpaceValue>>,
    /// The net that these are the weights of, where they were made for one.
    pub net: Option<Value>,
    /// Uses that a policy was asked about, and that it does not mix.
    plain: Mutex<HashSet<Arc<str>>>,
    /// Forward passes of nets that read these while they were trained.
    pub passes: AtomicU64,
    /// Every slot is there, those that no step has reached too.
    filled: OnceLock<()>,
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
            net: None,
            plain: Mutex::default(),
            passes: AtomicU64::new(0),
            filled: OnceLock::new(),
        }
    }

    /// The same tensors under a new name; what happens to one does not touch the other.
    pub fn copy(&self, live: bool) -> WeightsValue {
        let store = self.store.lock().map(|s| s.clone()).unwrap_or_default();
        let mut w = WeightsValue::new(self.key, self.policy.clone(), store, live);
        w.space = self.space.clone();
        w.net = self.net.clone();
        w.passes = AtomicU64::new(self.passes.load(Ordering::Relaxed));
        if self.filled.get().is_some() {
            let _ = w.filled.set(());
        }
        if let (Ok(mut a), Ok(b)) = (w.known.lock(), self.known.lock()) {
            a.clone_from(&b);
        }
        if let Some(f) = self.full.get() {
            let _ = w.full.set(f.clone());
        }
        w
    }

    /// Whether no slot is there yet.
    pub fn is_empty(&self) -> bool {
        self.store.lock().is_ok_and(|s| s.is_empty())
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

    /// Which slot each use reads, as far as the policy was asked.
    pub fn uses(&self) -> Vec<(Arc<str>, Arc<str>, bool)> {
        let mut all: Vec<_> = self
            .known
            .lock()
            .map(|k| {
                k.iter()
                    .map(|(a, (s, l))| (a.clone(), s.clone(), *l))
                    .collect()
            })
            .unwrap_or_default();
        all.sort();
        all
    }

    /// Of weights that come back without their policy: what it said.
    pub fn set_uses(&self, uses: Vec<(Arc<str>, Arc<str>, bool)>) {
        if let Ok(mut k) = self.known.lock() {
            k.extend(uses.into_iter().map(|(a, s, l)| (a, (s, l))));
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

/// Stores that a lazy tensor may still name when no variable holds them: `net[fit(…)](x)`.
static RECENT: Mutex<VecDeque<Arc<Mutex<Store>>>> = Mutex::new(VecDeque::new());
const HELD: usize = 16;

fn hold(w: &WeightsValue) {
    if w.live {
        return;
    }
    if let Ok(mut r) = RECENT.lock()
        && !r.iter().any(|s| Arc::ptr_eq(s, &w.store))
    {
        r.push_back(w.store.clone());
        if r.len() > HELD {
            r.pop_front();
        }
    }
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
    hold(w);
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
