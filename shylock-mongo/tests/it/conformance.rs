//! The suite that every backend runs.

use std::time::Duration;

use shylock_core::conformance::Harness;
use shylock_mongo::MongoBackend;
use shylock_testing::mongo::{MongoServer, TestDatabase, Topology};

struct Store {
    database: TestDatabase,
    server: MongoServer,
}

impl Store {
    async fn on(topology: Topology) -> Self {
        let server = MongoServer::shared(topology).await;
        Self { database: server.database(), server }
    }
}

impl Harness for Store {
    type Backend = MongoBackend;

    /// With a client of its own, as another process has.
    async fn backend(&self) -> MongoBackend {
        let options = self.server.client_options().await;
        let client = mongodb::Client::with_options(options).expect("a client");
        MongoBackend::new(client.database(self.database.name())).await.expect("a backend")
    }

    fn ttl(&self) -> Duration {
        Duration::from_secs(3)
    }
}

mod standalone {
    use super::*;

    async fn fresh() -> Store {
        Store::on(Topology::Standalone).await
    }

    shylock_core::conformance_suite!(fresh);
}

mod replica_set {
    use super::*;

    async fn fresh() -> Store {
        Store::on(Topology::ReplicaSet).await
    }

    shylock_core::conformance_suite!(fresh);
}
