//! The queue of leases: the whole of the locking, as a pure data structure.
//!
//! One queue stands for one lock name. To want the lock is to [join](Queue::join) with a lease, to wait
//! is to [renew](Queue::renew) it, to hold is to be at the head, to release is to [leave](Queue::leave).
//! A crash is a lease that nobody renews. It is the recipe of `ZooKeeper` (ephemeral sequential nodes)
//! and etcd (lease-bound keys in order of revision), in a single record.
//!
//! There is no I/O and no clock in here. `now` is the store's clock, in milliseconds since 1970, and may
//! run backwards from one operation to the next: a command may carry the time at which it started, and
//! the next primary has a clock of its own. Every store's native encoding is tested against this module.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backend::{JoinRequest, LiveClaim, Renewed, Snapshot};
use crate::claim::{ClaimId, FencingToken, Mode, Owner};

/// One entry of a queue, as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Drawn by the client.
    pub id: ClaimId,
    /// How it wants to hold.
    pub mode: Mode,
    /// Drawn when it joined; claims stand in the order of their tokens.
    pub token: FencingToken,
    /// When its lease ends, by the store's clock, in milliseconds since 1970.
    pub expires_at: u64,
    /// Who made it.
    pub owner: Owner,
}

/// The claims to one lock name, in the order in which they joined.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// The last token that was drawn; the next one is greater, whatever became of the claims.
    pub ticket: u64,
    /// In the order of their tokens.
    pub claims: Vec<Claim>,
}

impl Queue {
    /// Joins the queue, or refreshes the claim if it is in there already.
    ///
    /// A request with `only_if_granted` leaves no claim behind when it would not be granted at once.
    pub fn join(&mut self, request: &JoinRequest, now: u64) {
        self.drop_lapsed(now);
        if self.extend(request.claim, request.ttl, now) {
            return;
        }
        let claims_then = self.claims.iter().map(|claim| claim.mode).chain([request.mode]);
        if request.only_if_granted && granted_count(claims_then) <= self.claims.len() {
            return;
        }
        self.ticket = next_ticket(self.ticket, now);
        self.claims.push(Claim {
            id: request.claim,
            mode: request.mode,
            token: FencingToken::new(self.ticket),
            expires_at: now + millis(request.ttl),
            owner: request.owner.clone(),
        });
    }

    /// Extends the lease of a claim. A claim that lapsed is gone, and never comes back.
    pub fn renew(&mut self, claim: ClaimId, ttl: Duration, now: u64) -> Renewed {
        self.drop_lapsed(now);
        if self.extend(claim, ttl, now) { Renewed::Extended } else { Renewed::Gone }
    }

    /// Leaves the queue: at once if `linger` is zero, else when that time is over.
    ///
    /// To leave a queue that the claim is not in changes nothing, so it can be repeated.
    pub fn leave(&mut self, claim: ClaimId, linger: Duration, now: u64) {
        self.drop_lapsed(now);
        if linger.is_zero() {
            self.claims.retain(|c| c.id != claim);
        } else if let Some(claim) = self.claims.iter_mut().find(|c| c.id == claim) {
            claim.expires_at = now + millis(linger);
        }
    }

    /// The claims that hold the lock: always the first ones, as far as they get along.
    pub fn granted(&self) -> &[Claim] {
        &self.claims[..granted_count(self.claims.iter().map(|claim| claim.mode))]
    }

    /// The live queue at `now`, as a backend answers it.
    pub fn snapshot(&self, now: u64) -> Snapshot {
        let live = self.claims.iter().filter(|claim| claim.expires_at > now);
        Snapshot {
            claims: live
                .map(|claim| LiveClaim {
                    id: claim.id,
                    mode: claim.mode,
                    token: claim.token,
                    expires_in: Duration::from_millis(claim.expires_at - now),
                    owner: claim.owner.clone(),
                })
                .collect(),
        }
    }

    /// When the last lease ends, if there is one: from then on the queue is empty.
    pub fn live_until(&self) -> Option<u64> {
        self.claims.iter().map(|claim| claim.expires_at).max()
    }

    /// From when on nothing in here is needed any more, in milliseconds since 1970: all leases have ended, and the
    /// clock by itself carries the next token past the last one. (Who joins more often than once in a millisecond
    /// draws tokens that are ahead of the clock.)
    pub fn needed_until(&self) -> u64 {
        self.live_until().unwrap_or(0).max(self.ticket.div_ceil(FencingToken::STEP) + 1)
    }

    fn drop_lapsed(&mut self, now: u64) {
        self.claims.retain(|claim| claim.expires_at > now);
    }

    /// A delayed renewal never shortens a later one: hence the maximum.
    fn extend(&mut self, claim: ClaimId, ttl: Duration, now: u64) -> bool {
        let found = self.claims.iter_mut().find(|c| c.id == claim);
        found.map(|claim| claim.expires_at = claim.expires_at.max(now + millis(ttl))).is_some()
    }
}

/// How many claims, from the head on, hold the lock together.
///
/// Claim `i` holds if `i` is below what every claim up to itself allows, and an exclusive claim allows
/// just one holder. So nobody overtakes: a reader waits behind a writer that waits.
pub fn granted_count(modes: impl IntoIterator<Item = Mode>) -> usize {
    let mut allowed = u32::MAX as usize;
    modes
        .into_iter()
        .enumerate()
        .take_while(|(i, mode)| {
            allowed = allowed.min(mode.max_holders() as usize);
            *i < allowed
        })
        .count()
}

/// Greater than every token before, even when the record was purged in between (then the clock, which
/// has moved on, carries it), with room for the hand-overs inside a process. Below 2^53 until 2248.
fn next_ticket(ticket: u64, now: u64) -> u64 {
    (ticket + FencingToken::STEP).max(now * FencingToken::STEP)
}

/// Rounded up, so that no lease is shorter than was asked for; bounded, so that it can be added to a time.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).min(u64::MAX / 4)
}

#[cfg(test)]
mod tests;
