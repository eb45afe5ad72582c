//! A private server may be broken, and mended.

use std::time::Duration;

use mongodb::{
    Client, Collection,
    bson::{Document, doc},
    options::WriteConcern,
};
use shylock_testing::mongo::{PrivateServer, Topology};

use crate::support::{eventually, listens};

fn notes(client: &Client) -> Collection<Document> {
    client.database("private").collection("notes")
}

#[tokio::test]
async fn a_killed_server_comes_back_with_its_data() {
    let mut server = PrivateServer::start(Topology::Standalone).await;
    let url = server.url();
    let client = server.client().await;
    let journaled = WriteConcern::builder().journal(true).build();
    notes(&client).insert_one(doc! { "_id": "kept" }).write_concern(journaled).await.unwrap();

    server.kill(0);
    assert!(!listens(&url));
    notes(&client).find_one(doc! {}).await.unwrap_err();

    server.restart(0).await;
    assert_eq!(server.url(), url);
    let found = notes(&server.client().await).find_one(doc! {}).await.unwrap();
    assert_eq!(found, Some(doc! { "_id": "kept" }));
}

#[tokio::test]
async fn a_paused_server_is_silent_until_it_is_resumed() {
    let mut server = PrivateServer::start(Topology::Standalone).await;
    let client = server.client().await;
    notes(&client).insert_one(doc! { "_id": 1 }).await.unwrap();

    server.pause(0);
    let mut asking = tokio::spawn(async move { notes(&client).count_documents(doc! {}).await });
    tokio::time::timeout(Duration::from_millis(300), &mut asking).await.unwrap_err();

    server.resume(0);
    assert_eq!(asking.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn a_set_of_one_is_its_own_primary_after_a_restart() {
    let mut server = PrivateServer::start(Topology::ReplicaSet).await;
    server.restart(0).await;
    assert_eq!(server.primary().await, 0);
    notes(&server.client().await).insert_one(doc! { "_id": 1 }).await.unwrap();
}

#[tokio::test]
async fn three_nodes_survive_the_loss_of_their_primary() {
    let mut server = PrivateServer::start(Topology::ThreeNodes).await;
    let client = server.client().await;
    let majority = WriteConcern::builder().w(mongodb::options::Acknowledgment::Majority).build();
    notes(&client).insert_one(doc! { "_id": 1 }).write_concern(majority).await.unwrap();

    let old = server.primary().await;
    server.kill(old);
    let new = server.primary().await;
    assert_ne!(old, new);
    assert_eq!(notes(&client).count_documents(doc! {}).await.unwrap(), 1);

    server.restart(old).await;
    let newer = server.step_down().await;
    assert_ne!(new, newer);
}

#[tokio::test]
async fn a_private_server_ends_when_it_is_dropped() {
    let server = PrivateServer::start(Topology::Standalone).await;
    let url = server.url();
    assert!(listens(&url));
    drop(server);
    eventually("the end of the server", Duration::from_secs(10), || !listens(&url)).await;
}
