//! Where a live capture waits between "the interfaces are open" and "the rights are given up". Until then no packet is
//! looked at.

use std::io;
use std::sync::{Arc, Condvar, Mutex};

use super::lock::lock;
use crate::privileges::{Confinement, Rights, keep};

#[derive(Debug, Default)]
struct State {
    /// False if nobody waits here.
    is_held: bool,
    /// Threads that have not confined themselves yet.
    waiting: usize,
    confinement: Option<Arc<Confinement>>,
    /// Why a thread could not confine itself.
    trouble: Option<io::Error>,
    has_begun: bool,
    is_over: bool,
}

/// Open unless it was made by [`Gate::held`].
///
/// Whoever starts a thread before the gate calls [`Gate::expect`] first, so that no thread is forgotten. A thread that
/// looks at packets then calls [`Gate::pass`] with no rights, before it does anything else. A thread that opens
/// interfaces opens those there are, calls [`Gate::keep_rights`], and tells that they are open; then it passes with
/// [`Rights::NET_RAW`]. Its name begins with `netmon-watcher` or `netmon-in-`: by that, `privileges.py` knows which
/// threads may have the right left.
#[derive(Debug, Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

impl Gate {
    /// Makes a gate that stays closed until [`Gate::confine`] and then [`Gate::begin`] are called.
    pub fn held() -> Self {
        Self { state: Mutex::new(State { is_held: true, ..State::default() }), changed: Condvar::new() }
    }

    /// Takes note that one more thread will pass. Called by a thread before it starts another one, and for itself.
    pub fn expect(&self) {
        lock(&self.state).waiting += 1;
    }

    /// Lets the calling thread keep its capabilities when the user is switched. Called by a thread that opens
    /// interfaces, or starts one that does, before it tells that they are open.
    pub fn keep_rights(&self) -> io::Result<()> {
        if lock(&self.state).is_held { keep() } else { Ok(()) }
    }

    /// Waits for the confinement, applies it to the calling thread, and waits for the beginning. The thread retains
    /// `own` capabilities beside those of all threads. False if the capture is to end instead.
    pub fn pass(&self, own: Rights) -> bool {
        let mut state = lock(&self.state);
        if !state.is_held {
            return true;
        }
        while state.confinement.is_none() && !state.is_over {
            state = self.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        if let Some(confinement) = state.confinement.clone() {
            drop(state);
            let result = confinement.apply(own);
            state = lock(&self.state);
            state.trouble = state.trouble.take().or(result.err());
        }
        state.waiting = state.waiting.saturating_sub(1);
        self.changed.notify_all();
        while !state.has_begun && !state.is_over {
            state = self.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        !state.is_over
    }

    /// Confines all threads that are expected, and waits until it is done. An error if one of them failed.
    pub fn confine(&self, confinement: Arc<Confinement>) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.confinement = Some(confinement);
        self.changed.notify_all();
        while state.waiting > 0 && !state.is_over {
            state = self.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        state.trouble.take().map_or(Ok(()), Err)
    }

    /// Lets all threads go on.
    pub fn begin(&self) {
        lock(&self.state).has_begun = true;
        self.changed.notify_all();
    }

    /// Ends the waiting for good. Threads that wait, or come later, are not let through.
    pub fn end(&self) {
        lock(&self.state).is_over = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_gate_lets_everybody_through() {
        assert!(Gate::default().pass(Rights::NONE));
    }

    #[test]
    fn threads_confine_themselves_before_anybody_is_told_and_then_wait_for_the_beginning() {
        let gate = Gate::held();
        (0..3).for_each(|_| gate.expect());
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| gate.pass(Rights::NONE))).collect();
            let confinement = Confinement { sandbox: None, rights: Some(Rights::NONE) };
            gate.confine(Arc::new(confinement)).unwrap();
            assert_eq!(lock(&gate.state).waiting, 0);
            assert!(threads.iter().all(|thread| !thread.is_finished()));
            gate.begin();
            assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
        });
    }

    #[test]
    fn a_capture_that_is_closed_at_the_gate_ends() {
        let gate = Gate::held();
        gate.expect();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| gate.pass(Rights::NONE));
            gate.end();
            assert!(!thread.join().unwrap());
        });
        assert!(!gate.pass(Rights::NONE));
    }
}
