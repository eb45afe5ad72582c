//! The server's clock, which tests may push forward and back.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Wall-clock time with an adjustable error.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    skew_ms: AtomicI64,
}

impl Clock {
    /// Makes the server's clock differ from the machine's by that much.
    pub(crate) fn set_skew(&self, millis: i64) {
        self.skew_ms.store(millis, Ordering::SeqCst);
    }

    /// Microseconds since 1970, as the server believes.
    pub(crate) fn now_micros(&self) -> i64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        i64::try_from(real).unwrap_or(i64::MAX / 2) + self.skew_ms.load(Ordering::SeqCst) * 1000
    }

    /// Milliseconds since 1970, as the server believes.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_micros() / 1000
    }
}
