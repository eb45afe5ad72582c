//! Outcomes that the vendor's own tests assert.

use serde_json::{Value, json};

use crate::support::{Client, open, with_collection};

async fn cursor(client: &Client, body: Value) -> (u16, u64) {
    client.post("/_api/cursor", &body).await.failure()
}

#[tokio::test]
async fn cursor_bad_requests() {
    let (_emulator, client) = open();
    assert_eq!(client.send("POST", "/_api/cursor", &Value::Null).await.failure(), (400, 1502));
    for (body, wanted) in [
        (json!({}), (400, 600)),
        (json!({"query": null}), (400, 1502)),
        (json!({"query": ""}), (400, 1502)),
        (json!({"query": "    "}), (400, 1501)),
        (json!({"query": "FOR u IN unknowncoll LIMIT 2 RETURN u"}), (404, 1203)),
        (json!({"query": "FOR i IN 1..10000 RETURN i", "memoryLimit": 1000}), (500, 32)),
        (json!({"query": "RETURN 1", "batchSize": 0}), (400, 17)),
    ] {
        assert_eq!(cursor(&client, body.clone()).await, wanted, "{body}");
    }
    assert_eq!(client.send("PUT", "/_api/cursor/123456", &Value::Null).await.failure(), (404, 1600));
    assert_eq!(client.send("DELETE", "/_api/cursor/123456", &Value::Null).await.failure(), (404, 1600));
}

#[tokio::test]
async fn cursor_warnings() {
    let (_emulator, client) = open();
    let answer = client.run("RETURN 1 / 0").await;
    assert_eq!((answer.status, &answer.json["result"]), (201, &json!([null])));
    assert_eq!(answer.json["extra"]["warnings"][0]["code"], 1562);
    let failing = json!({"query": "RETURN 1 / 0", "options": {"failOnWarning": true}});
    assert_eq!(cursor(&client, failing).await, (400, 1562));
}

#[tokio::test]
async fn cursor_batches() {
    let (_emulator, client) = with_collection().await;
    client.rows("FOR i IN 1..2001 INSERT {i} INTO c").await;
    let all = json!({"query": "FOR d IN c RETURN d.i", "count": true, "batchSize": 1000});
    let first = client.post("/_api/cursor", &all).await;
    assert_eq!(
        (first.status, &first.json["count"], &first.json["hasMore"]),
        (201, &json!(2001), &json!(true))
    );
    let path = format!("/_api/cursor/{}", first.json["id"].as_str().expect("an id"));
    let mut sizes = vec![first.json["result"].as_array().map(Vec::len)];
    for method in ["PUT", "POST"] {
        let batch = client.send(method, &path, &Value::Null).await;
        assert_eq!(
            (batch.status, batch.json.get("nextBatchId").is_some()),
            (200, batch.json["hasMore"] == true)
        );
        assert_eq!(batch.json.get("id").is_some(), batch.json["hasMore"] == true);
        sizes.push(batch.json["result"].as_array().map(Vec::len));
    }
    assert_eq!(sizes, [Some(1000), Some(1000), Some(1)]);
    assert_eq!(client.send("PUT", &path, &Value::Null).await.failure(), (404, 1600));
}

#[tokio::test]
async fn databases() {
    let (_emulator, client) = open();
    let create = |name: &str| {
        let (client, body) = (client.clone(), json!({"name": name}));
        async move { client.post("/_api/database", &body).await.failure() }
    };
    assert_eq!(create("one").await, (201, 0));
    assert_eq!(create("one").await, (409, 1207));
    assert_eq!(create("").await, (400, 1229));
    assert_eq!(create("a/b").await, (400, 1229));
    assert_eq!(client.post("/_db/one/_api/database", &json!({"name": "two"})).await.failure(), (403, 1230));
    assert_eq!(client.get("/_db/one/_api/database/current").await.json["result"]["name"], "one");
    assert_eq!(client.get("/_db/nowhere/_api/version").await.failure(), (404, 1228));
    client.post("/_db/one/_api/collection", &json!({"name": "c"})).await.ok();
    assert_eq!(client.get("/_api/collection/c").await.failure(), (404, 1203));
    assert_eq!(client.send("DELETE", "/_api/database/one", &Value::Null).await.status, 200);
    assert_eq!(client.send("DELETE", "/_api/database/one", &Value::Null).await.failure(), (404, 1228));
}

#[tokio::test]
async fn collections() {
    let (_emulator, client) = open();
    assert_eq!(client.post("/_api/collection", &json!({"name": "c"})).await.status, 200);
    assert_eq!(client.post("/_api/collection", &json!({"name": "c"})).await.failure(), (409, 1207));
    assert_eq!(client.post("/_api/collection", &json!({"name": "1a"})).await.failure(), (400, 1208));
    let broken = client.try_send("POST", "/_api/collection", &[], "{\"name\": ").await.expect("an answer");
    assert_eq!(broken.failure(), (400, 600));
    let shown = client.get("/_api/collection/c").await.ok();
    assert_eq!((&shown["status"], &shown["type"], &shown["isSystem"]), (&json!(3), &json!(2), &json!(false)));
    client.rows("INSERT {_key: 'a'} INTO c").await;
    assert_eq!(client.get("/_api/collection/c/count").await.json["count"], 1);
    assert_eq!(client.send("PUT", "/_api/collection/c/truncate", &Value::Null).await.status, 200);
    assert_eq!(client.get("/_api/collection/c/count").await.json["count"], 0);
    assert_eq!(client.send("DELETE", "/_api/collection/c", &Value::Null).await.status, 200);
    assert_eq!(client.get("/_api/collection/c").await.failure(), (404, 1203));
}

#[tokio::test]
async fn indexes() {
    let (_emulator, client) = with_collection().await;
    let create = |body: Value| {
        let client = client.clone();
        async move { client.post("/_api/index?collection=c", &body).await }
    };
    let unique = json!({"type": "persistent", "fields": ["a"], "unique": true, "name": "", "id": "", "inBackground": null});
    let first = create(unique.clone()).await;
    assert_eq!((first.status, &first.json["isNewlyCreated"]), (201, &json!(true)));
    let again = create(unique).await;
    assert_eq!((again.status, &again.json["isNewlyCreated"]), (200, &json!(false)));
    assert_eq!(again.json["id"], first.json["id"]);
    let sparse = create(json!({"type": "persistent", "fields": ["a"], "unique": true, "sparse": true})).await;
    assert_eq!(sparse.status, 201);
    assert_ne!(sparse.json["id"], first.json["id"]);
    client.rows("FOR i IN [5, 6] INSERT {a: i, b: 1} INTO c").await;
    client.rows("INSERT {a: 7, b: 1} INTO c").await;
    assert_eq!(client.failure("INSERT {a: 7} INTO c").await, (409, 1210));
    let violated = create(json!({"type": "persistent", "fields": ["b"], "unique": true})).await;
    assert_eq!(violated.failure(), (400, 1210));
    let path = format!("/_api/index/{}", first.json["id"].as_str().expect("an id"));
    assert_eq!(client.send("DELETE", &path, &Value::Null).await.status, 200);
    assert_eq!(client.get(&path).await.failure(), (404, 1212));
}

#[tokio::test]
async fn ttl_indexes() {
    let (_emulator, client) = with_collection().await;
    let create = |body: Value| {
        let client = client.clone();
        async move { client.post("/_api/index?collection=c", &body).await }
    };
    for bad in [
        json!({"type": "ttl", "fields": ["e"]}),
        json!({"type": "ttl", "fields": ["e"], "expireAfter": -1}),
        json!({"type": "ttl", "fields": ["e"], "expireAfter": "5"}),
        json!({"type": "ttl", "fields": ["e", "f"], "expireAfter": 0}),
        json!({"type": "ttl", "fields": ["e"], "expireAfter": 0, "unique": true}),
    ] {
        assert_eq!(create(bad.clone()).await.failure(), (400, 10), "{bad}");
    }
    let good = json!({"type": "ttl", "fields": ["e"], "expireAfter": 0});
    let first = create(good.clone()).await;
    assert_eq!(
        (first.status, &first.json["sparse"], &first.json["estimates"]),
        (201, &json!(true), &json!(false))
    );
    assert_eq!(create(good).await.json["id"], first.json["id"]);
    for other in [
        json!({"type": "ttl", "fields": ["other"], "expireAfter": 0}),
        json!({"type": "ttl", "fields": ["e"], "expireAfter": 10}),
    ] {
        assert_eq!(create(other.clone()).await.failure(), (400, 10), "{other}");
    }
}

#[tokio::test]
async fn document_return_codes() {
    let (_emulator, client) = with_collection().await;
    let document = "/_api/document/c/a";
    let created = client.post("/_api/document/c", &json!({"_key": "a", "n": 1})).await;
    assert_eq!(created.status, 202);
    let rev = created.json["_rev"].as_str().expect("a revision").to_owned();
    assert_eq!(client.post("/_api/document/c", &json!({"_key": "a"})).await.failure(), (409, 1210));
    assert_eq!(client.post("/_api/document/c?waitForSync=true", &json!({"_key": "b"})).await.status, 201);
    assert_eq!(client.post("/_api/document/c", &json!({"_key": "a b"})).await.failure(), (400, 1221));
    assert_eq!(client.post("/_api/document/nowhere", &json!({})).await.failure(), (404, 1203));
    assert_eq!(client.get(document).await.status, 200);
    assert_eq!(client.get("/_api/document/c/none").await.failure(), (404, 1202));
    let with = |method: &'static str, name: &str, rev: &str| {
        let (client, header) = (client.clone(), vec![(name.to_owned(), format!("\"{rev}\""))]);
        async move { client.try_send(method, document, &header, "{\"n\": 2}").await.expect("an answer") }
    };
    assert_eq!(with("GET", "if-none-match", &rev).await.status, 304);
    assert_eq!(with("GET", "if-match", "other").await.failure(), (412, 1200));
    for method in ["PATCH", "PUT", "DELETE"] {
        assert_eq!(with(method, "if-match", "other").await.failure(), (412, 1200), "{method}");
    }
    let patched = with("PATCH", "if-match", &rev).await;
    assert_eq!((patched.status, patched.json["_oldRev"].as_str()), (202, Some(rev.as_str())));
    assert_eq!(client.send("PUT", document, &json!({"n": 3})).await.status, 202);
    assert_eq!(client.send("DELETE", document, &Value::Null).await.status, 202);
    assert_eq!(client.send("DELETE", document, &Value::Null).await.failure(), (404, 1202));
}

#[tokio::test]
async fn aql_inserts() {
    let (_emulator, client) = with_collection().await;
    client.rows("FOR i IN 0..99 INSERT {_key: CONCAT('k', i)} INTO c").await;
    assert_eq!(client.failure("FOR i IN [100, 5] INSERT {_key: CONCAT('k', i)} INTO c").await, (409, 1210));
    assert_eq!(client.value("RETURN LENGTH(c)").await, json!(100));
    for body in ["null", "'x'", "[]", "5", "true"] {
        assert_eq!(client.failure(&format!("INSERT {body} INTO c")).await, (400, 1227), "{body}");
    }
    let none = client.run("FOR i IN 1..5 FILTER i > 9 INSERT {} INTO c").await.json["extra"]["stats"].clone();
    assert_eq!((&none["writesExecuted"], &none["writesIgnored"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn aql_updates() {
    let (_emulator, client) = with_collection().await;
    let unique = json!({"type": "persistent", "fields": ["u"], "unique": true});
    client.post("/_api/index?collection=c", &unique).await.ok();
    client.rows("FOR i IN 1..3 INSERT {_key: CONCAT('k', i), u: i} INTO c").await;
    assert_eq!(client.failure("UPDATE 'none' WITH {} IN c").await, (404, 1202));
    assert_eq!(client.failure("UPDATE 'k1' WITH {u: 2} IN c").await, (409, 1210));
    assert_eq!(client.failure("FOR d IN c UPDATE d WITH {u: 9} IN c").await, (409, 1210));
    assert_eq!(client.rows("FOR d IN c SORT d.u RETURN d.u").await, json!([1, 2, 3]));
    assert_eq!(client.rows("UPDATE 'k1' WITH {} IN c RETURN OLD._rev == NEW._rev").await, json!([true]));
}

#[tokio::test]
async fn revisions_count_only_in_the_key_expression() {
    let (_emulator, client) = with_collection().await;
    client.rows("INSERT {_key: 'a'} INTO c").await;
    let strict = "OPTIONS {ignoreRevs: false}";
    let update = |key: &str, patch: &str| format!("UPDATE {key} WITH {patch} IN c {strict}");
    assert_eq!(client.failure(&update("'a'", "{_rev: 'x', n: 1}")).await, (201, 0));
    assert_eq!(client.failure(&update("{_key: 'a', _rev: 'x'}", "{n: 2}")).await, (409, 1200));
    assert_eq!(client.failure("UPDATE {_key: 'a', _rev: 'x'} WITH {n: 2} IN c").await, (201, 0));
    assert_eq!(client.failure(&format!("FOR d IN c UPDATE d WITH {{n: 3}} IN c {strict}")).await, (201, 0));
}
