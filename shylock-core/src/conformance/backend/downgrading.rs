//! An exclusive holder that becomes a shared one in place.

use tokio::task::JoinSet;

use crate::conformance::Harness;
use crate::conformance::probe::{BRIEF, LONG, Probe, READER, shared};
use crate::queue::Mode::Exclusive;
use crate::queue::Written::{Done, NotHolding};
use crate::queue::{ClaimId, Left, Renewed};

pub async fn a_downgrade_lets_in_the_readers_behind_it<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let holder = lock.join(Exclusive).await;
    let readers = [lock.join(READER).await, lock.join(READER).await];
    let (writer, late) = (lock.join(Exclusive).await, lock.join(READER).await);
    assert_eq!(lock.downgrade(holder, READER).await, Done);
    assert_eq!(lock.holders().await, [holder, readers[0], readers[1]]);
    assert_eq!(lock.claims().await, [holder, readers[0], readers[1], writer, late]);

    let lock = lock.on("permits");
    let mut claims = vec![lock.join(Exclusive).await];
    for _ in 0..3 {
        claims.push(lock.join(shared(3)).await);
    }
    assert_eq!(lock.downgrade(claims[0], shared(2)).await, Done);
    assert_eq!(lock.holders().await, claims[..2], "its own maximum binds");
}

pub async fn a_writer_that_waits_keeps_waiting_after_a_downgrade<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (holder, writer, reader) =
        (lock.join(Exclusive).await, lock.join(Exclusive).await, lock.join(READER).await);
    assert_eq!(lock.downgrade(holder, READER).await, Done);
    assert_eq!(lock.holders().await, [holder]);
    assert!(lock.try_join(READER).await.1.is_none(), "no reader overtakes the writer");
    lock.leave(holder).await;
    assert_eq!(lock.holders().await, [writer]);
    lock.leave(writer).await;
    assert_eq!(lock.holders().await, [reader]);
}

pub async fn a_downgrade_keeps_token_place_and_lease<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let holder = lock.join(Exclusive).await;
    lock.join(READER).await;
    let before = lock.queue().await;
    assert_eq!(lock.downgrade(holder, shared(7)).await, Done);
    let after = lock.queue().await;
    for (before, after) in before.claims.iter().zip(&after.claims) {
        assert_eq!((before.id, before.token, &before.owner), (after.id, after.token, &after.owner));
        assert!(after.expires_in <= before.expires_in && after.expires_in > LONG / 2, "{after:?}");
        assert!(after.joined_ago >= before.joined_ago, "{after:?}");
    }
    let modes: Vec<_> = after.claims.iter().map(|claim| claim.mode).collect();
    assert_eq!(modes, [shared(7), READER]);
    assert!(after.granted_token(holder).is_some());
}

pub async fn a_repeated_downgrade_changes_nothing_more<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (holder, reader) = (lock.join(Exclusive).await, lock.join(READER).await);
    for _ in 0..3 {
        assert_eq!(lock.downgrade(holder, READER).await, Done);
        assert_eq!(lock.holders().await, [holder, reader]);
    }
    assert_eq!(lock.downgrade(reader, READER).await, Done, "it has that mode already");
    assert_eq!(lock.holders().await, [holder, reader]);
}

pub async fn a_downgrade_is_refused_to_a_waiter<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (holder, waiter) = (lock.join(READER).await, lock.join(Exclusive).await);
    assert_eq!(lock.downgrade(waiter, READER).await, NotHolding);
    assert_eq!(lock.holders().await, [holder]);
    assert_eq!(lock.claim(waiter).await.mode, Exclusive);
    let reader = lock.join(READER).await;
    assert_eq!(lock.downgrade(reader, READER).await, NotHolding, "it waits behind the writer");
}

pub async fn a_downgrade_is_refused_to_a_shared_holder_of_another_mode<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let holder = lock.join(shared(2)).await;
    for mode in [READER, shared(1), shared(3), Exclusive] {
        assert_eq!(lock.downgrade(holder, mode).await, NotHolding, "{mode:?}");
        assert_eq!(lock.claim(holder).await.mode, shared(2));
    }
}

pub async fn a_downgrade_is_refused_to_one_who_is_gone_or_leaving<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    assert_eq!(lock.downgrade(ClaimId::random(), READER).await, NotHolding);
    assert_eq!(lock.list("", None, 10).await, [""; 0], "a downgrade made a queue");
    let lapsed = lock.join_for(Exclusive, BRIEF).await;
    lock.until_lapsed(lapsed).await;
    assert_eq!(lock.downgrade(lapsed, READER).await, NotHolding);
    let holder = lock.join(Exclusive).await;
    assert_eq!(lock.on("other").downgrade(holder, READER).await, NotHolding);
    lock.linger(holder, LONG).await;
    assert_eq!(lock.downgrade(holder, READER).await, NotHolding);
    assert_eq!(lock.claim(holder).await.mode, Exclusive);
}

pub async fn a_downgraded_claim_can_be_renewed_and_left<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let request = lock.request(Exclusive, LONG);
    lock.send(&request).await;
    lock.downgrade(request.claim, READER).await;
    assert_eq!(lock.renew(request.claim, LONG * 2).await, Renewed::Extended);
    let answer = lock.send(&request).await;
    assert_eq!(answer.claims[0].mode, READER, "a late join does not make it exclusive again");
    assert_eq!(lock.leave(request.claim).await, Left::Left);
    assert_eq!(lock.claims().await, []);
}

pub async fn nobody_gets_in_between_an_exclusive_and_a_downgraded_holder<H: Harness>(harness: &H) {
    for _ in 0..5 {
        let lock = Probe::open(harness, "lock").await;
        let holder = lock.join(Exclusive).await;
        let mut tasks = JoinSet::new();
        for _ in 0..8 {
            let lock = lock.clone();
            tasks.spawn(async move { lock.try_join(Exclusive).await.1 });
        }
        assert_eq!(lock.downgrade(holder, READER).await, Done);
        assert_eq!(tasks.join_all().await, [None; 8]);
        assert_eq!(lock.claims().await, [holder]);
        lock.leave(holder).await;
    }
}
