//! Leases: how long they last, renewing them, alone and many at once.

use std::time::{Duration, Instant};

use crate::conformance::Harness;
use crate::conformance::probe::{BRIEF, LONG, Probe};
use crate::conformance::wait::{SOON, until};
use crate::queue::ClaimId;
use crate::queue::Mode::Exclusive;
use crate::queue::{Renewal, Renewed};

pub async fn a_lease_lasts_for_its_ttl_and_no_longer<H: Harness>(harness: &H) {
    let (lock, ttl) = (Probe::open(harness, "lock").await, harness.ttl());
    let sent = Instant::now();
    let claim = lock.join_for(Exclusive, ttl).await;
    let answered = Instant::now();
    // A tenth of the ttl is what clocks and rounding may differ by.
    until(SOON + ttl, "the lease ended", async || {
        let asked = Instant::now();
        let is_there = lock.queue().await.position(claim).is_some();
        assert!(is_there || sent.elapsed() > ttl * 9 / 10, "a lease ended after {:?}", sent.elapsed());
        assert!(!is_there || asked - answered < ttl + ttl / 10, "a lease lasts for {:?}", asked - answered);
        (!is_there).then_some(())
    })
    .await;
}

pub async fn when_a_lease_ends_the_next_claim_holds<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let crashed = lock.join_for(Exclusive, BRIEF).await;
    let request = lock.request(Exclusive, LONG);
    lock.send(&request).await;
    lock.until_lapsed(crashed).await;
    assert_eq!(lock.holders().await, [request.claim]);
    assert!(lock.send(&request).await.granted_token(request.claim).is_some());
}

pub async fn a_waiting_claim_lapses_too<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let holder = lock.join(Exclusive).await;
    let crashed = lock.join_for(Exclusive, BRIEF).await;
    let last = lock.join(Exclusive).await;
    lock.until_lapsed(crashed).await;
    assert_eq!(lock.claims().await, [holder, last]);
}

pub async fn a_renewal_extends_the_lease_of_a_holder_and_of_a_waiter<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    for claim in [lock.join(Exclusive).await, lock.join(Exclusive).await] {
        assert_eq!(lock.renew(claim, LONG * 2).await, Renewed::Extended);
        let left = lock.expires_in(claim).await;
        assert!(left > LONG && left <= LONG * 2, "{left:?}");
    }
}

pub async fn a_renewal_never_shortens_a_lease<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let claim = lock.join_for(Exclusive, LONG * 2).await;
    assert_eq!(lock.renew(claim, BRIEF).await, Renewed::Extended);
    assert!(lock.expires_in(claim).await > LONG);
}

pub async fn a_repeated_renewal_changes_nothing_else<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let claims = [lock.join(Exclusive).await, lock.join(Exclusive).await];
    let token = lock.token(claims[1]).await;
    for _ in 0..3 {
        assert_eq!(lock.renew(claims[1], LONG).await, Renewed::Extended);
    }
    assert_eq!(lock.claims().await, claims);
    assert_eq!(lock.token(claims[1]).await, token);
    assert_eq!(lock.holders().await, claims[..1]);
}

pub async fn a_renewed_claim_outlives_its_first_lease<H: Harness>(harness: &H) {
    let (lock, ttl) = (Probe::open(harness, "lock").await, harness.ttl());
    let claim = lock.join_for(Exclusive, ttl).await;
    let start = Instant::now();
    while start.elapsed() < ttl * 3 {
        assert_eq!(lock.renew(claim, ttl).await, Renewed::Extended);
        tokio::time::sleep(ttl / 5).await;
    }
    assert_eq!(lock.claims().await, [claim]);
}

pub async fn to_renew_a_claim_that_is_not_there_is_gone_and_adds_nothing<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    assert_eq!(lock.renew(ClaimId::random(), LONG).await, Renewed::Gone);
    assert_eq!(lock.claims().await, []);
    let holder = lock.join(Exclusive).await;
    assert_eq!(lock.renew(ClaimId::random(), LONG).await, Renewed::Gone);
    assert_eq!(lock.claims().await, [holder]);
    assert_eq!(lock.on("other").renew(holder, LONG).await, Renewed::Gone);
}

pub async fn a_lapsed_claim_is_gone_and_never_comes_back<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let lapsed = lock.join_for(Exclusive, BRIEF).await;
    lock.until_lapsed(lapsed).await;
    assert_eq!(lock.renew(lapsed, LONG).await, Renewed::Gone);
    let next = lock.join(Exclusive).await;
    assert_eq!(lock.renew(lapsed, LONG).await, Renewed::Gone);
    assert_eq!(lock.claims().await, [next]);
}

pub async fn a_claim_that_left_is_gone_and_never_comes_back<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let left = lock.join(Exclusive).await;
    lock.leave(left).await;
    assert_eq!(lock.renew(left, LONG).await, Renewed::Gone);
    assert_eq!(lock.claims().await, []);
}

pub async fn many_renewals_are_answered_in_their_order<H: Harness>(harness: &H) {
    let probe = Probe::open(harness, "lock").await;
    let mut renewals = Vec::<Renewal>::new();
    let mut expected = Vec::new();
    for n in 0..12 {
        let lock = probe.on(&format!("lock {}", n % 5));
        let there = lock.join(Exclusive).await;
        for (claim, answer) in [(there, Renewed::Extended), (ClaimId::random(), Renewed::Gone)] {
            renewals.push(lock.renewal(claim, LONG * 2));
            expected.push(answer);
        }
    }
    let lapsed = probe.join_for(Exclusive, BRIEF).await;
    probe.until_lapsed(lapsed).await;
    renewals.insert(7, probe.renewal(lapsed, LONG));
    expected.insert(7, Renewed::Gone);

    assert_eq!(probe.renew_all(&renewals).await, expected);
    for n in 0..5 {
        let queue = probe.on(&format!("lock {n}")).queue().await;
        assert!(queue.claims.iter().all(|claim| claim.expires_in > LONG), "{queue:?}");
    }
}

pub async fn one_claim_may_be_renewed_twice_in_a_batch<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let claim = lock.join(Exclusive).await;
    let renewals = [LONG * 2, LONG].map(|ttl| lock.renewal(claim, ttl));
    assert_eq!(lock.renew_all(&renewals).await, [Renewed::Extended; 2]);
    assert!(lock.expires_in(claim).await > LONG);
}

pub async fn an_empty_batch_has_no_answers<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    assert_eq!(lock.renew_all(&[]).await, []);
}

pub async fn each_renewal_of_a_batch_has_a_ttl_of_its_own<H: Harness>(harness: &H) {
    let probe = Probe::open(harness, "a").await;
    let locks = [probe.clone(), probe.on("b")];
    let claims = [locks[0].join(Exclusive).await, locks[1].join(Exclusive).await];
    let renewals = [locks[0].renewal(claims[0], LONG * 4), locks[1].renewal(claims[1], LONG * 2)];
    probe.renew_all(&renewals).await;
    assert!(locks[0].expires_in(claims[0]).await > LONG * 3);
    let second = locks[1].expires_in(claims[1]).await;
    assert!(second > LONG && second <= LONG * 2, "{second:?}");
}

pub async fn a_batch_of_hundreds_works<H: Harness>(harness: &H) {
    let probe = Probe::open(harness, "lock").await;
    let mut renewals = Vec::new();
    for n in 0..300 {
        let lock = probe.on(&format!("lock {n}"));
        let claim = if n % 3 == 0 { ClaimId::random() } else { lock.join(Exclusive).await };
        renewals.push(lock.renewal(claim, LONG + Duration::from_secs(60)));
    }
    let answers = probe.renew_all(&renewals).await;
    assert_eq!(answers.len(), renewals.len());
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(*answer == Renewed::Gone, n % 3 == 0, "answer {n}");
    }
}
