//! Whether a write that a cluster acknowledged is in the store.
//!
//! In a cluster an answer does not prove a commit. The coordinator makes each DB-Server commit at the end of the query,
//! ignores how that ends, and returns the rows. So the backend reads the record again, by a second query. A query reads
//! what the leader of the shard has committed, and the leader commits after its followers, so what is read survives a
//! failover.
//!
//! Others may write in between, so the revision of the record proves nothing. These functions compare what the step was
//! to bring about. If it is there, it does not matter which attempt wrote it. If it is not there, the step is repeated.

use shylock_core::queue::{Claim, Queue};
use shylock_core::{ClaimId, Mode};

/// Whether `stored` grants what the `joined` queue of an answer grants to this claim.
///
/// The claim must be there, with its token and its lease. No other claim may stand before it than in the answer: the
/// step may have dropped one that lapsed, and if that did not happen, a server whose clock is behind may renew it.
pub(crate) fn is_joined(joined: &Queue, stored: &Queue, claim: ClaimId) -> bool {
    let (Some(mine), Some(theirs)) = (position(joined, claim), position(stored, claim)) else { return false };
    let (answered, found) = (&joined.claims[mine], &stored.claims[theirs]);
    let before = |claim: &Claim| joined.claims[..mine].iter().any(|other| is_same(other, claim));
    is_same(answered, found)
        && answered.leaving == found.leaving
        && found.expires_at >= answered.expires_at
        && stored.claims[..theirs].iter().all(before)
}

/// What became of the renewal of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extension {
    /// Its lease lasts until then at least.
    Stored,
    /// The claim is not there any more.
    Gone,
    /// The claim is there, with a shorter lease.
    Missing,
}

/// Whether the lease of a claim lasts until `expires_at`.
pub(crate) fn extension(stored: Option<&Queue>, claim: ClaimId, expires_at: u64) -> Extension {
    match stored.and_then(|stored| find(stored, claim)) {
        Some(found) if found.leaving => Extension::Gone,
        Some(found) if found.expires_at >= expires_at => Extension::Stored,
        Some(_) => Extension::Missing,
        None => Extension::Gone,
    }
}

/// Whether a claim has left, or is leaving if it lingers.
pub(crate) fn has_left(stored: Option<&Queue>, claim: ClaimId, lingers: bool) -> bool {
    stored.and_then(|stored| find(stored, claim)).is_none_or(|found| lingers && found.leaving)
}

/// Whether the value is this one.
pub(crate) fn has_value(stored: Option<&Queue>, value: Option<&shylock_core::Value>) -> bool {
    stored.is_some_and(|stored| stored.value.as_ref() == value)
}

/// Whether a claim has this mode.
pub(crate) fn has_mode(stored: Option<&Queue>, claim: ClaimId, mode: Mode) -> bool {
    stored.and_then(|stored| find(stored, claim)).is_some_and(|found| found.mode == mode)
}

fn position(queue: &Queue, claim: ClaimId) -> Option<usize> {
    queue.claims.iter().position(|other| other.id == claim)
}

fn find(queue: &Queue, claim: ClaimId) -> Option<&Claim> {
    queue.claims.iter().find(|other| other.id == claim)
}

/// The token tells a claim from one that lapsed and joined again with the same id.
fn is_same(one: &Claim, other: &Claim) -> bool {
    one.id == other.id && one.token == other.token
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shylock_core::{FencingToken, Owner};

    use super::*;

    const NOW: u64 = 1_000_000;

    fn claim(id: ClaimId, token: u64, expires_at: u64) -> Claim {
        Claim::new(id, Mode::Exclusive, FencingToken::new(token), NOW, expires_at, Owner::new("a", 1, None))
    }

    fn queue(claims: &[Claim]) -> Queue {
        let mut queue = Queue::default();
        queue.claims = claims.to_vec();
        queue
    }

    #[test]
    fn a_join_counts_when_the_claim_is_stored_as_it_was_answered() {
        let (mine, other) = (ClaimId::random(), ClaimId::random());
        let answer = queue(&[claim(other, 1, 50), claim(mine, 2, 60)]);
        assert!(is_joined(&answer, &answer, mine));
        // Others may have left, come behind, or renewed; the claim may have been renewed again.
        let later = queue(&[claim(mine, 2, 70), claim(ClaimId::random(), 3, 90)]);
        assert!(is_joined(&answer, &later, mine));
        for stored in [
            queue(&[claim(other, 1, 50)]),
            queue(&[claim(other, 1, 50), claim(mine, 2, 59)]),
            queue(&[claim(other, 1, 50), claim(mine, 3, 60)]),
            queue(&[]),
        ] {
            assert!(!is_joined(&answer, &stored, mine), "{stored:?}");
        }
    }

    #[test]
    fn a_claim_that_the_answer_dropped_must_not_stand_before_it() {
        let (mine, lapsed) = (ClaimId::random(), ClaimId::random());
        let answer = queue(&[claim(mine, 2, 60)]);
        assert!(!is_joined(&answer, &queue(&[claim(lapsed, 1, 10), claim(mine, 2, 60)]), mine));
        let again = queue(&[claim(mine, 2, 60), claim(lapsed, 3, 90)]);
        assert!(is_joined(&answer, &again, mine), "it joined again, behind");
    }

    #[test]
    fn a_renewal_counts_when_the_lease_is_as_long_and_a_claim_that_is_away_is_gone() {
        let mine = ClaimId::random();
        let stored = queue(&[claim(mine, 1, 60)]);
        assert_eq!(extension(Some(&stored), mine, 60), Extension::Stored);
        assert_eq!(extension(Some(&stored), mine, 61), Extension::Missing);
        assert_eq!(extension(Some(&queue(&[])), mine, 60), Extension::Gone);
        assert_eq!(extension(None, mine, 60), Extension::Gone);
        let mut leaving = stored;
        leaving.claims[0].leaving = true;
        assert_eq!(extension(Some(&leaving), mine, 60), Extension::Gone);
    }

    #[test]
    fn a_leave_counts_when_the_claim_is_away_or_leaving() {
        let mine = ClaimId::random();
        let mut stored = queue(&[claim(mine, 1, 60)]);
        for lingers in [false, true] {
            assert!(!has_left(Some(&stored), mine, lingers));
            assert!(has_left(Some(&queue(&[])), mine, lingers) && has_left(None, mine, lingers));
        }
        stored.leave(mine, Duration::from_secs(1), 10);
        assert!(has_left(Some(&stored), mine, true) && !has_left(Some(&stored), mine, false));
    }

    #[test]
    fn values_and_modes_count_when_they_are_stored() {
        let mine = ClaimId::random();
        let mut stored = queue(&[claim(mine, 1, 60)]);
        let value = shylock_core::Value::new("x").expect("a value");
        assert!(has_value(Some(&stored), None) && !has_value(Some(&stored), Some(&value)));
        assert!(!has_value(None, None), "a record that is away holds nothing");
        stored.value = Some(value.clone());
        assert!(has_value(Some(&stored), Some(&value)) && !has_value(Some(&stored), None));
        assert!(
            has_mode(Some(&stored), mine, Mode::Exclusive) && !has_mode(Some(&stored), mine, Mode::READER)
        );
    }
}
