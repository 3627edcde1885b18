//! Pipelines and tests: statements at the top, each a stage, with reports and expectations.

use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::program::ModuleId;
use crate::value::Value;
use crate::{Fault, Result, access, number, stmt, train};
use nas_diagnostics::{Diagnostic, Span};
use nas_grammar::ast::{
    self, BinaryOp, Expr, ExprKind, PatternKind, PipelineDecl, Stmt, StmtKind, TestDecl,
};
use std::sync::Arc;

mod alone;
mod axes;
mod check;
mod settings;
mod side_by_side;

pub use check::{check_module, check_modules};
pub use settings::{Settings, find, settings};

/// One `expect`, evaluated.
#[derive(Debug, Clone)]
pub struct Expectation {
    pub span: Span,
    /// `None` where it could not be decided (an invalid side, or only checking).
    pub holds: Option<bool>,
    pub left: Option<Value>,
    pub right: Option<Value>,
    /// Why it could not be decided.
    pub reason: Option<String>,
}

/// One value of a `report`.
#[derive(Debug, Clone)]
pub struct Reported {
    pub name: Option<Arc<str>>,
    pub span: Span,
    pub value: Value,
}

/// A stage of a pipeline, as the plan lists it.
#[derive(Debug, Clone)]
pub struct Stage {
    pub name: Arc<str>,
    pub span: Span,
    pub value: Value,
}

#[derive(Debug, Default)]
pub struct Outcome {
    pub reports: Vec<Reported>,
    pub expects: Vec<Expectation>,
    pub stages: Vec<Stage>,
    pub budget: Vec<(Value, Span)>,
    pub diagnostics: Vec<Diagnostic>,
    /// Stages that ended as invalid, with the reason; sorted.
    pub invalid: Vec<(Arc<str>, Arc<str>)>,
    /// What a check notes for the plan.
    pub ledger: Vec<crate::ledger::Record>,
}

impl Outcome {
    pub fn failed(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    pub fn interrupted(&self) -> bool {
        self.diagnostics.iter().any(|d| d.code == "E0705")
    }
}

/// Runs (or checks) a pipeline with settings for its parameters.
pub fn run(
    ctx: &mut Ctx,
    decl: &PipelineDecl,
    module: ModuleId,
    settings: Vec<(Arc<str>, Value, Span)>,
) -> Outcome {
    let mut out = Outcome::default();
    let span = decl.name.span;
    let args = Args {
        named: settings
            .into_iter()
            .map(|(n, v, s)| (n, Some(v), s))
            .collect(),
        span,
        ..Args::default()
    };
    let env = ctx.in_module(module, |ctx| {
        call::bind(ctx, &decl.name.text, &decl.params, args, &Env::default())
    });
    match env {
        Ok(env) => ctx.in_module(module, |ctx| body(ctx, &decl.body, env, true, &mut out)),
        Err(Fault(d)) => out.diagnostics.push(*d),
    }
    out.diagnostics.append(&mut ctx.warnings);
    if let Ok(mut all) = ctx.shared.invalid.lock() {
        out.invalid = std::mem::take(&mut *all);
        out.invalid.sort();
    }
    if let Ok(mut all) = ctx.shared.ledger.lock() {
        out.ledger = std::mem::take(&mut *all);
    }
    out
}

/// Runs (or checks) a test.
pub fn test(ctx: &mut Ctx, decl: &TestDecl, module: ModuleId) -> Outcome {
    let mut out = Outcome::default();
    ctx.in_module(module, |ctx| {
        body(ctx, &decl.body, Env::default(), false, &mut out)
    });
    out.diagnostics.append(&mut ctx.warnings);
    out
}

fn body(ctx: &mut Ctx, b: &ast::Block, env: Env, pipeline: bool, out: &mut Outcome) {
    let mut env = stmt::open_scope(b, &env);
    let mut names = StageKeys::default();
    let mut ahead = side_by_side::Ahead::default();
    for (at, s) in b.stmts.iter().enumerate() {
        if pipeline {
            ahead.compute(ctx, &b.stmts, at, &env, &mut names);
        }
        let value = ahead.take(at);
        match statement(ctx, s, &env, pipeline, value, &mut names, out) {
            Ok(e) => env = stmt::open_scope(b, &e),
            Err(Fault(d)) => {
                let interrupted = d.code == "E0705";
                // A training that diverged leaves the rest to go on without it.
                let diverged = matches!(d.code, "E0703" | "E0308");
                let reason = d.message.clone();
                if !out.diagnostics.contains(&d) {
                    out.diagnostics.push(*d);
                }
                if interrupted {
                    return;
                }
                if !ctx.checking() && !diverged {
                    return;
                }
                let stand_in = if ctx.checking() {
                    Value::unknown()
                } else {
                    Value::invalid(reason)
                };
                env = poisoned(s, &env, &stand_in);
            }
        }
    }
    if let Some(v) = &b.value
        && let Err(Fault(d)) = ctx.eval(v, &env)
    {
        out.diagnostics.push(*d);
    }
}

/// The names of a statement that failed stand for something that is not there.
fn poisoned(s: &Stmt, env: &Env, v: &Value) -> Env {
    fn names(p: &ast::Pattern, env: Env, v: &Value) -> Env {
        match &p.kind {
            PatternKind::Name(n) => env.bind(n.text.clone(), v.clone()),
            PatternKind::Tuple(ps) => ps.iter().fold(env, |e, p| names(p, e, v)),
            PatternKind::Record(fs) => fs.iter().fold(env, |e, (n, p)| match p {
                Some(p) => names(p, e, v),
                None => e.bind(n.text.clone(), v.clone()),
            }),
            PatternKind::Wildcard => env,
        }
    }
    match &s.kind {
        StmtKind::Let { pattern, .. } | StmtKind::Draw { pattern, .. } => {
            names(pattern, env.clone(), v)
        }
        _ => env.clone(),
    }
}

/// Keys of the stages' draws: a stage is known by what it says, not by its name; the second that says the same is another.
#[derive(Default)]
pub(crate) struct StageKeys(std::collections::HashMap<String, u64>);

impl StageKeys {
    pub(crate) fn next(&mut self, ctx: &Ctx, value: &Expr, env: &Env) -> crate::key::Key {
        let form = crate::show::form_in(&format!("{value:?}"), env);
        let n = self.0.entry(form.clone()).or_insert(0);
        *n += 1;
        ctx.shared.root.named(&form).child(*n)
    }
}

/// The value of a stage, computed under its own name and draws.
pub(crate) fn stage_value(
    ctx: &mut Ctx,
    name: &Arc<str>,
    value: &Expr,
    env: &Env,
    key: crate::key::Key,
    pipeline: bool,
) -> Result<Value> {
    ctx.stage = if pipeline { name.clone() } else { "".into() };
    ctx.top = pipeline;
    let v = ctx.under(key, |ctx| ctx.eval(value, env));
    ctx.top = false;
    ctx.stage = "".into();
    let v = v?;
    let v = train::settle(ctx, v, value.span)?;
    ctx.alive.clear();
    Ok(v)
}

/// The name of a stage: that of its variable.
pub(crate) fn stage_name(pattern: &ast::Pattern) -> Arc<str> {
    match &pattern.kind {
        PatternKind::Name(n) => n.text.clone(),
        _ => "let".into(),
    }
}

/// The stage that expectations compute in.
pub const EXPECTS: &str = "expects";

/// The stage that a report computes in: by its name, or by how many reports stand before it.
pub fn report_stage(name: Option<&str>, before: usize) -> String {
    match name {
        Some(name) => format!("report {name}"),
        None => format!("report {}", before + 1),
    }
}

#[allow(clippy::too_many_arguments)]
fn statement(
    ctx: &mut Ctx,
    s: &Stmt,
    env: &Env,
    pipeline: bool,
    computed: Option<Result<Value>>,
    keys: &mut StageKeys,
    out: &mut Outcome,
) -> Result<Env> {
    match &s.kind {
        StmtKind::Let { pattern, value, .. } => {
            let name = stage_name(pattern);
            let v = match computed {
                Some(v) => v?,
                None => {
                    let key = keys.next(ctx, value, env);
                    stage_value(ctx, &name, value, env, key, pipeline)?
                }
            };
            if pipeline {
                out.stages.push(Stage {
                    name,
                    span: s.span,
                    value: v.clone(),
                });
            }
            stmt::destructure(ctx, pattern, v, env)
        }
        StmtKind::Expect(e) => {
            // Its work is planned; in a run, what is invalid in it is for the expectation to judge.
            if pipeline && ctx.checking() {
                ctx.stage = EXPECTS.into();
            }
            let r = expectation(ctx, e, env);
            ctx.stage = "".into();
            match r {
                Ok(list) => out.expects.extend(list),
                Err(Fault(d)) if d.code == "E0308" => {
                    out.expects.push(Expectation {
                        span: e.span,
                        holds: None,
                        left: None,
                        right: None,
                        reason: Some(d.message.clone()),
                    });
                }
                Err(f) => return Err(f),
            }
            Ok(env.clone())
        }
        StmtKind::Report(args) => {
            for a in args {
                let name = a.name.as_ref().map(|n| n.text.clone());
                ctx.stage = report_stage(name.as_deref(), out.reports.len()).into();
                ctx.top = true;
                let v = ctx.eval(&a.value, env);
                ctx.top = false;
                ctx.stage = "".into();
                let v = v.and_then(|v| train::settle(ctx, v, a.span));
                let v = match v {
                    // A report that needs what is invalid says so; the others stand.
                    Err(Fault(d)) if d.code == "E0308" && !ctx.checking() => {
                        let reason = d.message.clone();
                        out.diagnostics.push(*d);
                        Value::invalid(reason)
                    }
                    v => v?,
                };
                if let Some(s) = crate::seal::inside(&v) {
                    return Err(crate::seal::refuse(s, a.value.span));
                }
                let name = name.or_else(|| path_name(&a.value).map(Into::into));
                out.reports.push(Reported {
                    name,
                    span: a.value.span,
                    value: v,
                });
            }
            Ok(env.clone())
        }
        StmtKind::Budget(list) => {
            for e in list {
                let v = ctx.eval(e, env)?;
                let unit = number::unit_of(&v);
                if !matches!(
                    unit,
                    crate::value::Unit::Seconds | crate::value::Unit::Bytes
                ) {
                    let got = match unit {
                        crate::value::Unit::One => "no unit".to_string(),
                        u => format!("in {}", u.name()),
                    };
                    return Err(budget_unit(e, list, &got).into());
                }
                out.budget.push((v, e.span));
            }
            Ok(env.clone())
        }
        _ => stmt::statement(ctx, s, env),
    }
}

/// `expect a == b and c < d`: each part by itself, so that the report says which failed.
fn expectation(ctx: &mut Ctx, e: &Expr, env: &Env) -> Result<Vec<Expectation>> {
    match &e.kind {
        ExprKind::Binary {
            op: BinaryOp::And,
            left,
            right,
        } => {
            let mut a = expectation(ctx, left, env)?;
            a.extend(expectation(ctx, right, env)?);
            Ok(a)
        }
        ExprKind::Sequence { .. } => {
            let v = ctx.eval(e, env)?;
            if v.is_unknown() || ctx.checking() {
                return Ok(vec![undecided(e)]);
            }
            let mut holds = true;
            for x in access::items(ctx, &v, e.span)? {
                holds = holds && stmt::truth(ctx, &x, e.span)?;
            }
            Ok(vec![Expectation {
                span: e.span,
                holds: Some(holds),
                left: None,
                right: None,
                reason: None,
            }])
        }
        ExprKind::Binary { op, left, right }
            if matches!(
                op,
                BinaryOp::Eq
                    | BinaryOp::Ne
                    | BinaryOp::Lt
                    | BinaryOp::Le
                    | BinaryOp::Gt
                    | BinaryOp::Ge
            ) =>
        {
            let a = ctx.eval(left, env)?;
            let b = ctx.eval(right, env)?;
            if ctx.checking() {
                // Units and kinds are compared; the outcome waits for the run.
                number::binary(ctx, *op, a, b, e.span)?;
                return Ok(vec![undecided(e)]);
            }
            let v = number::binary(ctx, *op, a.clone(), b.clone(), e.span)?;
            let v = match v.plain() {
                Value::Tensor(..) => {
                    let all = train::numbers(ctx, &v, e.span)?;
                    Value::Bool(all.iter().all(|x| *x != 0.0))
                }
                _ => v,
            };
            Ok(vec![decided(ctx, e, &v, Some(a), Some(b))?])
        }
        _ => {
            let v = ctx.eval(e, env)?;
            if ctx.checking() {
                return Ok(vec![undecided(e)]);
            }
            Ok(vec![decided(ctx, e, &v, None, None)?])
        }
    }
}

fn undecided(e: &Expr) -> Expectation {
    Expectation {
        span: e.span,
        holds: None,
        left: None,
        right: None,
        reason: None,
    }
}

fn decided(
    ctx: &mut Ctx,
    e: &Expr,
    v: &Value,
    left: Option<Value>,
    right: Option<Value>,
) -> Result<Expectation> {
    let (holds, reason) = match v.plain() {
        Value::Invalid(r) => (None, Some(r.to_string())),
        Value::Unknown(_) => (None, Some("not known".into())),
        _ => (Some(stmt::truth(ctx, v, e.span)?), None),
    };
    Ok(Expectation {
        span: e.span,
        holds,
        left,
        right,
        reason,
    })
}

/// The name under which a reported value stands: what was written, where it is a name or a path of names.
pub fn path_name(e: &Expr) -> Option<String> {
    match &e.kind {
        ExprKind::Name(n) => Some(n.text.to_string()),
        ExprKind::Field { base, name } => Some(format!("{}.{}", path_name(base)?, name.text)),
        ExprKind::Index { base, .. } => path_name(base),
        _ => None,
    }
}

/// A budget without a time's or a memory's unit: the one that the others leave, where the number is written out.
fn budget_unit(e: &Expr, list: &[Expr], got: &str) -> Diagnostic {
    let unit = |e: &Expr| match &e.kind {
        ast::ExprKind::Number(n) => n.unit.as_ref().map(|u| u.text.clone()),
        _ => None,
    };
    let memory = |u: &str| matches!(u, "bytes" | "kB" | "MB" | "GB" | "TB");
    let time = |u: &str| matches!(u, "seconds" | "minutes" | "hours");
    let others: Vec<_> = list.iter().filter_map(unit).collect();
    let wanted = match (
        others.iter().any(|u| memory(u)),
        others.iter().any(|u| time(u)),
    ) {
        (true, false) => Some("minutes"),
        (false, true) => Some("GB"),
        _ => None,
    };
    let d = fault("E0305", "a budget is a time or a memory").at(e.span, got);
    match (&e.kind, wanted) {
        (ast::ExprKind::Number(n), Some(w)) => {
            let text = format!("{} {w}", n.digits);
            d.help(format!("write `{text}`")).fix(e.span, text)
        }
        _ => d.help("`40 minutes`, `2 GB`"),
    }
}
