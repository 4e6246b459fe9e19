//! Sets up the C library's allocator for a process that runs nothing but netmon.
//!
//! With glibc's defaults, memory grew for hours although nothing was kept, for two reasons. glibc gives each thread an
//! arena, and snapshots are made on one thread and freed on others: rows that live for a minute keep pages of one arena
//! in use while the next rows are made in another. And freeing a mapped block raises the size from which blocks are
//! mapped, so that large blocks then lie between rows.

/// The settings. One arena serves all threads; since nothing is allocated per packet, threads hardly wait for each
/// other.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SETTINGS: [(libc::c_int, libc::c_int); 3] = [
    (libc::M_ARENA_MAX, 1),
    // These are glibc's initial values. Setting them keeps glibc from changing them.
    (libc::M_MMAP_THRESHOLD, 128 << 10),
    (libc::M_TRIM_THRESHOLD, 128 << 10),
];

/// Keeps memory from growing by fragmentation. To be called before threads start. True if all settings were accepted.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn limit() -> bool {
    // SAFETY: `mallopt` takes two numbers, and locks what it changes.
    SETTINGS.into_iter().all(|(what, value)| unsafe { libc::mallopt(what, value) } == 1)
}

/// Other allocators do not have these settings. Returns false.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn limit() -> bool {
    false
}
