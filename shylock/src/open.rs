//! From a URL to a store.

use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shylock_core::memory::MemoryBackend;
use shylock_core::{Backend, BackendError, BackendErrorKind, Error, LockManager, RetryPolicy};
use tokio::time::{Instant, timeout};

use crate::store_kind::StoreKind;

/// How long one attempt to open a store may take, as by the default [`RetryPolicy`].
const ATTEMPT: Duration = Duration::from_secs(5);
/// How long a store is tried, as by the default [`RetryPolicy`].
const WHOLE: Duration = Duration::from_secs(30);

/// A manager with the default settings over the store that a URL names.
///
/// A store that cannot be reached, for instance while it changes its primary, is tried again for 30 seconds. An attempt
/// that is not answered within 5 seconds is given up, and repeated too. [`open_within`] has another limit.
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
/// # locks.shutdown().await }
/// ```
///
/// # Errors
/// - [`Misconfigured`](crate::ErrorKind::Misconfigured) if the URL names no store, or one whose feature is not enabled.
/// - [`Unavailable`](crate::ErrorKind::Unavailable) if the store could not be reached in time.
/// - Otherwise what the store answers. No error shows a password.
///
/// # Cancel safety
/// When it is dropped, no lock is held. The store may have been set up.
pub async fn connect(url: &str) -> Result<LockManager, Error> {
    Ok(LockManager::new(open(url).await?))
}

/// As [`connect`], but the connections and the background work of the manager are on a thread of its own.
///
/// A runtime that is kept busy, or that ends before others, then costs no lease: see
/// [`LockManager::open`](crate::LockManager::open).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), shylock::Error> {
/// let locks = shylock::connect_on_background_thread("memory:").await?;
/// locks.shutdown().await
/// # }
/// ```
///
/// # Errors
/// As [`connect`]; [`Misconfigured`](crate::ErrorKind::Misconfigured) if no thread can be started.
///
/// # Cancel safety
/// As [`connect`].
pub async fn connect_on_background_thread(url: &str) -> Result<LockManager, Error> {
    let url = url.to_owned();
    LockManager::open(async move { open(&url).await }).await
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
/// # locks.shutdown().await }
/// ```
///
/// # Errors
/// As [`connect`].
///
/// # Cancel safety
/// As [`connect`].
pub async fn open(url: &str) -> Result<Arc<dyn Backend>, Error> {
    open_within(url, WHOLE).await
}

/// As [`open`], but no longer than this; an attempt may take 5 seconds at most.
///
/// ```no_run
/// use std::time::Duration;
///
/// # async fn run() -> Result<(), shylock::Error> {
/// let store = shylock::open_within("mongodb://localhost/projectdb", Duration::from_secs(2)).await?;
/// # let _ = store; Ok(()) }
/// ```
///
/// # Errors
/// As [`connect`]. A limit of zero is one attempt that must answer at once.
///
/// # Cancel safety
/// As [`connect`].
pub async fn open_within(url: &str, limit: Duration) -> Result<Arc<dyn Backend>, Error> {
    let attempt = ATTEMPT.min(limit);
    // Boxed, because the drivers make it large.
    Ok(repeat(limit, || Box::pin(open_once(url, attempt))).await?)
}

/// Repeats attempts while their errors may pass, and gives up each after its time, and the whole after `limit`. The last
/// attempt may have too little time to tell what is wrong, so its error has that of an earlier one as its source.
async fn repeat<T, F>(limit: Duration, mut attempt: impl FnMut() -> F) -> Result<T, BackendError>
where
    F: Future<Output = Result<T, BackendError>>,
{
    let begun = Instant::now();
    let earlier = Mutex::new(None);
    let policy = RetryPolicy::default().max_elapsed(limit);
    policy
        .retry(|| {
            let left = limit.saturating_sub(begun.elapsed()).min(ATTEMPT);
            let (attempt, earlier) = (attempt(), &earlier);
            async move {
                let answer = timeout(left, attempt).await;
                let mut earlier = earlier.lock().unwrap_or_else(PoisonError::into_inner);
                match answer {
                    Ok(answer) => answer.inspect_err(|error| *earlier = Some(with_causes(error))),
                    Err(_) => Err(no_answer(left, earlier.clone())),
                }
            }
        })
        .await
}

fn no_answer(limit: Duration, earlier: Option<String>) -> BackendError {
    let message = format!("the store did not answer within {limit:.1?}; look after it, or wait longer");
    let error = BackendError::new(BackendErrorKind::Transient, message);
    match earlier {
        Some(cause) => error.with_source(format!("an earlier attempt failed: {cause}")),
        None => error,
    }
}

/// The message of an error and those of its causes.
fn with_causes(error: &BackendError) -> String {
    let mut message = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        message = format!("{message}: {cause}");
        next = cause.source();
    }
    message
}

#[cfg_attr(
    not(any(feature = "mongo", feature = "arango", feature = "sqlite")),
    expect(clippy::unused_async, reason = "no store that needs it is built in")
)]
async fn open_once(url: &str, limit: Duration) -> Result<Arc<dyn Backend>, BackendError> {
    #[cfg(not(feature = "mongo"))]
    let _ = limit;
    let kind = StoreKind::of(url).ok_or_else(unknown)?;
    match kind {
        #[cfg(feature = "mongo")]
        StoreKind::Mongo => {
            let url = with_selection_limit(url, limit);
            Ok(Arc::new(shylock_mongo::MongoBackend::connect(&url).await?))
        }
        #[cfg(feature = "arango")]
        StoreKind::Arango => Ok(Arc::new(shylock_arango::ArangoBackend::connect(url).await?)),
        #[cfg(feature = "sqlite")]
        StoreKind::Sqlite => {
            let path = crate::sqlite_url::path(url)?;
            Ok(Arc::new(shylock_sqlite::SqliteBackend::open(path).await?))
        }
        StoreKind::Memory => Ok(Arc::new(MemoryBackend::new())),
        #[cfg(not(all(feature = "mongo", feature = "arango", feature = "sqlite")))]
        kind => Err(not_built_in(kind)),
    }
}

/// The URL with a limit for the selection of a server, unless it has one: a bit less than an attempt, so that the driver
/// still tells why no server could be selected.
#[cfg(any(feature = "mongo", test))]
fn with_selection_limit(url: &str, attempt: Duration) -> std::borrow::Cow<'_, str> {
    let has_path = url.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    if !has_path || url.to_ascii_lowercase().contains("serverselectiontimeoutms=") {
        return url.into();
    }
    let joint = if url.contains('?') { '&' } else { '?' };
    let limit = (attempt.mul_f64(0.8)).as_millis().max(1);
    format!("{url}{joint}serverSelectionTimeoutMS={limit}").into()
}

/// Shows nothing of the URL, which may hold a password.
fn unknown() -> BackendError {
    let message = format!(
        "the URL names no store that shylock knows; it begins with one of {}",
        StoreKind::all_schemes()
    );
    BackendError::new(BackendErrorKind::Misconfigured, message)
}

#[cfg(not(all(feature = "mongo", feature = "arango", feature = "sqlite")))]
fn not_built_in(kind: StoreKind) -> BackendError {
    let message = format!(
        "{kind} is not built in; enable the feature `{}` of this crate",
        kind.feature().unwrap_or_default()
    );
    BackendError::new(BackendErrorKind::Misconfigured, message)
}

/// The same for blocking code.
#[cfg(feature = "blocking")]
pub(crate) mod blocking {
    use shylock_core::Error;
    use shylock_core::blocking::LockManager;

    /// As [`connect`](crate::connect), for blocking code.
    ///
    /// ```
    /// # fn main() -> Result<(), shylock::Error> {
    /// let locks = shylock::blocking::connect("memory:")?;
    /// locks.shutdown()
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`connect`](crate::connect).
    ///
    /// # Panics
    /// Inside async code.
    pub fn connect(url: &str) -> Result<LockManager, Error> {
        LockManager::open(super::open(url))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn transient() -> BackendError {
        BackendError::new(BackendErrorKind::Transient, "the connection was refused")
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_is_given_up_and_repeated() {
        let mut attempts = 0;
        let begun = Instant::now();
        let opened = repeat(WHOLE, || {
            attempts += 1;
            let hangs = attempts == 1;
            async move { if hangs { pending().await } else { Ok(()) } }
        });
        opened.await.expect("the second attempt answers");
        assert!((ATTEMPT..ATTEMPT * 2).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        assert_eq!(attempts, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_never_answers_is_given_up_in_time() {
        for limit in
            [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(3), Duration::from_secs(12), WHOLE]
        {
            let begun = Instant::now();
            let error = repeat(limit, pending::<Result<(), _>>).await.expect_err("nobody answers");
            assert!(error.to_string().contains("did not answer within"), "{error}");
            // The clock has milliseconds.
            assert!(
                begun.elapsed() <= limit + Duration::from_millis(2),
                "{:?} of {limit:?}",
                begun.elapsed()
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_refuses_is_given_up_in_time_and_its_error_kept() {
        let begun = Instant::now();
        let error =
            repeat(Duration::from_secs(3), || ready(Err::<(), _>(transient()))).await.expect_err("refused");
        assert_eq!(error.to_string(), "the connection was refused");
        assert!(begun.elapsed() <= Duration::from_secs(3), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_last_attempt_without_time_tells_what_an_earlier_one_found() {
        let mut attempts = 0;
        let error = repeat(Duration::from_secs(3), || {
            attempts += 1;
            let hangs = attempts > 1;
            async move { if hangs { pending().await } else { Err::<(), _>(transient()) } }
        });
        let error = error.await.expect_err("nobody answers");
        let source = error.source().expect("a source").to_string();
        assert!(source.contains("the connection was refused"), "{source}");
    }

    #[tokio::test]
    async fn an_unknown_url_is_refused_and_not_shown() {
        for url in ["redis://joe:s3cret@host", "s3cret", ""] {
            let error = open(url).await.expect_err("unknown");
            assert_eq!(error.kind(), crate::ErrorKind::Misconfigured);
            assert!(
                error.to_string().contains("`sqlite:`") && !error.to_string().contains("s3cret"),
                "{error}"
            );
        }
    }

    #[test]
    fn the_limit_for_selecting_a_server_goes_into_the_url_unless_it_has_one() {
        let limit = Duration::from_secs(5);
        for (url, expected) in [
            ("mongodb://a/b", "mongodb://a/b?serverSelectionTimeoutMS=4000"),
            ("mongodb://a/b?w=1", "mongodb://a/b?w=1&serverSelectionTimeoutMS=4000"),
            ("mongodb://a/b?serverselectiontimeoutms=9", "mongodb://a/b?serverselectiontimeoutms=9"),
            ("mongodb://a", "mongodb://a"),
        ] {
            assert_eq!(with_selection_limit(url, limit), expected);
        }
    }
}
