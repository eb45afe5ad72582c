//! Every topology starts, answers, and is what it says.

use mongodb::{
    bson::{Document, doc},
    error::ErrorKind,
};
use shylock_testing::mongo::{MongoServer, Topology};

async fn hello(server: &MongoServer) -> Document {
    server.client().database("admin").run_command(doc! { "hello": 1 }).await.unwrap()
}

/// Checks what a server says and does against the topology that it claims to be. One from the environment may
/// be another than what was asked for.
async fn check(server: MongoServer) {
    let hello = hello(&server).await;
    assert!(hello.get_bool("isWritablePrimary").unwrap(), "{hello}");
    let members = hello.get_array("hosts").map(Vec::len).ok();
    let database = server.database();
    let watched = database.collection::<Document>("watched").watch().await;
    match server.topology() {
        Topology::Standalone => {
            assert_eq!(members, None);
            let error = *watched.unwrap_err().kind;
            assert!(matches!(&error, ErrorKind::Command(error) if error.code == 40573), "{error}");
        }
        Topology::ReplicaSet => {
            assert_eq!(members, Some(1));
            watched.unwrap();
        }
        Topology::ThreeNodes => {
            assert!(members.unwrap() >= 3, "{members:?}");
            watched.unwrap();
        }
        _ => drop(watched.unwrap()),
    }
}

async fn shared(topology: Topology) -> MongoServer {
    let server = MongoServer::shared(topology).await;
    if std::env::var_os("SHYLOCK_TEST_MONGO_URL").is_none() {
        assert_eq!(server.topology(), topology, "{}", server.describe());
    }
    server
}

#[tokio::test]
async fn standalone() {
    check(shared(Topology::Standalone).await).await;
}

#[tokio::test]
async fn replica_set_of_one() {
    check(shared(Topology::ReplicaSet).await).await;
}

#[tokio::test]
async fn replica_set_of_three() {
    check(shared(Topology::ThreeNodes).await).await;
}

#[tokio::test]
async fn a_majority_of_three_acknowledges_a_write() {
    let server = shared(Topology::ThreeNodes).await;
    let write = doc! {
        "insert": "notes", "documents": [{ "_id": 1 }], "writeConcern": { "w": "majority", "wtimeout": 10_000 },
    };
    let answer = server.database().run_command(write).await.unwrap();
    assert!(!answer.contains_key("writeConcernError"), "{answer}");
}

#[tokio::test]
async fn the_description_names_version_topology_and_source() {
    let server = shared(Topology::Standalone).await;
    let words = server.describe();
    let source = ["SHYLOCK_TEST_MONGO_URL", "Docker", "local mongod", "wheel"];
    assert!(words.starts_with("MongoDB "), "{words}");
    assert!(words.contains(&server.topology().to_string()), "{words}");
    assert!(source.iter().any(|source| words.contains(source)), "{words}");
}
