//! From the command line to a store.

use std::env;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use shylock::{LockManager, RetryPolicy, StoreKind};
use tokio::time::timeout;

use crate::args::Store;
use crate::exit::{Code, Failure};
use crate::messages::Messages;
use crate::password;

/// After this time a message says that the store does not answer.
const SILENCE: Duration = Duration::from_secs(3);

/// Opens the store, and tries again while it cannot be reached, for no longer than `limit`. The manager reports an outage
/// after the same time.
pub(crate) async fn open(
    store: &Store,
    limit: Duration,
    messages: &Messages,
) -> Result<LockManager, Failure> {
    let url = url(store, messages)?;
    for secret in password::of(&url) {
        messages.hide(&secret);
    }
    let mut opening = pin!(shylock::open_within(&url, limit));
    let opened = if let Ok(opened) = timeout(SILENCE, &mut opening).await {
        opened
    } else {
        messages.note("the store does not answer; trying again");
        opening.await
    };
    let backend = opened?;
    // It is not dropped before the process ends. The MongoDB driver would end its sessions in the background, and panics if
    // the runtime ends at that moment. SQLite would copy its log into the file and wait for the disk, after each command; as
    // it is, it does so once in a thousand pages.
    std::mem::forget(backend.clone());
    let retry = RetryPolicy::default().max_elapsed(limit);
    Ok(LockManager::builder(backend).retry(retry).build()?)
}

/// The URL with its password.
fn url(store: &Store, messages: &Messages) -> Result<String, Failure> {
    if store.url.as_deref().is_some_and(password::is_in) {
        messages.warn("a password on the command line can be read by everybody on this machine; use SHYLOCK_PASSWORD or --password-file");
    }
    let Some(url) = given(store)? else { return embedded() };
    if StoreKind::of(&url) == Some(StoreKind::Memory) {
        let message = "the store `memory:` ends with this process, so it would protect nothing; leave the URL out for a \
                       file of this user, or name one as in sqlite:/path/to/file";
        return Err(Failure::new(Code::Misconfigured, message));
    }
    match password::given(store.password_file.as_deref())? {
        Some(password) => password::put_into(&url, &password),
        None => Ok(url),
    }
}

/// The URL of the option, or of the environment. An empty one is most likely a variable that is not set, and must not
/// turn into a store that the other machines do not use.
fn given(store: &Store) -> Result<Option<String>, Failure> {
    let refused = |message: &str| Err(Failure::new(Code::Misconfigured, message));
    match (&store.url, env::var("SHYLOCK_URL")) {
        (Some(url), _) if url.is_empty() => refused("--url is empty; name a store, or leave --url out"),
        (Some(url), _) => Ok(Some(url.clone())),
        (None, Ok(url)) if url.is_empty() => {
            refused("SHYLOCK_URL is set and empty; name a store, or unset it for a file of this user")
        }
        (None, Ok(url)) => Ok(Some(url)),
        (None, Err(env::VarError::NotPresent)) => Ok(None),
        (None, Err(env::VarError::NotUnicode(_))) => refused("the URL in SHYLOCK_URL is not valid UTF-8"),
    }
}

/// A file in the user's state folder, which is made if need be.
fn embedded() -> Result<String, Failure> {
    if !StoreKind::Sqlite.is_built_in() {
        let message =
            "no store was named, and the one for a single machine is not built in; set SHYLOCK_URL or --url";
        return Err(Failure::new(Code::Misconfigured, message));
    }
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
    let file = file.to_str().ok_or_else(|| cannot("its name is not valid UTF-8"))?;
    Ok(format!("sqlite:{file}"))
}

fn state_folder() -> Option<PathBuf> {
    let folder = |name| env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")))
}
