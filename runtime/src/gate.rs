//! Memory shared by graphs at work: one that does not fit waits until others have ended.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes at work, held below a limit.
pub struct Gate {
    limit: Option<u64>,
    used: Mutex<u64>,
    freed: Condvar,
}

/// Gives its bytes back when it goes.
pub struct AtWork<'a> {
    gate: &'a Gate,
    bytes: u64,
}

impl Gate {
    pub fn new(limit: Option<u64>) -> Gate {
        Gate {
            limit,
            used: Mutex::new(0),
            freed: Condvar::new(),
        }
    }

    /// Waits until `bytes` fit beside what is at work; what is larger than the limit runs alone.
    pub fn enter(&self, bytes: u64) -> AtWork<'_> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(limit) = self.limit {
            while *used > 0 && used.saturating_add(bytes) > limit {
                used = self
                    .freed
                    .wait(used)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
        *used = used.saturating_add(bytes);
        AtWork { gate: self, bytes }
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let mut used = self
            .gate
            .used
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *used = used.saturating_sub(self.bytes);
        drop(used);
        self.gate.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn what_does_not_fit_waits() {
        let gate = Gate::new(Some(100));
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|s| {
            for i in 0..8u64 {
                let (gate, now, most) = (&gate, &now, &most);
                s.spawn(move || {
                    for turn in 0..50 {
                        let bytes = 20 + (i * 13 + turn) % 60;
                        let _held = gate.enter(bytes);
                        let at = now.fetch_add(bytes, Ordering::SeqCst) + bytes;
                        most.fetch_max(at, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 100);
        // Larger than the limit: alone, and not for ever.
        drop(gate.enter(1_000));
    }
}
