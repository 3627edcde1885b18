//! Where a training first went wrong: the step, and the first block whose result is not finite.

use super::TurnContext;
use crate::ctx::Ctx;
use nas_ir::{HostTensor, Tensor};

/// `, first in …`: the first block of the turn whose result is not finite, in the order of evaluation.
pub fn first(ctx: &mut Ctx, turn: &TurnContext, step: i64) -> String {
    let tensors: Vec<Tensor> = turn.layers.iter().map(|l| l.1.clone()).collect();
    let computed = match tensors.is_empty() {
        true => Ok(vec![]),
        false => ctx
            .host
            .compute(&tensors, &|s, a| crate::weights::find(s, a)),
    };
    let Ok(computed) = computed else {
        return String::new();
    };
    let bad = computed.iter().position(|v| !finite(&v.download()));
    match bad.and_then(|i| turn.layers.get(i)) {
        Some((path, _)) => {
            let place = if path.is_empty() { "the net" } else { path };
            let because = match damaged(turn, place) {
                Some(name) if step > 0 => {
                    format!(
                        ": `{name}` is not finite since the update of step {}",
                        step - 1
                    )
                }
                _ => String::new(),
            };
            format!(", first in `{place}`{because}")
        }
        None if turn.layers.is_empty() => String::new(),
        None => ", first in the loss: all blocks are finite".to_string(),
    }
}

/// A parameter of the block that is not finite itself.
fn damaged(turn: &TurnContext, path: &str) -> Option<String> {
    let inner = path.rsplit('/').next().unwrap_or(path);
    let kind = inner.split(['.', ':']).next().unwrap_or(inner);
    turn.slots.iter().find_map(|(w, slot, _, trained)| {
        let near = *trained && (slot.contains(path) || slot.contains(kind));
        let value = w.get(slot).filter(|_| near)?;
        (!finite(&value.value.download())).then(|| slot.to_string())
    })
}

fn finite(t: &HostTensor) -> bool {
    t.to_f64().iter().all(|v| v.is_finite())
}
