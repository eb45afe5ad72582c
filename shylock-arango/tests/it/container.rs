//! Which server the tests take when the environment names one, or an image of one.

use std::process::{Command, Output};

use shylock_arango_emulator::{Config, Emulator};
use shylock_testing::arango;

use crate::support::SERVER;

/// The test below that keeps a container.
pub(crate) const KEEPER: &str = "container::keeper";

#[test]
fn keeper() {
    arango::keep();
}

/// Runs a test that takes any server, with an image, perhaps a server, and no Docker engine.
fn without_engine(server: &str) -> Output {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["names::hostile_owners_stay_themselves", "--exact"])
        .env(SERVER, server)
        .env("SHYLOCK_TEST_ARANGO_IMAGE", "arangodb:3.12")
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .output()
        .expect("it ran")
}

#[test]
fn whoever_names_an_image_gets_nothing_else() {
    let output = without_engine("");
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{words}");
    for word in ["arangodb:3.12", "no Docker engine answers", "DOCKER_HOST", SERVER] {
        assert!(words.contains(word), "{word} is missing in: {words}");
    }
}

#[test]
fn a_server_that_runs_comes_before_an_image() {
    let emulator = Emulator::start(&Config::new()).expect("an emulator");
    let output = without_engine(&format!(
        "arangodb://{}:{}@{}",
        emulator.user(),
        emulator.password(),
        emulator.address()
    ));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && words.contains(SERVER), "{words}");
    assert!(emulator.requests_to("/_api/version") > 0, "it was used");
}
