//! Curricula: settings by phase, read at a clock; every phase has every setting, and none turns back.

use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::stmt::{open_scope, statement};
use crate::train::Start;
use crate::value::{Clock, Fields, FuncKind, Unit, Value};
use crate::{Result, access, number};
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Block, Expr, ExprKind, FnDecl, Ident, Role, StmtKind};
use std::sync::Arc;

/// When a phase starts: a share of the training, or an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    Share(f64),
    Epoch(i64),
}

struct Phase {
    at: At,
    span: Span,
    /// What holds in it: what it mentions, over what held before.
    settings: Fields,
    mentioned: Vec<Ident>,
}

impl At {
    fn number(self) -> f64 {
        match self {
            At::Share(f) => f,
            At::Epoch(e) => e as f64,
        }
    }

    fn text(self) -> String {
        match self {
            At::Share(f) => format!("{}%", crate::show::number_text(f * 100.0)),
            At::Epoch(e) => format!("{e} epochs"),
        }
    }

    /// The first turn of the phase in a training.
    fn start(self, c: &Clock) -> Start {
        let per_epoch = (c.steps / c.epochs.max(1)).max(1);
        let step = match self {
            At::Share(f) => (f * c.steps as f64 - 1e-9).ceil().max(0.0) as i64,
            At::Epoch(e) => e * per_epoch,
        };
        Start {
            step,
            epoch: step / per_epoch,
        }
    }

    fn reached(self, c: &Clock) -> bool {
        match self {
            At::Share(f) => c.fraction() + 1e-12 >= f,
            At::Epoch(e) => c.epoch >= e,
        }
    }
}

/// The settings of a curriculum at a time.
pub fn curriculum(ctx: &mut Ctx, b: &Block, env: &Env, clock: Clock) -> Result<Value> {
    let phases = read(ctx, b, env)?;
    if let Some(late) = phases
        .iter()
        .find(|p| matches!(p.at, At::Epoch(e) if e >= clock.epochs && clock.epochs > 1))
    {
        return Err(fault(
            "E0621",
            format!(
                "this phase is never reached: it starts at {}, and the training has {}",
                late.at.text(),
                clock.epochs
            ),
        )
        .at(late.span, "after the end")
        .help("phases in % fit a training of any length")
        .into());
    }
    if ctx.checking()
        && let Some(turn) = &ctx.turn
        && let Ok(mut seen) = turn.of_loop.phases.lock()
    {
        for p in &phases {
            let start = p.at.start(&clock);
            if start.step > 0 && start.step < clock.steps && !seen.contains(&start) {
                seen.push(start);
            }
        }
    }
    let now = phases.iter().rev().find(|p| p.at.reached(&clock));
    Ok(match now.or(phases.first()) {
        Some(p) => Value::record(p.settings.clone()),
        None => Value::None,
    })
}

/// The phases in order; whatever makes them no function of the clock is an error.
fn read(ctx: &mut Ctx, b: &Block, env: &Env) -> Result<Vec<Phase>> {
    let mut env = open_scope(b, env);
    let mut phases: Vec<Phase> = vec![];
    let mut monotone: Vec<Ident> = vec![];
    for s in &b.stmts {
        match &s.kind {
            StmtKind::Phase { at, settings } => {
                let start = start_of(ctx, at, &env)?;
                let Value::Record(new) = ctx.record(settings, &env)? else {
                    continue;
                };
                let mut all = phases
                    .last()
                    .map(|p| p.settings.clone())
                    .unwrap_or_default();
                all.extend(new.iter().map(|(k, v)| (k.clone(), v.clone())));
                let mentioned = new
                    .keys()
                    .map(|k| Ident {
                        text: k.clone(),
                        span: s.span,
                    })
                    .collect();
                follows(phases.last(), start, at.span)?;
                phases.push(Phase {
                    at: start,
                    span: at.span,
                    settings: all,
                    mentioned,
                });
            }
            StmtKind::Monotone(names) => monotone.extend(names.iter().cloned()),
            _ => env = statement(ctx, s, &env)?,
        }
    }
    let Some(first) = phases.first() else {
        return Err(fault("E0621", "a curriculum has at least one phase")
            .at(b.span, "none here")
            .help("write `phase 0% { … }`")
            .into());
    };
    for p in &phases[1..] {
        if let Some(new) = p
            .mentioned
            .iter()
            .find(|n| !first.settings.contains_key(&n.text))
        {
            return Err(fault(
                "E0621",
                format!("`{}` has no value before {}", new.text, p.at.text()),
            )
            .at(new.span, "first mentioned here")
            .at(first.span, "not in the first phase")
            .help(format!("give `{}` a value in the first phase", new.text))
            .into());
        }
    }
    for name in &monotone {
        never_back(&phases, name)?;
    }
    Ok(phases)
}

fn start_of(ctx: &mut Ctx, at: &Expr, env: &Env) -> Result<At> {
    let v = ctx.eval(at, env)?;
    let wrong = |what: String| {
        fault("E0621", what)
            .at(at.span, "here")
            .help("`phase 20% { … }`, or `phase 200 epochs { … }`")
    };
    match v.plain() {
        Value::Int(0, Unit::One) => Ok(At::Share(0.0)),
        Value::Int(e, Unit::Epochs) if *e >= 0 => Ok(At::Epoch(*e)),
        Value::Float(f, Unit::One) if (0.0..1.0).contains(f) => Ok(At::Share(*f)),
        Value::Float(f, Unit::One) => Err(wrong(format!(
            "a phase that starts at {} of a training is never reached",
            At::Share(*f).text()
        ))
        .into()),
        _ => Err(wrong(format!(
            "a phase starts at a share of the training or at an epoch, not at {}",
            crate::show::brief(&v)
        ))
        .into()),
    }
}

/// The first phase starts the training; each other one after the one before.
fn follows(before: Option<&Phase>, start: At, span: Span) -> Result<()> {
    let Some(p) = before else {
        return if start.number() == 0.0 {
            Ok(())
        } else {
            Err(fault(
                "E0621",
                format!("no phase holds from the start to {}", start.text()),
            )
            .at(span, "the first phase starts here")
            .help("the first phase starts at 0%")
            .into())
        };
    };
    let zero = p.at.number() == 0.0 || start.number() == 0.0;
    if !zero
        && matches!(
            (p.at, start),
            (At::Share(_), At::Epoch(_)) | (At::Epoch(_), At::Share(_))
        )
    {
        return Err(fault(
            "E0621",
            "phases in % and in epochs have no order before the training's length is known",
        )
        .at(span, "this one")
        .at(p.span, "after this one")
        .help("write all in %, or all in epochs")
        .into());
    }
    if start.number() > p.at.number() {
        return Ok(());
    }
    let what = if start.number() == p.at.number() {
        format!("two phases start at {}", start.text())
    } else {
        format!(
            "a phase that starts at {} overlaps the one from {}",
            start.text(),
            p.at.text()
        )
    };
    Err(fault("E0621", what)
        .at(span, "starts no later")
        .at(p.span, "than this one")
        .help("phases are written in the order in which they come")
        .into())
}

/// `monotone open`: the setting only grows, or only falls.
fn never_back(phases: &[Phase], name: &Ident) -> Result<()> {
    let mut values = vec![];
    for p in phases {
        let Some(v) = p.settings.get(&name.text) else {
            let names: Vec<&str> = phases[0].settings.keys().map(|k| &**k).collect();
            let mut d = fault("E0202", format!("no phase has a setting `{}`", name.text))
                .at(name.span, "asked for here");
            d = match nas_diagnostics::did_you_mean(&name.text, names.clone()) {
                Some(c) => d.help(format!("did you mean `{c}`?")),
                None => d.note(format!("settings are {}", names.join(", "))),
            };
            return Err(d.into());
        };
        let Some(f) = number::as_f64(v) else {
            return Err(fault(
                "E0622",
                format!("`{}` is no number, so it has no order", name.text),
            )
            .at(name.span, "declared monotone")
            .at(p.span, crate::show::brief(v))
            .into());
        };
        values.push((p, f));
    }
    let mut direction = 0.0f64;
    for w in values.windows(2) {
        let step = w[1].1 - w[0].1;
        if step * direction < 0.0 {
            let text = |f: f64| crate::show::number_text(f);
            let word = if step < 0.0 { "falls" } else { "rises" };
            return Err(fault(
                "E0622",
                format!(
                    "`{}` {word} from {} to {} at {}, after it went the other way",
                    name.text,
                    text(w[0].1),
                    text(w[1].1),
                    w[1].0.at.text()
                ),
            )
            .at(w[1].0.span, "turns back here")
            .at(name.span, "declared monotone")
            .into());
        }
        if step != 0.0 {
            direction = step;
        }
    }
    Ok(())
}

/// A declared curriculum whose parameters all have defaults, by itself.
pub fn prove(ctx: &mut Ctx, decl: &Arc<FnDecl>, env: &Env) -> Result<()> {
    let all = decl.params.iter().flatten();
    let (Some(body), true) = (&decl.body, all.clone().all(|p| p.default.is_some())) else {
        return Ok(());
    };
    let mut env = env.clone();
    for p in all {
        if let Some(d) = &p.default {
            let v = ctx.eval(d, &env)?;
            env = env.bind(p.name.text.clone(), v);
        }
    }
    read(ctx, body, &env).map(|_| ())
}

/// `extent.open`: one setting of a curriculum (or a field of any schedule of records), as a function of the clock.
pub fn setting(ctx: &mut Ctx, f: &Value, name: &Ident, span: Span) -> Result<Option<Value>> {
    let Value::Func(g) = f.plain() else {
        return Ok(None);
    };
    let FuncKind::Decl {
        decl, lists, env, ..
    } = &g.kind
    else {
        return Ok(None);
    };
    if decl.role != Role::Curriculum || *lists < decl.params.len() {
        return Ok(None);
    }
    if let Some(body) = &decl.body {
        let phases = ctx.in_module(ctx.module, |ctx| read(ctx, body, env))?;
        if !phases[0].settings.contains_key(&name.text) {
            return Ok(None);
        }
    }
    let word = |text: &str| Expr {
        kind: ExprKind::Name(Ident {
            text: text.into(),
            span,
        }),
        span,
    };
    let call = ExprKind::Call {
        callee: Box::new(word("curriculum")),
        args: vec![ast::Arg {
            name: None,
            value: word("clock"),
            spread: false,
            span,
        }],
        trailing: None,
    };
    let body = ExprKind::Field {
        base: Box::new(Expr { kind: call, span }),
        name: name.clone(),
    };
    let param = ast::Param {
        name: Ident {
            text: "clock".into(),
            span,
        },
        pattern: None,
        ty: None,
        sealed: false,
        default: None,
        span,
    };
    Ok(Some(ctx.func(
        FuncKind::Lambda {
            params: Arc::new(vec![param]),
            body: Arc::new(Expr { kind: body, span }),
            module: ctx.module,
            env: Env::default().bind("curriculum".into(), f.clone()),
        },
        span,
    )))
}

/// The phases of a curriculum as data: when each starts, and its settings.
pub fn phases(ctx: &mut Ctx, f: &Value, span: Span) -> Result<Value> {
    let Value::Func(g) = f.plain() else {
        return Ok(Value::unknown());
    };
    let FuncKind::Decl {
        decl, env, module, ..
    } = &g.kind
    else {
        return Err(wanted(f, span));
    };
    let (Role::Curriculum, Some(body)) = (decl.role, &decl.body) else {
        return Err(wanted(f, span));
    };
    let all = ctx.in_module(*module, |ctx| read(ctx, body, env))?;
    Ok(Value::list(
        all.into_iter()
            .map(|p| {
                let mut r = Fields::new();
                let at = match p.at {
                    At::Share(f) => Value::float(f),
                    At::Epoch(e) => Value::Int(e, Unit::Epochs),
                };
                r.insert("at".into(), at);
                r.insert("settings".into(), Value::record(p.settings));
                Value::record(r)
            })
            .collect(),
    ))
}

fn wanted(f: &Value, span: Span) -> crate::Fault {
    fault(
        "E0301",
        format!("a curriculum is wanted, and this is {}", f.kind()),
    )
    .at(span, "here")
    .into()
}

/// `changes(f, 1000 epochs)`: the epochs (or steps) at which a function of the clock has another value than just before.
pub fn changes(ctx: &mut Ctx, f: &Value, total: &Value, span: Span) -> Result<Value> {
    let n = access::whole(ctx, total, span)?;
    if !(1..=1_000_000).contains(&n) {
        return Err(fault("E0606", format!("a training of {n} turns"))
            .at(span, "here")
            .into());
    }
    let mut out = vec![];
    let mut last: Option<Value> = None;
    for i in 0..n {
        let clock = Clock {
            step: i,
            steps: n,
            epoch: i,
            epochs: n,
        };
        let args = crate::call::Args::one(Value::Clock(clock), span);
        let v = crate::call::call(ctx, f.clone(), args)?;
        if let Some(l) = &last
            && number::equal(l, &v) == Some(false)
        {
            out.push(Value::int(i));
        }
        last = Some(v);
    }
    Ok(Value::list(out))
}
