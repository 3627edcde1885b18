//! Kept points of a loop: written while it runs, read when a run that was cut off goes on.

use super::LoopState;
use crate::ctx::Ctx;
use crate::env::Env;
use crate::host::Event;
use crate::key::Key;
use crate::{Fault, Result};
use std::time::{Duration, Instant};

/// Points are kept at least so far apart, and never take more than a small part of the time.
const APART: Duration = Duration::from_secs(2);
const SHARE: u32 = 20;

/// The points of one loop of one training or search.
pub struct Points {
    /// None where nothing is kept.
    key: Option<String>,
    last: Instant,
    cost: Duration,
    any: bool,
}

impl Points {
    /// Points are of one text: places in it tell optimisers apart.
    pub fn of(ctx: &Ctx, turn: Key) -> Points {
        let key = ctx.checkpoint.as_ref().map(|stage| {
            let mut h = blake3::Hasher::new();
            h.update(stage.as_bytes());
            h.update(&turn.bytes());
            if let Some(m) = ctx.program.modules.get(ctx.module) {
                h.update(m.text.as_bytes());
            }
            h.finalize().to_hex().to_string()
        });
        Points {
            key: key.filter(|_| !ctx.checking()),
            last: Instant::now(),
            cost: Duration::ZERO,
            any: false,
        }
    }

    /// Puts the loop back to its last kept point: how many turns are done.
    pub fn resume(
        &mut self,
        ctx: &mut Ctx,
        env: &Env,
        state: &LoopState,
        total: i64,
    ) -> Option<i64> {
        let (step, bytes) = ctx.host.checkpoint(self.key.as_ref()?)?;
        let step = i64::try_from(step).ok().filter(|s| *s <= total)?;
        if !crate::keep::restore(ctx, &bytes, env, state) {
            return None;
        }
        self.any = true;
        ctx.points.extend(self.key.clone());
        ctx.host.event(Event::Resumed {
            stage: ctx.stage.clone(),
            step,
        });
        Some(step)
    }

    /// After a turn: keeps a point where the last is some time ago, and at the end of a loop that kept any.
    pub fn passed(
        &mut self,
        ctx: &mut Ctx,
        env: &Env,
        state: &LoopState,
        done: i64,
        total: i64,
    ) -> Result<()> {
        let due = self.last.elapsed() >= APART.max(self.cost * SHARE);
        if self.key.is_some() && (due || (self.any && done == total)) {
            self.keep(ctx, env, state, done)?;
        }
        Ok(())
    }

    /// Keeps a point after so many turns.
    pub fn keep(&mut self, ctx: &mut Ctx, env: &Env, state: &LoopState, done: i64) -> Result<()> {
        let Some(key) = &self.key else { return Ok(()) };
        let began = Instant::now();
        if let Some(bytes) = crate::keep::loop_point(ctx, env, state) {
            let step = u64::try_from(done).unwrap_or(0);
            ctx.host
                .keep_checkpoint(key, step, &bytes)
                .map_err(Fault::from)?;
            if !self.any {
                ctx.points.push(key.clone());
            }
            self.any = true;
            ctx.host.event(Event::Kept {
                stage: ctx.stage.clone(),
                step: done,
            });
        }
        self.cost = began.elapsed();
        self.last = Instant::now();
        Ok(())
    }
}
