//! Runs one example on a store and takes what it says.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use shylock_testing::mongo::{MongoServer, TestDatabase, Topology};

/// A fresh database on a replica set.
pub(crate) async fn database() -> TestDatabase {
    MongoServer::shared(Topology::ReplicaSet).await.database()
}

pub(crate) fn command(program: &str, url: &str) -> Command {
    let mut command = Command::new(Path::new(program));
    command.env("SHYLOCK_URL", url).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    command
}

/// What the example printed; it has to end well.
pub(crate) fn output_of(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("the example starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{status}\n{stdout}\n{stderr}");
    stdout.into_owned()
}
