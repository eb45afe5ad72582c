//! Whatever a user may choose is stored as it is.

use shylock_core::{Backend, ClaimId, ListPage, LockName, Mode, Owner};
use shylock_testing::mongo::Topology;

use crate::support::{Fixture, exclusive, hostile_strings, lock};

fn page(prefix: &str) -> ListPage {
    ListPage::new(prefix, 1_000)
}

async fn list(fixture: &Fixture, page: ListPage) -> Vec<String> {
    let names = fixture.backend.list(&page).await.expect("names");
    names.iter().map(LockName::to_string).collect()
}

#[tokio::test]
async fn hostile_names_are_locks_like_any_other() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let mut names = hostile_strings();
    for name in &names {
        let claim = ClaimId::random();
        assert_eq!(fixture.join(name, claim).await.claims.len(), 1, "{name:?} is a lock of its own");
        let read = fixture.backend.queue(&lock(name)).await.expect("a queue");
        assert!(read.granted_token(claim).is_some(), "{name:?}");
    }
    names.sort_unstable();
    assert_eq!(list(&fixture, page("")).await, names, "in the order of their bytes");
}

#[tokio::test]
async fn hostile_owners_stay_themselves() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    for text in hostile_strings() {
        let mut request = exclusive(&text, ClaimId::random());
        request.owner = Owner::new(text.clone(), u32::MAX, Some(text));
        let joined = fixture.backend.join(&request).await.expect("joined");
        let read = fixture.backend.queue(&request.lock).await.expect("a queue");
        assert_eq!(joined.claims[0].owner, request.owner);
        assert_eq!(read.claims[0].owner, request.owner);
    }
}

#[tokio::test]
async fn a_list_has_the_names_of_the_prefix_and_no_pattern() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    for name in ["a", "a.*", "a.b", "a/", "ab", "b", ".", "a\u{10ffff}", "a\u{10ffff}z"] {
        fixture.join(name, ClaimId::random()).await;
    }
    assert_eq!(list(&fixture, page("a.")).await, ["a.*", "a.b"]);
    assert_eq!(list(&fixture, page(".*")).await, [""; 0]);
    assert_eq!(list(&fixture, page("a\u{10ffff}")).await, ["a\u{10ffff}", "a\u{10ffff}z"]);
    assert_eq!(list(&fixture, page("a")).await.len(), 7);
}

#[tokio::test]
async fn a_list_is_paged() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let names: Vec<String> = (0..250).map(|i| format!("job/{i:03}")).collect();
    for name in &names {
        fixture.join(name, ClaimId::random()).await;
    }
    fixture.join("other", ClaimId::random()).await;
    let mut seen = Vec::new();
    let mut next = ListPage::new("job/", 120);
    loop {
        let found = fixture.backend.list(&next).await.expect("names");
        seen.extend(found.iter().map(LockName::to_string));
        if found.len() < next.limit {
            break;
        }
        next.after = found.last().cloned();
    }
    assert_eq!(seen, names);
}

#[tokio::test]
async fn a_list_leaves_out_who_left() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let claim = ClaimId::random();
    fixture.join("left", claim).await;
    fixture.join("stays", ClaimId::random()).await;
    fixture.leave("left", claim).await;
    assert_eq!(list(&fixture, page("")).await, ["stays"]);
    assert_eq!(fixture.backend.queue(&lock("left")).await.expect("a queue").claims, []);
    assert_eq!(fixture.backend.queue(&lock("never")).await.expect("a queue").claims, []);
}

#[tokio::test]
async fn modes_stay_themselves() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    for mode in
        [Mode::Exclusive, Mode::Shared { max: 1 }, Mode::Shared { max: 7 }, Mode::Shared { max: u32::MAX }]
    {
        let mut request = exclusive(&format!("{mode:?}"), ClaimId::random());
        request.mode = mode;
        assert_eq!(fixture.backend.join(&request).await.expect("joined").claims[0].mode, mode);
    }
}
