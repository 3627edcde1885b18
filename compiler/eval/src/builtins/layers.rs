//! A net layer by layer: its weighted layers with their costs, and the memory that what flows through it takes.

use super::costs::{CONTRACTIONS, entries, on_shape};
use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::net::{self, NetBase};
use crate::value::{BuiltinFn, Fields, Known, Unit, Value};
use crate::{Result, number};
use indexmap::IndexMap;
use nas_diagnostics::Span;
use nas_ir::{Dim, Op, Tensor};
use std::collections::HashMap;
use std::sync::Arc;

pub const LAYERS: &[(&str, BuiltinFn)] = &[("layers", layers), ("peak_elements", peak_elements)];

/// The blocks whose weights multiply what comes in, in order: path, kind, weights (without biases) and MACs.
fn layers(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("net")?;
    let on = on_shape(ctx, args)?;
    let bits = [args.take_named("weights"), args.take_named("activations")];
    if v.is_unknown() {
        return Ok(Value::Unknown(Known::List));
    }
    struct Layer {
        kind: Arc<str>,
        params: Dim,
        weights: Dim,
        macs: Dim,
        weighted: bool,
    }
    let all = entries(ctx, &v, on, span)?;
    let mut found: IndexMap<Arc<str>, Layer> = IndexMap::new();
    for e in all.iter() {
        let l = found.entry(e.path.clone()).or_insert_with(|| Layer {
            kind: e.kind.clone(),
            params: Dim::Const(0),
            weights: Dim::Const(0),
            macs: Dim::Const(0),
            weighted: false,
        });
        let sum = match &*e.item {
            "params" => {
                // A bias has one axis that is not 1.
                if e.out.iter().filter(|d| d.known() != Some(1)).count() > 1 {
                    l.weights = l
                        .weights
                        .add(&e.amount)
                        .map_err(|e| ctx.shape_fault(e.into(), span))?;
                }
                &mut l.params
            }
            item if CONTRACTIONS.contains(&item) => {
                l.weighted |= item != "matmul";
                &mut l.macs
            }
            _ => continue,
        };
        *sum = sum
            .add(&e.amount)
            .map_err(|e| ctx.shape_fault(e.into(), span))?;
    }
    found.retain(|_, l| l.weighted);
    let mut widths = vec![];
    for (name, given) in ["bits", "activation_bits"].into_iter().zip(bits) {
        if let Some(given) = given {
            widths.push((name, per_layer(ctx, &given, found.len(), span)?));
        }
    }
    let rows = found.into_iter().enumerate().map(|(i, (path, l))| {
        let mut r = Fields::new();
        r.insert("path".into(), Value::text(path));
        r.insert("kind".into(), Value::text(l.kind));
        r.insert("params".into(), number::of_dim(l.params));
        r.insert("weights".into(), number::of_dim(l.weights));
        r.insert("macs".into(), number::of_dim(l.macs));
        for (name, w) in &widths {
            r.insert((*name).into(), w[i].clone());
        }
        Value::record(r)
    });
    Ok(Value::list(rows.collect()))
}

/// One value a layer: a list of as many, or one for all.
fn per_layer(ctx: &mut Ctx, v: &Value, layers: usize, span: Span) -> Result<Vec<Value>> {
    let v = ctx.settle(v.clone());
    let Value::List(l) = v.plain() else {
        return Ok(vec![v; layers]);
    };
    if l.len() != layers {
        return Err(fault(
            "E0301",
            format!(
                "bits are given for {} layers, and {layers} have weights",
                l.len()
            ),
        )
        .at(span, "here")
        .help("`layers(net)` lists them")
        .into());
    }
    Ok(l.to_vec())
}

/// The most elements alive at once while one input goes through a net, weights apart.
fn peak_elements(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let v = args.need("net")?;
    let on = on_shape(ctx, args)?;
    if v.is_unknown() {
        return Ok(Value::Unknown(Known::Number));
    }
    let n = net::as_net(ctx, &v, span)?;
    if matches!(n.base, NetBase::AllMembers { .. }) {
        return Err(fault(
            "E0606",
            "the peak of a net's memory is a maximum over steps, not a sum: it is told of one member",
        )
        .at(span, "of a whole space")
        .help("ask for members: `[memory(space[a]) for a in sample(space, 100)]`")
        .into());
    }
    let x = net::stand_in_input(ctx, &n, Dim::Const(1), on, span)?;
    let Value::Net(bare) = net::infer_abstract(&n) else {
        return Ok(Value::unknown());
    };
    // Every step counts, also of blocks that were gone through before.
    let alike = ctx.alike.take();
    let ran = net::run(ctx, &bare, Args::one(x, span), None, false);
    ctx.alike = alike;
    let (out, ..) = ran?;
    let mut outputs = vec![];
    tensors(&out, &mut outputs);
    Ok(Value::Int(peak(&outputs).unwrap_or(0), Unit::One))
}

fn tensors(v: &Value, out: &mut Vec<Tensor>) {
    match v.plain() {
        Value::Tensor(t, _) => out.push(t.clone()),
        Value::List(l) => l.iter().for_each(|v| tensors(v, out)),
        Value::Record(r) => r.values().for_each(|v| tensors(v, out)),
        _ => {}
    }
}

/// Elements of a tensor, where they are known.
fn elements(t: &Tensor) -> Option<i64> {
    t.sizes().map(|s| s.iter().product::<usize>() as i64)
}

/// The same elements under another shape or type, or with zeros around them that a kernel makes itself.
fn view(op: &Op) -> bool {
    matches!(
        op,
        Op::Reshape
            | Op::Permute(_)
            | Op::Expand
            | Op::Slice { .. }
            | Op::Pad { .. }
            | Op::Cast(_)
            | Op::Stop
            | Op::Mark(_)
    )
}

/// Walks what the outputs need in the order of the text. A buffer lives from the step that fills it to the last that reads it;
/// a point-wise step writes into an operand that ends there; views take nothing.
fn peak(outputs: &[Tensor]) -> Option<i64> {
    let mut live: HashMap<u64, Tensor> = HashMap::new();
    let mut stack: Vec<Tensor> = outputs.to_vec();
    while let Some(t) = stack.pop() {
        if t.0.fixed || live.contains_key(&t.0.id) {
            continue;
        }
        stack.extend(t.0.inputs.iter().cloned());
        live.insert(t.0.id, t);
    }
    let mut order: Vec<&Tensor> = live.values().collect();
    order.sort_unstable_by_key(|t| t.0.id);
    // The buffer behind each tensor, through views.
    let mut buffer: HashMap<u64, u64> = HashMap::new();
    let mut last: HashMap<u64, usize> = HashMap::new();
    for (step, t) in order.iter().enumerate() {
        let of = |i: &Tensor| buffer.get(&i.0.id).copied();
        let own = match t.0.inputs.iter().find(|i| !i.0.fixed) {
            Some(i) if view(&t.0.op) => of(i).unwrap_or(t.0.id),
            _ => t.0.id,
        };
        for i in t.0.inputs.iter().filter_map(of) {
            last.insert(i, step);
        }
        buffer.insert(t.0.id, own);
        last.insert(own, step);
    }
    for o in outputs {
        if let Some(b) = buffer.get(&o.0.id) {
            last.insert(*b, order.len());
        }
    }
    let (mut alive, mut most) = (0i64, 0i64);
    let mut sizes: HashMap<u64, i64> = HashMap::new();
    for (step, t) in order.iter().enumerate() {
        let mut ended: Vec<u64> =
            t.0.inputs
                .iter()
                .filter_map(|i| buffer.get(&i.0.id).copied())
                .filter(|b| last.get(b) == Some(&step))
                .collect();
        ended.sort_unstable();
        ended.dedup();
        if buffer.get(&t.0.id) == Some(&t.0.id) {
            let size = elements(t)?;
            let point_wise = matches!(
                t.0.op,
                Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Surrogate
            );
            let taken = point_wise
                .then(|| ended.iter().position(|b| sizes.get(b) == Some(&size)))
                .flatten();
            match taken {
                Some(i) => {
                    sizes.remove(&ended.remove(i));
                }
                None => alive += size,
            }
            sizes.insert(t.0.id, size);
            most = most.max(alive);
        }
        for b in ended {
            alive -= sizes.remove(&b).unwrap_or(0);
        }
    }
    Some(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nas_ir::{DType, Unary};

    fn input(n: i64) -> Tensor {
        let shape = [Dim::Const(1), Dim::Const(n)].into_iter().collect();
        Tensor::symbol("input", shape, DType::F32)
    }

    #[test]
    fn a_point_wise_step_takes_the_place_of_its_operand() {
        let x = input(10);
        let y = x.unary(Unary::Relu).unary(Unary::Exp);
        assert_eq!(peak(&[y]), Some(10));
    }

    #[test]
    fn a_shortcut_stays_alive() {
        let x = input(10);
        let parts = [x.clone(), x.clone()];
        let wide = Tensor::concat(&parts, 1).unwrap();
        let narrow = wide.slice(1, Dim::Const(0), Dim::Const(10), 1).unwrap();
        let y = narrow.binary(nas_ir::Binary::Add, &x).unwrap();
        // Input and both copies of it; then the sum beside nothing else that must stay.
        assert_eq!(peak(&[y]), Some(30));
    }
}
