//! The operations a network graph is made of. The set is closed under differentiation: each gradient is written in it again.

use crate::dim::Dim;
use std::sync::Arc;

/// Physical element types. Bool is 0 and 1 in the float type of the graph; indices and labels are `I32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    F32,
    F64,
    I32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unary {
    Neg,
    Exp,
    Log,
    Sqrt,
    Abs,
    /// -1, 0, 1; no gradient.
    Sign,
    Sin,
    Cos,
    Tanh,
    Erf,
    Sigmoid,
    /// To the nearest, halves to the even one. No gradient for the three roundings.
    Round,
    Floor,
    Ceil,
    /// max(x, 0)
    Relu,
    /// 1 where x = 0, else 0.
    Not,
}

/// Broadcasting is right-aligned with 1s, as in NumPy. Comparisons give 0 or 1 and have no gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Max,
    Min,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    And,
    Or,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReduceKind {
    Sum,
    Max,
    Min,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Distribution {
    /// [0, 1)
    Uniform,
    /// Mean 0, standard deviation 1.
    Normal,
    /// -ln(-ln u)
    Gumbel,
    /// A permutation of 0..n as I32; shape [n].
    Permutation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PadMode {
    Zero,
    /// The outermost values repeated.
    Edge,
    /// Mirrored at the outermost values, which are not repeated.
    Mirror,
    /// As if the axis went on with itself.
    Circular,
}

/// Small dense functions computed on the host in f64; no gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostFn {
    /// ln |det| of [m, m]; 0-d.
    LogDet,
    /// Eigenvalues of a symmetric [m, m], ascending; [m].
    EigSym,
}

/// Window of a 2-d convolution or pooling: all pairs are (rows, columns).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Pooling only; a convolution's kernel is its weight's shape.
    pub size: [i64; 2],
    pub stride: [i64; 2],
    pub dilation: [i64; 2],
    /// Zero padding: top, left, bottom, right.
    pub pad: [i64; 4],
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Op {
    /// A value bound when the graph runs: a weight, a state, a batch, an earlier result. See `tensor::Leaf`.
    Leaf,
    /// A number that is part of the graph's structure (bits of an f64), 0-d.
    Const(u64),
    /// A number bound when the graph runs (a learning rate), 0-d.
    Scalar,
    /// A keyed draw; the key is bound when the graph runs. Shape is the node's.
    Random(Distribution),
    /// 0, 1, 2 … as I32; shape [n].
    Iota,
    Unary(Unary),
    Binary(Binary),
    /// (condition, where not 0, where 0)
    Select,
    Cast(DType),
    /// Over `axes` (ascending); they stay as 1 where `keep`.
    Reduce {
        kind: ReduceKind,
        axes: Vec<usize>,
        keep: bool,
    },
    /// Index of the first largest (or smallest) along `axis`, which goes; I32.
    ArgReduce {
        largest: bool,
        axis: usize,
    },
    /// To the node's shape; same number of elements.
    Reshape,
    /// Output axis i is input axis `order[i]`.
    Permute(Vec<usize>),
    /// Broadcast to the node's shape (right-aligned).
    Expand,
    Slice {
        axis: usize,
        start: Dim,
        end: Dim,
        step: i64,
    },
    /// The adjoint of `Slice`: zeros, with the input at start..end by step; `size` is the axis' full extent.
    Unslice {
        axis: usize,
        start: Dim,
        end: Dim,
        step: i64,
        size: Dim,
    },
    Pad {
        axis: usize,
        before: i64,
        after: i64,
        mode: PadMode,
    },
    Concat {
        axis: usize,
    },
    /// (x, indices I32 of rank 1): rows of `axis`.
    Gather {
        axis: usize,
    },
    /// (g, indices): the adjoint of `Gather`; `size` is the axis' full extent.
    ScatterAdd {
        axis: usize,
        size: Dim,
    },
    /// (x [.., c at last axis], indices [..]): picks one entry of the last axis a row; the last axis goes.
    Pick,
    /// (g [..], indices [..]): the adjoint of `Pick`; zeros elsewhere; last axis of extent `size`.
    Unpick {
        size: Dim,
    },
    /// (indices I32 [..]) → [.., classes], float.
    OneHot {
        classes: Dim,
    },
    /// Named axes, e.g. `"n c, o c -> n o"`: one letter an axis here, `["nc", "oc"], "no"`. Two inputs (one is allowed).
    Contract {
        inputs: Vec<Arc<str>>,
        output: Arc<str>,
    },
    /// (x [n,c,h,w], weight [o,c/g,k,l])
    Conv {
        window: Window,
        groups: i64,
    },
    /// (gy, weight) → x's shape, which is the node's.
    ConvGradInput {
        window: Window,
        groups: i64,
    },
    /// (x, gy) → weight's shape, which is the node's.
    ConvGradWeight {
        window: Window,
        groups: i64,
    },
    /// (x)
    AvgPool {
        window: Window,
        count_pad: bool,
    },
    /// (gy) → x's shape, which is the node's.
    AvgPoolGrad {
        window: Window,
        count_pad: bool,
    },
    MaxPool {
        window: Window,
    },
    /// (x, gy) → x's shape: gy lands where the maximum was.
    MaxPoolGrad {
        window: Window,
    },
    /// (x, v): v read where x's maximum is; shape of the pooled x.
    MaxPoolPick {
        window: Window,
    },
    /// Along the last axis, ascending, stable.
    Sort,
    /// Indices that sort the last axis; I32.
    ArgSort,
    /// (x, indices I32 of x's shape): reads along the last axis by index.
    TakeAlong,
    /// (g, indices): the adjoint of `TakeAlong`.
    PutAlong,
    CumSum {
        axis: usize,
        reverse: bool,
    },
    Host(HostFn),
    /// The value itself; no gradient passes.
    Stop,
    /// (value, via): the value of the first, the gradient goes to the second.
    Surrogate,
    /// (y 0-d, xs…): the gradient of y for input `wrt` of xs; expanded by the differentiation pass.
    Grad {
        wrt: usize,
    },
    /// The value, marked with the block call it came out of (for diagnostics and cost tables).
    Mark(Arc<str>),
}

impl Op {
    /// The name that people see in printed graphs.
    pub fn name(&self) -> String {
        match self {
            Op::Unary(u) => format!("{u:?}").to_lowercase(),
            Op::Binary(b) => format!("{b:?}").to_lowercase(),
            Op::Random(d) => format!("random.{d:?}").to_lowercase(),
            Op::Reduce { kind, .. } => format!("reduce.{kind:?}").to_lowercase(),
            Op::Host(h) => format!("{h:?}").to_lowercase(),
            other => {
                let text = format!("{other:?}");
                let end = text.find([' ', '(', '{']).unwrap_or(text.len());
                text[..end].to_lowercase()
            }
        }
    }
}
