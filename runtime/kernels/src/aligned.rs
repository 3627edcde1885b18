//! The system's allocator, with large blocks on borders of cache lines.

use std::alloc::{GlobalAlloc, Layout, System};

/// Blocks from 4 KiB on start on a 64-byte border. A vector of 64 bytes that lies across two cache lines takes two reads or writes
/// instead of one, and glibc's large blocks all start 16 bytes after a border.
///
/// Such a block lies in a larger one of the system's, whose address stands before it: so zeroed memory is still the system's, which
/// need not write the zeros.
pub struct Aligned;

/// Bytes from which a block counts as large.
const LARGE: usize = 4096;
/// Bytes of a cache line.
const LINE: usize = 64;
const BASE: usize = size_of::<*mut u8>();

/// The system's block for a large one; none for blocks that it gives as they are.
fn outer(of: Layout) -> Option<Layout> {
    if of.size() < LARGE || of.align() > LINE {
        return None;
    }
    Layout::from_size_align(of.size().checked_add(LINE)?, 16).ok()
}

/// The large block within the system's.
///
/// # Safety
/// `base` is null, or holds a line more than the large block, on a 16-byte border.
unsafe fn inner(base: *mut u8) -> *mut u8 {
    if base.is_null() {
        return base;
    }
    let block = base.add(LINE - base as usize % LINE);
    block.sub(BASE).cast::<*mut u8>().write(base);
    block
}

/// The system's block around a large one.
///
/// # Safety
/// `inner` gave `block`.
unsafe fn base(block: *mut u8) -> *mut u8 {
    block.sub(BASE).cast::<*mut u8>().read()
}

// SAFETY: a large block starts 16 to 64 bytes into a block of the system that is 64 bytes longer, behind the address of that block;
// whether a block is large is told by its layout, which is the same at its end as at its start.
unsafe impl GlobalAlloc for Aligned {
    unsafe fn alloc(&self, of: Layout) -> *mut u8 {
        match outer(of) {
            Some(outer) => inner(System.alloc(outer)),
            None => System.alloc(of),
        }
    }

    unsafe fn alloc_zeroed(&self, of: Layout) -> *mut u8 {
        match outer(of) {
            Some(outer) => inner(System.alloc_zeroed(outer)),
            None => System.alloc_zeroed(of),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, of: Layout) {
        match outer(of) {
            Some(outer) => System.dealloc(base(block), outer),
            None => System.dealloc(block, of),
        }
    }

    unsafe fn realloc(&self, block: *mut u8, of: Layout, size: usize) -> *mut u8 {
        let Ok(to) = Layout::from_size_align(size, of.align()) else {
            return std::ptr::null_mut();
        };
        match (outer(of), outer(to)) {
            (None, None) => System.realloc(block, of, size),
            (Some(old), Some(new)) => {
                let from = base(block);
                let at = block as usize - from as usize;
                let moved = System.realloc(from, old, new.size());
                if moved.is_null() {
                    return moved;
                }
                // The new block may lie otherwise on its lines.
                let place = moved.add(LINE - moved as usize % LINE);
                std::ptr::copy(moved.add(at), place, of.size().min(size));
                inner(moved)
            }
            _ => {
                let new = self.alloc(to);
                if !new.is_null() {
                    std::ptr::copy_nonoverlapping(block, new, of.size().min(size));
                    self.dealloc(block, of);
                }
                new
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a pattern, changes the size along a list, and checks what must still be there.
    fn along(sizes: &[usize], align: usize) {
        let layout = |size| Layout::from_size_align(size, align).unwrap();
        // SAFETY: blocks are used within their sizes, and released with the layout they have.
        unsafe {
            let mut block = Aligned.alloc_zeroed(layout(sizes[0]));
            let zero = (0..sizes[0]).all(|i| *block.add(i) == 0);
            assert!(zero);
            (0..sizes[0]).for_each(|i| *block.add(i) = i as u8);
            for pair in sizes.windows(2) {
                block = Aligned.realloc(block, layout(pair[0]), pair[1]);
                assert!((block as usize).is_multiple_of(align));
                assert!(pair[1] < LARGE || (block as usize).is_multiple_of(LINE));
                assert!((0..pair[0].min(pair[1])).all(|i| *block.add(i) == i as u8));
                (0..pair[1]).for_each(|i| *block.add(i) = i as u8);
            }
            Aligned.dealloc(block, layout(sizes[sizes.len() - 1]));
        }
    }

    #[test]
    fn blocks_keep_what_they_hold() {
        for align in [1, 8, 16, 64, 128] {
            along(
                &[
                    10, 5000, 4096, 4095, 300_000, 20_000_000, 40_000_000, 7000, 3,
                ],
                align,
            );
        }
        let mut v: Vec<f32> = vec![0.0; 5000];
        v.resize(100_000, 1.0);
        assert_eq!(v.iter().sum::<f32>(), 95_000.0);
    }
}
