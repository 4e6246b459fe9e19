//! Snapshots as Python holds them: merged when somebody looks at them, with the interpreter released; freed on a thread
//! of their own, since the last reference often goes where the interpreter is held, and freeing 100,000 rows takes tens
//! of milliseconds.

use std::ops::Deref;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};

use pyo3::Python;

use crate::pipeline::snapshot::{self, Snapshot, Sum};

/// Rows that are freed where they are: less than a thread is worth.
const FEW: usize = 1_000;
/// Snapshots that may wait to be freed; more are freed where they are.
const WAITING: usize = 64;

/// A snapshot that may be held from several places.
#[derive(Clone, Debug)]
pub struct Held(Option<Arc<Sum>>);

impl Held {
    pub fn new(sum: Arc<Sum>) -> Self {
        Self(Some(sum))
    }

    pub fn share(&self) -> Arc<Snapshot> {
        self.made().clone()
    }

    /// The sum of both, made when somebody looks at it. It holds on to a few snapshots at the most.
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
            // What does not fit comes back, and is freed here.
            drop(freeing.try_send(last));
        }
    }
}

/// The thread that frees; it lives as long as the process. A forked child has none.
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
