//! Point-wise operations and reductions.

use super::{Made, Tensor};
use crate::dim::Dim;
use crate::op::{Binary, DType, Op, ReduceKind, Unary};
use crate::shape::{Shape, ShapeError, Show, broadcast};
use smallvec::smallvec;
use std::sync::Arc;

impl Tensor {
    pub fn unary(&self, u: Unary) -> Tensor {
        Self::make(
            Op::Unary(u),
            smallvec![self.clone()],
            self.0.shape.clone(),
            self.dtype(),
        )
    }

    /// The float type wins over I32, F64 over F32.
    pub(super) fn common(a: DType, b: DType) -> DType {
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
}
