//! The evaluator's state: where evaluation stands, under which choices, with which draws.

use crate::Fault;
use crate::env::Env;
use crate::host::Host;
use crate::key::Key;
use crate::ledger::{Record, Times};
use crate::net::NetContext;
use crate::program::{ModuleId, Program};
use crate::space::SpaceContext;
use crate::train::TurnContext;
use crate::value::{Clock, Value};
use nas_diagnostics::{Diagnostic, Span};
use nas_ir::{Dim, ShapeError, Table};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

/// What evaluation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Everything is computed.
    Run,
    /// Nothing is trained, read or computed: run-time values are stand-ins, so that what is wrong shows first.
    Check,
}

/// One evaluation. Cheap to fork for parallel work.
pub struct Ctx {
    pub program: Arc<Program>,
    pub host: Arc<dyn Host>,
    pub purpose: Purpose,
    pub module: ModuleId,
    /// The key of draws here, and the number of draws made in this scope.
    pub key: Key,
    pub draws: u64,
    /// Options assumed while an open value is gone through: (choice, option).
    pub assumed: Vec<(u32, usize)>,
    /// Turns that several cases share are gone through once: which assignments of the choices they are shared by.
    pub among: Vec<Table<bool>>,
    pub space: Option<SpaceContext>,
    pub net: Option<Box<NetContext>>,
    pub turn: Option<Box<TurnContext>>,
    /// `Some(true)` at train.
    pub train: Option<bool>,
    pub clock: Option<Clock>,
    pub depth: usize,
    /// The stage being computed, for progress: `arms.group[0]`.
    pub stage: Arc<str>,
    pub warnings: Vec<Diagnostic>,
    /// What all contexts of one evaluation share.
    pub shared: Arc<Shared>,
    /// Where a choice stands inside a space's own declarations: `op`, `[3]`, `.ratio`.
    pub place: Vec<String>,
    /// At the top of a pipeline, where independent parts may run side by side.
    pub top: bool,
    /// Draws that used their `else`.
    pub fallbacks: u64,
    /// The name that a draw is being bound to: its condition may use it.
    pub binding: Option<Arc<str>>,
    /// How many draws stood in the functions gone through, nets and closed roles left out.
    pub told: u64,
    /// How often the clock was read.
    pub moments: u64,
    /// What stands behind the `~` at hand.
    pub asked: Option<Span>,
    /// The key under which the training that runs keeps its points.
    pub checkpoint: Option<String>,
    /// Where members are compared as terms.
    pub terms: Option<Box<crate::term::TermContext>>,
    /// A block is checked by itself: sizes stand for any number, and what hangs on one of them is left to its callers.
    pub generic: bool,
    /// The key that closed functions here are relative to: the run's seed, or that of the nearest call given `seed:`.
    pub origin: Key,
    /// How often what is checked here happens in a run, and which turn of a loop it belongs to.
    pub times: Times,
    pub group: u64,
    /// Loops of the closed function that runs which have kept points.
    pub points: Vec<String>,
    /// Weights that tensors of this stage may still read.
    pub alive: Vec<Arc<crate::weights::WeightsValue>>,
    /// What the loops of the training that runs recorded with `keep` and `record`.
    pub history: Vec<Value>,
    /// The options that showed the last broken shape rule.
    pub witness: std::cell::RefCell<Option<Vec<(u32, usize)>>>,
    /// Spaces whose nets are being proved, where a condition on costs cannot be told.
    pub proving: Vec<usize>,
    /// In a metric, through which no gradient goes.
    pub measures: bool,
    /// In the body of a function that reads sealed values, or of one that is tried by itself: what follows here may be disclosed.
    pub privy: bool,
    /// Expressions gone through so far.
    pub steps: u64,
    /// What calls gave in this check; none where a plan is wanted, which counts each of them.
    pub alike: Option<Arc<Mutex<crate::alike::Memo>>>,
}

/// What a net costs, with the values that its key names by their place.
pub type Costed = (Vec<Value>, Arc<Vec<crate::net::CostEntry>>);

/// What all contexts of one evaluation share.
pub struct Shared {
    /// The key of the run's seed.
    pub root: Key,
    /// Scores of members, by function and member.
    pub scores: Mutex<HashMap<String, Value>>,
    /// What checks of nets gave.
    pub checked: Mutex<HashMap<String, crate::net::memo::Checked>>,
    /// Costs of nets, in a check.
    pub costed: Mutex<HashMap<String, Costed>>,
    /// Spaces asked for by name alone, by declaration.
    pub spaces: Mutex<HashMap<usize, Arc<crate::space::SpaceValue>>>,
    /// Spaces by declaration and plain arguments, in a check.
    pub applied: Mutex<HashMap<String, Arc<crate::space::SpaceValue>>>,
    /// All spaces made, to be let go of together.
    pub bases: Mutex<Vec<std::sync::Weak<crate::space::Base>>>,
    /// The blocks of the program, for edits of nets.
    pub kinds: OnceLock<crate::net::Kinds>,
    /// Values of top-level `let`s.
    pub globals: Mutex<HashMap<usize, Value>>,
    /// What is sealed and what is disclosed, for the plan.
    pub seals: Mutex<Vec<String>>,
    /// Fingerprints of declarations with all that they reach, by module and place.
    pub prints: Mutex<HashMap<(ModuleId, usize), String>>,
    /// Spaces read back from kept results, by their text.
    pub restored: Mutex<HashMap<String, Value>>,
    /// Stages that ended as invalid: name and reason.
    pub invalid: Mutex<Vec<(Arc<str>, Arc<str>)>>,
    /// What a check notes for the plan.
    pub ledger: Mutex<Vec<Record>>,
    /// The weights behind each parameter's stand-in, in a check: tensor to store.
    pub leaves: Mutex<HashMap<u64, u64>>,
    /// How many classes the labels of a batch are of, in a check.
    pub classes: Mutex<HashMap<u64, i64>>,
    /// What other stand-ins of a turn follow from.
    pub follows: Mutex<HashMap<u64, Vec<nas_ir::Tensor>>>,
}

/// Calls deeper than this are a recursion that does not end.
const DEPTH: usize = 200;

impl Ctx {
    pub fn new(program: Arc<Program>, host: Arc<dyn Host>, purpose: Purpose, seed: u64) -> Ctx {
        let module = program.entry;
        Ctx {
            program,
            host,
            purpose,
            module,
            key: Key::seed(seed),
            draws: 0,
            assumed: vec![],
            among: vec![],
            space: None,
            net: None,
            turn: None,
            train: None,
            clock: None,
            depth: 0,
            stage: "".into(),
            warnings: vec![],
            shared: Arc::new(Shared {
                root: Key::seed(seed),
                scores: Mutex::default(),
                checked: Mutex::default(),
                costed: Mutex::default(),
                spaces: Mutex::default(),
                applied: Mutex::default(),
                bases: Mutex::default(),
                kinds: OnceLock::new(),
                globals: Mutex::default(),
                seals: Mutex::default(),
                prints: Mutex::default(),
                restored: Mutex::default(),
                invalid: Mutex::default(),
                ledger: Mutex::default(),
                leaves: Mutex::default(),
                classes: Mutex::default(),
                follows: Mutex::default(),
            }),
            place: vec![],
            top: false,
            fallbacks: 0,
            binding: None,
            told: 0,
            moments: 0,
            asked: None,
            checkpoint: None,
            terms: None,
            generic: false,
            origin: Key::seed(seed),
            times: Times::ONCE,
            group: 0,
            points: vec![],
            alive: vec![],
            history: vec![],
            measures: false,
            witness: None.into(),
            proving: vec![],
            privy: false,
            steps: 0,
            alike: None,
        }
    }

    /// A context for an independent part: same place, draws under `key`.
    pub fn fork(&self, key: Key) -> Ctx {
        Ctx {
            program: self.program.clone(),
            host: self.host.clone(),
            purpose: self.purpose,
            module: self.module,
            key,
            draws: 0,
            assumed: self.assumed.clone(),
            among: self.among.clone(),
            space: self.space.clone(),
            net: None,
            turn: None,
            train: self.train,
            clock: self.clock,
            depth: self.depth,
            stage: self.stage.clone(),
            warnings: vec![],
            shared: self.shared.clone(),
            place: self.place.clone(),
            top: false,
            fallbacks: 0,
            binding: None,
            told: 0,
            moments: 0,
            asked: None,
            checkpoint: None,
            terms: None,
            generic: false,
            origin: self.origin,
            times: self.times,
            group: self.group,
            points: vec![],
            alive: vec![],
            history: vec![],
            witness: None.into(),
            proving: self.proving.clone(),
            measures: false,
            privy: self.privy,
            steps: 0,
            alike: self.alike.clone(),
        }
    }

    /// Whether independent elements may be computed side by side here.
    pub fn may_fork(&self) -> bool {
        self.top
            && !self.checking()
            && self.net.is_none()
            && self.turn.is_none()
            && self.space.is_none()
            && self.host.jobs() > 1
    }

    /// The key under which a result is kept: all code it reaches, its arguments, its draws. `None` where it is not kept.
    pub fn stage_key(
        &mut self,
        decl: &nas_grammar::ast::FnDecl,
        env: &Env,
        key: &Key,
    ) -> Option<String> {
        if self.checking() || self.stage.is_empty() {
            return None;
        }
        let mut h = blake3::Hasher::new();
        h.update(crate::show::code_fingerprint(self, self.module, decl).as_bytes());
        h.update(self.arguments_print(decl, env).as_bytes());
        for w in key.0 {
            h.update(&w.to_le_bytes());
        }
        Some(h.finalize().to_hex().to_string())
    }

    /// The fingerprint of the arguments of a call, in the order of its parameters.
    pub fn arguments_print(&self, decl: &nas_grammar::ast::FnDecl, env: &Env) -> String {
        let mut h = blake3::Hasher::new();
        for p in decl.params.iter().flatten() {
            if let Some(crate::env::Found::Value(v)) = env.find(&p.name.text) {
                h.update(crate::show::fingerprint_in(self, &v).as_bytes());
            }
            h.update(b",");
        }
        h.finalize().to_hex().to_string()
    }

    pub fn checking(&self) -> bool {
        self.purpose == Purpose::Check
    }

    /// The key of the next draw in this scope.
    pub fn next_key(&mut self) -> Key {
        self.draws += 1;
        self.key.child(self.draws)
    }

    /// Evaluates with draws keyed below `key`; afterwards the scope goes on where it was.
    pub fn under<T>(
        &mut self,
        key: Key,
        f: impl FnOnce(&mut Ctx) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let saved = (self.key, self.draws);
        self.key = key;
        self.draws = 0;
        let out = f(self);
        (self.key, self.draws) = saved;
        out
    }

    /// Works something out that is kept from then on: the draws of this scope do not hang on who asks for it first.
    pub fn once<T>(&mut self, f: impl FnOnce(&mut Ctx) -> Result<T, Fault>) -> Result<T, Fault> {
        self.under(self.key, f)
    }

    pub fn in_module<T>(&mut self, module: ModuleId, f: impl FnOnce(&mut Ctx) -> T) -> T {
        let saved = std::mem::replace(&mut self.module, module);
        let out = f(self);
        self.module = saved;
        out
    }

    pub fn deeper<T>(
        &mut self,
        span: Span,
        f: impl FnOnce(&mut Ctx) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.depth >= DEPTH {
            return Err(fault(
                "E0307",
                "calls are nested too deeply: does a function call itself?",
            )
            .at(span, "called here")
            .into());
        }
        self.depth += 1;
        let out = f(self);
        self.depth -= 1;
        out
    }

    /// Restricts an open value to the options assumed here.
    pub fn settle(&self, value: Value) -> Value {
        if self.assumed.is_empty() {
            return value;
        }
        match value {
            Value::Open(table) => {
                let mut t = (*table).clone();
                for (site, option) in &self.assumed {
                    if t.sites.iter().any(|s| s.0 == *site) {
                        t = t.restrict(*site, *option);
                    }
                }
                if t.sites.is_empty() {
                    self.settle(t.values[0].clone())
                } else {
                    Value::Open(Arc::new(t))
                }
            }
            Value::Dim(d) => {
                let mut d = d;
                for (site, option) in &self.assumed {
                    d = d.restrict(*site, *option);
                }
                match d.known() {
                    Some(v) => Value::int(v),
                    None => Value::Dim(d),
                }
            }
            other => other,
        }
    }

    /// Goes through the cases of an open value, each under its options, and joins the results.
    pub fn cases(
        &mut self,
        value: Value,
        span: Span,
        f: &mut dyn FnMut(&mut Ctx, Value) -> Result<Value, Fault>,
    ) -> Result<Value, Fault> {
        let value = self.settle(value);
        match value {
            Value::Open(table) => {
                let mut out = Vec::with_capacity(table.values.len());
                for (i, v) in table.values.iter().enumerate() {
                    if matches!(v, Value::Impossible) {
                        out.push(Value::Impossible);
                        continue;
                    }
                    let before = self.assumed.len();
                    self.assumed.extend(table.assignment(i));
                    let r = f(self, v.clone());
                    self.assumed.truncate(before);
                    out.push(r?);
                }
                crate::open::join(
                    self,
                    Table {
                        sites: table.sites.clone(),
                        values: out,
                    },
                    span,
                )
            }
            other => f(self, other),
        }
    }

    /// The table that is 1 under the options assumed here and 0 elsewhere, as a size.
    pub fn indicator(&self) -> Dim {
        let mut out = Dim::Const(1);
        if let Some(space) = &self.space {
            for (site, option) in &self.assumed {
                let n = space.domain(*site);
                let mut values = vec![0; n];
                if let Some(v) = values.get_mut(*option) {
                    *v = 1;
                }
                let t = Dim::table(Table {
                    sites: vec![(*site, n as u32)],
                    values,
                });
                out = out.mul(&t).unwrap_or(out);
            }
        }
        for t in &self.among {
            let shared = Dim::table(t.map(|b| i64::from(*b)));
            out = out.mul(&shared).unwrap_or(out);
        }
        out
    }

    /// The assignments under which what stands here exists, each with all that is assumed.
    pub fn existing(&self) -> Vec<Vec<(u32, usize)>> {
        let mut all = vec![self.assumed.clone()];
        for t in &self.among {
            let shared: Vec<_> = (0..t.values.len())
                .filter(|i| t.values[*i])
                .map(|i| t.assignment(i))
                .collect();
            all = all
                .iter()
                .flat_map(|a| shared.iter().map(|s| [&a[..], s].concat()))
                .collect();
        }
        all
    }

    /// Options that show where evaluation stands: one of the cases that share it.
    pub fn shown(&self) -> Vec<(u32, usize)> {
        let mut all = self.assumed.clone();
        for t in &self.among {
            if let Some(i) = t.values.iter().position(|b| *b) {
                all.extend(t.assignment(i));
            }
        }
        all
    }

    /// A broken shape rule as a diagnostic with the choices that show it.
    pub fn shape_fault(&self, e: ShapeError, span: Span) -> Fault {
        let mut d = Diagnostic::error(e.code, e.message).at(span, "here");
        for f in crate::show::aligned(e.facts) {
            d = d.note(f);
        }
        let mut witness = self.shown();
        witness.extend(e.witness);
        self.witness.replace(Some(witness.clone()));
        if let Some(text) = self.space.as_ref().and_then(|s| s.witness(&witness)) {
            d = d.note(format!("shown by {text}"));
        }
        if let Some(net) = &self.net
            && let Some(path) = net.path_text()
        {
            d = d.note(format!("in {path}"));
        }
        d.into()
    }
}

/// A new error without a place yet.
pub fn fault(code: &'static str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(code, message)
}
