//! The name of a block's call in numbers: what a check can tell apart of plain settings and shapes, without a text being written.

use crate::ctx::Ctx;
use crate::env::Env;
use crate::net::NetWeights;
use crate::value::{Clock, FuncKind, Known, Unit, Value};
use nas_grammar::ast::FnDecl;
use nas_ir::{Dim, Tensor};
use std::sync::Arc;

/// More names in a scope than these are another kind of block.
const NAMES: usize = 24;

/// Equal for calls that a check cannot tell apart.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Parts {
    words: Vec<u64>,
    /// Sizes that are no plain numbers.
    sizes: Vec<Dim>,
    /// The cases that the turns at hand are shared by.
    among: Vec<nas_ir::Table<bool>>,
}

/// What is written so far, and the tensors that the block can see.
struct Writer<'a> {
    ctx: &'a Ctx,
    parts: Parts,
    inputs: Vec<Tensor>,
    /// The choices that sizes hang on.
    sites: Vec<u32>,
}

/// The name of a call in a plain net; none where a setting is more than a number, a word or a declared function.
pub fn parts(
    ctx: &Ctx,
    decl: &Arc<FnDecl>,
    env: &Env,
    clock: Option<Clock>,
) -> Option<(Parts, Vec<Tensor>)> {
    let n = ctx.net.as_ref()?;
    if !n.net.edits.is_empty() || !ctx.proving.is_empty() {
        return None;
    }
    let turn = ctx.turn.is_some();
    let mut w = Writer {
        ctx,
        parts: Parts {
            words: Vec::with_capacity(48),
            sizes: vec![],
            among: vec![],
        },
        inputs: vec![],
        sites: vec![],
    };
    let flags = [
        n.costs.is_some(),
        turn,
        ctx.train == Some(true),
        ctx.train.is_none(),
        ctx.generic,
        ctx.measures,
        ctx.privy,
        matches!(n.net.weights, NetWeights::Fresh(_)),
        n.open(),
        // Inside a turn gradients are followed to the weights.
        turn && n.net.store().is_some(),
    ];
    let flags = flags.iter().fold(0, |all, f| all << 1 | u64::from(*f));
    w.words(&[
        Arc::as_ptr(decl) as usize as u64,
        ctx.module as u64,
        flags,
        n.net.dtype as u64,
    ]);
    match clock {
        None => w.words(&[0]),
        Some(Clock {
            step,
            steps,
            epoch,
            epochs,
        }) => w.words(&[1, step as u64, steps as u64, epoch as u64, epochs as u64]),
    }
    let mut names = 0;
    for entry in env.entries() {
        // A scope of another kind, and one that is too long.
        let (name, value) = entry?;
        names += 1;
        if names > NAMES {
            return None;
        }
        w.text(name);
        w.value(value)?;
    }
    w.choices(n.costs.is_some())?;
    Some((w.parts, w.inputs))
}

impl Writer<'_> {
    fn words(&mut self, words: &[u64]) {
        self.parts.words.extend_from_slice(words);
    }

    /// What is known of the choices that sizes hang on; of all, where costs are told apart by them.
    fn choices(&mut self, all: bool) -> Option<()> {
        let ctx = self.ctx;
        if self.sites.is_empty() && (!all || ctx.assumed.is_empty() && ctx.among.is_empty()) {
            return Some(());
        }
        let mut many = 0;
        let assumed = ctx.assumed.iter();
        for (site, option) in assumed.filter(|(s, _)| all || self.sites.contains(s)) {
            let at = [u64::from(*site), *option as u64];
            self.parts.words.extend(at);
            many += 1;
        }
        self.parts.among = ctx.among.clone();
        let space = ctx.space.as_ref()?;
        self.words(&[many, space.space.base_id() as u64]);
        Some(())
    }

    fn text(&mut self, text: &str) {
        self.words(&[text.len() as u64]);
        let bytes = text.as_bytes().chunks(8);
        let words = bytes.map(|c| c.iter().fold(0, |all, b| all << 8 | u64::from(*b)));
        self.parts.words.extend(words);
    }

    fn size(&mut self, d: &Dim) {
        match d {
            Dim::Const(n) => self.words(&[1, *n as u64]),
            Dim::Poly(_) => {
                self.words(&[2]);
                d.each_site(&mut |s| self.sites.push(s));
                self.parts.sizes.push(d.clone());
            }
        }
    }

    fn value(&mut self, v: &Value) -> Option<()> {
        match v {
            Value::None => self.words(&[10]),
            Value::Bool(b) => self.words(&[11, u64::from(*b)]),
            Value::Int(i, Unit::One) => self.words(&[12, *i as u64]),
            Value::Float(f, Unit::One) => self.words(&[13, f.to_bits()]),
            Value::Label(t) => {
                self.words(&[14]);
                self.text(t);
            }
            Value::Text(t) => {
                self.words(&[15]);
                self.text(t);
            }
            Value::Dim(d) => {
                self.words(&[16]);
                self.size(d);
            }
            Value::Picked(p) => {
                self.words(&[17, p.index as u64]);
                self.text(&p.site);
                self.value(&p.value)?;
            }
            Value::List(l) if l.len() <= NAMES => {
                self.words(&[18, l.len() as u64]);
                l.iter().try_for_each(|v| self.value(v))?;
            }
            Value::Unknown(k) => {
                let (kind, many) = match k {
                    Known::Nothing => (0, 0),
                    Known::Number => (1, 0),
                    Known::List => (2, 0),
                    Known::Many(n) => (3, *n),
                };
                self.words(&[21, kind, many]);
            }
            Value::Func(f) => match &f.kind {
                FuncKind::Decl {
                    global: Some(g),
                    lists: 0,
                    ..
                } if f.bound.is_empty() => self.words(&[19, *g as u64]),
                _ => return None,
            },
            Value::Tensor(t, element) => {
                let turn = self.ctx.turn.is_some();
                self.words(&[
                    20,
                    *element as u64,
                    t.dtype() as u64,
                    u64::from(t.0.fixed),
                    u64::from(t.0.order),
                    t.rank() as u64,
                ]);
                t.shape().iter().for_each(|d| self.size(d));
                // How many classes labels are of.
                if t.dtype() == nas_ir::DType::I32 {
                    let classes = self.ctx.shared.classes.lock().ok()?;
                    let classes = classes.get(&t.0.id).map_or(u64::MAX, |c| *c as u64);
                    self.words(&[classes]);
                }
                // Two uses of one tensor are told from two tensors where gradients are followed.
                if turn {
                    let met = self.inputs.iter().position(|m| m.0.id == t.0.id);
                    let at = met.unwrap_or(self.inputs.len());
                    if met.is_none() {
                        self.inputs.push(t.clone());
                    }
                    self.words(&[at as u64]);
                }
            }
            _ => return None,
        }
        Some(())
    }
}
