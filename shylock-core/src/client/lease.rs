//! How long a client trusts a claim, on its own monotonic clock.

use std::fmt;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::ttl::Ttl;
use crate::queue::{ClaimId, LockName};

/// Why a guard was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LossReason {
    /// The store says that the claim is gone: it was evicted, or the store lost it.
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
            Self::MaxHold => "it was held for its max_hold",
            Self::ShutDown => "the lock manager was shut down",
        })
    }
}

/// When a guard is lost at the latest, and why then.
pub(crate) type Limit = (Instant, LossReason);

/// The lease of one claim. Once it has ended it stays ended: an answer that comes late extends nothing.
///
/// No task is needed for a lease to end: whoever asks compares the clock with the deadline.
pub(crate) struct Lease {
    pub(crate) lock: LockName,
    pub(crate) claim: ClaimId,
    term: Mutex<Term>,
    /// The end has moved.
    moved: Notify,
    /// Calls that may still put the claim into the store, although nobody waits for their answers.
    stragglers: Mutex<Vec<JoinHandle<()>>>,
}

struct Term {
    ttl: Ttl,
    /// The store keeps the claim at least until then, by our clock, less the margin. `None` until the store has
    /// answered.
    deadline: Option<Instant>,
    /// The present guard needs no lease after this.
    limit: Option<Limit>,
    ended: Option<LossReason>,
    /// A guard has held by it.
    is_held: bool,
    /// Shutting down waits for the claims that may be in the store.
    presence: Option<TaskTrackerToken>,
}

impl Term {
    /// When the lease ends unless it is extended.
    fn end(&self) -> Option<Limit> {
        let deadline = self.deadline.map(|deadline| (deadline, LossReason::Expired));
        deadline.into_iter().chain(self.limit).min_by_key(|(at, _)| *at)
    }

    fn loss(&self) -> Option<LossReason> {
        self.ended.or_else(|| self.end().filter(|(at, _)| Instant::now() >= *at).map(|(_, reason)| reason))
    }
}

impl Lease {
    /// The lease of a claim that is about to join.
    pub(crate) fn new(lock: LockName, claim: ClaimId, ttl: Ttl, presence: TaskTrackerToken) -> Self {
        let term =
            Term { ttl, deadline: None, limit: None, ended: None, is_held: false, presence: Some(presence) };
        Self { lock, claim, term: Mutex::new(term), moved: Notify::new(), stragglers: Mutex::default() }
    }

    /// The store has answered a request that was sent at this time and asked for a lease of this length.
    pub(crate) fn extend(&self, sent_at: Instant, asked_for: Duration) {
        self.change(|term| {
            let deadline = sent_at + term.ttl.trusted_of(asked_for);
            term.deadline = Some(term.deadline.map_or(deadline, |before| before.max(deadline)));
        });
    }

    /// A guard begins: with its ttl, and until its limit.
    pub(crate) fn begin(&self, ttl: Ttl, limit: Option<Limit>) {
        self.change(|term| (term.ttl, term.limit, term.is_held) = (ttl, limit, true));
    }

    /// Ends the lease for this reason, unless it has ended already.
    pub(crate) fn end(&self, reason: LossReason) {
        self.change(|term| term.ended = Some(reason));
    }

    /// Changes what has not ended.
    fn change(&self, change: impl FnOnce(&mut Term)) {
        let mut term = self.term.lock();
        let before = (term.end(), term.ended);
        match term.loss() {
            Some(reason) => term.ended = Some(reason),
            None => change(&mut term),
        }
        let moved = (term.end(), term.ended) != before;
        drop(term);
        if moved {
            self.moved.notify_waiters();
        }
    }

    pub(crate) fn ttl(&self) -> Ttl {
        self.term().ttl
    }

    /// Why the lease has ended, if it has.
    pub(crate) fn loss(&self) -> Option<LossReason> {
        self.term().loss()
    }

    /// Whether a guard has held by it.
    pub(crate) fn is_held(&self) -> bool {
        self.term().is_held
    }

    /// Until when the store keeps the claim, less the margin; `None` until it has answered.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.term().deadline
    }

    /// When the lease ends unless it is extended.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        self.term().end().map(|(at, _)| at)
    }

    /// When the store drops the claim by itself, at the latest.
    pub(crate) fn lapses_at(&self) -> Instant {
        let term = self.term();
        term.deadline.map_or_else(|| Instant::now() + term.ttl.get(), |deadline| deadline + term.ttl.margin())
    }

    /// How long a lease to ask for now: the ttl, or less when the guard ends sooner. `None`: the present one suffices.
    pub(crate) fn wanted(&self, now: Instant) -> Option<Duration> {
        let term = self.term();
        let Some((until, _)) = term.limit else { return Some(term.ttl.get()) };
        if term.deadline.is_some_and(|deadline| deadline >= until) {
            return None;
        }
        Some(term.ttl.get().min(until.saturating_duration_since(now) + term.ttl.margin()))
    }

    pub(crate) fn remaining(&self) -> Duration {
        let term = self.term();
        match term.end() {
            Some((at, _)) if term.ended.is_none() => at.saturating_duration_since(Instant::now()),
            _ => Duration::ZERO,
        }
    }

    /// Waits until the lease has ended.
    pub(crate) async fn lost(&self) -> LossReason {
        loop {
            // From here on every move is seen.
            let moved = self.moved.notified();
            let (loss, end) = {
                let term = self.term();
                (term.loss(), term.end())
            };
            if let Some(reason) = loss {
                return reason;
            }
            match end {
                Some((at, _)) => tokio::select! {
                    () = sleep_until(at) => {}
                    () = moved => {}
                },
                None => moved.await,
            }
        }
    }

    /// The claim has left the store, or lapses by itself: nobody needs to wait for it.
    pub(crate) fn left(&self) {
        self.term().presence = None;
    }

    /// Remembers a call whose answer nobody waits for.
    pub(crate) fn add_straggler(&self, call: JoinHandle<()>) {
        let mut stragglers = self.stragglers.lock();
        stragglers.retain(|call| !call.is_finished());
        stragglers.push(call);
    }

    /// Whether a request may still reach the store although nobody waits for its answer.
    pub(crate) fn has_stragglers(&self) -> bool {
        !self.stragglers.lock().is_empty()
    }

    /// The calls that are still under way.
    pub(crate) fn take_stragglers(&self) -> Vec<JoinHandle<()>> {
        let mut stragglers = std::mem::take(&mut *self.stragglers.lock());
        stragglers.retain(|call| !call.is_finished());
        stragglers
    }

    fn term(&self) -> MutexGuard<'_, Term> {
        self.term.lock()
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("lock", &self.lock).field("claim", &self.claim).finish_non_exhaustive()
    }
}
