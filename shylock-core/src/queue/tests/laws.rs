//! What holds after every operation of any history, with a clock that runs forwards and backwards.

use std::time::Duration;

use proptest::prelude::*;

use super::{READER, START, id, request, shared};
use crate::queue::{Claim, Queue};
use crate::queue::{ClaimId, Mode};
use crate::queue::{JoinRequest, Renewed};

/// How long after the end of the last lease a record is purged; the clock runs backwards by less.
const RETENTION: u64 = 1000;

#[derive(Debug, Clone)]
enum Step {
    Join { claim: u64, mode: Mode, ttl: u64, only_if_granted: bool },
    Renew { claim: u64, ttl: u64 },
    Leave { claim: u64, linger: u64 },
    Purge,
}

/// A step, and the time that the store's clock shows then, after `START`.
type History = Vec<(Step, u64)>;

fn history() -> impl Strategy<Value = History> {
    let mode = prop_oneof![Just(Mode::Exclusive), Just(READER), (1..4_u32).prop_map(shared)];
    let step = prop_oneof![
        4 => (0..6_u64, mode, 1..200_u64, any::<bool>())
            .prop_map(|(claim, mode, ttl, only_if_granted)| Step::Join { claim, mode, ttl, only_if_granted }),
        2 => (0..6_u64, 1..200_u64).prop_map(|(claim, ttl)| Step::Renew { claim, ttl }),
        2 => (0..6_u64, prop_oneof![Just(0), 1..200_u64])
            .prop_map(|(claim, linger)| Step::Leave { claim, linger }),
        1 => Just(Step::Purge),
    ];
    // The clock as a walk that goes back by 60 ms now and then, and stands still.
    let moved = prop_oneof![4 => 0..50_i64, 1 => -60..0_i64, 1 => Just(2000_i64)];
    prop::collection::vec((step, moved), 1..60).prop_map(|steps| {
        let mut now = 0_u64;
        let walk = |(step, by)| {
            now = now.saturating_add_signed(by);
            (step, now)
        };
        steps.into_iter().map(walk).collect()
    })
}

fn join_of(step: &Step) -> Option<JoinRequest> {
    let &Step::Join { claim, mode, ttl, only_if_granted } = step else { return None };
    Some(JoinRequest { only_if_granted, ..request(claim, mode, ttl) })
}

fn apply(queue: &mut Queue, step: &Step, now: u64) -> Option<Renewed> {
    match *step {
        Step::Join { .. } => queue.join(&join_of(step)?, now),
        Step::Renew { claim, ttl } => return Some(queue.renew(id(claim), Duration::from_millis(ttl), now)),
        Step::Leave { claim, linger } => queue.leave(id(claim), Duration::from_millis(linger), now),
        Step::Purge => {
            if queue.needed_until() + RETENTION < now {
                *queue = Queue::default();
            }
        }
    }
    None
}

/// Runs a history, and shows each step with the queue before and after it.
fn each_step(
    history: &History,
    mut check: impl FnMut(&Step, u64, &Queue, &Queue) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    let mut queue = Queue::default();
    for (step, now) in history {
        let before = queue.clone();
        apply(&mut queue, step, START + now);
        check(step, START + now, &before, &queue)?;
    }
    Ok(())
}

fn find(queue: &Queue, claim: ClaimId) -> Option<&Claim> {
    queue.claims.iter().find(|c| c.id == claim)
}

fn is_granted(queue: &Queue, claim: ClaimId) -> bool {
    queue.holders().iter().any(|c| c.id == claim)
}

/// Whether claims of these modes may hold together, said another way than in the queue.
fn get_along(modes: &[Mode]) -> bool {
    modes.iter().all(|mode| match mode {
        Mode::Exclusive => modes.len() == 1,
        Mode::Shared { max } => modes.len() <= *max as usize,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn only_claims_that_get_along_hold_and_nobody_waits_in_vain(history in history()) {
        each_step(&history, |_, _, _, queue| {
            let modes: Vec<Mode> = queue.claims.iter().map(|claim| claim.mode).collect();
            let holders = queue.holders().len();
            prop_assert!(get_along(&modes[..holders]));
            prop_assert!(holders == modes.len() || !get_along(&modes[..=holders]));
            Ok(())
        })?;
    }

    #[test]
    fn a_granted_claim_stays_granted_while_it_is_there(history in history()) {
        each_step(&history, |_, _, before, after| {
            for claim in before.holders().iter().filter(|claim| find(after, claim.id).is_some_and(|c| c.token == claim.token)) {
                prop_assert!(is_granted(after, claim.id), "{:?} waits again", claim.id);
            }
            Ok(())
        })?;
    }

    #[test]
    fn claims_stand_in_the_order_of_joining_and_of_their_tokens(history in history()) {
        each_step(&history, |step, _, before, after| {
            prop_assert!(after.claims.is_sorted_by(|a, b| a.token < b.token));
            let new: Vec<_> = after.claims.iter().filter(|c| !before.claims.iter().any(|b| b.token == c.token)).collect();
            match new[..] {
                [] => {}
                [new] => {
                    prop_assert_eq!(after.claims.last(), Some(new));
                    prop_assert_eq!(join_of(step).map(|join| join.claim), Some(new.id));
                }
                _ => prop_assert!(false, "one step added several claims"),
            }
            for claim in &after.claims {
                prop_assert_eq!(after.claims.iter().filter(|c| c.id == claim.id).count(), 1);
            }
            Ok(())
        })?;
    }

    #[test]
    fn tokens_grow_even_when_the_record_was_purged(history in history()) {
        let mut greatest = 0;
        each_step(&history, |_, _, before, after| {
            for claim in after.claims.iter().filter(|c| !before.claims.iter().any(|b| b.token == c.token)) {
                prop_assert!(claim.token.get() >= greatest + 1024, "{} after {greatest}", claim.token);
                greatest = claim.token.get();
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_repeated_step_changes_nothing_more(history in history()) {
        each_step(&history, |step, now, _, after| {
            let mut twice = after.clone();
            apply(&mut twice, step, now);
            prop_assert_eq!(&twice, after);
            Ok(())
        })?;
    }

    #[test]
    fn only_leaving_shortens_a_lease(history in history()) {
        each_step(&history, |step, now, before, after| {
            if matches!(step, Step::Leave { .. }) {
                return Ok(());
            }
            for claim in before.claims.iter().filter(|claim| claim.expires_at > now) {
                prop_assert!(find(after, claim.id).is_some_and(|c| c.expires_at >= claim.expires_at));
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_renewal_extends_what_lives_and_brings_nothing_back(history in history(), claim in 0..6_u64, late in 0..300_u64) {
        each_step(&history, |_, now, _, queue| {
            let (mut renewed, now) = (queue.clone(), now + late);
            let lived = find(queue, id(claim)).is_some_and(|c| c.expires_at > now);
            let answer = renewed.renew(id(claim), Duration::from_millis(50), now);
            prop_assert_eq!(answer == Renewed::Extended, lived);
            prop_assert_eq!(find(&renewed, id(claim)).is_some_and(|c| c.expires_at >= now + 50), lived);
            Ok(())
        })?;
    }

    #[test]
    fn only_if_granted_never_leaves_a_claim_that_waits(history in history(), claim in 6..9_u64) {
        each_step(&history, |_, now, _, queue| {
            let mut tried = queue.clone();
            tried.join(&JoinRequest { only_if_granted: true, ..request(claim, shared(2), 50) }, now);
            prop_assert_eq!(find(&tried, id(claim)).is_some(), is_granted(&tried, id(claim)));
            Ok(())
        })?;
    }

    #[test]
    fn a_waiter_is_granted_just_when_its_snapshot_says(history in history()) {
        each_step(&history, |_, now, _, queue| {
            let snapshot = queue.snapshot(now);
            // From then on nobody stands before anybody.
            let end = queue.live_until().unwrap_or(now).saturating_sub(now);
            for claim in &snapshot.claims {
                let within = snapshot.granted_within(claim.id);
                // As if this claim alone lived on: what the others' leases leave of them at that time.
                let mut rest = queue.clone();
                rest.claims.iter_mut().filter(|c| c.id == claim.id).for_each(|c| c.expires_at = u64::MAX);
                let granted_at = |time: u64| rest.snapshot(now + time).granted_token(claim.id).is_some();
                let first = (0..=end).find(|&time| granted_at(time));
                prop_assert_eq!(within.map(|w| w.as_millis()), first.map(u128::from));
            }
            Ok(())
        })?;
    }
}
