//! How often a waiting claim looks at its queue when nobody wakes it.

use std::time::Duration;

use tokio::time::Instant;

/// The pace of one waiting claim. The next in line looks again after a 25th of the time that it has been next, so
/// that looking adds little to a wait of any length. The others are slower the further back they are, and slow down
/// while nothing moves. So a queue that stands still costs its store less than a hundred reads a second however many
/// wait: 77 for the next in line, and 13 for all the others together, because the sum of `1 / (50 ms · position²)`
/// stays below that.
#[derive(Debug)]
pub(crate) struct Pace {
    position: usize,
    since: Instant,
    delay: Duration,
}

const QUICK: Duration = Duration::from_millis(4);
const NEXT_IN_LINE: Duration = Duration::from_millis(13);
const FURTHER_BACK: Duration = Duration::from_millis(50);
/// With wakeups, polling is a safety net only.
const WITH_WAKEUPS: Duration = Duration::from_secs(5);

impl Pace {
    pub(crate) fn new() -> Self {
        Self { position: usize::MAX, since: Instant::now(), delay: QUICK }
    }

    /// How long to wait before the next look from this place in the queue (0 is its head).
    pub(crate) fn next(&mut self, position: usize, with_wakeups: bool) -> Duration {
        if with_wakeups {
            self.position = usize::MAX;
            return jittered(WITH_WAKEUPS);
        }
        let place = u32::try_from(position.clamp(1, 1000)).unwrap_or(1000);
        if position != self.position {
            *self = Self { position, since: Instant::now(), delay: QUICK * place };
        } else if place == 1 {
            self.delay = (self.since.elapsed() / 25).clamp(QUICK, NEXT_IN_LINE);
        } else {
            self.delay = (self.delay * 3 / 2).min(FURTHER_BACK * place * place);
        }
        jittered(self.delay)
    }
}

/// A quarter less to a quarter more, so that claims do not look in step.
fn jittered(delay: Duration) -> Duration {
    delay.mul_f64(0.75 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest pause of a claim that stays in its place, without the jitter.
    async fn settled(position: usize) -> f64 {
        let mut pace = Pace::new();
        for _ in 0..100 {
            tokio::time::advance(pace.next(position, false)).await;
        }
        pace.delay.as_secs_f64()
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_stands_still_costs_less_than_a_hundred_reads_a_second() {
        let mut reads = 0.0;
        for position in 1..=1000 {
            reads += 1.0 / settled(position).await;
        }
        assert!(reads < 100.0, "{reads}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_in_line_looks_soon_after_a_short_wait() {
        let mut pace = Pace::new();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(200) {
            let delay = pace.next(1, false);
            assert!(
                delay <= (begun.elapsed() / 25).max(QUICK) * 5 / 4,
                "{delay:?} after {:?}",
                begun.elapsed()
            );
            tokio::time::advance(delay).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_moves_up_looks_soon_again() {
        let mut pace = Pace::new();
        for _ in 0..100 {
            tokio::time::advance(pace.next(5, false)).await;
        }
        assert!(pace.next(1, false) <= QUICK * 5 / 4);
    }

    #[test]
    fn with_wakeups_it_is_a_safety_net() {
        assert!(Pace::new().next(1, true) > Duration::from_secs(1));
    }
}
