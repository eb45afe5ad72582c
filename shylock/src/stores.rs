//! From a URL to a store.

use std::sync::Arc;

use shylock_core::memory::MemoryBackend;
use shylock_core::{Backend, BackendError, BackendErrorKind, Error, LockManager, RetryPolicy};

/// A manager with the default settings over the store that a URL names.
///
/// A store that cannot be reached, as while it changes its primary, is tried again for 30 seconds, as by the
/// default [`RetryPolicy`].
///
/// | URL | store | feature |
/// |---|---|---|
/// | `mongodb://…/database`, `mongodb+srv://…/database` | MongoDB | `mongo` |
/// | `arangodb://…/database`, `arangodbs://…/database` (TLS) | ArangoDB | `arango` |
/// | `sqlite:path/to/file`, `sqlite:///path/to/file` | SQLite, between the processes of one machine; the path is taken as it is | `sqlite` |
/// | `memory:` | the memory of this process, for tests; each call is a store of its own | |
///
/// ```no_run
/// # async fn run() -> Result<(), shylock::Error> {
/// let locks = shylock::connect("mongodb://localhost/projectdb").await?;
/// # let _ = locks; Ok(()) }
/// ```
///
/// # Errors
/// [`Misconfigured`](crate::ErrorKind::Misconfigured) if the URL names no store, or one whose feature is not built in;
/// otherwise what the store answers. No error shows a password.
///
/// # Cancel safety
/// Dropped, nothing is held; the store may have been set up.
pub async fn connect(url: &str) -> Result<LockManager, Error> {
    Ok(LockManager::new(open(url).await?))
}

/// The store that a URL names, as for [`connect`], to make a manager with other settings.
///
/// ```no_run
/// use std::time::Duration;
/// use shylock::LockManager;
///
/// # async fn run() -> Result<(), shylock::Error> {
/// let store = shylock::open("mongodb://localhost/projectdb").await?;
/// let locks = LockManager::builder(store).ttl(Duration::from_secs(10)).build()?;
/// # let _ = locks; Ok(()) }
/// ```
///
/// # Errors
/// As [`connect`].
///
/// # Cancel safety
/// As [`connect`].
pub async fn open(url: &str) -> Result<Arc<dyn Backend>, Error> {
    Ok(RetryPolicy::default().repeat(|| open_once(url)).await?)
}

async fn open_once(url: &str) -> Result<Arc<dyn Backend>, BackendError> {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    match scheme {
        #[cfg(feature = "mongo")]
        "mongodb" | "mongodb+srv" => Ok(Arc::new(shylock_mongo::MongoBackend::connect(url).await?)),
        #[cfg(feature = "arango")]
        "arangodb" | "arangodbs" => Ok(Arc::new(shylock_arango::ArangoBackend::connect(url).await?)),
        #[cfg(feature = "sqlite")]
        "sqlite" => Ok(Arc::new(shylock_sqlite::SqliteBackend::open(sqlite_path(url)).await?)),
        "memory" => Ok(Arc::new(MemoryBackend::new())),
        _ => Err(unknown(scheme)),
    }
}

/// As [`connect`](crate::connect), for blocking code.
///
/// # Errors
/// As [`connect`](crate::connect).
///
/// # Panics
/// Inside async code.
#[cfg(feature = "blocking")]
pub fn connect_blocking(url: &str) -> Result<shylock_core::blocking::LockManager, Error> {
    shylock_core::blocking::LockManager::open(open(url))
}

/// What follows the scheme. With two slashes the next one begins the path, as in the URL of a file.
#[cfg(feature = "sqlite")]
fn sqlite_path(url: &str) -> &str {
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    path.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(path)
}

/// Names only the scheme: the rest of a URL may hold a password.
fn unknown(scheme: &str) -> BackendError {
    let feature = match scheme {
        "mongodb" | "mongodb+srv" => "mongo",
        "arangodb" | "arangodbs" => "arango",
        "sqlite" => "sqlite",
        _ => {
            let message = "the URL names no store that shylock knows; it begins with `mongodb://`, `mongodb+srv://`, `arangodb://`, `arangodbs://`, `sqlite:` or `memory:`";
            return BackendError::new(BackendErrorKind::Misconfigured, message);
        }
    };
    let message = format!("`{scheme}` URLs need shylock's feature `{feature}`; add it to the dependency");
    BackendError::new(BackendErrorKind::Misconfigured, message)
}

#[cfg(all(test, feature = "sqlite"))]
mod tests {
    use super::sqlite_path;

    #[test]
    fn the_path_follows_the_scheme() {
        for (url, path) in [
            ("sqlite:locks.db", "locks.db"),
            ("sqlite:/var/locks.db", "/var/locks.db"),
            ("sqlite:///var/locks.db", "/var/locks.db"),
            ("sqlite:a b%20@:c", "a b%20@:c"),
        ] {
            assert_eq!(sqlite_path(url), path);
        }
    }
}
