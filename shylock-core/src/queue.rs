//! The queue of leases: the locking as a pure data structure.
//!
//! One queue stands for one lock name. A client [joins](Queue::join) it with a lease to ask for the lock, and
//! [renews](Queue::renew) the lease while it waits and while it holds. The claims at the head hold the lock. To release
//! it is to [leave](Queue::leave). A crash is a lease that is not renewed. This is the recipe of `ZooKeeper` (ephemeral
//! sequential nodes) and etcd (lease-bound keys in order of revision), in a single record.
//!
//! This module has no I/O and no clock. `now` is the store's clock, in milliseconds since 1970. It may run backwards
//! from one operation to the next: a command may carry the time at which it started, and a new primary has its own
//! clock. Every store's native encoding is tested against this module.

mod claim;
mod name;
mod snapshot;
mod step;
mod value;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use claim::{Claim, ClaimId, FencingToken, InvalidClaimId, ManagerId, Mode, Owner};
pub use name::{InvalidName, LockName};
pub use snapshot::{LiveClaim, Snapshot};
pub use step::{JoinRequest, Left, Renewal, Renewed, Written};
pub use value::{InvalidValue, Value};

/// The claims to one lock name, in the order in which they joined, and what outlives them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Queue {
    /// The last token that was drawn. The next one is greater, whatever became of the claims.
    pub ticket: u64,
    /// In the order of their tokens.
    pub claims: Vec<Claim>,
    /// The value that the last holder to write one left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// The greatest token of a claim that lapsed at the head of the queue, until a later holder leaves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abandoned: Option<FencingToken>,
}

impl Queue {
    /// Joins the queue, or extends the claim if it is already there.
    ///
    /// A claim that is leaving is not extended. A request with `only_if_granted` leaves no claim behind if the claim
    /// would not be granted at once.
    pub fn join(&mut self, request: &JoinRequest, now: u64) {
        self.drop_lapsed(now);
        if let Some(claim) = self.find(request.claim) {
            claim.extend(request.ttl, now);
            return;
        }
        let modes = self.claims.iter().map(|claim| claim.mode).chain([request.mode]);
        if request.only_if_granted && holder_count(modes) <= self.claims.len() {
            return;
        }
        self.ticket = next_ticket(self.ticket, now);
        self.claims.push(Claim::new(
            request.claim,
            request.mode,
            FencingToken::new(self.ticket),
            now,
            now.saturating_add(millis(request.ttl)),
            request.owner.clone(),
        ));
    }

    /// Extends the lease of a claim. A claim that lapsed or is leaving is gone, and never comes back.
    pub fn renew(&mut self, claim: ClaimId, ttl: Duration, now: u64) -> Renewed {
        self.drop_lapsed(now);
        let extended = self.find(claim).is_some_and(|claim| claim.extend(ttl, now));
        if extended { Renewed::Extended } else { Renewed::Gone }
    }

    /// Leaves the queue: at once if `linger` is zero, otherwise when that time is over.
    ///
    /// A claim that is already leaving keeps the end that its first leave set, unless this one has no linger. Leaving a
    /// queue that the claim is not in changes nothing, so it can be repeated.
    pub fn leave(&mut self, claim: ClaimId, linger: Duration, now: u64) -> Left {
        self.drop_lapsed(now);
        let Some(position) = self.claims.iter().position(|c| c.id == claim) else { return Left::Gone };
        if position < self.holders().len() {
            self.abandoned = None;
        }
        if linger.is_zero() {
            self.claims.remove(position);
        } else if !self.claims[position].leaving {
            self.claims[position].leaving = true;
            self.claims[position].expires_at = now.saturating_add(millis(linger));
        }
        Left::Left
    }

    /// Sets the value, or clears it, if the claim holds the lock and is not leaving.
    pub fn write(&mut self, claim: ClaimId, value: Option<Value>, now: u64) -> Written {
        self.drop_lapsed(now);
        if self.holder(claim).is_none() {
            return Written::NotHolding;
        }
        self.value = value;
        Written::Done
    }

    /// Changes an exclusive holder into a shared one in place: it keeps its token and its lease, and nobody can hold
    /// the lock in between. It does nothing more to a holder that has this mode already, so it can be repeated.
    pub fn downgrade(&mut self, claim: ClaimId, mode: Mode, now: u64) -> Written {
        self.drop_lapsed(now);
        match self.holder(claim) {
            Some(holder) if holder.mode == Mode::Exclusive || holder.mode == mode => {
                holder.mode = mode;
                Written::Done
            }
            _ => Written::NotHolding,
        }
    }

    /// The claims that hold the lock: the longest compatible prefix of the queue.
    pub fn holders(&self) -> &[Claim] {
        &self.claims[..holder_count(self.claims.iter().map(|claim| claim.mode))]
    }

    /// The live queue at `now`, as a backend answers it.
    pub fn snapshot(&self, now: u64) -> Snapshot {
        let live = self.claims.iter().filter(|claim| claim.expires_at > now);
        let live = live.map(|claim| LiveClaim {
            id: claim.id,
            mode: claim.mode,
            token: claim.token,
            joined_ago: Duration::from_millis(now.saturating_sub(claim.joined())),
            expires_in: Duration::from_millis(claim.expires_at - now),
            leaving: claim.leaving,
            owner: claim.owner.clone(),
        });
        Snapshot { claims: live.collect(), value: self.value.clone(), abandoned: self.abandoned_at(now) }
    }

    /// When the last lease ends, if there is one. From then on the queue is empty.
    pub fn live_until(&self) -> Option<u64> {
        self.claims.iter().map(|claim| claim.expires_at).max()
    }

    /// Until when the record has to be kept, in milliseconds since 1970; `None` if it has a value and is kept for good.
    ///
    /// Later, all leases have ended, and the clock alone makes the next token greater than the last one. (A client
    /// that joins more than once in a millisecond draws tokens that are ahead of the clock.)
    pub fn needed_until(&self) -> Option<u64> {
        let tokens = self.ticket.div_ceil(FencingToken::STEP) + 1;
        self.value.is_none().then(|| self.live_until().unwrap_or(0).max(tokens))
    }

    fn drop_lapsed(&mut self, now: u64) {
        self.abandoned = self.abandoned_at(now);
        self.claims.retain(|claim| claim.expires_at > now);
    }

    /// The last claim to lapse before every live claim may have been a holder that did not release the lock.
    fn abandoned_at(&self, now: u64) -> Option<FencingToken> {
        let at_the_head = self.claims.iter().take_while(|claim| claim.expires_at <= now);
        at_the_head.filter(|claim| !claim.leaving).last().map(|claim| claim.token).or(self.abandoned)
    }

    fn find(&mut self, claim: ClaimId) -> Option<&mut Claim> {
        self.claims.iter_mut().find(|c| c.id == claim)
    }

    fn holder(&mut self, claim: ClaimId) -> Option<&mut Claim> {
        let holders = self.holders().len();
        self.claims[..holders].iter_mut().find(|c| c.id == claim && !c.leaving)
    }
}

impl Claim {
    /// A delayed renewal never shortens a later one: hence the maximum. A claim that is leaving is not extended.
    fn extend(&mut self, ttl: Duration, now: u64) -> bool {
        if !self.leaving {
            self.expires_at = self.expires_at.max(now.saturating_add(millis(ttl)));
        }
        !self.leaving
    }

    /// When it joined. In a record that does not tell, the token does, to the millisecond or a little later.
    fn joined(&self) -> u64 {
        if self.joined_at == 0 { self.token.get() / FencingToken::STEP } else { self.joined_at }
    }
}

/// How many claims hold the lock together, counted from the head: the longest compatible prefix.
///
/// Claim `i` holds if `i` is less than the least [`max_holders`](Mode::max_holders) of all claims up to and including
/// itself. So the order is strict: a reader waits behind a writer that waits.
pub fn holder_count(modes: impl IntoIterator<Item = Mode>) -> usize {
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

/// Greater than every earlier token, even if the record was purged in between: then the clock has moved on. The step
/// leaves room for the hand-overs inside a process. Below 2^53 until the year 2248.
fn next_ticket(ticket: u64, now: u64) -> u64 {
    ticket.saturating_add(FencingToken::STEP).max(now.saturating_mul(FencingToken::STEP))
}

/// Rounded up, so that no lease is shorter than requested; bounded, so that it can be added to a time.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).min(u64::MAX / 4)
}

#[cfg(test)]
mod tests;
