//! From the command line to a store.

use std::env;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use shylock::Backend;
use tokio::time::timeout;

use crate::args::Store;
use crate::exit::{Code, Failure};
use crate::password;
use crate::say::Voice;

/// Then the store is said not to answer.
const SILENCE: Duration = Duration::from_secs(3);

/// Opens the store, and tries again while it cannot be reached: for so long, or as long as the library does.
pub(crate) async fn open(
    store: &Store,
    patience: Option<Duration>,
    voice: &Voice,
) -> Result<Arc<dyn Backend>, Failure> {
    let url = url(store, voice)?;
    let mut opening = pin!(shylock::open(&url));
    let opened = if let Ok(opened) = timeout(SILENCE, &mut opening).await {
        opened
    } else {
        voice.note("the store does not answer; it is tried again");
        let left = patience.map_or(Duration::MAX, |patience| patience.saturating_sub(SILENCE));
        timeout(left, opening).await.map_err(|_| {
            let message =
                "the store could not be reached in the time that there was; look after it, or wait longer";
            Failure::new(Code::Unavailable, message)
        })?
    };
    let store = opened?;
    // It is not dropped before the process ends: the MongoDB driver then ends its sessions in the background, and if the
    // runtime ends at that moment it panics, which nobody who calls a command should have to read.
    std::mem::forget(store.clone());
    Ok(store)
}

fn url(store: &Store, voice: &Voice) -> Result<String, Failure> {
    let from_environment = || env::var("SHYLOCK_URL").ok().filter(|url| !url.is_empty());
    if store.url.as_deref().is_some_and(password::is_in) {
        voice.warn("a password on the command line can be read by everybody on this machine; use SHYLOCK_PASSWORD or --password-file");
    }
    let Some(url) = store.url.clone().or_else(from_environment) else { return embedded() };
    match password::given(store.password_file.as_deref())? {
        Some(password) => password::put_into(&url, &password),
        None => Ok(url),
    }
}

/// A file in the user's state folder, which is made if need be.
fn embedded() -> Result<String, Failure> {
    let folder = state_folder()
        .ok_or_else(|| {
            let message = "neither HOME nor XDG_STATE_HOME names a folder for the locks; set one, or --url";
            Failure::new(Code::Misconfigured, message)
        })?
        .join("shylock");
    let cannot = |reason: &str| {
        let message = format!("the folder {} for the locks cannot be used: {reason}", folder.display());
        Failure::new(Code::Misconfigured, message)
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|error| cannot(&error.to_string()))?;
    let file = folder.join("locks.db");
    let file = file.to_str().ok_or_else(|| cannot("its name is no UTF-8"))?;
    Ok(format!("sqlite:{file}"))
}

fn state_folder() -> Option<PathBuf> {
    let folder = |name| env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")))
}
