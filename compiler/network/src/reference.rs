//! A slow, plain evaluator in f64, by loops over indices: what every executor and pass is tested against.

mod contract;
mod host;
mod layout;
pub(crate) mod point;
mod window;

use nas_ir::graph::{Binding, Bindings};
use nas_ir::{DType, Distribution, Graph, GraphNode, HostData, HostTensor, Op};

/// The values of a draw: as many as the shape holds.
pub type Randoms<'a> = &'a dyn Fn(Distribution, [u64; 4], &[usize]) -> Vec<f64>;

/// What a run reads that is not in `Bindings`.
pub struct Sources<'a> {
    pub bindings: &'a Bindings,
    /// The value of a slot: (number of the store, address).
    pub slot: &'a dyn Fn(u64, &str) -> Option<HostTensor>,
    pub random: Randoms<'a>,
}

/// Values of one node, row-major.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}

impl Value {
    pub fn filled(shape: &[usize], value: f64) -> Self {
        Value {
            shape: shape.to_vec(),
            data: vec![value; shape.iter().product()],
        }
    }

    /// One value for each index of the shape.
    pub fn build(shape: &[usize], mut f: impl FnMut(&[usize]) -> f64) -> Self {
        let mut data = Vec::with_capacity(shape.iter().product());
        each(shape, |at| data.push(f(at)));
        Value {
            shape: shape.to_vec(),
            data,
        }
    }

    pub fn offset(&self, at: &[usize]) -> usize {
        at.iter().zip(&self.shape).fold(0, |o, (i, n)| o * n + i)
    }

    pub fn at(&self, at: &[usize]) -> f64 {
        self.data[self.offset(at)]
    }

    pub fn put(&mut self, at: &[usize], by: f64) {
        let o = self.offset(at);
        self.data[o] += by;
    }

    /// The value a broadcast reads at an index of the wider shape.
    pub fn wide(&self, at: &[usize]) -> f64 {
        let lead = at.len() - self.shape.len();
        let o = self.shape.iter().enumerate().fold(0, |o, (k, n)| {
            o * n + if *n == 1 { 0 } else { at[lead + k] }
        });
        self.data[o]
    }
}

/// Calls `f` with every index of a shape, in row-major order.
pub(crate) fn each(shape: &[usize], mut f: impl FnMut(&[usize])) {
    let mut at = vec![0; shape.len()];
    if shape.contains(&0) {
        return;
    }
    loop {
        f(&at);
        let mut k = shape.len();
        loop {
            if k == 0 {
                return;
            }
            k -= 1;
            at[k] += 1;
            if at[k] < shape[k] {
                break;
            }
            at[k] = 0;
        }
    }
}

/// The outputs as f64 (indices too). Casts between floats change nothing; a cast to I32 cuts towards zero.
pub fn evaluate(graph: &Graph, sources: &Sources) -> Result<Vec<HostTensor>, String> {
    let mut values: Vec<Option<Value>> = vec![None; graph.nodes.node_count()];
    for (n, binding) in &graph.bindings {
        let node = &graph.nodes[*n];
        let data = match binding {
            Binding::Slot { store, address } => {
                let store = sources.bindings.stores.get(*store).ok_or("no such store")?;
                (sources.slot)(*store, address)
                    .ok_or_else(|| format!("`{address}` has no value"))?
                    .to_f64()
            }
            Binding::Value(i) => {
                let v = sources.bindings.values.get(*i).ok_or("no such value")?;
                v.to_f64()
            }
            Binding::Scalar(i) => vec![*sources.bindings.scalars.get(*i).ok_or("no such number")?],
            Binding::Key(i) => {
                let key = *sources.bindings.keys.get(*i).ok_or("no such key")?;
                let Op::Random(distribution) = node.op else {
                    return Err("a key is bound to something that is not a draw".into());
                };
                (sources.random)(distribution, key, &node.shape)
            }
        };
        values[n.index()] = Some(Value {
            shape: node.shape.clone(),
            data,
        });
    }
    for n in graph.nodes.node_indices() {
        let node = &graph.nodes[n];
        if values[n.index()].is_none() {
            let mut inputs = vec![];
            for i in graph.inputs(n) {
                inputs.push(values[i.index()].as_ref().ok_or("an input comes later")?);
            }
            values[n.index()] = Some(step(node, &inputs)?);
        }
        let size: usize = node.shape.iter().product();
        if let Some(v) = &values[n.index()]
            && (v.shape != node.shape || v.data.len() != size)
        {
            let (want, got) = (&node.shape, &v.shape);
            let name = node.op.name();
            return Err(format!("%{} `{name}` is {got:?}, not {want:?}", n.index()));
        }
    }
    let mut out = vec![];
    for n in &graph.outputs {
        let v = values[n.index()].clone().ok_or("an output has no value")?;
        out.push(HostTensor {
            shape: v.shape,
            data: HostData::F64(v.data.into()),
        });
    }
    Ok(out)
}

fn step(node: &GraphNode, inputs: &[&Value]) -> Result<Value, String> {
    let shape = &node.shape[..];
    let first = || {
        let i = inputs.first().copied();
        i.ok_or_else(|| format!("`{}` has no input", node.op.name()))
    };
    Ok(match &node.op {
        Op::Leaf | Op::Scalar | Op::Random(_) => {
            return Err(format!("`{}` is not bound", node.op.name()));
        }
        Op::Grad { .. } => return Err("a gradient is not expanded".into()),
        Op::Const(bits) => Value::filled(shape, f64::from_bits(*bits)),
        Op::Iota => Value::build(shape, |at| at[0] as f64),
        Op::Unary(u) => {
            let x = first()?;
            Value {
                shape: x.shape.clone(),
                data: x.data.iter().map(|v| point::unary(*u, *v)).collect(),
            }
        }
        Op::Binary(b) => {
            let [l, r] = inputs else {
                return Err("two inputs are wanted".into());
            };
            Value::build(shape, |at| point::binary(*b, l.wide(at), r.wide(at)))
        }
        Op::Select => {
            let [c, t, o] = inputs else {
                return Err("three inputs are wanted".into());
            };
            Value::build(shape, |at| {
                if c.wide(at) != 0.0 {
                    t.wide(at)
                } else {
                    o.wide(at)
                }
            })
        }
        Op::Cast(DType::I32) => Value {
            shape: shape.to_vec(),
            data: first()?.data.iter().map(|v| v.trunc()).collect(),
        },
        Op::Cast(_) | Op::Stop | Op::Surrogate | Op::Mark(_) => first()?.clone(),
        Op::Host(f) => host::host(*f, first()?)?,
        Op::Contract {
            inputs: specs,
            output,
        } => contract::contract(inputs, specs, output, shape),
        Op::Conv { .. }
        | Op::ConvGradInput { .. }
        | Op::ConvGradWeight { .. }
        | Op::AvgPool { .. }
        | Op::AvgPoolGrad { .. }
        | Op::MaxPool { .. }
        | Op::MaxPoolGrad { .. }
        | Op::MaxPoolPick { .. } => window::windowed(&node.op, inputs, shape)?,
        _ => layout::layout(&node.op, inputs, shape)?,
    })
}
