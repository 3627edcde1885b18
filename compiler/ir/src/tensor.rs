//! Tensors as lazy graphs: a tensor is the operation that makes it, so a program's arithmetic is a graph as it stands.

use crate::dim::Dim;
use crate::host::{HostData, HostTensor};
use crate::op::{Binary, DType, Distribution, HostFn, Op, PadMode, ReduceKind, Unary, Window};
use crate::shape::{Shape, ShapeError, Show, broadcast, count};
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
                LeafKind::Abstract(name) => name.hash(&mut h),
            }
        }
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Tensor(Arc::new(Node {
            op,
            inputs,
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

    // ---- point-wise

    pub fn unary(&self, u: Unary) -> Tensor {
        Self::make(
            Op::Unary(u),
            smallvec![self.clone()],
            self.0.shape.clone(),
            self.dtype(),
        )
    }

    /// The float type wins over I32, F64 over F32.
    fn common(a: DType, b: DType) -> DType {
        match (a, b) {
            (DType::F64, _) | (_, DType::F64) => DType::F64,
            (DType::F32, _) | (_, DType::F32) => DType::F32,
            _ => DType::I32,
        }
    }

    pub fn cast(&self, dtype: DType) -> Tensor {
        if self.dtype() == dtype {
            return self.clone();
        }
        // A number takes the type it is used at.
        match self.0.op {
            Op::Const(_) => Self::constant(self.0.scalar, dtype),
            Op::Scalar => Self::scalar(self.0.scalar, dtype),
            _ => Self::make(
                Op::Cast(dtype),
                smallvec![self.clone()],
                self.0.shape.clone(),
                dtype,
            ),
        }
    }

    pub fn binary(&self, b: Binary, other: &Tensor) -> Made {
        // A 0-d number never widens the tensor it meets.
        let weak = |t: &Tensor| matches!(t.0.op, Op::Const(_) | Op::Scalar);
        let mut dtype = match (weak(self), weak(other)) {
            (true, false) if other.dtype() != DType::I32 => other.dtype(),
            (false, true) if self.dtype() != DType::I32 => self.dtype(),
            _ => Self::common(self.dtype(), other.dtype()),
        };
        if dtype == DType::I32
            && !matches!(
                b,
                Binary::Add | Binary::Sub | Binary::Mul | Binary::Max | Binary::Min
            )
        {
            dtype = DType::F32;
        }
        let (l, r) = (self.cast(dtype), other.cast(dtype));
        let shape = broadcast(l.shape(), r.shape())?;
        Ok(Self::make(Op::Binary(b), smallvec![l, r], shape, dtype))
    }

    pub fn select(condition: &Tensor, then: &Tensor, otherwise: &Tensor) -> Made {
        let dtype = Self::common(then.dtype(), otherwise.dtype());
        let shape = broadcast(
            condition.shape(),
            &broadcast(then.shape(), otherwise.shape())?,
        )?;
        Ok(Self::make(
            Op::Select,
            smallvec![
                condition.cast(dtype),
                then.cast(dtype),
                otherwise.cast(dtype)
            ],
            shape,
            dtype,
        ))
    }

    pub fn stop(&self) -> Tensor {
        Self::make(
            Op::Stop,
            smallvec![self.clone()],
            self.0.shape.clone(),
            self.dtype(),
        )
    }

    pub fn mark(&self, path: Arc<str>) -> Tensor {
        Self::make(
            Op::Mark(path),
            smallvec![self.clone()],
            self.0.shape.clone(),
            self.dtype(),
        )
    }

    pub fn surrogate(&self, via: &Tensor) -> Made {
        let shape = broadcast(self.shape(), via.shape())?;
        if shape.as_slice() != self.shape() || shape.as_slice() != via.shape() {
            return Err(ShapeError::new("a surrogate has the shape of its value")
                .fact(format!("value  {}", Show(self.shape())))
                .fact(format!("via    {}", Show(via.shape()))));
        }
        Ok(Self::make(
            Op::Surrogate,
            smallvec![self.clone(), via.cast(self.dtype())],
            shape,
            self.dtype(),
        ))
    }

    // ---- reductions

    pub fn axis(&self, axis: i64) -> Result<usize, ShapeError> {
        let rank = self.rank() as i64;
        let a = if axis < 0 { axis + rank } else { axis };
        if a < 0 || a >= rank {
            return Err(ShapeError {
                code: "E0403",
                ..ShapeError::new(format!("there is no axis {axis}"))
            }
            .fact(format!("shape  {}", Show(self.shape()))));
        }
        Ok(a as usize)
    }

    pub fn reduce(&self, kind: ReduceKind, axes: &[usize], keep: bool) -> Tensor {
        let mut axes = axes.to_vec();
        axes.sort_unstable();
        axes.dedup();
        if axes.is_empty() {
            return self.clone();
        }
        let x = if self.dtype() == DType::I32 {
            self.cast(DType::F32)
        } else {
            self.clone()
        };
        let mut shape = Shape::new();
        for (i, d) in self.shape().iter().enumerate() {
            match axes.contains(&i) {
                true if keep => shape.push(Dim::Const(1)),
                true => {}
                false => shape.push(d.clone()),
            }
        }
        let dtype = x.dtype();
        Self::make(Op::Reduce { kind, axes, keep }, smallvec![x], shape, dtype)
    }

    pub fn arg_reduce(&self, largest: bool, axis: usize) -> Tensor {
        let mut shape = self.0.shape.clone();
        shape.remove(axis);
        Self::make(
            Op::ArgReduce { largest, axis },
            smallvec![self.clone()],
            shape,
            DType::I32,
        )
    }

    /// The number of elements along the axes, as a 0-d tensor (an unknown batch stays unknown).
    pub fn extent(&self, axes: &[usize]) -> Result<Dim, ShapeError> {
        Ok(axes
            .iter()
            .try_fold(Dim::Const(1), |a, i| a.mul(&self.shape()[*i]))?)
    }

    // ---- layout

    pub fn reshape(&self, shape: &[Dim]) -> Made {
        let (a, b) = (count(self.shape())?, count(shape)?);
        if let Err(w) = a.same(&b) {
            return Err(
                ShapeError::new(format!("{a} elements cannot take a shape of {b}"))
                    .fact(format!("from  {}", Show(self.shape())))
                    .fact(format!("to    {}", Show(shape)))
                    .witness(w),
            );
        }
        if shape == self.shape() {
            return Ok(self.clone());
        }
        Ok(Self::make(
            Op::Reshape,
            smallvec![self.clone()],
            shape.into(),
            self.dtype(),
        ))
    }

    pub fn permute(&self, order: &[usize]) -> Made {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if sorted != (0..self.rank()).collect::<Vec<_>>() {
            return Err(ShapeError::ranks(
                "this order of axes",
                order.len(),
                self.shape(),
            ));
        }
        if sorted == order {
            return Ok(self.clone());
        }
        let shape = order.iter().map(|i| self.shape()[*i].clone()).collect();
        Ok(Self::make(
            Op::Permute(order.to_vec()),
            smallvec![self.clone()],
            shape,
            self.dtype(),
        ))
    }

    pub fn expand(&self, shape: &[Dim]) -> Made {
        let full = broadcast(self.shape(), shape)?;
        if full.as_slice() != shape {
            return Err(
                ShapeError::new("a tensor cannot be expanded to a smaller shape")
                    .fact(format!("from  {}", Show(self.shape())))
                    .fact(format!("to    {}", Show(shape))),
            );
        }
        if shape == self.shape() {
            return Ok(self.clone());
        }
        Ok(Self::make(
            Op::Expand,
            smallvec![self.clone()],
            full,
            self.dtype(),
        ))
    }

    pub fn slice(&self, axis: usize, start: Dim, end: Dim, step: i64) -> Made {
        let axis = self.axis(axis as i64)?;
        if step < 1 {
            return Err(ShapeError::new(format!(
                "a slice goes by steps of 1 or more, not {step}"
            )));
        }
        let extent = &self.shape()[axis];
        if start == Dim::Const(0) && &end == extent && step == 1 {
            return Ok(self.clone());
        }
        let len = end.sub(&start)?;
        if let (Some(s), Some(e), Some(n)) = (start.known(), end.known(), extent.known())
            && (s < 0 || e > n || s > e)
        {
            return Err(
                ShapeError::new(format!("{s}..{e} does not lie in an axis of {n}"))
                    .fact(format!("shape  {}", Show(self.shape()))),
            );
        }
        if let (Some(a), Some(b)) = (end.as_table(), extent.as_table())
            && let Some(over) = a.zip(&b, |x, y| x > y)
            && let Some(i) = over.values.iter().position(|v| *v)
        {
            return Err(
                ShapeError::new(format!("..{end} does not lie in an axis of {extent}"))
                    .witness(over.assignment(i)),
            );
        }
        let mut shape = self.0.shape.clone();
        shape[axis] = if step == 1 {
            len
        } else {
            len.ceil_div(&Dim::Const(step))?
        };
        Ok(Self::make(
            Op::Slice {
                axis,
                start,
                end,
                step,
            },
            smallvec![self.clone()],
            shape,
            self.dtype(),
        ))
    }

    pub fn unslice(&self, axis: usize, start: Dim, end: Dim, step: i64, size: Dim) -> Tensor {
        let mut shape = self.0.shape.clone();
        shape[axis] = size.clone();
        Self::make(
            Op::Unslice {
                axis,
                start,
                end,
                step,
                size,
            },
            smallvec![self.clone()],
            shape,
            self.dtype(),
        )
    }

    pub fn pad(&self, axis: usize, before: i64, after: i64, mode: PadMode) -> Made {
        if before == 0 && after == 0 {
            return Ok(self.clone());
        }
        let axis = self.axis(axis as i64)?;
        let reach = before.max(after);
        let limit = match (mode, self.shape()[axis].known()) {
            (PadMode::Zero, _) | (_, None) => i64::MAX,
            (PadMode::Edge, Some(n)) if n > 0 => i64::MAX,
            (PadMode::Edge, _) => 0,
            (PadMode::Mirror, Some(n)) => n - 1,
            (PadMode::Circular, Some(n)) => n,
        };
        if before < 0 || after < 0 || reach > limit {
            return Err(ShapeError::new(format!(
                "an axis of {} cannot be padded by {before} and {after}",
                self.shape()[axis]
            ))
            .fact(format!("shape  {}", Show(self.shape()))));
        }
        let mut shape = self.0.shape.clone();
        shape[axis] = shape[axis].add(&Dim::Const(before + after))?;
        Ok(Self::make(
            Op::Pad {
                axis,
                before,
                after,
                mode,
            },
            smallvec![self.clone()],
            shape,
            self.dtype(),
        ))
    }

    pub fn concat(parts: &[Tensor], axis: usize) -> Made {
        let Some(first) = parts.first() else {
            return Err(ShapeError::new("nothing to join"));
        };
        if parts.len() == 1 {
            return Ok(first.clone());
        }
        if axis >= first.rank() {
            return Err(ShapeError::ranks("this join", axis + 1, first.shape()));
        }
        let mut shape = first.0.shape.clone();
        let mut dtype = first.dtype();
        for p in &parts[1..] {
            if p.rank() != first.rank() {
                return Err(
                    ShapeError::new("only tensors with the same axes can be joined")
                        .fact(format!("first  {}", Show(first.shape())))
                        .fact(format!("then   {}", Show(p.shape()))),
                );
            }
            for i in 0..first.rank() {
                if i == axis {
                    shape[i] = shape[i].add(&p.shape()[i])?;
                } else if let Err(w) = shape[i].same(&p.shape()[i]) {
                    return Err(ShapeError::new(format!(
                        "joined over axis {axis}, but axis {i} differs: {} against {}",
                        shape[i],
                        p.shape()[i]
                    ))
                    .fact(format!("first  {}", Show(first.shape())))
                    .fact(format!("then   {}", Show(p.shape())))
                    .witness(w));
                }
            }
            dtype = Self::common(dtype, p.dtype());
        }
        Ok(Self::make(
            Op::Concat { axis },
            parts.iter().map(|p| p.cast(dtype)).collect(),
            shape,
            dtype,
        ))
    }

    pub fn gather(&self, axis: usize, index: &Tensor) -> Made {
        if index.rank() != 1 || index.dtype() != DType::I32 {
            return Err(ShapeError::new("an index is a list of whole numbers")
                .fact(format!("index  {}", Show(index.shape()))));
        }
        let mut shape = self.0.shape.clone();
        shape[axis] = index.shape()[0].clone();
        Ok(Self::make(
            Op::Gather { axis },
            smallvec![self.clone(), index.clone()],
            shape,
            self.dtype(),
        ))
    }

    pub fn scatter_add(&self, axis: usize, index: &Tensor, size: Dim) -> Tensor {
        let mut shape = self.0.shape.clone();
        shape[axis] = size.clone();
        Self::make(
            Op::ScatterAdd { axis, size },
            smallvec![self.clone(), index.clone()],
            shape,
            self.dtype(),
        )
    }

    pub fn pick(&self, index: &Tensor) -> Made {
        let want = &self.shape()[..self.rank().saturating_sub(1)];
        if index.rank() != want.len() || index.dtype() != DType::I32 {
            return Err(ShapeError::new("one index a row is wanted")
                .fact(format!("rows   {}", Show(want)))
                .fact(format!("index  {}", Show(index.shape()))));
        }
        for (a, b) in want.iter().zip(index.shape()) {
            a.same(b).map_err(|w| {
                ShapeError::new(format!("one index a row is wanted: {a} rows, {b} indices"))
                    .fact(format!("values {}", Show(self.shape())))
                    .fact(format!("index  {}", Show(index.shape())))
                    .witness(w)
            })?;
        }
        Ok(Self::make(
            Op::Pick,
            smallvec![self.clone(), index.clone()],
            want.into(),
            self.dtype(),
        ))
    }

    pub fn unpick(&self, index: &Tensor, size: Dim) -> Tensor {
        let mut shape = self.0.shape.clone();
        shape.push(size.clone());
        Self::make(
            Op::Unpick { size },
            smallvec![self.clone(), index.clone()],
            shape,
            self.dtype(),
        )
    }

    pub fn one_hot(&self, classes: Dim, dtype: DType) -> Tensor {
        let mut shape = self.0.shape.clone();
        shape.push(classes.clone());
        Self::make(
            Op::OneHot { classes },
            smallvec![self.cast(DType::I32)],
            shape,
            dtype,
        )
    }

    // ---- contraction, convolution, pooling

    /// One letter an axis.
    pub fn contract(parts: &[Tensor], inputs: &[Arc<str>], output: &str) -> Made {
        if parts.is_empty() || parts.len() != inputs.len() {
            return Err(ShapeError::new(format!(
                "{} inputs are named, {} are given",
                inputs.len(),
                parts.len()
            )));
        }
        let mut extents: Vec<(char, Dim)> = vec![];
        let mut dtype = DType::I32;
        for (t, spec) in parts.iter().zip(inputs) {
            if spec.chars().count() != t.rank() {
                return Err(ShapeError::ranks(
                    &format!("`{spec}`"),
                    spec.chars().count(),
                    t.shape(),
                ));
            }
            for (letter, d) in spec.chars().zip(t.shape()) {
                match extents.iter().find(|e| e.0 == letter) {
                    None => extents.push((letter, d.clone())),
                    Some((_, e)) => e.same(d).map_err(|w| {
                        ShapeError::new(format!(
                            "the contracted axis has extent {e} on one side and {d} on the other"
                        ))
                        .fact(format!("axis   {letter}"))
                        .fact(format!("left   {}  {}", Show(parts[0].shape()), inputs[0]))
                        .fact(format!("right  {}  {spec}", Show(t.shape())))
                        .witness(w)
                    })?,
                }
            }
            dtype = Self::common(dtype, t.dtype());
        }
        let mut shape = Shape::new();
        for (i, letter) in output.chars().enumerate() {
            if output.chars().take(i).any(|l| l == letter) {
                return Err(ShapeError::new(format!(
                    "axis `{letter}` stands twice in the result"
                )));
            }
            match extents.iter().find(|e| e.0 == letter) {
                Some((_, d)) => shape.push(d.clone()),
                None => {
                    return Err(ShapeError::new(format!(
                        "axis `{letter}` of the result is in none of the inputs"
                    )));
                }
            }
        }
        let op = Op::Contract {
            inputs: inputs.to_vec(),
            output: output.into(),
        };
        Ok(Self::make(
            op,
            parts.iter().map(|p| p.cast(dtype)).collect(),
            shape,
            dtype,
        ))
    }

    fn windowed(
        extent: &Dim,
        kernel: &Dim,
        stride: i64,
        dilation: i64,
        pad: i64,
    ) -> Result<Dim, ShapeError> {
        let span = kernel
            .sub(&Dim::Const(1))?
            .mul(&Dim::Const(dilation))?
            .add(&Dim::Const(1))?;
        Ok(extent
            .add(&Dim::Const(pad))?
            .sub(&span)?
            .floor_div(&Dim::Const(stride))?
            .add(&Dim::Const(1))?)
    }

    pub fn conv(&self, weight: &Tensor, window: Window, groups: i64) -> Made {
        if self.rank() != 4 {
            return Err(ShapeError::ranks("a convolution", 4, self.shape()));
        }
        if weight.rank() != 4 {
            return Err(ShapeError::ranks(
                "a convolution's weight",
                4,
                weight.shape(),
            ));
        }
        Self::window_steps(&window)?;
        if groups < 1 {
            return Err(ShapeError::new(format!(
                "{groups} groups make no convolution"
            )));
        }
        // Each group makes as many channels.
        weight.shape()[0].div(&Dim::Const(groups))?;
        let wanted = weight.shape()[1].mul(&Dim::Const(groups))?;
        if let Err(w) = self.shape()[1].same(&wanted) {
            return Err(ShapeError::new(format!(
                "the weight reads {wanted} channels, the input has {}",
                self.shape()[1]
            ))
            .fact(format!("input   {}", Show(self.shape())))
            .fact(format!("weight  {}", Show(weight.shape())))
            .witness(w));
        }
        let h = Self::windowed(
            &self.shape()[2],
            &weight.shape()[2],
            window.stride[0],
            window.dilation[0],
            window.pad[0] + window.pad[2],
        )?;
        let w = Self::windowed(
            &self.shape()[3],
            &weight.shape()[3],
            window.stride[1],
            window.dilation[1],
            window.pad[1] + window.pad[3],
        )?;
        for d in [&h, &w] {
            d.positive().map_err(|at| {
                ShapeError::new("the window is larger than the padded input")
                    .fact(format!("input   {}", Show(self.shape())))
                    .fact(format!("weight  {}", Show(weight.shape())))
                    .witness(at)
            })?;
        }
        let shape = smallvec![self.shape()[0].clone(), weight.shape()[0].clone(), h, w];
        let dtype = Self::common(self.dtype(), weight.dtype());
        Ok(Self::make(
            Op::Conv { window, groups },
            smallvec![self.cast(dtype), weight.cast(dtype)],
            shape,
            dtype,
        ))
    }

    /// The adjoint of `conv` for its input; `shape` is the input's.
    pub fn conv_grad_input(
        &self,
        weight: &Tensor,
        window: Window,
        groups: i64,
        shape: &[Dim],
    ) -> Tensor {
        Self::make(
            Op::ConvGradInput { window, groups },
            smallvec![self.clone(), weight.clone()],
            shape.into(),
            self.dtype(),
        )
    }

    /// The adjoint of `conv` for its weight: (x, gy); `shape` is the weight's.
    pub fn conv_grad_weight(
        &self,
        gy: &Tensor,
        window: Window,
        groups: i64,
        shape: &[Dim],
    ) -> Tensor {
        Self::make(
            Op::ConvGradWeight { window, groups },
            smallvec![self.clone(), gy.clone()],
            shape.into(),
            self.dtype(),
        )
    }

    fn window_steps(window: &Window) -> Result<(), ShapeError> {
        for k in 0..2 {
            if window.stride[k] < 1 || window.dilation[k] < 1 {
                return Err(ShapeError::new(
                    "a window moves and spreads by steps of 1 or more",
                ));
            }
        }
        if window.pad.iter().any(|p| *p < 0) {
            return Err(ShapeError::new("a window's padding is not negative"));
        }
        Ok(())
    }

    fn pooled(&self, window: &Window) -> Result<Shape, ShapeError> {
        if self.rank() != 4 {
            return Err(ShapeError::ranks("pooling", 4, self.shape()));
        }
        Self::window_steps(window)?;
        if window.size.iter().any(|s| *s < 1) {
            return Err(ShapeError::new("a window has 1 row and column or more"));
        }
        let mut shape = self.0.shape.clone();
        for (k, (a, b)) in [(0, 2), (1, 3)].into_iter().enumerate() {
            let pad = window.pad[a] + window.pad[b];
            shape[2 + k] = Self::windowed(
                &self.shape()[2 + k],
                &Dim::Const(window.size[k]),
                window.stride[k],
                window.dilation[k],
                pad,
            )?;
            shape[2 + k].positive().map_err(|w| {
                ShapeError::new("the window is larger than the padded input")
                    .fact(format!("input  {}", Show(self.shape())))
                    .witness(w)
            })?;
        }
        Ok(shape)
    }

    pub fn avg_pool(&self, window: Window, count_pad: bool) -> Made {
        let shape = self.pooled(&window)?;
        Ok(Self::make(
            Op::AvgPool { window, count_pad },
            smallvec![self.clone()],
            shape,
            self.dtype(),
        ))
    }

    pub fn avg_pool_grad(&self, window: Window, count_pad: bool, shape: &[Dim]) -> Tensor {
        Self::make(
            Op::AvgPoolGrad { window, count_pad },
            smallvec![self.clone()],
            shape.into(),
            self.dtype(),
        )
    }

    pub fn max_pool(&self, window: Window) -> Made {
        let shape = self.pooled(&window)?;
        Ok(Self::make(
            Op::MaxPool { window },
            smallvec![self.clone()],
            shape,
            self.dtype(),
        ))
    }

    pub fn max_pool_grad(&self, gy: &Tensor, window: Window) -> Tensor {
        Self::make(
            Op::MaxPoolGrad { window },
            smallvec![self.clone(), gy.clone()],
            self.0.shape.clone(),
            self.dtype(),
        )
    }

    pub fn max_pool_pick(&self, v: &Tensor, window: Window) -> Made {
        let shape = self.pooled(&window)?;
        Ok(Self::make(
            Op::MaxPoolPick { window },
            smallvec![self.clone(), v.clone()],
            shape,
            self.dtype(),
        ))
    }

    // ---- order, host functions

    pub fn sort(&self) -> Tensor {
        Self::make(
            Op::Sort,
            smallvec![self.clone()],
            self.0.shape.clone(),
            self.dtype(),
        )
    }

    pub fn arg_sort(&self) -> Tensor {
        Self::make(
            Op::ArgSort,
            smallvec![self.clone()],
            self.0.shape.clone(),
            DType::I32,
        )
    }

    pub fn take_along(&self, index: &Tensor) -> Tensor {
        Self::make(
            Op::TakeAlong,
            smallvec![self.clone(), index.clone()],
            self.0.shape.clone(),
            self.dtype(),
        )
    }

    pub fn put_along(&self, index: &Tensor) -> Tensor {
        Self::make(
            Op::PutAlong,
            smallvec![self.clone(), index.clone()],
            self.0.shape.clone(),
            self.dtype(),
        )
    }

    pub fn cumsum(&self, axis: usize, reverse: bool) -> Tensor {
        Self::make(
            Op::CumSum { axis, reverse },
            smallvec![self.clone()],
            self.0.shape.clone(),
            self.dtype(),
        )
    }

    pub fn host(&self, f: HostFn) -> Made {
        if self.rank() != 2 {
            return Err(ShapeError::ranks(
                "this function of a square matrix",
                2,
                self.shape(),
            ));
        }
        self.shape()[0].same(&self.shape()[1]).map_err(|w| {
            ShapeError::new("a square matrix is wanted")
                .fact(format!("shape  {}", Show(self.shape())))
                .witness(w)
        })?;
        let shape = match f {
            HostFn::LogDet => smallvec![],
            HostFn::EigSym => smallvec![self.shape()[0].clone()],
        };
        Ok(Self::make(
            Op::Host(f),
            smallvec![self.clone()],
            shape,
            DType::F64,
        ))
    }

    /// The gradients of a 0-d tensor for each of `xs`.
    pub fn grad(&self, xs: &[Tensor]) -> Result<Vec<Tensor>, ShapeError> {
        if self.rank() != 0 {
            return Err(ShapeError {
                code: "E0403",
                ..ShapeError::new("a gradient is taken of a single number")
            }
            .fact(format!("shape  {}", Show(self.shape()))));
        }
        let mut inputs: SmallVec<[Tensor; 2]> = smallvec![self.clone()];
        inputs.extend(xs.iter().cloned());
        Ok((0..xs.len())
            .map(|wrt| {
                Self::make(
                    Op::Grad { wrt },
                    inputs.clone(),
                    xs[wrt].0.shape.clone(),
                    xs[wrt].dtype(),
                )
            })
            .collect())
    }
}
