//! Expired documents go, in the background or when a test says so.

use std::time::Duration;

use serde_json::json;
use shylock_arango_emulator::{Config, Emulator};

use crate::support::{Client, with_collection};

const HOUR_MS: i64 = 3_600_000;

#[tokio::test]
async fn only_expired_documents_are_removed() {
    let (emulator, client) = with_collection().await;
    client
        .post("/_api/index?collection=c", &json!({"type": "ttl", "fields": ["e"], "expireAfter": 60}))
        .await
        .ok();
    client
        .rows(
            "LET s = DATE_NOW() / 1000 FOR d IN [
                {_key: 'past', e: s - 61}, {_key: 'soon', e: s - 30},
                {_key: 'milliseconds', e: s * 1000 - 999999}, {_key: 'text', e: 'never'}, {_key: 'none'},
                {_key: 'null', e: null}, {_key: 'later', e: s + 3500.5}
            ] INSERT d INTO c",
        )
        .await;
    let left = "FOR d IN c SORT d._key RETURN d._key";
    assert_eq!(emulator.remove_expired(), 1);
    assert_eq!(client.rows(left).await, json!(["later", "milliseconds", "none", "null", "soon", "text"]));
    emulator.set_clock_skew(HOUR_MS);
    assert_eq!(emulator.remove_expired(), 2);
    assert_eq!(client.rows(left).await, json!(["milliseconds", "none", "null", "text"]));
}

#[tokio::test]
async fn removal_runs_in_the_background() {
    let config = Config::new().without_authentication().ttl_interval(Duration::from_millis(10));
    let emulator = Emulator::start(&config).expect("an emulator");
    let client = Client::new(&emulator);
    client.collection("c").await;
    client
        .post("/_api/index?collection=c", &json!({"type": "ttl", "fields": ["e"], "expireAfter": 0}))
        .await
        .ok();
    client.rows("FOR e IN [1, 99999999999] INSERT {e} INTO c").await;
    let gone = async { while client.value("RETURN LENGTH(c)").await != json!(1) {} };
    tokio::time::timeout(Duration::from_secs(20), gone).await.expect("the expired document is removed");
}

#[tokio::test]
async fn the_clock_can_be_wrong() {
    let (emulator, client) = with_collection().await;
    let before = client.value("RETURN DATE_NOW()").await.as_i64().expect("a time");
    emulator.set_clock_skew(-HOUR_MS);
    let after = client.value("RETURN DATE_NOW()").await.as_i64().expect("a time");
    assert!((before - HOUR_MS..before).contains(&after), "{before} {after}");
    let time = client.get("/_admin/time").await.json["time"].as_f64().expect("a time");
    let shown = Duration::from_secs_f64(time).as_millis();
    let now = u128::try_from(emulator.now_ms()).expect("a time");
    assert!(now.abs_diff(shown) < 10_000, "{now} {shown}");
}
