//! The suite that every backend runs: on the server of the tests, and on a cluster.

use std::time::Duration;

use shylock_arango::ArangoBackend;
use shylock_core::conformance::Harness;

use crate::support::TestDatabase;

impl Harness for TestDatabase {
    type Backend = ArangoBackend;

    async fn backend(&self) -> ArangoBackend {
        Self::backend(self).await
    }

    fn ttl(&self) -> Duration {
        Duration::from_secs(2)
    }

    async fn close(self) {
        Self::close(self).await;
    }
}

shylock_core::conformance_suite!(TestDatabase::new);

mod cluster {
    use crate::support::TestDatabase;

    shylock_core::conformance_suite!(TestDatabase::cluster);
}
