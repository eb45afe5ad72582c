//! Which collections are refused, and what is made of the others.

use futures_util::future::join_all;
use mongodb::bson::{Document, doc};
use shylock_core::{BackendError, BackendErrorKind, ClaimId};
use shylock_mongo::{MongoBackend, MongoOptions, WriteConcern};
use shylock_testing::mongo::{MongoServer, TestDatabase, Topology};

use crate::support::Fixture;

/// A database in which no backend has been yet.
async fn fresh() -> (MongoServer, TestDatabase) {
    let server = MongoServer::shared(Topology::ReplicaSet).await;
    let database = server.database();
    (server, database)
}

async fn open(database: &TestDatabase) -> Result<MongoBackend, BackendError> {
    MongoBackend::new((**database).clone()).await
}

/// A collection that these commands made is refused, and the message tells what to do.
async fn assert_refused(commands: impl IntoIterator<Item = Document>, advice: &str) {
    let (_server, database) = fresh().await;
    for command in commands {
        database.run_command(command).await.expect("prepared");
    }
    let error = open(&database).await.expect_err("refused");
    assert_eq!(error.kind(), BackendErrorKind::Misconfigured);
    assert!(error.to_string().contains(advice), "{error}");
    assert!(error.to_string().contains("`shylock_locks`"), "{error}");
}

fn create(options: Document) -> Document {
    let mut command = doc! { "create": "shylock_locks" };
    command.extend(options);
    command
}

fn index(key: Document, name: &str, options: Document) -> Document {
    let mut index = doc! { "key": key, "name": name };
    index.extend(options);
    doc! { "createIndexes": "shylock_locks", "indexes": [index] }
}

async fn indexes(database: &TestDatabase) -> Vec<String> {
    database.collection::<Document>("shylock_locks").list_index_names().await.expect("names")
}

#[tokio::test]
async fn the_collection_of_the_python_library_is_refused() {
    let unique = index(doc! { "name": 1 }, "name_1", doc! { "unique": true });
    assert_refused([unique], "belongs to the Python library shylock").await;
}

#[tokio::test]
async fn another_unique_index_is_refused() {
    let unique = index(doc! { "a": 1, "b": 1 }, "a_1_b_1", doc! { "unique": true });
    assert_refused([unique], "unique index on a, b").await;
}

#[tokio::test]
async fn a_collation_is_refused() {
    let collation = doc! { "collation": { "locale": "en", "strength": 2 } };
    assert_refused([create(collation)], "choose another collection").await;
}

#[tokio::test]
async fn a_capped_collection_is_refused() {
    assert_refused([create(doc! { "capped": true, "size": 4_096 })], "is capped").await;
}

#[tokio::test]
async fn a_view_is_refused() {
    assert_refused([create(doc! { "viewOn": "other", "pipeline": [] })], "is a view").await;
}

#[tokio::test]
async fn an_index_that_deletes_at_another_time_is_refused() {
    let key = || doc! { "purgeAt": 1 };
    let late = index(key(), "purgeAt_1", doc! { "expireAfterSeconds": 60 });
    assert_refused([late], "dropIndex").await;
    assert_refused([index(key(), "mine", doc! {})], "dropIndex").await;
    let partial = doc! { "expireAfterSeconds": 0, "partialFilterExpression": { "a": 1 } };
    assert_refused([index(key(), "purgeAt_1", partial)], "dropIndex").await;
}

#[tokio::test]
async fn an_index_that_has_taken_the_name_is_refused() {
    assert_refused([index(doc! { "other": 1 }, "purgeAt_1", doc! {})], "dropIndex").await;
}

#[tokio::test]
async fn a_write_concern_that_cannot_be_is_refused() {
    for topology in [Topology::Standalone, Topology::ReplicaSet] {
        let server = MongoServer::shared(topology).await;
        let database = server.database();
        let options = MongoOptions::new().write_concern(WriteConcern::Servers(40));
        let error = MongoBackend::with_options((*database).clone(), options).await.expect_err("refused");
        assert_eq!(error.kind(), BackendErrorKind::Misconfigured, "{error:?}");
    }
}

#[tokio::test]
async fn an_equal_index_of_another_name_is_good_enough() {
    let (_server, database) = fresh().await;
    let mine = index(doc! { "purgeAt": 1 }, "mine", doc! { "expireAfterSeconds": 0 });
    database.run_command(mine).await.expect("an index");
    open(&database).await.expect("a backend");
    assert_eq!(indexes(&database).await, ["_id_", "mine"]);
}

#[tokio::test]
async fn the_index_is_made_once_however_many_begin_at_once() {
    let (_server, database) = fresh().await;
    for backend in join_all((0..16).map(|_| open(&database))).await {
        backend.expect("a backend");
    }
    open(&database).await.expect("once more");
    assert_eq!(indexes(&database).await, ["_id_", "purgeAt_1"]);
    let locks = database.collection::<Document>("shylock_locks");
    assert_eq!(locks.count_documents(doc! {}).await.expect("a count"), 0, "looking leaves nothing behind");
}

#[tokio::test]
async fn options_choose_the_collection() {
    let (_server, database) = fresh().await;
    let options = MongoOptions::new().collection("my locks");
    let backend = MongoBackend::with_options((*database).clone(), options).await.expect("a backend");
    assert_eq!(database.list_collection_names().await.expect("names"), ["my locks"]);
    assert!(format!("{backend:?}").contains("my locks"));
}

#[tokio::test]
async fn a_url_is_enough() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let backend = MongoBackend::connect(&fixture.database.url()).await.expect("a backend");
    let claim = ClaimId::random();
    let request = crate::support::exclusive("a", claim);
    let snapshot = shylock_core::Backend::join(&backend, &request).await.expect("joined");
    assert_eq!(fixture.join("a", claim).await.granted_token(claim), snapshot.granted_token(claim));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_outage_and_no_password_is_shown() {
    let url = "mongodb://joe:s3cret@127.0.0.1:1/db?serverSelectionTimeoutMS=300";
    let error = MongoBackend::connect(url).await.expect_err("nobody there");
    assert_eq!(error.kind(), BackendErrorKind::Transient);
    let source = std::error::Error::source(&error).expect("a source");
    for text in [error.to_string(), format!("{error:?}"), source.to_string()] {
        assert!(!text.contains("s3cret"), "{text}");
    }
}
