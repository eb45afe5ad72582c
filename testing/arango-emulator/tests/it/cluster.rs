//! What differs in a cluster: HTTP 201 with rows does not prove a commit.
//!
//! The coordinator ends a query by `DELETE /_api/aql/finish/<id>` at each DB-Server, which commits only then. What goes
//! wrong there is logged and dropped (`Query::cleanupTrxAndEngines`); the server's own test
//! `testThatQueryIsntStuckAtShutdownIfFinishDBServerPartsThrows` expects success, with `writesExecuted` 0.

use std::time::{Duration, Instant};

use serde_json::json;
use shylock_arango_emulator::{Config, Emulator, Fault};

use crate::support::Client;

const UPDATE: &str = "FOR d IN c UPDATE d WITH {n: d.n + 1} IN c RETURN NEW.n";

async fn cluster(config: Config) -> (Emulator, Client) {
    let emulator = Emulator::start(&config.without_authentication().cluster()).expect("an emulator");
    let client = Client::new(&emulator);
    client.collection("c").await;
    client.rows("INSERT {_key: 'a', n: 0} INTO c").await;
    (emulator, client)
}

#[tokio::test]
async fn a_cluster_says_that_it_is_one() {
    let (_emulator, client) = cluster(Config::new()).await;
    assert_eq!(client.get("/_admin/server/role").await.json["role"], "COORDINATOR");
    let (_emulator, client) = cluster(Config::new().role(Some("PRIMARY"))).await;
    assert_eq!(client.get("/_admin/server/role").await.json["role"], "COORDINATOR");
    let silent = Emulator::start(&Config::new().without_authentication().role(None)).expect("an emulator");
    assert_eq!(Client::new(&silent).get("/_admin/server/role").await.failure(), (403, 11));
}

#[tokio::test]
async fn an_acknowledged_query_need_not_be_committed() {
    let (emulator, client) = cluster(Config::new()).await;
    for (fault, executed, committed) in [
        (Fault::finish_lost(), 0, false),
        (Fault::commit_failed(), 1, false),
        (Fault::finish_answer_lost(), 0, true),
        (Fault::finish_hangs(Duration::from_millis(50), true), 0, true),
        (Fault::finish_hangs(Duration::from_millis(50), false), 0, false),
    ] {
        let before = client.value("FOR d IN c RETURN d.n").await.as_i64().expect("a number");
        emulator.inject(fault.clone());
        let started = Instant::now();
        let answer = client.run(UPDATE).await;
        assert_eq!((answer.status, &answer.json["result"]), (201, &json!([before + 1])), "{fault:?}");
        assert_eq!(answer.json["extra"]["stats"]["writesExecuted"], executed, "{fault:?}");
        let after = client.value("FOR d IN c RETURN d.n").await.as_i64().expect("a number");
        assert_eq!(after, before + i64::from(committed), "{fault:?}");
        assert!(
            !format!("{fault:?}").contains("hangs: 50ms") || started.elapsed() >= Duration::from_millis(50)
        );
    }
}

#[tokio::test]
async fn a_leader_that_dies_before_the_commit_is_away_for_a_while() {
    let (emulator, client) = cluster(Config::new()).await;
    emulator.inject(Fault::server_dies_before_commit(Duration::from_millis(200)));
    assert_eq!(client.rows(UPDATE).await, json!([1]));
    assert_eq!(client.failure(UPDATE).await, (503, 1478));
    assert_eq!(client.failure("FOR d IN c RETURN d.n").await, (503, 1478));
    let back = async { while client.failure("FOR d IN c RETURN d.n").await != (201, 0) {} };
    tokio::time::timeout(Duration::from_secs(20), back).await.expect("another leader");
    assert_eq!(client.value("FOR d IN c RETURN d.n").await, json!(0));
}

#[tokio::test]
async fn on_a_single_server_an_answer_proves_the_commit() {
    let (emulator, client) = crate::support::with_collection().await;
    client.rows("INSERT {_key: 'a', n: 0} INTO c").await;
    let fault = emulator.inject(Fault::commit_failed().until_cleared());
    assert_eq!(client.rows(UPDATE).await, json!([1]));
    assert_eq!(client.value("FOR d IN c RETURN d.n").await, json!(1));
    assert_eq!(emulator.fired(fault), 0);
}

#[tokio::test]
async fn only_queries_that_write_can_fail_to_commit() {
    let (emulator, client) = cluster(Config::new()).await;
    let fault = emulator.inject(Fault::finish_lost().until_cleared());
    client.rows("FOR d IN c RETURN d").await;
    client.rows("FOR d IN c UPDATE d WITH {} IN c").await;
    assert_eq!(emulator.fired(fault), 0);
}

/// Rule `optimize-cluster-single-document-operations`: it waits for the key, and answers as a document request does.
#[tokio::test]
async fn an_insert_of_one_document_may_be_a_document_request() {
    for (single, lost) in [(true, (409, 1210)), (false, (409, 1200))] {
        let (emulator, client) = cluster(Config::new().single_document_inserts(single)).await;
        emulator.meet_before_commit(2);
        let insert = "INSERT {_key: 'b'} INTO c";
        let (first, second) = tokio::join!(client.run(insert), client.run(insert));
        let mut outcomes = [first.failure(), second.failure()];
        outcomes.sort_unstable();
        assert_eq!(outcomes, [(201, 0), lost]);
    }
}
