//! How long and how often a step is repeated when the store does not answer.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use crate::backend::{BackendError, BackendErrorKind};

/// How steps are repeated while the store cannot be reached: exponential back-off with jitter, up to a
/// ceiling, until it is time to give up. Only errors that may pass are repeated.
///
/// ```
/// use std::time::Duration;
/// use shylock_core::RetryPolicy;
///
/// let patient = RetryPolicy::default().give_up_after(Duration::from_secs(300));
/// # let _ = patient;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    first_delay: Duration,
    max_delay: Duration,
    give_up_after: Duration,
    attempt_timeout: Duration,
}

impl Default for RetryPolicy {
    /// 20 ms, doubled up to a second; an attempt may take 5 seconds; give up after 30.
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(20),
            max_delay: Duration::from_secs(1),
            give_up_after: Duration::from_secs(30),
            attempt_timeout: Duration::from_secs(5),
        }
    }
}

impl RetryPolicy {
    /// The delay before the first repetition; each further one doubles, with jitter.
    #[must_use]
    pub fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// The longest delay between two attempts.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// How long an outage may last before a call reports it. Renewals go on for as long as the lease lasts.
    #[must_use]
    pub fn give_up_after(mut self, time: Duration) -> Self {
        self.give_up_after = time;
        self
    }

    /// How long one attempt may take before it is repeated; the time left of a lease bounds it too.
    #[must_use]
    pub fn attempt_timeout(mut self, time: Duration) -> Self {
        self.attempt_timeout = time;
        self
    }

    /// The time limit of one attempt when there is `time_left` for all of them.
    pub(crate) fn attempt_within(&self, time_left: Duration) -> Duration {
        self.attempt_timeout.min(time_left)
    }

    pub(crate) fn begin(&self) -> Retries {
        self.begin_until(Instant::now() + self.give_up_after)
    }

    /// Retries until the policy gives up or that moment comes, whichever is earlier.
    pub(crate) fn begin_until(&self, until: Instant) -> Retries {
        Retries { delays: self.delays(), give_up_at: until.min(Instant::now() + self.give_up_after) }
    }

    /// The delays between attempts, without end.
    pub(crate) fn delays(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(self.first_delay)
            .with_max_delay(self.max_delay)
            .with_jitter()
            .without_max_times()
            .build()
    }
}

/// The repetitions of one step.
#[derive(Debug)]
pub(crate) struct Retries {
    delays: ExponentialBackoff,
    give_up_at: Instant,
}

impl Retries {
    /// How long to wait before the next attempt; `None` if there shall be none.
    pub(crate) fn delay_after(&mut self, error: &BackendError) -> Option<Duration> {
        let left = self.give_up_at.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        let delay = self.delays.next()?;
        match error.kind() {
            BackendErrorKind::Transient => Some(delay.min(left)),
            BackendErrorKind::Throttled { retry_after } => {
                Some(delay.max(retry_after.unwrap_or_default()).min(left))
            }
            _ => None,
        }
    }
}
