//! The value of a lock: who may write it, and what it outlives.

use crate::conformance::probe::{BRIEF, LONG, Probe, READER};
use crate::conformance::{Harness, hostile_strings};
use crate::queue::Mode::Exclusive;
use crate::queue::Written::{Done, NotHolding};
use crate::queue::{ClaimId, Value};

pub async fn a_holder_writes_a_value_that_everybody_reads<H: Harness>(harness: &H) {
    let (ours, theirs) = (Probe::open(harness, "lock").await, Probe::open(harness, "lock").await);
    let holder = ours.join(Exclusive).await;
    assert_eq!(ours.value().await, None);
    assert_eq!(ours.write(holder, Some("10.0.0.7:8080")).await, Done);
    assert_eq!(theirs.value().await.as_deref(), Some("10.0.0.7:8080"));
    let request = theirs.request(Exclusive, LONG);
    let answer = theirs.send(&request).await;
    assert_eq!(answer.value.as_ref().map(Value::as_str), Some("10.0.0.7:8080"), "a waiter is told");
    assert_eq!(ours.holders().await, [holder], "to write changes nothing else");
}

pub async fn a_value_is_replaced_and_cleared<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let holder = lock.join(Exclusive).await;
    assert_eq!(lock.write(holder, None).await, Done, "there is nothing to clear");
    for text in [Some("first"), Some("second"), Some(""), None, Some("third"), None] {
        assert_eq!(lock.write(holder, text).await, Done);
        assert_eq!(lock.value().await.as_deref(), text);
    }
}

pub async fn a_repeated_write_changes_nothing_more<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    for text in [Some("a"), None] {
        for _ in 0..3 {
            assert_eq!(lock.write(holder, text).await, Done);
            assert_eq!(lock.value().await.as_deref(), text);
            assert_eq!(lock.claims().await, [holder, waiter]);
        }
    }
}

pub async fn a_waiter_writes_nothing<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    lock.write(holder, Some("kept")).await;
    assert_eq!(lock.write(waiter, Some("lost")).await, NotHolding);
    assert_eq!(lock.write(waiter, None).await, NotHolding);
    assert_eq!(lock.value().await.as_deref(), Some("kept"));
    lock.leave(holder).await;
    assert_eq!(lock.write(waiter, Some("new")).await, Done, "it holds now");
    assert_eq!(lock.value().await.as_deref(), Some("new"));
}

pub async fn one_who_is_not_in_the_queue_writes_nothing<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    assert_eq!(lock.write(ClaimId::random(), Some("a")).await, NotHolding);
    assert_eq!((lock.value().await, lock.claims().await), (None, vec![]));
    assert_eq!(lock.list("", None, 10).await, [""; 0], "to write made a queue");
    let holder = lock.join(Exclusive).await;
    assert_eq!(lock.write(ClaimId::random(), Some("a")).await, NotHolding);
    assert_eq!(lock.on("other").write(holder, Some("a")).await, NotHolding);
    assert_eq!((lock.value().await, lock.on("other").value().await), (None, None));
}

pub async fn one_who_left_or_lapsed_writes_nothing<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let left = lock.join(Exclusive).await;
    lock.leave(left).await;
    let lapsed = lock.join_for(Exclusive, BRIEF).await;
    lock.until_lapsed(lapsed).await;
    for claim in [left, lapsed] {
        assert_eq!(lock.write(claim, Some("late")).await, NotHolding);
        assert_eq!(lock.value().await, None);
    }
}

pub async fn one_who_lingers_writes_nothing<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let (holder, waiter) = (lock.join(Exclusive).await, lock.join(Exclusive).await);
    lock.write(holder, Some("kept")).await;
    lock.linger(holder, LONG).await;
    for claim in [holder, waiter] {
        assert_eq!(lock.write(claim, Some("late")).await, NotHolding);
        assert_eq!(lock.write(claim, None).await, NotHolding);
    }
    assert_eq!(lock.value().await.as_deref(), Some("kept"));
}

pub async fn a_value_outlives_its_holder<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let holder = lock.join(Exclusive).await;
    lock.write(holder, Some("kept")).await;
    lock.leave(holder).await;
    for _ in 0..3 {
        let request = lock.request(Exclusive, LONG);
        let found = lock.send(&request).await.value;
        assert_eq!(found.as_ref().map(Value::as_str), Some("kept"), "the answer to a join tells the value");
        lock.renew(request.claim, LONG * 2).await;
        lock.leave(request.claim).await;
        assert_eq!(lock.value().await.as_deref(), Some("kept"));
    }
}

pub async fn a_value_outlives_a_holder_that_lapsed<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let holder = lock.join_for(Exclusive, harness.ttl()).await;
    assert_eq!(lock.write(holder, Some("kept")).await, Done);
    lock.until_lapsed(holder).await;
    assert_eq!(lock.value().await.as_deref(), Some("kept"));
    let (claim, _) = lock.try_join(Exclusive).await;
    assert_eq!(lock.value().await.as_deref(), Some("kept"));
    lock.leave(claim).await;
}

pub async fn a_value_alone_is_not_listed<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let holder = lock.join(Exclusive).await;
    lock.write(holder, Some("kept")).await;
    assert_eq!(lock.list("", None, 10).await, ["lock"]);
    lock.leave(holder).await;
    assert_eq!(lock.list("", None, 10).await, [""; 0]);
}

pub async fn values_come_back_as_they_were<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let holder = lock.join(Exclusive).await;
    let more = [
        "$$NOW",
        "$value",
        "$literal",
        "@value",
        "{\"$ne\": null}",
        "'); DROP TABLE locks; --",
        "[1, 2]",
        "1e400",
        "\"",
        "\r\n\t",
        "\u{feff}",
        "\u{202e}",
    ];
    for text in more.into_iter().map(str::to_owned).chain(hostile_strings()) {
        assert_eq!(lock.write(holder, Some(&text)).await, Done);
        assert_eq!(lock.value().await, Some(text.clone()));
        let request = lock.request(Exclusive, LONG);
        let told = lock.send(&request).await.value;
        assert_eq!(told.as_ref().map(Value::as_str), Some(text.as_str()));
        lock.leave(request.claim).await;
    }
}

pub async fn a_value_may_have_4096_bytes<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let holder = lock.join(Exclusive).await;
    for character in ["x", "\0", "\"", "\\", "é", "🔒", "\u{10ffff}"] {
        let text = character.repeat(Value::MAX_BYTES / character.len());
        assert_eq!(lock.write(holder, Some(&text)).await, Done);
        assert_eq!(lock.value().await, Some(text));
    }
}

pub async fn each_lock_has_a_value_of_its_own<H: Harness>(harness: &H) {
    let ours = Probe::open(harness, "ours").await;
    let theirs = ours.on("theirs");
    let (our, their) = (ours.join(Exclusive).await, theirs.join(Exclusive).await);
    ours.write(our, Some("ours")).await;
    assert_eq!(theirs.value().await, None);
    theirs.write(their, Some("theirs")).await;
    ours.write(our, None).await;
    assert_eq!((ours.value().await, theirs.value().await), (None, Some("theirs".into())));
}

pub async fn every_shared_holder_may_write<H: Harness>(harness: &H) {
    let lock = Probe::open(harness, "lock").await;
    let readers = [lock.join(READER).await, lock.join(READER).await];
    let late = [lock.join(Exclusive).await, lock.join(READER).await];
    for (reader, text) in readers.into_iter().zip(["first", "second"]) {
        assert_eq!(lock.write(reader, Some(text)).await, Done);
        assert_eq!(lock.value().await.as_deref(), Some(text));
    }
    for claim in late {
        assert_eq!(lock.write(claim, Some("late")).await, NotHolding);
    }
}
