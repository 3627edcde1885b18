//! Functions over samples: once to all, or anew to each batch where they draw.

use super::{DataSource, DataValue};
use crate::call;
use crate::ctx::{Ctx, fault};
use crate::value::Value;
use crate::{Fault, Result};
use nas_diagnostics::{Diagnostic, Span};
use nas_ir::{DType, Dim, HostData, HostTensor, Tensor};
use std::sync::Arc;

/// Applies a function to every sample. One that draws is applied anew to each batch; any other once, to all.
pub(super) fn map(ctx: &mut Ctx, d: &Arc<DataValue>, f: Value, span: Span) -> Result<Value> {
    if draws(&f) {
        let mut out = (**d).clone();
        out.maps.push(f);
        return Ok(Value::Data(Arc::new(out)));
    }
    let test = match &d.test {
        Some(t) => match map(ctx, t, f.clone(), span)? {
            Value::Data(t) => Some(t),
            _ => None,
        },
        None => None,
    };
    let mut shape: nas_ir::Shape = smallvec::smallvec![Dim::Const(1)];
    shape.extend(d.source.shape().into_iter().map(Dim::from));
    let probe = Value::tensor(Tensor::symbol("images", shape, DType::F32));
    let key = ctx.next_key();
    let out = ctx.under(key, |ctx| call::apply(ctx, f.clone(), probe, span))?;
    // Images whose size a run says: what reads them is checked then.
    if out.is_unknown() && ctx.checking() {
        return Ok(Value::unknown());
    }
    let Value::Tensor(t, _) = out.plain() else {
        return Err(fault(
            "E0301",
            format!(
                "a map over images gives images, and this gives {}",
                out.kind()
            ),
        )
        .at(span, "here")
        .into());
    };
    let Some(sizes) = t.sizes() else {
        return Err(fault(
            "E0304",
            "the size of the images after this map is not known",
        )
        .at(span, "here")
        .into());
    };
    let new_shape = sizes[1..].to_vec();
    let count = d.len();
    let mut data = Vec::new();
    let mut labels = Vec::with_capacity(count);
    if !ctx.checking() {
        data.reserve(count * new_shape.iter().product::<usize>());
        for from in (0..count).step_by(256) {
            let ix: Vec<u32> = (from..(from + 256).min(count))
                .map(|i| d.index(i))
                .collect();
            let (x, y) = d.source.fetch(&ix).map_err(Fault::from)?;
            let r = ctx.under(key, |ctx| {
                call::apply(ctx, f.clone(), Value::tensor(Tensor::value(x)), span)
            })?;
            if let Value::Tensor(t, _) = r.plain() {
                let v = crate::train::force(ctx, std::slice::from_ref(t), span)?;
                if let Some(HostData::F32(v)) = v.first().map(|v| &v.data) {
                    data.extend_from_slice(v);
                }
            }
            if let HostData::I32(y) = &y.data {
                labels.extend_from_slice(y);
            }
        }
    }
    let source = Mapped {
        count,
        shape: new_shape,
        classes: d.source.classes(),
        data,
        labels,
        digest: format!("{}|map|{}", d.digest(), crate::show::fingerprint(&f)),
    };
    Ok(Value::Data(Arc::new(DataValue {
        source: Arc::new(source),
        indices: None,
        maps: d.maps.clone(),
        batching: None,
        test,
    })))
}

/// Whether a function's text draws.
fn draws(f: &Value) -> bool {
    match f.plain() {
        Value::Func(f) => match &f.kind {
            crate::value::FuncKind::Decl { decl, .. } => {
                format!("{:?}", decl.body).contains("Draw")
            }
            crate::value::FuncKind::Lambda { body, .. } => format!("{body:?}").contains("Draw"),
            _ => false,
        },
        _ => false,
    }
}

/// Samples after a map, in memory.
#[derive(Debug)]
struct Mapped {
    count: usize,
    shape: Vec<usize>,
    classes: usize,
    data: Vec<f32>,
    labels: Vec<i32>,
    digest: String,
}

impl DataSource for Mapped {
    fn len(&self) -> usize {
        self.count
    }

    fn shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn classes(&self) -> usize {
        self.classes
    }

    fn fetch(&self, indices: &[u32]) -> std::result::Result<(HostTensor, HostTensor), Diagnostic> {
        let size: usize = self.shape.iter().product();
        let mut x = Vec::with_capacity(indices.len() * size);
        let mut y = Vec::with_capacity(indices.len());
        for i in indices {
            let i = *i as usize;
            x.extend_from_slice(&self.data[i * size..(i + 1) * size]);
            y.push(self.labels[i]);
        }
        let mut shape = vec![indices.len()];
        shape.extend(&self.shape);
        Ok((
            HostTensor::f32(shape, x),
            HostTensor::i32(vec![indices.len()], y),
        ))
    }

    fn digest(&self) -> String {
        self.digest.clone()
    }

    fn test(&self) -> Option<Arc<dyn DataSource>> {
        None
    }
}
