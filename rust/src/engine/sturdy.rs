//! A pipeline that goes on after a panic, once: what its interval has counted is kept, its connections are forgotten.
//!
//! A panic is a fault of ours, most likely in a stage that follows connections, and met by what somebody sends. The second
//! one ends the capture: whatever makes it happen may well come again and again.

use std::any::Any;
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::job::{Level, Shared};
use crate::capture::Error;
use crate::pipeline::Pipeline;

/// What a panic brings.
pub type Panic = Box<dyn Any + Send>;

/// How often somebody panicked.
#[derive(Debug)]
pub struct Patience {
    shared: Arc<Shared>,
    is_over: bool,
}

impl Patience {
    pub fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: shared.clone(), is_over: false }
    }

    /// The first panic is logged; the second one is an error.
    pub fn bear(&mut self, panic: &Panic) -> Result<(), Error> {
        let words = panic_words(&**panic);
        if std::mem::replace(&mut self.is_over, true) {
            return Err(Error::Internal(words));
        }
        let lost = "connections that were open are counted as evicted, and are not followed any further";
        self.shared.log(Level::Warning, format!("internal error: {words}; {lost}"));
        Ok(())
    }
}

/// A pipeline, and how often it panicked.
#[derive(Debug)]
pub struct Sturdy {
    pipeline: Pipeline,
    patience: Patience,
    is_broken: bool,
    second: Option<Panic>,
}

impl Sturdy {
    pub fn new(pipeline: Pipeline, shared: &Arc<Shared>) -> Self {
        Self { pipeline, patience: Patience::new(shared), is_broken: false, second: None }
    }

    /// Does some work. After the first panic the work is called again, to go on where it left off; after the second one
    /// it is not, and neither is any other.
    pub fn run(&mut self, mut work: impl FnMut(&mut Pipeline)) {
        while !self.is_broken && !self.try_to(&mut work) {}
    }

    /// Does what is still done after the second panic, on a pipeline without connections. A third one goes on.
    pub fn run_always(&mut self, mut work: impl FnMut(&mut Pipeline)) {
        self.run(&mut work);
        if self.is_broken {
            work(&mut self.pipeline);
        }
    }

    /// The second panic, told once.
    pub fn take_panic(&mut self) -> Option<Panic> {
        self.second.take()
    }

    /// Returns whether the work is done.
    fn try_to(&mut self, work: &mut impl FnMut(&mut Pipeline)) -> bool {
        let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(&mut self.pipeline))) else { return true };
        if self.patience.is_over {
            self.pipeline.restart();
            (self.is_broken, self.second) = (true, Some(panic));
        } else {
            drop(self.mend(&panic));
        }
        false
    }

    /// Begins anew after a panic; an error after the second one. Either way the interval can be closed.
    pub fn mend(&mut self, panic: &Panic) -> Result<(), Error> {
        self.pipeline.restart();
        self.patience.bear(panic)
    }
}

impl Deref for Sturdy {
    type Target = Pipeline;

    fn deref(&self) -> &Pipeline {
        &self.pipeline
    }
}

impl DerefMut for Sturdy {
    fn deref_mut(&mut self) -> &mut Pipeline {
        &mut self.pipeline
    }
}

thread_local! {
    /// Where the last panic of this thread was.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Panics are told in messages, with their place, and not on standard error, where a screen may be.
pub fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
        PLACE.with(|last| last.replace(place.unwrap_or_default()));
    }));
}

/// What a panic says, and where it was.
pub fn panic_words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    PLACE.with(|place| format!("{text}{}", place.borrow()))
}

#[cfg(test)]
#[path = "sturdy_tests.rs"]
mod tests;
