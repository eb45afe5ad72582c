//! When a command has to be ended so that it is gone before its lease is.

use std::time::Duration;

/// How long a command may take to end itself, at the most.
const GRACE: Duration = Duration::from_secs(5);
/// How long before the end of the lease what is left is killed, at the most. The margin of the lease comes on top.
const RESERVE: Duration = Duration::from_millis(250);

/// TERM is sent when only `grace` and `reserve` are left, KILL when only `reserve` is.
///
/// A lease that is renewed as it should be has more than half of its ttl left at any time, so a quarter of it
/// for the grace ends no healthy command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Countdown {
    grace: Duration,
    reserve: Duration,
}

impl Countdown {
    pub(crate) fn new(ttl: Duration, max_hold: Option<Duration>) -> Self {
        let whole = max_hold.map_or(ttl, |time| time.min(ttl));
        Self { grace: GRACE.min(whole / 4), reserve: RESERVE.min(whole / 20) }
    }

    /// How long the command may go on if the lease is not renewed.
    pub(crate) fn before_term(self, remaining: Duration) -> Duration {
        remaining.saturating_sub(self.grace + self.reserve)
    }

    /// How long the command may take to end itself.
    pub(crate) fn before_kill(self, remaining: Duration) -> Duration {
        remaining.saturating_sub(self.reserve).min(self.grace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_lease_leaves_five_seconds_and_a_reserve() {
        let countdown = Countdown::new(Duration::from_secs(30), None);
        assert_eq!(countdown.before_term(Duration::from_secs(27)), Duration::from_millis(21_750));
        assert_eq!(countdown.before_kill(Duration::from_millis(5_250)), Duration::from_secs(5));
        assert_eq!(countdown.before_kill(Duration::from_millis(1_250)), Duration::from_secs(1));
        assert_eq!(countdown.before_kill(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_short_lease_that_is_renewed_in_time_ends_nothing() {
        for ttl in [Duration::from_millis(100), Duration::from_secs(2)] {
            let when_renewed = ttl.mul_f64(0.9 - 1.0 / 3.0);
            assert!(Countdown::new(ttl, None).before_term(when_renewed) > ttl / 4);
        }
    }

    #[test]
    fn a_short_hold_has_most_of_its_time() {
        let hold = Duration::from_secs(1);
        let countdown = Countdown::new(Duration::from_secs(30), Some(hold));
        assert_eq!(countdown.before_term(hold), Duration::from_millis(700));
    }
}
