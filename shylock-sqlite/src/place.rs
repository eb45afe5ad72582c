//! Where the file is: made if it is not there, and watched as long as it is used.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use shylock_core::{BackendError, BackendErrorKind};

use crate::error::about;

/// Where a file is, and which file it was when it was opened, together with the two that SQLite keeps beside it.
#[derive(Debug)]
pub(crate) struct Place {
    file: Watched,
    companions: Vec<Watched>,
}

#[derive(Debug)]
struct Watched {
    path: PathBuf,
    /// `None` if it was missing when the watch began.
    identity: Option<Identity>,
}

impl Place {
    /// Makes sure that there is a file at this path.
    pub(crate) fn find_or_create(path: &Path) -> Result<Self, BackendError> {
        // An absolute path can be none of those that mean something else to SQLite, like ":memory:".
        let path = std::path::absolute(path).map_err(|error| unusable(path, error))?;
        let metadata = find_or_create(&path).map_err(|error| unusable(&path, error))?;
        if !metadata.is_file() {
            let what = "it is not a file; name a file, in a folder that exists";
            return Err(about(&path, BackendErrorKind::Misconfigured, what));
        }
        let identity = Some(identity(&metadata));
        Ok(Self { file: Watched { path, identity }, companions: Vec::new() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.file.path
    }

    /// Watches the `-wal` and the `-shm` file too. SQLite has them open from its first read on, and they stay the
    /// same for as long as anybody has the main file open. It puts them beside the file that a link points to.
    pub(crate) fn watch_companions(&mut self) {
        let target = fs::canonicalize(self.path()).unwrap_or_else(|_| self.path().to_owned());
        let watch = |suffix: &str| {
            let mut path = target.clone().into_os_string();
            path.push(suffix);
            Watched::now(path.into())
        };
        self.companions = ["-wal", "-shm"].map(watch).into();
    }

    /// Whoever opens the path next must find the files that we have open, or two would hold the same lock.
    pub(crate) fn check(&self) -> Result<(), BackendError> {
        let Some(changed) = std::iter::once(&self.file).chain(&self.companions).find(|file| !file.is_there())
        else {
            return Ok(());
        };
        let what = "it was moved, deleted or replaced while in use; restart the processes that use it";
        Err(about(&changed.path, BackendErrorKind::Misconfigured, what))
    }
}

impl Watched {
    fn now(path: PathBuf) -> Self {
        let identity = fs::metadata(&path).ok().as_ref().map(identity);
        Self { path, identity }
    }

    fn is_there(&self) -> bool {
        self.identity.is_some() && fs::metadata(&self.path).ok().as_ref().map(identity) == self.identity
    }
}

#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Elsewhere a file cannot be moved while it is open.
#[cfg(not(unix))]
type Identity = ();

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {}

/// Makes an empty file for its owner only. SQLite gives the files beside it the same mode.
fn find_or_create(path: &Path) -> io::Result<Metadata> {
    // To close a file gives up all the locks that this process has on it, SQLite's too: so nobody else in this
    // process may open it before this is done, and a file that is there already is not opened here at all.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        found => return found,
    }
    let mut create = OpenOptions::new();
    create.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut create, 0o600);
    match create.open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => fs::metadata(path),
    }
}

fn unusable(path: &Path, error: io::Error) -> BackendError {
    use BackendErrorKind::{Denied, Misconfigured, Transient};
    let (kind, what) = match error.kind() {
        ErrorKind::NotFound => (Misconfigured, "its folder does not exist; create it".into()),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            (Denied, "this user may not create it; give the user the right to write the folder".into())
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (Transient, "the disk is full; free some space".into())
        }
        _ => (Misconfigured, format!("this path cannot be used; choose another one ({error})")),
    };
    about(path, kind, what as String).with_source(error)
}
