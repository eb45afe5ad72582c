//! The suite of every backend. Each handle that it asks for is a connection of its own to one file.

use std::time::Duration;

use shylock_core::conformance::Harness;
use shylock_sqlite::SqliteBackend;
use tempfile::TempDir;

struct File(TempDir);

impl Harness for File {
    type Backend = SqliteBackend;

    async fn backend(&self) -> SqliteBackend {
        SqliteBackend::open(self.0.path().join("locks.db")).await.expect("the file opens")
    }

    fn ttl(&self) -> Duration {
        Duration::from_secs(2)
    }
}

async fn fresh() -> File {
    File(tempfile::tempdir().expect("a folder"))
}

shylock_core::conformance_suite!(fresh);
