//! Snapshots, write conflicts, revisions.

use std::time::Duration;

use serde_json::json;
use shylock_arango_emulator::Fault;

use crate::support::{open, with_collection};

#[tokio::test]
async fn of_two_concurrent_updates_one_loses() {
    let (emulator, client) = with_collection().await;
    client.rows("INSERT {_key: 'a', n: 0} INTO c").await;
    emulator.meet_before_commit(2);
    let update = "FOR d IN c FILTER d._key == 'a' UPDATE d WITH {n: d.n + 1} IN c RETURN NEW.n";
    let (first, second) = tokio::join!(client.run(update), client.run(update));
    let mut outcomes = [first.failure(), second.failure()];
    outcomes.sort_unstable();
    assert_eq!(outcomes, [(201, 0), (409, 1200)]);
    assert_eq!(client.value("RETURN DOCUMENT('c/a').n").await, json!(1));
}

#[tokio::test]
async fn of_two_concurrent_inserts_one_loses() {
    let (emulator, client) = with_collection().await;
    emulator.meet_before_commit(2);
    let insert = "INSERT {_key: 'a'} INTO c";
    let (first, second) = tokio::join!(client.run(insert), client.run(insert));
    let mut outcomes = [first.failure(), second.failure()];
    outcomes.sort_unstable();
    assert_eq!(outcomes, [(201, 0), (409, 1200)]);
    assert_eq!(client.failure(insert).await, (409, 1210));
}

#[tokio::test]
async fn unique_values_conflict_like_keys() {
    let (emulator, client) = with_collection().await;
    let index = json!({"type": "persistent", "unique": true, "fields": ["name"]});
    client.post("/_api/index?collection=c", &index).await.ok();
    emulator.meet_before_commit(2);
    let insert = "INSERT {name: 'x'} INTO c";
    let (first, second) = tokio::join!(client.run(insert), client.run(insert));
    let mut outcomes = [first.failure(), second.failure()];
    outcomes.sort_unstable();
    assert_eq!(outcomes, [(201, 0), (409, 1200)]);
    assert_eq!(client.failure(insert).await, (409, 1210));
}

#[tokio::test]
async fn documents_that_are_only_read_do_not_conflict() {
    let (emulator, client) = with_collection().await;
    client.rows("FOR k IN ['a', 'b'] INSERT {_key: k, n: 0} INTO c").await;
    emulator.meet_before_commit(2);
    let skew = |read: &str, write: &str| {
        let text = format!("LET n = DOCUMENT('c/{read}').n UPDATE '{write}' WITH {{n: n + 1}} IN c");
        let client = client.clone();
        async move { client.query(&text, &json!({})).await }
    };
    let (first, second) = tokio::join!(skew("a", "b"), skew("b", "a"));
    assert_eq!((first.status, second.status), (201, 201));
}

#[tokio::test]
async fn a_query_is_all_or_nothing() {
    let (_emulator, client) = with_collection().await;
    client.rows("INSERT {_key: 'k5'} INTO c").await;
    let insert = "FOR i IN 1..10 INSERT {_key: CONCAT('k', i)} INTO c";
    assert_eq!(client.failure(insert).await, (409, 1210));
    assert_eq!(client.value("RETURN LENGTH(c)").await, json!(1));
    assert_eq!(client.failure("FOR k IN ['k5', 'no'] REMOVE k IN c").await, (404, 1202));
    assert_eq!(client.value("RETURN LENGTH(c)").await, json!(1));
}

#[tokio::test]
async fn a_query_that_loses_on_one_document_changes_none() {
    let (emulator, client) = with_collection().await;
    client.rows("FOR k IN ['a', 'b'] INSERT {_key: k, n: 0} INTO c").await;
    emulator.meet_before_commit(2);
    let both = "FOR d IN c UPDATE d WITH {n: d.n + 10} IN c";
    let one = "UPDATE 'b' WITH {n: 1} IN c";
    let (both, one) = tokio::join!(client.run(both), client.run(one));
    let values = client.rows("FOR d IN c SORT d._key RETURN d.n").await;
    match (both.failure(), one.failure()) {
        ((409, 1200), (201, _)) => assert_eq!(values, json!([0, 1])),
        ((201, _), (409, 1200)) => assert_eq!(values, json!([10, 10])),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn exclusive_queries_wait_for_each_other() {
    let (emulator, client) = with_collection().await;
    client.rows("INSERT {_key: 'a', n: 0} INTO c").await;
    emulator.set_commit_delay(Duration::from_millis(20));
    let update = "FOR d IN c FILTER d._key == 'a' UPDATE d WITH {n: d.n + 1} IN c OPTIONS {exclusive: true}";
    let runs = (0..8).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.query(update, &json!({})).await.status })
    });
    for run in runs.collect::<Vec<_>>() {
        assert_eq!(run.await.expect("a status"), 201);
    }
    assert_eq!(client.value("RETURN DOCUMENT('c/a').n").await, json!(8));
}

#[tokio::test]
async fn a_collection_lock_can_time_out() {
    let (emulator, client) = with_collection().await;
    emulator.set_commit_delay(Duration::from_secs(1));
    let insert = "INSERT {} INTO c OPTIONS {exclusive: true}";
    let limited = json!({"query": insert, "options": {"lockTimeout": 0.05}});
    let (first, second) =
        tokio::join!(client.post("/_api/cursor", &limited), client.post("/_api/cursor", &limited));
    let mut outcomes = [first.failure(), second.failure()];
    outcomes.sort_unstable();
    assert_eq!(outcomes, [(201, 0), (500, 18)]);
}

#[tokio::test]
async fn every_write_changes_the_revision_but_an_empty_patch() {
    let (_emulator, client) = with_collection().await;
    client.rows("INSERT {_key: 'a', n: 1} INTO c").await;
    for (patch, keeps) in [("{}", true), ("{_key: 'a'}", true), ("{n: 1}", false), ("{n: 2}", false)] {
        let answer = client
            .query(&format!("UPDATE 'a' WITH {patch} IN c RETURN OLD._rev == NEW._rev"), &json!({}))
            .await;
        assert_eq!(answer.json["result"], json!([keeps]), "{patch}");
        assert_eq!(answer.json["extra"]["stats"]["writesExecuted"], 1, "{patch}");
    }
    assert_eq!(client.rows("REPLACE 'a' WITH {n: 2} IN c RETURN OLD._rev == NEW._rev").await, json!([false]));
}

#[tokio::test]
async fn ignored_errors_are_counted() {
    let (_emulator, client) = with_collection().await;
    client.rows("FOR i IN 1..3 INSERT {_key: TO_STRING(i)} INTO c").await;
    let text =
        "FOR i IN 1..5 INSERT {_key: TO_STRING(i)} INTO c OPTIONS {ignoreErrors: true} RETURN NEW._key";
    let answer = client.query(text, &json!({})).await;
    assert_eq!(answer.json["result"], json!(["4", "5"]));
    let stats = &answer.json["extra"]["stats"];
    assert_eq!((&stats["writesExecuted"], &stats["writesIgnored"]), (&json!(2), &json!(3)));
}

#[tokio::test]
async fn a_conflict_can_be_ordered() {
    let (emulator, client) = open();
    client.collection("c").await;
    let fault = emulator.inject(Fault::conflict_after_evaluation());
    assert_eq!(client.failure("INSERT {_key: 'a'} INTO c").await, (409, 1200));
    assert_eq!((emulator.fired(fault), client.value("RETURN LENGTH(c)").await), (1, json!(0)));
    assert_eq!(client.rows("INSERT {_key: 'a'} INTO c RETURN NEW._key").await, json!(["a"]));
}
