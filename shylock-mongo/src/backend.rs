//! The steps: one command each.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use mongodb::Database;
use mongodb::bson::{Bson, Document};
use shylock_core::{
    Backend, BackendError, BackendErrorKind, Capabilities, ClaimId, Interest, JoinRequest, Left, ListPage,
    LockName, Mode, Renewal, Renewed, Snapshot, Value, Wakeup, Written,
};

use crate::options::MongoOptions;
use crate::{command, connect, error, record, setup, wakeup};

/// Locks in a MongoDB database.
///
/// Clones share the connections of the `Client` that the database belongs to. A client that is made for this
/// should have a `maxPoolSize` of some dozens, because the driver's default of 10 makes steps wait for each
/// other; [`MongoBackend::connect`] sets it. It must be made on a runtime that lasts, because its tasks run there.
///
/// The steps are plain commands to the primary with their own write concern. The client's retryable writes, read
/// preference and concerns do not matter.
#[derive(Clone)]
pub struct MongoBackend {
    database: Database,
    options: MongoOptions,
    capabilities: Capabilities,
}

/// The number of renewals in one command: about a megabyte, and a fraction of a second on the server.
const RENEWALS_PER_COMMAND: usize = 1_000;

impl MongoBackend {
    /// Locks in this database, with the default [`MongoOptions`].
    ///
    /// Checks the server and the collection, and creates the index if it is missing. Opening twice, or in many
    /// processes at once, changes nothing.
    ///
    /// # Cancel safety
    /// Dropping the future is safe; what it has created stays, and the next opening finds it.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use shylock_mongo::MongoBackend;
    ///
    /// let client = mongodb::Client::with_uri_str("mongodb://localhost/").await?;
    /// let backend = MongoBackend::new(client.database("projectdb")).await?;
    /// # let _ = backend; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// - `Transient` if the server cannot be reached,
    /// - `Denied` if the user may not read and write the collection,
    /// - `Misconfigured` if the server is older than 4.4 or lacks what is needed, or if the collection cannot
    ///   hold locks: it belongs to the Python library of the same name, has another unique index, a collation, or an
    ///   unsuitable index on `purgeAt`, or is a view, or capped.
    ///
    /// The message says what to do, and ends with the cause.
    pub async fn new(database: Database) -> Result<Self, BackendError> {
        Self::with_options(database, MongoOptions::new()).await
    }

    /// Locks in this database.
    ///
    /// # Errors
    /// As [`MongoBackend::new`], and `Misconfigured` if an option is invalid.
    pub async fn with_options(database: Database, options: MongoOptions) -> Result<Self, BackendError> {
        options.check()?;
        let capabilities = setup::prepare(&database, &options).await?;
        Ok(Self { database, options, capabilities })
    }

    /// Locks in the database that the path of the URL names, over connections of their own, with the default
    /// [`MongoOptions`].
    ///
    /// Where the URL does not say otherwise, the application is called `shylock`, there are up to 100 connections,
    /// and a server must be found within 5 seconds. (URLs that begin with `mongodb+srv` need the feature `srv`.)
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), shylock_core::BackendError> {
    /// use shylock_mongo::MongoBackend;
    ///
    /// let backend = MongoBackend::connect("mongodb://localhost/projectdb").await?;
    /// # let _ = backend; Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    /// Dropping the future closes the connections that it has opened.
    ///
    /// # Errors
    /// As [`MongoBackend::new`], and `Misconfigured` if the URL is malformed or names no database. No error
    /// shows the user or the password.
    pub async fn connect(url: &str) -> Result<Self, BackendError> {
        Self::connect_with_options(url, MongoOptions::new()).await
    }

    /// As [`MongoBackend::connect`], with these options.
    ///
    /// # Errors
    /// As [`MongoBackend::connect`], and `Misconfigured` if an option is invalid.
    pub async fn connect_with_options(url: &str, options: MongoOptions) -> Result<Self, BackendError> {
        Self::with_options(connect::database(url).await?, options).await
    }

    async fn read(&self, step: &str, command: Document) -> Result<Document, BackendError> {
        self.database.run_command(command).await.map_err(|error| error::from_driver(step, error))
    }

    /// The reply to a command that writes, unless there is an error inside it.
    async fn change(
        &self,
        step: &str,
        command: impl FnOnce(&MongoOptions) -> Document,
    ) -> Result<Document, BackendError> {
        if self.options.read_only {
            let message = format!(
                "could not {step}: this backend was opened for reading only; open it without MongoOptions::read_only"
            );
            return Err(BackendError::new(BackendErrorKind::Misconfigured, message));
        }
        command::confirmed(step, self.read(step, command(&self.options)).await?)
    }

    /// Whether a step of one claim was done.
    async fn step(
        &self,
        step: &str,
        command: impl FnOnce(&MongoOptions) -> Document,
    ) -> Result<bool, BackendError> {
        command::was_done(step, &self.change(step, command).await?)
    }
}

#[async_trait]
impl Backend for MongoBackend {
    async fn join(&self, request: &JoinRequest) -> Result<Snapshot, BackendError> {
        let step = format!("join the queue of lock {:?}", request.lock);
        let reply = self.change(&step, |options| command::join(options, request)).await?;
        record::snapshot(&request.lock, Some(reply.get_document("value").unwrap_or(&Document::new())))
    }

    async fn renew(&self, renewals: &[Renewal]) -> Result<Vec<Renewed>, BackendError> {
        let mut answers = Vec::with_capacity(renewals.len());
        for renewals in renewals.chunks(RENEWALS_PER_COMMAND) {
            let step = format!("renew {} claims", renewals.len());
            let reply = self.change(&step, |options| command::renew(options, renewals)).await?;
            answers.extend(command::renewed(&step, renewals.len(), &reply)?);
        }
        Ok(answers)
    }

    async fn leave(&self, lock: &LockName, claim: ClaimId, linger: Duration) -> Result<Left, BackendError> {
        let step = format!("leave the queue of lock {lock:?}");
        let was_there = self.step(&step, |options| command::leave(options, lock, claim, linger)).await?;
        Ok(if was_there { Left::Left } else { Left::Gone })
    }

    async fn write(
        &self,
        lock: &LockName,
        claim: ClaimId,
        value: Option<&Value>,
    ) -> Result<Written, BackendError> {
        let step = format!("write the value of lock {lock:?}");
        let holds = self.step(&step, |options| command::set_value(options, lock, claim, value)).await?;
        Ok(written(holds))
    }

    async fn downgrade(&self, lock: &LockName, claim: ClaimId, mode: Mode) -> Result<Written, BackendError> {
        let step = format!("downgrade a claim to lock {lock:?}");
        let holds = self.step(&step, |options| command::downgrade(options, lock, claim, mode)).await?;
        Ok(written(holds))
    }

    async fn queue(&self, lock: &LockName) -> Result<Snapshot, BackendError> {
        let step = format!("read the queue of lock {lock:?}");
        let reply = self.read(&step, command::queue(&self.options, lock.as_str())).await?;
        record::snapshot(lock, first_in_batch(&reply))
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        let failed = |error| error::from_driver("list the locks", error);
        let command = command::list(&self.options, page);
        let mut cursor = self.database.run_cursor_command(command).await.map_err(failed)?;
        let mut names = Vec::new();
        while cursor.advance().await.map_err(failed)? {
            let document = cursor.deserialize_current().map_err(failed)?;
            // A document whose `_id` is not a lock name is not one of shylock's.
            names.extend(document.get_str("_id").ok().and_then(|name| LockName::new(name).ok()));
        }
        Ok(names)
    }

    async fn wakeups(&self, interest: &Interest) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        if self.capabilities.wakeups {
            wakeup::open(&self.database, &self.options, interest).await
        } else {
            Ok(None)
        }
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }
}

fn written(holds: bool) -> Written {
    if holds { Written::Done } else { Written::NotHolding }
}

fn first_in_batch(reply: &Document) -> Option<&Document> {
    let batch = reply.get_document("cursor").ok()?.get_array("firstBatch").ok()?;
    batch.first().and_then(Bson::as_document)
}

impl fmt::Debug for MongoBackend {
    // Not the client, which knows the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoBackend")
            .field("database", &self.database.name())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
