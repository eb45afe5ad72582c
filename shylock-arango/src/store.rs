//! The steps on a server: queries, a few rounds of them, and in a cluster the look whether a write was committed.
//!
//! A query loses (1200) to another one that writes the same record. The server waits one millisecond for a locked key,
//! not longer, and in a cluster the winner keeps the key locked through replication and commit. So a step is tried again
//! at once only a few times. Then the answer is `Transient`, and the core waits, with jitter, before it repeats the step:
//! pauses are its business, and it knows how much time a caller has left.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use shylock_core::queue::Queue;
use shylock_core::{
    BackendError, BackendErrorKind, ClaimId, JoinRequest, LockName, Renewal, Renewed, Snapshot,
};

use crate::committed::{self, Extension};
use crate::error::Failure;
use crate::key::key;
use crate::options::ArangoOptions;
use crate::query::{self, Query};
use crate::record::{self, Seen};
use crate::session::Session;
use crate::setup::Deployment;

/// How often a step is tried before the core is asked to wait.
const ROUNDS: usize = 3;

/// The maximum number of renewals in one query: some hundred kilobytes.
const RENEWALS_PER_QUERY: usize = 1_000;

/// One collection of locks.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) session: Session,
    pub(crate) options: ArangoOptions,
    pub(crate) deployment: Deployment,
}

/// Why a step must be tried again.
#[derive(Debug, Clone, Copy)]
enum Again {
    /// Somebody else wrote the record.
    Conflict,
    /// The write was acknowledged, but it is not in the store.
    NotCommitted,
}

/// The keys of records, and the ids of claims in them.
type Extended = HashSet<(String, ClaimId)>;

impl Store {
    pub(crate) async fn join(&self, request: &JoinRequest) -> Result<Snapshot, BackendError> {
        let step = format!("join the queue of lock {:?}", request.lock);
        let query = query::join(&self.options, request);
        let mut why = Again::Conflict;
        for _ in 0..ROUNDS {
            match self.try_join(&step, &query, request).await? {
                Ok(snapshot) => return Ok(snapshot),
                Err(again) => why = again,
            }
        }
        Err(why.into_error(&step))
    }

    async fn try_join(
        &self,
        step: &str,
        query: &Query,
        request: &JoinRequest,
    ) -> Result<Result<Snapshot, Again>, BackendError> {
        let mut answer = self.session.query(query).await;
        if answer.as_ref().is_ok_and(Vec::is_empty) {
            if request.only_if_granted && request.mode.max_holders() == 0 {
                return Ok(Ok(Snapshot::default()));
            }
            answer = self.session.query(&query::create(&self.options, request)).await;
        }
        let rows = match answer {
            Err(failure) if failure.is_conflict() => return Ok(Err(Again::Conflict)),
            answer => answer.map_err(|failure| failure.into_error(step))?,
        };
        let row = rows.first().unwrap_or(&Value::Null);
        let lock = &request.lock;
        let Seen { queue, now } =
            record::seen(row).map_err(|reason| record::unreadable(lock.as_str(), reason))?;
        let granted = |stored: Option<&Queue>| {
            stored.is_some_and(|stored| committed::is_joined(&queue, stored, request.claim))
        };
        if row["written"] == true && !self.is_stored(step, lock, &granted).await? {
            return Ok(Err(Again::NotCommitted));
        }
        Ok(Ok(queue.snapshot(now)))
    }

    /// Runs a query that changes one record. Answers whether there was something to change.
    pub(crate) async fn change(
        &self,
        step: &str,
        query: &Query,
        lock: &LockName,
        is_done: &(dyn Fn(Option<&Queue>) -> bool + Send + Sync),
    ) -> Result<bool, BackendError> {
        let mut why = Again::Conflict;
        for _ in 0..ROUNDS {
            match self.session.query(query).await {
                Err(failure) if failure.is_conflict() => why = Again::Conflict,
                Err(failure) => return Err(failure.into_error(step)),
                Ok(rows) if rows.is_empty() => return Ok(false),
                Ok(_) if self.is_stored(step, lock, is_done).await? => return Ok(true),
                Ok(_) => why = Again::NotCommitted,
            }
        }
        Err(why.into_error(step))
    }

    /// Runs a query that writes nothing.
    pub(crate) async fn read(&self, step: &str, query: &Query) -> Result<Vec<Value>, BackendError> {
        self.session.query(query).await.map_err(|failure| failure.into_error(step))
    }

    /// Whether the record shows that an acknowledged write was committed. On a single server the answer proves it.
    async fn is_stored(
        &self,
        step: &str,
        lock: &LockName,
        is_done: &(dyn Fn(Option<&Queue>) -> bool + Send + Sync),
    ) -> Result<bool, BackendError> {
        if self.deployment == Deployment::Single {
            return Ok(true);
        }
        let key = key(lock);
        let stored = self.stored(step, &[key.as_str()]).await?;
        Ok(is_done(stored.get(&key)))
    }

    /// The committed queues of these records, by key.
    async fn stored(&self, step: &str, keys: &[&str]) -> Result<HashMap<String, Queue>, BackendError> {
        let rows = self.read(step, &query::stored(&self.options, keys)).await?;
        let queue = |row: &Value| {
            let key = row["key"].as_str().unwrap_or_default();
            let seen = record::seen(row).map_err(|reason| record::unreadable(key, reason))?;
            Ok((key.to_owned(), seen.queue))
        };
        rows.iter().map(queue).collect()
    }

    pub(crate) async fn renew(&self, renewals: &[Renewal]) -> Result<Vec<Renewed>, BackendError> {
        let mut answers = Vec::with_capacity(renewals.len());
        for renewals in renewals.chunks(RENEWALS_PER_QUERY) {
            let step = format!("renew {} claims", renewals.len());
            let extended = self.renew_records(&step, query::by_record(renewals)).await?;
            answers.extend(renewals.iter().map(|renewal| {
                let is_extended = extended.contains(&(key(&renewal.lock), renewal.claim));
                if is_extended { Renewed::Extended } else { Renewed::Gone }
            }));
        }
        Ok(answers)
    }

    /// Renews the claims of these records, those whose renewal was not committed again.
    async fn renew_records(&self, step: &str, mut records: Vec<Value>) -> Result<Extended, BackendError> {
        let mut extended = Extended::new();
        for _ in 0..ROUNDS {
            let missing = self.renew_once(step, &records, &mut extended).await?;
            if missing.is_empty() {
                return Ok(extended);
            }
            records.retain(|record| record["key"].as_str().is_some_and(|key| missing.contains(key)));
        }
        Err(Again::NotCommitted.into_error(step))
    }

    /// Notes the claims that were extended. Answers the keys of the records whose renewal was not committed.
    ///
    /// One record that somebody else changes spoils the whole query, and nothing is written. Then its halves are tried,
    /// down to single records.
    async fn renew_once(
        &self,
        step: &str,
        records: &[Value],
        extended: &mut Extended,
    ) -> Result<HashSet<String>, BackendError> {
        let mut missing = HashSet::new();
        let mut left = vec![(records, 0)];
        while let Some((records, lost)) = left.pop() {
            if records.is_empty() {
                continue;
            }
            match self.session.query(&query::renew(&self.options, records)).await {
                Err(failure) if failure.is_conflict() && records.len() > 1 => {
                    let (first, second) = records.split_at(records.len() / 2);
                    left.extend([(second, 0), (first, 0)]);
                }
                Err(failure) if failure.is_conflict() && lost + 1 < ROUNDS => left.push((records, lost + 1)),
                Err(failure) if failure.is_conflict() => return Err(Again::Conflict.into_error(step)),
                Err(failure) => return Err(failure.into_error(step)),
                Ok(rows) => {
                    let answered = rows.iter().map(renewed).collect::<Option<Vec<_>>>();
                    let answered = answered.ok_or_else(|| senseless(step))?;
                    self.note_extensions(step, &answered, extended, &mut missing).await?;
                }
            }
        }
        Ok(missing)
    }

    async fn note_extensions(
        &self,
        step: &str,
        answered: &[(&str, Vec<(ClaimId, u64)>)],
        extended: &mut Extended,
        missing: &mut HashSet<String>,
    ) -> Result<(), BackendError> {
        let single = self.deployment == Deployment::Single;
        let keys: Vec<&str> = answered.iter().map(|(key, _)| *key).collect();
        let stored =
            if single || keys.is_empty() { HashMap::new() } else { self.stored(step, &keys).await? };
        for (key, claims) in answered {
            for &(claim, expires_at) in claims {
                let extension = committed::extension(stored.get(*key), claim, expires_at);
                match if single { Extension::Stored } else { extension } {
                    Extension::Stored => drop(extended.insert(((*key).to_owned(), claim))),
                    Extension::Gone => {}
                    Extension::Missing => drop(missing.insert((*key).to_owned())),
                }
            }
        }
        Ok(())
    }
}

/// The key of a record, and the claims that a query extended in it, each with the end of its lease.
fn renewed(row: &Value) -> Option<(&str, Vec<(ClaimId, u64)>)> {
    let claim = |claim: &Value| {
        Some((claim["id"].as_str()?.parse().ok()?, record::integer(claim, "expiresAt").ok()?))
    };
    Some((row["key"].as_str()?, row["extended"].as_array()?.iter().map(claim).collect::<Option<_>>()?))
}

impl Again {
    fn into_error(self, step: &str) -> BackendError {
        let message = match self {
            Self::Conflict => {
                format!(
                    "could not {step}: other clients changed the record {ROUNDS} times in a row; try again"
                )
            }
            Self::NotCommitted => format!(
                "could not {step}: the cluster acknowledged the write {ROUNDS} times but did not commit it; try again, and check the logs of its servers if that lasts"
            ),
        };
        BackendError::new(BackendErrorKind::Transient, message)
    }
}

fn senseless(step: &str) -> BackendError {
    Failure::Senseless("an answer to a renewal without the claims".into()).into_error(step)
}
