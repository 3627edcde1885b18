//! Nets: a member of a space, a block, or a net as written, with weights; running one, editing one, looking inside one.

mod blocks;
mod edit;
mod feasible;
mod look;
mod make;
pub mod memo;
mod param;
mod run;

pub use blocks::Blocks;
pub use edit::{Kinds, with};
pub use look::{
    blocks, call_field, call_method, input_shape, net_field, net_method, stand_in_input, trace,
};
pub use make::{
    as_net, at_mode, convert, infer_abstract, literal, member_net, some_member, with_weights,
};
pub use param::{extent, param};
pub use run::{call_block, call_handle, call_net, chosen, run, tap};

use crate::Result;
use crate::ctx::Ctx;
use crate::env::Env;
use crate::key::Key;
use crate::program::ModuleId;
use crate::space::{ArchValue, SpaceContext, SpaceValue};
use crate::value::Value;
use crate::weights::WeightsValue;
use indexmap::IndexMap;
use nas_grammar::ast::{Expr, NetDecl};
use nas_ir::{DType, Dim, Tensor};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

#[derive(Debug, Clone)]
pub enum NetBase {
    Member {
        space: Arc<SpaceValue>,
        arch: Arc<ArchValue>,
    },
    /// Every member at once: its choices stay open.
    AllMembers {
        space: Arc<SpaceValue>,
    },
    Literal {
        decl: Arc<NetDecl>,
        env: Env,
        module: ModuleId,
    },
    Block(Value),
}

#[derive(Debug, Clone)]
pub enum NetWeights {
    /// Drawn afresh from this key.
    Fresh(Key),
    Stored(Arc<WeightsValue>),
    /// Stand-ins: only shapes and costs are asked for.
    Abstract,
}

/// A net. Cheap to make: nothing is evaluated before it is run or looked into.
#[derive(Debug)]
pub struct NetValue {
    pub base: NetBase,
    pub weights: NetWeights,
    /// A sharing policy of this use.
    pub policy: Option<Value>,
    pub edits: Vec<Arc<Edit>>,
    pub train: Option<bool>,
    pub dtype: DType,
    /// The store whose weights its stand-ins are of, where it is some member of a space.
    pub reads: Option<u64>,
    /// Parameters made so far, by address: two runs of one net read the same tensors.
    pub made: Mutex<HashMap<Arc<str>, Tensor>>,
}

/// One line of `with { … }` on a net.
#[derive(Debug)]
pub struct Edit {
    /// `conv2d`, or `params` for all parameters.
    pub kind: Arc<str>,
    pub param: Option<Arc<str>>,
    /// `as b, i`
    pub binder: Option<(Arc<str>, Option<Arc<str>>)>,
    /// `conv2d(out, k)`: settings by position or name, each bound to a name or equal to a value.
    pub pattern: Vec<(Option<Arc<str>>, PatternArg)>,
    /// `in res_block`: only inside such a block.
    pub within: Option<Arc<str>>,
    pub value: EditValue,
    pub key: Key,
}

#[derive(Debug)]
pub enum PatternArg {
    Bind(Arc<str>),
    Is(Value),
}

#[derive(Debug)]
pub enum EditValue {
    Ready(Value),
    Later {
        value: Expr,
        env: Env,
        module: ModuleId,
    },
}

/// One block's call, or one block of a net.
#[derive(Debug, Clone, Default)]
pub struct CallRecord {
    pub kind: Arc<str>,
    pub path: Arc<str>,
    pub input: Option<Value>,
    pub output: Option<Value>,
    pub params: IndexMap<Arc<str>, Value>,
    /// Which of them are states: kept, not trained.
    pub states: Vec<Arc<str>>,
    pub taps: IndexMap<Arc<str>, Value>,
    /// Static arguments: `r.body`.
    pub statics: Option<Env>,
    /// Of a trace: all calls inside, in order.
    pub all: Arc<Vec<Arc<CallRecord>>>,
    /// Parameters and states put in the place of the block's own: `b with { running_mean: … }`.
    pub overrides: IndexMap<Arc<str>, Value>,
    /// The block itself, to be called with the overrides.
    pub block: Option<Value>,
}

/// A place on the way into a net.
#[derive(Debug, Default, Clone)]
pub struct Frame {
    pub name: Arc<str>,
    /// The block's declared name; empty for turns and choices.
    pub kind: Arc<str>,
    /// The option taken, at a choice.
    pub option: Option<Arc<str>>,
    pub counters: HashMap<Arc<str>, usize>,
    pub params: IndexMap<Arc<str>, Value>,
    pub taps: IndexMap<Arc<str>, Value>,
    pub states: IndexMap<Arc<str>, Arc<str>>,
    pub overrides: IndexMap<Arc<str>, Value>,
    pub edited: bool,
    /// The slot that a mixture prescribes below here, and whether something read it.
    pub slot: Option<(Arc<str>, bool)>,
    pub used: bool,
    /// Below here stands what this edit put in a block's place: it is not edited by it again.
    pub edit: Option<Key>,
}

/// What running a net is for, besides its output.
#[derive(Debug, Default, Clone)]
pub struct Recorder {
    pub calls: Vec<Arc<CallRecord>>,
    pub taps: IndexMap<Arc<str>, Value>,
}

/// One line of a cost table.
#[derive(Debug, Clone)]
pub struct CostEntry {
    pub path: Arc<str>,
    pub kind: Arc<str>,
    /// `contraction`, `params`, or what `tally` named.
    pub item: Arc<str>,
    pub amount: Dim,
    /// Of `params`: the parameter's name.
    pub param: Arc<str>,
    /// Shape of the result, for the layer table.
    pub out: Vec<Dim>,
}

#[derive(Debug, Clone)]
pub struct NetContext {
    pub net: Arc<NetValue>,
    pub frames: Vec<Frame>,
    pub record: Option<Recorder>,
    pub costs: Option<Vec<CostEntry>>,
    /// Parameters already counted, each with 1 for the choices it was counted under and 0 for the others.
    pub counted: BTreeMap<Arc<str>, nas_ir::Dim>,
    /// How often each kind was met: the `i` of `as b, i`.
    pub met: HashMap<Arc<str>, usize>,
    /// Choices that were met inside it.
    pub choices: u64,
}

impl NetContext {
    pub fn new(net: Arc<NetValue>) -> NetContext {
        NetContext {
            net,
            frames: vec![Frame::default()],
            record: None,
            costs: None,
            counted: BTreeMap::new(),
            met: HashMap::new(),
            choices: 0,
        }
    }

    /// Whether it stands for every member of a space.
    pub fn open(&self) -> bool {
        matches!(self.net.base, NetBase::AllMembers { .. })
    }

    pub fn path(&self) -> Arc<str> {
        let names: Vec<String> = self.frames[1..]
            .iter()
            .filter(|f| !f.name.is_empty())
            .map(|f| match &f.option {
                Some(o) => format!("{}:{o}", f.name),
                None => f.name.to_string(),
            })
            .collect();
        names.join("/").into()
    }

    /// The path with every choice erased.
    pub fn place(&self) -> Arc<str> {
        let names: Vec<&str> = self.frames[1..]
            .iter()
            .map(|f| &*f.name)
            .filter(|n| !n.is_empty())
            .collect();
        names.join("/").into()
    }

    pub fn path_text(&self) -> Option<String> {
        (self.frames.len() > 1).then(|| self.path().to_string())
    }

    fn top(&mut self) -> &mut Frame {
        // There is always the root frame.
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    /// `conv2d`, `conv2d.1`, … in order of use.
    pub(crate) fn numbered(&mut self, kind: &str) -> Arc<str> {
        let counter = self.top().counters.entry(kind.into()).or_insert(0);
        let n = *counter;
        *counter += 1;
        if n == 0 {
            kind.into()
        } else {
            format!("{kind}.{n}").into()
        }
    }
}

impl Ctx {
    pub fn in_block(&self) -> bool {
        self.net
            .as_ref()
            .is_some_and(|n| n.frames.len() > 1 || self.turn.is_none())
    }

    pub fn enter_repeat(&mut self) -> bool {
        match &mut self.net {
            Some(n) => {
                let name = n.numbered("repeat");
                n.frames.push(Frame {
                    name,
                    ..Frame::default()
                });
                true
            }
            None => false,
        }
    }

    pub fn leave_repeat(&mut self, entered: bool) {
        if entered && let Some(n) = &mut self.net {
            n.frames.pop();
        }
    }

    pub fn enter_turn(&mut self, i: usize) -> bool {
        if self.net.is_none() && self.space.is_some() && !self.place.is_empty() {
            self.place.push(format!("[{i}]"));
            return true;
        }
        match &mut self.net {
            Some(n) => {
                n.frames.push(Frame {
                    name: format!("[{i}]").into(),
                    ..Frame::default()
                });
                true
            }
            None => false,
        }
    }

    pub fn leave_turn(&mut self, entered: bool) {
        if entered && self.net.is_none() {
            self.place.pop();
        }
        self.leave_repeat(entered);
    }
}

impl NetValue {
    pub fn new(base: NetBase, weights: NetWeights) -> NetValue {
        NetValue {
            base,
            weights,
            policy: None,
            edits: vec![],
            train: None,
            dtype: DType::F32,
            reads: None,
            made: Mutex::default(),
        }
    }

    fn derived(&self, change: impl FnOnce(&mut NetValue)) -> Arc<NetValue> {
        let mut n = NetValue {
            base: self.base.clone(),
            weights: self.weights.clone(),
            policy: self.policy.clone(),
            edits: self.edits.clone(),
            train: self.train,
            dtype: self.dtype,
            reads: self.reads,
            made: Mutex::default(),
        };
        change(&mut n);
        Arc::new(n)
    }

    /// Whether parameters ask for stored weights by their place, by what is stored and by a policy. Stand-ins do not.
    fn asks(&self) -> bool {
        match (&self.base, &self.weights) {
            (NetBase::AllMembers { .. }, _) => false,
            (_, NetWeights::Stored(w)) => {
                self.policy.is_some() || w.policy.is_some() || !w.is_empty()
            }
            _ => false,
        }
    }

    /// The store that its parameters are of, where they are stored.
    pub(crate) fn store(&self) -> Option<u64> {
        match &self.weights {
            NetWeights::Stored(w) => Some(w.id),
            _ => self.reads,
        }
    }

    pub fn space(&self) -> Option<&Arc<SpaceValue>> {
        match &self.base {
            NetBase::Member { space, .. } | NetBase::AllMembers { space } => Some(space),
            _ => None,
        }
    }

    /// The net as declared, with the scope its body is evaluated in.
    fn body(&self, ctx: &mut Ctx) -> Result<Option<(Arc<NetDecl>, Env, ModuleId)>> {
        Ok(match &self.base {
            NetBase::Member { space, arch } => {
                let env = arch.env(ctx)?;
                space.net_decl().map(|d| (d, env, space.module))
            }
            NetBase::AllMembers { space } => {
                let e = space.elaborate(ctx)?;
                space.net_decl().map(|d| (d, e.env.clone(), space.module))
            }
            NetBase::Literal { decl, env, module } => Some((decl.clone(), env.clone(), *module)),
            NetBase::Block(_) => None,
        })
    }

    fn space_context(&self, ctx: &mut Ctx) -> Result<Option<SpaceContext>> {
        Ok(match &self.base {
            NetBase::Member { space, arch } => {
                Some(SpaceContext::member(space.clone(), arch.clone()))
            }
            NetBase::AllMembers { space } => Some(space.elaborate(ctx)?.context.clone()),
            _ => None,
        })
    }
}
