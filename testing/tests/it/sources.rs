//! Without a server a test fails and says what to set.

use std::process::Output;

use shylock_testing::mongo::{Error, MongoServer, PrivateServer, Settings, Source, Topology};

use crate::support::this_program;

fn only(source: Source) -> Settings {
    let settings = Settings::from_env().unwrap();
    Settings { source: Some(source), url: None, path: "".into(), ..settings }
}

fn assert_says_what_to_set(error: &Error) {
    assert!(matches!(error, Error::NoServer(_)), "{error:?}");
    let words = error.to_string();
    for name in ["SHYLOCK_TEST_MONGO_URL", "SHYLOCK_TEST_SERVERS", "Docker", "PATH", "pip"] {
        assert!(words.contains(name), "{name} is missing in: {words}");
    }
}

#[tokio::test]
async fn no_url() {
    let error = MongoServer::open(Topology::Standalone, &only(Source::Env)).await.unwrap_err();
    assert_says_what_to_set(&error);
}

#[tokio::test]
async fn no_mongod_on_the_path() {
    let error = MongoServer::open(Topology::Standalone, &only(Source::Path)).await.unwrap_err();
    assert_says_what_to_set(&error);
    let error = PrivateServer::open(Topology::Standalone, &only(Source::Path)).await.unwrap_err();
    assert_says_what_to_set(&error);
}

#[tokio::test]
async fn a_silent_url_is_an_error_that_does_not_show_it() {
    let url = Some("mongodb://user:secret@127.0.0.1:9/".to_owned());
    let settings = Settings { url, ..only(Source::Env) };
    let error = MongoServer::open(Topology::Standalone, &settings).await.unwrap_err().to_string();
    assert!(error.contains("SHYLOCK_TEST_MONGO_URL"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

/// Runs a test of this program that needs a server, with Docker as the only source and no engine.
fn without_engine(variable: &str, value: &str) -> Output {
    this_program("databases::two_databases_are_apart")
        .env_remove("SHYLOCK_TEST_MONGO_URL")
        .env_remove("SHYLOCK_TEST_SERVERS")
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .env(variable, value)
        .output()
        .unwrap()
}

#[test]
fn whoever_insists_on_docker_gets_nothing_else() {
    for (variable, value) in [("SHYLOCK_TEST_SERVERS", "docker"), ("SHYLOCK_TEST_MONGO_IMAGE", "mongo:6.0")] {
        let output = without_engine(variable, value);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{variable}: {words}");
        assert!(words.contains("no Docker engine answers") && words.contains("DOCKER_HOST"), "{words}");
    }
}

#[test]
fn a_source_that_does_not_exist_is_refused() {
    let output = without_engine("SHYLOCK_TEST_SERVERS", "podman");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && words.contains("env, docker, path or wheel"), "{words}");
}
