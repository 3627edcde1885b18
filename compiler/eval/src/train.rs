//! Trainers, searches and proxies: loops whose turns change weights and states, and where tensors are computed.

use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::data::{self, DataValue};
use crate::env::{Env, Found};
use crate::host::Event;
use crate::key::Key;
use crate::net::{NetBase, NetWeights};
use crate::value::{Clock, Fields, Unit, Value};
use crate::weights::WeightsValue;
use crate::{Fault, Result, access, number, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Block, Expr, ExprKind, FnDecl, Pattern, Stmt, StmtKind};
use nas_ir::tensor::LeafKind;
use nas_ir::{DType, Dim, HostTensor, Tensor};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

/// What a turn of a loop changes when it ends.
#[derive(Default)]
pub struct TurnContext {
    /// New tensors of slots.
    pub slots: Vec<(Arc<WeightsValue>, Arc<str>, Tensor, bool)>,
    pub cells: Vec<(Arc<Mutex<Value>>, Value)>,
    pub losses: Vec<Tensor>,
    pub kept: Vec<(Arc<Mutex<Value>>, Option<Value>)>,
    /// Inside `on change`: assignments take effect at once.
    pub immediate: bool,
    /// What lives as long as the loop.
    pub of_loop: Arc<LoopState>,
}

/// What persists from turn to turn.
#[derive(Default)]
pub struct LoopState {
    /// Optimiser states, by statement and parameter.
    pub optimisers: Mutex<HashMap<u32, Arc<WeightsValue>>>,
    /// Settings as they were, by statement.
    pub settings: Mutex<HashMap<u32, Value>>,
    pub history: Mutex<Vec<Value>>,
}

/// A trainer or a search: closes over its draws.
pub fn call_closed(
    ctx: &mut Ctx,
    decl: &Arc<FnDecl>,
    body: &Block,
    env: &Env,
    seed: Option<Value>,
    span: Span,
) -> Result<Value> {
    let key = match seed {
        Some(s) if !s.is_unknown() => Key::seed(access::whole(ctx, &s, span)? as u64),
        _ => ctx.key.named(&decl.name.text),
    };
    let stage_key = ctx.stage_key(decl, env, &key);
    if let Some(k) = &stage_key
        && let Some(bytes) = ctx.host.cached(k)
        && let Some(v) = crate::keep::decode(ctx, &bytes)
    {
        ctx.host.event(Event::StageEnd {
            stage: ctx.stage.clone(),
            cached: true,
        });
        return Ok(v);
    }
    let saved = (
        ctx.turn.take(),
        ctx.net.take(),
        ctx.clock.take(),
        ctx.train.take(),
    );
    let top = std::mem::replace(&mut ctx.top, false);
    let checkpoint = std::mem::replace(&mut ctx.checkpoint, stage_key.clone());
    let before = ctx.fallbacks;
    let announced = !ctx.checking() && !ctx.stage.is_empty();
    if announced {
        ctx.host.event(Event::StageStart {
            stage: ctx.stage.clone(),
            steps: None,
        });
    }
    let out = ctx.under(key, |ctx| {
        let v = stmt::block(ctx, body, env)?;
        let v = freeze(&v);
        settle_all(ctx, &mut [v.clone()], span)?;
        Ok(v)
    });
    (ctx.turn, ctx.net, ctx.clock, ctx.train) = saved;
    ctx.top = top;
    ctx.checkpoint = checkpoint;
    let out = out?;
    if announced {
        if ctx.fallbacks > before {
            let what = "draws that fell back on their `else`".to_string();
            ctx.host.event(Event::Fallback {
                stage: ctx.stage.clone(),
                what,
                count: ctx.fallbacks - before,
            });
        }
        ctx.host.event(Event::StageEnd {
            stage: ctx.stage.clone(),
            cached: false,
        });
    }
    if let Some(k) = stage_key
        && let Some(bytes) = crate::keep::encode(&out)
    {
        ctx.host.keep(&k, &bytes).map_err(Fault::from)?;
    }
    Ok(out)
}

/// A proxy: trains nothing, closes over its draws, and is asked once for a member.
pub fn call_proxy(
    ctx: &mut Ctx,
    decl: &Arc<FnDecl>,
    body: &Block,
    env: &Env,
    seed: Option<Value>,
    span: Span,
) -> Result<Value> {
    let key = match seed {
        Some(s) if !s.is_unknown() => Key::seed(access::whole(ctx, &s, span)? as u64),
        _ => ctx.shared.root.named(&decl.name.text),
    };
    // The member, where the proxy reads nothing but one fresh net.
    let mut memo = None;
    if let [params] = &decl.params[..]
        && let Some(first) = params.first()
        && let Some(Found::Value(Value::Net(n))) = env.find(&first.name.text)
        && let (NetBase::Member { space, arch }, NetWeights::Fresh(_), true) =
            (&n.base, &n.weights, n.edits.is_empty())
    {
        let rest: Vec<String> = params[1..]
            .iter()
            .map(|p| match env.find(&p.name.text) {
                Some(Found::Value(v)) => crate::show::fingerprint(&v),
                _ => String::new(),
            })
            .collect();
        memo = Some(format!(
            "{}|{:?}|{}|{:?}|{:?}",
            decl.name.text, key.0, space.id, arch.arch.0, rest
        ));
    }
    if let Some(m) = &memo
        && let Some(v) = ctx
            .shared
            .scores
            .lock()
            .ok()
            .and_then(|s| s.get(m).cloned())
    {
        return Ok(v);
    }
    let saved = (ctx.turn.take(), ctx.net.take(), ctx.train.take());
    let top = std::mem::replace(&mut ctx.top, false);
    let out = ctx.under(key, |ctx| {
        let v = stmt::block(ctx, body, env)?;
        score(ctx, v, decl, span)
    });
    (ctx.turn, ctx.net, ctx.train) = saved;
    ctx.top = top;
    let out = out?;
    if let Some(m) = memo
        && let Ok(mut s) = ctx.shared.scores.lock()
    {
        s.insert(m, out.clone());
    }
    Ok(out)
}

/// A score is a finite number or invalid.
fn score(ctx: &mut Ctx, v: Value, decl: &FnDecl, span: Span) -> Result<Value> {
    match v.plain() {
        Value::Tensor(..) => {
            if ctx.checking() {
                return Ok(Value::unknown());
            }
            let f = number(ctx, &v, span)?;
            Ok(if f.is_finite() {
                Value::float(f)
            } else {
                Value::invalid(format!("`{}` is not finite", decl.name.text))
            })
        }
        _ => Ok(v),
    }
}

/// Weights that were trained become values: nothing changes them any more.
pub fn freeze(v: &Value) -> Value {
    match v {
        Value::Weights(w) if w.live => {
            let f = w.copy(false);
            if let (Ok(mut a), Ok(b)) = (f.history.lock(), w.history.lock()) {
                a.clone_from(&b);
            }
            Value::Weights(Arc::new(f))
        }
        Value::Record(r) => Value::record(r.iter().map(|(k, v)| (k.clone(), freeze(v))).collect()),
        Value::List(l) => Value::list(l.iter().map(freeze).collect()),
        other => other.clone(),
    }
}

// ---- loops

/// A loop over batches: one turn is one step.
pub fn batch_loop(
    ctx: &mut Ctx,
    pattern: &Pattern,
    d: &Arc<DataValue>,
    body: &Block,
    env: &Env,
    span: Span,
) -> Result<()> {
    let mut batches = data::batches(ctx, d, span)?;
    let total = batches.total();
    let state = Arc::new(LoopState::default());
    let key = ctx.next_key();
    let saved_clock = ctx.clock;
    // A training that was cut off goes on from its last kept point.
    if let Some(k) = ctx.checkpoint.clone()
        && let Some((step, bytes)) = ctx.host.checkpoint(&k)
        && (step as i64) < total
        && crate::keep::restore(ctx, &bytes, env, &state)
    {
        batches.start_at(step as i64);
    }
    let mut last_report = std::time::Instant::now();
    let mut last_kept = std::time::Instant::now();
    let mut fault = None;
    for b in batches {
        if ctx.host.interrupted() {
            if let Some(k) = ctx.checkpoint.clone()
                && let Some(bytes) = crate::keep::loop_point(env, &state)
            {
                let _ = ctx.host.keep_checkpoint(&k, b.clock.step as u64, &bytes);
            }
            fault = Some(interrupted(ctx));
            break;
        }
        let step = b.clock.step;
        let r = ctx.under(key.child(step as u64), |ctx| {
            ctx.clock = Some(b.clock);
            let batch = data::batch(ctx, d, &b, span)?;
            let inner = stmt::destructure(ctx, pattern, batch, env)?;
            one_turn(ctx, body, &inner, &state, span)
        });
        match r {
            Ok(loss) => {
                if last_report.elapsed().as_millis() > 200 || step + 1 == total {
                    ctx.host.event(Event::Step {
                        stage: ctx.stage.clone(),
                        step: step + 1,
                        steps: total,
                        loss,
                    });
                    last_report = std::time::Instant::now();
                }
            }
            Err(f) => {
                fault = Some(f);
                break;
            }
        }
        if last_kept.elapsed().as_secs() >= 20
            && let Some(k) = ctx.checkpoint.clone()
            && let Some(bytes) = crate::keep::loop_point(env, &state)
        {
            ctx.host
                .keep_checkpoint(&k, step as u64 + 1, &bytes)
                .map_err(Fault::from)?;
            ctx.host.event(Event::Kept {
                stage: ctx.stage.clone(),
                step: step + 1,
            });
            last_kept = std::time::Instant::now();
        }
        // The checker looks at one turn.
        if ctx.checking() {
            break;
        }
    }
    ctx.clock = saved_clock;
    match fault {
        Some(f) => Err(f),
        None => Ok(()),
    }
}

/// A loop over known elements: the turns of a search, or of a plain computation.
pub fn plain_loop(
    ctx: &mut Ctx,
    pattern: &Pattern,
    items: Vec<Value>,
    condition: Option<&Expr>,
    body: &Block,
    env: &Env,
) -> Result<()> {
    let key = ctx.next_key();
    let state = Arc::new(LoopState::default());
    let count = items.len() as i64;
    for (i, item) in items.into_iter().enumerate() {
        if ctx.host.interrupted() {
            return Err(interrupted(ctx));
        }
        ctx.under(key.child(i as u64), |ctx| {
            let inner = stmt::destructure(ctx, pattern, item, env)?;
            if let Some(c) = condition {
                let b = ctx.eval(c, &inner)?;
                if !b.is_unknown() && !stmt::truth(ctx, &b, c.span)? {
                    return Ok(());
                }
            }
            one_turn(ctx, body, &inner, &state, body.span).map(|_| ())
        })?;
        if ctx.turn.is_none() && !ctx.stage.is_empty() && !ctx.checking() {
            ctx.host.event(Event::Step {
                stage: ctx.stage.clone(),
                step: i as i64 + 1,
                steps: count,
                loss: None,
            });
        }
        if ctx.checking() {
            break;
        }
    }
    Ok(())
}

/// One turn: the body, then everything it changes at once. Gives the loss.
fn one_turn(
    ctx: &mut Ctx,
    body: &Block,
    env: &Env,
    state: &Arc<LoopState>,
    span: Span,
) -> Result<Option<f64>> {
    let saved = ctx.turn.replace(Box::new(TurnContext {
        of_loop: state.clone(),
        ..TurnContext::default()
    }));
    let r = stmt::block(ctx, body, env);
    let turn = std::mem::replace(&mut ctx.turn, saved);
    r?;
    let Some(turn) = turn else { return Ok(None) };
    commit(ctx, *turn, span)
}

fn commit(ctx: &mut Ctx, turn: TurnContext, span: Span) -> Result<Option<f64>> {
    let mut loss = None;
    if !ctx.checking() {
        let mut outputs: Vec<Tensor> = turn.losses.clone();
        outputs.extend(turn.slots.iter().map(|s| s.2.clone()));
        let mut cells = vec![];
        for (cell, v) in &turn.cells {
            collect_tensors(v, &mut cells);
            let _ = cell;
        }
        outputs.extend(cells.iter().cloned());
        if !outputs.is_empty() {
            let computed = ctx
                .host
                .compute(&outputs, &|s, a| crate::weights::find(s, a))
                .map_err(|d| at(d, span))?;
            for (i, l) in turn.losses.iter().enumerate() {
                let v = computed[i].download();
                let f = v.to_f64().first().copied().unwrap_or(0.0);
                let _ = l.0.value.set(v);
                if !f.is_finite() {
                    let step = ctx.clock.map_or(0, |c| c.step);
                    return Err(fault("E0703", format!("the loss is {f} at step {step}"))
                        .at(span, "in this training")
                        .note(format!("stage {}", ctx.stage))
                        .help("a smaller learning rate, or `clip_norm`, keeps steps finite")
                        .into());
                }
                *loss.get_or_insert(0.0) += f;
            }
            let base = turn.losses.len();
            for (i, (w, slot, _, trained)) in turn.slots.iter().enumerate() {
                w.put(slot.clone(), computed[base + i].clone(), *trained);
            }
            let base = base + turn.slots.len();
            for (i, t) in cells.iter().enumerate() {
                let _ = t.0.value.set(computed[base + i].download());
            }
        }
    }
    for (cell, v) in turn.cells {
        if let Ok(mut c) = cell.lock() {
            *c = v;
        }
    }
    for (cell, value) in turn.kept {
        let now = match value {
            Some(v) => v,
            None => cell.lock().map(|c| c.clone()).unwrap_or(Value::None),
        };
        let kept = snapshot(&now);
        match cell.lock().map(|c| c.clone()) {
            Ok(Value::Weights(w)) => {
                if let Ok(mut h) = w.history.lock() {
                    h.push(kept);
                }
            }
            _ => {
                if let Ok(mut h) = turn.of_loop.history.lock() {
                    h.push(kept);
                }
            }
        }
    }
    Ok(loss)
}

fn at(d: nas_diagnostics::Diagnostic, span: Span) -> Fault {
    if d.labels.is_empty() {
        d.at(span, "computed here").into()
    } else {
        d.into()
    }
}

fn snapshot(v: &Value) -> Value {
    match v {
        Value::Weights(w) => Value::Weights(Arc::new(w.copy(false))),
        Value::Record(r) => {
            Value::record(r.iter().map(|(k, v)| (k.clone(), snapshot(v))).collect())
        }
        Value::List(l) => Value::list(l.iter().map(snapshot).collect()),
        other => other.clone(),
    }
}

// ---- statements of loops

/// `weights w = init(net)`: a variable that `minimise` changes.
pub fn weights(
    ctx: &mut Ctx,
    name: &ast::Ident,
    value: &Expr,
    env: &Env,
    span: Span,
) -> Result<Env> {
    let v = ctx.eval(value, env)?;
    let v = match v.plain() {
        Value::Weights(w) => Value::Weights(Arc::new(w.copy(true))),
        Value::Unknown(_) => v,
        other => {
            return Err(fault(
                "E0301",
                format!(
                    "`weights` start from `init(…)` or from other weights, not from {}",
                    other.kind()
                ),
            )
            .at(value.span, "here")
            .at(span, "declared here")
            .into());
        }
    };
    Ok(env.cell(name.text.clone(), Arc::new(Mutex::new(v))))
}

/// `state x = value`: carried from turn to turn.
pub fn state(
    ctx: &mut Ctx,
    name: &ast::Ident,
    init: Option<&Expr>,
    env: &Env,
    span: Span,
) -> Result<Env> {
    let v = match init {
        Some(e) => ctx.eval(e, env)?,
        None => Value::None,
    };
    settle_all(ctx, &mut [v.clone()], span)?;
    Ok(env.cell(name.text.clone(), Arc::new(Mutex::new(v))))
}

/// `place := value`
pub fn assign(ctx: &mut Ctx, place: &Expr, value: &Expr, env: &Env, span: Span) -> Result<Env> {
    let ExprKind::Name(n) = &place.kind else {
        return Err(fault("E0309", "only a whole variable can be assigned yet")
            .at(place.span, "this place")
            .into());
    };
    let v = ctx.eval(value, env)?;
    // A state of the block that is being run.
    let slot = ctx.net.as_ref().and_then(|c| {
        let frame = c.frames.iter().rev().find(|f| !f.kind.is_empty())?;
        frame
            .states
            .get(&n.text)
            .map(|a| (c.net.clone(), a.clone()))
    });
    if let Some((net, _)) = slot {
        let NetWeights::Stored(w) = &net.weights else {
            return Ok(env.clone());
        };
        if !w.live || ctx.checking() {
            return Ok(env.clone());
        }
        let Some(Found::Value(Value::Tensor(old, _))) = env.find(&n.text) else {
            return Ok(env.clone());
        };
        let (
            Some(t),
            Some(nas_ir::tensor::Leaf {
                kind: LeafKind::Slot { address, .. },
                ..
            }),
        ) = (number::as_tensor(&v), &old.0.leaf)
        else {
            return Ok(env.clone());
        };
        let t = t
            .stop()
            .expand(old.shape())
            .map_err(|e| ctx.shape_fault(e, span))?;
        let (w, address) = (w.clone(), address.clone());
        if let Some(turn) = &mut ctx.turn {
            turn.slots.retain(|s| !(s.0.id == w.id && s.1 == address));
            turn.slots.push((w, address, t, false));
        }
        return Ok(env.clone());
    }
    match env.find(&n.text) {
        Some(Found::Cell(c)) => {
            let old = c.lock().map(|v| v.clone()).unwrap_or(Value::None);
            // Weights keep their name in graphs: what is assigned goes into their store.
            let v = match (&old, v.plain()) {
                (Value::Weights(w), Value::Weights(new)) if w.live => {
                    let fresh = new.store.lock().map(|s| s.clone()).unwrap_or_default();
                    if let Ok(mut s) = w.store.lock() {
                        *s = fresh;
                    }
                    return Ok(env.clone());
                }
                _ => v,
            };
            match &mut ctx.turn {
                Some(t) if !t.immediate => t.cells.push((c, v)),
                _ => {
                    settle_all(ctx, &mut [v.clone()], span)?;
                    if let Ok(mut c) = c.lock() {
                        *c = v;
                    }
                }
            }
            Ok(env.clone())
        }
        _ => Err(fault(
            "E0107",
            format!("`{}` is not a `state` or `weights` variable", n.text),
        )
        .at(place.span, "assigned here")
        .help(format!("declare it: `state {} = …`", n.text))
        .into()),
    }
}

/// The live weights that an `over` names.
fn targets(ctx: &mut Ctx, over: &Expr, env: &Env) -> Result<Vec<Arc<WeightsValue>>> {
    let v = ctx.eval(over, env)?;
    let items = match v.plain() {
        Value::List(l) => l.to_vec(),
        Value::Record(r) => r.values().cloned().collect(),
        _ => vec![v.clone()],
    };
    let mut out = vec![];
    for i in items {
        match i.plain() {
            Value::Weights(w) => out.push(w.clone()),
            Value::Unknown(_) => {}
            other => {
                return Err(fault(
                    "E0301",
                    format!("`minimise` changes weights, and this is {}", other.kind()),
                )
                .at(over.span, "here")
                .into());
            }
        }
    }
    Ok(out)
}

/// `minimise loss over w by opt`
pub fn minimise(
    ctx: &mut Ctx,
    loss: &Expr,
    over: &Expr,
    by: Option<&Expr>,
    env: &Env,
    span: Span,
) -> Result<Env> {
    if ctx.turn.is_none() {
        return Err(fault("E0107", "`minimise` stands in a loop of a trainer")
            .at(span, "here")
            .into());
    }
    let l = ctx.eval(loss, env)?;
    let ws = targets(ctx, over, env)?;
    let opt = match by {
        Some(o) => ctx.eval(o, env)?,
        None => {
            return Err(fault("E0302", "`minimise` needs an optimiser")
                .at(span, "here")
                .help("write `by sgd(constant(0.1))`")
                .into());
        }
    };
    if let Value::Invalid(reason) = l.plain() {
        return Err(fault(
            "E0308",
            format!("an invalid value reaches `minimise`: {reason}"),
        )
        .at(loss.span, "this loss")
        .help("meet it with `else`, `valid` or `require`")
        .into());
    }
    let Some(t) = number::as_tensor(&l) else {
        if l.is_unknown() {
            return Ok(env.clone());
        }
        return Err(fault(
            "E0301",
            format!(
                "a loss is a number that follows from the weights, and this is {}",
                l.kind()
            ),
        )
        .at(loss.span, "here")
        .into());
    };
    if t.rank() != 0 {
        return Err(fault("E0403", "`minimise` takes a single number")
            .at(
                loss.span,
                format!("shape {}", nas_ir::shape::Show(t.shape())),
            )
            .help("losses are per sample: write `mean(…)`")
            .into());
    }
    let Value::Record(rule) = opt.plain() else {
        if opt.is_unknown() {
            return Ok(env.clone());
        }
        return Err(fault(
            "E0301",
            format!("an optimiser is wanted, and this is {}", opt.kind()),
        )
        .at(by.map_or(span, |b| b.span), "here")
        .into());
    };
    let rule = rule.clone();
    if ctx.checking() {
        // The rule is tried on one number, so that what is wrong in it shows before the run.
        let p = Value::tensor(Tensor::symbol("p", Default::default(), DType::F32));
        let s = rule
            .get("states")
            .cloned()
            .unwrap_or(Value::record(Fields::new()));
        if let Some(u) = rule.get("update") {
            call::call(
                ctx,
                u.clone(),
                Args::of(vec![(p.clone(), span), (p, span), (s, span)], span),
            )?;
        }
        return Ok(env.clone());
    }
    for w in &ws {
        update(ctx, &t, w, &rule, span)?;
    }
    if let Some(turn) = &mut ctx.turn {
        turn.losses.push(t);
    }
    Ok(env.clone())
}

/// Gradients and the optimiser's rule for all parameters of one store that the loss reaches.
fn update(
    ctx: &mut Ctx,
    loss: &Tensor,
    w: &Arc<WeightsValue>,
    rule: &Arc<Fields>,
    span: Span,
) -> Result<()> {
    let leaves = parameters(loss, w);
    if leaves.is_empty() {
        return Err(fault(
            "E0301",
            "this loss does not follow from the weights it is minimised over",
        )
        .at(span, "here")
        .into());
    }
    let all: Vec<Tensor> = leaves.iter().map(|l| l.1.clone()).collect();
    let mut grads = loss.grad(&all).map_err(|e| ctx.shape_fault(e, span))?;
    if let Some(f) = rule.get("before")
        && !matches!(f, Value::None)
    {
        let given = Value::list(grads.iter().map(|g| Value::tensor(g.clone())).collect());
        let out = call::apply(ctx, f.clone(), given, span)?;
        if let Value::List(l) = out.plain() {
            grads = l.iter().filter_map(number::as_tensor).collect();
        }
    }
    let Some(rule_fn) = rule.get("update").cloned() else {
        return Err(fault("E0302", "this optimiser has no `update`")
            .at(span, "here")
            .into());
    };
    let states = match rule.get("states") {
        Some(Value::Record(s)) => s.clone(),
        _ => Arc::new(Fields::new()),
    };
    let place = span.start;
    let Some(turn) = &ctx.turn else { return Ok(()) };
    let opt = {
        let Ok(mut all) = turn.of_loop.optimisers.lock() else {
            return Ok(());
        };
        all.entry(place)
            .or_insert_with(|| {
                Arc::new(WeightsValue::new(
                    w.key.named("optimiser"),
                    None,
                    Default::default(),
                    true,
                ))
            })
            .clone()
    };
    let mut changed = vec![];
    for ((address, p), g) in leaves.iter().zip(grads) {
        let mut s = Fields::new();
        for (name, start) in states.iter() {
            let slot: Arc<str> = format!("{}/{address}/{name}", w.id).into();
            let shape = p.sizes().unwrap_or_default();
            if !opt.has(&slot) {
                let f = number::as_f64(start).unwrap_or(0.0) as f32;
                let n: usize = shape.iter().product();
                opt.put(
                    slot.clone(),
                    ctx.host.upload(HostTensor::f32(shape.clone(), vec![f; n])),
                    false,
                );
            }
            s.insert(
                name.clone(),
                Value::tensor(Tensor::slot(opt.id, slot, p.shape().into(), DType::F32)),
            );
        }
        let args = Args::of(
            vec![
                (Value::tensor(p.clone()), span),
                (Value::tensor(g), span),
                (Value::record(s), span),
            ],
            span,
        );
        let out = call::call(ctx, rule_fn.clone(), args)?;
        let Value::Record(out) = out.plain() else {
            return Err(fault(
                "E0301",
                "an optimiser's `update` gives a record: `p` and its states",
            )
            .at(span, "here")
            .into());
        };
        for (name, v) in out.iter() {
            let Some(t) = number::as_tensor(v) else {
                continue;
            };
            let t = t.expand(p.shape()).map_err(|e| ctx.shape_fault(e, span))?;
            if &**name == "p" {
                changed.push((w.clone(), address.clone(), t, true));
            } else {
                changed.push((
                    opt.clone(),
                    format!("{}/{address}/{name}", w.id).into(),
                    t,
                    false,
                ));
            }
        }
    }
    if let Some(turn) = &mut ctx.turn {
        for (w, a, ..) in &changed {
            if turn
                .slots
                .iter()
                .any(|s| s.0.id == w.id && s.1 == *a && s.3)
            {
                return Err(fault("E0301", "one weight has two optimisers in one turn")
                    .at(span, "the second")
                    .into());
            }
        }
        turn.slots.extend(changed);
    }
    Ok(())
}

/// The trainable slots of a store that a tensor follows from, in a fixed order.
fn parameters(loss: &Tensor, w: &Arc<WeightsValue>) -> Vec<(Arc<str>, Tensor)> {
    let trained: HashSet<Arc<str>> = w
        .store
        .lock()
        .map(|s| {
            s.iter()
                .filter(|(_, v)| v.trained)
                .map(|(k, _)| k.clone())
                .collect()
        })
        .unwrap_or_default();
    let mut seen: HashSet<u64> = HashSet::new();
    let mut out: Vec<(Arc<str>, Tensor)> = vec![];
    let mut found: HashSet<Arc<str>> = HashSet::new();
    let mut stack = vec![loss];
    while let Some(t) = stack.pop() {
        if !seen.insert(t.0.id) {
            continue;
        }
        if let Some(nas_ir::tensor::Leaf {
            kind: LeafKind::Slot { store, address },
            ..
        }) = &t.0.leaf
            && *store == w.id
            && trained.contains(address)
            && found.insert(address.clone())
        {
            out.push((address.clone(), t.clone()));
        }
        match t.0.op {
            nas_ir::Op::Stop => {}
            nas_ir::Op::Surrogate => stack.push(&t.0.inputs[1]),
            _ => stack.extend(t.0.inputs.iter()),
        }
    }
    out.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

/// `keep w every 25 epochs`
pub fn keep(
    ctx: &mut Ctx,
    value: &Expr,
    every: Option<&Expr>,
    env: &Env,
    span: Span,
) -> Result<Env> {
    let due = match every {
        None => true,
        Some(e) => {
            let v = ctx.eval(e, env)?;
            let c = ctx.clock.unwrap_or(Clock {
                step: 0,
                steps: 1,
                epoch: 0,
                epochs: 1,
            });
            let per_epoch = (c.steps / c.epochs.max(1)).max(1);
            let period = match (v.plain(), number::unit_of(&v)) {
                (_, Unit::Epochs) => access::whole(ctx, &v, e.span)? * per_epoch,
                (Value::Float(f, _), _) => ((c.steps as f64 * f).round() as i64).max(1),
                _ => access::whole(ctx, &v, e.span)?,
            };
            period > 0 && (c.step + 1) % period == 0
        }
    };
    if !due || ctx.checking() {
        return Ok(env.clone());
    }
    let cell = match &value.kind {
        ExprKind::Name(n) => match env.find(&n.text) {
            Some(Found::Cell(c)) => Some(c),
            _ => None,
        },
        _ => None,
    };
    let (cell, v) = match cell {
        Some(c) => (c, None),
        None => {
            let v = ctx.eval(value, env)?;
            settle_all(ctx, &mut [v.clone()], span)?;
            (Arc::new(Mutex::new(Value::None)), Some(v))
        }
    };
    if let Some(t) = &mut ctx.turn {
        t.kept.push((cell, v));
    }
    Ok(env.clone())
}

/// `record a = b`: a line of the history.
pub fn record(ctx: &mut Ctx, s: &Stmt, env: &Env) -> Result<Env> {
    if let StmtKind::Record { fields } = &s.kind {
        let mut r = Fields::new();
        for (n, e) in fields {
            r.insert(n.text.clone(), ctx.eval(e, env)?);
        }
        let v = Value::record(r);
        settle_all(ctx, &mut [v.clone()], s.span)?;
        if let Some(t) = &mut ctx.turn {
            t.kept.push((Arc::new(Mutex::new(Value::None)), Some(v)));
        }
    }
    Ok(env.clone())
}

/// `on change(setting) as k { … }`: before the turn in which the setting is another than in the turn before.
pub fn on_change(
    ctx: &mut Ctx,
    setting: &Expr,
    binder: Option<&Pattern>,
    body: &Block,
    env: &Env,
    span: Span,
) -> Result<Env> {
    let v = ctx.eval(setting, env)?;
    let changed = match &ctx.turn {
        Some(t) => {
            let Ok(mut all) = t.of_loop.settings.lock() else {
                return Ok(env.clone());
            };
            match all.insert(span.start, v.clone()) {
                Some(old) => number::equal(&old, &v) == Some(false),
                None => false,
            }
        }
        None => {
            return Err(fault("E0107", "`on change` stands in a loop of a trainer")
                .at(span, "here")
                .into());
        }
    };
    if changed || ctx.checking() {
        let inner = match binder {
            Some(p) => stmt::destructure(ctx, p, v, env)?,
            None => env.clone(),
        };
        if let Some(t) = &mut ctx.turn {
            t.immediate = true;
        }
        let r = stmt::block(ctx, body, &inner);
        if let Some(t) = &mut ctx.turn {
            t.immediate = false;
        }
        r?;
    }
    Ok(env.clone())
}

// ---- computing

/// Computes tensors that have no value yet, together.
pub fn force(ctx: &mut Ctx, tensors: &[Tensor], span: Span) -> Result<Vec<HostTensor>> {
    let missing: Vec<Tensor> = tensors
        .iter()
        .filter(|t| t.0.value.get().is_none() && value_of(t).is_none())
        .cloned()
        .collect();
    if !missing.is_empty() {
        if ctx.checking() {
            return Err(
                fault("E0304", "a run-time value is needed before anything runs")
                    .at(span, "known only at run time")
                    .into(),
            );
        }
        let out = ctx
            .host
            .compute(&missing, &|s, a| crate::weights::find(s, a))
            .map_err(|d| at(d, span))?;
        for (t, v) in missing.iter().zip(out) {
            let _ = t.0.value.set(v.download());
        }
    }
    Ok(tensors
        .iter()
        .map(|t| {
            value_of(t)
                .or_else(|| t.0.value.get().cloned())
                .unwrap_or_else(|| HostTensor::f32(vec![0], vec![]))
        })
        .collect())
}

fn value_of(t: &Tensor) -> Option<HostTensor> {
    match (&t.0.op, &t.0.leaf) {
        (nas_ir::Op::Leaf, Some(l)) => l.value.clone(),
        (nas_ir::Op::Const(_) | nas_ir::Op::Scalar, _) => {
            Some(HostTensor::f64(vec![], vec![t.0.scalar]))
        }
        _ => None,
    }
}

fn collect_tensors(v: &Value, out: &mut Vec<Tensor>) {
    match v {
        Value::Tensor(t, _) if t.0.value.get().is_none() && value_of(t).is_none() => {
            out.push(t.clone())
        }
        Value::List(l) => l.iter().for_each(|v| collect_tensors(v, out)),
        Value::Record(r) => r.values().for_each(|v| collect_tensors(v, out)),
        Value::Picked(p) => collect_tensors(&p.value, out),
        _ => {}
    }
}

/// Computes every tensor inside some values.
pub fn settle_all(ctx: &mut Ctx, values: &mut [Value], span: Span) -> Result<()> {
    if ctx.checking() {
        return Ok(());
    }
    let mut tensors = vec![];
    values.iter().for_each(|v| collect_tensors(v, &mut tensors));
    force(ctx, &tensors, span).map(|_| ())
}

/// A number, computed if it has to be.
pub fn number(ctx: &mut Ctx, v: &Value, span: Span) -> Result<f64> {
    numbers(ctx, v, span)?.first().copied().ok_or_else(|| {
        fault("E0301", "a number is wanted, and this is empty")
            .at(span, "here")
            .into()
    })
}

/// All numbers in a value, computed together.
pub fn numbers(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Vec<f64>> {
    let mut tensors = vec![];
    collect_tensors(v, &mut tensors);
    force(ctx, &tensors, span)?;
    let mut out = vec![];
    push_numbers(ctx, v, span, &mut out)?;
    Ok(out)
}

fn push_numbers(ctx: &mut Ctx, v: &Value, span: Span, out: &mut Vec<f64>) -> Result<()> {
    match v.plain() {
        Value::Tensor(t, _) => {
            for h in force(ctx, std::slice::from_ref(t), span)? {
                out.extend(h.to_f64());
            }
        }
        Value::List(l) => {
            for x in l.iter() {
                push_numbers(ctx, x, span, out)?;
            }
        }
        Value::Range(r) => out.extend(r.iter().map(|i| i as f64)),
        Value::Record(r) => {
            for x in r.values() {
                push_numbers(ctx, x, span, out)?;
            }
        }
        other => match number::as_f64(other) {
            Some(f) => out.push(f),
            None => {
                let d = match other {
                    Value::Invalid(reason) => fault(
                        "E0308",
                        format!("an invalid value stands where a number is needed: {reason}"),
                    )
                    .at(span, "here")
                    .help("meet it with `else`, `valid(…)` or `require`"),
                    Value::Unknown(_) => fault(
                        "E0304",
                        "a run-time value stands where a number must be known",
                    )
                    .at(span, "here"),
                    _ => fault(
                        "E0301",
                        format!("a number is wanted, and this is {}", other.kind()),
                    )
                    .at(span, "here"),
                };
                return Err(d.into());
            }
        },
    }
    Ok(())
}

pub fn interrupted(ctx: &Ctx) -> Fault {
    fault(
        "E0705",
        format!(
            "interrupted{}",
            if ctx.stage.is_empty() {
                String::new()
            } else {
                format!(" in stage {}", ctx.stage)
            }
        ),
    )
    .help("run the same command again: it goes on from the last kept point")
    .into()
}

/// A stand-in for a parameter of a given type, for checking a function by itself.
pub fn stand_in(ctx: &mut Ctx, ty: Option<&ast::Type>, env: &Env) -> Result<Value> {
    let Some(ty) = ty else {
        return Ok(Value::unknown());
    };
    Ok(match &ty.kind {
        ast::TypeKind::Tensor { shape, of } => {
            let mut dims = nas_ir::Shape::new();
            for s in shape {
                match s {
                    ast::IndexArg::At(e) => match &e.kind {
                        ExprKind::Name(n) if env.find(&n.text).is_none() => {
                            dims.push(Dim::var(n.text.clone()))
                        }
                        ExprKind::Hole => dims.push(Dim::var("_")),
                        _ => {
                            let v = ctx.eval(e, env)?;
                            dims.push(crate::net::extent(ctx, &v, e.span)?);
                        }
                    },
                    _ => return Ok(Value::unknown()),
                }
            }
            let (dtype, element) = match of.as_ref().map(|t| &t.kind) {
                Some(ast::TypeKind::Name { name, .. })
                    if matches!(&*name.text, "Index" | "Label" | "Token") =>
                {
                    (DType::I32, crate::value::Element::Label)
                }
                Some(ast::TypeKind::Name { name, .. }) if &*name.text == "Bool" => {
                    (DType::F32, crate::value::Element::Bool)
                }
                _ => (DType::F32, crate::value::Element::Float),
            };
            Value::Tensor(Tensor::symbol("stand-in", dims, dtype), element)
        }
        _ => Value::unknown(),
    })
}
