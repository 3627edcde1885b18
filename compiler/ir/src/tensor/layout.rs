//! Shapes, slices, joins and look-ups by index.

use super::{Made, Tensor};
use crate::dim::Dim;
use crate::op::{DType, Op, PadMode};
use crate::shape::{ShapeError, Show, broadcast, count};
use smallvec::smallvec;

impl Tensor {
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
}
