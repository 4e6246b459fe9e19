//! A pipeline that goes on after its first panic: it keeps what the interval has counted and forgets its connections.
//!
//! A panic is a fault of netmon, most likely in a stage that follows connections, and set off by unusual traffic. The
//! second panic ends the capture, since traffic that sets off two panics may well set off many more.

use std::any::Any;
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::job::{Level, Shared};
use crate::capture::Error;
use crate::pipeline::Pipeline;

/// The payload of a panic, as `catch_unwind` returns it.
pub type Panic = Box<dyn Any + Send>;

/// Allows one panic, and remembers whether it has happened.
#[derive(Debug)]
pub struct Patience {
    shared: Arc<Shared>,
    is_over: bool,
}

impl Patience {
    pub fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: shared.clone(), is_over: false }
    }

    /// Logs the first panic and returns `Ok`. Returns the second one as an error.
    pub fn bear(&mut self, panic: &Panic) -> Result<(), Error> {
        let words = panic_words(&**panic);
        if std::mem::replace(&mut self.is_over, true) {
            return Err(Error::Internal(words));
        }
        let lost = "open connections are counted as evicted and not followed any further";
        self.shared.log(Level::Warning, format!("internal error: {words}; {lost}"));
        Ok(())
    }
}

/// A pipeline that is allowed one panic.
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

    /// Runs `work` on the pipeline. After the first panic `work` is called again, to go on where it left off. After the
    /// second panic this call returns, and later calls do nothing.
    pub fn run(&mut self, mut work: impl FnMut(&mut Pipeline)) {
        while !self.is_broken && !self.try_to(&mut work) {}
    }

    /// Runs `work` even after the second panic, on a pipeline that has forgotten its connections. A third panic is not
    /// caught.
    pub fn run_always(&mut self, mut work: impl FnMut(&mut Pipeline)) {
        self.run(&mut work);
        if self.is_broken {
            work(&mut self.pipeline);
        }
    }

    /// Returns the second panic, if there was one, on the first call after it.
    pub fn take_panic(&mut self) -> Option<Panic> {
        self.second.take()
    }

    /// Calls `work` once. True if it returned, false if it panicked.
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

    /// Makes the pipeline usable again after a panic, so that the interval can be closed. An error after the second
    /// panic.
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
    /// Source file and line of this thread's last panic, in brackets.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps panics off standard error, where the screen may be drawn. Their place is kept for [`panic_words`].
pub fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line()));
        PLACE.with(|last| last.replace(place.unwrap_or_default()));
    }));
}

/// The message of a panic, and the place in the source where it happened. A message about a text ends before the text,
/// which may come from the wire.
pub fn panic_words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let text = text.split(" of `").next().unwrap_or(text);
    PLACE.with(|place| format!("{text}{}", place.borrow()))
}

#[cfg(test)]
#[path = "sturdy_tests.rs"]
mod tests;
