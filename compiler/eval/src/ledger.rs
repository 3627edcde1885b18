//! What a check notes for the plan: which stage trains, runs nets, draws and reads, and how often.

use crate::ctx::Ctx;
use crate::key::Key;
use crate::net::{NetBase, NetValue, NetWeights};
use crate::value::Value;
use crate::weights::WeightsValue;
use nas_grammar::ast::{FnDecl, Role};
use std::sync::Arc;

/// How often something happens; `exact` is false where a length is known at run time only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    pub count: u64,
    pub exact: bool,
}

impl Times {
    pub const ONCE: Times = Times {
        count: 1,
        exact: true,
    };

    pub fn by(self, n: u64) -> Times {
        Times {
            count: self.count.saturating_mul(n),
            ..self
        }
    }

    pub fn unknown(self) -> Times {
        Times {
            exact: false,
            ..self
        }
    }
}

#[derive(Debug, Clone)]
pub enum What {
    /// A trainer or a search begins.
    Closed {
        name: Arc<str>,
        role: Role,
        key: Key,
        seed: Option<i64>,
    },
    /// A loop over batches of a training, or the part of it in one phase of its curricula. Its passes have its group.
    Loop {
        steps: u64,
        size: u64,
        group: u64,
    },
    /// A net is run on a batch. Passes of one group are one turn's.
    Pass {
        net: Arc<NetValue>,
        images: u64,
        train: bool,
        group: u64,
        /// Gradients taken of what comes out, one of the other; a training's own are not among them.
        order: u8,
    },
    /// Weights that `minimise` changes, and how many states its optimiser has a parameter.
    Minimise {
        weights: Arc<WeightsValue>,
        states: u64,
        group: u64,
    },
    /// The loop of this group keeps a copy of its weights every so many steps.
    Keeps {
        every: u64,
        group: u64,
    },
    /// A data set is opened: samples with those of its test set, and bytes of one.
    Opens {
        samples: u64,
        bytes: u64,
    },
    /// A table's file is at hand, and takes so much when it is read: what a plan that people compare does not say.
    Table {
        bytes: u64,
    },
    /// A space is searched, sampled or trained on.
    Uses(Arc<crate::space::SpaceValue>),
    Draws,
    Reads,
    Clock,
}

/// One line.
#[derive(Debug, Clone)]
pub struct Record {
    pub stage: Arc<str>,
    pub times: Times,
    pub what: What,
}

/// How many lines there are.
pub fn len(ctx: &Ctx) -> usize {
    ctx.shared.ledger.lock().map_or(0, |all| all.len())
}

/// As [`note`], so many times.
pub fn note_by(ctx: &mut Ctx, times: Times, what: What) {
    let own = std::mem::replace(&mut ctx.times, times);
    note(ctx, what);
    ctx.times = own;
}

/// What was noted of a loop since `mark`, as that of all its `steps`, stands for `own` of them.
pub fn shorten(ctx: &Ctx, mark: usize, steps: u64, own: u64) {
    let Ok(mut all) = ctx.shared.ledger.lock() else {
        return;
    };
    for r in all.iter_mut().skip(mark).filter(|r| r.stage == ctx.stage) {
        match &mut r.what {
            What::Loop { steps, group, .. } if *group == ctx.group => *steps = own,
            _ => r.times.count = r.times.count / steps.max(1) * own,
        }
    }
}

/// Notes something at the stage that is being checked.
pub fn note(ctx: &Ctx, what: What) {
    if !ctx.checking() || ctx.stage.is_empty() || ctx.alike.is_some() {
        return;
    }
    let Ok(mut all) = ctx.shared.ledger.lock() else {
        return;
    };
    let stage = ctx.stage.clone();
    if let Some(last) = all.last_mut()
        && last.stage == stage
    {
        match (&last.what, &what) {
            (What::Draws, What::Draws)
            | (What::Reads, What::Reads)
            | (What::Clock, What::Clock) => return,
            (
                What::Pass {
                    net: a,
                    images: i,
                    train: t,
                    group: g,
                    ..
                },
                What::Pass {
                    net: b,
                    images: j,
                    train: u,
                    group: h,
                    ..
                },
            ) if Arc::ptr_eq(a, b) && (i, t, g) == (j, u, h) && *g == 0 => {
                last.times.count = last.times.count.saturating_add(ctx.times.count);
                return;
            }
            _ => {}
        }
    }
    all.push(Record {
        stage,
        times: ctx.times,
        what,
    });
}

/// A net is run for its result: on the outermost call only, and not to count its costs.
pub fn pass(ctx: &Ctx, net: &Arc<NetValue>, input: Option<&Value>, train: bool) {
    if !ctx.checking() || ctx.stage.is_empty() {
        return;
    }
    // A space's own proof runs a net of abstract weights that no stage asked for.
    if matches!(
        (&net.base, &net.weights, &net.policy),
        (NetBase::AllMembers { .. }, NetWeights::Abstract, None)
    ) {
        return;
    }
    let images = match input.map(Value::plain) {
        Some(Value::Tensor(t, _)) => t.shape().first().and_then(|d| d.known()),
        _ => None,
    };
    let Some(images) = images.and_then(|n| u64::try_from(n).ok()) else {
        return;
    };
    note(
        ctx,
        What::Pass {
            net: net.clone(),
            images,
            train,
            group: ctx.group,
            order: 0,
        },
    );
}

/// A gradient of this order is taken of what the last pass gave.
pub fn gradient(ctx: &Ctx, of: u8) {
    if !ctx.checking() || ctx.stage.is_empty() {
        return;
    }
    let Ok(mut all) = ctx.shared.ledger.lock() else {
        return;
    };
    let own = all.iter_mut().rev().take_while(|r| r.stage == ctx.stage);
    for r in own {
        if let What::Pass { order, .. } = &mut r.what {
            *order = of.max(*order);
            return;
        }
    }
}

/// A trainer or a search begins.
pub fn closed(ctx: &Ctx, decl: &FnDecl, env: &crate::env::Env, key: Key, seed: Option<i64>) {
    for p in decl.params.iter().flatten() {
        if let Some(crate::env::Found::Value(Value::Space(s))) = env.find(&p.name.text) {
            note(ctx, What::Uses(s));
        }
    }
    note(
        ctx,
        What::Closed {
            name: decl.name.text.clone(),
            role: decl.role,
            key,
            seed,
        },
    );
}

/// Whether weights are in a value, or in what it is made of.
pub fn holds_weights(v: &Value) -> bool {
    match v.plain() {
        Value::Weights(_) => true,
        Value::List(l) => l.iter().any(holds_weights),
        Value::Record(r) => r.values().any(holds_weights),
        _ => false,
    }
}

/// A member that costs most, by one item of the cost table; the first member where nothing is counted.
pub fn largest(
    ctx: &mut Ctx,
    space: &Arc<crate::space::SpaceValue>,
    item: &str,
) -> Option<Arc<crate::space::ArchValue>> {
    let span = space.base.decl.name.span;
    let entries = space.prove(ctx).ok()?;
    let tables: Option<Vec<_>> = entries
        .iter()
        .filter(|e| crate::builtins::costs::belongs(&e.item, item))
        .map(|e| e.amount.as_table())
        .collect();
    let costed = crate::model::with_cost(ctx, space, &tables?, span).ok()?;
    let most = costed.range("asked").ok().flatten().map(|r| r.1);
    let mut model = costed.model().clone();
    if let Some(most) = most {
        model.windows.push(nas_space::Window {
            cost: "asked".into(),
            low: Some(most),
            high: Some(most),
        });
    }
    let narrowed = nas_space::Space::new(model).ok()?;
    let member = narrowed.enumerate().next()?;
    Some(crate::space::ArchValue::new(space.clone(), member))
}
