//! Stages that do not need each other are computed side by side, ahead of their turn.

use super::{StageKeys, stage_name, stage_value};
use crate::Result;
use crate::ctx::Ctx;
use crate::env::Env;
use crate::value::Value;
use nas_grammar::ast::{PatternKind, Stmt, StmtKind};
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

/// Values of stages that were computed before their statement is reached, by its position.
#[derive(Default)]
pub struct Ahead(HashMap<usize, Result<Value>>);

impl Ahead {
    pub fn take(&mut self, at: usize) -> Option<Result<Value>> {
        self.0.remove(&at)
    }

    /// Where several workers may run: computes the stage at `at` together with those right behind it that read neither it nor
    /// each other. Draws follow from what a stage says, so the order has no say in any value.
    pub fn compute(
        &mut self,
        ctx: &mut Ctx,
        stmts: &[Stmt],
        at: usize,
        env: &Env,
        keys: &mut StageKeys,
    ) {
        if ctx.checking() || ctx.host.jobs() < 2 || self.0.contains_key(&at) {
            return;
        }
        let mut given: HashSet<&str> = HashSet::new();
        let mut group = vec![];
        for (i, s) in stmts.iter().enumerate().skip(at) {
            let StmtKind::Let { pattern, value, .. } = &s.kind else {
                break;
            };
            let PatternKind::Name(name) = &pattern.kind else {
                break;
            };
            let tree = format!("{value:?}");
            let reads = |n: &&str| tree.contains(&format!("text: \"{n}\""));
            if self.0.contains_key(&i) || given.iter().any(reads) || !given.insert(&name.text) {
                break;
            }
            group.push((i, stage_name(pattern), value, tree.contains("Call {")));
        }
        // Keys are counted in the order of the text; a stage that only renames is not worth a thread.
        if group.iter().filter(|g| g.3).count() < 2 {
            return;
        }
        let work: Vec<_> = group
            .into_iter()
            .map(|(i, name, value, _)| {
                let key = keys.next(ctx, value, env);
                let inner = ctx.fork(key);
                (i, name, value, key, Mutex::new(Some(inner)))
            })
            .collect();
        let done: Vec<Mutex<Option<(Result<Value>, Vec<_>)>>> =
            work.iter().map(|_| Mutex::new(None)).collect();
        let one = |n: usize| {
            let (_, name, value, key, inner) = &work[n];
            let Some(mut inner) = inner.lock().ok().and_then(|mut i| i.take()) else {
                return;
            };
            let v = stage_value(&mut inner, name, value, env, *key, true);
            if let Ok(mut slot) = done[n].lock() {
                *slot = Some((v, inner.warnings));
            }
        };
        ctx.host.clone().parallel(work.len(), &one);
        for ((i, ..), slot) in work.iter().zip(done) {
            if let Ok(Some((v, warnings))) = slot.into_inner() {
                ctx.warnings.extend(warnings);
                self.0.insert(*i, v);
            }
        }
    }
}
