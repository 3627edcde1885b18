//! Memory that runs hand on to each other, by element type and room: all programs of an executor share it.

use crate::host::Buffer;
use nas_ir::{DType, HostData};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The memory of runs that have ended: a pool for each of those that were under way at once.
#[derive(Debug)]
pub(crate) struct Pools {
    idle: Mutex<Vec<Pool>>,
    /// Bytes that idle pools may keep together.
    bound: AtomicUsize,
}

impl Default for Pools {
    fn default() -> Pools {
        Pools {
            idle: Mutex::default(),
            bound: AtomicUsize::new(usize::MAX),
        }
    }
}

impl Pools {
    /// Keeps no more than so many bytes from now on.
    pub(crate) fn bound(&self, bytes: usize) {
        self.bound.store(bytes, Ordering::Relaxed);
    }

    /// Bytes that are kept between runs.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        let idle = self.idle.lock();
        idle.map_or(0, |all| all.iter().map(Pool::bytes).sum())
    }

    /// A pool for a run of this program: the one that its last run left, else the one that was left last.
    pub(super) fn enter(&self, program: usize) -> Pool {
        let Ok(mut idle) = self.idle.lock() else {
            return Pool::default();
        };
        let own = idle.iter().rposition(|p| p.program == program);
        let at = own.or_else(|| idle.len().checked_sub(1));
        let mut pool = at.map(|i| idle.remove(i)).unwrap_or_default();
        drop(idle);
        pool.program = program;
        pool.reclaim();
        pool
    }

    /// A run ends: what no run has wanted for long goes back to the system, and so does the oldest where it is too much.
    pub(super) fn leave(&self, mut pool: Pool) {
        let Ok(mut idle) = self.idle.lock() else {
            return;
        };
        let others: usize = idle.iter().map(Pool::bytes).sum();
        let bound = self.bound.load(Ordering::Relaxed);
        pool.shed(bound.saturating_sub(others));
        idle.push(pool);
    }
}

/// Free memory of one element type: by room, with the run that gave it back.
type Free<T> = BTreeMap<usize, Vec<(u64, Vec<T>)>>;

#[derive(Debug, Default)]
pub(crate) struct Pool {
    f32: Free<f32>,
    f64: Free<f64>,
    i32: Free<i32>,
    /// Bytes of the three.
    free: usize,
    /// Runs so far.
    run: u64,
    /// The one of the last run.
    program: usize,
    /// Large results of the last runs, and for how many: a training's weights come back as the inputs of the next step and are free
    /// after it.
    lent: Vec<(HostData, u8)>,
}

/// Results below this are not worth following: fresh memory is cheap for them.
const LARGE: usize = 1 << 16;
/// Memory that no run has taken for so many of them is stale …
const STALE: u64 = 8;
/// … and goes where a pool holds more than this many bytes.
const REST: usize = 16 << 20;

fn bytes_of(data: &HostData) -> usize {
    match data {
        HostData::F32(v) => 4 * v.capacity(),
        HostData::F64(v) => 8 * v.capacity(),
        HostData::I32(v) => 4 * v.capacity(),
    }
}

/// The smallest free memory with room for `len` elements and not for twice as many.
fn fitting<T: Copy + Default>(free: &mut Free<T>, len: usize) -> Option<Vec<T>> {
    let mut rooms = free.range_mut(len..=len.saturating_mul(2));
    let (_, mut v) = rooms.find_map(|(_, all)| all.pop())?;
    v.resize(len, T::default());
    Some(v)
}

fn put<T>(free: &mut Free<T>, run: u64, v: Vec<T>) -> usize {
    let room = v.capacity();
    free.entry(room).or_default().push((run, v));
    room * size_of::<T>()
}

/// Lets go what was given back before this run; gives its bytes.
fn let_go<T>(free: &mut Free<T>, before: u64) -> usize {
    let mut gone = 0;
    free.retain(|room, all| {
        let had = all.len();
        all.retain(|(run, _)| *run >= before);
        gone += (had - all.len()) * room * size_of::<T>();
        !all.is_empty()
    });
    gone
}

impl Pool {
    /// Bytes of the memory that waits here.
    fn bytes(&self) -> usize {
        self.free + self.lent.iter().map(|l| bytes_of(&l.0)).sum::<usize>()
    }

    /// Memory of this length, with whatever its last user left in it.
    pub(super) fn take(&mut self, dtype: DType, len: usize) -> Buffer {
        let kept = match dtype {
            DType::F32 => fitting(&mut self.f32, len).map(Buffer::F32),
            DType::F64 => fitting(&mut self.f64, len).map(Buffer::F64),
            DType::I32 => fitting(&mut self.i32, len).map(Buffer::I32),
        };
        match kept {
            Some(buffer) => {
                let room = match &buffer {
                    Buffer::F32(v) => 4 * v.capacity(),
                    Buffer::F64(v) => 8 * v.capacity(),
                    Buffer::I32(v) => 4 * v.capacity(),
                };
                self.free = self.free.saturating_sub(room);
                buffer
            }
            None => Buffer::zeros(dtype, len),
        }
    }

    /// Takes memory back, unless something else still reads it.
    pub(super) fn give(&mut self, data: HostData) {
        let run = self.run;
        self.free += match data {
            HostData::F32(v) => Arc::try_unwrap(v).map_or(0, |v| put(&mut self.f32, run, v)),
            HostData::F64(v) => Arc::try_unwrap(v).map_or(0, |v| put(&mut self.f64, run, v)),
            HostData::I32(v) => Arc::try_unwrap(v).map_or(0, |v| put(&mut self.i32, run, v)),
        };
    }

    /// A run begins: results that nobody reads any more are free. What is still read after two runs is left to its readers.
    fn reclaim(&mut self) {
        self.run += 1;
        for (data, runs) in std::mem::take(&mut self.lent) {
            let read = match &data {
                HostData::F32(v) => Arc::strong_count(v) > 1,
                HostData::F64(v) => Arc::strong_count(v) > 1,
                HostData::I32(v) => Arc::strong_count(v) > 1,
            };
            match (read, runs) {
                (true, 0) => self.lent.push((data, 1)),
                _ => self.give(data),
            }
        }
    }

    /// Follows a result for the next runs.
    pub(super) fn lend(&mut self, data: &HostData) {
        if bytes_of(data) >= LARGE {
            self.lent.push((data.clone(), 0));
        }
    }

    fn older(&mut self, before: u64) {
        let gone = let_go(&mut self.f32, before)
            + let_go(&mut self.f64, before)
            + let_go(&mut self.i32, before);
        self.free = self.free.saturating_sub(gone);
    }

    /// Lets go what is stale; and where more than `most` bytes are free, what is older than the last run, then all.
    fn shed(&mut self, most: usize) {
        if self.free > REST.min(most) {
            self.older((self.run + 1).saturating_sub(STALE));
        }
        if self.free > most {
            self.older(self.run);
        }
        if self.free > most {
            self.older(u64::MAX);
            self.lent.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pools: &Pools, program: usize, lens: &[usize]) {
        let mut pool = pools.enter(program);
        let taken: Vec<Buffer> = lens.iter().map(|n| pool.take(DType::F32, *n)).collect();
        for b in taken {
            pool.give(b.into_data());
        }
        pools.leave(pool);
    }

    #[test]
    fn programs_share_what_fits() {
        let pools = Pools::default();
        run(&pools, 1, &[1000, 1000]);
        assert_eq!(pools.bytes(), 8000);
        run(&pools, 2, &[600, 1000]);
        assert_eq!(pools.bytes(), 8000);
        // No room for more, and too much of it for less than half.
        run(&pools, 3, &[1001, 499]);
        assert_eq!(pools.bytes(), 8000 + 4004 + 1996);
    }

    #[test]
    fn what_no_run_wants_goes_where_much_is_kept() {
        let pools = Pools::default();
        let (large, other) = (REST / 4 + 1, REST / 16);
        run(&pools, 1, &[large]);
        for _ in 0..STALE {
            run(&pools, 2, &[other]);
        }
        assert_eq!(pools.bytes(), 4 * other);
        // Little stays for whoever comes back to it.
        run(&pools, 3, &[100]);
        for _ in 0..2 * STALE {
            run(&pools, 2, &[other]);
        }
        assert_eq!(pools.bytes(), 4 * other + 400);
    }

    #[test]
    fn no_more_is_kept_than_the_bound() {
        let pools = Pools::default();
        pools.bound(4000);
        run(&pools, 1, &[600]);
        run(&pools, 2, &[200]);
        assert_eq!(pools.bytes(), 3200);
        run(&pools, 3, &[2000, 50]);
        assert_eq!(pools.bytes(), 0);
        run(&pools, 1, &[600]);
        assert_eq!(pools.bytes(), 2400);
    }
}
