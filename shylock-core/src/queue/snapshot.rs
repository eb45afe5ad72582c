//! The live queue of a lock at one moment.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::claim::{ClaimId, FencingToken, Mode, Owner};
use super::holder_count;
use super::value::Value;

/// The live queue of a lock as the store saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// The claims whose leases last, in the order in which they joined. The first ones hold.
    pub claims: Vec<LiveClaim>,
    /// The value that the last holder to write one left.
    pub value: Option<Value>,
    /// The token of the last holder, if it lapsed instead of releasing the lock.
    pub abandoned: Option<FencingToken>,
}

/// A claim whose lease lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LiveClaim {
    /// Identifies it, for instance to evict it.
    pub id: ClaimId,
    /// How it holds.
    pub mode: Mode,
    /// Its fencing token.
    pub token: FencingToken,
    /// How long ago it joined, by the store's clock.
    pub joined_ago: Duration,
    /// How long its lease lasts unless it is renewed, by the store's clock.
    pub expires_in: Duration,
    /// Whether its owner has left, and the claim only lasts until `expires_in` is over.
    pub leaving: bool,
    /// Who made it.
    pub owner: Owner,
}

impl Snapshot {
    /// A snapshot of these claims, without a value.
    pub fn new(claims: Vec<LiveClaim>) -> Self {
        Self { claims, ..Self::default() }
    }

    /// The claims that hold the lock.
    pub fn holders(&self) -> &[LiveClaim] {
        &self.claims[..holder_count(self.claims.iter().map(|claim| claim.mode))]
    }

    /// The claims that wait, in order.
    pub fn waiters(&self) -> &[LiveClaim] {
        &self.claims[self.holders().len()..]
    }

    /// The claim with this id, if it is in the queue.
    pub fn claim(&self, id: ClaimId) -> Option<&LiveClaim> {
        self.claims.iter().find(|claim| claim.id == id)
    }

    /// The token of a claim that holds the lock; `None` if it waits, is leaving, or is not there.
    pub fn granted_token(&self, id: ClaimId) -> Option<FencingToken> {
        self.holders().iter().find(|claim| claim.id == id && !claim.leaving).map(|claim| claim.token)
    }

    /// How many claims stand before this one; `None` if it is not there.
    pub fn position(&self, id: ClaimId) -> Option<usize> {
        self.claims.iter().position(|claim| claim.id == id)
    }

    /// How long it takes until this claim holds if no claim before it renews or leaves; `None` if it is not there.
    pub fn granted_within(&self, id: ClaimId) -> Option<Duration> {
        let mine = self.position(id)?;
        let (before, mine) = (&self.claims[..mine], &self.claims[mine]);
        let holds_after = |time: Duration| {
            let left = before.iter().filter(|claim| claim.expires_in > time).chain([mine]);
            let modes = left.map(|claim| claim.mode);
            let (count, max) =
                modes.fold((0, u32::MAX), |(n, max), mode| (n + 1, max.min(mode.max_holders())));
            count <= max
        };
        let mut times: Vec<Duration> =
            before.iter().map(|claim| claim.expires_in).chain([Duration::ZERO]).collect();
        times.sort_unstable();
        // The fewer claims are left before it, the sooner it holds.
        times.get(times.partition_point(|&time| !holds_after(time))).copied()
    }
}

impl LiveClaim {
    /// A claim that is not leaving and has just joined.
    pub fn new(id: ClaimId, mode: Mode, token: FencingToken, expires_in: Duration, owner: Owner) -> Self {
        Self { id, mode, token, joined_ago: Duration::ZERO, expires_in, leaving: false, owner }
    }
}
