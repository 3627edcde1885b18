//! Spaces: elaborated once with every choice open, then counted, drawn from, and read member by member.

pub mod body;
mod choose;
pub mod classes;
pub mod conditions;
mod costs;
mod dependent;
mod edit;
mod exists;
mod held;
mod members;
pub mod mixture;
mod record;
mod several;
mod sites;
mod windows;

pub use body::{as_space, instantiate, modulo, restrict};
pub use choose::{choose, open_of};
pub use conditions::{Cond, alternatives, both, condition, open_member};
pub use costs::{sum_terms, terms_binary, terms_value, too_hard};
pub(crate) use edit::matches_address;
pub use edit::{address_pattern, edit_arch};
pub use exists::model as model_of;
pub use members::{
    arch_at, arch_field, build_with, decode, member, site_field, site_value, space_field,
};
pub use windows::{Measure, WindowValue};

use crate::Result;
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::net::{self, CostEntry, NetBase, NetValue, NetWeights};
use crate::program::ModuleId;
use crate::value::{Unit, Value};
use body::body_of;
use nas_diagnostics::Span;
use nas_grammar::ast::{self, Expr, NetDecl, SpaceDecl, StmtKind};
use nas_ir::{Dim, Table};
use nas_space as algebra;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

/// One choice, as elaboration met it.
#[derive(Debug, Clone)]
pub struct SiteInfo {
    pub address: Arc<str>,
    /// The address without the number that tells two choices of one place apart.
    pub base: Arc<str>,
    pub labels: Vec<Arc<str>>,
    pub options: Vec<Value>,
    /// Under which options of earlier sites it exists: one of these conjunctions. Empty conjunction: always.
    pub exists: Vec<Vec<(u32, usize)>>,
    /// Which options are offered, given those of earlier sites: one case of each list holds. None: all, always.
    pub offers: Vec<Vec<(Vec<(u32, usize)>, Vec<usize>)>>,
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
    elaborated: held::Held<Arc<Elaborated>>,
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
    /// `modulo`: equivalences, with the scope they were written in.
    pub modulo: Vec<(Expr, Env, ModuleId)>,
    algebra: OnceLock<Arc<Algebra>>,
}

/// The space as its algebra sees it.
pub struct Algebra {
    pub space: algebra::Space,
    pub sampler: OnceLock<algebra::Sampler>,
    pub template: Option<algebra::Template>,
    /// Of a quotient: its classes.
    pub classes: OnceLock<Arc<classes::Classes>>,
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
    /// Shares of options, where some choice is not decided; such a choice has no option in `arch`.
    pub mixture: Option<Arc<mixture::Mixture>>,
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
        match self
            .base
            .elaborated
            .get()
            .map(|e| e.context.choices.clone())
        {
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
            if let StmtKind::Let { pattern, .. } = &s.kind {
                out.extend(pattern.names().iter().map(|n| n.text.to_string()));
            }
        }
        out
    }

    /// The declaration evaluated with every choice open; done once.
    /// The declaration with every choice open, where it has been evaluated already.
    pub fn elaborated(&self) -> Option<Arc<Elaborated>> {
        self.base.elaborated.get()
    }

    /// Equal for all restrictions of one space, while one of them lives.
    pub fn base_id(&self) -> usize {
        Arc::as_ptr(&self.base) as usize
    }

    pub fn elaborate(self: &Arc<Self>, ctx: &mut Ctx) -> Result<Arc<Elaborated>> {
        if let Some(e) = self.base.elaborated.get() {
            return Ok(e);
        }
        let sites = Arc::new(Mutex::new(vec![]));
        let context = SpaceContext {
            space: self.clone(),
            choices: Choices::Open(sites),
        };
        let body = ctx.once(|ctx| body_of(ctx, self, context.clone(), true))?;
        let e = Arc::new(Elaborated {
            env: body.env,
            context,
            net: self.net_decl(),
            value: body.value,
            encoding: body.encoding,
            conditions: body.conditions,
        });
        Ok(self.base.elaborated.get_or_init(|| e))
    }

    /// Every member's net, evaluated once: shapes are proved, choices inside are found, costs are summed.
    pub fn prove(self: &Arc<Self>, ctx: &mut Ctx) -> Result<Arc<Vec<CostEntry>>> {
        if let Some(c) = self.base.costs.get() {
            return Ok(c.clone());
        }
        if ctx.proving.contains(&self.base_id()) {
            return Err(crate::ctx::fault(
                "E0606",
                "these costs follow from shapes that are being proved",
            )
            .into());
        }
        let e = self.elaborate(ctx)?;
        let costs = ctx.once(|ctx| match &e.net {
            None => Ok(vec![]),
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
                Ok(net::run(ctx, &n, Args::one(x, span), None, true)?.2)
            }
        })?;
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
        let v = ctx.once(|ctx| net::run(ctx, n, args, None, false))?.0;
        if let Ok(mut o) = self.base.outputs.lock() {
            o.insert(key, v.clone());
        }
        Ok(v)
    }

    pub fn algebra(self: &Arc<Self>, ctx: &mut Ctx, span: Span) -> Result<Arc<Algebra>> {
        if let Some(a) = self.algebra.get() {
            return Ok(a.clone());
        }
        let a = Arc::new(ctx.once(|ctx| crate::model::build(ctx, self, span))?);
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
        states: bool,
        span: Span,
    ) -> Result<HashMap<Arc<str>, Vec<i64>>> {
        crate::weights::slot_shapes(ctx, self, policy, states, span)
    }
}

impl ArchValue {
    pub fn new(space: Arc<SpaceValue>, arch: algebra::Arch) -> Arc<ArchValue> {
        Arc::new(ArchValue::plain(space, arch))
    }

    fn plain(space: Arc<SpaceValue>, arch: algebra::Arch) -> ArchValue {
        ArchValue {
            space,
            arch,
            mixture: None,
            env: OnceLock::new(),
        }
    }

    /// The space's declaration evaluated with this member's options.
    pub fn env(self: &Arc<Self>, ctx: &mut Ctx) -> Result<Env> {
        if let Some(e) = self.env.get() {
            return Ok(e.clone());
        }
        self.space.elaborate(ctx)?;
        let context = SpaceContext::member(self.space.clone(), self.clone());
        let space = self.space.clone();
        let body = ctx.once(|ctx| body_of(ctx, &space, context, false))?;
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
