//! A backend on a database of its own, and short ways to say what it shall do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::{Client, Collection};
use shylock_core::{Backend, ClaimId, JoinRequest, LockName, Mode, Owner, Snapshot, conformance};
use shylock_mongo::MongoBackend;
use shylock_testing::mongo::{MongoServer, TestDatabase, Topology};

/// Long enough that no lease ends within a test.
pub(crate) const LONG: Duration = Duration::from_secs(600);

pub(crate) struct Fixture {
    pub(crate) backend: MongoBackend,
    pub(crate) database: TestDatabase,
    pub(crate) server: MongoServer,
}

impl Fixture {
    pub(crate) async fn new(topology: Topology) -> Self {
        let server = MongoServer::shared(topology).await;
        let database = server.database();
        let backend = MongoBackend::new((*database).clone()).await.expect("a backend");
        Self { backend, database, server }
    }

    pub(crate) fn collection(&self) -> Collection<Document> {
        self.database.collection("shylock_locks")
    }

    /// The record of a lock, if there is one.
    pub(crate) async fn record(&self, name: &str) -> Option<Document> {
        self.collection().find_one(doc! { "_id": name }).await.expect("a record or none")
    }

    pub(crate) async fn join(&self, name: &str, claim: ClaimId) -> Snapshot {
        self.backend.join(&exclusive(name, claim)).await.expect("joined")
    }

    pub(crate) async fn leave(&self, name: &str, claim: ClaimId) {
        self.backend.leave(&lock(name), claim, Duration::ZERO).await.expect("left");
    }
}

/// A client of its own, and how many commands it has sent.
pub(crate) async fn counting_client(server: &MongoServer) -> (Client, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    let mut options = server.client_options().await;
    options.command_event_handler = Some(EventHandler::callback(move |event| {
        if let CommandEvent::Started(_) = event {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }));
    (Client::with_options(options).expect("a client"), sent)
}

pub(crate) fn lock(name: &str) -> LockName {
    LockName::new(name).expect("a lock name")
}

pub(crate) fn exclusive(name: &str, claim: ClaimId) -> JoinRequest {
    JoinRequest::new(lock(name), claim, Mode::Exclusive, LONG, Owner::new("host", 1, None))
}

/// Names and labels that mean something to MongoDB, to its shell, or to a careless program.
pub(crate) fn hostile_strings() -> Vec<String> {
    let own = ["$_id", "$$NOW", "$$ROOT", "$", "a.b.$.c", ".", "quote\"'`", "{$gt: ''}", "^.*$", "true"];
    own.into_iter().map(str::to_owned).chain(conformance::hostile_strings()).collect()
}
