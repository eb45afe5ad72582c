//! How often a waiting claim looks at its queue when nobody wakes it.

use std::time::Duration;

/// The pace of one waiting claim. It is quick for the next in line and slower further back, and slows
/// down while nothing moves, so that the whole queue costs its store at most about a hundred reads a
/// second however many wait: the sum of `1 / (25 ms · position²)` stays below 65, and the next in line
/// adds one read in 16 ms or more.
#[derive(Debug)]
pub(crate) struct Pace {
    position: usize,
    delay: Duration,
}

const QUICK: Duration = Duration::from_millis(4);
const NEXT_IN_LINE: Duration = Duration::from_millis(20);
const FURTHER_BACK: Duration = Duration::from_millis(50);
/// With wakeups, polling is a safety net only.
const WITH_WAKEUPS: Duration = Duration::from_secs(5);

impl Pace {
    pub(crate) fn new() -> Self {
        Self { position: usize::MAX, delay: QUICK }
    }

    /// How long to wait before the next look from this place in the queue (0 is its head).
    pub(crate) fn next(&mut self, position: usize, with_wakeups: bool) -> Duration {
        if with_wakeups {
            self.position = usize::MAX;
            return jittered(WITH_WAKEUPS);
        }
        let place = u32::try_from(position.clamp(1, 1000)).unwrap_or(1000);
        if position == self.position {
            let slowest = if place == 1 { NEXT_IN_LINE } else { FURTHER_BACK * place * place };
            self.delay = (self.delay * 3 / 2).min(slowest);
        } else {
            self.position = position;
            self.delay = QUICK * place;
        }
        jittered(self.delay)
    }
}

/// A quarter less to a quarter more, so that claims do not look in step.
fn jittered(delay: Duration) -> Duration {
    delay.mul_f64(0.75 + fastrand::f64() / 2.0)
}
