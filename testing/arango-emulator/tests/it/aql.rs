//! What expressions mean.

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
            "SORTED([{}, [], 'a', 0, true, false, null, 'B', -1, [0], {a: 1}])",
            json!([null, false, true, -1, 0, "a", "B", [], [0], {}, {"a": 1}]),
        ),
        ("null < -1", json!(true)),
        ("{}.missing < 5", json!(true)),
        ("true < 0", json!(true)),
        ("99 < ''", json!(true)),
        ("'zzz' < []", json!(true)),
        ("[99] < {}", json!(true)),
        ("1 == 1.0", json!(true)),
        ("1 == '1'", json!(false)),
        ("'a' == 'A'", json!(false)),
        ("'a' < 'A' && 'A' < 'b'", json!(true)),
        ("[1, 2] < [1, 3]", json!(true)),
        ("[1] == [1, null]", json!(true)),
        ("{a: 1, b: 2} == {b: 2, a: 1}", json!(true)),
        ("{a: 1} == {a: 1, b: null}", json!(true)),
        ("{a: 2} > {a: 1, b: 5}", json!(true)),
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
        ("7 || FAIL('not reached')", json!(7)),
        ("null ?: 5", json!(5)),
        ("6 ?: 5", json!(6)),
        ("NOT 0 == true", json!(true)),
        ("! (1 in [1])", json!(false)),
        ("true ? 1 : false ? 2 : 3", json!(1)),
        ("1 < 2 and not false or false", json!(true)),
    ])
    .await;
}

#[tokio::test]
async fn arithmetic() {
    check(&[
        ("1 + 2 * 3", json!(7)),
        ("(1 + 2) * 3", json!(9)),
        ("-2 - -3", json!(1)),
        ("7 / 2", json!(3.5)),
        ("6 / 2", json!(3)),
        ("7 % 4", json!(3)),
        ("-7 % 4", json!(-3)),
        ("'5' + 1", json!(6)),
        ("'x' + 1", json!(1)),
        ("null + 1", json!(1)),
        ("[4] + 1", json!(5)),
        ("[4, 5] + 1", json!(1)),
        ("{} + 1", json!(1)),
        ("true + true", json!(2)),
        ("0x1F + 0b11", json!(34)),
        (".5 + 1e2", json!(100.5)),
        ("1700000000000 * 1024 + 1", json!(1_740_800_000_000_001_i64)),
        ("3..1", json!([3, 2, 1])),
        ("1 + 1..2 + 2", json!([2, 3, 4])),
        ("MAX([1024 + 5, 3])", json!(1029)),
    ])
    .await;
}

#[tokio::test]
async fn membership_and_patterns() {
    check(&[
        ("2 IN [1, 2]", json!(true)),
        ("2 NOT IN [1, 2]", json!(false)),
        ("2 IN 2", json!(false)),
        ("[1, 2] ANY == 2", json!(true)),
        ("[1, 2] ALL > 0", json!(true)),
        ("[1, 2] NONE IN [3]", json!(true)),
        ("[1, 2, 3] AT LEAST (2) > 1", json!(true)),
        ("[1, 2, 3] AT LEAST (3) > 1", json!(false)),
        ("'abc' LIKE 'a%'", json!(true)),
        ("'abc' LIKE '_b_'", json!(true)),
        ("'abc' NOT LIKE 'b%'", json!(true)),
        ("'a%c' LIKE 'a\\\\%c'", json!(true)),
        ("'abc' LIKE 'a\\\\%c'", json!(false)),
    ])
    .await;
}

#[tokio::test]
async fn access() {
    check(&[
        ("{a: {b: [1, 2]}}.a.b[-1]", json!(2)),
        ("[1, 2][5]", json!(null)),
        ("{a: 1}['a']", json!(1)),
        ("null.a.b", json!(null)),
        ("5[0]", json!(null)),
        ("(FOR x IN [1, 2] RETURN {x})[1].x", json!(2)),
        ("{[CONCAT('a', 1)]: 2, 'b c': 3, `d`: 4}", json!({"a1": 2, "b c": 3, "d": 4})),
    ])
    .await;
}

#[tokio::test]
async fn expansions() {
    let values = "[{n: 1, l: [1, 2]}, {n: 2, l: [3]}, {n: 3, l: []}]";
    let cases = [
        ("[*].n", json!([1, 2, 3])),
        ("[*].l", json!([[1, 2], [3], []])),
        ("[*].l[**]", json!([1, 2, 3])),
        ("[* RETURN CURRENT.l][**]", json!([1, 2, 3])),
        ("[* RETURN [CURRENT]][**].n", json!([1, 2, 3])),
        ("[* FILTER CURRENT.n > 1].n", json!([2, 3])),
        ("[* LIMIT 1].n", json!([1])),
        ("[* LIMIT 1, 5 RETURN CURRENT.n * 10]", json!([20, 30])),
        ("[* FILTER CURRENT.n != 2 LIMIT 1, 1 RETURN {m: CURRENT.n}]", json!([{"m": 3}])),
        ("[*].l[* FILTER CURRENT > 1]", json!([[2], [3], []])),
        ("[? 2 FILTER CURRENT.n > 1]", json!(true)),
        ("[? ANY FILTER CURRENT.n > 3]", json!(false)),
        ("[? ALL FILTER CURRENT.n > 0]", json!(true)),
    ];
    let (_emulator, client) = open();
    for (expansion, wanted) in cases {
        assert_eq!(
            client.value(&format!("LET v = {values} RETURN v{expansion}")).await,
            wanted,
            "{expansion}"
        );
    }
    assert_eq!(client.value("LET v = [[1, [2]], 3] RETURN v[**]").await, json!([1, [2], 3]));
    assert_eq!(client.value("LET v = [[1, [2]], 3] RETURN v[***]").await, json!([1, 2, 3]));
    assert_eq!(client.value("LET v = null RETURN v[*].x").await, json!([]));
    let outer = "LET now = 2 LET q = [1, 2, 3] RETURN q[* FILTER CURRENT > now RETURN {c: CURRENT, w: q[* FILTER CURRENT < now]}]";
    assert_eq!(client.value(outer).await, json!([{"c": 3, "w": [1]}]));
}

#[tokio::test]
async fn functions_over_arrays() {
    check(&[
        ("[FIRST([]), LAST([1, 2]), NTH([1, 2], 1), NTH([1], -1)]", json!([null, 2, 2, null])),
        ("[PUSH([1], 1), PUSH([1], 1, true), PUSH(null, 1)]", json!([[1, 1], [1], [1]])),
        ("[APPEND([1], [2, 1], true), APPEND(null, [1]), APPEND([1], null)]", json!([[1, 2], [1], [1]])),
        ("[UNSHIFT([1], 0), POP([1, 2]), SHIFT([1, 2])]", json!([[0, 1], [1], [2]])),
        (
            "[SLICE([1, 2, 3], 1), SLICE([1, 2, 3], 0, 2), SLICE([1, 2, 3], -2, 1)]",
            json!([[2, 3], [1, 2], [2]]),
        ),
        ("SLICE([1, 2, 3, 4], 0, -2)", json!([1, 2])),
        ("[POSITION([5, 6], 6), POSITION([5, 6], 6, true), POSITION([5], 6, true)]", json!([true, 1, -1])),
        ("[REMOVE_VALUE([1, 2, 1], 1), REMOVE_VALUE([1, 2, 1], 1, 1)]", json!([[2], [2, 1]])),
        ("[REMOVE_VALUES([1, 2, 3], [1, 3]), REMOVE_NTH([1, 2, 3], -1)]", json!([[2], [1, 2]])),
        (
            "[UNION([1], [1, 2]), UNION_DISTINCT([1], [1, 2]), MINUS([1, 2], [1])]",
            json!([[1, 1, 2], [1, 2], [2]]),
        ),
        (
            "[UNIQUE([1, 1.0, 2]), SORTED([3, 1]), REVERSE([1, 2]), FLATTEN([1, [2, [3]]])]",
            json!([[1, 2], [1, 3], [2, 1], [1, 2, [3]]]),
        ),
        (
            "[MAX([1, null, 3]), MIN([null, 2]), MAX([]), SUM([]), SUM([1, null, 2]), AVG([1, 2])]",
            json!([3, 2, null, 0, 3, 1.5]),
        ),
        ("[LENGTH(null), LENGTH('äb'), LENGTH({a: 1}), LENGTH([1, 2]), COUNT([1])]", json!([0, 2, 1, 2, 1])),
        ("RANGE(1, 7, 3)", json!([1, 4, 7])),
        ("LENGTH(FOR i IN 1..4 FILTER i % 2 == 0 RETURN i)", json!(2)),
    ])
    .await;
}

#[tokio::test]
async fn functions_over_objects_text_and_numbers() {
    check(&[
        ("MERGE({a: 1, b: {c: 1}}, {b: {d: 2}})", json!({"a": 1, "b": {"d": 2}})),
        ("MERGE([{a: 1}, {b: 2}])", json!({"a": 1, "b": 2})),
        ("MERGE_RECURSIVE({b: {c: 1}}, {b: {d: 2}})", json!({"b": {"c": 1, "d": 2}})),
        ("[UNSET({a: 1, b: 2}, 'a'), KEEP({a: 1, b: 2}, ['a'])]", json!([{"b": 2}, {"a": 1}])),
        ("[HAS({a: null}, 'a'), HAS({}, 'a'), ATTRIBUTES({b: 1, a: 2}), VALUES({a: 2})]",
            json!([true, false, ["a", "b"], [2]])),
        ("[TO_NUMBER('1e3'), TO_NUMBER('x'), TO_STRING(null), TO_STRING([1]), TO_BOOL([]), TO_ARRAY(1)]",
            json!([1000, 0, "", "[1]", true, [1]])),
        ("[IS_NULL(null), IS_ARRAY([]), IS_OBJECT({}), NOT_NULL(null, 2), TYPENAME(1)]",
            json!([true, true, true, 2, "number"])),
        ("[FLOOR(-1.5), CEIL(1.2), ROUND(2.5), ROUND(-2.5), ABS(-3)]", json!([-2, 2, 3, -2, 3])),
        ("[CONCAT('a', 1, null, true), CONCAT(['x', 'y']), CONCAT_SEPARATOR('-', 'a', null, 'b')]",
            json!(["a1true", "xy", "a-b"])),
        ("[SUBSTRING('häuser', 1, 2), SUBSTRING('abc', -2), LEFT('abc', 2), RIGHT('abc', 1)]",
            json!(["äu", "bc", "ab", "c"])),
        ("[STARTS_WITH('abc', 'ab'), CONTAINS('abc', 'c', true), LOWER('AB'), UPPER('ab'), TRIM(' a ')]",
            json!([true, 2, "ab", "AB", "a"])),
        ("[DATE_ISO8601(1700000000123), DATE_TIMESTAMP('2023-11-14T22:13:20.123Z'), DATE_TIMESTAMP(2000, 3, 1)]",
            json!(["2023-11-14T22:13:20.123Z", 1_700_000_000_123_i64, 951_868_800_000_i64])),
        ("DATE_TIMESTAMP('2023-11-14T23:13:20+01:00')", json!(1_700_000_000_000_i64)),
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
    assert_eq!(
        rows("FOR i IN [{a: 1, b: 1}, {a: 1, b: 2}] SORT i.a, i.b DESC RETURN i.b").await,
        json!([2, 1])
    );
    assert_eq!(rows("FOR i IN [1, 1.0, '1'] RETURN DISTINCT i").await, json!([1, "1"]));
    assert_eq!(rows("LET a = 1, b = a + 1 RETURN b").await, json!([2]));
    assert_eq!(
        rows("FOR i IN [1, 2, 3] COLLECT odd = i % 2 == 1 INTO g = i RETURN {odd, g}").await,
        json!([{"odd": false, "g": [2]}, {"odd": true, "g": [1, 3]}])
    );
    assert_eq!(rows("FOR i IN 1..5 COLLECT WITH COUNT INTO n RETURN n").await, json!([5]));
    assert_eq!(
        rows("FOR i IN 1..5 COLLECT k = i % 2 AGGREGATE s = SUM(i), m = MAX(i) RETURN [k, s, m]").await,
        json!([[0, 6, 4], [1, 9, 5]])
    );
    assert_eq!(rows("RETURN (FOR i IN [] RETURN i)").await, json!([[]]));
    assert_eq!(rows("/* a */ RETURN 1 // b").await, json!([1]));
}

#[tokio::test]
async fn errors_have_the_servers_numbers() {
    let (_emulator, client) = with_collection().await;
    let cases = [
        ("FOR", (400, 1501)),
        ("FOR x IN [1]", (400, 1501)),
        ("RETURN 1;", (400, 1501)),
        ("RETURN 'x", (400, 1501)),
        ("RETURN 1 RETURN 2", (400, 1501)),
        ("RETURN a =~ b", (400, 1501)),
        ("FOR v, e IN OUTBOUND 'a/b' GRAPH 'g' RETURN v", (400, 1501)),
        ("UPSERT @x INSERT {} UPDATE {} IN c", (400, 1501)),
        ("RETURN NOWHERE(1)", (400, 1540)),
        ("RETURN MY::OWN(1)", (400, 1540)),
        ("RETURN FIRST()", (400, 1541)),
        ("RETURN DATE_NOW(1)", (400, 1541)),
        ("RETURN @missing", (400, 1551)),
        ("FOR x IN @@missing RETURN x", (400, 1551)),
        ("LET a = 1 LET a = 2 RETURN a", (400, 1511)),
        ("FOR x IN nowhere RETURN x", (404, 1203)),
        ("INSERT {} INTO nowhere", (404, 1203)),
        ("INSERT {} INTO c FOR x IN c RETURN x", (400, 1579)),
        ("INSERT {} INTO c INSERT {} INTO c", (400, 1579)),
        ("LET n = (INSERT {} INTO c RETURN NEW) FOR x IN c RETURN x", (400, 1579)),
        ("INSERT {_key: 'a b'} INTO c", (400, 1221)),
        ("INSERT {_key: 1} INTO c", (400, 1221)),
        ("INSERT 5 INTO c", (400, 1227)),
        ("UPDATE 'x' WITH {} IN c", (404, 1202)),
        ("UPDATE {} WITH {} IN c", (400, 1221)),
        ("REMOVE null IN c", (400, 1221)),
        ("RETURN ASSERT(false, 'no')", (400, 1593)),
        ("FOR i IN 1..2 UPDATE 'x' WITH {} IN c OPTIONS {waitForSync: i}", (400, 1575)),
    ];
    for (text, wanted) in cases {
        let binds = if text.contains("@x") { json!({"x": {}}) } else { json!({}) };
        let answer = client.query(text, &binds).await;
        assert_eq!(answer.failure(), wanted, "{text}: {}", answer.text);
    }
    assert_eq!(client.query("RETURN 1", &json!({"more": 1})).await.failure(), (400, 1552));
    assert_eq!(client.query("FOR x IN @@c RETURN x", &json!({"@c": 5})).await.failure(), (400, 1553));
}

#[tokio::test]
async fn warnings_come_with_null() {
    let (_emulator, client) = open();
    for (text, num) in [("RETURN 1 / 0", 1562), ("RETURN FIRST(1)", 1542), ("RETURN SUM(['a'])", 1542)] {
        let answer = client.query(text, &json!({})).await;
        assert_eq!(answer.json["result"], json!([null]), "{text}");
        assert_eq!(answer.json["extra"]["warnings"][0]["code"], num, "{text}");
    }
}

#[tokio::test]
async fn bind_parameters() {
    let (_emulator, client) = with_collection().await;
    client
        .query("INSERT {_key: @k, v: @v} INTO @@c", &json!({"k": "a", "v": {"x": [1]}, "@c": "c"}))
        .await
        .ok();
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
async fn upsert_inserts_then_updates() {
    let (_emulator, client) = with_collection().await;
    let upsert =
        "UPSERT {_key: 'a'} INSERT {_key: 'a', n: 1} UPDATE {n: OLD.n + 1} IN c RETURN [OLD.n, NEW.n]";
    assert_eq!(client.rows(upsert).await, json!([[null, 1]]));
    assert_eq!(client.rows(upsert).await, json!([[1, 2]]));
    let replace = "UPSERT {n: 2} INSERT {} REPLACE {m: 3} IN c RETURN UNSET(NEW, '_rev', '_id')";
    assert_eq!(client.rows(replace).await, json!([{"_key": "a", "m": 3}]));
    let own = "FOR i IN 1..3 UPSERT {k: 1} INSERT {k: 1, n: 1} UPDATE {n: OLD.n + 1} IN c RETURN NEW.n";
    assert_eq!(client.rows(own).await, json!([1, 2, 3]));
}

#[tokio::test]
async fn insert_can_overwrite() {
    let (_emulator, client) = with_collection().await;
    client.rows("INSERT {_key: 'a', n: 1} INTO c").await;
    let run = |mode: &str| {
        let text =
            format!("INSERT {{_key: 'a', m: 2}} INTO c OPTIONS {{overwriteMode: '{mode}'}} RETURN NEW");
        let client = client.clone();
        async move { client.rows(&text).await }
    };
    assert_eq!(run("ignore").await, json!([null]));
    let updated = run("update").await;
    assert_eq!((&updated[0]["n"], &updated[0]["m"]), (&json!(1), &json!(2)));
    let replaced = run("replace").await;
    assert_eq!((replaced[0].get("n"), &replaced[0]["m"]), (None, &json!(2)));
    let old = "INSERT {_key: 'a'} INTO c OPTIONS {overwriteMode: 'ignore'} RETURN OLD";
    assert_eq!(client.failure(old).await, (400, 1501));
}

#[tokio::test]
async fn collections_are_read_in_the_order_of_their_writes() {
    let (_emulator, client) = with_collection().await;
    client.rows("FOR k IN ['z', 'a', 'm'] INSERT {_key: k} INTO c").await;
    client.rows("UPDATE 'z' WITH {n: 1} IN c").await;
    assert_eq!(client.rows("FOR d IN c RETURN d._key").await, json!(["a", "m", "z"]));
    assert_eq!(
        client.value("RETURN [LENGTH(c), DOCUMENT('c/z').n, DOCUMENT(c, 'no')]").await,
        json!([3, 1, null])
    );
}
