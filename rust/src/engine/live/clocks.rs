//! Clocks that all workers look at: they share one [`Timeline`], so they agree on every step.

use std::sync::Mutex;
use std::time::Duration;

use super::super::job::{Level, Shared};
use super::super::lock::lock;
use super::timeline::{ClockStep, MIN_STEP, Timeline};
use crate::capture::clocks::ClockReading;

/// Two clocks, and what became of them.
pub struct Clocks {
    read: Box<dyn Fn() -> ClockReading + Send + Sync>,
    timeline: Mutex<Timeline>,
}

impl Clocks {
    /// Clocks that are read so.
    pub fn new(read: impl Fn() -> ClockReading + Send + Sync + 'static) -> Self {
        let timeline = Mutex::new(Timeline::new(read()));
        Self { read: Box::new(read), timeline }
    }

    /// Looks at them. A step is logged by whoever sees it first.
    pub fn look(&self, shared: &Shared) -> Timeline {
        let mut timeline = lock(&self.timeline);
        // Read with the lock held: a reading from before a step must not come after one from behind it.
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

/// To a millisecond.
fn rounded(nanos: i64) -> humantime::FormattedDuration {
    let millis = nanos.unsigned_abs().saturating_add(500_000) / 1_000_000;
    humantime::format_duration(Duration::from_millis(millis))
}
