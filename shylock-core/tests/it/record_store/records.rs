//! What a record holds, and what becomes of one that this version did not write.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use shylock_core::record_store::{Loaded, RecordBackend, Version};
use shylock_core::{Backend, BackendErrorKind, Capabilities, Clock, Renewal, Renewed, Value};

use super::{LONG, Records, StoreClock, name, now, request};

#[test]
fn versions_are_compared_as_they_are() {
    for text in ["", "17", "017", "W/\"17\"", "\"17\"", "_iEyRgJe---", "é", "e\u{301}"] {
        assert_eq!(Version::from(text), Version::from(text.to_owned()));
        assert_eq!(Version::from(text).as_str(), text);
    }
    assert_eq!(Version::from(u64::MAX), Version::from("18446744073709551615"));
    assert_ne!(Version::from("017"), Version::from(17));
}

#[tokio::test]
async fn a_record_tells_until_when_it_is_live_and_needed() {
    let clock = Arc::new(AtomicU64::new(1_700_000_000_000));
    let records = Records::with_clock(StoreClock::Set(clock.clone()));
    let backend = RecordBackend::new(records.clone());
    let request = request("a");
    backend.join(&request).await.expect("it joins");
    let times = || records.with(|rows| rows.values().map(|(r, _)| (r.live_until, r.needed_until)).next());
    let end = 1_700_003_600_000;
    assert_eq!(times(), Some((end, Some(end))));
    let value = Value::new("kept").expect("a short value");
    backend.write(&request.lock, request.claim, Some(&value)).await.expect("it writes");
    assert_eq!(times(), Some((end, None)), "with a value it is kept for good");
    backend.leave(&request.lock, request.claim, Duration::ZERO).await.expect("it leaves");
    assert_eq!(times(), Some((0, None)));
}

#[tokio::test]
async fn a_store_with_a_clock_is_believed_and_one_without_takes_that_of_the_client() {
    assert_eq!(Loaded::new(None, 17).now, Some(17));
    assert_eq!(Loaded::without_clock(None).now, None);

    let clock = Arc::new(AtomicU64::new(5_000));
    let set = RecordBackend::new(Records::with_clock(StoreClock::Set(clock.clone())));
    assert_eq!(set.capabilities().clock, Clock::Store);
    let request = request("a");
    set.join(&request).await.expect("it joins");
    clock.fetch_add(3_600_000 - 1, Ordering::Relaxed);
    let left = set.queue(&request.lock).await.expect("it answers").claims[0].expires_in;
    assert_eq!(left, Duration::from_millis(1));
    clock.fetch_add(1, Ordering::Relaxed);
    assert!(set.queue(&request.lock).await.expect("it answers").claims.is_empty());

    let records = Records::with_clock(StoreClock::Missing);
    let missing = RecordBackend::new(records.clone());
    assert_eq!(missing.capabilities().clock, Clock::Clients);
    let before = now();
    let token = missing.join(&request).await.expect("it joins").granted_token(request.claim);
    let token = token.expect("it is granted").get();
    assert!((before * 1024..=now() * 1024).contains(&token), "{token} is not of the time {before}");
    let end = records.with(|rows| rows[&request.lock].0.live_until);
    assert!((before..=now()).contains(&(end - 3_600_000)), "a lease until {end}");
}

#[test]
fn a_store_says_what_it_can_do() {
    let plain = Capabilities::new();
    assert_eq!(plain, Capabilities::default());
    assert!(plain.durable && plain.shared && plain.values && plain.ordered && !plain.wakeups);
    assert_eq!(plain.clock, Clock::Store);
    let little = plain.durable(false).shared(false).values(false).ordered(false).clock(Clock::Clients);
    assert!(!little.durable && !little.shared && !little.values && !little.ordered);
    assert_eq!((little.clock, little.wakeups(true).wakeups), (Clock::Clients, true));
}

/// As the first version wrote it, with a lease that lasts.
const OLD: &str = r#"{"ticket":1740800000000000,"claims":[{"id":"000000000000000000000000000000ab",
    "mode":{"shared":{"max":4294967295}},"token":1740800000000000,"expires_at":9000000000000,
    "owner":{"host":"host","pid":1}}]}"#;

#[tokio::test]
async fn a_record_of_the_older_form_is_read_and_goes_on() {
    let records = Records::default();
    let backend = RecordBackend::new(records.clone());
    let request = request("a");
    backend.join(&request).await.expect("it joins");
    records.scribble(&request.lock, OLD);

    let old = "000000000000000000000000000000ab".parse().expect("an id");
    let joined = backend.join(&request).await.expect("it joins");
    assert_eq!(joined.claims.iter().map(|claim| claim.id).collect::<Vec<_>>(), [old, request.claim]);
    assert_eq!(joined.granted_token(old).map(u64::from), Some(1_740_800_000_000_000));
    assert!(!joined.claims[0].leaving && joined.value.is_none() && joined.abandoned.is_none());
    let renewed = backend.renew(&[Renewal::new(name("a"), old, LONG)]).await.expect("it renews");
    assert_eq!(renewed, [Renewed::Extended]);
}

#[tokio::test]
async fn a_record_that_this_version_does_not_know_is_refused_and_stays_as_it_was() {
    let too_long = format!(r#"{{"ticket":1,"claims":[],"value":"{}"}}"#, "x".repeat(4097));
    let newer_claim = OLD.replace(r#""pid":1}"#, r#""pid":1},"priority":7"#);
    let newer_queue = OLD.replace(r#"{"ticket""#, r#"{"frozen":true,"ticket""#);
    let newer_mode = OLD.replace("shared", "intent");
    let unknown = ["", "null", "[]", "{}", "none of ours", r#"{"ticket":-1,"claims":[]}"#];
    let newer = [&too_long, &newer_claim, &newer_queue, &newer_mode].map(String::as_str);
    for body in unknown.into_iter().chain(newer) {
        let records = Records::default();
        let backend = RecordBackend::new(records.clone());
        let request = request("a \"lock\"");
        backend.join(&request).await.expect("it joins");
        records.scribble(&request.lock, body);

        let errors = [
            backend.join(&request).await.expect_err("it joins what it cannot read"),
            backend.queue(&request.lock).await.expect_err("it shows what it cannot read"),
            backend.leave(&request.lock, request.claim, LONG).await.expect_err("it leaves"),
        ];
        for error in errors {
            assert_eq!(error.kind(), BackendErrorKind::Broken, "{body}");
            let text = error.to_string();
            assert!(text.contains("a \\\"lock\\\"") && text.contains("version"), "{text}");
            assert!(std::error::Error::source(&error).is_some(), "{text}");
        }
        assert_eq!(records.with(|rows| rows[&request.lock].0.body.clone()), body);
        backend.join(&super::request("another")).await.expect("the others are as they were");
    }
}
