//! A database for one test.

use std::{ops::Deref, thread, time::Duration};

use mongodb::{Client, Database};

use super::client;

/// How long the end of a test may wait for a server that is perhaps gone.
const PATIENCE: Duration = Duration::from_secs(3);

/// A database for one test. It is dropped with this value, as far as the server still answers.
#[derive(Debug)]
pub struct TestDatabase {
    database: Database,
    server: String,
}

impl TestDatabase {
    pub(super) fn new(client: &Client, server: &str) -> Self {
        let name = format!("shylock_test_{:016x}", fastrand::u64(..));
        Self { database: client.database(&name), server: server.to_owned() }
    }

    /// The URL of the server with this database in it.
    pub fn url(&self) -> String {
        with_database(&self.server, self.name())
    }
}

impl Deref for TestDatabase {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name().to_owned());
        // The test's own runtime cannot be waited for here and may be about to end.
        let _ = thread::spawn(move || drop_database(&server, &name)).join();
    }
}

fn drop_database(server: &str, name: &str) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let dropping = async {
            let client = client::connect(server).await.ok()?;
            client.database(name).drop().await.ok()
        };
        let _ = tokio::time::timeout(PATIENCE, dropping).await;
    });
}

/// Puts a database into a URL, between the hosts and the options.
fn with_database(url: &str, name: &str) -> String {
    let (rest, options) = url.split_once('?').map_or((url, String::new()), |(a, b)| (a, format!("?{b}")));
    let (scheme, hosts) = rest.split_once("://").unwrap_or(("mongodb", rest));
    let (hosts, login) = hosts.split_once('/').unwrap_or((hosts, ""));
    // The database of a URL is also the one that knows the user; that must stay as it was.
    let login = match (options.contains("authSource="), hosts.contains('@'), login) {
        (true, _, _) | (_, false, _) => String::new(),
        (_, _, "") => "authSource=admin".to_owned(),
        (_, _, login) => format!("authSource={login}"),
    };
    let options = match (options.is_empty(), login.is_empty()) {
        (_, true) => options,
        (true, false) => format!("?{login}"),
        (false, false) => format!("{options}&{login}"),
    };
    format!("{scheme}://{hosts}/{name}{options}")
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn the_database_goes_between_hosts_and_options() {
        for (url, expected) in [
            ("mongodb://a:1", "mongodb://a:1/x"),
            ("mongodb://a:1/", "mongodb://a:1/x"),
            ("mongodb://a,b/?replicaSet=s", "mongodb://a,b/x?replicaSet=s"),
            ("mongodb+srv://a/old?w=1", "mongodb+srv://a/x?w=1"),
            ("mongodb://u:p@a/", "mongodb://u:p@a/x?authSource=admin"),
            ("mongodb://u:p@a/users?w=1", "mongodb://u:p@a/x?w=1&authSource=users"),
            ("mongodb://u:p@a/?authSource=b", "mongodb://u:p@a/x?authSource=b"),
        ] {
            assert_eq!(with_database(url, "x"), expected, "{url}");
        }
    }
}
