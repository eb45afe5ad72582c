//! A server's process.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use shylock_bench_worker::Failure;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server of ours on a loopback port. It ends with this value, and its data with it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    _data: TempDir,
}

impl Server {
    pub(crate) fn spawn(command: &mut Command, data: TempDir) -> Result<Self, Failure> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        Ok(Self { child, _data: data })
    }

    /// Waits until it listens.
    pub(crate) async fn listens(&mut self, port: u16) -> Result<(), Failure> {
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended with {status}").into());
            }
            if begun.elapsed() > PATIENCE {
                return Err("the server does not listen".into());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port on which nobody listens.
pub(crate) fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A folder for a server's data.
pub(crate) fn data() -> Result<TempDir, Failure> {
    Ok(tempfile::Builder::new().prefix("shylock-bench-").tempdir()?)
}

/// What a program says about its version, in one line.
pub(crate) fn version(program: &Path, libraries: &Path) -> Result<String, Failure> {
    let said = crate::run::output(Command::new(program).arg("--version").env("LD_LIBRARY_PATH", libraries))?;
    Ok(said.lines().next().unwrap_or_default().to_owned())
}
