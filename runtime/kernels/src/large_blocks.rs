//! Large blocks of memory lie apart from small ones.

/// Blocks of half a megabyte and more go back to the system as soon as they are freed: left to itself, the allocator learns from the
/// first large one that is freed to keep such blocks among small ones, where what still lives between them holds them all.
pub fn large_blocks_apart() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the function takes two numbers and may be called at any time from any thread.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 512 << 10);
    }
}
