//! For how long a client trusts a claim, on its own monotonic clock.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Why a guard was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LossReason {
    /// The store says that the claim is gone: somebody evicted it, or the store forgot it.
    Evicted,
    /// The lease could not be renewed in time, or was not to be renewed.
    Expired,
    /// The guard reached its `max_hold`.
    MaxHold,
    /// The manager was shut down.
    ShutDown,
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Evicted => "its claim was evicted",
            Self::Expired => "its lease expired",
            Self::MaxHold => "it was held for as long as its max_hold allows",
            Self::ShutDown => "the lock manager was shut down",
        })
    }
}

/// The lease of one claim. Once it has ended it stays ended: an answer that comes late extends nothing.
///
/// Nothing has to run for a lease to end: whoever asks compares the clock with the deadline.
#[derive(Debug)]
pub(crate) struct Lease {
    term: Mutex<Term>,
    /// Tells those who wait for the end that it has moved.
    moved: Notify,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Term {
    /// The store keeps the claim until then at least, by our clock, less the margin.
    deadline: Instant,
    /// The guard wants no more than this, for this reason.
    limit: Option<(Instant, LossReason)>,
    ended: Option<LossReason>,
}

impl Term {
    fn end(&self) -> (Instant, LossReason) {
        match self.limit {
            Some(limit) if limit.0 < self.deadline => limit,
            _ => (self.deadline, LossReason::Expired),
        }
    }

    fn loss(&self) -> Option<LossReason> {
        let (end, reason) = self.end();
        self.ended.or_else(|| (Instant::now() >= end).then_some(reason))
    }
}

impl Lease {
    pub(crate) fn until(deadline: Instant) -> Self {
        Self { term: Mutex::new(Term { deadline, limit: None, ended: None }), moved: Notify::new() }
    }

    /// Moves the deadline on, unless the lease has ended or the deadline is later already.
    pub(crate) fn extend(&self, deadline: Instant) {
        self.change(|term| term.deadline = term.deadline.max(deadline));
    }

    /// Sets for how long the present guard wants to hold.
    pub(crate) fn limit(&self, limit: Option<(Instant, LossReason)>) {
        self.change(|term| term.limit = limit);
    }

    /// Ends the lease for this reason, unless it has ended already.
    pub(crate) fn end(&self, reason: LossReason) {
        self.change(|term| term.ended = Some(reason));
    }

    /// Changes what has not ended.
    fn change(&self, change: impl FnOnce(&mut Term)) {
        let mut term = self.term();
        let before = *term;
        match term.loss() {
            Some(reason) => term.ended = Some(reason),
            None => change(&mut term),
        }
        let moved = *term != before;
        drop(term);
        if moved {
            self.moved.notify_waiters();
        }
    }

    pub(crate) fn loss(&self) -> Option<LossReason> {
        self.term().loss()
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.term().deadline
    }

    /// Until when the present guard wants to hold, if it wants to end.
    pub(crate) fn wanted_until(&self) -> Option<Instant> {
        self.term().limit.map(|(until, _)| until)
    }

    pub(crate) fn remaining(&self) -> Duration {
        let term = *self.term();
        if term.ended.is_some() {
            Duration::ZERO
        } else {
            term.end().0.saturating_duration_since(Instant::now())
        }
    }

    /// Waits until the lease has ended.
    pub(crate) async fn lost(&self) -> LossReason {
        loop {
            // From here on it hears of every move.
            let moved = self.moved.notified();
            let term = *self.term();
            if let Some(reason) = term.loss() {
                return reason;
            }
            tokio::select! {
                () = sleep_until(term.end().0) => {}
                () = moved => {}
            }
        }
    }

    fn term(&self) -> MutexGuard<'_, Term> {
        self.term.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
