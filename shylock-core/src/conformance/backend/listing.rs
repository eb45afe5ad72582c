//! Listing the names that have a live queue.

use crate::conformance::probe::{BRIEF, Probe};
use crate::conformance::{Backend, Harness};
use crate::queue::Mode::Exclusive;

async fn with_names<H: Harness>(harness: &H, names: &[&str]) -> Probe<impl Backend + use<H>> {
    let probe = Probe::open(harness, "lock").await;
    for name in names {
        probe.on(name).join(Exclusive).await;
    }
    probe
}

pub async fn an_empty_store_lists_nothing<H: Harness>(harness: &H) {
    let probe = with_names(harness, &[]).await;
    assert_eq!(probe.list("", None, 10).await, [""; 0]);
}

pub async fn names_are_listed_in_the_order_of_their_bytes<H: Harness>(harness: &H) {
    // In UTF-16 and in most dictionaries some of these stand the other way round.
    let in_order =
        ["\0", " ", "-", "10", "9", "A", "B", "a", "a\0", "a b", "a/", "aa", "b", "ä", "\u{ff5e}", "🔒"];
    let mut joined = in_order;
    joined.reverse();
    let probe = with_names(harness, &joined).await;
    assert_eq!(probe.list("", None, 100).await, in_order);
}

pub async fn only_names_with_a_live_queue_are_listed<H: Harness>(harness: &H) {
    let probe = with_names(harness, &["held"]).await;
    let (left, lapsed, waited_for) = (probe.on("left"), probe.on("lapsed"), probe.on("waited for"));
    left.leave(left.join(Exclusive).await).await;
    lapsed.until_lapsed(lapsed.join_for(Exclusive, BRIEF).await).await;
    // The first lease has ended, that of the one behind it has not.
    let first = waited_for.join_for(Exclusive, BRIEF).await;
    waited_for.join(Exclusive).await;
    waited_for.until_lapsed(first).await;
    assert_eq!(probe.list("", None, 10).await, ["held", "waited for"]);
}

pub async fn a_name_is_listed_once_however_many_wait<H: Harness>(harness: &H) {
    let probe = with_names(harness, &["a", "a", "a", "b", "b"]).await;
    assert_eq!(probe.list("", None, 10).await, ["a", "b"]);
}

pub async fn a_prefix_selects_the_names_that_begin_with_it<H: Harness>(harness: &H) {
    let probe = with_names(harness, &["job", "job/1", "job/2", "jobs", "jo", "a job", "Job/3", "k"]).await;
    assert_eq!(probe.list("job/", None, 10).await, ["job/1", "job/2"]);
    assert_eq!(probe.list("job", None, 10).await, ["job", "job/1", "job/2", "jobs"]);
    assert_eq!(probe.list("none", None, 10).await, [""; 0]);
    assert_eq!(probe.list("", None, 10).await.len(), 8);
}

pub async fn a_prefix_is_text_and_no_pattern<H: Harness>(harness: &H) {
    let prefixes = [
        "%", "_", "*", ".", "$", "^", "?", "[", "\\", "(", "a%", "a_", "a.", "a*", "'", "\"", "|", "\0", "+",
    ];
    let mut names: Vec<String> = prefixes.iter().map(|prefix| format!("{prefix}!")).collect();
    names.extend(["abc", "aXc", "plain"].map(str::to_owned));
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let probe = with_names(harness, &all).await;
    for prefix in prefixes {
        assert_eq!(probe.list(prefix, None, 100).await, [format!("{prefix}!")], "prefix {prefix:?}");
    }
}

pub async fn a_prefix_may_be_any_unicode<H: Harness>(harness: &H) {
    let names = ["é", "éa", "e\u{301}", "ê", "🔒1", "🔒2", "🔓", "\u{10ffff}", "\u{10ffff}x"];
    let probe = with_names(harness, &names).await;
    assert_eq!(probe.list("é", None, 10).await, ["é", "éa"]);
    assert_eq!(probe.list("🔒", None, 10).await, ["🔒1", "🔒2"]);
    assert_eq!(probe.list("\u{10ffff}", None, 10).await, ["\u{10ffff}", "\u{10ffff}x"]);
}

pub async fn pages_follow_each_other_without_a_gap<H: Harness>(harness: &H) {
    let names: Vec<String> = (0..23).map(|n| format!("name {n:02}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let probe = with_names(harness, &all).await;
    for limit in [1, 7, 23, 100] {
        let (mut listed, mut after) = (Vec::<String>::new(), None);
        loop {
            let page = probe.list("", after.as_deref(), limit).await;
            assert!(page.len() <= limit, "{} on a page of {limit}", page.len());
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            listed.extend(page);
        }
        assert_eq!(listed, names, "in pages of {limit}");
    }
}

pub async fn lapsed_names_take_no_place_on_a_page<H: Harness>(harness: &H) {
    let probe = with_names(harness, &["b", "d"]).await;
    for name in ["a", "c"] {
        let lock = probe.on(name);
        lock.until_lapsed(lock.join_for(Exclusive, BRIEF).await).await;
    }
    assert_eq!(probe.list("", None, 2).await, ["b", "d"]);
}

pub async fn a_page_begins_after_a_name_that_need_not_be_there<H: Harness>(harness: &H) {
    let probe = with_names(harness, &["a", "b", "d", "d/1", "e"]).await;
    assert_eq!(probe.list("", Some("b"), 10).await, ["d", "d/1", "e"]);
    assert_eq!(probe.list("", Some("c"), 10).await, ["d", "d/1", "e"]);
    assert_eq!(probe.list("", Some("e"), 10).await, [""; 0]);
    assert_eq!(probe.list("d", Some("d"), 10).await, ["d/1"]);
    assert_eq!(probe.list("d", Some("a"), 1).await, ["d"]);
    assert_eq!(probe.list("a", Some("c"), 10).await, [""; 0]);
}
