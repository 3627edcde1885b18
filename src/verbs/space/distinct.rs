//! How many members are left up to equivalences: those asked for, those of a table, or the rewrite rules beside the space.

use crate::front::Front;
use nas_diagnostics::{FileId, Span};
use nas_eval::Fault;
use nas_eval::ctx::Ctx;
use nas_eval::env::Env;
use nas_eval::program::ModuleId;
use nas_eval::space::{self, SpaceValue, classes};
use nas_eval::value::Value;
use nas_grammar::ast::{Expr, ExprKind, ItemKind, ListItem};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Sizes up to equivalence: the one that counts, and one for each rule that is added on the way.
#[derive(Default)]
pub struct Distinct {
    modulo: Vec<String>,
    size: Option<String>,
    steps: Vec<(Vec<String>, String)>,
    /// Why there is no size.
    reason: Option<String>,
}

/// A list of equivalences: their names, and the module in which they are read.
struct Asked {
    names: Vec<String>,
    module: ModuleId,
}

pub fn of(
    ctx: &mut Ctx,
    front: &Front,
    s: &Arc<SpaceValue>,
    asked: Option<(&str, ModuleId)>,
    span: Span,
) -> Result<Distinct, Fault> {
    let mut out = Distinct::default();
    if !s.modulo.is_empty() && asked.is_none() {
        let shown = |e: &Expr| front.text(e.span);
        out.modulo = s.modulo.iter().flat_map(|m| names(&m.0, &shown)).collect();
        out.count(classes::size(ctx, s, span));
        return Ok(out);
    }
    let (list, strict) = match asked {
        Some((text, module)) => {
            let inner = text.trim().trim_start_matches('[').trim_end_matches(']');
            let names = split(inner);
            (Asked { names, module }, true)
        }
        None => match beside(ctx, front, s) {
            Some(list) => (list, false),
            None => return Ok(out),
        },
    };
    out.modulo = list.names.clone();
    if list.names.len() > 1 && !strict {
        for k in 1..list.names.len() {
            let names = list.names[..k].to_vec();
            if let Ok(size) = under(ctx, s, &names, list.module, span) {
                out.steps.push((names, size));
            }
        }
    }
    match under(ctx, s, &list.names, list.module, span) {
        Ok(size) => {
            out.steps.push((list.names, size.clone()));
            out.size = Some(size);
        }
        Err(e) if strict => return Err(e),
        Err(Fault(d)) => out.reason = Some(d.message.clone()),
    }
    Ok(out)
}

/// Parts between commas outside brackets.
fn split(text: &str) -> Vec<String> {
    let mut depth = 0;
    let mut out = vec![String::new()];
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                out.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = out.last_mut() {
            last.push(c);
        }
    }
    out.into_iter()
        .map(|s| s.trim().to_string())
        .filter(|s| !s.is_empty())
        .collect()
}

fn names(e: &Expr, shown: &dyn Fn(&Expr) -> String) -> Vec<String> {
    match &e.kind {
        ExprKind::List(items) => items
            .iter()
            .map(|i| {
                let (ListItem::Item(x) | ListItem::Spread(x)) = i;
                shown(x)
            })
            .collect(),
        _ => vec![shown(e)],
    }
}

/// What stands beside the space: the equivalences of a table of it, else its rewrite rules in their order.
fn beside(ctx: &Ctx, front: &Front, s: &SpaceValue) -> Option<Asked> {
    let program = ctx.program.clone();
    let items = &program.modules.get(s.module)?.tree.items;
    let shown = |e: &Expr| front.text(e.span);
    let of_table = items.iter().find_map(|i| match &i.kind {
        ItemKind::Table(t) if shown(&t.space).split('(').next() == Some(&*s.name) => {
            let list: Vec<String> = t.modulo.iter().flat_map(|e| names(e, &shown)).collect();
            (!list.is_empty()).then_some(list)
        }
        _ => None,
    });
    let rules = || {
        let all = items.iter().filter_map(|i| match &i.kind {
            ItemKind::Rewrite(d) => Some(d.name.text.to_string()),
            _ => None,
        });
        all.collect::<Vec<_>>()
    };
    let names = of_table.unwrap_or_else(rules);
    (!names.is_empty()).then_some(Asked {
        names,
        module: s.module,
    })
}

fn under(
    ctx: &mut Ctx,
    s: &Arc<SpaceValue>,
    names: &[String],
    module: ModuleId,
    span: Span,
) -> Result<String, Fault> {
    let (e, found) = nas_grammar::parse_expr(FileId(u32::MAX), &format!("[{}]", names.join(", ")));
    if let Some(d) = found.into_iter().find(|d| d.is_error()) {
        return Err(d.into());
    }
    let before = std::mem::replace(&mut ctx.module, module);
    let q = space::modulo(ctx, s, &e, &Env::default());
    let size = match &q {
        Value::Space(q) => classes::size(ctx, q, span),
        _ => Ok(Default::default()),
    };
    ctx.module = before;
    size.map(|n| n.to_string())
}

impl Distinct {
    fn count<T: ToString>(&mut self, size: Result<T, Fault>) {
        match size {
            Ok(n) => self.size = Some(n.to_string()),
            Err(Fault(d)) => self.reason = Some(d.message.clone()),
        }
    }

    pub fn json(&self) -> Json {
        let steps: Vec<Json> = self
            .steps
            .iter()
            .map(|(names, size)| json!({ "modulo": names, "size": size }))
            .collect();
        json!({ "modulo": self.modulo, "size": self.size, "steps": steps })
    }

    /// A line for each list of rules; nothing where there are none.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (names, size) in &self.steps {
            out.push_str(&format!(
                "  distinct  {size}  modulo {}\n",
                names.join(", ")
            ));
        }
        if self.steps.is_empty()
            && let Some(size) = &self.size
        {
            let names = self.modulo.join(", ");
            out.push_str(&format!("  distinct  {size}  modulo {names}\n"));
        }
        if let Some(why) = &self.reason {
            out.push_str(&format!("  distinct  not counted: {why}\n"));
        }
        out
    }
}
