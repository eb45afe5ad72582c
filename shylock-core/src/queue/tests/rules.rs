//! Each rule of the queue by an example.

use std::time::Duration;

use super::{READER, START, id, ids, if_granted, queue_of, request, shared};
use crate::queue::Mode::{self, Exclusive};
use crate::queue::Renewed;
use crate::queue::{Queue, holder_count};

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
        queue.leave(id(0), ttl, START);
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
    assert_eq!(queue.needed_until(), START + 140);
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
    let at = queue.needed_until();
    assert_eq!(at, START + 10);
    let token_without_it = |now| {
        let mut purged = Queue::default();
        purged.join(&request(0, Mode::Exclusive, 1), now);
        purged.ticket
    };
    assert!(token_without_it(at) > last_hand_over);
    assert!(token_without_it(at - 1) <= last_hand_over, "it is no longer than needed");
}
