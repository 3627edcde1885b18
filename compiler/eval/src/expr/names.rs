//! What a name stands for: a value in scope, a declaration, the clock.

use crate::ctx::{Ctx, fault};
use crate::env::{Env, Found};
use crate::program::ScopeEntry;
use crate::value::{FuncKind, Value};
use crate::{Result, stmt};
use nas_diagnostics::Span;
use nas_grammar::ast;

impl Ctx {
    pub fn name(&mut self, n: &ast::Ident, env: &Env) -> Result<Value> {
        match env.find(&n.text) {
            Some(Found::Value(v)) => return Ok(self.settle(v)),
            Some(Found::Cell(c)) => {
                let v = c.lock().map(|v| v.clone()).unwrap_or(Value::None);
                return Ok(v);
            }
            Some(Found::Item(item, scope)) => return self.nested(&item, &scope),
            None => {}
        }
        if &*n.text == "now" {
            if self.net.is_some() && self.train == Some(false) {
                return Err(fault(
                    "E0322",
                    "`now` is read at inference, where no training runs",
                )
                .at(n.span, "the net runs at infer")
                .help("say what holds there: `at train { … now … } at infer { … }`")
                .into());
            }
            crate::ledger::note(self, crate::ledger::What::Clock);
            self.moments += 1;
            return match self.clock {
                Some(c) => Ok(Value::Clock(c)),
                None if self.checking() => Ok(Value::Clock(crate::value::Clock {
                    step: 0,
                    steps: 1,
                    epoch: 0,
                    epochs: 1,
                })),
                None => Err(fault(
                    "E0304",
                    "`now` is the clock of a batch loop, and none runs here",
                )
                .at(n.span, "read here")
                .into()),
            };
        }
        match self.program.lookup(self.module, &n.text).cloned() {
            Some(ScopeEntry::Global(id)) => self.global(id, n.span),
            Some(ScopeEntry::Module(id)) => Ok(Value::Module(id)),
            Some(ScopeEntry::Label) => Ok(Value::Label(n.text.clone())),
            None => {
                let near = self.program.modules.get(self.module).and_then(|m| {
                    let names: Vec<&str> = m
                        .scope
                        .keys()
                        .chain(self.program.prelude.keys())
                        .map(|k| &**k)
                        .collect();
                    nas_diagnostics::did_you_mean(&n.text, names)
                });
                let mut d = fault("E0201", format!("nothing here is called `{}`", n.text))
                    .at(n.span, "unknown name");
                if let Some(near) = near {
                    d = d.help(format!("did you mean `{near}`?"));
                }
                Err(d.into())
            }
        }
    }

    /// A declaration inside a body, with the scope it stands in.
    fn nested(&mut self, item: &ast::Item, scope: &Env) -> Result<Value> {
        match &item.kind {
            ast::ItemKind::Fn(decl) => Ok(self.func(
                FuncKind::Decl {
                    decl: decl.clone(),
                    module: self.module,
                    env: scope.clone(),
                    global: None,
                    lists: 0,
                },
                item.span,
            )),
            _ => Err(
                fault("E0309", "this declaration cannot yet stand inside a body")
                    .at(item.span, "here")
                    .into(),
            ),
        }
    }

    /// A declaration at the top of a module.
    pub fn global(&mut self, id: usize, span: Span) -> Result<Value> {
        let program = self.program.clone();
        let g = &program.globals[id];
        let item = program.item(id);
        let module = g.module;
        match &item.kind {
            ast::ItemKind::Fn(decl) if decl.role == ast::Role::Intrinsic => {
                crate::builtins::find(&decl.name.text)
                    .map(|(name, f)| self.func(FuncKind::Builtin { name, f }, item.span))
                    .ok_or_else(|| {
                        fault(
                            "E0501",
                            format!(
                                "the intrinsic `{}` is declared, but this version does not have it",
                                decl.name.text
                            ),
                        )
                        .at(item.span, "declared here")
                        .into()
                    })
            }
            ast::ItemKind::Fn(decl) => Ok(self.func(
                FuncKind::Decl {
                    decl: decl.clone(),
                    module,
                    env: Env::default(),
                    global: Some(id),
                    lists: 0,
                },
                item.span,
            )),
            ast::ItemKind::Space(decl) => Ok(self.func(
                FuncKind::Space {
                    decl: decl.clone(),
                    module,
                },
                item.span,
            )),
            ast::ItemKind::Let { pattern, value, .. } => {
                if let Some(v) = self
                    .shared
                    .globals
                    .lock()
                    .ok()
                    .and_then(|g| g.get(&id).cloned())
                {
                    return Ok(v);
                }
                let v = self.in_module(module, |ctx| {
                    ctx.once(|ctx| ctx.deeper(span, |ctx| ctx.eval(value, &Env::default())))
                })?;
                let env = stmt::destructure(self, pattern, v, &Env::default())?;
                let v = match env.find(&g.name) {
                    Some(Found::Value(v)) => v,
                    _ => Value::None,
                };
                if let Ok(mut all) = self.shared.globals.lock() {
                    all.insert(id, v.clone());
                }
                Ok(v)
            }
            ast::ItemKind::Table(decl) => crate::table::value(self, decl, module, item.span),
            ast::ItemKind::Rewrite(decl) => Ok(Value::Rewrite(decl.clone(), module)),
            ast::ItemKind::Enlarge(decl) => {
                Ok(crate::enlarge::value(self, decl, module, item.span))
            }
            _ => Err(fault("E0307", format!("`{}` is not a value", g.name))
                .at(span, "used here")
                .at(item.span, "declared here")
                .into()),
        }
    }
}
