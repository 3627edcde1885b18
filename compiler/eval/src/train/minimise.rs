//! `minimise`: gradients and an optimiser's rule for the weights that a loss reaches.

use super::{LoopState, reach};
use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::{Fields, Value};
use crate::weights::WeightsValue;
use crate::{Result, number};
use nas_diagnostics::{Diagnostic, Span};
use nas_grammar::ast::Expr;
use nas_ir::tensor::LeafKind;
use nas_ir::{DType, HostTensor, Tensor};
use std::collections::HashSet;
use std::sync::Arc;

/// The live weights that an `over` names.
pub(super) fn targets(ctx: &mut Ctx, over: &Expr, env: &Env) -> Result<Vec<Arc<WeightsValue>>> {
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

/// E0302: a `minimise` that does not say how; `over` is where its weights are named.
pub fn no_optimiser(at: Span, over: Span) -> Diagnostic {
    let behind = Span {
        start: over.end,
        ..over
    };
    fault("E0302", "`minimise` needs an optimiser")
        .at(at, "here")
        .help("write `by sgd(constant(0.1))`")
        .fix(behind, " by sgd(constant(0.1))")
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
    if ctx.checking() {
        once(ctx, &ws, over.span)?;
    }
    let opt = match by {
        Some(o) => ctx.eval(o, env)?,
        None => return Err(no_optimiser(span, over.span).into()),
    };
    let states = match opt.plain() {
        Value::Record(r) => match r.get("states").map(Value::plain) {
            Some(Value::Record(s)) => s.len() as u64,
            _ => 0,
        },
        _ => 0,
    };
    for w in &ws {
        let (weights, group) = (w.clone(), ctx.group);
        let what = crate::ledger::What::Minimise {
            weights,
            states,
            group,
        };
        crate::ledger::note(ctx, what);
    }
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
    if ctx.checking() {
        reach::check(ctx, &t, &ws, (loss, over))?;
    }
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
    update(ctx, &t, &ws, &rule, span)?;
    if let Some(turn) = &mut ctx.turn {
        turn.losses.push(t);
    }
    Ok(env.clone())
}

/// No weights are minimised twice in a turn.
fn once(ctx: &mut Ctx, ws: &[Arc<WeightsValue>], span: Span) -> Result<()> {
    let Some(turn) = &mut ctx.turn else {
        return Ok(());
    };
    for w in ws {
        if let Some((_, first)) = turn.minimised.iter().find(|m| m.0 == w.id && m.1 != span) {
            return Err(
                fault("E0628", "these weights have two optimisers in one turn")
                    .at(span, "the second")
                    .at(*first, "the first")
                    .help("add the losses: `minimise a + b over w by opt`")
                    .into(),
            );
        }
        turn.minimised.push((w.id, span));
    }
    Ok(())
}

/// Gradients and the optimiser's rule for all parameters that the loss reaches, together.
fn update(
    ctx: &mut Ctx,
    loss: &Tensor,
    ws: &[Arc<WeightsValue>],
    rule: &Arc<Fields>,
    span: Span,
) -> Result<()> {
    let Some(turn) = &ctx.turn else { return Ok(()) };
    let of_loop = turn.of_loop.clone();
    // Adapters that this loss reaches are trained with it.
    let mut adapters: Vec<(Arc<str>, Arc<WeightsValue>)> = of_loop
        .adapters
        .lock()
        .map(|a| a.iter().map(|(k, w)| (k.clone(), w.clone())).collect())
        .unwrap_or_default();
    adapters.sort_by(|a, b| a.0.cmp(&b.0));
    let mut leaves = vec![];
    for w in ws.iter().chain(adapters.iter().map(|a| &a.1)) {
        leaves.extend(
            parameters(loss, w)
                .into_iter()
                .map(|(address, p)| (w.clone(), address, p)),
        );
    }
    if leaves.is_empty() {
        return Err(fault(
            "E0301",
            "this loss does not follow from the weights it is minimised over",
        )
        .at(span, "here")
        .into());
    }
    let all: Vec<Tensor> = leaves.iter().map(|l| l.2.clone()).collect();
    let mut grads = loss.grad(&all).map_err(|e| ctx.shape_fault(e, span))?;
    let place = span.start;
    let clock = ctx.clock;
    restarted(ctx, &of_loop, rule, place);
    let r = changes(ctx, &mut grads, &leaves, &of_loop, rule, span);
    ctx.clock = clock;
    let changed = r?;
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

/// An optimiser that was started anew reads a clock that begins there, and has no states from before.
fn restarted(ctx: &mut Ctx, of_loop: &LoopState, rule: &Arc<Fields>, place: u32) {
    let now = of_loop
        .pending
        .lock()
        .ok()
        .and_then(|p| p.get(&(Arc::as_ptr(rule) as usize)).copied());
    let Ok(mut restarts) = of_loop.restarts.lock() else {
        return;
    };
    if let Some(start) = now {
        restarts.insert(place, start);
        if let Ok(mut o) = of_loop.optimisers.lock() {
            o.remove(&place);
        }
    }
    if let (Some(start), Some(c)) = (restarts.get(&place), &mut ctx.clock) {
        c.step -= start.step;
        c.steps -= start.step;
        c.epoch -= start.epoch;
        c.epochs -= start.epoch;
    }
}

type Change = (Arc<WeightsValue>, Arc<str>, Tensor, bool);

/// What an optimiser's rule makes of parameters, gradients and its own states.
fn changes(
    ctx: &mut Ctx,
    grads: &mut Vec<Tensor>,
    leaves: &[(Arc<WeightsValue>, Arc<str>, Tensor)],
    of_loop: &LoopState,
    rule: &Arc<Fields>,
    span: Span,
) -> Result<Vec<Change>> {
    if let Some(f) = rule.get("before")
        && !matches!(f, Value::None)
    {
        let given = Value::list(grads.iter().map(|g| Value::tensor(g.clone())).collect());
        let out = call::apply(ctx, f.clone(), given, span)?;
        if let Value::List(l) = out.plain() {
            *grads = l.iter().filter_map(number::as_tensor).collect();
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
    let key = leaves.first().map(|l| l.0.key.named("optimiser"));
    let opt = {
        let (Ok(mut all), Some(key)) = (of_loop.optimisers.lock(), key) else {
            return Ok(vec![]);
        };
        all.entry(span.start)
            .or_insert_with(|| Arc::new(WeightsValue::new(key, None, Default::default(), true)))
            .clone()
    };
    let mut changed = vec![];
    for ((w, address, p), g) in leaves.iter().zip(grads) {
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
                (Value::tensor(g.clone()), span),
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
                let slot = format!("{}/{address}/{name}", w.id).into();
                changed.push((opt.clone(), slot, t, false));
            }
        }
    }
    Ok(changed)
}

/// The trainable slots of a store that a tensor follows from, in a fixed order.
pub(super) fn parameters(loss: &Tensor, w: &Arc<WeightsValue>) -> Vec<(Arc<str>, Tensor)> {
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
