//! How long and how often a step is repeated when the store does not answer.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::{Instant, sleep};
use tracing::debug;

use crate::backend::BackendError;
use crate::error::Error;

/// How steps are repeated while the store cannot be reached: exponential back-off with jitter, up to a
/// ceiling, until it is time to give up. Only errors that may pass are repeated.
///
/// ```
/// use std::time::Duration;
/// use shylock_core::RetryPolicy;
///
/// let patient = RetryPolicy::default().max_elapsed(Duration::from_secs(300));
/// # let _ = patient;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    initial_backoff: Duration,
    max_backoff: Duration,
    max_elapsed: Duration,
    attempt_timeout: Duration,
}

impl Default for RetryPolicy {
    /// 20 ms, doubled up to a second; an attempt may take 5 seconds; give up after 30.
    fn default() -> Self {
        Self {
            initial_backoff: Duration::from_millis(20),
            max_backoff: Duration::from_secs(1),
            max_elapsed: Duration::from_secs(30),
            attempt_timeout: Duration::from_secs(5),
        }
    }
}

impl RetryPolicy {
    /// The delay before the first repetition; each further one doubles, with jitter. It is at least 1 ms.
    #[must_use]
    pub fn initial_backoff(mut self, delay: Duration) -> Self {
        self.initial_backoff = delay;
        self
    }

    /// The longest delay between two attempts, without the jitter. It is at least 1 ms.
    #[must_use]
    pub fn max_backoff(mut self, delay: Duration) -> Self {
        self.max_backoff = delay;
        self
    }

    /// How long an outage may last before a call reports it. At least one attempt is made, which may take as long as
    /// `attempt_timeout`. Renewals go on for as long as the lease lasts.
    #[must_use]
    pub fn max_elapsed(mut self, time: Duration) -> Self {
        self.max_elapsed = time;
        self
    }

    /// How long one attempt may take before it is repeated; the time left of a lease bounds it too.
    #[must_use]
    pub fn attempt_timeout(mut self, time: Duration) -> Self {
        self.attempt_timeout = time;
        self
    }

    /// Makes a call, and repeats it as the policy says while its error may pass; an error that stays is the answer.
    ///
    /// The limit of each call is the caller's business. Use it to open a store that may be changing its primary just
    /// now (`shylock::open` does):
    ///
    /// ```
    /// use shylock_core::{BackendError, RetryPolicy, memory::MemoryBackend};
    /// # async fn open_store() -> Result<MemoryBackend, BackendError> { Ok(MemoryBackend::new()) }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BackendError> {
    /// let store = RetryPolicy::default().retry(open_store).await?;
    /// # let _ = store; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The last one.
    ///
    /// # Cancel safety
    /// Dropped, it drops the call.
    pub async fn retry<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, BackendError>
    where
        F: Future<Output = Result<T, BackendError>>,
    {
        let mut retries = self.begin();
        loop {
            let error = match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(delay) = retries.delay_after(&error) else { return Err(error) };
            debug!(%error, ?delay, "it is tried again");
            sleep(delay).await;
        }
    }

    /// Checks every setting.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.attempt_timeout < Duration::from_millis(1) {
            return Err(Error::invalid(format!(
                "invalid attempt_timeout {:?}: must be at least 1 ms",
                self.attempt_timeout
            )));
        }
        Ok(())
    }

    /// The time limit of one attempt when there is `time_left` for all of them.
    pub(crate) fn attempt_limit(&self, time_left: Duration) -> Duration {
        self.attempt_timeout.min(time_left)
    }

    /// When a request that was not answered is sent again, beside the first.
    pub(crate) fn resend_after(&self, ttl: Duration) -> Duration {
        (self.attempt_timeout / 5).min(ttl / 4)
    }

    /// How long an outage may last before a call reports it.
    pub(crate) fn elapsed_limit(&self) -> Duration {
        self.max_elapsed
    }

    pub(crate) fn begin(&self) -> Retries {
        Retries { delays: self.delays(), give_up_at: far_away(self.max_elapsed), limit: self.attempt_timeout }
    }

    /// Retries of a step while the store is out of reach since then.
    pub(crate) fn begin_in_outage(&self, since: Option<Instant>) -> Retries {
        let retries = self.begin();
        let passed = since.map_or(Duration::ZERO, |since| since.elapsed());
        Retries { give_up_at: far_away(self.max_elapsed.saturating_sub(passed)), ..retries }
    }

    /// Retries until the policy gives up or that moment comes, whichever is earlier.
    pub(crate) fn begin_until(&self, until: Instant) -> Retries {
        let retries = self.begin();
        Retries { give_up_at: retries.give_up_at.min(until), ..retries }
    }

    /// One attempt, for no longer than this.
    pub(crate) fn once(&self, limit: Duration) -> Retries {
        let limit = self.attempt_limit(limit);
        Retries { delays: self.delays(), give_up_at: Instant::now(), limit }
    }

    /// The delay after so many failures, without jitter.
    pub(crate) fn delay_of(&self, failures: u32) -> Duration {
        let (first, most) = self.backoff();
        first.saturating_mul(1 << failures.saturating_sub(1).min(30)).min(most)
    }

    /// The first and the longest delay. Without any delay, an outage would make a busy loop.
    fn backoff(&self) -> (Duration, Duration) {
        const LEAST: Duration = Duration::from_millis(1);
        let most = self.max_backoff.max(LEAST);
        (self.initial_backoff.clamp(LEAST, most), most)
    }

    /// The delays between attempts, without end.
    pub(crate) fn delays(&self) -> ExponentialBackoff {
        let (first, most) = self.backoff();
        ExponentialBuilder::new()
            .with_min_delay(first)
            .with_max_delay(most)
            .with_jitter()
            .without_max_times()
            .build()
    }
}

/// A time so long from now, or as long as the clock can tell.
pub(crate) fn far_away(time: Duration) -> Instant {
    const A_LIFETIME: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    let now = Instant::now();
    now.checked_add(time.min(A_LIFETIME)).unwrap_or(now)
}

/// The repetitions of one step.
#[derive(Debug)]
pub(crate) struct Retries {
    delays: ExponentialBackoff,
    give_up_at: Instant,
    /// How long the next attempt may take.
    limit: Duration,
}

impl Retries {
    /// How long to wait before the next attempt; `None` if there shall be none.
    pub(crate) fn delay_after(&mut self, error: &BackendError) -> Option<Duration> {
        if !error.is_retryable() {
            return None;
        }
        let left = self.give_up_at.saturating_duration_since(Instant::now());
        let delay = self.delays.next()?.max(error.retry_after());
        let for_the_attempt = left.checked_sub(delay).filter(|left| !left.is_zero())?;
        self.limit = self.limit.min(for_the_attempt);
        Some(delay)
    }

    /// How long the next attempt may take.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::BackendErrorKind;

    /// Repeats a call that fails in this way so many times, and tells how often it was made.
    async fn calls(kind: BackendErrorKind, failures: u32) -> (u32, bool) {
        let mut calls = 0;
        let policy = RetryPolicy::default();
        let answer = policy.retry(|| {
            calls += 1;
            std::future::ready(if calls > failures { Ok(()) } else { Err(BackendError::new(kind, "no")) })
        });
        let worked = answer.await.is_ok();
        (calls, worked)
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_repeated() {
        assert_eq!(calls(BackendErrorKind::Transient, 3).await, (4, true));
        assert_eq!(calls(BackendErrorKind::Throttled { retry_after: None }, 1).await, (2, true));
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_pass_is_not() {
        assert_eq!(calls(BackendErrorKind::Denied, 1).await, (1, false));
        assert_eq!(calls(BackendErrorKind::Misconfigured, 1).await, (1, false));
    }

    #[tokio::test(start_paused = true)]
    async fn it_gives_up_in_time() {
        let begin = Instant::now();
        let (calls, worked) = calls(BackendErrorKind::Transient, u32::MAX).await;
        assert!(!worked && calls > 10, "{calls}");
        let took = begin.elapsed();
        assert!((Duration::from_secs(29)..=Duration::from_secs(31)).contains(&took), "{took:?}");
    }
}
