//! The edge where a process gives up rights: its user, capabilities, access to files, and system calls.
//!
//! Capabilities belong to threads, and so does the sandbox. The user belongs to the process: the C library switches it
//! for all threads at once. A capture gives up its rights in this order; the command does its part in `privileges.py`.
//!
//! 1. [`no_new_rights`] in the only thread, so every thread and every program inherits it.
//! 2. A thread that opens interfaces opens those there are. It calls [`keep`], tells that they are open, and waits.
//! 3. [`switch_user`] in any thread. Every thread loses its capabilities, but those that called [`keep`] may raise
//!    theirs again.
//! 4. Each thread applies the same [`Confinement`]: Landlock, and its capabilities. Only a thread that opens later
//!    interfaces names [`Rights::NET_RAW`] as its own.
//! 5. [`deny_system_calls`], for all threads. Then it is verified that the rights are gone.
//!
//! A child process that was forked before the switch keeps its user. It calls [`retain`] with what it needs.

mod rights;
mod sandbox;
mod switch;

use std::io;

pub use rights::{Rights, held, keep, limit, no_new_rights, retain};
pub use sandbox::{Paths, Sandbox, deny_system_calls};
pub use switch::switch_user;

/// What each thread of a process is left with.
#[derive(Debug)]
pub struct Confinement {
    /// The files that can be reached; `None` for no limits.
    pub sandbox: Option<Sandbox>,
    /// The capabilities that all threads retain, if they have them; `None` to leave capabilities alone.
    pub rights: Option<Rights>,
}

impl Confinement {
    /// Confines the calling thread, and the threads that it starts later. The thread retains `own` capabilities beside
    /// those of all threads.
    pub fn apply(&self, own: Rights) -> io::Result<()> {
        if let Some(sandbox) = &self.sandbox {
            sandbox.restrict_thread()?;
        }
        self.rights.map_or(Ok(()), |rights| retain(rights.and(own)))
    }
}
