//! Exclusive and shared claims in one queue.

use crate::conformance::Harness;
use crate::conformance::probe::{Probe, READER, shared};
use crate::queue::Mode::{self, Exclusive};

/// Joins a fresh lock with these modes in order, and checks how many hold.
async fn holders_of<H: Harness>(harness: &H, cases: &[(&[Mode], usize)]) {
    let probe = Probe::open(harness, "lock").await;
    for (n, (modes, holders)) in cases.iter().enumerate() {
        let lock = probe.on(&format!("lock {n}"));
        let mut claims = Vec::new();
        for mode in *modes {
            let request = lock.request(*mode, crate::conformance::probe::LONG);
            let answer = lock.send(&request).await;
            claims.push(request.claim);
            let answered: Vec<Mode> = answer.claims.iter().map(|claim| claim.mode).collect();
            assert_eq!(answered, modes[..claims.len()]);
        }
        assert_eq!(lock.claims().await, claims);
        assert_eq!(lock.holders().await, claims[..*holders], "{modes:?}");
    }
}

pub async fn readers_hold_together<H: Harness>(harness: &H) {
    holders_of(harness, &[(&[READER; 8], 8)]).await;
}

pub async fn a_writer_waits_for_all_readers<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let readers = [lock.join(READER).await, lock.join(READER).await];
    let writer = lock.join(Exclusive).await;
    lock.leave(readers[0]).await;
    assert_eq!(lock.holders().await, [readers[1]]);
    lock.leave(readers[1]).await;
    assert_eq!(lock.holders().await, [writer]);
}

pub async fn no_reader_overtakes_a_waiting_writer<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (first, writer) = (lock.join(READER).await, lock.join(Exclusive).await);
    let (late, too_late) = (lock.join(READER).await, lock.join(READER).await);
    assert_eq!(lock.holders().await, [first]);
    lock.leave(first).await;
    assert_eq!(lock.holders().await, [writer]);
    lock.leave(writer).await;
    assert_eq!(lock.holders().await, [late, too_late]);
}

pub async fn when_a_waiting_writer_leaves_the_readers_behind_it_hold<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (first, writer, late) =
        (lock.join(READER).await, lock.join(Exclusive).await, lock.join(READER).await);
    lock.leave(writer).await;
    assert_eq!(lock.holders().await, [first, late]);
}

pub async fn at_most_max_shared_claims_hold<H: Harness>(harness: &H) {
    let cases: [(&[Mode], usize); 3] = [(&[shared(3); 5], 3), (&[shared(1); 2], 1), (&[shared(2); 2], 2)];
    holders_of(harness, &cases).await;
}

pub async fn of_several_maxes_the_smallest_that_joined_binds<H: Harness>(harness: &H) {
    let cases: [(&[Mode], usize); 5] = [
        (&[shared(3), shared(2), shared(3), shared(3)], 2),
        (&[shared(2), shared(5), shared(5)], 2),
        (&[shared(5), shared(1), shared(5)], 1),
        (&[READER, shared(2), READER], 2),
        (&[READER, shared(3), READER, Exclusive, READER], 3),
    ];
    holders_of(harness, &cases).await;
}

pub async fn exclusive_and_shared_claims_never_hold_together<H: Harness>(harness: &H) {
    let cases: [(&[Mode], usize); 4] = [
        (&[Exclusive, READER, READER], 1),
        (&[READER, Exclusive, READER], 1),
        (&[shared(2), shared(2), Exclusive], 2),
        (&[Exclusive, Exclusive, READER], 1),
    ];
    holders_of(harness, &cases).await;
}

pub async fn a_free_place_goes_to_the_next_in_order<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let mut claims = Vec::new();
    for _ in 0..5 {
        claims.push(lock.join(shared(2)).await);
    }
    for _ in 0..3 {
        lock.leave(claims.remove(1)).await;
        assert_eq!(lock.holders().await, claims[..2]);
    }
}

pub async fn only_if_granted_leaves_no_shared_claim_that_waits<H: Harness>(harness: &H) {
    let probe = Probe::open(harness, "lock").await;
    let cases: [(&[Mode], Mode, bool); 8] = [
        (&[], READER, true),
        (&[READER], READER, true),
        (&[shared(2)], shared(2), true),
        (&[Exclusive], READER, false),
        (&[READER], Exclusive, false),
        (&[shared(2), shared(2)], shared(2), false),
        (&[READER, Exclusive], READER, false),
        (&[READER], shared(1), false),
    ];
    for (n, (there, mode, granted)) in cases.into_iter().enumerate() {
        let lock = probe.on(&format!("lock {n}"));
        let mut claims = Vec::new();
        for mode in there {
            claims.push(lock.join(*mode).await);
        }
        let (claim, token) = lock.try_join(mode).await;
        assert_eq!(token.is_some(), granted, "{mode:?} behind {there:?}");
        claims.extend(granted.then_some(claim));
        assert_eq!(lock.claims().await, claims);
    }
}

pub async fn many_claims_stand_in_one_queue<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let mut claims = Vec::new();
    for n in 0..200_u32 {
        claims.push(lock.join(if n % 50 == 49 { Exclusive } else { READER }).await);
    }
    assert_eq!(lock.claims().await, claims);
    assert_eq!(lock.holders().await, claims[..49]);
    for claim in claims.drain(..49) {
        lock.leave(claim).await;
    }
    assert_eq!(lock.holders().await, claims[..1]);
    assert_eq!(lock.claims().await, claims);
}
