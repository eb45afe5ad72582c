//! Each test has its own database.

use mongodb::{
    Client,
    bson::{Document, doc},
};
use shylock_testing::mongo::{MongoServer, Topology};

#[tokio::test]
async fn two_databases_are_apart() {
    let server = MongoServer::shared(Topology::Standalone).await;
    let (one, other) = (server.database(), server.database());
    one.collection("notes").insert_one(doc! { "_id": 1 }).await.unwrap();
    assert_eq!(one.collection::<Document>("notes").count_documents(doc! {}).await.unwrap(), 1);
    assert_eq!(other.collection::<Document>("notes").count_documents(doc! {}).await.unwrap(), 0);
}

#[tokio::test]
async fn the_url_of_a_database_leads_to_it() {
    let server = MongoServer::shared(Topology::ReplicaSet).await;
    let database = server.database();
    let client = Client::with_uri_str(database.url()).await.unwrap();
    assert_eq!(client.default_database().unwrap().name(), database.name());
}

#[tokio::test]
async fn a_database_ends_with_its_test() {
    let server = MongoServer::shared(Topology::Standalone).await;
    let database = server.database();
    let name = database.name().to_owned();
    database.collection("notes").insert_one(doc! { "_id": 1 }).await.unwrap();
    assert!(server.client().list_database_names().await.unwrap().contains(&name));
    drop(database);
    assert!(!server.client().list_database_names().await.unwrap().contains(&name));
}
