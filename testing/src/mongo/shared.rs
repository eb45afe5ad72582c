//! Local servers that many test processes share.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Error, Settings, Topology,
    error::Context as _,
    group::Group,
    keeper::{self, FileLock, private_folder},
};

/// MongoDB's own default: shared servers should not change their primary because the machine is busy.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// A share in servers that many test processes use.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) url: String,
    _use: FileLock,
}

/// Joins the servers of a topology, or starts them.
pub(super) async fn join(program: &Path, topology: Topology, settings: &Settings) -> Result<Share, Error> {
    let home = home(program, topology, settings);
    private_folder(&home)?;
    let folder = home.join("servers");
    let _lock = keeper::lock(&home.join("lock")).await?;
    let url = match running(&folder) {
        Some(url) => url,
        None => start(program, &folder, topology, settings).await?,
    };
    Ok(Share { url, _use: keeper::use_servers(&folder).await? })
}

/// One folder for each program and topology, because servers of another version are other servers.
fn home(program: &Path, topology: Topology, settings: &Settings) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    program.hash(&mut hasher);
    settings.state.join(format!("{}-{:08x}", topology.word(), hasher.finish() & 0xffff_ffff))
}

/// The servers that run already. They run if each of them takes a connection, which the system does for
/// them even when the machine is too busy for an answer.
fn running(folder: &Path) -> Option<String> {
    let url = fs::read_to_string(folder.join("url")).ok()?;
    let addresses = url.strip_prefix("mongodb://")?.split('/').next()?;
    addresses.split(',').all(|address| TcpStream::connect(address).is_ok()).then_some(url)
}

async fn start(
    program: &Path,
    folder: &Path,
    topology: Topology,
    settings: &Settings,
) -> Result<String, Error> {
    // Leftovers of servers that crashed, or of a machine that was switched off.
    keeper::sweep(folder)?;
    private_folder(folder)?;
    let starting = keeper::use_servers(folder).await?;
    keeper::watch(folder, settings.linger)?;
    let group = match Group::start(program, folder, topology, ELECTION_TIMEOUT).await {
        Ok(group) => group,
        Err(error) => {
            keeper::sweep(folder)?;
            return Err(error);
        }
    };
    let url = group.url();
    fs::write(folder.join("url"), &url).context("cannot write the URL of the servers")?;
    drop(starting);
    Ok(url)
}
