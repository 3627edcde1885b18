//! Values that are nets: as written, a block, a space's member; with weights, a mode, another element type.

use super::{NetBase, NetValue, NetWeights};
use crate::Result;
use crate::ctx::{Ctx, fault};
use crate::env::Env;
use crate::value::{FuncKind, Value};
use crate::weights::WeightsValue;
use nas_diagnostics::Span;
use nas_grammar::ast::{self, NetDecl, TypeKind};
use nas_ir::DType;
use std::sync::Arc;

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
        // A training that ended as invalid: what is made of it is invalid for the same reason.
        Value::Invalid(_) => Ok(w.clone()),
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

/// A member that is not known yet, of a space that reads these weights: stand-ins for theirs.
pub fn some_member(base: NetBase, of: &WeightsValue, policy: Option<Value>) -> Value {
    let mut n = NetValue::new(base, NetWeights::Abstract);
    (n.policy, n.reads) = (policy, Some(of.id));
    Value::Net(Arc::new(n))
}

/// The net at inference, with stand-ins for its weights.
pub fn infer_abstract(n: &Arc<NetValue>) -> Value {
    Value::Net(n.derived(|n| {
        n.weights = NetWeights::Abstract;
        n.train = Some(false);
        n.policy = None;
    }))
}

pub fn at_mode(ctx: &mut Ctx, v: Value, train: bool, span: Span) -> Result<Value> {
    match v.plain() {
        Value::Net(n) => Ok(Value::Net(n.derived(|n| n.train = Some(train)))),
        Value::Unknown(_) | Value::Invalid(_) => Ok(v),
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
