//! How a query is run: snapshot, evaluation, key locks, commit. The data are locked for the first and the last only, so
//! queries of different clients do overlap.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::cursor::query_text;
use super::reply::Reply;
use super::request::Request;
use crate::aql::{self, Limits, Outcome, Runtime, ast};
use crate::error::{ArangoError, Result};
use crate::faults::{Finish, Mishap};
use crate::state::{KeyLocks, LockedKey, State};
use crate::store::{Transaction, conflict, taken};

/// How long a query waits for a key that another one has locked.
const KEY_LOCK_TIMEOUT: Duration = Duration::from_millis(1);
/// How long a document request waits for it.
const DOCUMENT_LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// Says what a query consists of, without running it.
pub(super) fn parse(request: &Request) -> Result<Reply> {
    let parsed = aql::parse_only(query_text(&request.json()?)?)?;
    let answer = json!({
        "parsed": true, "collections": parsed.collections, "bindVars": parsed.binds, "ast": [],
    });
    Ok(Reply::ok(200, answer))
}

pub(super) async fn run(state: &Arc<State>, request: &Request, text: &str, body: &Value) -> Result<Outcome> {
    let query = aql::parse(text, &binds(body)?)?;
    let mut transaction = state.store().begin(&request.database)?;
    may_run(state, request, &query)?;
    let outcome = Runtime::new(&mut transaction, state.clock.now_ms(), limits(body)).run(&query)?;
    if !state.behaviour.lock_unchanged {
        transaction.unlock_unchanged();
    }
    let keys = transaction.locked_keys();
    if keys.is_empty() {
        return Ok(outcome);
    }
    for (collection, _) in &keys {
        request.may_write(collection).map_err(|error| error.in_query("while executing"))?;
    }
    let single = is_single_insert(state, &query);
    commit(state, request, transaction, single, outcome)
        .await
        .map_err(|error| error.in_query("while executing"))
}

/// Whether the rights suffice, and the data have a leader.
fn may_run(state: &State, request: &Request, query: &ast::Query) -> Result<()> {
    let written = &query.collections.written;
    let has_data = !written.is_empty() || !query.collections.read.is_empty();
    if has_data && !state.has_leader() {
        return Err(ArangoError::new(1478).in_query("while executing"));
    }
    for name in &query.collections.read {
        request
            .may_read()
            .map_err(|error| ArangoError::with_status(403, 11, format!("{}: {name}", error.message)))?;
    }
    if !state.behaviour.late_rights {
        written.iter().try_for_each(|name| request.may_write(name))?;
    }
    Ok(())
}

/// Whether a cluster runs this query as a request for one document: an INSERT outside of any loop.
fn is_single_insert(state: &State, query: &ast::Query) -> bool {
    let one = |clause: &ast::Clause| match clause {
        ast::Clause::Let(..) | ast::Clause::Return(_) => true,
        ast::Clause::Modify(modify) => matches!(modify.operation, ast::Operation::Insert(_)),
        _ => false,
    };
    state.behaviour.cluster && state.behaviour.single_document_inserts && query.block.clauses.iter().all(one)
}

async fn commit(
    state: &Arc<State>,
    request: &Request,
    transaction: Transaction,
    single: bool,
    outcome: Outcome,
) -> Result<Outcome> {
    // Others may come in between here: that is where real clients conflict.
    if let Some(meeting) = state.meeting() {
        meeting.wait().await;
    }
    let finishes = state.behaviour.cluster && transaction.has_writes();
    let mishap = state.faults.mishap(&request.body, |mishap| finishes || mishap == Mishap::Conflict);
    if mishap == Some(Mishap::Conflict) {
        return Err(ArangoError::with(1200, "write-write conflict"));
    }
    let _locks = lock(state, request, transaction.locked_keys(), single).await?;
    match state.commit_delay() {
        delay if transaction.has_writes() && !delay.is_zero() => tokio::time::sleep(delay).await,
        _ => tokio::task::yield_now().await,
    }
    if let Some(Mishap::Finish(finish)) = mishap {
        return finish_badly(state, transaction, finish, outcome).await;
    }
    state.store().commit(transaction).map_err(|error| as_answered(error, single))?;
    Ok(outcome)
}

/// What a query that loses is told, a request for one document differently.
fn as_answered(error: ArangoError, single: bool) -> ArangoError {
    if single && error.num == 1200 { ArangoError { num: 1210, ..error } } else { error }
}

/// Locks what a query writes until it has committed; who comes later does not wait for long.
async fn lock(
    state: &Arc<State>,
    request: &Request,
    keys: Vec<(String, String)>,
    single: bool,
) -> Result<KeyLocks> {
    let timeout = if single { DOCUMENT_LOCK_TIMEOUT } else { KEY_LOCK_TIMEOUT };
    let database = |(collection, key)| (request.database.clone(), collection, key);
    let keys: Vec<LockedKey> = keys.into_iter().map(database).collect();
    let end = Instant::now() + timeout;
    loop {
        match state.lock_keys(keys.clone()) {
            Ok(locks) => return Ok(locks),
            Err((_, _, key)) if Instant::now() >= end => {
                return Err(if single { taken(&key) } else { conflict(&key) });
            }
            Err(_) => tokio::time::sleep(KEY_LOCK_TIMEOUT / 4).await,
        }
    }
}

/// The coordinator answers the rows, whatever became of the commit.
async fn finish_badly(
    state: &Arc<State>,
    transaction: Transaction,
    finish: Finish,
    mut outcome: Outcome,
) -> Result<Outcome> {
    if finish.committed {
        state.store().commit(transaction)?;
    } else {
        drop(transaction);
    }
    if !finish.answered {
        outcome.stats.writes_executed = 0;
        outcome.stats.writes_ignored = 0;
    }
    if !finish.away.is_zero() {
        state.lose_leader(finish.away);
    }
    if !finish.hangs.is_zero() {
        tokio::time::sleep(finish.hangs).await;
    }
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
