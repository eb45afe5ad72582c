//! The thirteen behaviours, each with the answer that shylock needs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use super::ask::{Reply, Server};

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) number: &'static str,
    pub(crate) behaviour: &'static str,
    pub(crate) answered: String,
    pub(crate) holds: bool,
}

fn answer(number: &'static str, behaviour: &'static str, answered: String, holds: bool) -> Answer {
    Answer { number, behaviour, answered, holds }
}

/// Asks everything, one after the other.
pub(crate) async fn all(server: &Server) -> Vec<Answer> {
    vec![
        queries(server).await,
        revisions(server).await,
        empty_patches(server).await,
        conflicts(server).await,
        moments(server).await,
        lost_updates(server).await,
        numbers(server).await,
        hexadecimal(server).await,
        expressions(server).await,
        limits(server).await,
        ttl(server).await,
        rights(server).await,
        syncs_and_tokens(server).await,
        deployment(server).await,
    ]
}

const STRICT: &str = "OPTIONS { ignoreRevs: false, mergeObjects: false, keepNull: false }";

async fn with_document(server: &Server, document: &str) {
    server.query("FOR d IN c REMOVE d IN c").await;
    server.query(&format!("INSERT {document} INTO c")).await;
}

fn codes(replies: &[Reply]) -> String {
    replies.iter().map(Reply::code).collect::<Vec<_>>().join(", ")
}

async fn queries(server: &Server) -> Answer {
    let opened = server.backend().await;
    let (holds, said) = match opened {
        Ok(_) => (true, "all accepted".to_owned()),
        Err(error) => (false, error.to_string().replace('|', "/")),
    };
    answer("0", "every query of the backend is accepted", said, holds)
}

async fn revisions(server: &Server) -> Answer {
    with_document(server, "{ _key: 'a', n: 0 }").await;
    let update =
        |rev: &str| format!("FOR d IN c UPDATE {{ _key: 'a', _rev: {rev} }} WITH {{ n: 1 }} IN c {STRICT}");
    let mut replies = Vec::new();
    for rev in ["'x'", "d._rev", "null"] {
        replies.push(server.query(&update(rev)).await);
    }
    let said = codes(&replies);
    answer(
        "1",
        "a revision in the key expression: another one, the right one, null",
        said.clone(),
        said == "409/1200, 201, 400/1227",
    )
}

async fn empty_patches(server: &Server) -> Answer {
    with_document(server, "{ _key: 'a', n: 0 }").await;
    let mut kept = Vec::new();
    for key in ["{ _key: d._key }", "{ _key: d._key, _rev: d._rev }"] {
        let text = format!("FOR d IN c UPDATE {key} WITH {{}} IN c {STRICT} RETURN OLD._rev == NEW._rev");
        kept.push(server.query(&text).await.rows()[0].clone());
    }
    let said = format!("{}, {}", kept[0], kept[1]);
    answer(
        "2",
        "an empty patch keeps the revision: without `_rev` in the key expression, and with it",
        said,
        kept == [json!(true), json!(false)],
    )
}

async fn conflicts(server: &Server) -> Answer {
    with_document(server, "{ _key: 'taken' }").await;
    let insert = "INSERT { _key: 'new' } INTO c";
    let (one, two, three) = tokio::join!(server.query(insert), server.query(insert), server.query(insert));
    let rolled_back = server.query("FOR k IN ['fresh', 'taken'] INSERT { _key: k } INTO c").await;
    let left = server.query("FOR d IN c FILTER d._key == 'fresh' RETURN d").await;
    let replies = [one, two, three];
    let won = replies.iter().filter(|reply| reply.status == 201).count();
    let lost =
        replies.iter().filter(|reply| reply.status == 409 && [1200, 1210].contains(&reply.number)).count();
    let holds = won == 1 && lost == 2 && rolled_back.code() == "409/1210" && *left.rows() == json!([]);
    let said = format!(
        "{}; {} and {} rows left",
        codes(&replies),
        rolled_back.code(),
        left.rows().as_array().map_or(0, Vec::len)
    );
    answer("3", "of three that insert a key one wins; a query that fails in a row is undone", said, holds)
}

async fn moments(server: &Server) -> Answer {
    let text = "LET now = DATE_NOW() FOR time IN [0, 0.02] LET slept = SLEEP(time) RETURN now";
    let reply = server.query(text).await;
    let holds = reply.rows()[0].is_number() && reply.rows()[0] == reply.rows()[1];
    answer("4", "`LET now = DATE_NOW()` is one moment", reply.rows().to_string(), holds)
}

async fn lost_updates(server: &Server) -> Answer {
    with_document(server, "{ _key: 'a', n: 0 }").await;
    let add = format!(
        "FOR d IN c FILTER d._key == 'a' LET guard = {{ _key: d._key, _rev: d._rev }} LET change = {{ n: d.n + 1 }} UPDATE guard WITH change IN c {STRICT}"
    );
    let mut adds = tokio::task::JoinSet::new();
    let (mut done, mut lost, mut other) = (0, 0, 0);
    for _ in 0..20 {
        let (request, add) = (server.clone(), add.clone());
        adds.spawn(async move { request.query(&add).await });
    }
    for reply in adds.join_all().await {
        match (reply.status, reply.number) {
            (201, _) => done += 1,
            (409, 1200) => lost += 1,
            _ => other += 1,
        }
    }
    let stored = server.query("FOR d IN c RETURN d.n").await.rows()[0].as_f64();
    let said = format!("{done} done, {lost} lost with 1200, {other} with another answer; stored {stored:?}");
    answer(
        "5",
        "of twenty that add one at once none is forgotten",
        said,
        other == 0 && stored == Some(f64::from(done)),
    )
}

async fn numbers(server: &Server) -> Answer {
    let reply =
        server.query("RETURN [1700000000123 * 1024, 17 * 100000000000000, 1700000000123 / 1000]").await;
    let numbers: Vec<Option<f64>> = (0..3).map(|at| reply.rows()[0][at].as_f64()).collect();
    let holds = numbers == [Some(1_740_800_000_125_952.0), Some(1.7e15), Some(1_700_000_000.123)];
    let text = reply
        .text
        .split_once("[[")
        .and_then(|(_, rest)| rest.split_once("]]"))
        .map_or(&*reply.text, |(numbers, _)| numbers);
    answer("6", "numbers below 2^53 are exact, however they are printed", text.to_owned(), holds)
}

async fn hexadecimal(server: &Server) -> Answer {
    let reply = server.query("RETURN TO_HEX('\\nJ\u{e4}')").await;
    answer(
        "7",
        "`TO_HEX` gives lower-case digits of UTF-8",
        reply.rows()[0].to_string(),
        reply.rows()[0] == "0a4ac3a4",
    )
}

async fn expressions(server: &Server) -> Answer {
    with_document(server, "{ _key: 'a' }").await;
    let value = server.query("LET r = { ttls: { '0a': 5 } } LET l = [{ id: '0a', n: 1 }, { id: '1b', n: 2 }] RETURN l[* FILTER CURRENT.n < 2 RETURN MERGE(CURRENT, { ttl: r.ttls[CURRENT.id] })]").await;
    let parenthesised = server
        .query("LET ok = true UPDATE 'a' WITH (ok ? { n: 1 } : {}) IN c OPTIONS { mergeObjects: false }")
        .await;
    let bare = server
        .query("LET ok = true UPDATE 'a' WITH ok ? { n: 1 } : {} IN c OPTIONS { mergeObjects: false }")
        .await;
    let holds = value.rows()[0] == json!([{ "id": "0a", "n": 1, "ttl": 5 }]);
    let said = format!("{}; {}, {}", value.rows()[0], parenthesised.code(), bare.code());
    answer(
        "8",
        "inline expressions over arrays; a ternary after `WITH` only in parentheses",
        said,
        holds && parenthesised.code() == "201" && bare.code() == "400/1501",
    )
}

async fn limits(server: &Server) -> Answer {
    let killed = server.query_with("RETURN SLEEP(20)", json!({ "options": { "maxRuntime": 0.2 } })).await;
    let first = server.query_with("FOR i IN 1..3 RETURN i", json!({ "batchSize": 2 })).await;
    let path = format!("_api/cursor/{}", first.body["id"].as_str().unwrap_or_default());
    let second = server.send(Method::POST, &path, &Value::Null).await;
    let said = format!("{}; {} {}", killed.code(), second.code(), second.rows());
    answer(
        "9",
        "`maxRuntime` kills a query; `POST /_api/cursor/<id>` gives the next batch",
        said,
        killed.code() == "410/1500" && *second.rows() == json!([3]),
    )
}

async fn ttl(server: &Server) -> Answer {
    let index = json!({ "type": "ttl", "fields": ["purgeAt"], "expireAfter": 0 });
    let path = "_api/index?collection=c";
    let made = server.send(Method::POST, path, &index).await;
    let again = server.send(Method::POST, path, &index).await;
    let stored = server.query("INSERT { purgeAt: 4102444800.25 } INTO c").await;
    let said = codes(&[made, again, stored]);
    answer(
        "10",
        "a TTL index with `expireAfter: 0`, the same again, and a fraction of a second",
        said.clone(),
        said == "201, 200, 201",
    )
}

async fn rights(server: &Server) -> Answer {
    let guest = server.guest();
    let made = server.system(Method::POST, "_api/user", &json!({ "user": guest, "passwd": "guest" })).await;
    let path = format!("_api/user/{guest}/database/{}", server.database);
    let granted = server.system(Method::PUT, &path, &json!({ "grant": "ro" })).await;
    let path = format!("{path}/c");
    let limited = server.system(Method::PUT, &path, &json!({ "grant": "ro" })).await;
    let body = json!({ "query": "FOR r IN [] FOR d IN c UPDATE d WITH r IN c" });
    let path = format!("_db/{}/_api/cursor", server.database);
    let refused = server.send_as(&guest, "guest", Method::POST, &path, &body).await;
    let said = format!("{} ({} to set up)", refused.code(), codes(&[made, granted, limited]));
    answer(
        "11",
        "a user who may only read is refused when a query starts, even if it writes no row",
        said,
        refused.code() == "403/1004",
    )
}

async fn syncs_and_tokens(server: &Server) -> Answer {
    let synced = server.query("INSERT {} INTO c OPTIONS { waitForSync: true }").await;
    let log_in = server.log_in().await;
    let token = log_in.body["jwt"].as_str().and_then(|token| token.split('.').nth(1)).unwrap_or_default();
    let claims: Value = URL_SAFE_NO_PAD
        .decode(token.trim_end_matches('='))
        .ok()
        .and_then(|claims| serde_json::from_slice(&claims).ok())
        .unwrap_or_default();
    let lifetime = claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(exp, iat)| exp - iat);
    // A server without authentication gives no tokens.
    let fine = log_in.status == 404 || lifetime.is_some_and(|seconds| (1..=86_400).contains(&seconds));
    let said = format!("{}; log-in {}, lifetime {lifetime:?} s", synced.code(), log_in.code());
    answer(
        "12",
        "`waitForSync` is an option of a write; tokens tell their lifetime in whole seconds",
        said,
        synced.code() == "201" && fine,
    )
}

async fn deployment(server: &Server) -> Answer {
    let role = server.role().await;
    let reply = server.query("INSERT {} INTO c").await;
    let executed = reply.body["extra"]["stats"]["writesExecuted"].clone();
    let said = format!(
        "{role}; writesExecuted {executed}. Not asked: what a cluster answers while its leader changes"
    );
    answer(
        "13",
        "the server tells its role, and how many rows were written",
        said,
        ["SINGLE", "COORDINATOR"].contains(&&*role) && executed == 1,
    )
}
