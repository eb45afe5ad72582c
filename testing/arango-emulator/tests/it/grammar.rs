//! Which texts the server's grammar takes.
//!
//! "grammar" is `Aql/grammar.y` of the server: `IN` is an operator that binds tighter than `? :`, `||`, `&&` and `==`,
//! and the collection of a write follows an expression. "experiment" is its rules for expressions and writes, with the
//! same precedences, built with bison. "operators" is the table of precedences in the server's documentation.

use serde_json::{Value, json};

use crate::support::{open, with_collection};

const TAKEN: [(&str, &str); 16] = [
    ("UPDATE 'k' WITH {a: 1} IN c OPTIONS {mergeObjects: false}", "experiment"),
    ("UPDATE 'k' WITH MERGE({}, {a: 1}) IN c OPTIONS {mergeObjects: false}", "experiment"),
    ("FOR d IN c UPDATE 'k' WITH d.patch IN c OPTIONS {mergeObjects: false}", "experiment"),
    ("LET a = {} LET b = {} UPDATE 'k' WITH a + b IN c", "experiment"),
    ("LET ok = true UPDATE 'k' WITH (ok ? {a: 1} : {}) IN c OPTIONS {mergeObjects: false}", "experiment"),
    ("LET ok = true UPDATE 'k' WITH ok ? {a: 1} : {} INTO c OPTIONS {mergeObjects: false}", "experiment"),
    (
        "LET ok = true LET p = ok ? {a: 1} : {} UPDATE 'k' WITH p IN c OPTIONS {mergeObjects: false}",
        "experiment",
    ),
    ("LET ok = true UPDATE ok ? 'k' : 'l' WITH {a: 1} IN c", "experiment"),
    ("LET a = {} LET b = {} UPDATE 'k' WITH (a || b) IN c", "grammar"),
    ("INSERT {_key: 'x'} IN c", "grammar"),
    ("REMOVE 'k' IN c", "grammar"),
    ("FOR i IN [1] FILTER 1 IN [1, 2] == true RETURN i", "operators"),
    ("RETURN true ? 1 : false ? 2 : 3", "operators"),
    ("RETURN NOT 1 IN [true, false]", "operators"),
    ("RETURN 1 + 1..2 + 2", "operators"),
    ("RETURN 1 < 2 && 3 NOT IN [4]", "operators"),
];

const REFUSED: [(&str, &str); 12] = [
    ("LET ok = true UPDATE 'k' WITH ok ? {a: 1} : {} IN c OPTIONS {mergeObjects: false}", "experiment"),
    ("LET ok = true UPDATE 'k' WITH ok ? {a: 1} : {} IN c", "experiment"),
    ("LET a = {} LET b = {} UPDATE 'k' WITH a || b IN c OPTIONS {mergeObjects: false}", "experiment"),
    ("LET a = {} LET b = {} UPDATE 'k' WITH a || b IN c", "experiment"),
    ("LET a = {} LET b = {} UPDATE 'k' WITH a && b IN c", "grammar"),
    ("LET a = {} LET b = {} UPDATE 'k' WITH a == b IN c", "grammar"),
    ("LET a = {} INSERT a || {} IN c", "grammar"),
    ("LET a = 'k' REMOVE a ? 'k' : 'l' IN c", "grammar"),
    ("LET a = 'k' REPLACE a ? 'k' : 'l' IN c", "grammar"),
    ("RETURN 1 2", "grammar"),
    ("RETURN 1;", "grammar"),
    ("FOR x IN [1]", "grammar"),
];

#[tokio::test]
async fn what_the_servers_grammar_takes_is_taken() {
    for (text, source) in TAKEN {
        let (_emulator, client) = with_collection().await;
        client.rows("INSERT {_key: 'k', patch: {}} INTO c").await;
        let answer = client.run(text).await;
        let fine = answer.status == 201 || (answer.num() != 1501 && text.contains("a + b"));
        assert!(fine, "{text} ({source}): {}", answer.text);
        let parsed = client.post("/_api/query", &json!({"query": text})).await;
        assert_eq!((parsed.status, &parsed.json["parsed"]), (200, &json!(true)), "{text} ({source})");
    }
}

#[tokio::test]
async fn what_the_servers_grammar_refuses_is_refused() {
    for (text, source) in REFUSED {
        let (_emulator, client) = with_collection().await;
        client.rows("INSERT {_key: 'k'} INTO c").await;
        assert_eq!(client.failure(text).await, (400, 1501), "{text} ({source})");
        let parsed = client.post("/_api/query", &json!({"query": text})).await;
        assert_eq!(parsed.failure(), (400, 1501), "{text} ({source})");
    }
}

#[tokio::test]
async fn operators_bind_as_documented() {
    let (_emulator, client) = open();
    for (expression, wanted) in [
        ("1 + 2 * 3", json!(7)),
        ("(1 + 2) * 3", json!(9)),
        ("1 IN [1] == true", json!(true)),
        ("true == 1 IN [1]", json!(true)),
        ("2 IN [1] || true", json!(true)),
        ("1 < 2 IN [true]", json!(true)),
        ("! (1 IN [1])", json!(false)),
        ("NOT 0 == true", json!(true)),
        ("true ? 1 : false ? 2 : 3", json!(1)),
        ("null ?: 5", json!(5)),
        ("1 < 2 and not false or false", json!(true)),
        ("1 + 1..2 + 2", json!([2, 3, 4])),
        ("-2 - -3", json!(1)),
    ] {
        assert_eq!(client.value(&format!("RETURN {expression}")).await, wanted, "{expression}");
    }
}

#[tokio::test]
async fn a_query_is_parsed_without_values_and_without_being_run() {
    let (_emulator, client) = with_collection().await;
    let text = "FOR d IN @@c FILTER d._key == @key INSERT {a: @a} IN other RETURN d";
    let parsed = client.post("/_api/query", &json!({"query": text})).await.ok();
    assert_eq!(parsed["bindVars"], json!(["@c", "a", "key"]));
    assert_eq!(parsed["collections"], json!(["other"]));
    for (body, wanted) in
        [(json!({}), (400, 600)), (json!({"query": ""}), (400, 1502)), (Value::Null, (400, 600))]
    {
        assert_eq!(client.send("POST", "/_api/query", &body).await.failure(), wanted, "{body}");
    }
}
