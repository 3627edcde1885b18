//! Threads that share the parts of one kernel with the thread that calls it.
//!
//! How a kernel is cut into parts follows from its shapes alone, so that results do not depend on who computes what: with no
//! helper at hand, the caller computes all parts itself. One kernel has the helpers at a time; a second one that comes
//! meanwhile does without, as does every kernel while as many runs are under way as threads are allowed.

use crate::simd::{Level, forced, with_forced};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Turns of waiting before a helper goes to sleep: some 20 microseconds.
const PATIENCE: usize = 2_000;

/// What helpers take parts of. Lives on the caller's stack, until no helper is inside.
struct Shared<'a> {
    work: &'a (dyn Fn(usize) + Sync),
    count: usize,
    next: AtomicUsize,
    /// Helpers inside; only goes up while the team's lock is held.
    inside: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// What the caller's `with_level` says.
    level: Option<Level>,
}

impl Shared<'_> {
    fn run(&self) {
        loop {
            let part = self.next.fetch_add(1, Ordering::Relaxed);
            if part >= self.count {
                return;
            }
            (self.work)(part);
        }
    }
}

/// The current kernel, for helpers to find.
#[derive(Clone, Copy)]
struct Current(*const Shared<'static>);

// SAFETY: what it points to is `Sync` in all that helpers use (a shared `Sync` closure, atomics, a mutex).
unsafe impl Send for Current {}

struct Team {
    current: Mutex<Option<Current>>,
    wake: Condvar,
    /// Counts kernels; helpers watch it without the lock.
    turn: AtomicUsize,
    asleep: AtomicUsize,
    busy: AtomicBool,
    helpers: AtomicUsize,
    /// Threads that a run may use, the caller's included.
    allowed: AtomicUsize,
    /// Runs under way.
    runs: AtomicUsize,
}

static TEAM: Team = Team {
    current: Mutex::new(None),
    wake: Condvar::new(),
    turn: AtomicUsize::new(0),
    asleep: AtomicUsize::new(0),
    busy: AtomicBool::new(false),
    helpers: AtomicUsize::new(0),
    allowed: AtomicUsize::new(1),
    runs: AtomicUsize::new(0),
};

fn locked<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many threads kernels may use at once, callers included; 1 at first. Helpers are started as they are needed.
pub fn threads(count: usize) {
    TEAM.allowed.store(count.max(1), Ordering::Relaxed);
}

/// A run under way; while there are as many as allowed threads, kernels stay on their callers' threads.
#[derive(Debug)]
pub struct Run(());

/// Says that a run begins on this thread.
pub fn begin() -> Run {
    TEAM.runs.fetch_add(1, Ordering::Relaxed);
    Run(())
}

impl Drop for Run {
    fn drop(&mut self) {
        TEAM.runs.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Calls `work` with every number below `count`, on this thread and on what helpers are free.
pub fn parts(count: usize, work: &(dyn Fn(usize) + Sync)) {
    let allowed = TEAM.allowed.load(Ordering::Relaxed);
    let alone = count < 2 || allowed < 2 || TEAM.runs.load(Ordering::Relaxed) >= allowed;
    if alone || TEAM.busy.swap(true, Ordering::Acquire) {
        (0..count).for_each(work);
        return;
    }
    hire(allowed - 1);
    let shared = Shared {
        work,
        count,
        next: AtomicUsize::new(0),
        inside: AtomicUsize::new(0),
        panic: Mutex::new(None),
        level: forced(),
    };
    {
        let mut current = locked(&TEAM.current);
        *current = Some(Current((&raw const shared).cast()));
        TEAM.turn.fetch_add(1, Ordering::Release);
        if TEAM.asleep.load(Ordering::Relaxed) > 0 {
            TEAM.wake.notify_all();
        }
    }
    let own = catch_unwind(AssertUnwindSafe(|| shared.run()));
    // From here on no helper comes in; those inside are waited for, whatever happened.
    *locked(&TEAM.current) = None;
    let mut turns = 0usize;
    while shared.inside.load(Ordering::Acquire) > 0 {
        turns += 1;
        if turns.is_multiple_of(4096) {
            std::thread::yield_now();
        }
        std::hint::spin_loop();
    }
    TEAM.busy.store(false, Ordering::Release);
    let theirs = locked(&shared.panic).take();
    if let Err(panic) = own {
        resume_unwind(panic);
    }
    if let Some(panic) = theirs {
        resume_unwind(panic);
    }
}

/// Operations of a part that is worth a thread's while.
pub(crate) const LEAST: usize = 32 * 1024;

/// Units in one part, of `count` units that take some `each` operations: parts of worthwhile length, at most 16, whole
/// multiples of `of`. The same for any number of threads.
pub(crate) fn share(count: usize, each: usize, of: usize) -> usize {
    let least = LEAST.div_ceil(each.max(1));
    count.div_ceil(16).max(least).next_multiple_of(of.max(1))
}

/// Calls `work` with (start, length) of each part of `count` units, `each` at a time.
pub(crate) fn ranges(count: usize, each: usize, work: &(dyn Fn(usize, usize) + Sync)) {
    let each = each.max(1);
    parts(count.div_ceil(each), &|i| {
        work(i * each, each.min(count - i * each))
    });
}

/// Starts helpers until there are so many; fewer where the system has no more threads.
fn hire(wanted: usize) {
    while TEAM.helpers.load(Ordering::Relaxed) < wanted {
        let name = std::thread::Builder::new().name("kernels".into());
        if name.spawn(help).is_err() {
            return;
        }
        TEAM.helpers.fetch_add(1, Ordering::Relaxed);
    }
}

fn help() {
    let mut seen = 0;
    loop {
        let mut turns = 0;
        while TEAM.turn.load(Ordering::Acquire) == seen && turns < PATIENCE {
            turns += 1;
            std::hint::spin_loop();
        }
        let mut current = locked(&TEAM.current);
        while TEAM.turn.load(Ordering::Acquire) == seen {
            TEAM.asleep.fetch_add(1, Ordering::Relaxed);
            current = TEAM
                .wake
                .wait(current)
                .unwrap_or_else(PoisonError::into_inner);
            TEAM.asleep.fetch_sub(1, Ordering::Relaxed);
        }
        seen = TEAM.turn.load(Ordering::Acquire);
        let Some(Current(shared)) = *current else {
            continue;
        };
        // SAFETY: it is current and the lock is held, so its caller is still in `parts`, and stays there while we are inside.
        let shared = unsafe { &*shared };
        shared.inside.fetch_add(1, Ordering::Relaxed);
        drop(current);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| {
            with_forced(shared.level, || shared.run())
        })) {
            shared.next.store(shared.count, Ordering::Relaxed);
            *locked(&shared.panic) = Some(panic);
        }
        shared.inside.fetch_sub(1, Ordering::Release);
    }
}

/// Whether every address is checked before it is used.
pub(crate) const CHECKED: bool = cfg!(any(miri, feature = "checked"));

/// Memory that parts write to, each its own places.
#[derive(Clone, Copy)]
pub(crate) struct Places<E> {
    base: *mut E,
    len: usize,
}

// SAFETY: only `at` and `slice` give access, whose callers keep to places of their own; elements may go between threads.
unsafe impl<E: Send> Send for Places<E> {}
// SAFETY: as above.
unsafe impl<E: Send> Sync for Places<E> {}

impl<E> Places<E> {
    pub(crate) fn new(slice: &mut [E]) -> Self {
        Places {
            base: slice.as_mut_ptr(),
            len: slice.len(),
        }
    }

    /// Places that are only read.
    pub(crate) fn reading(slice: &[E]) -> Self {
        Places {
            base: slice.as_ptr().cast_mut(),
            len: slice.len(),
        }
    }

    /// The address of a place, or of the end.
    pub(crate) fn at(&self, place: usize) -> *mut E {
        assert!(!CHECKED || place <= self.len, "{place} of {}", self.len);
        self.base.wrapping_add(place)
    }

    /// The places `start..start + len`.
    ///
    /// # Safety
    /// They lie in the slice this was made of, which outlives the result, and nobody else uses them meanwhile.
    pub(crate) unsafe fn slice<'a>(&self, start: usize, len: usize) -> &'a mut [E] {
        assert!(
            !CHECKED || start + len <= self.len,
            "{start} + {len} of {}",
            self.len
        );
        std::slice::from_raw_parts_mut(self.at(start), len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_done_once_whoever_does_it() {
        threads(3);
        for count in [0, 1, 2, 7, 100] {
            let done: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
            for _ in 0..50 {
                parts(count, &|i| {
                    done[i].fetch_add(1, Ordering::Relaxed);
                });
            }
            assert!(done.iter().all(|d| d.load(Ordering::Relaxed) == 50));
        }
        // Nested and at once: whoever comes second works alone.
        let total = AtomicUsize::new(0);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    parts(10, &|_| {
                        parts(10, &|_| {
                            total.fetch_add(1, Ordering::Relaxed);
                        })
                    })
                });
            }
        });
        assert_eq!(total.load(Ordering::Relaxed), 400);
        let broken = catch_unwind(|| parts(8, &|i| assert!(i != 5, "part five")));
        assert!(broken.is_err());
        parts(8, &|_| {});
    }
}
