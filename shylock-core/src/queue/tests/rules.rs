//! Each rule of the queue by an example.

use std::time::Duration;

use super::{READER, START, find, holds, id, ids, if_granted, queue_of, request, shared, value};
use crate::queue::Mode::{self, Exclusive};
use crate::queue::{FencingToken, Left, Queue, Renewed, Value, Written, holder_count};

const TTL: Duration = Duration::from_millis(100);

fn tokens(queue: &Queue) -> Vec<u64> {
    queue.claims.iter().map(|claim| claim.token.get()).collect()
}

fn leases_end(queue: &Queue) -> Vec<u64> {
    queue.claims.iter().map(|claim| claim.expires_at - START).collect()
}

#[test]
fn a_token_is_the_time_and_a_step_past_the_last_one_in_the_same_millisecond() {
    let queue = queue_of(&[Exclusive, Exclusive]);
    assert_eq!(tokens(&queue), [START * 1024, START * 1024 + 1024]);
    assert_eq!(queue.ticket, START * 1024 + 1024);
}

#[test]
fn a_token_is_a_step_past_the_last_one_when_the_clock_ran_backwards() {
    let mut queue = queue_of(&[Exclusive]);
    queue.join(&request(1, Exclusive, 100), START - 50);
    assert_eq!(tokens(&queue), [START * 1024, START * 1024 + 1024]);
}

#[test]
fn tokens_stay_exact_in_a_double_until_2248() {
    let year_2248 = 8_772_000_000_000;
    let mut queue = Queue::default();
    queue.join(&request(0, Exclusive, 100), year_2248);
    assert!(queue.ticket < 1 << 53);
}

#[test]
fn a_repeated_join_keeps_its_place_and_token_and_extends_its_lease() {
    let mut queue = queue_of(&[Exclusive, Exclusive]);
    let before = tokens(&queue);
    queue.join(&request(0, Exclusive, 100), START + 60);
    assert_eq!((ids(&queue), tokens(&queue)), (vec![id(0), id(1)], before));
    assert_eq!(leases_end(&queue), [160, 100]);
}

#[test]
fn a_repeated_join_keeps_the_mode_and_owner_of_the_first() {
    let mut queue = queue_of(&[Exclusive]);
    let first = queue.claims[0].clone();
    queue.join(&request(0, READER, 100), START);
    assert_eq!(queue.claims, [first]);
}

#[test]
fn a_lease_is_never_shortened_by_a_join_or_a_renewal() {
    let mut queue = queue_of(&[Exclusive]);
    queue.join(&request(0, Exclusive, 10), START);
    queue.renew(id(0), TTL, START - 30);
    assert_eq!(leases_end(&queue), [100]);
}

#[test]
fn a_lease_is_rounded_up_to_whole_milliseconds() {
    let mut queue = queue_of(&[Exclusive]);
    queue.renew(id(0), Duration::from_micros(100_001), START);
    assert_eq!(leases_end(&queue), [101]);
}

#[test]
fn no_lease_is_too_long_to_add_up() {
    for ttl in [Duration::MAX, Duration::from_millis(u64::MAX)] {
        let mut queue = queue_of(&[Exclusive]);
        assert_eq!(queue.renew(id(0), ttl, START), Renewed::Extended);
        assert_eq!(queue.leave(id(0), ttl, START), Left::Left);
        assert_eq!(ids(&queue), [id(0)]);
    }
}

#[test]
fn a_claim_lapses_in_the_millisecond_in_which_its_lease_ends() {
    let mut queue = queue_of(&[Exclusive]);
    assert_eq!(queue.clone().renew(id(0), TTL, START + 99), Renewed::Extended);
    assert_eq!(queue.renew(id(0), TTL, START + 100), Renewed::Gone);
}

#[test]
fn every_operation_drops_lapsed_claims() {
    let now = START + 100;
    let mut joined = queue_of(&[Exclusive, Exclusive]);
    joined.join(&request(7, Exclusive, 100), now);
    assert_eq!(ids(&joined), [id(7)]);

    let mut renewed = queue_of(&[Exclusive, Exclusive]);
    renewed.renew(id(7), TTL, now);
    assert_eq!(ids(&renewed), []);

    let mut left = queue_of(&[Exclusive, Exclusive]);
    left.leave(id(7), Duration::ZERO, now);
    assert_eq!(ids(&left), []);
}

#[test]
fn a_lapsed_claim_stays_gone_when_the_clock_runs_backwards() {
    let mut queue = queue_of(&[Exclusive]);
    queue.renew(id(0), TTL, START + 100);
    assert_eq!(queue.renew(id(0), TTL, START), Renewed::Gone);
    assert_eq!(ids(&queue), []);
}

#[test]
fn a_claim_that_lapsed_and_joins_again_stands_at_the_tail_with_a_new_token() {
    let mut queue = queue_of(&[Exclusive, Exclusive]);
    queue.renew(id(1), TTL, START + 50);
    queue.join(&request(0, Exclusive, 100), START + 120);
    assert_eq!(ids(&queue), [id(1), id(0)]);
    assert!(queue.claims[0].token < queue.claims[1].token);
}

#[test]
fn only_if_granted_joins_a_free_lock() {
    let mut queue = Queue::default();
    queue.join(&if_granted(0, Exclusive, 100), START);
    queue.join(&if_granted(0, Exclusive, 100), START);
    assert_eq!(ids(&queue), [id(0)]);
    queue.join(&if_granted(1, Exclusive, 100), START + 100);
    assert_eq!(ids(&queue), [id(1)], "the holder's lease had ended");
}

#[test]
fn only_if_granted_leaves_nothing_behind_where_it_would_wait() {
    let cases: [(&[Mode], Mode); 6] = [
        (&[Exclusive], Exclusive),
        (&[Exclusive], READER),
        (&[READER], Exclusive),
        (&[shared(2), shared(2)], shared(2)),
        (&[READER], shared(1)),
        (&[READER, Exclusive], READER),
    ];
    for (there, mode) in cases {
        let mut queue = queue_of(there);
        let before = queue.clone();
        queue.join(&if_granted(9, mode, 100), START + 1);
        assert_eq!(queue, before, "{mode:?} joined behind {there:?}");
    }
}

#[test]
fn to_leave_is_idempotent() {
    let mut queue = queue_of(&[Exclusive, Exclusive]);
    queue.leave(id(0), Duration::ZERO, START);
    let once = queue.clone();
    queue.leave(id(0), Duration::ZERO, START);
    queue.leave(id(9), TTL, START);
    assert_eq!(queue, once);
    assert_eq!(ids(&queue), [id(1)]);
    assert_eq!(queue.holders()[0].id, id(1));
}

#[test]
fn to_linger_sets_the_end_of_the_lease_sooner_or_later() {
    for linger in [10, 1000] {
        let mut queue = queue_of(&[Exclusive]);
        queue.leave(id(0), Duration::from_millis(linger), START);
        assert_eq!(leases_end(&queue), [linger]);
    }
}

#[test]
fn the_ticket_outlives_the_claims() {
    let mut queue = queue_of(&[Exclusive]);
    let last = queue.ticket;
    queue.leave(id(0), Duration::ZERO, START);
    queue.join(&request(1, Exclusive, 100), START - 1000);
    assert!(queue.claims[0].token.get() > last);
}

#[test]
fn the_first_claims_hold_as_far_as_they_get_along() {
    let cases: [(&[Mode], usize); 14] = [
        (&[], 0),
        (&[Exclusive], 1),
        (&[Exclusive, Exclusive], 1),
        (&[Exclusive, READER], 1),
        (&[READER, Exclusive], 1),
        (&[READER, READER, Exclusive, READER], 2),
        (&[shared(2), shared(2), shared(2)], 2),
        (&[shared(1), shared(1)], 1),
        (&[shared(3), shared(2), shared(3), shared(3)], 2),
        // What the first claim allows binds those behind it too.
        (&[shared(2), shared(5), shared(5)], 2),
        // Nobody overtakes one who waits, not even when it would fit.
        (&[shared(5), shared(1), shared(5)], 1),
        (&[READER, shared(2), READER], 2),
        (&[shared(u32::MAX), shared(u32::MAX)], 2),
        (&[Exclusive, Exclusive, READER], 1),
    ];
    for (modes, holders) in cases {
        assert_eq!(holder_count(modes.iter().copied()), holders, "{modes:?}");
    }
}

#[test]
fn a_snapshot_shows_the_live_claims_and_changes_nothing() {
    let mut queue = queue_of(&[READER, Exclusive]);
    queue.renew(id(1), TTL, START + 40);
    let snapshot = queue.snapshot(START + 110);
    assert_eq!(snapshot.claims.len(), 1);
    assert_eq!((snapshot.claims[0].id, snapshot.claims[0].mode), (id(1), Exclusive));
    assert_eq!(snapshot.claims[0].expires_in, Duration::from_millis(30));
    assert_eq!(snapshot.claims[0].owner, queue.claims[1].owner);
    assert_eq!(queue.claims.len(), 2);
    assert_eq!(queue.live_until(), Some(START + 140));
    assert_eq!(Queue::default().live_until(), None);
    assert_eq!(queue.needed_until(), Some(START + 140));
}

#[test]
fn a_queue_survives_being_written_down() {
    let queue = queue_of(&[READER, shared(3), Exclusive]);
    let text = serde_json::to_string(&queue).expect("it can be written");
    assert_eq!(serde_json::from_str::<Queue>(&text).expect("it can be read"), queue);
}

#[test]
fn a_queue_is_needed_until_the_clock_has_passed_its_tokens() {
    let mut queue = Queue::default();
    for n in 0..10 {
        queue.join(&request(n, Mode::Exclusive, 1), START);
        queue.leave(id(n), Duration::ZERO, START);
    }
    let last_hand_over = queue.ticket + 1023;
    let at = queue.needed_until().expect("it has no value");
    assert_eq!(at, START + 10);
    let token_without_it = |now| {
        let mut purged = Queue::default();
        purged.join(&request(0, Mode::Exclusive, 1), now);
        purged.ticket
    };
    assert!(token_without_it(at) > last_hand_over);
    assert!(token_without_it(at - 1) <= last_hand_over, "it is no longer than needed");
}

const LINGER: Duration = Duration::from_millis(40);

#[test]
fn to_leave_tells_whether_the_claim_was_there() {
    let mut queue = queue_of(&[Exclusive, Exclusive]);
    assert_eq!(queue.leave(id(0), Duration::ZERO, START), Left::Left);
    assert_eq!(queue.leave(id(0), Duration::ZERO, START), Left::Gone);
    assert_eq!(queue.leave(id(9), LINGER, START), Left::Gone);
    assert_eq!(queue.leave(id(1), LINGER, START + 100), Left::Gone, "it had lapsed");
    assert_eq!(ids(&queue), []);
}

#[test]
fn a_claim_that_is_leaving_holds_until_its_end_and_is_neither_renewed_nor_joined_again() {
    let mut queue = queue_of(&[Exclusive, Exclusive]);
    queue.leave(id(0), LINGER, START);
    let lingering = queue.claims[0].clone();
    assert_eq!(queue.renew(id(0), TTL, START + 10), Renewed::Gone);
    queue.join(&request(0, Exclusive, 100), START + 20);
    assert_eq!(queue.claims[0], lingering);
    let snapshot = queue.snapshot(START + 39);
    assert_eq!(snapshot.holders()[0].id, id(0));
    assert!(snapshot.holders()[0].leaving);
    assert_eq!(snapshot.granted_token(id(0)), None, "its owner has given it up");
    assert_eq!(queue.snapshot(START + 40).holders()[0].id, id(1));

    queue.join(&request(0, Exclusive, 100), START + 40);
    assert_eq!(ids(&queue), [id(1), id(0)]);
    assert!(!queue.claims[1].leaving, "it is another claim");
}

#[test]
fn a_second_linger_keeps_the_end_that_the_first_has_set() {
    for (first, second) in [(40, 10), (40, 1000)] {
        let mut queue = queue_of(&[Exclusive]);
        queue.leave(id(0), Duration::from_millis(first), START);
        assert_eq!(queue.leave(id(0), Duration::from_millis(second), START + 5), Left::Left);
        assert_eq!(leases_end(&queue), [first]);
    }
}

#[test]
fn a_claim_that_is_leaving_may_leave_at_once() {
    let mut queue = queue_of(&[Exclusive, Exclusive]);
    queue.leave(id(0), LINGER, START);
    assert_eq!(queue.leave(id(0), Duration::ZERO, START + 1), Left::Left);
    assert_eq!(ids(&queue), [id(1)]);
}

#[test]
fn only_a_holder_writes_and_not_while_it_is_leaving() {
    let mut queue = queue_of(&[Exclusive, Exclusive]);
    assert_eq!(queue.write(id(0), value("a"), START), Written::Done);
    assert_eq!(queue.write(id(1), value("b"), START), Written::NotHolding);
    assert_eq!(queue.write(id(9), value("c"), START), Written::NotHolding);
    assert_eq!(queue.value, value("a"));
    queue.leave(id(0), LINGER, START);
    assert_eq!(queue.write(id(0), None, START), Written::NotHolding);
    assert_eq!(queue.write(id(1), value("d"), START + 39), Written::NotHolding);
    assert_eq!(queue.write(id(1), value("d"), START + 40), Written::Done);
    assert_eq!(queue.value, value("d"));
}

#[test]
fn a_value_outlives_its_holder_and_keeps_the_record() {
    let mut queue = queue_of(&[Exclusive]);
    queue.write(id(0), value("kept"), START);
    queue.leave(id(0), Duration::ZERO, START);
    assert_eq!(queue.needed_until(), None);
    assert_eq!(queue.snapshot(START + 1_000_000).value, value("kept"));
    queue.join(&request(1, Exclusive, 100), START + 1_000_000);
    assert_eq!(queue.value, value("kept"));
    assert_eq!(queue.write(id(1), None, START + 1_000_000), Written::Done);
    assert_eq!(queue.value, None);
    assert!(queue.needed_until().is_some(), "without a value it is kept no longer than needed");
}

#[test]
fn an_empty_value_is_a_value() {
    let mut queue = queue_of(&[Exclusive]);
    queue.write(id(0), value(""), START);
    assert_eq!((queue.value.as_ref().map(Value::as_str), queue.needed_until()), (Some(""), None));
}

#[test]
fn a_holder_that_lapses_is_noted_until_a_later_holder_leaves() {
    let mut queue = queue_of(&[Exclusive]);
    let crashed = Some(queue.claims[0].token);
    assert_eq!(queue.snapshot(START + 99).abandoned, None);
    assert_eq!(queue.snapshot(START + 100).abandoned, crashed);

    queue.join(&request(1, Exclusive, 100), START + 100);
    queue.join(&request(2, Exclusive, 100), START + 100);
    assert_eq!(queue.abandoned, crashed);
    queue.renew(id(1), TTL, START + 150);
    queue.leave(id(2), Duration::ZERO, START + 150);
    assert_eq!(queue.abandoned, crashed, "the leave of a waiter tells nothing about the work");
    queue.leave(id(1), LINGER, START + 150);
    assert_eq!(queue.abandoned, None);
    queue.join(&request(3, Exclusive, 100), START + 190);
    assert_eq!(queue.abandoned, None, "it had left");
}

#[test]
fn of_several_that_lapsed_at_the_head_the_greatest_token_is_noted() {
    let mut queue = queue_of(&[Exclusive, Exclusive, Exclusive]);
    let second = Some(queue.claims[1].token);
    queue.renew(id(2), TTL, START + 50);
    queue.join(&request(3, Exclusive, 100), START + 120);
    assert_eq!(queue.abandoned, second);
}

#[test]
fn a_waiter_that_lapses_behind_a_live_claim_is_not_noted() {
    let mut queue = queue_of(&[Exclusive, Exclusive]);
    queue.renew(id(0), TTL, START + 50);
    queue.renew(id(0), TTL, START + 120);
    assert_eq!((ids(&queue), queue.abandoned), (vec![id(0)], None));
}

#[test]
fn a_claim_that_left_in_time_is_not_noted() {
    for linger in [Duration::ZERO, LINGER] {
        let mut queue = queue_of(&[Exclusive]);
        queue.leave(id(0), linger, START);
        queue.join(&request(1, Exclusive, 100), START + 200);
        assert_eq!(queue.abandoned, None, "after a linger of {linger:?}");
    }
}

#[test]
fn a_downgrade_keeps_token_and_lease_and_lets_the_readers_behind_it_in() {
    let mut queue = queue_of(&[Exclusive, READER, READER, Exclusive, READER]);
    let mut expected = queue.clone();
    expected.claims[0].mode = READER;
    for _ in 0..2 {
        assert_eq!(queue.downgrade(id(0), READER, START + 10), Written::Done);
        assert_eq!(queue, expected, "a repetition does nothing more");
    }
    let holders: Vec<_> = queue.holders().iter().map(|claim| claim.id).collect();
    assert_eq!(holders, [id(0), id(1), id(2)], "the writer waits, and the reader behind it");
}

#[test]
fn a_downgrade_in_front_of_a_writer_lets_nobody_in() {
    let mut queue = queue_of(&[Exclusive, Exclusive, READER]);
    assert_eq!(queue.downgrade(id(0), READER, START), Written::Done);
    assert_eq!(queue.holders().len(), 1);
    queue.leave(id(0), Duration::ZERO, START);
    assert!(holds(&queue, id(1)) && !holds(&queue, id(2)));
}

#[test]
fn a_downgrade_is_refused_to_all_but_exclusive_holders() {
    let there = queue_of(&[shared(2), Exclusive]);
    for (claim, mode) in [(0, READER), (0, Exclusive), (1, READER), (9, READER)] {
        let mut queue = there.clone();
        assert_eq!(queue.downgrade(id(claim), mode, START), Written::NotHolding, "claim {claim} to {mode:?}");
        assert_eq!(queue, there);
    }
    let mut leaving = queue_of(&[Exclusive]);
    leaving.leave(id(0), LINGER, START);
    assert_eq!(leaving.downgrade(id(0), READER, START), Written::NotHolding);
    let mut lapsed = queue_of(&[Exclusive]);
    assert_eq!(lapsed.downgrade(id(0), READER, START + 100), Written::NotHolding);
}

#[test]
fn a_snapshot_tells_how_long_ago_a_claim_joined_whatever_became_of_the_clock() {
    let mut queue = queue_of(&[Exclusive]);
    queue.join(&request(0, Exclusive, 100), START + 50);
    assert_eq!(queue.snapshot(START + 70).claims[0].joined_ago, Duration::from_millis(70));
    assert_eq!(queue.snapshot(START - 1).claims[0].joined_ago, Duration::ZERO);
}

/// As the first version wrote it.
const OLD: &str = r#"{"ticket":1740800000001024,"claims":[{"id":"00000000000000000000000000000000",
    "mode":"exclusive","token":1740800000000000,"expires_at":1700000000100,"owner":{"host":"host","pid":1}},
    {"id":"00000000000000000000000000000001","mode":{"shared":{"max":3}},"token":1740800000001024,
    "expires_at":1700000000200,"owner":{"host":"host","pid":1,"label":"job"}}]}"#;

#[test]
fn an_old_record_is_read_as_claims_that_are_not_leaving_without_a_value() {
    let queue: Queue = serde_json::from_str(OLD).expect("it can be read");
    assert_eq!((queue.ticket, queue.value.as_ref(), queue.abandoned), (1_740_800_000_001_024, None, None));
    let snapshot = queue.snapshot(START + 90);
    assert_eq!(snapshot.claims.len(), 2);
    assert!(snapshot.claims.iter().all(|claim| !claim.leaving));
    // The token says when it joined: 1,740,800,000,000,000 / 1,024 is START.
    let ages: Vec<u128> = snapshot.claims.iter().map(|claim| claim.joined_ago.as_millis()).collect();
    assert_eq!(ages, [90, 89]);
    assert_eq!(snapshot.granted_token(id(0)), Some(FencingToken::new(1_740_800_000_000_000)));
    assert_eq!(find(&queue, id(1)).map(|claim| claim.mode), Some(shared(3)));
}

#[test]
fn a_record_of_everything_survives_being_written_down_and_one_of_nothing_new_is_as_it_was() {
    let mut queue = queue_of(&[Exclusive]);
    let plain = serde_json::to_string(&queue).expect("it can be written");
    assert!(!["leaving", "value", "abandoned"].iter().any(|field| plain.contains(field)), "{plain}");
    queue.join(&request(1, Exclusive, 100), START + 100);
    queue.write(id(1), value("nul\0 \"quoted\" 🔒"), START + 100);
    queue.join(&request(2, READER, 100), START + 100);
    queue.leave(id(2), LINGER, START + 100);
    assert!(queue.abandoned.is_some());
    let text = serde_json::to_string(&queue).expect("it can be written");
    assert_eq!(serde_json::from_str::<Queue>(&text).expect("it can be read"), queue);
}

#[test]
fn a_value_has_4096_bytes_at_most_wherever_it_comes_from() {
    let longest = "é".repeat(2048);
    assert_eq!(Value::new(longest.as_str()).map(|value| value.as_str().len()), Ok(4096));
    let error = Value::new(format!("{longest}x")).expect_err("it is too long").to_string();
    assert!(error.contains("4097") && error.contains("4096"), "{error}");
    assert!(serde_json::from_str::<Value>(&format!("{:?}", "x".repeat(4097))).is_err());
}
