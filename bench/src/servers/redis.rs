//! One Redis server, as `rslock` wants it.

use std::process::Command;

use shylock_bench_worker::Failure;

use super::debian;
use super::process::{self, Server};

#[derive(Debug)]
pub(crate) struct Redis {
    pub(crate) url: String,
    pub(crate) description: String,
    _server: Server,
}

impl Redis {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let packages = ["redis-server", "redis-tools", "liblzf1", "libjemalloc2"];
        let program = debian::program("redis-server", &packages)?;
        let (port, data) = (process::free_port()?, process::data()?);
        let version = process::version(&program.path, &program.libraries)?;
        let mut command = Command::new(&program.path);
        command.env("LD_LIBRARY_PATH", &program.libraries).current_dir(data.path());
        command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()]);
        let mut server = Server::spawn(&mut command, data)?;
        server.listens(port).await?;
        let version = version.split_whitespace().find(|word| word.starts_with("v=")).unwrap_or_default();
        Ok(Self {
            url: format!("redis://127.0.0.1:{port}/"),
            description: format!(
                "Redis {}: one server, nothing written to disk",
                version.trim_start_matches("v=")
            ),
            _server: server,
        })
    }
}
