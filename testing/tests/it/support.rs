//! What several tests need.

use std::{
    env,
    net::TcpStream,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use shylock_testing::mongo::{Settings, Source};

/// Waits until a condition holds, and fails if it does not in time.
pub(crate) async fn eventually(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether somebody listens at the first address of a server's URL.
pub(crate) fn listens(url: &str) -> bool {
    let address = url.trim_start_matches("mongodb://").split(['/', ',']).next().unwrap();
    TcpStream::connect(address).is_ok()
}

/// Settings for local servers in a folder of the test's own.
pub(crate) fn local_in(folder: &Path) -> Settings {
    let settings = Settings::from_env().unwrap();
    let local = |source: &Source| matches!(source, Source::Path | Source::Wheel);
    let mut settings = Settings { source: settings.source.filter(local), url: None, ..settings };
    if settings.source.is_none() {
        let on_path = env::split_paths(&settings.path).any(|folder| folder.join("mongod").is_file());
        settings.source = Some(if on_path { Source::Path } else { Source::Wheel });
    }
    Settings { state: folder.to_owned(), linger: Duration::ZERO, ..settings }
}

/// This test program again, for one of its tests.
pub(crate) fn this_program(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command
}
