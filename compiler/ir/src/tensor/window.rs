//! Contractions, convolutions, pooling, order, functions of the host, gradients.

use super::{Made, Tensor};
use crate::dim::Dim;
use crate::op::{DType, HostFn, Op, Window};
use crate::shape::{Shape, ShapeError, Show};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

impl Tensor {
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

    /// Extent of what a window makes of an axis that is already padded by `pad` in all. Each part may depend on choices.
    pub fn windowed(
        extent: &Dim,
        kernel: &Dim,
        stride: &Dim,
        dilation: &Dim,
        pad: &Dim,
    ) -> Result<Dim, ShapeError> {
        let one = Dim::Const(1);
        let span = kernel.sub(&one)?.mul(dilation)?.add(&one)?;
        let room = extent.add(pad)?.sub(&span)?;
        Ok(room.floor_div(stride)?.add(&one)?)
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
            &window.stride[0].into(),
            &window.dilation[0].into(),
            &Dim::Const(window.pad[0]).add(&Dim::Const(window.pad[2]))?,
        )?;
        let w = Self::windowed(
            &self.shape()[3],
            &weight.shape()[3],
            &window.stride[1].into(),
            &window.dilation[1].into(),
            &Dim::Const(window.pad[1]).add(&Dim::Const(window.pad[3]))?,
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
            let pad = Dim::Const(window.pad[a]).add(&Dim::Const(window.pad[b]))?;
            shape[2 + k] = Self::windowed(
                &self.shape()[2 + k],
                &window.size[k].into(),
                &window.stride[k].into(),
                &window.dilation[k].into(),
                &pad,
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
