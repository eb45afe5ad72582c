//! Ends servers that nobody uses any more, also after a crash of whoever started them.

use std::{
    fs::{self, DirBuilder, File},
    os::unix::{fs::DirBuilderExt as _, process::CommandExt as _},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use rustix::fs::{FlockOperation, flock};

use super::{Error, error::Context as _};

/// A script and not a thread: it has to outlive every test process.
const SCRIPT: &str = include_str!("keep.sh");

/// A lock on a file, until it is dropped or the process ends.
#[derive(Debug)]
pub(super) struct FileLock {
    file: File,
}

/// Makes a folder that only this user can look into, with the folders above it.
pub(super) fn private_folder(folder: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.context(format!("cannot make {}", folder.display()))
}

/// Waits for a file's exclusive lock.
pub(super) async fn lock(file: &Path) -> Result<FileLock, Error> {
    take(file, FlockOperation::LockExclusive).await
}

/// Says that the servers in `folder` are in use, for as long as the answer lives. Call it under the lock
/// beside the folder.
pub(super) async fn use_servers(folder: &Path) -> Result<FileLock, Error> {
    let users = folder.join("users");
    let lock = take(&users, FlockOperation::LockShared).await?;
    lock.file.set_modified(SystemTime::now()).context(format!("cannot touch {}", users.display()))?;
    Ok(lock)
}

async fn take(path: &Path, operation: FlockOperation) -> Result<FileLock, Error> {
    let what = format!("cannot lock {}", path.display());
    let file = File::options().create(true).append(true).open(path).context(&what)?;
    let locked = tokio::task::spawn_blocking(move || flock(&file, operation).map(|()| file)).await;
    let file = locked.map_err(|error| Error::Start(format!("{what}: {error}")))?.context(&what)?;
    Ok(FileLock { file })
}

/// Ends the servers in `folder`, whatever their state, and removes it.
pub(super) fn sweep(folder: &Path) -> Result<(), Error> {
    let status = script("sweep", folder).status().context("cannot run `sh`")?;
    if status.success() && !fs::exists(folder).unwrap_or(false) {
        return Ok(());
    }
    Err(Error::Start(format!("cannot clear {}", folder.display())))
}

/// Starts a process that ends the servers in `folder` when nobody has used them for `linger`.
pub(super) fn watch(folder: &Path, linger: Duration) -> Result<(), Error> {
    let flock_is_there = Command::new("flock").arg("--version").stdout(Stdio::null()).status();
    flock_is_there.context("cannot run `flock` (of util-linux)")?;
    script("watch", folder)
        .arg(linger.as_secs().to_string())
        .current_dir("/")
        .process_group(0)
        .spawn()
        .context("cannot run `sh`")?;
    Ok(())
}

fn script(command: &str, folder: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT, "keep.sh", command]).arg(folder);
    // Pipes of the test's process would keep its runner waiting.
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    shell
}
