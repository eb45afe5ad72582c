//! What all servers in containers need: whether a Docker engine answers, the names of images, the host of ports.

use std::{
    env,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};

use testcontainers::{Container, GenericImage, TestcontainersError};

/// How long the engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a Docker engine answers where testcontainers will look for one.
pub(crate) fn answers() -> bool {
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

/// The name of an image and its tag.
pub(crate) fn name_and_tag(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        // A colon before a slash belongs to the port of a registry.
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

/// The host on which the ports of a container are.
pub(crate) fn host_of(container: &Container<GenericImage>) -> Result<String, TestcontainersError> {
    let host = container.get_host()?.to_string();
    // The name may mean the other kind of address, on which nothing listens.
    Ok(if host == "localhost" { "127.0.0.1".to_owned() } else { host })
}

#[cfg(test)]
mod tests {
    use super::name_and_tag;

    #[test]
    fn the_tag_is_what_follows_the_last_colon() {
        assert_eq!(name_and_tag("mongo:7.0"), ("mongo", "7.0"));
        assert_eq!(name_and_tag("mongo"), ("mongo", "latest"));
        assert_eq!(name_and_tag("registry:5000/mongo"), ("registry:5000/mongo", "latest"));
        assert_eq!(name_and_tag("registry:5000/mongo:6"), ("registry:5000/mongo", "6"));
    }
}
