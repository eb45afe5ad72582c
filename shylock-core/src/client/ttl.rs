//! A checked ttl with its margin.

use std::time::Duration;

use crate::error::Error;

/// How long a lease lasts in the store, and how much sooner its client stops to trust it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Ttl {
    ttl: Duration,
    margin: Duration,
}

impl Ttl {
    pub(crate) const MIN: Duration = Duration::from_millis(100);
    pub(crate) const MAX: Duration = Duration::from_secs(30 * 24 * 3600);

    /// Checks a ttl; `margin` is a fraction of it.
    pub(crate) fn new(ttl: Duration, margin: f64) -> Result<Self, Error> {
        if !(Self::MIN..=Self::MAX).contains(&ttl) {
            return Err(Error::invalid(format!(
                "invalid ttl {ttl:?}: must be between {:?} and 30 days",
                Self::MIN
            )));
        }
        if !(0.0..=0.5).contains(&margin) {
            return Err(Error::invalid(format!(
                "invalid clock_skew_margin {margin}: must be a fraction of the ttl between 0.0 and 0.5"
            )));
        }
        Ok(Self { ttl, margin: ttl.mul_f64(margin) })
    }

    pub(crate) fn get(self) -> Duration {
        self.ttl
    }

    pub(crate) fn margin(self) -> Duration {
        self.margin
    }

    /// For how long a client trusts a whole lease.
    pub(crate) fn trusted(self) -> Duration {
        self.trusted_of(self.ttl)
    }

    /// For how long a client trusts a lease that was asked for with less than the whole ttl.
    pub(crate) fn trusted_of(self, lease: Duration) -> Duration {
        lease.saturating_sub(self.margin)
    }
}
