//! How many requests arrived, by method and path.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counts of requests. Paths are counted without their `/_db/<name>` prefix and without the query string.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    counts: Mutex<BTreeMap<(String, String), u64>>,
}

impl Counters {
    pub(crate) fn add(&self, method: &str, path: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((method.to_owned(), path.to_owned())).or_default() += 1;
    }

    pub(crate) fn all(&self) -> BTreeMap<(String, String), u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn under(&self, prefix: &str) -> u64 {
        let below = format!("{}/", prefix.trim_end_matches('/'));
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .iter()
            .filter(|((_, path), _)| path == prefix || path.starts_with(&below))
            .map(|(_, n)| n)
            .sum()
    }

    pub(crate) fn reset(&self) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
