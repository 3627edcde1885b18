//! Fingerprints: equal for values that mean the same in every run, whatever place of whatever file they were written at.

use crate::ctx::Ctx;
use crate::env::{Env, Found};
use crate::net::{EditValue, NetBase, NetValue, NetWeights};
use crate::program::{GlobalId, ModuleId, Program, ScopeEntry};
use crate::space::SpaceValue;
use crate::value::{Func, FuncKind, Value};
use crate::weights::WeightsValue;
use nas_grammar::ast;
use nas_ir::{HostData, HostTensor};
use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::{Arc, LazyLock, Mutex};

use super::erase_spans;

/// Closures are followed so deep; deeper ones count by their text.
const DEPTH: usize = 12;

/// The hash of a value's normal form, in hex. Functions count by their tree and what they hold, weights and data by content.
/// A declaration of a module that a function calls does not count here: the caller adds the program's digest.
pub fn fingerprint(v: &Value) -> String {
    let mut h = Hash::new(None);
    value(&mut h, v, DEPTH);
    h.end()
}

/// As [`fingerprint`]; declarations of modules that functions call count too.
pub fn fingerprint_in(ctx: &Ctx, v: &Value) -> String {
    let mut h = Hash::new(Some(ctx.program.clone()));
    value(&mut h, v, DEPTH);
    h.end()
}

/// The hash of a declaration and of all code that it reaches.
pub fn code_fingerprint(ctx: &Ctx, module: ModuleId, decl: &ast::FnDecl) -> String {
    let mut h = Hash::new(Some(ctx.program.clone()));
    h.tree("decl", decl);
    captured(&mut h, &format!("{decl:?}"), &Env::default(), module, DEPTH);
    h.end()
}

struct Hash {
    state: blake3::Hasher,
    /// Where called declarations are looked up.
    program: Option<Arc<Program>>,
    seen: HashSet<GlobalId>,
}

/// Hashes of spaces, by their number: a space is asked for with each of its members.
static SPACES: LazyLock<Mutex<HashMap<(u64, bool), String>>> = LazyLock::new(Default::default);

impl Hash {
    fn new(program: Option<Arc<Program>>) -> Hash {
        Hash {
            state: blake3::Hasher::new(),
            program,
            seen: HashSet::new(),
        }
    }

    fn end(self) -> String {
        self.state.finalize().to_hex().to_string()
    }

    /// What a name at the top of a module stands for, and what that reaches, each declaration once.
    fn global(&mut self, module: ModuleId, name: &str) {
        let Some(program) = self.program.clone() else {
            return;
        };
        match program.lookup(module, name) {
            Some(ScopeEntry::Global(id)) => self.item(&program, *id),
            Some(ScopeEntry::Module(m)) => {
                for (id, _) in program
                    .globals
                    .iter()
                    .enumerate()
                    .filter(|(_, g)| g.module == *m)
                {
                    self.item(&program, id);
                }
            }
            _ => {}
        }
    }

    fn item(&mut self, program: &Program, id: GlobalId) {
        let (Some(g), true) = (program.globals.get(id), self.seen.insert(id)) else {
            return;
        };
        let Some(item) = program
            .modules
            .get(g.module)
            .and_then(|m| m.tree.items.get(g.item))
        else {
            return;
        };
        let text = format!("{:?}", item.kind);
        self.text("global", &g.name);
        self.text("item", &erase_spans(&text));
        for name in names(&text) {
            self.global(g.module, name);
        }
    }

    /// A tagged part; its length keeps neighbours apart.
    fn part(&mut self, tag: &str, data: &[u8]) {
        self.state.update(tag.as_bytes());
        self.state.update(&[0]);
        self.state.update(&(data.len() as u64).to_le_bytes());
        self.state.update(data);
    }

    fn text(&mut self, tag: &str, text: &str) {
        self.part(tag, text.as_bytes());
    }

    fn tree(&mut self, tag: &str, t: &impl Debug) {
        self.text(tag, &erase_spans(&format!("{t:?}")));
    }
}

fn value(h: &mut Hash, v: &Value, depth: usize) {
    if depth == 0 {
        return h.text("deep", v.kind());
    }
    let d = depth - 1;
    match v {
        Value::None => h.part("none", &[]),
        Value::Bool(b) => h.part("bool", &[*b as u8]),
        Value::Int(i, u) => {
            h.part("int", &i.to_le_bytes());
            h.text("unit", u.name());
        }
        Value::Float(f, u) => {
            // Both zeros are one number.
            h.part("float", &(f + 0.0).to_bits().to_le_bytes());
            h.text("unit", u.name());
        }
        Value::Big(b) => h.text("big", &b.to_string()),
        Value::Text(t) => h.text("text", t),
        Value::Label(t) => h.text("label", t),
        Value::List(l) => {
            h.part("list", &(l.len() as u64).to_le_bytes());
            l.iter().for_each(|x| value(h, x, d));
        }
        Value::Record(r) => {
            h.part("record", &(r.len() as u64).to_le_bytes());
            for (k, x) in r.iter() {
                h.text("key", k);
                value(h, x, d);
            }
        }
        Value::Range(r) => h.text("range", &format!("{r:?}")),
        Value::Interval(i) => {
            h.part("interval", &[]);
            value(h, &i.0, d);
            value(h, &i.1, d);
        }
        Value::Tensor(t, e) => {
            h.text("tensor", &format!("{e:?} {:?}", t.shape()));
            match nas_ir::graph::collect(std::slice::from_ref(t)) {
                Ok((graph, bound)) => {
                    h.part("graph", &graph.to_le_bytes());
                    bound.values.iter().for_each(|x| host(h, x));
                    bound
                        .scalars
                        .iter()
                        .for_each(|x| h.part("scalar", &x.to_bits().to_le_bytes()));
                    bound
                        .keys
                        .iter()
                        .flatten()
                        .for_each(|x| h.part("draw", &x.to_le_bytes()));
                }
                Err(open) => h.text("open", &open.shape),
            }
        }
        Value::Dim(dim) => h.text("dim", &dim.to_string()),
        Value::Kept(k) => {
            value(h, &k.value, d);
            value(h, &k.history, d);
        }
        Value::Picked(p) => {
            h.text("picked", &p.label);
            value(h, &p.value, d);
        }
        Value::Func(f) => func(h, f, d),
        Value::Space(s) => space(h, s, d),
        Value::Arch(a) => {
            h.text("arch", &a.space.name);
            h.tree("indices", &a.arch);
        }
        Value::Site(s) => h.text("site", &s.address),
        Value::Net(n) => net(h, n, d),
        Value::Call(c) => {
            h.text("call", &c.kind);
            h.text("path", &c.path);
            c.params.iter().chain(&c.overrides).for_each(|(k, x)| {
                h.text("param", k);
                value(h, x, d);
            });
            if let Some(b) = &c.block {
                value(h, b, d);
            }
        }
        Value::Weights(w) => weights(h, w, d),
        Value::Data(data) => {
            h.text("data", &data.digest());
            data.maps.iter().for_each(|m| value(h, m, d));
            h.text("batching", &format!("{:?}", data.batching));
            if let Some(t) = &data.test {
                h.text("test", &t.digest());
            }
        }
        Value::Dist(x) => match &**x {
            crate::value::Dist::OneOf(l) => {
                h.part("one of", &(l.len() as u64).to_le_bytes());
                l.iter().for_each(|x| value(h, x, d));
            }
            x => h.text("dist", &format!("{x:?}")),
        },
        Value::Module(m) => h.part("module", &(*m as u64).to_le_bytes()),
        Value::Clock(c) => h.text("clock", &format!("{c:?}")),
        Value::Open(t) => {
            h.text("open", &format!("{:?}", t.sites));
            t.values.iter().for_each(|x| value(h, x, d));
        }
        Value::Impossible => h.part("impossible", &[]),
        Value::Table(t) => {
            h.text("table", &t.name);
            h.text("file", &t.path);
            space(h, &t.space, d);
        }
        Value::Growth(g) => {
            value(h, &Value::Space(g.space.clone()), d);
            value(h, &Value::Arch(g.base.clone()), d);
            h.text(
                "moves",
                &format!(
                    "{:?}",
                    g.moves
                        .iter()
                        .map(|m| (&m.name, &m.steps))
                        .collect::<Vec<_>>()
                ),
            );
            value(h, &Value::Terms(g.cost.clone()), d);
        }
        Value::Move(m) => {
            value(h, &Value::Space(m.space.clone()), d);
            h.text("move", &format!("{} {:?}", m.name, m.steps));
        }
        Value::Terms(t) => {
            space(h, &t.space, d);
            h.text("terms", &format!("{:?}", t.tables));
        }
        Value::Invalid(reason) => h.text("invalid", reason),
        Value::Unknown(_) => h.part("unknown", &[]),
        Value::Term(t) => h.text("term", &t.text),
        Value::Rewrite(d, _) => h.text("rewrite", &erase_spans(&format!("{:?}", d.rules))),
        other => h.text("other", &erase_spans(&format!("{other:?}"))),
    }
}

fn host(h: &mut Hash, t: &HostTensor) {
    h.text("shape", &format!("{:?}", t.shape));
    // In fixed byte order, hashed in pieces: the same on every machine.
    let mut bytes = Vec::with_capacity(t.bytes());
    match &t.data {
        HostData::F32(d) => d
            .iter()
            .for_each(|v| bytes.extend(v.to_bits().to_le_bytes())),
        HostData::F64(d) => d
            .iter()
            .for_each(|v| bytes.extend(v.to_bits().to_le_bytes())),
        HostData::I32(d) => d.iter().for_each(|v| bytes.extend(v.to_le_bytes())),
    }
    h.part("values", &bytes);
}

fn func(h: &mut Hash, f: &Func, depth: usize) {
    match &f.kind {
        FuncKind::Decl {
            decl,
            env,
            lists,
            module,
            ..
        } => {
            h.tree("decl", decl);
            h.part("lists", &(*lists as u64).to_le_bytes());
            captured(h, &format!("{decl:?}"), env, *module, depth);
        }
        FuncKind::Lambda {
            params,
            body,
            module,
            env,
        } => {
            h.tree("lambda", params);
            h.tree("body", body);
            captured(h, &format!("{params:?} {body:?}"), env, *module, depth);
        }
        FuncKind::Body { body, module, env } => {
            h.tree("block", body);
            captured(h, &format!("{body:?}"), env, *module, depth);
        }
        FuncKind::Target {
            target,
            module,
            env,
        } => {
            h.tree("target", target);
            captured(h, &format!("{target:?}"), env, *module, depth);
        }
        FuncKind::Partial { of } => {
            h.part("partial", &[]);
            value(h, of, depth);
        }
        FuncKind::Space { decl, module } => {
            h.tree("space", decl);
            captured(h, &format!("{decl:?}"), &Env::default(), *module, depth);
        }
        FuncKind::Enlarge { decl, module } => {
            h.tree("space", decl);
            captured(h, &format!("{decl:?}"), &Env::default(), *module, depth);
        }
        FuncKind::Builtin { name, .. } => h.text("builtin", name),
        FuncKind::Method { receiver, name } => {
            h.text("method", name);
            value(h, receiver, depth);
        }
        FuncKind::Compose(parts) => {
            h.part("compose", &(parts.len() as u64).to_le_bytes());
            parts.iter().for_each(|p| value(h, p, depth));
        }
    }
    h.part("bound", &(f.bound.len() as u64).to_le_bytes());
    for b in &f.bound {
        h.text("name", b.name.as_deref().unwrap_or(""));
        match &b.value {
            Some(v) => value(h, v, depth),
            None => h.part("hole", &[]),
        }
    }
}

/// The names in a tree's debug text, each once.
fn names(tree: &str) -> Vec<&str> {
    let mut seen = HashSet::new();
    let all = tree
        .split("text: \"")
        .skip(1)
        .filter_map(|p| p.split_once('"').map(|p| p.0));
    all.filter(|n| seen.insert(*n)).collect()
}

/// What the names in a tree stand for in the scope around it.
fn captured(h: &mut Hash, tree: &str, env: &Env, module: ModuleId, depth: usize) {
    for name in names(tree) {
        match env.find(name) {
            Some(Found::Value(v)) => {
                h.text("holds", name);
                value(h, &v, depth.saturating_sub(1));
            }
            Some(Found::Item(item, _)) => {
                h.text("nested", name);
                h.tree("item", &item.kind);
            }
            Some(Found::Cell(c)) => {
                h.text("cell", name);
                let v = c.lock().map(|v| v.clone());
                if let Ok(v) = v {
                    value(h, &v, depth.saturating_sub(1));
                }
            }
            None => h.global(module, name),
        }
    }
}

fn space(h: &mut Hash, s: &SpaceValue, depth: usize) {
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

fn net(h: &mut Hash, n: &NetValue, depth: usize) {
    match &n.base {
        NetBase::Member { space: s, arch } => {
            space(h, s, depth);
            h.tree("indices", &arch.arch);
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

fn weights(h: &mut Hash, w: &WeightsValue, depth: usize) {
    h.text("weights", &format!("{:?}", w.key));
    if let Some(p) = &w.policy {
        value(h, p, depth.saturating_sub(1));
    }
    // Taken out first: a download may be slow.
    let mut slots: Vec<_> = w
        .store
        .lock()
        .map(|s| s.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
        .unwrap_or_default();
    slots.sort_by(|a: &(Arc<str>, crate::weights::Slot), b| a.0.cmp(&b.0));
    for (address, slot) in slots {
        h.text("slot", &address);
        h.part("trained", &[slot.trained as u8]);
        host(h, &slot.value.download());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_differ() {
        let a = fingerprint(&Value::list(vec![Value::int(1), Value::int(2)]));
        assert_eq!(
            a,
            fingerprint(&Value::list(vec![Value::int(1), Value::int(2)]))
        );
        assert_ne!(a, fingerprint(&Value::list(vec![Value::int(12)])));
        assert_ne!(fingerprint(&Value::int(1)), fingerprint(&Value::float(1.0)));
    }
}
