//! The options that all primitives share.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::lease::{Limit, LossReason};
use crate::client::ttl::Ttl;
use crate::error::Error;
use crate::retry::far_away;

/// How a lock is acquired and held, as the user has set it.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) ttl: Option<Duration>,
    pub(crate) auto_renew: bool,
    pub(crate) max_hold: Option<Duration>,
    pub(crate) min_hold: Option<Duration>,
    pub(crate) label: Option<Arc<str>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { ttl: None, auto_renew: true, max_hold: None, min_hold: None, label: None }
    }
}

/// The checked options.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) ttl: Ttl,
    pub(crate) label: Option<Arc<str>>,
    auto_renew: bool,
    max_hold: Option<Duration>,
    min_hold: Option<Duration>,
}

/// The longest `min_hold`.
const LONGEST_MIN_HOLD: Duration = Ttl::MAX;

impl Options {
    /// Checks every option. `ttl` and `margin` are the manager's.
    pub(crate) fn check(&self, ttl: Duration, margin: f64) -> Result<Terms, Error> {
        let ttl = Ttl::new(self.ttl.unwrap_or(ttl), margin)?;
        check_label(self.label.as_deref())?;
        let (max_hold, min_hold) = (self.max_hold, self.min_hold);
        if max_hold.is_some_and(|time| time < Duration::from_millis(1)) {
            let message = format!(
                "invalid max_hold {:?}: must be at least 1 ms; leave it out for no limit",
                max_hold.unwrap_or_default()
            );
            return Err(Error::invalid(message));
        }
        if let Some(time) = min_hold.filter(|time| *time > LONGEST_MIN_HOLD) {
            return Err(Error::invalid(format!("invalid min_hold {time:?}: must be at most 30 days")));
        }
        if let (Some(min), Some(max)) = (min_hold, max_hold)
            && min > max
        {
            let message =
                format!("invalid min_hold {min:?}: must not be longer than max_hold, which is {max:?}");
            return Err(Error::invalid(message));
        }
        Ok(Terms { ttl, label: self.label.clone(), auto_renew: self.auto_renew, max_hold, min_hold })
    }
}

impl Terms {
    /// When a guard that begins now is lost at the latest, and why then.
    pub(crate) fn limit(&self, now: Instant) -> Option<Limit> {
        let unrenewed = (!self.auto_renew).then(|| (now + self.ttl.trusted(), LossReason::Expired));
        let longest = self.max_hold.map(|time| (far_away(time), LossReason::MaxHold));
        unrenewed.into_iter().chain(longest).min_by_key(|(until, _)| *until)
    }

    /// Until when the lock stays taken if a guard that begins now is released early.
    pub(crate) fn hold_until(&self, now: Instant) -> Option<Instant> {
        self.min_hold.map(|time| now + time)
    }
}

/// Checks a label.
pub(crate) fn check_label(label: Option<&str>) -> Result<(), Error> {
    const MAX_BYTES: usize = 256;
    match label.map_or(0, str::len) {
        0..=MAX_BYTES => Ok(()),
        bytes => {
            let message = format!("invalid label: it has {bytes} bytes, and the maximum is {MAX_BYTES}");
            Err(Error::invalid(message))
        }
    }
}

/// The setters of [`Options`], for a type that has them in its field `options`.
macro_rules! option_setters {
    () => {
        /// Sets how long a lease lasts unless it is renewed: between 100 ms and 30 days. The default is the manager's.
        ///
        /// A holder that crashes delays the others by at most this. A short ttl needs a store that answers well within a
        /// third of it.
        #[must_use]
        pub fn ttl(mut self, ttl: std::time::Duration) -> Self {
            self.options.ttl = Some(ttl);
            self
        }

        /// Sets whether the lease is renewed for as long as the guard exists. The default is `true`.
        ///
        /// Otherwise the guard is lost after the ttl, less the clock skew margin.
        #[must_use]
        pub fn auto_renew(mut self, auto_renew: bool) -> Self {
            self.options.auto_renew = auto_renew;
            self
        }

        /// Sets the longest that a guard may hold: at least 1 ms. The default is no limit.
        ///
        /// When the time is over the guard is lost, and the lock is free for others after a further clock skew margin (a
        /// tenth of the ttl by default), in which the holder can react.
        #[must_use]
        pub fn max_hold(mut self, time: std::time::Duration) -> Self {
            self.options.max_hold = Some(time);
            self
        }

        /// Sets the shortest time that the lock stays taken: at most 30 days, and no longer than `max_hold`. The default is
        /// zero.
        ///
        /// If the guard is released earlier, nobody else gets the lock until the time is over. If the holder crashes, the
        /// lock is free after the ttl.
        #[must_use]
        pub fn min_hold(mut self, time: std::time::Duration) -> Self {
            self.options.min_hold = Some(time);
            self
        }

        /// Sets the label that people see when they look at the queue: up to 256 bytes. The default is the manager's.
        #[must_use]
        pub fn label(mut self, label: impl Into<std::sync::Arc<str>>) -> Self {
            self.options.label = Some(label.into());
            self
        }
    };
}
pub(crate) use option_setters;
