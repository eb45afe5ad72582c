//! What is asked of a queue, and what it answers.

use std::time::Duration;

use super::claim::{ClaimId, Mode, Owner};
use super::name::LockName;

/// A request to join a queue, or to extend a claim that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JoinRequest {
    /// Which queue.
    pub lock: LockName,
    /// The claim, drawn by the client, the same in every repetition.
    pub claim: ClaimId,
    /// How it holds.
    pub mode: Mode,
    /// How long its lease lasts from the store's now on; at least a millisecond.
    pub ttl: Duration,
    /// Who makes it, for people.
    pub owner: Owner,
    /// Join only if the claim is granted at once; otherwise leave nothing behind.
    pub only_if_granted: bool,
}

impl JoinRequest {
    /// A request that joins whether or not the claim has to wait.
    pub fn new(lock: LockName, claim: ClaimId, mode: Mode, ttl: Duration, owner: Owner) -> Self {
        Self { lock, claim, mode, ttl, owner, only_if_granted: false }
    }

    /// Joins only if the claim is granted at once.
    #[must_use]
    pub fn only_if_granted(mut self, only_if_granted: bool) -> Self {
        self.only_if_granted = only_if_granted;
        self
    }
}

/// A request to extend the lease of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Renewal {
    /// Which queue the claim is in.
    pub lock: LockName,
    /// The claim.
    pub claim: ClaimId,
    /// How long its lease lasts from the store's now on.
    pub ttl: Duration,
}

impl Renewal {
    /// A request to extend this claim.
    pub fn new(lock: LockName, claim: ClaimId, ttl: Duration) -> Self {
        Self { lock, claim, ttl }
    }
}

/// The result of a [`Renewal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Renewed {
    /// The lease lasts for `ttl` at least.
    Extended,
    /// The claim lapsed, left or was evicted. It never comes back.
    Gone,
}

/// The result of leaving a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Left {
    /// The claim was in the live queue.
    Left,
    /// The claim was not there: it lapsed, left before, or was evicted.
    Gone,
}

/// The result of a step that only a holder can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Written {
    /// The step is done.
    Done,
    /// The claim does not hold the lock, so nothing was changed.
    NotHolding,
}
