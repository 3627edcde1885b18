//! Batches of a loop: which samples, in which order, and the tensors they make.

use super::{Batching, DataValue};
use crate::call;
use crate::ctx::{Ctx, fault};
use crate::key::Key;
use crate::value::{Clock, Element, Value};
use crate::{Fault, Result};
use nas_diagnostics::Span;
use nas_ir::{DType, Dim, Tensor};
use std::sync::Arc;

/// One batch to come.
#[derive(Debug, Clone)]
pub struct BatchRef {
    pub clock: Clock,
    pub indices: Vec<u32>,
    pub key: Key,
}

/// All batches of a loop, made as they are asked for: an epoch is shuffled when it begins.
pub struct Batches {
    data: Arc<DataValue>,
    batching: Batching,
    total: i64,
    per_epoch: i64,
    epochs: i64,
    step: i64,
    order: Vec<u32>,
}

impl Batches {
    pub fn total(&self) -> i64 {
        self.total
    }

    /// Goes on from a later step.
    pub fn start_at(&mut self, step: i64) {
        self.step = step;
        self.order.clear();
    }
}

impl Iterator for Batches {
    type Item = BatchRef;

    fn next(&mut self) -> Option<BatchRef> {
        if self.step >= self.total {
            return None;
        }
        let (epoch, within) = (self.step / self.per_epoch, self.step % self.per_epoch);
        if self.order.is_empty() || within == 0 {
            self.order = (0..self.data.len()).map(|i| self.data.index(i)).collect();
            if self.batching.shuffle {
                let mut s = self.batching.key.child(epoch as u64).stream();
                for i in (1..self.order.len()).rev() {
                    self.order.swap(i, s.below(i as u64 + 1) as usize);
                }
            }
        }
        let from = (within as usize).saturating_mul(self.batching.size);
        let to = from
            .saturating_add(self.batching.size)
            .min(self.order.len());
        let b = BatchRef {
            clock: Clock {
                step: self.step,
                steps: self.total,
                epoch,
                epochs: self.epochs,
            },
            indices: self.order[from.min(to)..to].to_vec(),
            key: self.batching.key.named("maps").child(self.step as u64),
        };
        self.step += 1;
        Some(b)
    }
}

pub fn batches(_ctx: &mut Ctx, d: &Arc<DataValue>, span: Span) -> Result<Batches> {
    let Some(batching) = d.batching.clone() else {
        return Err(fault("E0309", "data is gone through in batches")
            .at(span, "here")
            .into());
    };
    let (total, per_epoch, epochs) = d.steps(&batching);
    Ok(Batches {
        data: d.clone(),
        batching,
        total,
        per_epoch,
        epochs,
        step: 0,
        order: vec![],
    })
}

/// Images and labels of a batch.
pub fn batch(ctx: &mut Ctx, d: &Arc<DataValue>, b: &BatchRef, span: Span) -> Result<Value> {
    let (x, y) = if ctx.checking() {
        let n = Dim::from(b.indices.len());
        let mut shape: nas_ir::Shape = smallvec::smallvec![n.clone()];
        shape.extend(d.source.shape().into_iter().map(Dim::from));
        let labels = Tensor::symbol("labels", smallvec::smallvec![n], DType::I32);
        if let Ok(mut all) = ctx.shared.classes.lock() {
            all.insert(labels.0.id, d.source.classes() as i64);
        }
        (Tensor::symbol("images", shape, DType::F32), labels)
    } else {
        let (x, y) = d.source.fetch(&b.indices).map_err(Fault::from)?;
        (Tensor::value(x), Tensor::value(y))
    };
    let mut x = Value::tensor(x);
    for (i, f) in d.maps.iter().enumerate() {
        let saved = ctx.net.take();
        let r = ctx.under(b.key.child(i as u64), |ctx| {
            call::apply(ctx, f.clone(), x.clone(), span)
        });
        ctx.net = saved;
        x = r?;
    }
    Ok(Value::list(vec![x, Value::Tensor(y, Element::Label)]))
}
