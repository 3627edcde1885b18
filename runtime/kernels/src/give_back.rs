//! Freed memory goes back to the system.

/// Gives back what the allocator keeps of freed memory: with several threads it keeps some for each, and what one has freed no other
/// takes. For rare moments in which much becomes free; without glibc nothing is done.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the function takes no address and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
