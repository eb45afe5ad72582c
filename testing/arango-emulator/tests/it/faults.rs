//! What is ordered to go wrong goes wrong, and nothing else.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shylock_arango_emulator::Fault;

use crate::support::{open, with_collection};

const INSERT: &str = "INSERT {} INTO c";

#[tokio::test]
async fn errors_strike_instead_of_an_answer() {
    let (emulator, client) = with_collection().await;
    for (status, num) in [
        (409, 1200),
        (409, 1210),
        (401, 11),
        (503, 21003),
        (503, 30),
        (503, 1478),
        (503, 1465),
        (503, 1495),
        (503, 1496),
        (500, 1457),
        (403, 1004),
        (503, 1429),
        (500, 18),
        (410, 21),
    ] {
        let fault = emulator.inject(Fault::error(status, num));
        let answer = client.run(INSERT).await;
        assert_eq!(answer.failure(), (status, u64::from(num)));
        assert!(
            answer.json["errorMessage"].as_str().is_some_and(|text| text != "internal error"),
            "{}",
            answer.text
        );
        assert_eq!(emulator.fired(fault), 1);
    }
    assert_eq!(client.value("RETURN LENGTH(c)").await, json!(0));
}

#[tokio::test]
async fn bodies_can_be_missing_or_foreign() {
    let (emulator, client) = open();
    emulator.inject(Fault::empty_body(404));
    let answer = client.run("RETURN 1").await;
    assert_eq!((answer.status, answer.text.as_str()), (404, ""));
    emulator.inject(Fault::plain_text(503, "no upstream"));
    let answer = client.run("RETURN 1").await;
    assert_eq!((answer.status, answer.text.as_str()), (503, "no upstream"));
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
}

#[tokio::test]
async fn replies_get_lost_after_the_commit() {
    let (emulator, client) = with_collection().await;
    let body = json!({"query": INSERT}).to_string();
    emulator.inject(Fault::reply_lost());
    assert!(client.try_send("POST", "/_api/cursor", &[], &body).await.is_none());
    assert_eq!(client.value("RETURN LENGTH(c)").await, json!(1));
    emulator.inject(Fault::cut());
    assert!(client.try_send("POST", "/_api/cursor", &[], &body).await.is_none());
    assert_eq!(client.value("RETURN LENGTH(c)").await, json!(1));
    emulator.inject(Fault::error(503, 1478).after_commit());
    assert_eq!(client.failure(INSERT).await, (503, 1478));
    assert_eq!(client.value("RETURN LENGTH(c)").await, json!(2));
}

#[tokio::test]
async fn answers_can_be_slow() {
    let (emulator, client) = open();
    let pause = Duration::from_millis(150);
    for fault in [Fault::slow(pause), Fault::slow(pause).after_commit()] {
        emulator.inject(fault);
        let started = Instant::now();
        assert_eq!(client.value("RETURN 1").await, json!(1));
        assert!(started.elapsed() >= pause);
    }
}

#[tokio::test]
async fn faults_are_limited_to_what_they_name() {
    let (emulator, client) = with_collection().await;
    let fault = emulator.inject(
        Fault::error(503, 30).on_path("/_api/cursor").on_method("post").when_body_contains("UPDATE").times(2),
    );
    assert_eq!(client.get("/_api/version").await.status, 200);
    assert_eq!(client.value("RETURN 1").await, json!(1));
    for wanted in [503, 503, 404] {
        assert_eq!(client.run("UPDATE 'x' WITH {} IN c").await.status, wanted);
    }
    assert_eq!(emulator.fired(fault), 2);
}

#[tokio::test]
async fn faults_can_last_and_be_cleared() {
    let (emulator, client) = open();
    let lasting = emulator.inject(Fault::error(503, 30).until_cleared());
    for _ in 0..3 {
        assert_eq!(client.failure("RETURN 1").await, (503, 30));
    }
    emulator.clear_fault(lasting);
    assert_eq!(client.value("RETURN 1").await, json!(1));
    emulator.inject(Fault::error(503, 30).until_cleared());
    emulator.clear_faults();
    assert_eq!(client.value("RETURN 1").await, json!(1));
}

#[tokio::test]
async fn chance_is_repeatable() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let (emulator, client) = open();
        emulator.inject(Fault::error(503, 30).with_probability(0.5, 7));
        let mut run = Vec::new();
        for _ in 0..32 {
            run.push(client.run("RETURN 1").await.status);
        }
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&201) && runs[0].contains(&503));
}

#[tokio::test]
async fn requests_are_counted() {
    let (emulator, client) = with_collection().await;
    emulator.reset_requests();
    client.run("RETURN 1").await;
    client.post("/_db/_system/_api/cursor", &json!({"query": "RETURN 1"})).await;
    client.send("DELETE", "/_api/cursor/5", &Value::Null).await;
    assert_eq!(emulator.requests_to("/_api/cursor"), 3);
    assert_eq!(emulator.requests_to("/_api/cur"), 0);
    assert_eq!(emulator.requests()[&("POST".to_owned(), "/_api/cursor".to_owned())], 2);
}

#[tokio::test]
async fn restarts_keep_the_data_and_lose_the_cursors() {
    let (mut emulator, client) = with_collection().await;
    client.rows("FOR i IN 1..3 INSERT {i} INTO c").await;
    let body = json!({"query": "FOR d IN c RETURN d", "batchSize": 1});
    let id = client.post("/_api/cursor", &body).await.json["id"].as_str().expect("an id").to_owned();
    emulator.stop();
    assert!(client.try_send("GET", "/_api/version", &[], "").await.is_none());
    emulator.restart().expect("a restart");
    assert_eq!(client.value("RETURN LENGTH(c)").await, json!(3));
    assert_eq!(client.send("PUT", &format!("/_api/cursor/{id}"), &Value::Null).await.failure(), (404, 1600));
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_stop_its_query() {
    let (emulator, client) = with_collection().await;
    emulator.meet_before_commit(2);
    let patient = tokio::spawn({
        let client = client.clone();
        async move { client.run(INSERT).await.status }
    });
    while emulator.requests_to("/_api/cursor") < 1 {
        tokio::task::yield_now().await;
    }
    patient.abort();
    assert!(patient.await.is_err());
    assert_eq!(client.run(INSERT).await.status, 201);
    while client.value("RETURN LENGTH(c)").await != json!(2) {}
}
