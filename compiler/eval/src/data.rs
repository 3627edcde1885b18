//! Data as the language sees it: a source, the samples taken from it, and how they come in batches.

use crate::call::{self, Args};
use crate::ctx::{Ctx, fault};
use crate::key::Key;
use crate::value::{Clock, Element, Fields, Unit, Value};
use crate::{Fault, Result, access, number};
use nas_diagnostics::{Diagnostic, Span};
use nas_ir::{DType, Dim, HostData, HostTensor, Tensor};
use std::fmt::Debug;
use std::sync::Arc;

/// Labelled samples, by index.
pub trait DataSource: Send + Sync + Debug {
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Of one sample: [c, h, w].
    fn shape(&self) -> Vec<usize>;
    fn classes(&self) -> usize;
    /// x: [n, c, h, w] in f32, y: [n] in i32.
    fn fetch(&self, indices: &[u32]) -> std::result::Result<(HostTensor, HostTensor), Diagnostic>;
    /// What the samples are, for keys of results.
    fn digest(&self) -> String;
    fn test(&self) -> Option<Arc<dyn DataSource>>;
}

#[derive(Debug, Clone)]
pub struct Batching {
    pub size: usize,
    pub epochs: Option<i64>,
    pub steps: Option<i64>,
    pub count: Option<i64>,
    pub key: Key,
    pub shuffle: bool,
}

#[derive(Debug, Clone)]
pub struct DataValue {
    pub source: Arc<dyn DataSource>,
    /// Which samples, in which order; all of them where `None`.
    pub indices: Option<Arc<Vec<u32>>>,
    /// Functions that draw: applied to each batch anew.
    pub maps: Vec<Value>,
    pub batching: Option<Batching>,
    pub test: Option<Arc<DataValue>>,
}

impl DataValue {
    pub fn new(source: Arc<dyn DataSource>) -> DataValue {
        let test = source.test().map(|t| Arc::new(DataValue::new(t)));
        DataValue {
            source,
            indices: None,
            maps: vec![],
            batching: None,
            test,
        }
    }

    pub fn len(&self) -> usize {
        self.indices.as_ref().map_or(self.source.len(), |i| i.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn parts(&self) -> Vec<&'static str> {
        let mut p = vec!["train", "classes", "length", "shape", "x", "y"];
        if self.test.is_some() {
            p.push("test");
        }
        p
    }

    fn index(&self, i: usize) -> u32 {
        self.indices.as_ref().map_or(i as u32, |ix| ix[i])
    }

    fn part(&self, from: usize, to: usize) -> DataValue {
        let indices = (from..to).map(|i| self.index(i)).collect();
        DataValue {
            indices: Some(Arc::new(indices)),
            test: None,
            ..self.clone()
        }
    }

    /// What the samples are: the source and which of them.
    pub fn digest(&self) -> String {
        let mut h = blake3::Hasher::new();
        h.update(self.source.digest().as_bytes());
        if let Some(ix) = &self.indices {
            for i in ix.iter() {
                h.update(&i.to_le_bytes());
            }
        }
        h.finalize().to_hex().to_string()
    }

    fn steps(&self, b: &Batching) -> (i64, i64, i64) {
        let n = self.len();
        let whole = (n / b.size).max(1) as i64;
        match (b.epochs, b.steps) {
            (Some(e), _) => (whole * e, whole, e),
            (None, Some(s)) => (s, whole, (s + whole - 1) / whole),
            (None, None) => {
                let all = n.div_ceil(b.size) as i64;
                let k = b.count.map_or(all, |c| c.min(all));
                (k, all.max(1), 1)
            }
        }
    }
}

pub fn field(d: &Arc<DataValue>, key: &str) -> Option<Value> {
    match key {
        "train" => Some(Value::Data(d.clone())),
        "test" => d.test.as_ref().map(|t| Value::Data(t.clone())),
        "classes" => Some(Value::int(d.source.classes() as i64)),
        "length" => Some(Value::int(d.len() as i64)),
        "shape" => Some(Value::list(
            d.source
                .shape()
                .into_iter()
                .map(|v| Value::int(v as i64))
                .collect(),
        )),
        _ => None,
    }
}

pub fn method(ctx: &mut Ctx, d: &Arc<DataValue>, name: &str, mut args: Args) -> Result<Value> {
    let span = args.span;
    match name {
        "split" | "take" | "skip" => {
            if args.named.is_empty() {
                let n = args.need("n")?;
                let n = (access::whole(ctx, &n, span)?.max(0) as usize).min(d.len());
                let p = if name == "skip" {
                    d.part(n, d.len())
                } else {
                    DataValue {
                        test: d.test.clone(),
                        ..d.part(0, n)
                    }
                };
                return Ok(Value::Data(Arc::new(p)));
            }
            let mut out = Fields::new();
            let mut from = 0usize;
            for (part, v, at) in std::mem::take(&mut args.named) {
                let Some(v) = v else { continue };
                // `test` is the source's own test set where it has one.
                let (of, start) = match (&*part, &d.test) {
                    ("test", Some(t)) => (t.clone(), 0),
                    _ => (d.clone(), from),
                };
                let n = match v.plain() {
                    Value::Int(n, _) if name == "take" || *n > 1 => (*n).max(0) as usize,
                    _ => match number::as_f64(&v) {
                        Some(f) if (0.0..=1.0).contains(&f) => {
                            (f * of.len() as f64 + 1e-9).floor() as usize
                        }
                        _ => {
                            return Err(fault(
                                "E0301",
                                "a part is a share between 0 and 1, or a number of samples",
                            )
                            .at(at, "here")
                            .into());
                        }
                    },
                };
                if start + n > of.len() {
                    return Err(fault(
                        "E0301",
                        format!(
                            "`{part}` asks for {n} samples, and {} are left",
                            of.len() - start.min(of.len())
                        ),
                    )
                    .at(at, "too many")
                    .into());
                }
                out.insert(
                    part.clone(),
                    Value::Data(Arc::new(of.part(start, start + n))),
                );
                if Arc::ptr_eq(&of, d) {
                    from = start + n;
                }
            }
            if !out.contains_key("test")
                && let Some(t) = &d.test
            {
                out.insert("test".into(), Value::Data(t.clone()));
            }
            Ok(Value::record(out))
        }
        "sample" => {
            let n = args.need("n")?;
            let n = (access::whole(ctx, &n, span)?.max(0) as usize).min(d.len());
            let mut s = ctx.next_key().stream();
            let mut ix: Vec<u32> = (0..d.len()).map(|i| d.index(i)).collect();
            for i in 0..n {
                let j = i + s.below((ix.len() - i) as u64) as usize;
                ix.swap(i, j);
            }
            ix.truncate(n);
            Ok(Value::Data(Arc::new(DataValue {
                indices: Some(Arc::new(ix)),
                ..(**d).clone()
            })))
        }
        "shuffled" => {
            let mut s = ctx.next_key().stream();
            let mut ix: Vec<u32> = (0..d.len()).map(|i| d.index(i)).collect();
            for i in (1..ix.len()).rev() {
                ix.swap(i, s.below(i as u64 + 1) as usize);
            }
            Ok(Value::Data(Arc::new(DataValue {
                indices: Some(Arc::new(ix)),
                ..(**d).clone()
            })))
        }
        "map" => {
            let f = args.need("f")?;
            map(ctx, d, f, span)
        }
        "batch" => {
            let n = args.need("n")?;
            let n = (access::whole(ctx, &n, span)?.max(1) as usize).min(d.len());
            let b = BatchRef {
                clock: Clock {
                    step: 0,
                    steps: 1,
                    epoch: 0,
                    epochs: 1,
                },
                indices: (0..n).map(|i| d.index(i)).collect(),
                key: ctx.next_key(),
            };
            let pair = batch(ctx, d, &b, span)?;
            let Value::List(p) = &pair else {
                return Ok(pair);
            };
            let mut r = Fields::new();
            r.insert("x".into(), p[0].clone());
            r.insert("y".into(), p[1].clone());
            Ok(Value::record(r))
        }
        "batches" => {
            let size = args.need("size")?;
            let size = access::whole(ctx, &size, span)?;
            if size < 1 {
                return Err(fault("E0301", format!("batches of {size}"))
                    .at(span, "here")
                    .into());
            }
            let mut int = |name: &str, unit: Unit| -> Result<Option<i64>> {
                match args.take_named(name) {
                    None => Ok(None),
                    Some(v) => {
                        let u = number::unit_of(&v);
                        if u != Unit::One && u != unit {
                            return Err(fault(
                                "E0305",
                                format!(
                                    "`{name}` counts {}, and this is in {}",
                                    unit.name(),
                                    u.name()
                                ),
                            )
                            .at(span, "here")
                            .into());
                        }
                        access::whole(ctx, &v, span).map(Some)
                    }
                }
            };
            let (epochs, steps, count) = (
                int("epochs", Unit::Epochs)?,
                int("steps", Unit::Steps)?,
                int("count", Unit::One)?,
            );
            if let Some((n, _, at)) = args.named.first() {
                return Err(fault("E0303", format!("`batches` has no argument `{n}`"))
                    .at(*at, "here")
                    .help("`epochs`, `steps` and `count` are known")
                    .into());
            }
            if d.is_empty() {
                return Err(fault("E0702", "there are no samples to make batches of")
                    .at(span, "here")
                    .into());
            }
            let batching = Batching {
                size: size as usize,
                epochs,
                steps,
                count,
                key: ctx.next_key(),
                shuffle: epochs.is_some() || steps.is_some(),
            };
            Ok(Value::Data(Arc::new(DataValue {
                batching: Some(batching),
                ..(**d).clone()
            })))
        }
        other => Err(fault("E0202", format!("data has no `{other}`"))
            .at(span, "here")
            .into()),
    }
}

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
        let from = within as usize * self.batching.size;
        let to = (from + self.batching.size).min(self.order.len());
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
        (
            Tensor::symbol("images", shape, DType::F32),
            Tensor::symbol("labels", smallvec::smallvec![n], DType::I32),
        )
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

/// Applies a function to every sample. One that draws is applied anew to each batch; any other once, to all.
fn map(ctx: &mut Ctx, d: &Arc<DataValue>, f: Value, span: Span) -> Result<Value> {
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
