//! The connection to the file, and how its blocking calls keep out of the runtime's way.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use shylock_core::{BackendError, BackendErrorKind};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::options::SqliteOptions;
use crate::place::Place;
use crate::{error, setup};

/// An opened file. Clones share its connection.
#[derive(Clone)]
pub(crate) struct LockFile {
    place: Arc<Place>,
    connection: Arc<Mutex<Connection>>,
}

impl LockFile {
    pub(crate) async fn open(path: &Path, options: &SqliteOptions) -> Result<Self, BackendError> {
        let (path, options) = (path.to_owned(), options.clone());
        off_the_runtime(move || {
            let (place, connection) = setup::open(&path, &options)?;
            Ok(Self { place: Arc::new(place), connection: Arc::new(Mutex::new(connection)) })
        })
        .await
    }

    /// Runs one step on the connection.
    ///
    /// A step that is dropped while it waits does nothing; one that has begun goes on to its end, and the next
    /// one waits for that.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        step: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, BackendError> {
        let connection = self.connection.clone().lock_owned().await;
        let place = self.place.clone();
        off_the_runtime(move || {
            place.check()?;
            step(&connection).map_err(|error| error::explain(place.path(), error))
        })
        .await
    }
}

/// Does blocking work on a thread that the runtime keeps for that.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackendError> + Send + 'static,
) -> Result<T, BackendError> {
    let runtime = Handle::try_current().map_err(|error| {
        let message = "there is no tokio runtime here: open the file inside one, or use `blocking`";
        BackendError::new(BackendErrorKind::Misconfigured, message).with_source(error)
    })?;
    runtime.spawn_blocking(work).await.unwrap_or_else(|stopped| {
        let message =
            "the step was cut off with its runtime, or panicked; in the latter case, please report it";
        Err(BackendError::new(BackendErrorKind::Broken, message).with_source(stopped))
    })
}

impl fmt::Debug for LockFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LockFile").field(&self.place.path()).finish()
    }
}
