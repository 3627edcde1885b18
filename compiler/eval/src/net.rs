//! Nets: a member of a space, a block, or a net as written, with weights; running one, editing one, looking inside one.

use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::key::Key;
use crate::program::ModuleId;
use crate::space::{ArchValue, SpaceContext, SpaceValue};
use crate::value::{Func, FuncKind, Picked, Value};
use crate::weights::WeightsValue;
use crate::{Fault, Result, access, number, stmt};
use indexmap::IndexMap;
use nas_diagnostics::Span;
use nas_grammar::ast::{
    self, Block, Expr, ExprKind, FnDecl, NetDecl, TypeKind, WithEntry, WithTarget,
};
use nas_ir::{DType, Dim, Shape, Tensor};
use std::collections::HashMap;
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
    pub value: EditValue,
    pub key: Key,
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
}

/// What running a net is for, besides its output.
#[derive(Debug, Default)]
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
    /// Shape of the result, for the layer table.
    pub out: Vec<Dim>,
}

#[derive(Debug)]
pub struct NetContext {
    pub net: Arc<NetValue>,
    pub frames: Vec<Frame>,
    pub record: Option<Recorder>,
    pub costs: Option<Vec<CostEntry>>,
    pub counted: HashMap<Arc<str>, ()>,
    /// How often each kind was met: the `i` of `as b, i`.
    pub met: HashMap<Arc<str>, usize>,
}

impl NetContext {
    pub fn new(net: Arc<NetValue>) -> NetContext {
        NetContext {
            net,
            frames: vec![Frame::default()],
            record: None,
            costs: None,
            counted: HashMap::new(),
            met: HashMap::new(),
        }
    }

    pub fn path(&self) -> Arc<str> {
        let names: Vec<String> = self.frames[1..]
            .iter()
            .map(|f| match &f.option {
                Some(o) => format!("{}:{o}", f.name),
                None => f.name.to_string(),
            })
            .collect();
        names.join("/").into()
    }

    /// The path with every choice erased.
    pub fn place(&self) -> Arc<str> {
        let names: Vec<&str> = self.frames[1..].iter().map(|f| &*f.name).collect();
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
    fn numbered(&mut self, kind: &str) -> Arc<str> {
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
            made: Mutex::default(),
        };
        change(&mut n);
        Arc::new(n)
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

/// `net(x: …) { … }` as a value.
pub fn literal(ctx: &mut Ctx, decl: &Arc<NetDecl>, env: &Env) -> Value {
    let key = ctx.next_key();
    let base = NetBase::Literal {
        decl: decl.clone(),
        env: env.clone(),
        module: ctx.module,
    };
    Value::Net(Arc::new(NetValue::new(base, NetWeights::Fresh(key))))
}

/// Any value that can be a net.
pub fn as_net(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Arc<NetValue>> {
    match v.plain() {
        Value::Net(n) => Ok(n.clone()),
        Value::Func(f)
            if matches!(&f.kind, FuncKind::Decl { decl, .. } if decl.role == ast::Role::Block)
                || matches!(f.kind, FuncKind::Compose(_)) =>
        {
            let key = ctx.next_key();
            Ok(Arc::new(NetValue::new(
                NetBase::Block(v.clone()),
                NetWeights::Fresh(key),
            )))
        }
        Value::Space(s) => Ok(Arc::new(NetValue::new(
            NetBase::AllMembers { space: s.clone() },
            NetWeights::Abstract,
        ))),
        other => Err(fault(
            "E0301",
            format!("a net is wanted, and this is {}", other.kind()),
        )
        .at(span, "here")
        .into()),
    }
}

/// `net[w]`, `block[w]`
pub fn with_weights(
    ctx: &mut Ctx,
    base: &Value,
    args: Vec<(Value, Span)>,
    span: Span,
) -> Result<Value> {
    let n = as_net(ctx, base, span)?;
    let Some((w, at)) = args.first() else {
        return Ok(base.clone());
    };
    match w.plain() {
        Value::Weights(w) => Ok(Value::Net(
            n.derived(|n| n.weights = NetWeights::Stored(w.clone())),
        )),
        Value::Unknown(_) => Ok(Value::Net(n.derived(|n| n.weights = NetWeights::Abstract))),
        other => Err(fault(
            "E0301",
            format!("a net is given weights, and this is {}", other.kind()),
        )
        .at(*at, "here")
        .into()),
    }
}

/// A member with weights and, where given, a policy.
pub fn member_net(base: NetBase, weights: NetWeights, policy: Option<Value>) -> Value {
    let mut n = NetValue::new(base, weights);
    n.policy = policy;
    Value::Net(Arc::new(n))
}

pub fn at_mode(ctx: &mut Ctx, v: Value, train: bool, span: Span) -> Result<Value> {
    match v.plain() {
        Value::Net(n) => Ok(Value::Net(n.derived(|n| n.train = Some(train)))),
        Value::Unknown(_) => Ok(v),
        _ => {
            let n = as_net(ctx, &v, span)?;
            Ok(Value::Net(n.derived(|n| n.train = Some(train))))
        }
    }
}

/// `x as f64`
#[allow(clippy::only_used_in_recursion)]
pub fn convert(ctx: &mut Ctx, v: Value, ty: &ast::Type, span: Span) -> Result<Value> {
    let TypeKind::Name { name, .. } = &ty.kind else {
        return Err(fault("E0301", "`as` goes to a named type")
            .at(ty.span, "here")
            .into());
    };
    let dtype = match &*name.text {
        "f64" => DType::F64,
        "f32" => DType::F32,
        "Index" | "Label" => DType::I32,
        other => {
            return Err(fault("E0301", format!("nothing is converted to `{other}`"))
                .at(ty.span, "here")
                .help("`f32` and `f64` are known")
                .into());
        }
    };
    match v.plain() {
        Value::Net(n) => Ok(Value::Net(n.derived(|n| n.dtype = dtype))),
        Value::Tensor(t, e) => Ok(Value::Tensor(t.cast(dtype), *e)),
        Value::List(l) => Ok(Value::list(
            l.iter()
                .map(|x| convert(ctx, x.clone(), ty, span))
                .collect::<Result<_>>()?,
        )),
        Value::Unknown(_) | Value::Int(..) | Value::Float(..) => Ok(v),
        other => Err(fault("E0301", format!("{} is not converted", other.kind()))
            .at(span, "here")
            .into()),
    }
}

/// Runs a net on its inputs.
pub fn call_net(ctx: &mut Ctx, n: &Arc<NetValue>, args: Args) -> Result<Value> {
    run(ctx, n, args, None, false).map(|r| r.0)
}

/// Runs a net, recording its calls or its costs as asked.
pub fn run(
    ctx: &mut Ctx,
    n: &Arc<NetValue>,
    args: Args,
    record: Option<Recorder>,
    costs: bool,
) -> Result<(Value, Option<Recorder>, Vec<CostEntry>)> {
    let span = args.span;
    let space = n.space_context(ctx)?;
    let body = n.body(ctx)?;
    let mut context = NetContext::new(n.clone());
    context.record = record;
    context.costs = costs.then(Vec::new);
    let train = n.train.unwrap_or(match &n.weights {
        NetWeights::Fresh(_) => true,
        NetWeights::Stored(w) => w.live,
        // Costs are counted on the inference graph.
        NetWeights::Abstract => !costs,
    });
    let saved_net = ctx.net.replace(Box::new(context));
    let saved_space = std::mem::replace(&mut ctx.space, space);
    let saved_train = ctx.train.replace(train);
    let saved_top = std::mem::replace(&mut ctx.top, false);
    let open = matches!(n.base, NetBase::AllMembers { .. });
    let saved_assumed = if open {
        None
    } else {
        Some(std::mem::take(&mut ctx.assumed))
    };
    let args = Args {
        positional: args
            .positional
            .into_iter()
            .map(|(v, s)| (v.map(|v| cast_input(v, n.dtype)), s))
            .collect(),
        ..args
    };
    let out = ctx.deeper(span, |ctx| match body {
        Some((decl, env, module)) => ctx.in_module(module, |ctx| {
            let env = call::bind(ctx, "this net", &decl.params, args, &env)?;
            let out = stmt::block(ctx, &decl.body, &env)?;
            if let (Some(ty), Value::Tensor(t, _)) = (&decl.result, out.plain())
                && let TypeKind::Tensor { shape, .. } = &ty.kind
            {
                call::bind_shape(ctx, t, shape, &env, span, ty.span)?;
            }
            Ok(out)
        }),
        None => match &n.base {
            NetBase::Block(b) => call::call(ctx, b.clone(), args),
            _ => Err(fault("E0307", "this space has no net")
                .at(span, "run here")
                .into()),
        },
    });
    let done = std::mem::replace(&mut ctx.net, saved_net);
    ctx.space = saved_space;
    ctx.train = saved_train;
    ctx.top = saved_top;
    if let Some(a) = saved_assumed {
        ctx.assumed = a;
    }
    let (record, costs) = done
        .map(|d| (d.record, d.costs.unwrap_or_default()))
        .unwrap_or_default();
    Ok((out?, record, costs))
}

fn cast_input(v: Value, dtype: DType) -> Value {
    match v.plain() {
        Value::Tensor(t, e) if dtype == DType::F64 && t.dtype() == DType::F32 => {
            Value::Tensor(t.cast(dtype), *e)
        }
        _ => v,
    }
}

/// A chosen option is called: its place carries the choice.
pub fn chosen(ctx: &mut Ctx, p: &Arc<Picked>, args: Args) -> Result<Value> {
    if let Some(n) = &mut ctx.net {
        let name = n.numbered(&p.site);
        n.frames.push(Frame {
            name,
            option: Some(p.label.clone()),
            ..Frame::default()
        });
    }
    let out = call::call(ctx, p.value.clone(), args);
    if let Some(n) = &mut ctx.net {
        n.frames.pop();
    }
    out
}

/// Runs a block's body at its place in the net; outside a net, as a net of its own with fresh weights.
pub fn call_block(
    ctx: &mut Ctx,
    decl: &Arc<FnDecl>,
    body: &Block,
    env: &Env,
    span: Span,
) -> Result<Value> {
    if ctx.net.is_none() {
        let key = ctx.next_key();
        let n = Arc::new(NetValue::new(
            NetBase::Block(Value::None),
            NetWeights::Fresh(key),
        ));
        ctx.net = Some(Box::new(NetContext::new(n)));
        let saved = ctx.train.get_or_insert(true).to_owned();
        let out = call_block(ctx, decl, body, env, span);
        ctx.net = None;
        ctx.train = if saved { None } else { Some(saved) };
        return out;
    }
    let kind = decl.name.text.clone();
    let inputs = decl.params.last().map(Vec::as_slice).unwrap_or_default();
    let input = inputs.first().and_then(|p| match env.find(&p.name.text) {
        Some(crate::env::Found::Value(v)) => Some(v),
        _ => None,
    });
    let Some(n) = &mut ctx.net else {
        return Ok(Value::None);
    };
    // Edits of this kind take the block's place, unless this call is the edited block itself.
    let in_edit = n.top().edited && n.top().kind == kind;
    let edit = if in_edit {
        None
    } else {
        n.net
            .edits
            .iter()
            .rev()
            .find(|e| e.kind == kind && e.param.is_none())
            .cloned()
    };
    let number = {
        let met = n.met.entry(kind.clone()).or_insert(0);
        let i = *met;
        if !in_edit {
            *met += 1;
        }
        i
    };
    let mut overrides = IndexMap::new();
    if in_edit {
        overrides = std::mem::take(&mut n.top().overrides);
        n.frames.pop();
    }
    let name = n.numbered(&kind);
    if let Some(e) = edit {
        let this = Value::Func(Arc::new(Func {
            kind: FuncKind::Decl {
                decl: decl.clone(),
                module: ctx.module,
                env: env.clone(),
                global: None,
                lists: decl.params.len().saturating_sub(1),
            },
            bound: vec![],
            span,
        }));
        let handle = CallRecord {
            kind: kind.clone(),
            path: name.clone(),
            block: Some(this.clone()),
            statics: Some(env.clone()),
            ..CallRecord::default()
        };
        let replacement = match &e.value {
            EditValue::Ready(v) => v.clone(),
            EditValue::Later { value, env, module } => {
                let mut inner = env.clone();
                if let Some((b, i)) = &e.binder {
                    inner = inner.bind(b.clone(), Value::Call(Arc::new(handle)));
                    if let Some(i) = i {
                        inner = inner.bind(i.clone(), Value::int(number as i64));
                    }
                }
                ctx.in_module(*module, |ctx| {
                    ctx.under(e.key.named(&name), |ctx| ctx.eval(value, &inner))
                })?
            }
        };
        let args: Vec<(Value, Span)> = inputs
            .iter()
            .filter_map(|p| match env.find(&p.name.text) {
                Some(crate::env::Found::Value(v)) => Some((v, span)),
                _ => None,
            })
            .collect();
        // `r => r.body`: a function of the old block gives the new one.
        let replacement = match replacement.plain() {
            Value::Func(f) if matches!(f.kind, FuncKind::Lambda { .. }) && e.binder.is_none() => {
                let handle = CallRecord {
                    kind: kind.clone(),
                    path: name.clone(),
                    block: Some(this),
                    statics: Some(env.clone()),
                    ..CallRecord::default()
                };
                call::call(
                    ctx,
                    replacement.clone(),
                    Args::one(Value::Call(Arc::new(handle)), span),
                )?
            }
            _ => replacement,
        };
        if let Some(n) = &mut ctx.net {
            n.frames.push(Frame {
                name,
                ..Frame::default()
            });
        }
        let out = call::call(ctx, replacement, Args::of(args, span));
        if let Some(n) = &mut ctx.net {
            n.frames.pop();
        }
        return out;
    }
    n.frames.push(Frame {
        name,
        kind: kind.clone(),
        overrides,
        ..Frame::default()
    });
    let out = stmt::block(ctx, body, env);
    let Some(n) = &mut ctx.net else { return out };
    let path = n.path();
    let frame = n.frames.pop().unwrap_or_default();
    if in_edit {
        // Gives back the frame that marked the edit.
        n.frames.push(Frame::default());
    }
    let out = out?;
    if let Some(r) = &mut n.record {
        r.calls.push(Arc::new(CallRecord {
            kind,
            path,
            input,
            output: Some(out.clone()),
            params: frame.params,
            taps: frame.taps,
            statics: Some(env.clone()),
            ..CallRecord::default()
        }));
    }
    Ok(out)
}

/// A block of a net with some of its parameters or states replaced, called.
pub fn call_handle(ctx: &mut Ctx, c: &Arc<CallRecord>, args: Args) -> Result<Value> {
    let Some(block) = c.block.clone() else {
        return Err(fault("E0307", "this call has already happened")
            .at(args.span, "called here")
            .into());
    };
    if let Some(n) = &mut ctx.net {
        n.frames.push(Frame {
            kind: c.kind.clone(),
            edited: true,
            overrides: c.overrides.clone(),
            ..Frame::default()
        });
    }
    let out = call::call(ctx, block, args);
    if let Some(n) = &mut ctx.net {
        n.frames.pop();
    }
    out
}

/// `tap name = value`: seen by a trace. A tap in a pipe collects its turns in a list.
pub fn tap(ctx: &mut Ctx, name: &Arc<str>, value: &Value, many: bool) {
    let Some(n) = &mut ctx.net else { return };
    if let Some(f) = n.frames.iter_mut().rev().find(|f| !f.kind.is_empty()) {
        f.taps.insert(name.clone(), value.clone());
    }
    if let Some(r) = &mut n.record {
        if many {
            let old = r
                .taps
                .entry(name.clone())
                .or_insert_with(|| Value::list(vec![]));
            if let Value::List(l) = old {
                let mut l = l.to_vec();
                l.push(value.clone());
                *old = Value::list(l);
            }
        } else {
            r.taps.insert(name.clone(), value.clone());
        }
    }
}

/// `param name: [shape] ~ init` and a block's `state`.
#[allow(clippy::too_many_arguments)]
pub fn param(
    ctx: &mut Ctx,
    name: &ast::Ident,
    ty: Option<&ast::Type>,
    init: Option<&Expr>,
    drawn: bool,
    trained: bool,
    env: &Env,
    span: Span,
) -> Result<Env> {
    let mut shape = Shape::new();
    if let Some(ty) = ty {
        let dims = match &ty.kind {
            TypeKind::Tensor { shape, .. } => shape.clone(),
            TypeKind::List { of, .. } => match &of.kind {
                TypeKind::Name { name, .. } => vec![ast::IndexArg::At(Expr {
                    kind: ExprKind::Name(name.clone()),
                    span: of.span,
                })],
                _ => vec![],
            },
            _ => vec![],
        };
        for d in &dims {
            match d {
                ast::IndexArg::At(e) => {
                    let v = ctx.eval(e, env)?;
                    shape.push(extent(ctx, &v, e.span)?);
                }
                ast::IndexArg::Spread(e) => {
                    let v = ctx.eval(e, env)?;
                    for x in access::items(ctx, &v, e.span)? {
                        shape.push(extent(ctx, &x, e.span)?);
                    }
                }
                _ => {}
            }
        }
    }
    let Some(n) = &mut ctx.net else {
        return Err(fault("E0107", "a parameter stands in a block or a net")
            .at(span, "here")
            .into());
    };
    let net = n.net.clone();
    let owner = n
        .frames
        .iter()
        .rev()
        .find(|f| !f.kind.is_empty())
        .map(|f| f.kind.clone())
        .unwrap_or_default();
    let address: Arc<str> = match n.path() {
        p if p.is_empty() => name.text.clone(),
        p => format!("{p}/{}", name.text).into(),
    };
    let place: Arc<str> = format!("{}/{}", n.place(), name.text).into();
    if let Some(v) = n
        .frames
        .iter()
        .rev()
        .find(|f| !f.kind.is_empty())
        .and_then(|f| f.overrides.get(&name.text).cloned())
    {
        let t = number::as_tensor(&v)
            .unwrap_or_else(|| Tensor::symbol("override", shape.clone(), net.dtype));
        let t = if t.rank() == shape.len() {
            t
        } else {
            t.expand(&shape).map_err(|e| ctx.shape_fault(e, span))?
        };
        note_param(ctx, &name.text, &address, Value::tensor(t.clone()), trained);
        return Ok(env.bind(name.text.clone(), Value::tensor(t)));
    }
    if n.costs.is_some() && trained && n.counted.insert(address.clone(), ()).is_none() {
        let path = n.path();
        let out = shape.to_vec();
        let count = nas_ir::shape::count(&shape).and_then(|c| c.mul(&ctx.indicator()));
        let amount = count.map_err(|e| ctx.shape_fault(e.into(), span))?;
        if let Some(costs) = ctx.net.as_mut().and_then(|n| n.costs.as_mut()) {
            costs.push(CostEntry {
                path,
                kind: owner.clone(),
                item: "params".into(),
                amount,
                out,
            });
        }
    }
    let made = net.made.lock().ok().and_then(|m| m.get(&address).cloned());
    let concrete = shape.iter().all(|d| d.known().is_some());
    let tensor = match (made, &net.weights) {
        (Some(t), _) if t.shape() == shape.as_slice() => t,
        (_, NetWeights::Abstract) => Tensor::symbol(address.clone(), shape.clone(), net.dtype),
        _ if !concrete || matches!(net.base, NetBase::AllMembers { .. }) => {
            Tensor::symbol(address.clone(), shape.clone(), net.dtype)
        }
        (_, NetWeights::Fresh(key)) => {
            let t = initial(
                ctx,
                init,
                drawn,
                &shape,
                key.named(&address),
                net.dtype,
                env,
                span,
            )?;
            edited(ctx, &net, &owner, &name.text, &address, t, trained, span)?
        }
        (_, NetWeights::Stored(w)) => {
            let w = w.clone();
            let (slot, full) =
                crate::weights::slot_of(ctx, &net, &w, &address, &place, &shape, &owner, span)?;
            let key = w.key.named(&slot);
            let exists = w.has(&slot);
            if !exists {
                if ctx.checking() {
                    Tensor::symbol(address.clone(), shape.clone(), net.dtype)
                } else {
                    let t = initial(ctx, init, drawn, &full, key, DType::F32, env, span)?;
                    let stored = ctx
                        .host
                        .compute(std::slice::from_ref(&t), &|s, a| crate::weights::find(s, a))
                        .map_err(Fault::from)?;
                    if let Some(s) = stored.into_iter().next() {
                        w.put(slot.clone(), s, trained);
                    }
                    crate::weights::read(ctx, &w, &slot, &full, &shape, net.dtype, span)?
                }
            } else {
                crate::weights::read(ctx, &w, &slot, &full, &shape, net.dtype, span)?
            }
        }
        .pipe_edit(ctx, &net, &owner, &name.text, &address, trained, span)?,
    };
    if let Ok(mut m) = net.made.lock() {
        m.insert(address.clone(), tensor.clone());
    }
    let v = Value::tensor(tensor);
    note_param(ctx, &name.text, &address, v.clone(), trained);
    Ok(env.bind(name.text.clone(), v))
}

trait PipeEdit {
    #[allow(clippy::too_many_arguments)]
    fn pipe_edit(
        self,
        ctx: &mut Ctx,
        net: &Arc<NetValue>,
        owner: &Arc<str>,
        name: &Arc<str>,
        address: &Arc<str>,
        trained: bool,
        span: Span,
    ) -> Result<Tensor>;
}

impl PipeEdit for Tensor {
    fn pipe_edit(
        self,
        ctx: &mut Ctx,
        net: &Arc<NetValue>,
        owner: &Arc<str>,
        name: &Arc<str>,
        address: &Arc<str>,
        trained: bool,
        span: Span,
    ) -> Result<Tensor> {
        edited(ctx, net, owner, name, address, self, trained, span)
    }
}

fn note_param(ctx: &mut Ctx, name: &Arc<str>, address: &Arc<str>, v: Value, trained: bool) {
    if let Some(n) = &mut ctx.net
        && let Some(f) = n.frames.iter_mut().rev().find(|f| !f.kind.is_empty())
    {
        f.params.insert(name.clone(), v);
        if !trained {
            f.states.insert(name.clone(), address.clone());
        }
    }
}

pub fn extent(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Dim> {
    if let Some(d) = number::as_dim(v) {
        return Ok(d);
    }
    match v.plain() {
        Value::Unknown(_) => Ok(Dim::var("?")),
        Value::Open(_) => {
            // Fractions in some cases: the first of them is shown.
            Err(fault("E0402", "this size is not whole for every choice")
                .at(span, crate::show::brief(v))
                .help("`ceil(…)` or `floor(…)` bring it back")
                .into())
        }
        Value::Tensor(..) => Err(fault("E0304", "a run-time value stands in a shape")
            .at(span, "known only at run time")
            .into()),
        _ => access::whole(ctx, v, span).map(Dim::Const),
    }
}

/// Parameter edits: `params: abs`, `conv2d.weight: w => …`.
#[allow(clippy::too_many_arguments)]
fn edited(
    ctx: &mut Ctx,
    net: &Arc<NetValue>,
    owner: &Arc<str>,
    name: &Arc<str>,
    address: &Arc<str>,
    t: Tensor,
    trained: bool,
    span: Span,
) -> Result<Tensor> {
    let mut t = t;
    for e in &net.edits {
        let all = &*e.kind == "params" && e.param.is_none() && trained;
        let one = e.kind == *owner && e.param.as_ref() == Some(name);
        if !all && !one {
            continue;
        }
        let v = match &e.value {
            EditValue::Ready(v) => v.clone(),
            EditValue::Later { value, env, module } => {
                ctx.in_module(*module, |ctx| ctx.eval(value, env))?
            }
        };
        let v = match v.plain() {
            Value::Func(_) => {
                // The edit's own draws follow from the address, not from the order of evaluation.
                let saved = ctx.net.take();
                let r = ctx.under(e.key.named(address), |ctx| {
                    call::apply(ctx, v.clone(), Value::tensor(t.clone()), span)
                });
                ctx.net = saved;
                r?
            }
            _ => v,
        };
        let new = number::as_tensor(&v).ok_or_else(|| {
            Fault::from(
                fault(
                    "E0301",
                    format!("a parameter is replaced by a tensor, not by {}", v.kind()),
                )
                .at(span, "here"),
            )
        })?;
        let new = if new.rank() == 0 && t.rank() > 0 {
            new.expand(t.shape())
        } else {
            Ok(new)
        }
        .map_err(|e| ctx.shape_fault(e, span))?;
        if new.shape() != t.shape() {
            let e = nas_ir::ShapeError::new("an edit keeps the parameter's shape")
                .fact(format!("was  {}", nas_ir::shape::Show(t.shape())))
                .fact(format!("new  {}", nas_ir::shape::Show(new.shape())));
            return Err(ctx.shape_fault(e, span));
        }
        t = new.cast(t.dtype());
    }
    Ok(t)
}

/// The initial value of a parameter: a number, a distribution, or a function of its shape.
#[allow(clippy::too_many_arguments)]
fn initial(
    ctx: &mut Ctx,
    init: Option<&Expr>,
    drawn: bool,
    shape: &Shape,
    key: Key,
    dtype: DType,
    env: &Env,
    span: Span,
) -> Result<Tensor> {
    let _ = drawn;
    let dims: Vec<Value> = shape.iter().map(|d| number::of_dim(d.clone())).collect();
    let Some(init) = init else {
        return Ok(Tensor::filled(0.0, shape, dtype));
    };
    let saved = ctx.net.take();
    let r = ctx.under(key, |ctx| {
        let v = ctx.eval(init, env)?;
        match v.plain() {
            Value::Dist(d) => crate::draw::tensor(ctx, d, &dims, key, span),
            Value::Func(_) => call::apply(ctx, v, Value::list(dims.clone()), span),
            _ => Ok(v),
        }
    });
    ctx.net = saved;
    let v = r?;
    let t = match number::as_f64(&v) {
        Some(f) => Tensor::filled(f, shape, dtype),
        None => number::as_tensor(&v).ok_or_else(|| {
            Fault::from(
                fault(
                    "E0301",
                    format!("a parameter starts as a tensor, not as {}", v.kind()),
                )
                .at(init.span, "here"),
            )
        })?,
    };
    let t = t.cast(dtype);
    t.expand(shape).map_err(|e| ctx.shape_fault(e, init.span))
}

/// `base with { … }`
pub fn with(
    ctx: &mut Ctx,
    base: &Expr,
    entries: &[WithEntry],
    env: &Env,
    span: Span,
) -> Result<Value> {
    let b = ctx.eval(base, env)?;
    let plain_name = |e: &Expr| match &e.kind {
        ExprKind::Name(n) => Some(n.clone()),
        _ => None,
    };
    match b.plain() {
        Value::Record(r) => {
            let mut out = (**r).clone();
            for e in entries {
                match &e.target {
                    WithTarget::Path(t) => {
                        let Some(n) = plain_name(t) else {
                            return Err(fault(
                                "E0309",
                                "only a record's own fields can be edited yet",
                            )
                            .at(t.span, "here")
                            .into());
                        };
                        let mut inner = env.clone();
                        if let Some(old) = out.get(&n.text) {
                            inner = inner
                                .bind("it".into(), old.clone())
                                .bind(n.text.clone(), old.clone());
                        }
                        let v = ctx.eval(&e.value, &inner)?;
                        out.insert(n.text.clone(), v);
                    }
                    WithTarget::Spread { value, .. } => {
                        if let Value::Record(more) = ctx.eval(value, env)?.plain() {
                            out.extend(more.iter().map(|(k, v)| (k.clone(), v.clone())));
                        }
                    }
                }
            }
            Ok(Value::record(out))
        }
        Value::Call(c) => {
            let mut c = (**c).clone();
            for e in entries {
                if let WithTarget::Path(t) = &e.target
                    && let Some(n) = plain_name(t)
                {
                    let old = c.params.get(&n.text).cloned();
                    let inner = old.map_or(env.clone(), |o| env.bind("it".into(), o));
                    let v = ctx.eval(&e.value, &inner)?;
                    c.overrides.insert(n.text.clone(), v);
                }
            }
            Ok(Value::Call(Arc::new(c)))
        }
        Value::Arch(a) => crate::space::edit_arch(ctx, a, entries, env, span),
        Value::Unknown(_) => Ok(b),
        Value::Net(_) | Value::Func(_) => {
            let n = as_net(ctx, &b, span)?;
            let mut edits = n.edits.clone();
            for e in entries {
                let (kind, param) = match &e.target {
                    WithTarget::Path(Expr {
                        kind: ExprKind::Name(n),
                        ..
                    }) => (n.text.clone(), None),
                    WithTarget::Path(Expr {
                        kind: ExprKind::Field { base, name },
                        ..
                    }) => match &base.kind {
                        ExprKind::Name(n) => (n.text.clone(), Some(name.text.clone())),
                        _ => {
                            return Err(fault(
                                "E0309",
                                "this kind of edit is not yet supported by this version",
                            )
                            .at(e.span, "here")
                            .into());
                        }
                    },
                    _ => {
                        return Err(fault(
                            "E0309",
                            "this kind of edit is not yet supported by this version",
                        )
                        .at(e.span, "here")
                        .into());
                    }
                };
                if e.within.is_some() {
                    return Err(fault("E0309", "edits inside one kind of block (`in`) are not yet supported by this version").at(e.span, "here").into());
                }
                let value = if e.binder.is_some() {
                    EditValue::Later {
                        value: e.value.clone(),
                        env: env.clone(),
                        module: ctx.module,
                    }
                } else {
                    EditValue::Ready(ctx.eval(&e.value, env)?)
                };
                let binder = e
                    .binder
                    .as_ref()
                    .map(|(b, i)| (b.text.clone(), i.as_ref().map(|i| i.text.clone())));
                let key = ctx.next_key();
                edits.push(Arc::new(Edit {
                    kind,
                    param,
                    binder,
                    value,
                    key,
                }));
            }
            Ok(Value::Net(n.derived(|n| n.edits = edits)))
        }
        other => Err(fault(
            "E0309",
            format!(
                "`with` on {} is not yet supported by this version",
                other.kind()
            ),
        )
        .at(span, "here")
        .into()),
    }
}

/// The shape of one input: without the batch.
pub fn input_shape(ctx: &mut Ctx, n: &Arc<NetValue>, span: Span) -> Result<Vec<Dim>> {
    let Some((decl, env, module)) = n.body(ctx)? else {
        return Err(fault("E0302", "a block's input has no fixed size")
            .at(span, "here")
            .help("give it: `on: [3, 224, 224]`")
            .into());
    };
    let Some(ty) = decl.params.first().and_then(|p| p.ty.as_ref()) else {
        return Ok(vec![]);
    };
    let TypeKind::Tensor { shape, .. } = &ty.kind else {
        return Ok(vec![]);
    };
    ctx.in_module(module, |ctx| {
        let mut out = vec![];
        for s in shape.iter().skip(1) {
            if let ast::IndexArg::At(e) = s {
                let v = ctx.eval(e, &env).map_err(|_| {
                    Fault::from(
                        fault("E0302", "this net's input has no fixed size")
                            .at(e.span, "not a number")
                            .help("give it: `on: [3, 224, 224]`"),
                    )
                })?;
                out.push(extent(ctx, &v, e.span)?);
            }
        }
        Ok(out)
    })
}

/// A stand-in for a batch of inputs.
pub fn stand_in_input(
    ctx: &mut Ctx,
    n: &Arc<NetValue>,
    batch: Dim,
    on: Option<Vec<Dim>>,
    span: Span,
) -> Result<Value> {
    let mut shape: Shape = Shape::new();
    shape.push(batch);
    match on {
        Some(dims) => shape.extend(dims),
        None => shape.extend(input_shape(ctx, n, span)?),
    }
    Ok(Value::tensor(Tensor::symbol("input", shape, n.dtype)))
}

/// Its blocks of some kinds, in order.
pub fn blocks(ctx: &mut Ctx, n: &Arc<NetValue>, kinds: &[Value], span: Span) -> Result<Value> {
    let x = stand_in_input(ctx, n, Dim::Const(1), None, span)?;
    let (_, r, _) = run(ctx, n, Args::one(x, span), Some(Recorder::default()), false)?;
    let calls = r.map(|r| r.calls).unwrap_or_default();
    Ok(Value::list(select(&calls, kinds)))
}

fn select(calls: &[Arc<CallRecord>], kinds: &[Value]) -> Vec<Value> {
    calls
        .iter()
        .filter(|c| kinds.iter().any(|k| access::named(k, &c.kind)))
        .map(|c| Value::Call(c.clone()))
        .collect()
}

/// Runs a net and keeps what is inside.
pub fn trace(ctx: &mut Ctx, n: &Arc<NetValue>, args: Args) -> Result<Value> {
    let input = args.positional.first().and_then(|a| a.0.clone());
    let (out, r, _) = run(ctx, n, args, Some(Recorder::default()), false)?;
    let r = r.unwrap_or_default();
    Ok(Value::Call(Arc::new(CallRecord {
        kind: "net".into(),
        input,
        output: Some(out),
        taps: r.taps,
        all: Arc::new(r.calls),
        ..CallRecord::default()
    })))
}

pub fn net_method(ctx: &mut Ctx, n: &Arc<NetValue>, name: &str, args: Args) -> Result<Value> {
    match name {
        "all" => {
            let kinds: Vec<Value> = args.positional.into_iter().filter_map(|a| a.0).collect();
            blocks(ctx, n, &kinds, args.span)
        }
        _ => trace(ctx, n, args),
    }
}

pub fn call_method(_ctx: &mut Ctx, c: &Arc<CallRecord>, name: &str, args: Args) -> Result<Value> {
    match name {
        "all" => {
            let kinds: Vec<Value> = args.positional.into_iter().filter_map(|a| a.0).collect();
            // A tap's name gives its values.
            Ok(Value::list(select(&c.all, &kinds)))
        }
        other => Err(fault("E0202", format!("a trace has no `{other}`"))
            .at(args.span, "here")
            .into()),
    }
}

pub fn net_field(ctx: &mut Ctx, n: &Arc<NetValue>, key: &str, span: Span) -> Result<Option<Value>> {
    Ok(match key {
        "input" => Some(Value::list(
            input_shape(ctx, n, span)?
                .into_iter()
                .map(number::of_dim)
                .collect(),
        )),
        "arch" => match &n.base {
            NetBase::Member { arch, .. } => Some(Value::Arch(arch.clone())),
            _ => Some(Value::unknown()),
        },
        _ => None,
    })
}

pub fn call_field(
    _ctx: &mut Ctx,
    c: &Arc<CallRecord>,
    key: &str,
    _span: Span,
) -> Result<Option<Value>> {
    Ok(match key {
        "in" => c.input.clone(),
        "out" => c.output.clone(),
        "kind" => Some(Value::text(c.kind.clone())),
        "path" => Some(Value::text(c.path.clone())),
        _ => c
            .params
            .get(key)
            .or_else(|| c.taps.get(key))
            .cloned()
            .or_else(|| {
                c.statics.as_ref().and_then(|e| match e.find(key) {
                    Some(crate::env::Found::Value(v)) => Some(v),
                    _ => None,
                })
            }),
    })
}
