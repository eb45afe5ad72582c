//! The steps: one query each.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use arangors::Database;
use arangors::client::ClientExt;
use async_trait::async_trait;
use futures_core::stream::BoxStream;
use serde_json::Value;
use shylock_core::{
    Backend, BackendError, BackendErrorKind, ClaimId, JoinRequest, ListPage, LockName, Renewal, Renewed,
    Snapshot, Wakeup,
};

use crate::address::Address;
use crate::client::ArangoClient;
use crate::error::Failure;
use crate::key::key;
use crate::options::ArangoOptions;
use crate::query::{self, Query};
use crate::session::Session;
use crate::{record, setup};

/// Locks in an ArangoDB database.
///
/// Clones share their connections.
#[derive(Clone)]
pub struct ArangoBackend {
    session: Session,
    options: ArangoOptions,
}

/// How often a step is tried when others change the record in between. Somebody gets through in each round, so this is
/// reached only where very many compete; the core then backs off.
const ROUNDS: usize = 32;

/// So many renewals go into one query: some hundred kilobytes.
const RENEWALS_PER_QUERY: usize = 1_000;

impl ArangoBackend {
    /// Locks in this database, over the connections of its handle, with the default [`ArangoOptions`].
    ///
    /// Looks at the server and the collection, and makes the collection and the index that are missing. To do so
    /// twice, or in many processes at once, changes nothing.
    ///
    /// A handle whose connection logged in with a token is good until that token ends, an hour by default, because
    /// `arangors` does not renew it: use basic authentication, or [`ArangoBackend::connect`].
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
    /// - `Transient` or `Throttled` if the server cannot be reached, or takes no requests for the moment,
    /// - `Denied` if it refuses the credentials, or the user may not read and write the collection,
    /// - `Misconfigured` if it is older than 3.10 or no ArangoDB at all, if the database is not there, or if the
    ///   collection cannot hold locks: it is of the Python library of the same name, has another TTL index, or has
    ///   edges.
    ///
    /// The message says what to do.
    pub async fn new<C>(database: Database<C>) -> Result<Self, BackendError>
    where
        C: ClientExt + Send + 'static,
    {
        Self::with_options(database, ArangoOptions::new()).await
    }

    /// Locks in this database.
    ///
    /// # Errors
    /// As [`ArangoBackend::new`], and `Misconfigured` if an option makes no sense.
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
    /// The URL begins with `arangodb://`, or with `arangodbs://` for TLS. The port is 8529 where it names none. What
    /// is special in the user name, the password and the database must be percent-encoded. Tokens are fetched and
    /// renewed as needed.
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
    /// As [`ArangoBackend::new`], and `Misconfigured` if the URL is malformed or names no database. No error shows the
    /// user or the password.
    pub async fn connect(url: &str) -> Result<Self, BackendError> {
        Self::connect_with_options(url, ArangoOptions::new()).await
    }

    /// As [`ArangoBackend::connect`].
    ///
    /// # Errors
    /// As [`ArangoBackend::connect`], and `Misconfigured` if an option makes no sense.
    pub async fn connect_with_options(url: &str, options: ArangoOptions) -> Result<Self, BackendError> {
        options.check()?;
        let address = Address::parse(url)?;
        // Not through arangors' own connections: they ask for a header that proxies take away, log in once and
        // for all, and leave a client no way to learn its time limits.
        let client = ArangoClient::connect(&address, &options)?;
        Self::over(Session::new(client, address.database, options.request_timeout), options).await
    }

    async fn over(session: Session, options: ArangoOptions) -> Result<Self, BackendError> {
        setup::prepare(&session, &options).await?;
        Ok(Self { session, options })
    }

    /// Runs a query until nobody comes in between.
    async fn run(&self, step: &str, query: &Query) -> Result<Vec<Value>, BackendError> {
        for _ in 0..ROUNDS {
            match self.session.query(query).await {
                Err(failure) if failure.is_conflict() => {}
                answer => return answer.map_err(|failure| failure.into_error(step)),
            }
        }
        Err(crowded(step))
    }

    /// Renews the claims of these records; answers the key and the id of each claim that was.
    ///
    /// One record that somebody else changes spoils the whole query, and nothing is written. Then its halves are tried,
    /// down to single records.
    async fn renew_records(&self, step: &str, records: &[Value]) -> Result<Extended, BackendError> {
        let mut extended = Extended::new();
        let mut left = vec![records];
        while let Some(records) = left.pop() {
            let query = query::renew(&self.options, records);
            let answer = match records {
                [] => continue,
                [_] => self.run(step, &query).await?,
                _ => match self.session.query(&query).await {
                    Err(failure) if failure.is_conflict() => {
                        let (first, second) = records.split_at(records.len() / 2);
                        left.extend([second, first]);
                        continue;
                    }
                    answer => answer.map_err(|failure| failure.into_error(step))?,
                },
            };
            for row in &answer {
                collect(row, &mut extended).ok_or_else(|| senseless(step))?;
            }
        }
        Ok(extended)
    }
}

/// The keys of records and the ids of claims in them.
type Extended = HashSet<(String, ClaimId)>;

fn collect(row: &Value, extended: &mut Extended) -> Option<()> {
    for id in row["extended"].as_array()? {
        extended.insert((row["key"].as_str()?.to_owned(), id.as_str()?.parse().ok()?));
    }
    Some(())
}

#[async_trait]
impl Backend for ArangoBackend {
    async fn join(&self, request: &JoinRequest) -> Result<Snapshot, BackendError> {
        let step = format!("join the queue of lock {:?}", request.lock);
        let join = query::join(&self.options, request);
        for _ in 0..ROUNDS {
            let mut answer = self.session.query(&join).await;
            if answer.as_ref().is_ok_and(Vec::is_empty) {
                if request.only_if_granted && request.mode.max_holders() == 0 {
                    return Ok(Snapshot::default());
                }
                answer = self.session.query(&query::create(&self.options, request)).await;
            }
            match answer {
                Ok(rows) => return record::snapshot(&request.lock, rows.first().unwrap_or(&Value::Null)),
                Err(failure) if failure.is_conflict() => {}
                Err(failure) => return Err(failure.into_error(&step)),
            }
        }
        Err(crowded(&step))
    }

    async fn renew(&self, renewals: &[Renewal]) -> Result<Vec<Renewed>, BackendError> {
        let mut answers = Vec::with_capacity(renewals.len());
        for renewals in renewals.chunks(RENEWALS_PER_QUERY) {
            let step = format!("renew {} claims", renewals.len());
            let extended = self.renew_records(&step, &query::by_record(renewals)).await?;
            answers.extend(renewals.iter().map(|renewal| {
                let is_extended = extended.contains(&(key(&renewal.lock), renewal.claim));
                if is_extended { Renewed::Extended } else { Renewed::Gone }
            }));
        }
        Ok(answers)
    }

    async fn leave(&self, lock: &LockName, claim: ClaimId, linger: Duration) -> Result<(), BackendError> {
        let step = format!("leave the queue of lock {lock:?}");
        self.run(&step, &query::leave(&self.options, lock, claim, linger)).await.map(drop)
    }

    async fn queue(&self, lock: &LockName) -> Result<Snapshot, BackendError> {
        let step = format!("read the queue of lock {lock:?}");
        let rows = self.run(&step, &query::queue(&self.options, lock)).await?;
        rows.first().map_or_else(|| Ok(Snapshot::default()), |row| record::snapshot(lock, row))
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        let rows = self.run("list the locks", &query::list(&self.options, page)).await?;
        // What no lock can be called was not put there by shylock.
        Ok(rows.iter().filter_map(Value::as_str).filter_map(|name| LockName::new(name).ok()).collect())
    }

    async fn wakeups(&self) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        Ok(None)
    }
}

fn crowded(step: &str) -> BackendError {
    let message = format!("could not {step}: others changed the record {ROUNDS} times in a row; try again");
    BackendError::new(BackendErrorKind::Transient, message)
}

fn senseless(step: &str) -> BackendError {
    Failure::Senseless("an answer to a renewal that names no claims".into()).into_error(step)
}

impl fmt::Debug for ArangoBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArangoBackend")
            .field("session", &self.session)
            .field("options", &self.options)
            .finish()
    }
}
