//! Running a query: a snapshot, its evaluation, the commit. The data are locked for the first and the last only, so
//! queries of different clients do overlap.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard};

use super::request::Request;
use crate::aql::{self, Limits, Outcome, Runtime, ast::Query};
use crate::error::{ArangoError, Result};
use crate::state::State;
use crate::store::Collection;

/// How long a real server waits for a collection that another query has for itself.
const LOCK_TIMEOUT: f64 = 900.0;

/// The collections that a query writes to are kept from queries that want them for themselves, or the other way round.
enum Lock {
    Shared { _guard: OwnedRwLockReadGuard<()> },
    Alone { _guard: OwnedRwLockWriteGuard<()> },
}

pub(super) async fn run(
    state: &Arc<State>,
    request: &Request,
    text: &str,
    body: &Value,
    conflict: bool,
) -> Result<Outcome> {
    let binds = binds(body)?;
    let query = aql::parse(text, &binds)?;
    let _locks = lock(state, request, &query, &body["options"]).await?;
    let mut transaction = state.store().begin(&request.database)?;
    let outcome = Runtime::new(&mut transaction, state.clock.now_ms(), limits(body)).run(&query)?;
    if !transaction.has_writes() {
        return Ok(outcome);
    }
    // Others may come in between here: that is where real clients conflict.
    if let Some(meeting) = state.meeting() {
        meeting.wait().await;
    }
    match state.commit_delay() {
        Duration::ZERO => tokio::task::yield_now().await,
        delay => tokio::time::sleep(delay).await,
    }
    if conflict {
        return Err(ArangoError::with(1200, "write-write conflict").in_query("while executing"));
    }
    state.store().commit(transaction).map_err(|error| error.in_query("while executing"))?;
    Ok(outcome)
}

fn binds(body: &Value) -> Result<Map<String, Value>> {
    match body.get("bindVars") {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(binds)) => Ok(binds.clone()),
        Some(_) => Err(ArangoError::with(17, "expecting object for <bindVars>")),
    }
}

fn limits(body: &Value) -> Limits {
    let options = &body["options"];
    let seconds = options["maxRuntime"].as_f64().filter(|seconds| *seconds > 0.0 && seconds.is_finite());
    let memory =
        body["memoryLimit"].as_u64().or_else(|| options["memoryLimit"].as_u64()).filter(|limit| *limit > 0);
    Limits {
        deadline: seconds.map(|seconds| Instant::now() + Duration::from_secs_f64(seconds.min(1e6))),
        memory: memory.and_then(|limit| usize::try_from(limit).ok()),
        fail_on_warning: options["failOnWarning"].as_bool().unwrap_or(false),
        max_warnings: options["maxWarningCount"].as_u64().and_then(|count| usize::try_from(count).ok()),
    }
}

async fn lock(state: &Arc<State>, request: &Request, query: &Query, options: &Value) -> Result<Vec<Lock>> {
    let database = state.store().snapshot(&request.database)?;
    let mut wanted: Vec<(&Arc<Collection>, bool)> = Vec::new();
    for target in &query.collections.written {
        wanted.push((database.collection(&target.name)?, target.exclusive));
    }
    // Everybody takes them in the same order, so nobody waits in a circle.
    wanted.sort_by(|(left, _), (right, _)| left.name.cmp(&right.name));
    let seconds = options["lockTimeout"].as_f64().filter(|seconds| *seconds > 0.0).unwrap_or(LOCK_TIMEOUT);
    let all = async {
        let mut locks = Vec::new();
        for (held, alone) in wanted {
            let lock = Arc::clone(&held.write_lock);
            locks.push(if alone {
                Lock::Alone { _guard: lock.write_owned().await }
            } else {
                Lock::Shared { _guard: lock.read_owned().await }
            });
        }
        locks
    };
    let timeout = Duration::from_secs_f64(seconds.min(1e6));
    tokio::time::timeout(timeout, all).await.map_err(|_| ArangoError::new(18).in_query("while executing"))
}
