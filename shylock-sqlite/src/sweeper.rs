//! Takes out the records that nobody has wanted for a long time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

/// Some at a time, so that nobody has to wait for long.
const AT_ONCE: usize = 1000;

const SWEEP: &str =
    "DELETE FROM locks WHERE name IN (SELECT name FROM locks WHERE needed_until <= ?1 LIMIT ?2)";

/// Sweeps on the occasion of a write, now and then: it has no task of its own.
#[derive(Debug)]
pub(crate) struct Sweeper {
    retention: Duration,
    /// When the file was last found clean.
    clean_at: Mutex<Option<Instant>>,
}

impl Sweeper {
    pub(crate) fn new(retention: Duration) -> Self {
        Self { retention, clean_at: Mutex::default() }
    }

    /// Sweeps if it is time. It never fails: what it leaves, the next one takes.
    pub(crate) fn sweep(&self, db: &Connection, now: u64) {
        let mut clean_at = self.clean_at.lock().unwrap_or_else(PoisonError::into_inner);
        if clean_at.is_some_and(|at| at.elapsed() < self.retention / 8) {
            return;
        }
        let retention = u64::try_from(self.retention.as_millis()).unwrap_or(u64::MAX);
        let forgotten = now.saturating_sub(retention);
        let swept = db.execute(SWEEP, (forgotten.cast_signed(), AT_ONCE.cast_signed()));
        if swept.is_ok_and(|rows| rows < AT_ONCE) {
            *clean_at = Some(Instant::now());
        }
    }
}
