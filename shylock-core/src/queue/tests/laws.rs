//! What holds after every operation of any history, with a clock that runs forwards and backwards.

use std::time::Duration;

use proptest::prelude::*;

use super::{READER, START, find, holds, id, request, shared, value};
use crate::queue::{Claim, FencingToken, JoinRequest, Left, Mode, Queue, Renewed, Written};

/// How long after the end of the last lease a record is purged; the clock runs backwards by less.
const RETENTION: u64 = 1000;

#[derive(Debug, Clone)]
enum Step {
    Join { claim: u64, mode: Mode, ttl: u64, only_if_granted: bool },
    Renew { claim: u64, ttl: u64 },
    Leave { claim: u64, linger: u64 },
    Write { claim: u64, value: Option<u8> },
    Downgrade { claim: u64, mode: Mode },
    Purge,
}

/// A step, and the time that the store's clock shows then, after `START`.
type History = Vec<(Step, u64)>;

fn history() -> impl Strategy<Value = History> {
    let shared_mode = prop_oneof![Just(READER), (1..4_u32).prop_map(shared)];
    let mode = prop_oneof![1 => Just(Mode::Exclusive), 2 => shared_mode.clone()];
    let step = prop_oneof![
        4 => (0..6_u64, mode, 1..200_u64, any::<bool>())
            .prop_map(|(claim, mode, ttl, only_if_granted)| Step::Join { claim, mode, ttl, only_if_granted }),
        2 => (0..6_u64, 1..200_u64).prop_map(|(claim, ttl)| Step::Renew { claim, ttl }),
        2 => (0..6_u64, prop_oneof![Just(0), 1..200_u64])
            .prop_map(|(claim, linger)| Step::Leave { claim, linger }),
        1 => (0..6_u64, prop::option::of(0..3_u8)).prop_map(|(claim, value)| Step::Write { claim, value }),
        1 => (0..6_u64, shared_mode).prop_map(|(claim, mode)| Step::Downgrade { claim, mode }),
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
    Some(request(claim, mode, ttl).only_if_granted(only_if_granted))
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    None,
    Renewed(Renewed),
    Left(Left),
    Written(Written),
}

fn apply(queue: &mut Queue, step: &Step, now: u64) -> Answer {
    match *step {
        Step::Join { claim, mode, ttl, only_if_granted } => {
            queue.join(&request(claim, mode, ttl).only_if_granted(only_if_granted), now);
        }
        Step::Renew { claim, ttl } => {
            return Answer::Renewed(queue.renew(id(claim), Duration::from_millis(ttl), now));
        }
        Step::Leave { claim, linger } => {
            return Answer::Left(queue.leave(id(claim), Duration::from_millis(linger), now));
        }
        Step::Write { claim, value: text } => {
            let value = text.and_then(|text| value(&text.to_string()));
            return Answer::Written(queue.write(id(claim), value, now));
        }
        Step::Downgrade { claim, mode } => return Answer::Written(queue.downgrade(id(claim), mode, now)),
        Step::Purge => {
            if queue.needed_until().is_some_and(|until| until + RETENTION < now) {
                *queue = Queue::default();
            }
        }
    }
    Answer::None
}

/// A queue after a step of somebody who is not in it: without the claims that have lapsed.
fn tidy(queue: &Queue, now: u64) -> Queue {
    let mut tidy = queue.clone();
    tidy.renew(id(99), Duration::from_millis(1), now);
    tidy
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
                prop_assert!(holds(after, claim.id), "{:?} waits again", claim.id);
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
            let lived = find(queue, id(claim)).is_some_and(|c| c.expires_at > now && !c.leaving);
            let answer = renewed.renew(id(claim), Duration::from_millis(50), now);
            prop_assert_eq!(answer == Renewed::Extended, lived);
            let extended = |c: &Claim| c.expires_at >= now + 50 && !c.leaving;
            prop_assert_eq!(find(&renewed, id(claim)).is_some_and(extended), lived);
            Ok(())
        })?;
    }

    #[test]
    fn only_if_granted_never_leaves_a_claim_that_waits(history in history(), claim in 6..9_u64) {
        each_step(&history, |_, now, _, queue| {
            let mut tried = queue.clone();
            tried.join(&request(claim, shared(2), 50).only_if_granted(true), now);
            prop_assert_eq!(find(&tried, id(claim)).is_some(), holds(&tried, id(claim)));
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
                let granted_at = |time: u64| rest.snapshot(now + time).holders().iter().any(|c| c.id == claim.id);
                let first = (0..=end).find(|&time| granted_at(time));
                prop_assert_eq!(within.map(|w| w.as_millis()), first.map(u128::from));
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_leaving_claim_never_becomes_whole_again_and_keeps_its_end(history in history()) {
        each_step(&history, |step, now, before, after| {
            for claim in before.claims.iter().filter(|claim| claim.leaving) {
                let kept = find(after, claim.id).filter(|c| c.token == claim.token);
                prop_assert!(kept.is_none_or(|kept| kept == claim), "{kept:?} was {claim:?}");
                let removed = claim.expires_at <= now || matches!(step, Step::Leave { linger: 0, .. });
                prop_assert!(kept.is_some() || removed || matches!(step, Step::Purge));
                prop_assert_eq!(after.snapshot(now).granted_token(claim.id), find(after, claim.id)
                    .filter(|c| !c.leaving && holds(after, c.id)).map(|c| c.token));
            }
            Ok(())
        })?;
    }

    #[test]
    fn to_leave_answers_whether_the_claim_was_in_the_live_queue(history in history()) {
        let mut queue = Queue::default();
        for (step, now) in &history {
            let before = queue.clone();
            let answer = apply(&mut queue, step, START + now);
            if let (&Step::Leave { claim, .. }, Answer::Left(left)) = (step, answer) {
                let lived = find(&before, id(claim)).is_some_and(|c| c.expires_at > START + now);
                prop_assert_eq!(left == Left::Left, lived);
            }
        }
    }

    #[test]
    fn only_a_holder_that_is_not_leaving_writes_and_nothing_else_changes_the_value(history in history()) {
        let mut queue = Queue::default();
        for (step, now) in &history {
            let (before, now) = (tidy(&queue, START + now), START + now);
            let answer = apply(&mut queue, step, now);
            let Step::Write { claim, value: text } = step else {
                prop_assert_eq!(&queue.value, &before.value);
                continue;
            };
            let may = holds(&before, id(*claim)) && find(&before, id(*claim)).is_some_and(|c| !c.leaving);
            prop_assert_eq!(answer, Answer::Written(if may { Written::Done } else { Written::NotHolding }));
            let written = text.and_then(|text| value(&text.to_string()));
            let expected = if may { written } else { before.value.clone() };
            prop_assert_eq!(&queue, &Queue { value: expected, ..before });
        }
    }

    #[test]
    fn a_queue_with_a_value_is_never_purged(history in history(), late in any::<u32>()) {
        each_step(&history, |_, now, before, after| {
            prop_assert!(before.value.is_none() || after.ticket >= before.ticket);
            let mut later = after.clone();
            apply(&mut later, &Step::Purge, now + u64::from(late));
            prop_assert!(after.value.is_none() || later == *after);
            Ok(())
        })?;
    }

    #[test]
    fn a_downgrade_changes_one_holder_and_lets_only_those_in_who_may_hold_with_it(history in history()) {
        each_step(&history, |step, now, before, after| {
            let before = tidy(before, now);
            let &Step::Downgrade { claim, mode } = step else {
                // Nothing else changes a mode.
                for claim in &after.claims {
                    let was = before.claims.iter().find(|c| c.token == claim.token);
                    prop_assert!(was.is_none_or(|was| was.mode == claim.mode));
                }
                return Ok(());
            };
            let mut expected = before.clone();
            let holder = before.holders().iter().position(|c| c.id == id(claim) && !c.leaving);
            if let Some(holder) = holder.filter(|&n| before.claims[n].mode == Mode::Exclusive) {
                expected.claims[holder].mode = mode;
                // Whoever held before holds still, and a writer that waited waits still.
                prop_assert!(holds(after, id(claim)));
                let behind = after.holders().iter().skip(1);
                prop_assert!(behind.clone().all(|c| c.mode != Mode::Exclusive), "{after:?}");
            }
            prop_assert_eq!(after, &expected);
            Ok(())
        })?;
    }

    #[test]
    fn abandoned_is_what_a_watcher_of_each_claim_notes(history in history(), late in 0..300_u64) {
        let mut noted: Option<FencingToken> = None;
        each_step(&history, |step, now, before, after| {
            noted = note(noted, before, now);
            if let Step::Leave { claim, .. } = step && holds(&tidy(before, now), id(*claim)) {
                noted = None;
            }
            if matches!(step, Step::Purge) {
                // A purge alone does not look at the claims.
                noted = after.abandoned;
                return Ok(());
            }
            prop_assert_eq!(after.abandoned, noted);
            prop_assert_eq!(after.snapshot(now + late).abandoned, note(noted, after, now + late));
            Ok(())
        })?;
    }

    #[test]
    fn no_number_is_too_great(
        ticket in extreme(),
        steps in prop::collection::vec((0..5_u8, 0..3_u64, extreme(), extreme()), 1..12),
    ) {
        let mut queue = Queue { ticket, ..Queue::default() };
        for (step, claim, ttl, now) in steps {
            let ttl = if ttl == u64::MAX { Duration::MAX } else { Duration::from_millis(ttl) };
            match step {
                0 | 1 => {
                    let request = JoinRequest { ttl, ..request(claim, shared(2), 1) };
                    queue.join(&request.only_if_granted(step == 1), now);
                }
                2 => drop(queue.renew(id(claim), ttl, now)),
                3 => drop(queue.leave(id(claim), ttl, now)),
                _ => drop(queue.downgrade(id(claim), READER, now)),
            }
            for time in [0, now, u64::MAX] {
                let snapshot = queue.snapshot(time);
                for claim in &snapshot.claims {
                    prop_assert!(snapshot.granted_within(claim.id).is_some());
                    prop_assert!(claim.token.handed_over(FencingToken::STEP - 1) >= claim.token);
                }
            }
            prop_assert!(queue.needed_until() >= queue.live_until());
        }
    }
}

/// What was abandoned at `now`, if this was before: all that has lapsed with nobody who lives before it.
fn note(noted: Option<FencingToken>, queue: &Queue, now: u64) -> Option<FencingToken> {
    let first_alive = queue.claims.iter().filter(|c| c.expires_at > now).map(|c| c.token).min();
    let lapsed = queue.claims.iter().filter(|c| c.expires_at <= now && !c.leaving).map(|c| c.token);
    lapsed.filter(|token| first_alive.is_none_or(|first| *token < first)).max().or(noted)
}

fn extreme() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(u64::MAX),
        Just(i64::MAX.cast_unsigned()),
        (0..3000_u64).prop_map(|less| u64::MAX - less),
        any::<u64>(),
    ]
}
