//! The backend: how it is opened, and its steps.

use std::fmt;
use std::time::Duration;

use arangors::Database;
use arangors::client::ClientExt;
use async_trait::async_trait;
use futures_core::stream::BoxStream;
use shylock_core::queue::Queue;
use shylock_core::{
    Backend, BackendError, Capabilities, ClaimId, Interest, JoinRequest, Left, ListPage, LockName, Mode,
    Renewal, Renewed, Snapshot, Value, Wakeup, Written,
};

use crate::address::Address;
use crate::client::ArangoClient;
use crate::options::ArangoOptions;
use crate::session::Session;
use crate::store::Store;
use crate::{committed, query, record, setup};

/// Locks in an ArangoDB database.
///
/// Clones share their connections.
#[derive(Clone)]
pub struct ArangoBackend {
    store: Store,
}

impl ArangoBackend {
    /// Locks in this database, over the connections of its handle, with the default [`ArangoOptions`].
    ///
    /// Checks the server, its deployment, the collection, the rights of the user, and that the server accepts every
    /// query. Creates the collection and the index if they are missing. Doing so twice, or in many processes at once,
    /// changes nothing. It takes four round trips, and one more for each of the two that is missing.
    ///
    /// A handle whose connection logged in with a token works until that token ends, after an hour by default, because
    /// `arangors` does not renew it. Use basic authentication, or [`ArangoBackend::connect`].
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use arangors::GenericConnection;
    /// use shylock_arango::{ArangoBackend, ArangoClient};
    ///
    /// let url = "http://localhost:8529";
    /// let connection = GenericConnection::<ArangoClient>::establish_basic_auth(url, "joe", "openSesame").await?;
    /// let backend = ArangoBackend::new(connection.db("projectdb").await?).await?;
    /// # let _ = backend; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// - `Transient` if the server cannot be reached, or does not answer in time,
    /// - `Throttled` if it accepts no requests or no writes at the moment, for instance because it is read-only,
    /// - `Denied` if it refuses the credentials, or the user may not read and write the collection,
    /// - `Misconfigured` if it is older than 3.10 or not ArangoDB, if it is a DB-Server, an agent or part of an active
    ///   failover, if the database does not exist, or if the collection cannot hold locks: it belongs to the Python
    ///   library of the same name, has another TTL index, or contains edges,
    /// - `Broken` if the server does not accept a query.
    ///
    /// The message says what to do.
    ///
    /// # Cancel safety
    /// Dropping the future may leave behind a collection without its index. The next call completes it.
    pub async fn new<C>(database: Database<C>) -> Result<Self, BackendError>
    where
        C: ClientExt + Send + 'static,
    {
        Self::with_options(database, ArangoOptions::new()).await
    }

    /// Locks in this database.
    ///
    /// # Errors
    /// As [`ArangoBackend::new`], and `Misconfigured` for an invalid option.
    ///
    /// # Cancel safety
    /// As [`ArangoBackend::new`].
    pub async fn with_options<C>(database: Database<C>, options: ArangoOptions) -> Result<Self, BackendError>
    where
        C: ClientExt + Send + 'static,
    {
        options.check()?;
        Self::over(Session::of(&database, options.request_timeout), options).await
    }

    /// Locks in the database that the path of the URL names, over connections of their own, with the default
    /// [`ArangoOptions`].
    ///
    /// The URL begins with `arangodb://`, or with `arangodbs://` for TLS. The default port is 8529. Special characters
    /// in the user name, the password and the database must be percent-encoded. Tokens are fetched and renewed as
    /// needed.
    ///
    /// ```no_run
    /// # async fn run() -> Result<(), shylock_core::BackendError> {
    /// use shylock_arango::ArangoBackend;
    ///
    /// let backend = ArangoBackend::connect("arangodb://joe:openSesame@localhost:8529/projectdb").await?;
    /// # let _ = backend; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`ArangoBackend::new`], and `Misconfigured` if the URL is malformed or names no database. No error contains
    /// the user or the password.
    ///
    /// # Cancel safety
    /// As [`ArangoBackend::new`].
    pub async fn connect(url: &str) -> Result<Self, BackendError> {
        Self::connect_with_options(url, ArangoOptions::new()).await
    }

    /// [`ArangoBackend::connect`] with options.
    ///
    /// # Errors
    /// As [`ArangoBackend::connect`], and `Misconfigured` for an invalid option.
    ///
    /// # Cancel safety
    /// As [`ArangoBackend::new`].
    pub async fn connect_with_options(url: &str, options: ArangoOptions) -> Result<Self, BackendError> {
        options.check()?;
        let address = Address::parse(url)?;
        // Not through arangors' own connections: they need a header that proxies may remove, log in only once, and do
        // not pass time limits to a client.
        let client = ArangoClient::connect(&address, &options)?;
        Self::over(Session::new(client, address.database, options.request_timeout), options).await
    }

    async fn over(session: Session, options: ArangoOptions) -> Result<Self, BackendError> {
        let deployment = setup::prepare(&session, &options).await?;
        Ok(Self { store: Store { session, options, deployment } })
    }
}

#[async_trait]
impl Backend for ArangoBackend {
    async fn join(&self, request: &JoinRequest) -> Result<Snapshot, BackendError> {
        self.store.join(request).await
    }

    async fn renew(&self, renewals: &[Renewal]) -> Result<Vec<Renewed>, BackendError> {
        self.store.renew(renewals).await
    }

    async fn leave(&self, lock: &LockName, claim: ClaimId, linger: Duration) -> Result<Left, BackendError> {
        let step = format!("leave the queue of lock {lock:?}");
        let query = query::leave(&self.store.options, lock, claim, linger);
        let lingers = !linger.is_zero();
        let has_left = |stored: Option<&Queue>| committed::has_left(stored, claim, lingers);
        let left = self.store.change(&step, &query, lock, &has_left).await?;
        Ok(if left { Left::Left } else { Left::Gone })
    }

    async fn write(
        &self,
        lock: &LockName,
        claim: ClaimId,
        value: Option<&Value>,
    ) -> Result<Written, BackendError> {
        let step = format!("write the value of lock {lock:?}");
        let query = query::write(&self.store.options, lock, claim, value);
        let has_value = |stored: Option<&Queue>| committed::has_value(stored, value);
        let done = self.store.change(&step, &query, lock, &has_value).await?;
        Ok(if done { Written::Done } else { Written::NotHolding })
    }

    async fn downgrade(&self, lock: &LockName, claim: ClaimId, mode: Mode) -> Result<Written, BackendError> {
        let step = format!("downgrade a claim to lock {lock:?}");
        let query = query::downgrade(&self.store.options, lock, claim, mode);
        let has_mode = |stored: Option<&Queue>| committed::has_mode(stored, claim, mode);
        let done = self.store.change(&step, &query, lock, &has_mode).await?;
        Ok(if done { Written::Done } else { Written::NotHolding })
    }

    async fn queue(&self, lock: &LockName) -> Result<Snapshot, BackendError> {
        let step = format!("read the queue of lock {lock:?}");
        let rows = self.store.read(&step, &query::queue(&self.store.options, lock)).await?;
        let Some(row) = rows.first() else { return Ok(Snapshot::default()) };
        let seen = record::seen(row).map_err(|reason| record::unreadable(lock.as_str(), reason))?;
        Ok(seen.queue.snapshot(seen.now))
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        let rows = self.store.read("list the locks", &query::list(&self.store.options, page)).await?;
        // A name that no lock can have was not stored by shylock.
        Ok(rows.iter().filter_map(|row| row.as_str()).filter_map(|name| LockName::new(name).ok()).collect())
    }

    async fn wakeups(&self, _: &Interest) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        Ok(None)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().durable(self.store.options.wait_for_sync)
    }
}

impl fmt::Debug for ArangoBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArangoBackend")
            .field("session", &self.store.session)
            .field("deployment", &self.store.deployment)
            .field("options", &self.store.options)
            .finish()
    }
}
