//! Whether a Docker engine answers.

use std::{
    env,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};

/// How long the engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a Docker engine answers where testcontainers will look for one.
pub(super) fn answers() -> bool {
    let host = env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty());
    match host.as_deref().map(|host| host.split_once("://").unwrap_or(("tcp", host))) {
        None => sockets().into_iter().any(ping),
        Some(("unix", path)) => ping(PathBuf::from(path)),
        Some((_, address)) => TcpStream::connect(address).is_ok(),
    }
}

/// The places of the engine's socket, with and without root.
fn sockets() -> Vec<PathBuf> {
    let within = |variable: &str, path: &str| env::var_os(variable).map(|dir| PathBuf::from(dir).join(path));
    [
        Some(PathBuf::from("/var/run/docker.sock")),
        within("XDG_RUNTIME_DIR", ".docker/run/docker.sock"),
        within("HOME", ".docker/run/docker.sock"),
        within("HOME", ".docker/desktop/docker.sock"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A socket file often outlives its engine, so ask.
fn ping(socket: PathBuf) -> bool {
    let ask = || {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /_ping HTTP/1.0\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok::<_, std::io::Error>(status.ends_with(b"200"))
    };
    ask().unwrap_or(false)
}
