//! Joining a queue: place, token, answer, repetition.

use std::time::{Duration, Instant};

use crate::conformance::Harness;
use crate::conformance::probe::{BRIEF, LONG, Probe, READER, ids};
use crate::conformance::wait::{SOON, until};
use crate::queue::Mode::Exclusive;
use crate::queue::{FencingToken, JoinRequest, Owner};

pub async fn the_first_to_join_is_granted<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let request = lock.request(Exclusive, LONG);
    let answer = lock.send(&request).await;
    assert_eq!(ids(&answer), [request.claim]);
    assert!(answer.granted_token(request.claim).is_some());
}

pub async fn one_who_joins_a_held_lock_waits<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let first = lock.join(Exclusive).await;
    let request = lock.request(Exclusive, LONG);
    let answer = lock.send(&request).await;
    assert_eq!(ids(&answer), [first, request.claim]);
    assert_eq!(answer.granted_token(request.claim), None);
    assert_eq!(lock.holders().await, [first]);
}

pub async fn claims_stand_in_the_order_of_joining<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let mut joined = Vec::new();
    for _ in 0..6 {
        joined.push(lock.join(Exclusive).await);
    }
    assert_eq!(lock.claims().await, joined);
}

pub async fn tokens_grow_by_a_step_at_least_and_stay_exact<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    for _ in 0..10 {
        lock.join(Exclusive).await;
    }
    let tokens: Vec<u64> = lock.queue().await.claims.iter().map(|claim| claim.token.get()).collect();
    assert!(tokens.is_sorted_by(|a, b| a + FencingToken::STEP <= *b), "{tokens:?}");
    assert!(tokens.iter().all(|token| *token < 1 << 53), "a token is not exact in a double: {tokens:?}");
}

pub async fn a_repeated_join_keeps_place_token_mode_and_owner<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let request = lock.request(Exclusive, LONG);
    let first = lock.send(&request).await.claims[0].clone();
    lock.join(Exclusive).await;

    let otherwise = JoinRequest { mode: READER, owner: Owner::new("elsewhere", 2, None), ..request };
    let answer = lock.send(&otherwise).await;
    assert_eq!(answer.claims.len(), 2, "a repeated join added a claim");
    let again = &answer.claims[0];
    assert_eq!((again.id, again.token), (first.id, first.token));
    assert_eq!((again.mode, &again.owner), (first.mode, &first.owner));
}

pub async fn a_repeated_join_of_a_waiting_claim_keeps_its_place<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let holder = lock.join(Exclusive).await;
    let request = lock.request(Exclusive, LONG);
    lock.send(&request).await;
    let last = lock.join(Exclusive).await;
    let answer = lock.send(&request).await;
    assert_eq!(ids(&answer), [holder, request.claim, last]);
}

pub async fn a_repeated_join_extends_the_lease<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let request = lock.request(Exclusive, LONG);
    lock.send(&request).await;
    lock.send(&JoinRequest { ttl: LONG * 2, ..request.clone() }).await;
    assert!(lock.expires_in(request.claim).await > LONG);
}

pub async fn a_repeated_join_never_shortens_the_lease<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let request = lock.request(Exclusive, LONG * 2);
    lock.send(&request).await;
    lock.send(&JoinRequest { ttl: LONG, ..request.clone() }).await;
    assert!(lock.expires_in(request.claim).await > LONG);
}

pub async fn a_repeated_join_sees_that_it_is_granted_by_now<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let holder = lock.join(Exclusive).await;
    let request = lock.request(Exclusive, LONG);
    let waiting = lock.send(&request).await;
    let token = waiting.claims[1].token;
    lock.leave(holder).await;
    assert_eq!(lock.send(&request).await.granted_token(request.claim), Some(token));
}

pub async fn an_answer_shows_every_claim_with_all_its_fields<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let mut requests = Vec::new();
    for (n, mode) in (1..).zip([READER, Exclusive]) {
        let owner = Owner::new(format!("host {n}"), n, Some(format!("label {n}")));
        requests.push(JoinRequest { owner, ..lock.request(mode, LONG * n) });
    }
    lock.send(&requests[0]).await;
    let answer = lock.send(&requests[1]).await;

    let seen = lock.queue().await;
    for snapshot in [&answer, &seen] {
        assert_eq!(snapshot.claims.len(), 2);
        for (claim, request) in snapshot.claims.iter().zip(&requests) {
            assert_eq!((claim.id, claim.mode), (request.claim, request.mode));
            assert_eq!((&claim.owner, claim.leaving), (&request.owner, false));
            assert!(claim.expires_in <= request.ttl, "{:?} of {:?}", claim.expires_in, request.ttl);
            assert!(claim.expires_in + LONG / 2 > request.ttl, "{:?}", claim.expires_in);
        }
    }
    let tokens = |s: &crate::Snapshot| s.claims.iter().map(|claim| claim.token).collect::<Vec<_>>();
    assert_eq!(tokens(&answer), tokens(&seen));
}

pub async fn owners_come_back_as_they_were<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let long = "long ".repeat(400);
    let texts = [
        "",
        " ",
        "$$NOW",
        "$ttl",
        "$literal",
        "a.b.c",
        "{\"$ne\": null}",
        "'); DROP TABLE locks; --",
        "@claim",
        "`",
        "\\",
        "\"quoted\"",
        "line\nbreak",
        "tab\t",
        "nul\0nul",
        "%s %00",
        "NaN",
        "null",
        "é e\u{301}",
        "🔒",
        "\u{202e}right to left",
        long.as_str(),
    ];
    for text in texts {
        for label in [Some(text.to_owned()), None] {
            let owner = Owner::new(text, u32::MAX, label);
            let request = JoinRequest { owner: owner.clone(), ..lock.request(Exclusive, LONG) };
            let answer = lock.send(&request).await;
            assert_eq!(answer.claims.last().map(|claim| &claim.owner), Some(&owner));
            lock.leave(request.claim).await;
        }
    }
}

pub async fn only_if_granted_takes_a_free_lock_and_can_be_repeated<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let request = JoinRequest { only_if_granted: true, ..lock.request(Exclusive, LONG) };
    let token = lock.send(&request).await.granted_token(request.claim);
    assert!(token.is_some());
    assert_eq!(lock.send(&request).await.granted_token(request.claim), token);
    assert_eq!(lock.claims().await, [request.claim]);
}

pub async fn only_if_granted_leaves_nothing_behind_on_a_held_lock<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let holder = lock.join(Exclusive).await;
    for _ in 0..3 {
        let request = JoinRequest { only_if_granted: true, ..lock.request(Exclusive, LONG) };
        let answer = lock.send(&request).await;
        assert_eq!(ids(&answer), [holder], "the answer is the queue as it is, without the claim");
        assert_eq!(lock.claims().await, [holder]);
    }
    lock.leave(holder).await;
    assert_eq!(lock.claims().await, []);
}

pub async fn only_if_granted_takes_a_lock_whose_lease_has_ended<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let crashed = lock.join_for(Exclusive, BRIEF).await;
    lock.until_lapsed(crashed).await;
    let (claim, token) = lock.try_join(Exclusive).await;
    assert!(token.is_some());
    assert_eq!(lock.claims().await, [claim]);
}

pub async fn a_claim_that_lapsed_joins_again_at_the_tail<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let request = lock.request(Exclusive, BRIEF);
    let first = lock.send(&request).await.claims[0].token;
    lock.until_lapsed(request.claim).await;
    let next = lock.join(Exclusive).await;
    let answer = lock.send(&JoinRequest { ttl: Duration::from_secs(60), ..request.clone() }).await;
    assert_eq!(ids(&answer), [next, request.claim]);
    assert!(answer.claims[1].token > answer.claims[0].token);
    assert!(answer.claims[0].token > first);
}

pub async fn a_snapshot_tells_how_long_ago_a_claim_joined<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (request, sent) = (lock.request(Exclusive, LONG), Instant::now());
    // A tenth of the ttl is what clocks and rounding may differ by.
    let tolerance = harness.ttl() / 10;
    let joined_ago = lock.send(&request).await.claims[0].joined_ago;
    assert!(joined_ago <= sent.elapsed() + tolerance, "joined {joined_ago:?} ago");
    until(SOON, "a claim grows older", async || {
        let age = lock.claim(request.claim).await.joined_ago;
        assert!(age <= sent.elapsed() + tolerance, "joined {age:?} ago, after {:?}", sent.elapsed());
        (age >= BRIEF).then_some(())
    })
    .await;
    lock.renew(request.claim, LONG).await;
    assert!(
        lock.send(&request).await.claims[0].joined_ago >= BRIEF,
        "renewed or repeated, it joined long ago"
    );
}
