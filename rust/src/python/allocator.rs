//! How the allocator of the C library behaves in a process that is netmon's own.
//!
//! Snapshots are made on one thread and freed on others, and glibc gives each thread an arena: rows that live a minute
//! pin pages of one arena while the next are made in another, and a block that was freed raises the size from which
//! blocks are mapped, so that large ones come to lie between rows. So memory grew for hours though nothing was kept.

/// Arenas: one for all threads. Nothing is allocated per packet, so nobody waits for it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SETTINGS: [(libc::c_int, libc::c_int); 3] = [
    (libc::M_ARENA_MAX, 1),
    // As they are to begin with. Setting them keeps them so.
    (libc::M_MMAP_THRESHOLD, 128 << 10),
    (libc::M_TRIM_THRESHOLD, 128 << 10),
];

/// Keeps memory from growing by holes. Returns whether the allocator could be told; called before threads start.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn limit() -> bool {
    // SAFETY: `mallopt` takes two numbers, and locks what it changes.
    SETTINGS.into_iter().all(|(what, value)| unsafe { libc::mallopt(what, value) } == 1)
}

/// Other allocators have other settings.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn limit() -> bool {
    false
}
