//! The clocks of a live capture. All workers share one [`Timeline`], so they agree on every step of the wall clock.

use std::sync::Mutex;
use std::time::Duration;

use super::super::job::{Level, Shared};
use super::super::lock::lock;
use super::timeline::{ClockStep, MIN_STEP, Timeline};
use crate::capture::clocks::ClockReading;

/// The steady clock and the wall clock, and the timeline made of their readings.
pub struct Clocks {
    read: Box<dyn Fn() -> ClockReading + Send + Sync>,
    timeline: Mutex<Timeline>,
}

impl Clocks {
    /// Makes clocks that are read by `read`.
    pub fn new(read: impl Fn() -> ClockReading + Send + Sync + 'static) -> Self {
        let timeline = Mutex::new(Timeline::new(read()));
        Self { read: Box::new(read), timeline }
    }

    /// Reads the clocks and returns the timeline. A step of the wall clock is logged once, by the worker that sees it
    /// first.
    pub fn look(&self, shared: &Shared) -> Timeline {
        let mut timeline = lock(&self.timeline);
        // The clocks are read while the lock is held, so that readings reach the timeline in the order in which they
        // were made.
        if let Some(step) = timeline.follow((self.read)()) {
            shared.log(Level::Warning, words(step));
        }
        *timeline
    }
}

fn words(ClockStep { by, ahead }: ClockStep) -> String {
    let way = if by < 0 { "back" } else { "forward" };
    let times = if ahead < MIN_STEP { "follow it".to_owned() } else { format!("stay {} ahead of it", rounded(ahead)) };
    format!("the clock was set {way} by {}: intervals go on, and their times {times}", rounded(by))
}

/// Formats a duration, rounded to a millisecond.
fn rounded(nanos: i64) -> humantime::FormattedDuration {
    let millis = nanos.unsigned_abs().saturating_add(500_000) / 1_000_000;
    humantime::format_duration(Duration::from_millis(millis))
}
