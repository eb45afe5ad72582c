//! Snapshots, write conflicts, revisions.

use std::time::{Duration, Instant};

use serde_json::json;
use shylock_arango_emulator::{Config, Emulator, Fault};

use crate::support::{Client, open, with_collection};

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
    assert_eq!(client.value("FOR d IN c FILTER d._key == 'a' RETURN d.n").await, json!(1));
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
        let text = format!("FOR d IN c FILTER d._key == '{read}' UPDATE '{write}' WITH {{n: d.n + 1}} IN c");
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
async fn a_conflict_can_be_ordered() {
    let (emulator, client) = open();
    client.collection("c").await;
    let fault = emulator.inject(Fault::conflict_after_evaluation());
    assert_eq!(client.failure("INSERT {_key: 'a'} INTO c").await, (409, 1200));
    assert_eq!((emulator.fired(fault), client.value("RETURN LENGTH(c)").await), (1, json!(0)));
    assert_eq!(client.rows("INSERT {_key: 'a'} INTO c RETURN NEW._key").await, json!(["a"]));
}

/// `modifyLocalHelper` of the server: no more than one attribute is left in the patch, into which `_key` and, where
/// revisions count, `_rev` of the key expression are merged first.
#[tokio::test]
async fn only_a_patch_of_nothing_but_the_key_keeps_the_revision() {
    let (_emulator, client) = with_collection().await;
    client.rows("INSERT {_key: 'a', n: 1} INTO c").await;
    let strict = "OPTIONS {ignoreRevs: false}";
    for (key, patch, options, keeps) in [
        ("'a'", "{}", "", true),
        ("'a'", "{_key: 'a'}", "", true),
        ("d", "{}", "", true),
        ("'a'", "{}", strict, true),
        ("{_key: 'a'}", "{}", strict, true),
        ("d", "{}", strict, false),
        ("{_key: 'a', _rev: d._rev}", "{}", strict, false),
        ("'a'", "{n: 1}", "", false),
        ("'a'", "{n: 2}", "", false),
    ] {
        let text = format!("FOR d IN c UPDATE {key} WITH {patch} IN c {options} RETURN OLD._rev == NEW._rev");
        let answer = client.run(&text).await;
        assert_eq!(answer.json["result"], json!([keeps]), "{text}");
        assert_eq!(answer.json["extra"]["stats"]["writesExecuted"], 1, "{text}");
    }
    assert_eq!(client.rows("REPLACE 'a' WITH {n: 2} IN c RETURN OLD._rev == NEW._rev").await, json!([false]));
}

/// Since 3.11 the key is locked before the patch is looked at.
#[tokio::test]
async fn a_write_of_nothing_can_conflict_too() {
    for lock in [true, false] {
        let config = Config::new().without_authentication().lock_unchanged(lock);
        let emulator = Emulator::start(&config).expect("an emulator");
        let client = Client::new(&emulator);
        client.collection("c").await;
        client.rows("INSERT {_key: 'a'} INTO c").await;
        emulator.inject(Fault::conflict_after_evaluation());
        let outcome = client.failure("UPDATE 'a' WITH {} IN c").await;
        assert_eq!(outcome, if lock { (409, 1200) } else { (201, 0) });
    }
}

/// AQL waits 1 ms for a key that another query has locked, whatever the server's options say.
#[tokio::test]
async fn whoever_finds_a_key_locked_loses_at_once() {
    let (emulator, client) = with_collection().await;
    client.rows("INSERT {_key: 'a', n: 0} INTO c").await;
    let hold = Duration::from_secs(1);
    emulator.set_commit_delay(hold);
    let start = Instant::now();
    let runs = (0..5).map(|n| {
        let client = client.clone();
        tokio::spawn(async move {
            let failure = client.failure(&format!("UPDATE 'a' WITH {{n: {n}}} IN c")).await;
            (failure, start.elapsed())
        })
    });
    let mut won = 0;
    for run in runs.collect::<Vec<_>>() {
        match run.await.expect("an outcome") {
            ((201, 0), elapsed) => won += usize::from(elapsed >= hold),
            ((409, 1200), elapsed) => assert!(elapsed < hold, "it waited for the winner: {elapsed:?}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(won, 1);
}
