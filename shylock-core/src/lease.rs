//! For how long a client trusts a claim, on its own monotonic clock.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;
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
pub(crate) struct Lease(watch::Sender<Term>);

#[derive(Debug, Clone, Copy)]
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
        Self(watch::Sender::new(Term { deadline, limit: None, ended: None }))
    }

    /// Moves the deadline on, unless the lease has ended or the deadline is later already.
    pub(crate) fn extend(&self, deadline: Instant) {
        self.0.send_if_modified(|term| {
            let extends = term.loss().is_none() && deadline > term.deadline;
            if extends {
                term.deadline = deadline;
            }
            extends
        });
    }

    /// Sets for how long the present guard wants to hold.
    pub(crate) fn limit(&self, limit: Option<(Instant, LossReason)>) {
        self.0.send_if_modified(|term| {
            let changes = term.limit != limit && term.loss().is_none();
            if changes {
                term.limit = limit;
            }
            changes
        });
    }

    /// Ends the lease for this reason, unless it has ended already.
    pub(crate) fn end(&self, reason: LossReason) {
        self.0.send_if_modified(|term| {
            let ends = term.loss().is_none();
            term.ended = term.loss().or(Some(reason));
            ends
        });
    }

    pub(crate) fn loss(&self) -> Option<LossReason> {
        self.0.borrow().loss()
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.0.borrow().deadline
    }

    /// Until when the present guard wants to hold, if it wants to end.
    pub(crate) fn wanted_until(&self) -> Option<Instant> {
        self.0.borrow().limit.map(|(until, _)| until)
    }

    pub(crate) fn remaining(&self) -> Duration {
        let term = *self.0.borrow();
        if term.ended.is_some() {
            Duration::ZERO
        } else {
            term.end().0.saturating_duration_since(Instant::now())
        }
    }

    /// Waits until the lease has ended.
    pub(crate) async fn lost(&self) -> LossReason {
        let mut changes = self.0.subscribe();
        loop {
            let term = *changes.borrow_and_update();
            if let Some(reason) = term.loss() {
                return reason;
            }
            tokio::select! {
                () = sleep_until(term.end().0) => {}
                // The sender is `self`, so it is there.
                _ = changes.changed() => {}
            }
        }
    }
}
