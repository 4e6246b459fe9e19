//! Snapshots as Python holds them. A sum of snapshots is merged when it is first read, with the interpreter released.
//! Large snapshots are freed on a thread of their own: the last reference is often dropped while the interpreter is
//! held, and freeing 100,000 rows takes tens of milliseconds.

use std::ops::Deref;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};

use pyo3::Python;

use crate::pipeline::snapshot::{self, Snapshot, Sum};

/// Snapshots with at most this many rows are freed at once, since handing them to the thread would not pay.
const FEW: usize = 1_000;
/// Snapshots that may wait to be freed. Further ones are freed at once.
const WAITING: usize = 64;

/// A snapshot that may have several owners. `None` is the empty snapshot.
#[derive(Clone, Debug)]
pub struct Held(Option<Arc<Sum>>);

impl Held {
    pub fn new(sum: Arc<Sum>) -> Self {
        Self(Some(sum))
    }

    pub fn share(&self) -> Arc<Snapshot> {
        self.made().clone()
    }

    /// Returns the sum of both, which is merged when it is first read. Until then it keeps a few snapshots at most.
    pub fn plus(&self, other: Arc<Snapshot>) -> Self {
        Self::new(snapshot::settled(self.sum().plus(other)))
    }

    fn made(&self) -> &Arc<Snapshot> {
        let sum = self.sum();
        sum.made().unwrap_or_else(|| Python::attach(|py| py.detach(|| sum.get())))
    }

    fn sum(&self) -> &Sum {
        static EMPTY: OnceLock<Sum> = OnceLock::new();
        self.0.as_deref().unwrap_or_else(|| EMPTY.get_or_init(Sum::default))
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Deref for Held {
    type Target = Snapshot;
    fn deref(&self) -> &Snapshot {
        self.made()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(last) = self.0.take().and_then(Arc::into_inner)
            && last.rows_of_its_own() > FEW
            && let Some(freeing) = freeing()
        {
            // If the queue is full, the snapshot comes back in the error and is freed here.
            drop(freeing.try_send(last));
        }
    }
}

/// Returns the queue of the thread that frees snapshots. The thread is started on the first call and lives as long as
/// the process. `None` in a forked child, which does not have the thread.
fn freeing() -> Option<&'static SyncSender<Sum>> {
    static THREAD: OnceLock<(u32, Option<SyncSender<Sum>>)> = OnceLock::new();
    let (pid, sender) = THREAD.get_or_init(|| {
        let (sender, receiver) = sync_channel::<Sum>(WAITING);
        let free = move || receiver.into_iter().for_each(drop);
        let started = std::thread::Builder::new().name("netmon-free".into()).spawn(free);
        (std::process::id(), started.ok().map(|_| sender))
    });
    sender.as_ref().filter(|_| *pid == std::process::id())
}
