//! One member: its layers with shapes, parameters and operations, and its costs under each convention.

use super::costs;
use nas_diagnostics::Span;
use nas_eval::builtins::costs::{CONTRACTIONS, entries};
use nas_eval::ctx::Ctx;
use nas_eval::net::{CallRecord, CostEntry, NetBase, NetValue, NetWeights, Recorder};
use nas_eval::space::{ArchValue, SpaceValue};
use nas_eval::value::Value;
use nas_eval::{Fault, call, net};
use nas_ir::Dim;
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::sync::Arc;

/// A member as it is told.
pub struct Member {
    arch: String,
    params: i64,
    costs: Vec<(String, i64)>,
    layers: Vec<Layer>,
}

struct Layer {
    path: String,
    kind: String,
    /// Extents, the batch of one included; a word where one is not known.
    input: Vec<Json>,
    output: Vec<Json>,
    params: i64,
    macs: i64,
}

pub fn of(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    arch: Arc<ArchValue>,
    span: Span,
) -> Result<Member, Fault> {
    let mut net = NetValue::new(
        NetBase::Member {
            space: s.clone(),
            arch: arch.clone(),
        },
        NetWeights::Abstract,
    );
    net.train = Some(false);
    let net = Arc::new(net);
    let text = arch.text();
    if s.net_decl().is_none() {
        return Ok(Member {
            arch: text,
            params: 0,
            costs: Vec::new(),
            layers: Vec::new(),
        });
    }
    let value = Value::Net(net.clone());
    let all = entries(ctx, &value, None, span)?;
    let x = net::stand_in_input(ctx, &net, Dim::Const(1), None, span)?;
    let record = Some(Recorder::default());
    let (_, record, _) = net::run(ctx, &net, call::Args::one(x, span), record, false)?;
    let calls = record.map(|r| r.calls).unwrap_or_default();
    let layers = layers(&all, &calls);
    let mut costs = Vec::new();
    for (name, v) in costs::under_conventions(ctx, &value, span) {
        match v.plain() {
            Value::Int(n, _) => costs.push((name, *n)),
            Value::Float(n, _) => costs.push((name, *n as i64)),
            _ => {}
        }
    }
    let params = layers.iter().map(|l| l.params).sum();
    let asked = costs.iter().position(|c| c.0 == "params");
    let params = asked.map_or(params, |i| costs.remove(i).1);
    if costs.is_empty() {
        costs = items(&all);
    }
    Ok(Member {
        arch: text,
        params,
        costs,
        layers,
    })
}

/// Sums of the cost table by item, where the library has no convention.
fn items(all: &[CostEntry]) -> Vec<(String, i64)> {
    let mut out: Vec<(String, i64)> = Vec::new();
    for e in all
        .iter()
        .filter(|e| !matches!(&*e.item, "params" | "state"))
    {
        let n = e.amount.known().unwrap_or(0);
        match out.iter_mut().find(|o| *o.0 == *e.item) {
            Some(o) => o.1 += n,
            None => out.push((e.item.to_string(), n)),
        }
    }
    out
}

/// The blocks that own parameters or do operations, in the order of the table.
fn layers(all: &[CostEntry], calls: &[Arc<CallRecord>]) -> Vec<Layer> {
    let met: HashMap<&str, &Arc<CallRecord>> = calls.iter().map(|c| (&*c.path, c)).collect();
    let mut out: Vec<Layer> = Vec::new();
    for e in all.iter().filter(|e| &*e.item != "state") {
        let at = out.iter().position(|l| *l.path == *e.path);
        let i = at.unwrap_or_else(|| {
            let call = met.get(&*e.path);
            out.push(Layer {
                path: e.path.to_string(),
                kind: e.kind.to_string(),
                input: shape(call.and_then(|c| c.input.as_ref())),
                output: shape(call.and_then(|c| c.output.as_ref())),
                params: 0,
                macs: 0,
            });
            out.len() - 1
        });
        let layer = &mut out[i];
        let n = e.amount.known().unwrap_or(0);
        match &*e.item {
            "params" => layer.params += n,
            item if CONTRACTIONS.contains(&item) => layer.macs += n,
            _ => {}
        }
        if layer.output.is_empty() && &*e.item != "params" {
            layer.output = extents(&e.out);
        }
    }
    out
}

fn shape(v: Option<&Value>) -> Vec<Json> {
    match v.map(Value::plain) {
        Some(Value::Tensor(t, _)) => extents(t.shape()),
        _ => Vec::new(),
    }
}

fn extents(dims: &[Dim]) -> Vec<Json> {
    let one = |d: &Dim| match d.known() {
        Some(n) => json!(n),
        None => json!(d.to_string()),
    };
    dims.iter().map(one).collect()
}

impl Member {
    pub fn json(&self) -> Json {
        let costs: Map<String, Json> = self
            .costs
            .iter()
            .map(|(name, n)| (name.clone(), json!(n)))
            .collect();
        let layer = |l: &Layer| json!({ "path": l.path, "kind": l.kind, "in": l.input, "out": l.output, "params": l.params, "macs": l.macs });
        let layers: Vec<Json> = self.layers.iter().map(layer).collect();
        json!({ "arch": self.arch, "params": self.params, "costs": costs, "layers": layers })
    }

    pub fn text(&self) -> String {
        let size = |dims: &[Json]| {
            let parts: Vec<String> = dims
                .iter()
                .map(|d| d.as_str().map_or_else(|| d.to_string(), String::from))
                .collect();
            parts.join("×")
        };
        let mut rows = vec![["layer", "kind", "in", "out", "params", "MACs"].map(String::from)];
        for l in &self.layers {
            rows.push([
                l.path.clone(),
                l.kind.clone(),
                size(&l.input),
                size(&l.output),
                l.params.to_string(),
                l.macs.to_string(),
            ]);
        }
        let wide: Vec<usize> = (0..6)
            .map(|c| rows.iter().map(|r| r[c].chars().count()).max().unwrap_or(0))
            .collect();
        let mut out = format!("{}\n\n", self.arch);
        for r in &rows {
            let mut line = String::new();
            for (c, cell) in r.iter().enumerate() {
                let w = wide[c];
                line.push_str(&match c < 4 {
                    true => format!("{cell:w$}  "),
                    false => format!("{cell:>w$}  "),
                });
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out.push_str(&format!("\n{:16} {}\n", "params", self.params));
        for (name, n) in &self.costs {
            out.push_str(&format!("{name:16} {n}\n"));
        }
        out
    }
}
