//! Lock names: any text, told apart byte by byte.

use crate::conformance::Harness;
use crate::conformance::probe::{Probe, name};
use crate::queue::LockName;
use crate::queue::Mode::Exclusive;

/// Takes every name, and checks that each has a queue of its own, and is listed as it is.
async fn are_locks_of_their_own<H: Harness>(harness: &H, names: &[&str]) {
    let probe = Probe::open(harness, "lock").await;
    let mut claims = Vec::new();
    for name in names {
        let (claim, token) = probe.on(name).try_join(Exclusive).await;
        assert!(token.is_some(), "{name:?} is taken by another name");
        claims.push(claim);
    }
    for (name, claim) in names.iter().zip(&claims) {
        assert_eq!(probe.on(name).claims().await, [*claim], "{name:?}");
    }
    let mut listed = probe.list("", None, names.len() + 1).await;
    let mut expected: Vec<&str> = names.to_vec();
    expected.sort_unstable();
    assert_eq!(listed, expected);

    for (name, claim) in names.iter().zip(&claims) {
        probe.on(name).leave(*claim).await;
        listed.retain(|n| n != name);
        assert_eq!(probe.list("", None, names.len()).await, listed, "after {name:?} was left");
    }
}

pub async fn names_may_have_characters_that_mean_something_to_a_store<H: Harness>(harness: &H) {
    let names = [
        "$",
        "$$NOW",
        "$set",
        ".",
        "..",
        "a.b",
        "a..b",
        ".a",
        "a.",
        "/",
        "//",
        "a/b",
        "/a/",
        "\\",
        "\\\\",
        "'",
        "\"",
        "''",
        "`",
        "%",
        "%25",
        "%2F",
        "%00",
        "a%",
        "_",
        "*",
        "?",
        "[a]",
        "^a$",
        "(",
        "{",
        "{}",
        "{\"_id\":1}",
        "@name",
        ":",
        ";",
        "#",
        "&",
        "=",
        "+",
        "-",
        "--",
        "<",
        ">",
        "|",
        "!",
        "~",
        ",",
        "null",
        "true",
        "0",
        "1",
        "NaN",
        "undefined",
        "_key",
        "_id",
        "system.locks",
        "' OR '1'='1",
        "a b",
    ];
    are_locks_of_their_own(harness, &names).await;
}

pub async fn names_may_have_control_characters_and_any_unicode<H: Harness>(harness: &H) {
    let names = [
        "\0",
        "a\0",
        "a\0b",
        "a",
        "\n",
        "\r\n",
        "\t",
        "\u{1b}[0m",
        "\u{7f}",
        "\u{feff}",
        "\u{feff}a",
        "\u{200b}",
        "\u{202e}",
        "ß",
        "замок",
        "錠",
        "قفل",
        "🔒",
        "👩‍👩‍👧",
        "\u{ffff}",
        "\u{fffd}",
        "\u{10ffff}",
        "\u{e000}",
    ];
    are_locks_of_their_own(harness, &names).await;
}

pub async fn names_differ_by_case<H: Harness>(harness: &H) {
    are_locks_of_their_own(harness, &["lock", "Lock", "LOCK", "straße", "STRASSE", "strasse", "ä", "Ä"])
        .await;
}

pub async fn names_differ_by_white_space<H: Harness>(harness: &H) {
    let names = ["lock", " lock", "lock ", " lock ", "lock\t", "lock\n", " ", "  ", "\u{a0}lock", "lo ck"];
    are_locks_of_their_own(harness, &names).await;
}

pub async fn names_that_only_look_equal_differ<H: Harness>(harness: &H) {
    let names = [
        "caf\u{e9}",
        "cafe\u{301}",
        "cafe",
        "\u{212b}",
        "\u{c5}",
        "A\u{30a}",
        "\u{fb01}",
        "fi",
        "\u{ff41}",
        "a",
        "\u{430}",
        "x\u{200d}",
        "x",
    ];
    are_locks_of_their_own(harness, &names).await;
}

pub async fn a_name_and_the_names_that_it_begins_differ<H: Harness>(harness: &H) {
    let names = ["a", "aa", "aaa", "a/", "a/b", "a.b", "a%", "a*", "a ", "a\0", "b"];
    are_locks_of_their_own(harness, &names).await;
}

pub async fn the_shortest_and_the_longest_names_work<H: Harness>(harness: &H) {
    let longest = "x".repeat(LockName::MAX_BYTES);
    // Long names that differ only in their first or their last byte, and ones of wide characters.
    let [last, first] = [format!("{}y", &longest[1..]), format!("y{}", &longest[1..])];
    let (two, four) = ("é".repeat(512), "🔒".repeat(256));
    let dollars = "$".repeat(1024);
    let names = ["x", "y", &longest[1..], &longest, &last, &first, &two, &four, &dollars];
    are_locks_of_their_own(harness, &names).await;
}

pub async fn long_names_queue_and_renew_like_others<H: Harness>(harness: &H) {
    let longest = "%/🔒\0".repeat(150)[..1024 - 1024 % 7].to_owned();
    let lock = Probe::open(harness, &longest).await;
    assert_eq!(lock.lock, name(&longest));
    let claims = [lock.join(Exclusive).await, lock.join(Exclusive).await];
    let renewed = lock.renew(claims[0], crate::conformance::probe::LONG).await;
    assert_eq!(renewed, crate::Renewed::Extended);
    lock.leave(claims[0]).await;
    assert_eq!(lock.holders().await, [claims[1]]);
}
