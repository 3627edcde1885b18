//! Spaces: elaborated once with every choice open, then counted, drawn from, and read member by member.

use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::env::{Env, Found};
use crate::net::{self, CostEntry, NetBase, NetValue, NetWeights};
use crate::program::ModuleId;
use crate::value::{Func, FuncKind, Picked, Unit, Value};
use crate::{Fault, Result, access, number, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast::{
    self, BinaryOp, Expr, ExprKind, NetDecl, SpaceDecl, StmtKind, UnaryOp, WithEntry, WithTarget,
};
use nas_ir::{Dim, Table};
use nas_space as algebra;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// One choice, as elaboration met it.
#[derive(Debug, Clone)]
pub struct SiteInfo {
    pub address: Arc<str>,
    pub labels: Vec<Arc<str>>,
    pub options: Vec<Value>,
    /// Under which options of earlier sites it exists: one of these conjunctions. Empty conjunction: always.
    pub exists: Vec<Vec<(u32, usize)>>,
    pub span: Span,
}

/// How choices are answered.
#[derive(Debug, Clone)]
pub enum Choices {
    /// All stay open; sites are entered here.
    Open(Arc<Mutex<Vec<SiteInfo>>>),
    Member(Arc<ArchValue>),
}

#[derive(Debug, Clone)]
pub struct SpaceContext {
    pub space: Arc<SpaceValue>,
    pub choices: Choices,
}

/// What all restrictions of one space share.
#[derive(Debug)]
pub struct Base {
    pub decl: Arc<SpaceDecl>,
    pub module: ModuleId,
    pub env: Env,
    elaborated: OnceLock<Arc<Elaborated>>,
    costs: OnceLock<Arc<Vec<CostEntry>>>,
    outputs: Mutex<HashMap<String, Value>>,
    /// Costs of members asked for, by architecture.
    pub members: Mutex<HashMap<algebra::Arch, Arc<Vec<CostEntry>>>>,
}

#[derive(Debug)]
pub struct SpaceValue {
    pub id: u64,
    pub name: Arc<str>,
    pub module: ModuleId,
    pub base: Arc<Base>,
    /// `where`: expressions with the scope they were written in.
    pub conditions: Vec<(Expr, Env, ModuleId)>,
    algebra: OnceLock<Arc<Algebra>>,
}

/// The space as its algebra sees it.
pub struct Algebra {
    pub space: algebra::Space,
    pub sampler: OnceLock<algebra::Sampler>,
    pub template: Option<algebra::Template>,
}

impl std::fmt::Debug for Algebra {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Algebra")
    }
}

/// The declaration evaluated with every choice open.
#[derive(Debug)]
pub struct Elaborated {
    pub env: Env,
    pub context: SpaceContext,
    pub net: Option<Arc<NetDecl>>,
    pub value: Option<Expr>,
    pub encoding: Option<ast::Text>,
    pub conditions: Vec<Expr>,
}

/// A member: one option for each site.
#[derive(Debug)]
pub struct ArchValue {
    pub space: Arc<SpaceValue>,
    pub arch: algebra::Arch,
    env: OnceLock<Env>,
}

/// One site of a space, as a sampler sees it.
#[derive(Debug)]
pub struct SiteValue {
    pub id: usize,
    pub address: Arc<str>,
    /// The options that can be completed.
    pub options: Vec<Value>,
}

/// A cost over all members: a sum of tables over choices.
#[derive(Debug, Clone)]
pub struct Terms {
    pub space: Arc<SpaceValue>,
    pub tables: Vec<Table<i64>>,
    pub unit: Unit,
}

/// A cost kept between two bounds, inclusive.
#[derive(Debug, Clone)]
pub struct WindowValue {
    pub terms: Arc<Terms>,
    pub low: Option<i64>,
    pub high: Option<i64>,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

impl SpaceContext {
    pub fn member(space: Arc<SpaceValue>, arch: Arc<ArchValue>) -> SpaceContext {
        SpaceContext {
            space,
            choices: Choices::Member(arch),
        }
    }

    /// The number of options of a site.
    pub fn domain(&self, site: u32) -> usize {
        match &self.choices {
            Choices::Open(sites) => sites
                .lock()
                .ok()
                .and_then(|s| s.get(site as usize).map(|s| s.labels.len()))
                .unwrap_or(1),
            Choices::Member(a) => a
                .space
                .sites()
                .get(site as usize)
                .map_or(1, |s| s.labels.len()),
        }
    }

    /// Choices as people write them: `op[3] = avg_pool_3x3, depth = 14`.
    pub fn witness(&self, options: &[(u32, usize)]) -> Option<String> {
        let Choices::Open(sites) = &self.choices else {
            return None;
        };
        let sites = sites.lock().ok()?;
        let mut parts: Vec<String> = vec![];
        for (s, o) in options {
            if let Some(site) = sites.get(*s as usize) {
                let text = format!(
                    "{} = {}",
                    site.address,
                    site.labels.get(*o).map_or("?", |l| l)
                );
                if !parts.contains(&text) {
                    parts.push(text);
                }
            }
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl SpaceValue {
    pub fn sites(&self) -> Vec<SiteInfo> {
        match self.base.elaborated.get().map(|e| &e.context.choices) {
            Some(Choices::Open(s)) => s.lock().map(|s| s.clone()).unwrap_or_default(),
            _ => vec![],
        }
    }

    pub fn net_decl(&self) -> Option<Arc<NetDecl>> {
        self.base
            .decl
            .body
            .stmts
            .iter()
            .find_map(|s| match &s.kind {
                StmtKind::Net(n) => Some(n.clone()),
                _ => None,
            })
    }

    /// Names declared by the space.
    pub fn names(&self) -> Vec<String> {
        let mut out = vec![];
        for s in &self.base.decl.body.stmts {
            if let StmtKind::Let { pattern, .. } = &s.kind
                && let ast::PatternKind::Name(n) = &pattern.kind
            {
                out.push(n.text.to_string());
            }
        }
        out
    }

    /// The declaration evaluated with every choice open; done once.
    pub fn elaborate(self: &Arc<Self>, ctx: &mut Ctx) -> Result<Arc<Elaborated>> {
        if let Some(e) = self.base.elaborated.get() {
            return Ok(e.clone());
        }
        let sites = Arc::new(Mutex::new(vec![]));
        let context = SpaceContext {
            space: self.clone(),
            choices: Choices::Open(sites),
        };
        let body = body_of(ctx, self, context.clone(), true)?;
        let e = Arc::new(Elaborated {
            env: body.env,
            context,
            net: self.net_decl(),
            value: body.value,
            encoding: body.encoding,
            conditions: body.conditions,
        });
        Ok(self.base.elaborated.get_or_init(|| e).clone())
    }

    /// Every member's net, evaluated once: shapes are proved, choices inside are found, costs are summed.
    pub fn prove(self: &Arc<Self>, ctx: &mut Ctx) -> Result<Arc<Vec<CostEntry>>> {
        if let Some(c) = self.base.costs.get() {
            return Ok(c.clone());
        }
        let e = self.elaborate(ctx)?;
        let costs = match &e.net {
            None => vec![],
            Some(decl) => {
                // First with the batch unknown: whatever is proved holds for each.
                let n = Arc::new(NetValue::new(
                    NetBase::AllMembers {
                        space: self.clone(),
                    },
                    NetWeights::Abstract,
                ));
                let span = decl.span;
                let x = net::stand_in_input(ctx, &n, Dim::var("n"), None, span)?;
                net::run(ctx, &n, Args::one(x, span), None, false)?;
                let x = net::stand_in_input(ctx, &n, Dim::Const(1), None, span)?;
                net::run(ctx, &n, Args::one(x, span), None, true)?.2
            }
        };
        Ok(self.base.costs.get_or_init(|| Arc::new(costs)).clone())
    }

    /// The shape (or value) that all members give for an input of a shape; evaluated once for each.
    pub fn output_of(
        self: &Arc<Self>,
        ctx: &mut Ctx,
        n: &Arc<NetValue>,
        args: Args,
    ) -> Result<Value> {
        let key = args
            .positional
            .iter()
            .map(|a| a.0.as_ref().map(crate::show::brief).unwrap_or_default())
            .collect::<Vec<_>>()
            .join(",");
        if let Some(v) = self
            .base
            .outputs
            .lock()
            .ok()
            .and_then(|o| o.get(&key).cloned())
        {
            return Ok(v);
        }
        let v = net::run(ctx, n, args, None, false)?.0;
        if let Ok(mut o) = self.base.outputs.lock() {
            o.insert(key, v.clone());
        }
        Ok(v)
    }

    pub fn algebra(self: &Arc<Self>, ctx: &mut Ctx, span: Span) -> Result<Arc<Algebra>> {
        if let Some(a) = self.algebra.get() {
            return Ok(a.clone());
        }
        let a = Arc::new(crate::model::build(ctx, self, span)?);
        Ok(self.algebra.get_or_init(|| a).clone())
    }

    /// All members, where there are few enough to list.
    pub fn members(self: &Arc<Self>, ctx: &mut Ctx, span: Span) -> Result<Vec<Value>> {
        let a = self.algebra(ctx, span)?;
        let size = a.space.feasible_size().map_err(|e| too_hard(e, span))?;
        if size > 1_000_000u32.into() {
            return Err(fault(
                "E0606",
                format!("`{}` has {size} members: too many to list", self.name),
            )
            .at(span, "here")
            .help("`sample(space, n)` draws some")
            .into());
        }
        Ok(a.space
            .enumerate()
            .map(|m| Value::Arch(ArchValue::new(self.clone(), m)))
            .collect())
    }

    /// Largest shapes of slots over all members, under a policy.
    pub fn slot_shapes(
        self: &Arc<Self>,
        ctx: &mut Ctx,
        policy: &Value,
        span: Span,
    ) -> Result<HashMap<Arc<str>, Vec<i64>>> {
        let costs = self.prove(ctx)?;
        let mut out: HashMap<Arc<str>, Vec<i64>> = HashMap::new();
        for c in costs.iter().filter(|c| &*c.item == "params") {
            let place: String = c
                .path
                .split('/')
                .map(|p| p.split(':').next().unwrap_or(p))
                .collect::<Vec<_>>()
                .join("/");
            let shape: nas_ir::Shape = c.out.iter().cloned().collect();
            let (slot, _) =
                crate::weights::ask(ctx, policy, &c.path, &place, &shape, &c.kind, span)?;
            let dims: Vec<i64> = c
                .out
                .iter()
                .map(|d| {
                    d.as_table()
                        .and_then(|t| t.values.iter().max().copied())
                        .unwrap_or(1)
                })
                .collect();
            let e = out.entry(slot).or_insert_with(|| dims.clone());
            if e.len() == dims.len() {
                for (a, b) in e.iter_mut().zip(&dims) {
                    *a = (*a).max(*b);
                }
            }
        }
        Ok(out)
    }
}

impl ArchValue {
    pub fn new(space: Arc<SpaceValue>, arch: algebra::Arch) -> Arc<ArchValue> {
        Arc::new(ArchValue {
            space,
            arch,
            env: OnceLock::new(),
        })
    }

    /// The space's declaration evaluated with this member's options.
    pub fn env(self: &Arc<Self>, ctx: &mut Ctx) -> Result<Env> {
        if let Some(e) = self.env.get() {
            return Ok(e.clone());
        }
        self.space.elaborate(ctx)?;
        let context = SpaceContext::member(self.space.clone(), self.clone());
        let space = self.space.clone();
        let body = body_of(ctx, &space, context, false)?;
        Ok(self.env.get_or_init(|| body.env).clone())
    }

    /// The member as its space writes it.
    pub fn text(&self) -> String {
        if let Some(a) = self.space.algebra.get()
            && let Some(t) = &a.template
            && let Ok(s) = t.encode(&self.arch)
        {
            return s;
        }
        self.plain_text()
    }

    fn plain_text(&self) -> String {
        let sites = self.space.sites();
        let parts: Vec<String> = self
            .arch
            .0
            .iter()
            .enumerate()
            .filter_map(|(i, o)| {
                o.and_then(|o| {
                    sites
                        .get(i)
                        .map(|s| format!("{}={}", s.address, s.labels.get(o).map_or("?", |l| l)))
                })
            })
            .collect();
        parts.join(" ")
    }
}

struct Body {
    env: Env,
    value: Option<Expr>,
    encoding: Option<ast::Text>,
    conditions: Vec<Expr>,
}

/// Evaluates a space's own statements.
fn body_of(
    ctx: &mut Ctx,
    space: &Arc<SpaceValue>,
    context: SpaceContext,
    all: bool,
) -> Result<Body> {
    let base = space.base.clone();
    let saved = (
        ctx.space.replace(context),
        ctx.net.take(),
        std::mem::take(&mut ctx.assumed),
        std::mem::take(&mut ctx.place),
        std::mem::replace(&mut ctx.top, false),
    );
    let r = ctx.under(crate::key::Key::seed(0), |ctx| {
        ctx.in_module(base.module, |ctx| {
            let mut env = stmt::open_scope(&base.decl.body, &base.env);
            let (mut value, mut encoding, mut conditions) = (None, None, vec![]);
            for s in &base.decl.body.stmts {
                match &s.kind {
                    StmtKind::Let { pattern, value, .. } => {
                        if let ast::PatternKind::Name(n) = &pattern.kind {
                            ctx.place.push(n.text.to_string());
                        }
                        let v = ctx.eval(value, &env);
                        ctx.place.clear();
                        env = stmt::destructure(ctx, pattern, v?, &env)?;
                    }
                    StmtKind::Encoding(t) => encoding = Some(t.clone()),
                    StmtKind::Where(list) => conditions.extend(list.iter().cloned()),
                    StmtKind::Net(_) => {}
                    StmtKind::Value(e) => value = Some(e.clone()),
                    _ => env = stmt::statement(ctx, s, &env)?,
                }
                env = stmt::open_scope(&base.decl.body, &env);
            }
            let _ = all;
            Ok(Body {
                env,
                value,
                encoding,
                conditions,
            })
        })
    });
    (ctx.space, ctx.net, ctx.assumed, ctx.place, ctx.top) = saved;
    r
}

/// A space given its arguments.
pub fn instantiate(
    ctx: &mut Ctx,
    decl: &Arc<SpaceDecl>,
    module: ModuleId,
    args: Args,
) -> Result<Value> {
    let key = if args.positional.is_empty() && args.named.is_empty() {
        Some(Arc::as_ptr(decl) as usize)
    } else {
        None
    };
    if let Some(k) = key
        && let Some(v) = ctx
            .shared
            .spaces
            .lock()
            .ok()
            .and_then(|s| s.get(&k).cloned())
    {
        return Ok(Value::Space(v));
    }
    let saved = (
        ctx.space.take(),
        ctx.net.take(),
        std::mem::take(&mut ctx.assumed),
    );
    let env = ctx.in_module(module, |ctx| {
        call::bind(ctx, &decl.name.text, &decl.params, args, &Env::default())
    });
    (ctx.space, ctx.net, ctx.assumed) = saved;
    let base = Base {
        decl: decl.clone(),
        module,
        env: env?,
        elaborated: OnceLock::new(),
        costs: OnceLock::new(),
        outputs: Mutex::default(),
        members: Mutex::default(),
    };
    let s = Arc::new(SpaceValue {
        id: NEXT.fetch_add(1, Ordering::Relaxed),
        name: decl.name.text.clone(),
        module,
        base: Arc::new(base),
        conditions: vec![],
        algebra: OnceLock::new(),
    });
    if let Some(k) = key
        && let Ok(mut all) = ctx.shared.spaces.lock()
    {
        all.insert(k, s.clone());
    }
    Ok(Value::Space(s))
}

/// Any value that stands for a space; one whose arguments all have defaults may be named without a call.
pub fn as_space(ctx: &mut Ctx, v: &Value, span: Span) -> Result<Arc<SpaceValue>> {
    match v.plain() {
        Value::Space(s) => Ok(s.clone()),
        Value::Func(f) => match &f.kind {
            FuncKind::Space { decl, module } => match instantiate(
                ctx,
                decl,
                *module,
                Args {
                    span,
                    ..Args::default()
                },
            )? {
                Value::Space(s) => Ok(s),
                _ => Err(fault("E0301", "a space is wanted").at(span, "here").into()),
            },
            _ => Err(fault(
                "E0301",
                format!("a space is wanted, and this is {}", v.kind()),
            )
            .at(span, "here")
            .into()),
        },
        other => Err(fault(
            "E0301",
            format!("a space is wanted, and this is {}", other.kind()),
        )
        .at(span, "here")
        .into()),
    }
}

/// `space where p, q`
pub fn restrict(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    conditions: &[Expr],
    env: &Env,
    _span: Span,
) -> Result<Value> {
    let mut all = s.conditions.clone();
    all.extend(
        conditions
            .iter()
            .map(|c| (c.clone(), env.clone(), ctx.module)),
    );
    Ok(Value::Space(Arc::new(SpaceValue {
        id: NEXT.fetch_add(1, Ordering::Relaxed),
        name: s.name.clone(),
        module: s.module,
        base: s.base.clone(),
        conditions: all,
        algebra: OnceLock::new(),
    })))
}

// ---- choices

/// `choose options`
pub fn choose(
    ctx: &mut Ctx,
    count: Option<&Expr>,
    options: &Expr,
    _ordered: bool,
    _distinct: bool,
    env: &Env,
    span: Span,
) -> Result<Value> {
    if let Some(c) = count {
        return Err(fault(
            "E0309",
            "choosing several of a list is not yet supported by this version",
        )
        .at(c.span, "here")
        .into());
    }
    let opts = ctx.eval(options, env)?;
    let opts = ctx.settle(opts);
    if let Value::Open(_) = opts {
        return Err(fault(
            "E0309",
            "options that depend on another choice are not yet supported by this version",
        )
        .at(options.span, "here")
        .into());
    }
    let mut labels: Vec<Arc<str>> = vec![];
    let mut values = vec![];
    match opts.plain() {
        Value::Record(r) => {
            for (k, v) in r.iter() {
                labels.push(k.clone());
                values.push(v.clone());
            }
        }
        Value::Dim(_) | Value::Interval(_) => {
            return Err(fault(
                "E0309",
                "options that depend on another choice are not yet supported by this version",
            )
            .at(options.span, "here")
            .into());
        }
        _ => {
            for v in access::items(ctx, &opts, options.span)? {
                labels.push(match v.plain() {
                    Value::Func(f) => func_name(f),
                    _ => access::key_text(&v),
                });
                values.push(v);
            }
        }
    }
    if values.is_empty() {
        return Err(fault("E0602", "a choice needs options")
            .at(options.span, "there are none")
            .into());
    }
    if let Some(i) = (1..labels.len()).find(|i| labels[..*i].contains(&labels[*i])) {
        return Err(fault(
            "E0108",
            format!("the option `{}` is given twice", labels[i]),
        )
        .at(options.span, "in these options")
        .into());
    }
    let Some(context) = ctx.space.clone() else {
        return Err(fault("E0107", "`choose` stands in a space")
            .at(span, "here")
            .help("declare a `space`, and give it what is open")
            .into());
    };
    let address: Arc<str> = {
        let inner = ctx.place.concat();
        match &mut ctx.net {
            Some(n) => {
                let path = n.place();
                format!(
                    "{path}{}{}",
                    if path.is_empty() || inner.is_empty() {
                        ""
                    } else {
                        "/"
                    },
                    if inner.is_empty() && path.is_empty() {
                        "choice"
                    } else {
                        &inner
                    }
                )
                .into()
            }
            None if inner.is_empty() => "choice".into(),
            None => inner.into(),
        }
    };
    match &context.choices {
        Choices::Member(a) => {
            let sites = a.space.sites();
            let found = sites.iter().position(|s| s.address == address);
            match found.and_then(|i| a.arch.0.get(i).copied().flatten()) {
                Some(o) if o < values.len() => Ok(Value::Picked(Arc::new(Picked {
                    label: labels[o].clone(),
                    index: o,
                    site: address,
                    value: values[o].clone(),
                }))),
                _ => Err(fault(
                    "E0605",
                    format!("the member has no option for the choice `{address}`"),
                )
                .at(span, "this choice")
                .into()),
            }
        }
        Choices::Open(sites) => {
            let Ok(mut all) = sites.lock() else {
                return Ok(Value::unknown());
            };
            let known = all.iter().position(|s| s.address == address);
            let id = match known {
                Some(i) => {
                    if all[i].labels != labels {
                        return Err(fault("E0309", format!("the choice `{address}` has different options in different members: not yet supported by this version"))
                            .at(span, "this choice")
                            .into());
                    }
                    let here = ctx.assumed.clone();
                    if !all[i].exists.contains(&here) && !all[i].exists.iter().any(|c| c.is_empty())
                    {
                        all[i].exists.push(here);
                    }
                    i
                }
                None => {
                    all.push(SiteInfo {
                        address: address.clone(),
                        labels: labels.clone(),
                        options: values.clone(),
                        exists: vec![ctx.assumed.clone()],
                        span,
                    });
                    all.len() - 1
                }
            };
            drop(all);
            let picked = labels
                .iter()
                .zip(&values)
                .enumerate()
                .map(|(i, (l, v))| {
                    Value::Picked(Arc::new(Picked {
                        label: l.clone(),
                        index: i,
                        site: address.clone(),
                        value: v.clone(),
                    }))
                })
                .collect();
            let table = Table {
                sites: vec![(id as u32, labels.len() as u32)],
                values: picked,
            };
            if values.len() == 1 {
                return Ok(table.values[0].clone());
            }
            // Whole numbers become a size; anything else stays a table of options.
            if values.iter().all(|v| matches!(v.plain(), Value::Int(..))) {
                crate::open::join(ctx, table, span)
            } else {
                Ok(Value::Open(Arc::new(table)))
            }
        }
    }
}

fn func_name(f: &Func) -> Arc<str> {
    match &f.kind {
        FuncKind::Decl { decl, .. } => decl.name.text.clone(),
        FuncKind::Builtin { name, .. } => (*name).into(),
        _ => crate::show::brief(&Value::Func(Arc::new(Func {
            kind: f.kind.clone(),
            bound: vec![],
            span: f.span,
        })))
        .into(),
    }
}

/// A size that depends on choices as an open value.
pub fn open_of(_ctx: &mut Ctx, v: &Value, span: Span) -> Result<Value> {
    match v.plain() {
        Value::Dim(d) => match d.as_table() {
            Some(t) => Ok(Value::Open(Arc::new(t.map(|v| Value::int(*v))))),
            None => Err(
                fault("E0304", format!("{d} is not known before anything runs"))
                    .at(span, "here")
                    .into(),
            ),
        },
        _ => Ok(v.clone()),
    }
}

// ---- members

/// `space[arch]`, `space["text"]`, `space[arch, weights]`, `space[arch, weights, policy]`
pub fn member(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    args: Vec<(Value, Span)>,
    span: Span,
) -> Result<Value> {
    let Some((first, at)) = args.first() else {
        return Err(fault("E0302", "which member?")
            .at(span, "here")
            .help("write `space[arch]`")
            .into());
    };
    let base = match first.plain() {
        Value::Arch(a) => NetBase::Member {
            space: s.clone(),
            arch: of_space(ctx, s, a, *at)?,
        },
        Value::Text(t) => NetBase::Member {
            space: s.clone(),
            arch: decode(ctx, s, t, *at)?,
        },
        Value::Unknown(_) => NetBase::AllMembers { space: s.clone() },
        Value::Invalid(_) => return Ok(first.clone()),
        Value::Record(_) => {
            return Err(fault(
                "E0309",
                "mixtures and members written as records are not yet supported by this version",
            )
            .at(*at, "here")
            .into());
        }
        other => {
            return Err(fault(
                "E0301",
                format!(
                    "a member is given by an architecture, not by {}",
                    other.kind()
                ),
            )
            .at(*at, "here")
            .into());
        }
    };
    if s.net_decl().is_none() {
        let e = s.elaborate(ctx)?;
        let (Some(v), NetBase::Member { arch, .. }) = (&e.value, &base) else {
            return Ok(Value::unknown());
        };
        let env = arch.env(ctx)?;
        return ctx.in_module(s.module, |ctx| ctx.eval(v, &env));
    }
    let weights = match args.get(1).map(|w| (w.0.plain().clone(), w.1)) {
        None => {
            // Fresh weights belong to the place in the text; all members there share the draws.
            let key = ctx.next_key();
            if matches!(base, NetBase::AllMembers { .. }) {
                NetWeights::Abstract
            } else {
                NetWeights::Fresh(key)
            }
        }
        Some((Value::Weights(w), _)) => {
            if matches!(base, NetBase::AllMembers { .. }) {
                NetWeights::Abstract
            } else {
                NetWeights::Stored(w)
            }
        }
        Some((Value::Unknown(_), _)) => NetWeights::Abstract,
        Some((Value::Invalid(r), _)) => return Ok(Value::Invalid(r)),
        Some((other, at)) => {
            return Err(fault(
                "E0301",
                format!("a member reads weights, and this is {}", other.kind()),
            )
            .at(at, "here")
            .into());
        }
    };
    // Of a member that is not known yet, nothing but what all share can be told: the policy marks it.
    let some = matches!(base, NetBase::AllMembers { .. });
    let policy = if some {
        Some(Value::unknown())
    } else {
        args.get(2).map(|p| p.0.clone())
    };
    Ok(net::member_net(base, weights, policy))
}

/// An architecture of this space or of one with the same choices.
fn of_space(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    a: &Arc<ArchValue>,
    at: Span,
) -> Result<Arc<ArchValue>> {
    if Arc::ptr_eq(&s.base, &a.space.base) {
        return Ok(a.clone());
    }
    s.elaborate(ctx)?;
    a.space.elaborate(ctx)?;
    let (mine, other) = (s.sites(), a.space.sites());
    let same = mine.len() == other.len()
        && mine
            .iter()
            .zip(&other)
            .all(|(x, y)| x.address == y.address && x.labels == y.labels);
    if !same {
        return Err(fault(
            "E0605",
            format!(
                "this architecture is of `{}`, which has other choices than `{}`",
                a.space.name, s.name
            ),
        )
        .at(at, "here")
        .into());
    }
    Ok(ArchValue::new(s.clone(), a.arch.clone()))
}

/// Reads a member's text; what cannot be read is pointed at.
pub fn decode(ctx: &mut Ctx, s: &Arc<SpaceValue>, text: &str, at: Span) -> Result<Arc<ArchValue>> {
    let a = s.algebra(ctx, at)?;
    let Some(t) = &a.template else {
        return Err(fault(
            "E0603",
            format!("`{}` has no `encoding`, so no text can be read", s.name),
        )
        .at(at, "here")
        .into());
    };
    match t.decode_raw(text) {
        Ok(m) => {
            if !s.conditions.is_empty() || !a.space.model().predicates.is_empty() {
                a.space.contains(&m).map_err(|w| {
                    fault(
                        "E0605",
                        format!("this architecture is not in the space: {w}"),
                    )
                    .at(at, "here")
                })?;
            }
            Ok(ArchValue::new(s.clone(), m))
        }
        Err(e) => {
            let shown = format!("{text}\n{}^", " ".repeat(e.at));
            let mut d = fault(
                "E0603",
                format!(
                    "this text is not an architecture of `{}`: character {} cannot be read",
                    s.name,
                    e.at + 1
                ),
            )
            .at(at, "here");
            for line in shown.lines() {
                d = d.note(line.to_string());
            }
            if !e.expected.is_empty() {
                let mut shown: Vec<String> = e
                    .expected
                    .iter()
                    .take(8)
                    .map(|x| format!("`{x}`"))
                    .collect();
                if e.expected.len() > 8 {
                    shown.push("…".into());
                }
                d = d.help(format!("expected there: {}", shown.join(", ")));
            }
            Err(d.into())
        }
    }
}

/// `a.op`, `a.depth`: what the space declares, in this member.
pub fn arch_field(
    ctx: &mut Ctx,
    a: &Arc<ArchValue>,
    key: &str,
    _span: Span,
) -> Result<Option<Value>> {
    if key == "text" {
        a.space.algebra(ctx, Span::default())?;
        return Ok(Some(Value::text(a.text())));
    }
    if !a.space.names().iter().any(|n| n == key) {
        return Ok(None);
    }
    let env = a.env(ctx)?;
    Ok(match env.find(key) {
        Some(Found::Value(v)) => Some(v),
        _ => None,
    })
}

pub fn space_field(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    key: &str,
    span: Span,
) -> Result<Option<Value>> {
    match key {
        "name" => return Ok(Some(Value::text(s.name.clone()))),
        "sites" => {
            s.prove(ctx)?;
            let sites = s.sites();
            return Ok(Some(Value::list(
                (0..sites.len())
                    .map(|i| site_value(&sites, i, None))
                    .collect(),
            )));
        }
        _ => {}
    }
    let e = s.elaborate(ctx)?;
    let _ = span;
    if !s.names().iter().any(|n| n == key) {
        return Ok(None);
    }
    Ok(match e.env.find(key) {
        Some(Found::Value(v)) => Some(v),
        _ => None,
    })
}

pub fn site_value(sites: &[SiteInfo], i: usize, allowed: Option<&[usize]>) -> Value {
    let s = &sites[i];
    let all: Vec<usize> = (0..s.labels.len()).collect();
    let options = allowed
        .unwrap_or(&all)
        .iter()
        .map(|o| {
            Value::Picked(Arc::new(Picked {
                label: s.labels[*o].clone(),
                index: *o,
                site: s.address.clone(),
                value: s.options[*o].clone(),
            }))
        })
        .collect();
    Value::Site(Arc::new(SiteValue {
        id: i,
        address: s.address.clone(),
        options,
    }))
}

pub fn site_field(s: &Arc<SiteValue>, key: &str) -> Option<Value> {
    match key {
        "options" => Some(Value::list(s.options.clone())),
        "address" => Some(Value::text(s.address.clone())),
        "name" => {
            let end = s.address.find(['[', '.']).unwrap_or(s.address.len());
            Some(Value::Label(s.address[..end].into()))
        }
        "index" => Some(Value::int(s.id as i64)),
        _ => None,
    }
}

/// `a[site]`: the option taken there; invalid where the site does not exist.
pub fn arch_at(_ctx: &mut Ctx, a: &Arc<ArchValue>, s: &Arc<SiteValue>, _at: Span) -> Result<Value> {
    let sites = a.space.sites();
    let Some(i) = sites.iter().position(|x| x.address == s.address) else {
        return Ok(Value::invalid("no such site"));
    };
    Ok(match a.arch.0.get(i).copied().flatten() {
        Some(o) => Value::Picked(Arc::new(Picked {
            label: sites[i].labels[o].clone(),
            index: o,
            site: s.address.clone(),
            value: sites[i].options[o].clone(),
        })),
        None => Value::invalid("the site does not exist in this member"),
    })
}

/// `space.build(f)`: asks f for an option at each site that exists.
pub fn build_with(ctx: &mut Ctx, s: &Arc<SpaceValue>, mut args: Args) -> Result<Value> {
    let f = args.need("f")?;
    let span = args.span;
    let a = s.algebra(ctx, span)?;
    let sites = s.sites();
    let key = ctx.next_key();
    if ctx.checking() {
        // One site is tried, so that what is wrong in f shows.
        if !sites.is_empty() {
            call::apply(ctx, f, site_value(&sites, 0, None), span)?;
        }
        return Ok(Value::unknown());
    }
    let made = a
        .space
        .build(|_, site, allowed, _| -> std::result::Result<usize, Fault> {
            let v = site_value(&sites, site, Some(allowed));
            let answer = ctx.under(key.child(site as u64), |ctx| {
                call::apply(ctx, f.clone(), v, span)
            })?;
            let option = match &answer {
                Value::Picked(p)
                    if p.site == sites[site].address || sites[site].labels.contains(&p.label) =>
                {
                    sites[site].labels.iter().position(|l| *l == p.label)
                }
                Value::Label(l) | Value::Text(l) => sites[site].labels.iter().position(|x| x == l),
                other => sites[site]
                    .options
                    .iter()
                    .position(|o| number::equal(o, other) == Some(true)),
            };
            match option {
                Some(o) if allowed.contains(&o) => Ok(o),
                // An option that would leave the space gives way to one that can be completed.
                Some(_) => {
                    let mut stream = key.named("repair").child(site as u64).stream();
                    Ok(allowed[stream.below(allowed.len() as u64) as usize])
                }
                None => Err(fault(
                    "E0605",
                    format!(
                        "{} is not an option of `{}`",
                        crate::show::brief(&answer),
                        sites[site].address
                    ),
                )
                .at(span, "here")
                .into()),
            }
        });
    match made {
        Ok(m) => Ok(Value::Arch(ArchValue::new(s.clone(), m))),
        Err(algebra::BuildError::Caller(f)) => Err(f),
        Err(algebra::BuildError::Empty) => Err(fault(
            "E0601",
            format!("`{}` has no member under its conditions", s.name),
        )
        .at(span, "here")
        .into()),
        Err(algebra::BuildError::TooHard(e)) => Err(too_hard(e, span)),
        Err(algebra::BuildError::NotOffered { .. }) => {
            Ok(Value::invalid("an option that cannot be completed"))
        }
    }
}

/// `a with { depth: 12, layers[*].heads: 3 }`
pub fn edit_arch(
    ctx: &mut Ctx,
    a: &Arc<ArchValue>,
    entries: &[WithEntry],
    env: &Env,
    span: Span,
) -> Result<Value> {
    let sites = a.space.sites();
    let mut arch = a.arch.clone();
    for e in entries {
        let WithTarget::Path(p) = &e.target else {
            return Err(fault(
                "E0309",
                "this kind of edit is not yet supported by this version",
            )
            .at(e.span, "here")
            .into());
        };
        let pattern = address_pattern(ctx, p, env)?;
        let mut met = false;
        for (i, s) in sites.iter().enumerate() {
            if !matches_address(&pattern, &s.address) || arch.0[i].is_none() {
                continue;
            }
            met = true;
            let old = arch.0[i]
                .map(|o| s.options[o].clone())
                .unwrap_or(Value::None);
            let v = ctx.eval(&e.value, &env.bind("it".into(), old))?;
            let o = match &v {
                Value::Picked(p) => s.labels.iter().position(|l| *l == p.label),
                Value::Label(l) | Value::Text(l) => s.labels.iter().position(|x| x == l),
                other => s
                    .options
                    .iter()
                    .position(|o| number::equal(o, other) == Some(true)),
            };
            match o {
                Some(o) => arch.0[i] = Some(o),
                None => {
                    return Ok(Value::invalid(format!(
                        "{} is not an option of {}",
                        crate::show::brief(&v),
                        s.address
                    )));
                }
            }
        }
        if !met {
            return Err(
                fault("E0605", format!("`{pattern}` is no choice of this member"))
                    .at(p.span, "here")
                    .into(),
            );
        }
    }
    let alg = a.space.algebra(ctx, span)?;
    match alg.space.contains(&arch) {
        Ok(()) => Ok(Value::Arch(ArchValue::new(a.space.clone(), arch))),
        Err(w) => Ok(Value::invalid(format!("{w}"))),
    }
}

fn address_pattern(ctx: &mut Ctx, e: &Expr, env: &Env) -> Result<String> {
    Ok(match &e.kind {
        ExprKind::Name(n) => n.text.to_string(),
        ExprKind::Field { base, name } => {
            format!("{}.{}", address_pattern(ctx, base, env)?, name.text)
        }
        ExprKind::Index { base, args } => {
            let b = address_pattern(ctx, base, env)?;
            match args.first() {
                Some(ast::IndexArg::At(i)) => {
                    let v = ctx.eval(i, env)?;
                    format!("{b}[{}]", access::whole(ctx, &v, i.span)?)
                }
                _ => format!("{b}[*]"),
            }
        }
        _ => {
            return Err(fault("E0309", "this is not a choice")
                .at(e.span, "here")
                .into());
        }
    })
}

fn matches_address(pattern: &str, address: &str) -> bool {
    match pattern.split_once("[*]") {
        None => pattern == address,
        Some((head, tail)) => {
            let Some(rest) = address.strip_prefix(head) else {
                return false;
            };
            let Some(end) = rest.find(']') else {
                return false;
            };
            rest.starts_with('[')
                && matches_address(&format!("{head}{}{tail}", &rest[..=end]), address)
        }
    }
}

// ---- costs and conditions

pub fn too_hard(e: algebra::TooHard, span: Span) -> Fault {
    fault("E0606", e.to_string()).at(span, "asked here").into()
}

/// Arithmetic and comparison of costs over a space.
pub fn terms_binary(
    _ctx: &mut Ctx,
    op: BinaryOp,
    a: &Value,
    b: &Value,
    span: Span,
) -> Result<Value> {
    let bad = || {
        Fault::from(
            fault(
                "E0309",
                format!(
                    "`{}` of costs over a space is not yet supported by this version",
                    number::symbol(op)
                ),
            )
            .at(span, "here"),
        )
    };
    let negate = |t: &Terms| Terms {
        tables: t.tables.iter().map(|t| t.map(|v| -v)).collect(),
        ..t.clone()
    };
    let whole = |v: &Value| match v.plain() {
        Value::Int(i, _) => Some((*i, *i)),
        Value::Float(f, _) => Some((f.floor() as i64, f.ceil() as i64)),
        _ => None,
    };
    let units = |u: Unit, v: &Value| -> Result<()> {
        let w = number::unit_of(v);
        if u != w && w != Unit::One && u != Unit::One {
            return Err(fault(
                "E0305",
                format!("{} and {} cannot be compared", u.name(), w.name()),
            )
            .at(span, "these have different units")
            .into());
        }
        Ok(())
    };
    match (a.plain(), b.plain()) {
        (Value::Terms(x), Value::Terms(y)) => {
            let y = if op == BinaryOp::Sub {
                negate(y)
            } else if op == BinaryOp::Add {
                (**y).clone()
            } else {
                return Err(bad());
            };
            let tables = x.tables.iter().chain(&y.tables).cloned().collect();
            Ok(Value::Terms(Arc::new(Terms {
                tables,
                ..(**x).clone()
            })))
        }
        (Value::Terms(x), n) => {
            units(x.unit, b)?;
            let Some((floor, ceil)) = whole(n) else {
                return Err(bad());
            };
            let window = |low, high| {
                Ok(Value::Window(Arc::new(WindowValue {
                    terms: x.clone(),
                    low,
                    high,
                })))
            };
            match op {
                BinaryOp::Le => window(None, Some(floor)),
                BinaryOp::Lt => window(None, Some(ceil - 1)),
                BinaryOp::Ge => window(Some(ceil), None),
                BinaryOp::Gt => window(Some(floor + 1), None),
                BinaryOp::Eq if floor == ceil => window(Some(floor), Some(floor)),
                BinaryOp::Add | BinaryOp::Sub if floor == ceil => {
                    let mut tables = x.tables.clone();
                    tables.push(Table::constant(if op == BinaryOp::Add {
                        floor
                    } else {
                        -floor
                    }));
                    Ok(Value::Terms(Arc::new(Terms {
                        tables,
                        ..(**x).clone()
                    })))
                }
                BinaryOp::Mul if floor == ceil => {
                    let tables = x
                        .tables
                        .iter()
                        .map(|t| t.map(|v| v.saturating_mul(floor)))
                        .collect();
                    Ok(Value::Terms(Arc::new(Terms {
                        tables,
                        ..(**x).clone()
                    })))
                }
                _ => Err(bad()),
            }
        }
        (_, Value::Terms(_)) => {
            let turned = match op {
                BinaryOp::Le => BinaryOp::Ge,
                BinaryOp::Lt => BinaryOp::Gt,
                BinaryOp::Ge => BinaryOp::Le,
                BinaryOp::Gt => BinaryOp::Lt,
                BinaryOp::Add | BinaryOp::Mul | BinaryOp::Eq => op,
                _ => return Err(bad()),
            };
            terms_binary(_ctx, turned, b, a, span)
        }
        _ => Err(bad()),
    }
}

/// Two conditions that both hold.
pub fn both(ctx: &mut Ctx, a: Value, b: Value, span: Span) -> Result<Value> {
    if let (Value::Window(x), Value::Window(y)) = (&a, &b) {
        return Ok(Value::Window(Arc::new(WindowValue {
            terms: x.terms.clone(),
            low: x.low.or(y.low),
            high: x.high.or(y.high),
        })));
    }
    match (a.plain(), b.plain()) {
        (Value::Bool(true), _) => Ok(b),
        (Value::Bool(false), _) => Ok(a),
        (_, Value::Bool(true)) => Ok(a),
        (_, Value::Bool(false)) => Ok(b),
        (Value::Open(_), _) => ctx.cases(a, span, &mut |ctx, a| both(ctx, a, b.clone(), span)),
        (Value::Tensor(x, _), Value::Tensor(y, _)) => x
            .binary(nas_ir::Binary::And, y)
            .map(|t| Value::Tensor(t, crate::value::Element::Bool))
            .map_err(|e| ctx.shape_fault(e, span)),
        _ => Ok(Value::unknown()),
    }
}

/// A condition with every choice open, as its parts: each a truth value, a table of them, or a window on a cost.
pub fn condition_parts(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    e: &Expr,
    env: &Env,
    out: &mut Vec<(Value, Span)>,
) -> Result<()> {
    match &e.kind {
        ExprKind::Binary {
            op: BinaryOp::And,
            left,
            right,
        } => {
            condition_parts(ctx, s, left, env, out)?;
            condition_parts(ctx, s, right, env, out)
        }
        ExprKind::Unary {
            op: UnaryOp::Not,
            value,
        } => {
            if let Some(items) = quantified(ctx, value, "any", env)? {
                for v in items {
                    let v = ctx.not(v, e.span)?;
                    out.push((v, e.span));
                }
                return Ok(());
            }
            let v = condition_value(ctx, s, e, env)?;
            out.push((v, e.span));
            Ok(())
        }
        _ => {
            if let Some(items) = quantified(ctx, e, "all", env)? {
                out.extend(items.into_iter().map(|v| (v, e.span)));
                return Ok(());
            }
            let v = condition_value(ctx, s, e, env)?;
            out.push((v, e.span));
            Ok(())
        }
    }
}

/// The elements of `any(… for …)` or `all(… for …)`.
fn quantified(ctx: &mut Ctx, e: &Expr, which: &str, env: &Env) -> Result<Option<Vec<Value>>> {
    let ExprKind::Call { callee, args, .. } = &e.kind else {
        return Ok(None);
    };
    let (ExprKind::Name(n), [arg]) = (&callee.kind, &args[..]) else {
        return Ok(None);
    };
    if &*n.text != which {
        return Ok(None);
    }
    let v = ctx.eval(&arg.value, env)?;
    match v.plain() {
        Value::List(l) => Ok(Some(l.to_vec())),
        _ => Ok(None),
    }
}

fn condition_value(ctx: &mut Ctx, s: &Arc<SpaceValue>, e: &Expr, env: &Env) -> Result<Value> {
    // `macs <= 100M`: a function of a net on one side stands for every member's.
    let subject = |ctx: &mut Ctx, v: Value| -> Result<Value> {
        match v.plain() {
            Value::Func(_) => {
                let n = Value::Net(Arc::new(NetValue::new(
                    NetBase::AllMembers { space: s.clone() },
                    NetWeights::Abstract,
                )));
                call::apply(ctx, v, n, e.span)
            }
            _ => Ok(v),
        }
    };
    match &e.kind {
        ExprKind::Unary {
            op: UnaryOp::Not,
            value,
        } => {
            let v = condition_value(ctx, s, value, env)?;
            ctx.not(v, e.span)
        }
        ExprKind::Binary { op, left, right } if !matches!(op, BinaryOp::And | BinaryOp::Or) => {
            let a = ctx.eval(left, env)?;
            let b = ctx.eval(right, env)?;
            let (a, b) = (subject(ctx, a)?, subject(ctx, b)?);
            number::binary(ctx, *op, a, b, e.span)
        }
        ExprKind::In {
            value,
            collection,
            negated: false,
        } => {
            let a = ctx.eval(value, env)?;
            let a = subject(ctx, a)?;
            let c = ctx.eval(collection, env)?;
            access::contains(ctx, a, c, e.span)
        }
        _ => {
            let v = ctx.eval(e, env)?;
            match v.plain() {
                // A predicate of a member is given the member with everything open.
                Value::Func(_) => {
                    let m = open_member(s);
                    call::apply(ctx, v, m, e.span)
                }
                _ => Ok(v),
            }
        }
    }
}

/// A stand-in for any member: what the space declares, open.
pub fn open_member(s: &Arc<SpaceValue>) -> Value {
    let mut r = crate::value::Fields::new();
    if let Some(e) = s.base.elaborated.get() {
        for n in s.names() {
            if let Some(Found::Value(v)) = e.env.find(&n) {
                r.insert(n.into(), v);
            }
        }
    }
    Value::record(r)
}
