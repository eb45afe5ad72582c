//! Users who may not do everything, and servers that accept no writes: the error names the cause.

use shylock_arango::ArangoBackend;
use shylock_arango_emulator::{Access, Config, Fault, Rights};
use shylock_core::{Backend, BackendErrorKind, ClaimId};

use crate::support::{TestDatabase, exclusive, join};

const BUSY: BackendErrorKind = BackendErrorKind::Throttled { retry_after: None };

/// The URL of a user with these rights.
fn user(database: &TestDatabase, rights: Rights) -> String {
    let (emulator, name) = (database.emulator(), database.database.name());
    emulator.add_user("joe", "s3cret", name, rights);
    format!("arangodb://joe:s3cret@{}/{name}", emulator.address())
}

async fn refused(url: &str, kind: BackendErrorKind, words: &[&str]) {
    let error = ArangoBackend::connect(url).await.expect_err("refused");
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn a_user_who_may_only_read_is_told_which_right_is_missing() {
    let database = TestDatabase::emulated(&Config::new()).await;
    database.backend().await;
    let url = user(&database, Rights::READ_ONLY);
    refused(&url, BackendErrorKind::Denied, &["lacks the right to write", "shylock_locks", "1004"]).await;
    let nothing = Rights { database: Access::ReadOnly, collections: Access::None };
    refused(&user(&database, nothing), BackendErrorKind::Denied, &["rights", "403"]).await;
}

#[tokio::test]
async fn rights_to_the_collection_are_enough_once_it_is_there() {
    let database = TestDatabase::emulated(&Config::new()).await;
    let url = user(&database, Rights { database: Access::ReadOnly, collections: Access::ReadWrite });
    refused(&url, BackendErrorKind::Denied, &["create the collection", "rights"]).await;
    database.backend().await;
    let backend = ArangoBackend::connect(&url).await.expect("a backend");
    assert_eq!(join(&backend, "lock", ClaimId::random()).await.claims.len(), 1);
}

#[tokio::test]
async fn a_read_only_server_is_told_from_a_missing_right() {
    let database = TestDatabase::emulated(&Config::new()).await;
    let backend = database.backend().await;
    database.emulator().set_read_only(true);
    refused(&database.url(), BUSY, &["server is read-only", "_admin/server/mode"]).await;
    let error = backend.join(&exclusive("lock", ClaimId::random())).await.expect_err("no writes");
    assert_eq!(error.kind(), BUSY);
    assert!(error.to_string().contains("accepts no writes"), "{error}");
    // A server that does not tell its mode: both causes are named.
    database.emulator().inject(Fault::error(403, 11).on_path("/_admin/server/mode"));
    let words = ["lacks the right to write", "server is read-only"];
    refused(&database.url(), BackendErrorKind::Denied, &words).await;
    database.emulator().set_read_only(false);
    join(&backend, "lock", ClaimId::random()).await;
}
