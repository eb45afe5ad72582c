//! Numbers that never repeat: ids of things, and revisions of documents.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The server's alphabet for revisions. Its order is kept, so that later revisions look later.
const ALPHABET: &[u8; 64] = b"-_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The source of ids and revisions of one server.
#[derive(Debug)]
pub(crate) struct Ids {
    next: AtomicU64,
    revision: AtomicU64,
}

impl Ids {
    pub(crate) fn new() -> Self {
        Self { next: AtomicU64::new(100), revision: AtomicU64::new(0) }
    }

    /// The id of something new.
    pub(crate) fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    /// A revision later than all before it.
    pub(crate) fn next_revision(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let stamp = u64::try_from(now).unwrap_or(0) << 20;
        let later = |last: u64| Some(stamp.max(last + 1));
        let last = self.revision.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later).unwrap_or(0);
        stamp.max(last + 1)
    }
}

/// How a revision is written.
pub(crate) fn revision_text(mut revision: u64) -> String {
    let mut text = Vec::new();
    while revision > 0 {
        text.push(char::from(ALPHABET[usize::try_from(revision % 64).unwrap_or(0)]));
        revision /= 64;
    }
    text.iter().rev().collect()
}
