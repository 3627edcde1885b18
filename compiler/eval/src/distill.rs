//! `distill`: a loss of two nets, line by line; what is matched has one shape for every pair, the teacher's side is stopped,
//! and adapters are trained with whatever minimises the loss.

mod pairs;

pub use pairs::pairs;

use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::env::{Env, Found};
use crate::net::{self, CallRecord, NetBase, NetValue, NetWeights};
use crate::program::ModuleId;
use crate::value::{Bound, Func, FuncKind, Value};
use crate::weights::WeightsValue;
use crate::{Fault, Result, access, number, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::{BinaryOp, Block, Expr, FnDecl, Ident, StmtKind};
use nas_ir::{Dim, Shape, Table, Tensor};
use std::sync::Arc;

/// Choices of the student count from here where both nets stand for all members of their spaces.
const STUDENT: u32 = 1 << 24;

struct Lines<'a> {
    decl: &'a FnDecl,
    teacher: Arc<str>,
    student: Arc<str>,
    spaces: [Option<Arc<crate::space::SpaceValue>>; 2],
    label: Value,
    sum: Option<Value>,
}

/// The loss on a batch.
pub fn run(
    ctx: &mut Ctx,
    decl: &Arc<FnDecl>,
    module: ModuleId,
    env: &Env,
    mut args: Args,
) -> Result<Value> {
    let span = args.span;
    let x = args.need("x")?;
    let y = args.need("y")?;
    let names: Vec<Ident> = decl
        .params
        .iter()
        .flatten()
        .map(|p| p.name.clone())
        .collect();
    let (Some(t), Some(s), Some(body)) = (names.first(), names.get(1), &decl.body) else {
        return Err(fault(
            "E0302",
            format!(
                "`{}` needs two nets: the teacher, then the student",
                decl.name.text
            ),
        )
        .at(decl.name.span, "declared here")
        .into());
    };
    let mut nets = vec![];
    for n in [t, s] {
        match env.find(&n.text) {
            Some(Found::Value(v)) if v.is_unknown() => return Ok(Value::unknown()),
            Some(Found::Value(v)) => nets.push(net::as_net(ctx, &v, n.span)?),
            _ => return Ok(Value::unknown()),
        }
    }
    if x.is_unknown() {
        return Ok(Value::unknown());
    }
    let mut env = env.clone();
    let mut spaces = [None, None];
    for (i, n) in nets.iter().enumerate() {
        let seen = net::trace(ctx, n, Args::one(x.clone(), span))?;
        let open = matches!(n.base, NetBase::AllMembers { .. });
        if open {
            spaces[i] = n.space().cloned();
        }
        let seen = match seen {
            Value::Call(c) if open && i == 1 => Value::Call(Arc::new(apart(&c))),
            other => other,
        };
        env = env.bind([t, s][i].text.clone(), seen);
    }
    let mut lines = Lines {
        decl,
        teacher: t.text.clone(),
        student: s.text.clone(),
        spaces,
        label: y,
        sum: None,
    };
    ctx.in_module(module, |ctx| block(ctx, &mut lines, body, &env, ""))?;
    lines.sum.ok_or_else(|| {
        fault("E0626", format!("`{}` matches nothing", decl.name.text))
            .at(decl.name.span, "declared here")
            .help("write `match student.out to teacher.out with kl()`, or `label cross_entropy`")
            .into()
    })
}

/// A trace whose sizes follow from choices of another space: the two spaces' choices are kept apart.
fn apart(c: &CallRecord) -> CallRecord {
    let mut c = c.clone();
    c.output = c.output.as_ref().map(renamed);
    for v in c.taps.values_mut() {
        *v = renamed(v);
    }
    c
}

fn renamed(v: &Value) -> Value {
    match v {
        Value::Tensor(t, e) => {
            let shape: Shape = t.shape().iter().map(renamed_dim).collect();
            Value::Tensor(Tensor::symbol("student", shape, t.dtype()), *e)
        }
        Value::List(l) => Value::list(l.iter().map(renamed).collect()),
        other => other.clone(),
    }
}

fn renamed_dim(d: &Dim) -> Dim {
    match d.as_table() {
        Some(t) if !t.sites.is_empty() => Dim::table(Table {
            sites: t.sites.iter().map(|s| (s.0 + STUDENT, s.1)).collect(),
            values: t.values,
        }),
        _ => d.clone(),
    }
}

fn block(ctx: &mut Ctx, l: &mut Lines, b: &Block, env: &Env, path: &str) -> Result<()> {
    let mut env = stmt::open_scope(b, env);
    env = env.bind("adapter".into(), adapter(ctx, path, b.span));
    for s in &b.stmts {
        match &s.kind {
            StmtKind::Match {
                from,
                to,
                with,
                weight,
            } => {
                let v = matched(ctx, l, from, to, with, &env)?;
                add(ctx, l, v, weight.as_ref(), &env, s.span)?;
            }
            StmtKind::Label { loss, weight } => {
                let f = ctx.eval(loss, &env)?;
                let out = match env.find(&l.student) {
                    Some(Found::Value(Value::Call(c))) => c.output.clone(),
                    _ => None,
                };
                let given = vec![
                    (out.unwrap_or_else(Value::unknown), loss.span),
                    (l.label.clone(), loss.span),
                ];
                let v = call::call(ctx, f, Args::of(given, loss.span))?;
                add(ctx, l, v, weight.as_ref(), &env, s.span)?;
            }
            StmtKind::For {
                pattern,
                iterable,
                body,
                condition,
            } => {
                let v = ctx.eval(iterable, &env)?;
                for (i, item) in access::items(ctx, &v, iterable.span)?
                    .into_iter()
                    .enumerate()
                {
                    let inner = stmt::destructure(ctx, pattern, item, &env)?;
                    if let Some(c) = condition {
                        let b = ctx.eval(c, &inner)?;
                        if !stmt::truth(ctx, &b, c.span)? {
                            continue;
                        }
                    }
                    block(ctx, l, body, &inner, &format!("{path}[{i}]"))?;
                }
            }
            _ => env = stmt::statement(ctx, s, &env)?,
        }
    }
    Ok(())
}

/// One `match` line: the loss between the student's side and the teacher's, stopped.
fn matched(
    ctx: &mut Ctx,
    l: &Lines,
    from: &Expr,
    to: &Expr,
    with: &Expr,
    env: &Env,
) -> Result<Value> {
    if ctx.checking() {
        if mentions(to, &l.student) {
            return Err(fault(
                "E0626",
                "the right side of a match is the teacher's, and it is stopped",
            )
            .at(to.span, format!("`{}` gets no gradient here", l.student))
            .help("write `match student.… to teacher.…`; the other way round is a `distill` of its own")
            .into());
        }
        if !mentions(from, &l.student) {
            return Err(
                fault("E0626", "no gradient of this match reaches the student")
                    .at(from.span, format!("nothing of `{}`", l.student))
                    .at(to.span, "and this side is stopped")
                    .into(),
            );
        }
    }
    let a = ctx.eval(from, env)?;
    let b = ctx.eval(to, env)?;
    if a.is_unknown() || b.is_unknown() {
        return Ok(Value::unknown());
    }
    let (Some(x), Some(y)) = (number::as_tensor(&a), number::as_tensor(&b)) else {
        let (v, e) = match number::as_tensor(&a) {
            None => (&a, from),
            Some(_) => (&b, to),
        };
        return Err(fault(
            "E0626",
            format!(
                "features are matched tensor by tensor, and this is {}",
                v.kind()
            ),
        )
        .at(e.span, "here")
        .help("pick one of a list: `student.layer[3]`")
        .into());
    };
    same(l, &x, &y, from, to)?;
    let y = Value::tensor(y.stop());
    let mut f = ctx.eval(with, env)?;
    // `with kl` names a loss whose settings all have defaults.
    if let Value::Func(g) = f.plain()
        && let FuncKind::Decl { decl, lists, .. } = &g.kind
        && decl.params.len() > lists + 1
    {
        let none = Args {
            span: with.span,
            ..Args::default()
        };
        f = call::call(ctx, f.clone(), none)?;
    }
    call::call(
        ctx,
        f,
        Args::of(vec![(a, from.span), (y, to.span)], with.span),
    )
}

/// Whether a name stands somewhere in an expression.
fn mentions(e: &Expr, name: &str) -> bool {
    format!("{e:?}").contains(&format!("text: {name:?}"))
}

/// Both sides have one shape, for every pair of a teacher and a student.
fn same(l: &Lines, x: &Tensor, y: &Tensor, from: &Expr, to: &Expr) -> Result<()> {
    let show = |t: &Tensor| nas_ir::shape::Show(t.shape()).to_string();
    let mut witness = vec![];
    let fits = x.rank() == y.rank()
        && x.shape()
            .iter()
            .zip(y.shape())
            .all(|(a, b)| match a.same(b) {
                Ok(()) => true,
                Err(w) => {
                    witness = w;
                    false
                }
            });
    if fits {
        return Ok(());
    }
    let mut d = fault("E0626", "the two sides of this match have different shapes")
        .at(from.span, format!("the student's: {}", show(x)))
        .at(to.span, format!("the teacher's: {}", show(y)));
    let mut named = vec![];
    for (site, option) in witness {
        let (side, space, i) = match site.checked_sub(STUDENT) {
            Some(i) => (&l.student, &l.spaces[1], i),
            None => (&l.teacher, &l.spaces[0], site),
        };
        if let Some(s) = space
            .as_ref()
            .and_then(|s| s.sites().get(i as usize).cloned())
        {
            let option = s.labels.get(option).map_or("?", |o| o);
            named.push(format!("{side} with {} = {option}", s.address));
        }
    }
    if !named.is_empty() {
        d = d.note(format!("shown by {}", named.join(", ")));
    }
    if x.rank() == y.rank() {
        d = d.help(format!(
            "an adapter brings them together: `|> adapter linear({}.….c)`",
            l.teacher
        ));
    }
    Err(d.into())
}

fn add(
    ctx: &mut Ctx,
    l: &mut Lines,
    v: Value,
    weight: Option<&Expr>,
    env: &Env,
    span: Span,
) -> Result<()> {
    let v = match weight {
        Some(w) => {
            let share = ctx.eval(w, env)?;
            if matches!(
                share.plain(),
                Value::Text(_) | Value::Bool(_) | Value::List(_)
            ) {
                return Err(fault(
                    "E0301",
                    format!("a weight is a number, and this is {}", share.kind()),
                )
                .at(w.span, "here")
                .into());
            }
            number::binary(ctx, BinaryOp::Mul, share, v, w.span)?
        }
        None => v,
    };
    let sum = match l.sum.take() {
        Some(s) => number::binary(ctx, BinaryOp::Add, s, v, span)?,
        None => v,
    };
    if let Value::Tensor(t, _) = sum.plain()
        && t.rank() != 0
    {
        return Err(
            fault("E0403", "a line of a distillation is a single number")
                .at(span, format!("shape {}", nas_ir::shape::Show(t.shape())))
                .note(format!("in `{}`", l.decl.name.text))
                .help("losses are per sample: write `mean(…)`")
                .into(),
        );
    }
    l.sum = Some(sum);
    Ok(())
}

// ---- adapters

/// `x |> adapter linear(…)`: a block that the distillation owns, at this place of it.
fn adapter(ctx: &Ctx, path: &str, span: Span) -> Value {
    let of = ctx.func(
        FuncKind::Builtin {
            name: "adapter",
            f: adapted,
        },
        span,
    );
    let bound = vec![Bound {
        name: None,
        value: Some(Value::text(path)),
        span,
    }];
    Value::Func(Arc::new(Func {
        kind: FuncKind::Partial { of },
        bound,
        span,
    }))
}

fn adapted(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let path = args.need("place")?;
    let value = args.need("x")?;
    let block = args.need("block")?;
    if value.is_unknown() {
        return Ok(value);
    }
    let Value::Func(f) = block.plain() else {
        return Err(fault(
            "E0626",
            format!("an adapter is a block, and this is {}", block.kind()),
        )
        .at(span, "here")
        .help("write `|> adapter linear(teacher.last.c)`")
        .into());
    };
    let weights = if ctx.checking() {
        NetWeights::Abstract
    } else {
        match &ctx.turn {
            None => NetWeights::Fresh(ctx.next_key()),
            Some(turn) => {
                let of_loop = turn.of_loop.clone();
                let name = place(f, &value, &access::key_text(&path), span);
                let key = of_loop.key.get().copied().unwrap_or(ctx.shared.root);
                let Ok(mut all) = of_loop.adapters.lock() else {
                    return Ok(Value::unknown());
                };
                let w = all.entry(name.clone()).or_insert_with(|| {
                    let key = key.named("adapter").named(&name);
                    Arc::new(WeightsValue::new(key, None, Default::default(), true))
                });
                NetWeights::Stored(w.clone())
            }
        }
    };
    let n = Arc::new(NetValue::new(NetBase::Block(block.clone()), weights));
    net::call_net(ctx, &n, Args::one(value, span))
}

/// An adapter's place: where it is written, the turn of loops around it, and the shapes it goes between: pairs that differ have adapters of their own.
fn place(f: &Func, value: &Value, path: &str, span: Span) -> Arc<str> {
    let mut name = format!("{}{path}", span.start);
    if let Value::Tensor(t, _) = value.plain() {
        let shape = &t.shape()[1.min(t.rank())..];
        name.push_str(&nas_ir::shape::Show(shape).to_string());
    }
    if let FuncKind::Decl { decl, env, .. } = &f.kind {
        name.push_str(&decl.name.text);
        for p in decl.params.first().into_iter().flatten() {
            if let Some(Found::Value(v)) = env.find(&p.name.text) {
                name.push_str(&format!(" {}={}", p.name.text, crate::show::brief(&v)));
            }
        }
    }
    name.into()
}

// ---- taps

/// `Net{last}`: the net has the taps that a parameter asks for.
pub fn taps(ctx: &mut Ctx, v: &Value, wanted: &[Ident], at: Span) -> Result<()> {
    let Value::Net(n) = v.plain() else {
        return Ok(());
    };
    if wanted.is_empty() || !ctx.checking() {
        return Ok(());
    }
    let bare = Arc::new(NetValue::new(n.base.clone(), NetWeights::Abstract));
    let Ok(x) = net::stand_in_input(ctx, &bare, Dim::var("n"), None, at) else {
        return Ok(());
    };
    let Value::Call(c) = net::trace(ctx, &bare, Args::one(x, at))? else {
        return Ok(());
    };
    for w in wanted {
        if c.taps.contains_key(&w.text) {
            continue;
        }
        let names: Vec<&str> = c.taps.keys().map(|k| &**k).collect();
        let mut d: nas_diagnostics::Diagnostic =
            fault("E0627", format!("this net has no tap `{}`", w.text))
                .at(at, "given here")
                .at(w.span, "asked for here");
        d = match nas_diagnostics::did_you_mean(&w.text, names.clone()) {
            Some(c) => d.help(format!("did you mean `{c}`?")),
            None if names.is_empty() => d.help(format!("write `tap {} = …` in the net", w.text)),
            None => d.note(format!("it has {}", names.join(", "))),
        };
        return Err(Fault::from(d));
    }
    Ok(())
}

/// The extent of an axis by the name that axes of its rank usually have: `.c` of [n, c, h, w].
pub fn axis(t: &Tensor, name: &str) -> Option<Dim> {
    t.shape().get(usual_axis(t.rank(), name)?).cloned()
}

/// Where the axis of this name usually is: [n, c], [n, d], [n, t, d], [n, c, h, w].
pub fn usual_axis(rank: usize, name: &str) -> Option<usize> {
    Some(match (rank, name) {
        (1.., "n") => 0,
        (2 | 4, "c") => 1,
        (2, "d") | (3, "t") => 1,
        (3, "d") => 2,
        (4, "h") => 2,
        (4, "w") => 3,
        _ => return None,
    })
}
