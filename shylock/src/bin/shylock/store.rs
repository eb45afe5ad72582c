//! From the command line to a store.

use std::env;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use shylock::Backend;

use crate::args::Store;
use crate::exit::{Code, Failure};
use crate::password;
use crate::say::Voice;

pub(crate) async fn open(store: &Store, voice: &Voice) -> Result<Arc<dyn Backend>, Failure> {
    Ok(shylock::open(&url(store, voice)?).await?)
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
