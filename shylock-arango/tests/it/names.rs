//! Whatever a user may choose is stored as it is.

use shylock_core::{Backend, ClaimId, ListPage, LockName, Owner};

use crate::stored::records;
use crate::support::{TestDatabase, exclusive, hostile_strings, join, lock};

#[tokio::test]
async fn hostile_names_are_locks_of_their_own_and_come_back_as_they_were() {
    let database = TestDatabase::new().await;
    let backend = database.backend().await;
    let mut names = hostile_strings();
    for name in names.clone() {
        join(&backend, &name, ClaimId::random()).await;
    }
    // Names that are the keys of other ones.
    let keys = records(&database).await.into_values().map(|record| record.key);
    let new: Vec<String> = keys.filter(|key| !names.contains(key)).collect();
    assert!(new.iter().any(|key| key.starts_with("sha256=")), "{new:?}");
    for key in new {
        assert_eq!(
            join(&backend, &key, ClaimId::random()).await.claims.len(),
            1,
            "{key:?} is a lock of its own"
        );
        names.push(key);
    }
    for name in &names {
        assert_eq!(backend.queue(&lock(name)).await.expect("a queue").claims.len(), 1, "{name:?}");
    }
    names.sort_unstable();
    let page = ListPage::new("", 1_000);
    let listed = backend.list(&page).await.expect("names");
    assert_eq!(listed.iter().map(LockName::as_str).collect::<Vec<_>>(), names, "in the order of their bytes");
    database.close().await;
}

#[tokio::test]
async fn hostile_owners_stay_themselves() {
    let database = TestDatabase::new().await;
    let backend = database.backend().await;
    for text in hostile_strings() {
        let mut request = exclusive("lock", ClaimId::random());
        request.owner = Owner::new(text.clone(), u32::MAX, Some(text));
        let joined = backend.join(&request).await.expect("joined");
        let read = backend.queue(&request.lock).await.expect("a queue");
        for snapshot in [joined, read] {
            assert_eq!(snapshot.claims.last().expect("a claim").owner, request.owner);
        }
    }
    database.close().await;
}

#[tokio::test]
async fn a_list_longer_than_one_batch_of_the_server_is_whole() {
    let database = TestDatabase::new().await;
    let backend = database.backend().await;
    join(&backend, "name 0000", ClaimId::random()).await;
    let copies = "FOR n IN 1..1500 FOR d IN @@locks LIMIT 1500
                  INSERT MERGE(UNSET(d, '_key', '_id', '_rev'), { name: CONCAT('name ', RIGHT(10000 + n, 4)) })
                  INTO @@locks";
    database.query(copies, &[]).await;
    let page = ListPage::new("name ", 1_400);
    let listed = backend.list(&page).await.expect("names");
    let expected: Vec<String> = (0..1_400).map(|n| format!("name {n:04}")).collect();
    assert_eq!(listed.iter().map(LockName::as_str).collect::<Vec<_>>(), expected);
    database.close().await;
}
