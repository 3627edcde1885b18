//! Kept functions, spaces, members and nets: told by where they are declared and by what they hold.
//!
//! A result's key counts the code it reaches, so a declaration found under its name is the one that was meant; a lambda is
//! kept as its text. What cannot be told so (blocks written in place, nested declarations) is not kept, and made again.

use super::{key_json, key_of};
use crate::call::Args;
use crate::ctx::Ctx;
use crate::env::{Env, Found};
use crate::net::{NetBase, NetValue, NetWeights};
use crate::program::{GlobalId, ModuleId};
use crate::space::{ArchValue, SpaceValue};
use crate::value::{Bound, Func, FuncKind, Picked, Range, Value};
use nas_diagnostics::Span;
use nas_grammar::ast::{Expr, ExprKind, ItemKind};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// Values that hold each other deeper than this are not kept.
const DEEPEST: usize = 24;

pub fn to_json(ctx: &Ctx, v: &Value, blob: &mut Vec<u8>) -> Option<Json> {
    Some(match v {
        Value::Big(b) => json!({"big": b.to_string()}),
        Value::Label(l) => json!({"label": &**l}),
        Value::Range(r) => json!({"range": [r.low, r.high, r.step]}),
        Value::Interval(i) => {
            json!({"interval": [super::to_json(ctx, &i.0, blob)?, super::to_json(ctx, &i.1, blob)?]})
        }
        Value::Picked(p) => json!({
            "picked": super::to_json(ctx, &p.value, blob)?,
            "label": &*p.label, "index": p.index, "site": &*p.site,
        }),
        Value::Arch(a) => json!({
            "arch": a.arch.0.iter().map(|o| o.map(|n| n as u64)).collect::<Vec<_>>(),
            "space": space_json(ctx, &a.space, blob)?,
        }),
        Value::Space(s) => json!({"space of": space_json(ctx, s, blob)?}),
        Value::Func(f) => json!({"function": function_json(ctx, f, blob)?}),
        Value::Net(n) => json!({"net": net_json(ctx, n, blob)?}),
        _ => return None,
    })
}

pub fn from_json(ctx: &mut Ctx, o: &Map<String, Json>, blob: &[u8]) -> Option<Value> {
    Some(if let Some(b) = o.get("big") {
        Value::Big(Arc::new(b.as_str()?.parse().ok()?))
    } else if let Some(l) = o.get("label").filter(|_| !o.contains_key("picked")) {
        Value::Label(l.as_str()?.into())
    } else if let Some(r) = o.get("range") {
        Value::Range(Range {
            low: r[0].as_i64(),
            high: r[1].as_i64(),
            step: r[2].as_i64()?,
        })
    } else if let Some(i) = o.get("interval") {
        let low = super::from_json(ctx, &i[0], blob)?;
        Value::Interval(Arc::new((low, super::from_json(ctx, &i[1], blob)?)))
    } else if let Some(p) = o.get("picked") {
        Value::Picked(Arc::new(Picked {
            label: o.get("label")?.as_str()?.into(),
            index: usize::try_from(o.get("index")?.as_u64()?).ok()?,
            site: o.get("site")?.as_str()?.into(),
            value: super::from_json(ctx, p, blob)?,
        }))
    } else if let Some(a) = o.get("arch") {
        Value::Arch(member_of(ctx, a, o.get("space")?, blob)?)
    } else if let Some(s) = o.get("space of") {
        Value::Space(space_of(ctx, s, blob)?)
    } else if let Some(f) = o.get("function") {
        function_of(ctx, f, blob)?
    } else {
        net_of(ctx, o.get("net")?, blob)?
    })
}

// ---- declarations

/// A declaration by its module and name, with a fingerprint under which it is found when it was renamed.
fn declared(ctx: &Ctx, module: ModuleId, name: &str, print: String) -> Option<Json> {
    let m = ctx.program.modules.get(module)?;
    Some(json!([&*m.path, name, print]))
}

fn find(ctx: &Ctx, j: &Json, print: impl Fn(&Ctx, GlobalId) -> Option<String>) -> Option<GlobalId> {
    let (path, name, kept) = (j[0].as_str()?, j[1].as_str()?, j[2].as_str()?);
    let program = &ctx.program;
    let here = |id: &GlobalId| {
        let g = &program.globals[*id];
        &*g.name == name && &*program.modules[g.module].path == path
    };
    let same = |id: &GlobalId| print(ctx, *id).is_some_and(|p| p == kept);
    let all = 0..program.globals.len();
    let named = all.clone().find(here).filter(same);
    named.or_else(|| all.clone().find(same))
}

fn print_of(ctx: &Ctx, id: GlobalId) -> Option<String> {
    let g = &ctx.program.globals[id];
    match &ctx.program.item(id).kind {
        ItemKind::Fn(decl) => Some(crate::show::code_fingerprint(ctx, g.module, decl)),
        ItemKind::Space(decl) => Some(space_print(decl)),
        _ => None,
    }
}

fn space_print(decl: &nas_grammar::ast::SpaceDecl) -> String {
    let text = crate::show::erase_spans(&format!("{decl:?}"));
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// What the names in a piece of text stand for around it; `None` where one stands for something that cannot be kept.
fn around(ctx: &Ctx, tree: &str, env: &Env, blob: &mut Vec<u8>) -> Option<Json> {
    let mut out = Map::new();
    for part in tree.split("text: \"").skip(1) {
        let name = part.split_once('"')?.0;
        if out.contains_key(name) {
            continue;
        }
        match env.find(name) {
            Some(Found::Value(v)) => {
                out.insert(name.to_string(), super::to_json(ctx, &v, blob)?);
            }
            Some(_) => return None,
            None => {}
        }
    }
    Some(Json::Object(out))
}

fn env_of(ctx: &mut Ctx, j: &Json, blob: &[u8]) -> Option<Env> {
    let mut env = Env::default();
    for (name, v) in j.as_object()? {
        let v = super::from_json(ctx, v, blob)?;
        env = env.bind(name.as_str().into(), v);
    }
    Some(env)
}

/// The text of a place of a module.
fn text_of(ctx: &Ctx, module: ModuleId, span: Span) -> Option<String> {
    let m = ctx.program.modules.get(module)?;
    (m.file == span.file).then_some(())?;
    let text = m.text.get(span.start as usize..span.end as usize)?;
    Some(text.to_string())
}

/// An expression read again, at its place where the module still has it.
fn parsed(ctx: &Ctx, module: ModuleId, text: &str) -> Option<Expr> {
    let m = ctx.program.modules.get(module)?;
    let at = m.text.find(text).unwrap_or(0);
    let (e, found) = nas_grammar::parse_expr(m.file, &format!("{}{text}", " ".repeat(at)));
    found.iter().all(|d| !d.is_error()).then_some(e)
}

fn module_at(ctx: &Ctx, path: &Json) -> Option<ModuleId> {
    let path = path.as_str()?;
    let named = ctx.program.modules.iter().position(|m| &*m.path == path);
    // The entry may have been renamed; what it means has not.
    named.or(Some(ctx.program.entry))
}

// ---- functions

fn function_json(ctx: &Ctx, f: &Func, blob: &mut Vec<u8>) -> Option<Json> {
    if ctx.depth > 200 - DEEPEST {
        return None;
    }
    let kind = match &f.kind {
        FuncKind::Decl {
            decl,
            module,
            env,
            global: Some(id),
            lists,
        } => {
            let mut given = Map::new();
            for p in decl.params.iter().take(*lists).flatten() {
                if let Some(Found::Value(v)) = env.find(&p.name.text) {
                    given.insert(p.name.text.to_string(), super::to_json(ctx, &v, blob)?);
                }
            }
            let at = declared(ctx, *module, &decl.name.text, print_of(ctx, *id)?)?;
            json!({"fn": at, "lists": lists, "given": given})
        }
        FuncKind::Lambda {
            params,
            body,
            module,
            env,
        } => {
            let text = text_of(ctx, *module, f.span)?;
            let tree = format!("{params:?} {body:?}");
            // The text is kept only where it reads as this very function.
            let e = parsed(ctx, *module, &text)?;
            let ExprKind::Lambda { params: p, body: b } = &e.kind else {
                return None;
            };
            let same = crate::show::erase_spans(&format!("{p:?} {b:?}"));
            if same != crate::show::erase_spans(&tree) {
                return None;
            }
            let path = &*ctx.program.modules.get(*module)?.path;
            json!({"lambda": text, "module": path, "env": around(ctx, &tree, env, blob)?})
        }
        FuncKind::Builtin { name, .. } => json!({"builtin": name}),
        FuncKind::Partial { of } => json!({"partial": super::to_json(ctx, of, blob)?}),
        FuncKind::Compose(parts) => {
            let parts: Option<Vec<Json>> =
                parts.iter().map(|p| super::to_json(ctx, p, blob)).collect();
            json!({"compose": parts?})
        }
        FuncKind::Space { decl, module } => {
            json!({"space": declared(ctx, *module, &decl.name.text, space_print(decl))?})
        }
        _ => return None,
    };
    let mut bound = vec![];
    for b in &f.bound {
        let value = match &b.value {
            Some(v) => json!([super::to_json(ctx, v, blob)?]),
            None => Json::Null,
        };
        bound.push(json!([b.name.as_deref(), value]));
    }
    Some(json!({"kind": kind, "bound": bound}))
}

fn function_of(ctx: &mut Ctx, j: &Json, blob: &[u8]) -> Option<Value> {
    let k = &j["kind"];
    let mut span = Span::default();
    let kind = if !k["fn"].is_null() {
        let id = find(ctx, &k["fn"], print_of)?;
        let program = ctx.program.clone();
        let item = program.item(id);
        let ItemKind::Fn(decl) = &item.kind else {
            return None;
        };
        span = item.span;
        FuncKind::Decl {
            decl: decl.clone(),
            module: program.globals[id].module,
            env: env_of(ctx, &k["given"], blob)?,
            global: Some(id),
            lists: usize::try_from(k["lists"].as_u64()?).ok()?,
        }
    } else if let Some(text) = k["lambda"].as_str() {
        let module = module_at(ctx, &k["module"])?;
        let e = parsed(ctx, module, text)?;
        span = e.span;
        let ExprKind::Lambda { params, body } = e.kind else {
            return None;
        };
        FuncKind::Lambda {
            params,
            body,
            module,
            env: env_of(ctx, &k["env"], blob)?,
        }
    } else if let Some(name) = k["builtin"].as_str() {
        let (name, f) = crate::builtins::find(name)?;
        FuncKind::Builtin { name, f }
    } else if let Some(of) = k.get("partial") {
        FuncKind::Partial {
            of: super::from_json(ctx, of, blob)?,
        }
    } else if let Some(parts) = k["compose"].as_array() {
        let parts = parts.iter().map(|p| super::from_json(ctx, p, blob));
        FuncKind::Compose(parts.collect::<Option<_>>()?)
    } else {
        let id = find(ctx, k.get("space")?, print_of)?;
        let program = ctx.program.clone();
        let ItemKind::Space(decl) = &program.item(id).kind else {
            return None;
        };
        FuncKind::Space {
            decl: decl.clone(),
            module: program.globals[id].module,
        }
    };
    let mut bound = vec![];
    for b in j["bound"].as_array()? {
        bound.push(Bound {
            name: b[0].as_str().map(Into::into),
            value: match b[1].as_array() {
                Some(v) => Some(super::from_json(ctx, v.first()?, blob)?),
                None => None,
            },
            span,
        });
    }
    Some(Value::Func(Arc::new(Func { kind, bound, span })))
}

// ---- spaces, members, nets

fn space_json(ctx: &Ctx, s: &SpaceValue, blob: &mut Vec<u8>) -> Option<Json> {
    let decl = &s.base.decl;
    let mut given = Map::new();
    for p in &decl.params {
        if let Some(Found::Value(v)) = s.base.env.find(&p.name.text) {
            given.insert(p.name.text.to_string(), super::to_json(ctx, &v, blob)?);
        }
    }
    let mut conditions = vec![];
    for (e, env, module) in &s.conditions {
        let text = text_of(ctx, *module, e.span)?;
        let path = &*ctx.program.modules.get(*module)?.path;
        conditions.push(json!([
            text,
            path,
            around(ctx, &format!("{e:?}"), env, blob)?
        ]));
    }
    let at = declared(ctx, s.module, &decl.name.text, space_print(decl))?;
    Some(json!({"at": at, "given": given, "where": conditions}))
}

fn space_of(ctx: &mut Ctx, j: &Json, blob: &[u8]) -> Option<Arc<SpaceValue>> {
    // One space a text: its members share what is known of it.
    let known = blake3::hash(j.to_string().as_bytes()).to_hex().to_string();
    if let Some(Value::Space(s)) = ctx.shared.restored.lock().ok()?.get(&known) {
        return Some(s.clone());
    }
    let id = find(ctx, &j["at"], print_of)?;
    let program = ctx.program.clone();
    let module = program.globals[id].module;
    let ItemKind::Space(decl) = &program.item(id).kind else {
        return None;
    };
    let mut args = Args {
        span: decl.name.span,
        ..Args::default()
    };
    for (name, v) in j["given"].as_object()? {
        let v = super::from_json(ctx, v, blob)?;
        args.named
            .push((name.as_str().into(), Some(v), decl.name.span));
    }
    let made = crate::space::instantiate(ctx, decl, module, args).ok()?;
    let mut space = crate::space::as_space(ctx, &made, decl.name.span).ok()?;
    for c in j["where"].as_array()? {
        let module = module_at(ctx, &c[1])?;
        let e = parsed(ctx, module, c[0].as_str()?)?;
        let env = env_of(ctx, &c[2], blob)?;
        let span = e.span;
        let restricted = ctx
            .in_module(module, |ctx| {
                crate::space::restrict(ctx, &space, &[e], &env, span)
            })
            .ok()?;
        space = crate::space::as_space(ctx, &restricted, span).ok()?;
    }
    let mut all = ctx.shared.restored.lock().ok()?;
    all.insert(known, Value::Space(space.clone()));
    Some(space)
}

fn member_of(ctx: &mut Ctx, j: &Json, space: &Json, blob: &[u8]) -> Option<Arc<ArchValue>> {
    let space = space_of(ctx, space, blob)?;
    let span = space.base.decl.name.span;
    space.algebra(ctx, span).ok()?;
    let options: Vec<Option<usize>> = j
        .as_array()?
        .iter()
        .map(|o| o.as_u64().and_then(|n| n.try_into().ok()))
        .collect();
    let whole = options.len() == space.sites().len();
    whole.then(|| ArchValue::new(space.clone(), nas_space::Arch(options)))
}

fn net_json(ctx: &Ctx, n: &NetValue, blob: &mut Vec<u8>) -> Option<Json> {
    let NetBase::Member { space, arch } = &n.base else {
        return None;
    };
    if arch.mixture.is_some() || !n.edits.is_empty() || n.dtype != nas_ir::DType::F32 {
        return None;
    }
    let weights = match &n.weights {
        NetWeights::Fresh(key) => json!({"fresh": key_json(key)}),
        NetWeights::Stored(w) => super::weights_json(ctx, w, blob)?,
        NetWeights::Abstract => return None,
    };
    let policy = match &n.policy {
        Some(p) => json!([super::to_json(ctx, p, blob)?]),
        None => Json::Null,
    };
    Some(json!({
        "arch": super::to_json(ctx, &Value::Arch(arch.clone()), blob)?,
        "of": space_json(ctx, space, blob)?,
        "weights": weights, "policy": policy, "train": n.train,
    }))
}

fn net_of(ctx: &mut Ctx, j: &Json, blob: &[u8]) -> Option<Value> {
    let Value::Arch(arch) = super::from_json(ctx, &j["arch"], blob)? else {
        return None;
    };
    let weights = match j["weights"].get("fresh") {
        Some(key) => NetWeights::Fresh(key_of(key)?),
        None => NetWeights::Stored(Arc::new(super::weights_of(
            ctx,
            &j["weights"],
            blob,
            false,
        )?)),
    };
    let space = space_of(ctx, &j["of"], blob)?;
    let mut net = NetValue::new(NetBase::Member { space, arch }, weights);
    if let Some(p) = j["policy"].as_array() {
        net.policy = Some(super::from_json(ctx, p.first()?, blob)?);
    }
    net.train = j["train"].as_bool();
    Some(Value::Net(Arc::new(net)))
}
