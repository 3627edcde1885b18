//! Entries of a pipeline's comprehensions, each kept by itself: an evaluation that was done is not done again.

use crate::Result;
use crate::ctx::Ctx;
use crate::env::Env;
use crate::key::Key;
use crate::value::Value;
use std::time::{Duration, Instant};

/// Entries that took less are made again sooner than read.
const WORTH: Duration = Duration::from_millis(20);
/// What is larger is kept by the trainers that made it.
const LARGEST: usize = 1 << 20;

/// Whether turns read tensors that are still to be computed. Those belong to what made them: computed turn by turn they would be computed
/// again and again, and side by side by whichever came first.
pub fn shares_work(tree: &dyn Fn() -> String, env: &Env, items: &[Value]) -> bool {
    items.iter().any(crate::train::unsettled)
        || crate::show::named(&tree(), env)
            .iter()
            .any(crate::train::unsettled)
}

/// What all entries of one comprehension have in common, as a key; none where nothing is kept.
pub struct Entries {
    base: Option<blake3::Hash>,
}

impl Entries {
    /// `tree` is the debug text of the comprehension: what it says and what its names stand for here count.
    pub fn of(ctx: &Ctx, tree: &dyn Fn() -> String, env: &Env) -> Entries {
        let kept = ctx.top && !ctx.checking() && !ctx.stage.is_empty() && ctx.host.keeps();
        let base = kept
            .then(tree)
            .filter(|t| t.contains("Call {"))
            .map(|t| crate::show::scope_fingerprint(ctx, &t, env));
        Entries {
            base: base.map(|b| blake3::hash(b.as_bytes())),
        }
    }

    fn key(&self, ctx: &Ctx, item: &Value, key: Key) -> Option<String> {
        let base = self.base?;
        let mut h = blake3::Hasher::new();
        h.update(b"entry");
        h.update(base.as_bytes());
        h.update(crate::show::fingerprint_in(ctx, item).as_bytes());
        h.update(&key.bytes());
        h.update(&ctx.origin.bytes());
        Some(h.finalize().to_hex().to_string())
    }

    /// The values that one element gives: those kept, or those that `make` gives.
    pub fn get(
        &self,
        ctx: &mut Ctx,
        item: &Value,
        key: Key,
        make: impl FnOnce(&mut Ctx) -> Result<Vec<Value>>,
    ) -> Result<Vec<Value>> {
        let Some(name) = self.key(ctx, item, key) else {
            let held = ctx.alive.len();
            let mut out = make(ctx)?;
            if ctx.top && !ctx.checking() {
                let span = nas_diagnostics::Span::default();
                crate::train::settle_all(ctx, &mut out, span)?;
                ctx.alive.truncate(held);
            }
            return Ok(out);
        };
        if let Some(bytes) = ctx.host.cached(&name)
            && let Some(Value::List(l)) = crate::keep::decode(ctx, &bytes)
        {
            return Ok(l.to_vec());
        }
        let began = Instant::now();
        let before = ctx.shared.invalid.lock().map_or(0, |i| i.len());
        let held = ctx.alive.len();
        let mut out = make(ctx)?;
        let span = nas_diagnostics::Span::default();
        crate::train::settle_all(ctx, &mut out, span)?;
        ctx.alive.truncate(held);
        // Where a stage inside ended as invalid, it says so again in the next run.
        let clean = ctx.shared.invalid.lock().map_or(0, |i| i.len()) == before;
        if clean
            && began.elapsed() >= WORTH
            && let Some(bytes) = crate::keep::encode(ctx, &Value::list(out.clone()))
            && bytes.len() <= LARGEST
        {
            ctx.host.keep(&name, &bytes).map_err(crate::Fault::from)?;
        }
        Ok(out)
    }
}
