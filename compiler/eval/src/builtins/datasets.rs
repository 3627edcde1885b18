//! Data by format: asked of the host.

use crate::call::Args;
use crate::ctx::{Ctx, fault};
use crate::data::DataValue;
use crate::host::DataRequest;
use crate::value::{BuiltinFn, Value};
use crate::{Result, access};
use nas_diagnostics::Span;
use std::sync::Arc;

pub const DATASETS: &[(&str, BuiltinFn)] = &[
    ("cifar10", |c, a| data(c, a, "cifar10")),
    ("cifar100", |c, a| data(c, a, "cifar100")),
    ("idx", |c, a| data(c, a, "idx")),
    ("images", |c, a| data(c, a, "images")),
    ("generated", generated),
];

fn data(ctx: &mut Ctx, args: &mut Args, format: &str) -> Result<Value> {
    let span = args.span;
    let path = args.need("path")?;
    let Value::Text(path) = path.plain().clone() else {
        return Err(
            fault("E0301", "data is read from a path, written as a text")
                .at(span, "here")
                .into(),
        );
    };
    open(
        ctx,
        DataRequest {
            format: format.into(),
            path,
            numbers: vec![],
        },
        span,
    )
}

fn generated(ctx: &mut Ctx, args: &mut Args) -> Result<Value> {
    let span = args.span;
    let mut numbers = vec![];
    for (name, default) in [
        ("n", 2_000),
        ("classes", 10),
        ("side", 16),
        ("seed", 0),
        ("test", 500),
    ] {
        let v = args.next(name).unwrap_or(Value::int(default));
        let v = access::whole(ctx, &v, span)?;
        if !(0..=1_000_000).contains(&v) {
            return Err(fault(
                "E0301",
                format!("`{name}` of generated data is between 0 and 1,000,000"),
            )
            .at(span, "here")
            .into());
        }
        numbers.push(v);
    }
    open(
        ctx,
        DataRequest {
            format: "generated".into(),
            path: "".into(),
            numbers,
        },
        span,
    )
}

fn open(ctx: &mut Ctx, request: DataRequest, span: Span) -> Result<Value> {
    let source = ctx.host.data(&request, ctx.checking()).map_err(|d| {
        let d = if d.labels.is_empty() {
            d.at(span, "read here")
        } else {
            d
        };
        crate::Fault::from(d)
    })?;
    let each: usize = source.shape().iter().product();
    let test = source.test().map_or(0, |t| t.len());
    // Files hold bytes, and are kept so; what is generated is made as numbers.
    let width = if &*request.format == "generated" {
        4
    } else {
        1
    };
    let what = crate::ledger::What::Opens {
        samples: (source.len() + test) as u64,
        bytes: (each * width) as u64,
    };
    crate::ledger::note(ctx, what);
    Ok(Value::Data(Arc::new(DataValue::new(source))))
}
