//! Tensors as lazy graphs: a tensor is the operation that makes it, so a program's arithmetic is a graph as it stands.

mod layout;
mod point;
mod window;

use crate::dim::Dim;
use crate::host::{HostData, HostTensor};
use crate::op::{DType, Distribution, Op};
use crate::shape::{Shape, ShapeError};
use smallvec::{SmallVec, smallvec};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// What a leaf stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LeafKind {
    /// A stored weight or state: number of the store, address of the slot.
    Slot { store: u64, address: Arc<str> },
    /// A batch, or an earlier result: bound by the tensor's own value.
    Value,
    /// A stand-in without a value: the input of a net that is being elaborated, not run.
    Abstract(Arc<str>),
    /// A weight or state without a value, by its address.
    Weight(Arc<str>),
}

#[derive(Debug, Clone)]
pub struct Leaf {
    pub kind: LeafKind,
    /// Bound here for `Value` leaves.
    pub value: Option<HostTensor>,
}

#[derive(Debug)]
pub struct Node {
    pub op: Op,
    pub inputs: SmallVec<[Tensor; 2]>,
    pub shape: Shape,
    pub dtype: DType,
    /// Hash of the operation, element type, shape and (of a slot) address: what this node is, without its inputs.
    pub own: u64,
    /// Unique in this process.
    pub id: u64,
    pub leaf: Option<Leaf>,
    /// Whether it follows from weights and constants alone: the same for every input.
    pub fixed: bool,
    /// How often gradients were taken on the way here, one of the other.
    pub order: u8,
    /// Of `Scalar`: its number. Of `Const`: the same as in the operation.
    pub scalar: f64,
    /// Of `Random`.
    pub key: [u64; 4],
    /// Filled when it has been computed.
    pub value: OnceLock<HostTensor>,
}

/// Chains are long: they are taken apart in a loop, not by each node dropping its inputs in turn.
impl Drop for Node {
    fn drop(&mut self) {
        let mut left: Vec<Node> = vec![];
        let mut inputs = std::mem::take(&mut self.inputs);
        loop {
            left.extend(inputs.drain(..).filter_map(|t| Arc::into_inner(t.0)));
            match left.pop() {
                Some(mut node) => inputs = std::mem::take(&mut node.inputs),
                None => return,
            }
        }
    }
}

/// A tensor, computed or still to be.
#[derive(Debug, Clone)]
pub struct Tensor(pub Arc<Node>);

static NEXT: AtomicU64 = AtomicU64::new(1);

type Made = Result<Tensor, ShapeError>;

impl Tensor {
    fn make(op: Op, inputs: SmallVec<[Tensor; 2]>, shape: Shape, dtype: DType) -> Tensor {
        Self::node(op, inputs, shape, dtype, None, 0.0, [0; 4])
    }

    fn node(
        op: Op,
        inputs: SmallVec<[Tensor; 2]>,
        shape: Shape,
        dtype: DType,
        leaf: Option<Leaf>,
        scalar: f64,
        key: [u64; 4],
    ) -> Tensor {
        let mut h = DefaultHasher::new();
        op.hash(&mut h);
        dtype.hash(&mut h);
        shape.hash(&mut h);
        if let Some(l) = &leaf {
            match &l.kind {
                LeafKind::Slot { address, .. } => address.hash(&mut h),
                LeafKind::Value => {}
                LeafKind::Abstract(name) | LeafKind::Weight(name) => name.hash(&mut h),
            }
        }
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let fixed = match &op {
            Op::Leaf => leaf
                .as_ref()
                .is_none_or(|l| !matches!(l.kind, LeafKind::Abstract(_))),
            Op::Random(_) => false,
            _ => inputs.iter().all(|i| i.0.fixed),
        };
        let below = inputs.iter().map(|i| i.0.order).max().unwrap_or(0);
        let order = below.saturating_add(u8::from(matches!(op, Op::Grad { .. })));
        Tensor(Arc::new(Node {
            op,
            inputs,
            fixed,
            order,
            shape,
            dtype,
            own: h.finish(),
            id,
            leaf,
            scalar,
            key,
            value: OnceLock::new(),
        }))
    }

    pub fn shape(&self) -> &[Dim] {
        &self.0.shape
    }

    pub fn rank(&self) -> usize {
        self.0.shape.len()
    }

    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// The extents as numbers, where they depend on nothing.
    pub fn sizes(&self) -> Option<Vec<usize>> {
        self.0
            .shape
            .iter()
            .map(|d| d.known().and_then(|v| usize::try_from(v).ok()))
            .collect()
    }

    // ---- leaves

    /// A stored weight or state.
    pub fn slot(store: u64, address: Arc<str>, shape: Shape, dtype: DType) -> Tensor {
        let leaf = Leaf {
            kind: LeafKind::Slot { store, address },
            value: None,
        };
        Self::node(Op::Leaf, smallvec![], shape, dtype, Some(leaf), 0.0, [0; 4])
    }

    /// A tensor with its values.
    pub fn value(value: HostTensor) -> Tensor {
        let shape = value.shape.iter().map(|s| Dim::from(*s)).collect();
        let dtype = match value.data {
            HostData::F32(_) => DType::F32,
            HostData::F64(_) => DType::F64,
            HostData::I32(_) => DType::I32,
        };
        let leaf = Leaf {
            kind: LeafKind::Value,
            value: Some(value),
        };
        Self::node(Op::Leaf, smallvec![], shape, dtype, Some(leaf), 0.0, [0; 4])
    }

    /// A tensor without values, for elaboration.
    pub fn symbol(name: impl Into<Arc<str>>, shape: Shape, dtype: DType) -> Tensor {
        let leaf = Leaf {
            kind: LeafKind::Abstract(name.into()),
            value: None,
        };
        Self::node(Op::Leaf, smallvec![], shape, dtype, Some(leaf), 0.0, [0; 4])
    }

    /// A weight or state without values: only its shape is asked for.
    pub fn weight(address: impl Into<Arc<str>>, shape: Shape, dtype: DType) -> Tensor {
        let leaf = Leaf {
            kind: LeafKind::Weight(address.into()),
            value: None,
        };
        Self::node(Op::Leaf, smallvec![], shape, dtype, Some(leaf), 0.0, [0; 4])
    }

    /// A number that is part of the structure.
    pub fn constant(value: f64, dtype: DType) -> Tensor {
        Self::node(
            Op::Const(value.to_bits()),
            smallvec![],
            smallvec![],
            dtype,
            None,
            value,
            [0; 4],
        )
    }

    /// A number bound at run time: graphs that differ in it are the same program.
    pub fn scalar(value: f64, dtype: DType) -> Tensor {
        Self::node(
            Op::Scalar,
            smallvec![],
            smallvec![],
            dtype,
            None,
            value,
            [0; 4],
        )
    }

    pub fn filled(value: f64, shape: &[Dim], dtype: DType) -> Tensor {
        let c = Self::constant(value, dtype);
        if shape.is_empty() {
            c
        } else {
            Self::make(Op::Expand, smallvec![c], shape.into(), dtype)
        }
    }

    pub fn random(
        distribution: Distribution,
        shape: &[Dim],
        key: [u64; 4],
        dtype: DType,
    ) -> Tensor {
        let dtype = if distribution == Distribution::Permutation {
            DType::I32
        } else {
            dtype
        };
        Self::node(
            Op::Random(distribution),
            smallvec![],
            shape.into(),
            dtype,
            None,
            0.0,
            key,
        )
    }

    pub fn iota(n: Dim) -> Tensor {
        Self::make(Op::Iota, smallvec![], smallvec![n], DType::I32)
    }
}
