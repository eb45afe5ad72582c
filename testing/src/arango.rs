//! An ArangoDB server in a container, through testcontainers.
//!
//! There is one for each test process that asks for it. Another process, its keeper, starts the container and
//! removes it when the test process has ended. A test process could not do so itself: it may be killed, and a
//! static is never dropped. The keeper is the test program once more, for a test that calls [`keep`] and nothing
//! else.

use std::{
    env,
    io::{self, BufRead as _, BufReader, Read, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

use testcontainers::{
    Container, GenericImage, ImageExt as _, TestcontainersError,
    core::{IntoContainerPort as _, WaitFor},
    runners::SyncRunner as _,
};

use crate::{engine, variable};

/// Names the image, such as `arangodb:3.12`.
const IMAGE: &str = "SHYLOCK_TEST_ARANGO_IMAGE";

/// Names the image to a process that is to be a keeper.
const KEEP: &str = "SHYLOCK_TEST_KEEP_ARANGO_IMAGE";

/// Where the server listens inside the container.
const PORT: u16 = 8529;

/// What the server logs when it listens. It sets itself up first, and does not listen meanwhile.
const READY: &str = "is ready for business";

/// How long the server may take until then.
const PATIENCE: Duration = Duration::from_secs(120);

/// What stands before the URL in what a keeper says.
const STARTED: &str = "keeper: started ";
/// What stands before the reason.
const FAILED: &str = "keeper: failed ";

const WHAT_TO_SET: &str = "Set SHYLOCK_TEST_ARANGO_IMAGE to an image that the Docker engine has or can get \
                           (DOCKER_HOST names an engine that is not in the usual place), or \
                           SHYLOCK_TEST_ARANGO_URL to a server that runs. With neither of them the tests use an \
                           emulator.";

/// The container of this process, or why there is none.
static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();

struct Server {
    url: String,
    /// It removes the container when its input ends, which only the end of this process does.
    _keeper: Child,
}

/// The image that `SHYLOCK_TEST_ARANGO_IMAGE` names.
pub fn image() -> Option<String> {
    variable(IMAGE)
}

/// The server of this process, as `arangodb://root:password@host:port`. Starts it from this image at the first
/// call, and blocks until it is ready. `keeper` is a test of this program that calls [`keep`].
///
/// # Panics
///
/// If there is no server. The message says what to set.
pub fn url(image: &str, keeper: &str) -> &'static str {
    match SERVER.get_or_init(|| start_keeper(image, keeper)) {
        Ok(server) => &server.url,
        Err(reason) => panic!("no ArangoDB server from the image {image}: {reason}\n{WHAT_TO_SET}"),
    }
}

fn start_keeper(image: &str, keeper: &str) -> Result<Server, String> {
    let failed = |error: io::Error| format!("cannot start a keeper: {error}");
    let mut process = Command::new(env::current_exe().map_err(failed)?)
        .args([keeper, "--exact", "--nocapture", "--test-threads=1"])
        .env(KEEP, image)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // A test runner would wait for it.
        .stderr(Stdio::null())
        // It has to outlive an interruption from the keyboard.
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let said = process.stdout.take().ok_or("the keeper has no output")?;
    Ok(Server { url: url_from(said)?, _keeper: process })
}

/// Reads what a keeper says until it is known whether it has a server.
fn url_from(said: impl Read) -> Result<String, String> {
    for line in BufReader::new(said).lines().map_while(Result::ok) {
        // The harness may have begun the line.
        if let Some((_, url)) = line.split_once(STARTED) {
            return Ok(url.to_owned());
        }
        if let Some((_, reason)) = line.split_once(FAILED) {
            return Err(reason.to_owned());
        }
    }
    Err("its keeper ended without a word".to_owned())
}

/// What the keeper does. A process that is not one does nothing. Answers whether this process was a keeper.
pub fn keep() -> bool {
    let Some(image) = variable(KEEP) else { return false };
    match start(&image) {
        Ok((container, url)) => {
            say(STARTED, &url);
            let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
            drop(container);
        }
        Err(reason) => say(FAILED, &reason.replace('\n', " ")),
    }
    true
}

/// Nobody may listen any more, which must not keep the container from being removed.
fn say(what: &str, value: &str) {
    let _ = writeln!(io::stdout(), "{what}{value}");
}

fn start(image: &str) -> Result<(Container<GenericImage>, String), String> {
    if !engine::answers() {
        return Err("no Docker engine answers (DOCKER_HOST, or its socket)".to_owned());
    }
    run(image).map_err(|error| error.to_string())
}

fn run(image: &str) -> Result<(Container<GenericImage>, String), TestcontainersError> {
    let (name, tag) = engine::name_and_tag(image);
    // The port may be open to the network.
    let password = format!("{:032x}", fastrand::u128(..));
    let container = GenericImage::new(name, tag)
        .with_exposed_port(PORT.tcp())
        .with_wait_for(WaitFor::message_on_either_std(READY))
        .with_env_var("ARANGO_ROOT_PASSWORD", &password)
        .with_startup_timeout(PATIENCE)
        .start()?;
    let (host, port) = (engine::host_of(&container)?, container.get_host_port_ipv4(PORT)?);
    Ok((container, format!("arangodb://root:{password}@{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::url_from;

    #[test]
    fn a_keeper_says_where_the_server_is_or_why_there_is_none() {
        let url = url_from(&b"\nrunning 1 test\ntest x ... keeper: started arangodb://h:1\nok\n"[..]);
        assert_eq!(url.as_deref(), Ok("arangodb://h:1"));
        let reason = url_from(&b"test x ... keeper: failed no image\n"[..]);
        assert_eq!(reason.unwrap_err(), "no image");
        assert!(url_from(&b"\nrunning 0 tests\n"[..]).unwrap_err().contains("without a word"));
    }
}
