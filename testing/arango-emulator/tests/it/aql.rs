//! What expressions and clauses mean.

use serde_json::{Value, json};

use crate::support::{open, with_collection};

/// Checks values against the expressions that give them.
async fn check(cases: &[(&str, Value)]) {
    let (_emulator, client) = open();
    for (expression, wanted) in cases {
        let found = client.value(&format!("RETURN {expression}")).await;
        assert_eq!(&found, wanted, "{expression}");
    }
}

#[tokio::test]
async fn types_have_an_order() {
    check(&[
        (
            "(FOR v IN [{}, [], 'a', 0, true, false, null, 'B', -1] SORT v RETURN v)",
            json!([null, false, true, -1, 0, "a", "B", [], {}]),
        ),
        ("null < -1", json!(true)),
        ("{}.missing < 5", json!(true)),
        ("1 == 1.0", json!(true)),
        ("1 == '1'", json!(false)),
        ("'a' == 'A'", json!(false)),
        ("'a' < 'A' && 'A' < 'b'", json!(true)),
        ("[1] == [1, null]", json!(true)),
        ("{a: 1, b: 2} == {b: 2, a: 1}", json!(true)),
    ])
    .await;
}

#[tokio::test]
async fn truth_and_logic() {
    check(&[
        ("[null, 0, '', false, [], {}, ' ', -1][* RETURN CURRENT ? 1 : 0]", json!([0, 0, 0, 0, 1, 1, 1, 1])),
        ("1 && 'x'", json!("x")),
        ("0 && 'x'", json!(0)),
        ("'' || 'x'", json!("x")),
        ("2 IN 2", json!(false)),
        ("2 NOT IN [1, 2]", json!(false)),
    ])
    .await;
}

#[tokio::test]
async fn arithmetic() {
    check(&[
        ("7 / 2", json!(3.5)),
        ("-7 % 4", json!(-3)),
        ("'5' + 1", json!(6)),
        ("'x' + 1", json!(1)),
        ("null + 1", json!(1)),
        ("{} + 1", json!(1)),
        ("0x1F + 0b11", json!(34)),
        (".5 + 1e2", json!(100.5)),
        ("1700000000001 * 1024 + 1", json!(1_740_800_000_001_025_i64)),
        ("3..1", json!([3, 2, 1])),
    ])
    .await;
}

/// Velocypack's `Dumper::appendDouble`: a calculated number is a double, one that a client sent may not be.
#[tokio::test]
async fn numbers_are_written_as_the_server_writes_them() {
    let (_emulator, client) = with_collection().await;
    for (expression, wanted) in [
        ("1700000000000 * 1000", "1.7e+15"),
        ("1700000000000000", "1700000000000000"),
        ("1700000000123 * 1000", "1700000000123000"),
        ("6 / 2", "3"),
        ("MAX([1700000000000 * 1000, 3])", "1.7e+15"),
    ] {
        let answer = client.run(&format!("RETURN {expression}")).await;
        assert!(answer.text.contains(&format!("[{wanted}]")), "{expression}: {}", answer.text);
    }
    client.rows("INSERT {_key: 'a', n: 17 * 100000000000000} INTO c").await;
    assert!(client.get("/_api/document/c/a").await.text.contains("1.7e+15"), "as it was stored");
}

#[tokio::test]
async fn access_and_expansions() {
    let values = "[{n: 1, l: [1, 2]}, {n: 2, l: [3]}, {n: 3, l: []}]";
    let (_emulator, client) = open();
    for (expression, wanted) in [
        ("v[-1].n", json!(3)),
        ("v[5]", json!(null)),
        ("v[0]['n']", json!(1)),
        ("v.a.b", json!(null)),
        ("v[*].n", json!([1, 2, 3])),
        ("v[*].missing", json!([null, null, null])),
        ("v.missing[*].n", json!([])),
        ("v[* FILTER CURRENT.n > 1].n", json!([2, 3])),
        ("v[* LIMIT 1, 5 RETURN CURRENT.n * 10]", json!([20, 30])),
        ("v[* FILTER CURRENT.n != 2 LIMIT 1, 1 RETURN {m: CURRENT.n}]", json!([{"m": 3}])),
        ("{[CONCAT('a', 1)]: 2, 'b c': 3, `d`: 4}", json!({"a1": 2, "b c": 3, "d": 4})),
        ("{'1a': 5}['1a']", json!(5)),
    ] {
        let text = format!("LET v = {values} RETURN {expression}");
        assert_eq!(client.value(&text).await, wanted, "{expression}");
    }
}

#[tokio::test]
async fn functions() {
    check(&[
        ("[FIRST([]), FIRST([1]), LAST([1, 2])]", json!([null, 1, 2])),
        ("[PUSH([1], 1), PUSH(null, 1)]", json!([[1, 1], [1]])),
        ("[MAX([1, null, 3]), MIN([null, 2]), MAX([])]", json!([3, 2, null])),
        ("[LENGTH(null), LENGTH('äb'), LENGTH({a: 1}), LENGTH([1, 2])]", json!([0, 2, 1, 2])),
        ("MERGE({a: 1, b: {c: 1}}, {b: {d: 2}})", json!({"a": 1, "b": {"d": 2}})),
        ("[UNSET({a: 1, b: 2}, 'a'), HAS({a: null}, 'a'), HAS({}, 'a')]", json!([{"b": 2}, true, false])),
        ("[CONCAT('a', 1, null, true), TO_STRING(null), TO_STRING(2.0)]", json!(["a1true", "", "2"])),
        ("[LEFT('äbc', 2), RIGHT('abc', 1)]", json!(["äb", "c"])),
        // `StringUtilsTest` of the server, `test_encodeHex`.
        ("[TO_HEX('\\n'), TO_HEX('ä')]", json!(["0a", "c3a4"])),
    ])
    .await;
}

#[tokio::test]
async fn clauses() {
    let (_emulator, client) = open();
    let rows = |text: &'static str| client.rows(text);
    assert_eq!(
        rows("FOR i IN 1..3 FOR j IN [i, i * 10] FILTER j != 2 RETURN j").await,
        json!([1, 10, 20, 3, 30])
    );
    assert_eq!(rows("FOR i IN [3, 1, 2] SORT i DESC LIMIT 1, 1 RETURN i").await, json!([2]));
    assert_eq!(rows("LET a = 1, b = a + 1 RETURN b").await, json!([2]));
    assert_eq!(rows("RETURN (FOR i IN [] RETURN i)").await, json!([[]]));
    assert_eq!(rows("/* a */ RETURN 1 // b").await, json!([1]));
}

#[tokio::test]
async fn errors_have_the_servers_numbers() {
    let (_emulator, client) = with_collection().await;
    client.rows("INSERT {_key: 'k'} INTO c").await;
    let strict = "OPTIONS {ignoreRevs: false}";
    for (text, wanted) in [
        ("FOR".to_owned(), (400, 1501)),
        ("RETURN 'x".to_owned(), (400, 1501)),
        ("RETURN NOWHERE(1)".to_owned(), (400, 1540)),
        ("RETURN FIRST()".to_owned(), (400, 1541)),
        ("RETURN @missing".to_owned(), (400, 1551)),
        ("FOR x IN @@missing RETURN x".to_owned(), (400, 1551)),
        ("LET a = 1 LET a = 2 RETURN a".to_owned(), (400, 1511)),
        ("FOR x IN nowhere RETURN x".to_owned(), (404, 1203)),
        ("INSERT {} INTO nowhere".to_owned(), (404, 1203)),
        ("INSERT {} INTO c FOR x IN c RETURN x".to_owned(), (400, 1579)),
        ("LET n = (INSERT {} INTO c RETURN NEW) FOR x IN c RETURN x".to_owned(), (400, 1579)),
        ("INSERT {_key: 'a b'} INTO c".to_owned(), (400, 1221)),
        ("INSERT 5 INTO c".to_owned(), (400, 1227)),
        ("UPDATE 'x' WITH {} IN c".to_owned(), (404, 1202)),
        ("FOR i IN 1..2 UPDATE 'k' WITH {} IN c OPTIONS {waitForSync: i}".to_owned(), (400, 1575)),
        // `ModificationExecutorHelpers`: `getKey` and `getRevision`.
        ("UPDATE {} WITH {} IN c".to_owned(), (400, 1226)),
        ("REMOVE null IN c".to_owned(), (400, 1227)),
        ("UPDATE 5 WITH {} IN c".to_owned(), (400, 1227)),
        (format!("UPDATE {{_key: 'k', _rev: null}} WITH {{a: 1}} IN c {strict}"), (400, 1227)),
        ("UPDATE {_key: 'k', _rev: null} WITH {a: 1} IN c".to_owned(), (201, 0)),
    ] {
        let answer = client.run(&text).await;
        assert_eq!(answer.failure(), wanted, "{text}: {}", answer.text);
    }
    assert_eq!(client.query("RETURN 1", &json!({"more": 1})).await.failure(), (400, 1552));
    assert_eq!(client.query("FOR x IN @@c RETURN x", &json!({"@c": 5})).await.failure(), (400, 1553));
}

#[tokio::test]
async fn warnings_come_with_null() {
    let (_emulator, client) = open();
    for (text, num) in [("RETURN 1 / 0", 1562), ("RETURN FIRST(1)", 1542)] {
        let answer = client.run(text).await;
        assert_eq!(answer.json["result"], json!([null]), "{text}");
        assert_eq!(answer.json["extra"]["warnings"][0]["code"], num, "{text}");
    }
}

#[tokio::test]
async fn a_query_that_runs_too_long_is_killed() {
    let (_emulator, client) = open();
    let long = json!({"query": "RETURN SLEEP(600)", "options": {"maxRuntime": 0.02}});
    assert_eq!(client.post("/_api/cursor", &long).await.failure(), (410, 1500));
}

#[tokio::test]
async fn bind_parameters() {
    let (_emulator, client) = with_collection().await;
    let insert = "INSERT {_key: @k, v: @v} INTO @@c";
    client.query(insert, &json!({"k": "a", "v": {"x": [1]}, "@c": "c"})).await.ok();
    let read = "FOR d IN @@c FILTER d._key == @k RETURN d.v.@name";
    let answer = client.query(read, &json!({"k": "a", "@c": "c", "name": "x"})).await;
    assert_eq!(answer.json["result"], json!([[1]]));
    let injected = client.query("RETURN @x", &json!({"x": "' RETURN 1 //"})).await;
    assert_eq!(injected.json["result"], json!(["' RETURN 1 //"]));
}

#[tokio::test]
async fn writes_give_old_and_new() {
    let (_emulator, client) = with_collection().await;
    let rows = |text: &'static str| client.rows(text);
    let inserted = rows("INSERT {_key: 'a', n: 1, o: {x: 1}} INTO c RETURN NEW").await;
    assert_eq!((&inserted[0]["_id"], &inserted[0]["n"]), (&json!("c/a"), &json!(1)));
    let updated = rows("UPDATE 'a' WITH {n: 2, o: {y: 2}} IN c RETURN [OLD.n, NEW.n, NEW.o]").await;
    assert_eq!(updated, json!([[1, 2, {"x": 1, "y": 2}]]));
    let unmerged =
        "UPDATE 'a' WITH {o: {z: 3}, n: null} IN c OPTIONS {mergeObjects: false, keepNull: false} RETURN NEW";
    let unmerged = rows(unmerged).await;
    assert_eq!((unmerged[0].get("n"), &unmerged[0]["o"]), (None, &json!({"z": 3})));
    let replaced = rows("REPLACE {_key: 'a', only: 1} IN c RETURN UNSET(NEW, '_rev')").await;
    assert_eq!(replaced, json!([{"_id": "c/a", "_key": "a", "only": 1}]));
    assert_eq!(rows("REMOVE 'a' IN c RETURN OLD.only").await, json!([1]));
    assert_eq!(rows("FOR d IN c RETURN d").await, json!([]));
}

#[tokio::test]
async fn collections_are_read_in_the_order_of_their_writes() {
    let (_emulator, client) = with_collection().await;
    client.rows("FOR k IN ['z', 'a', 'm'] INSERT {_key: k} INTO c").await;
    client.rows("UPDATE 'z' WITH {n: 1} IN c").await;
    assert_eq!(client.rows("FOR d IN c RETURN d._key").await, json!(["a", "m", "z"]));
    assert_eq!(client.value("RETURN LENGTH(c)").await, json!(3));
}
