//! `/_api/cursor`

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::query;
use super::reply::Reply;
use super::request::Request;
use super::routes::wrong_method;
use crate::aql::{Outcome, Stats};
use crate::cursors::Delivery;
use crate::error::{ArangoError, Result};
use crate::state::State;

const DEFAULT_BATCH: usize = 1000;
const DEFAULT_TTL: f64 = 30.0;

pub(super) async fn route(state: &Arc<State>, request: &Request, segments: &[&str]) -> Result<Reply> {
    match (request.method.as_str(), segments) {
        ("POST", []) => create(state, request).await,
        ("POST" | "PUT", [id]) => next(state, request, id, None),
        ("POST", [id, batch]) => next(state, request, id, Some(batch)),
        ("PUT", _) => Err(ArangoError::with(400, "expecting POST /_api/cursor/<cursor-id>")),
        ("DELETE", [id]) => {
            state.cursors().close(id, &request.database)?;
            Ok(Reply::ok(202, json!({"id": id})))
        }
        _ => Err(wrong_method()),
    }
}

async fn create(state: &Arc<State>, request: &Request) -> Result<Reply> {
    if request.body.is_empty() {
        return Err(ArangoError::new(1502));
    }
    let body = request.json()?;
    let text = query_text(&body)?;
    let delivery = delivery(&body)?;
    let started = std::time::Instant::now();
    let mut outcome = query::run(state, request, text, &body).await?;
    let extra = extra(&outcome, &body, started.elapsed());
    let id = state.store().ids.next();
    let rows = std::mem::take(&mut outcome.rows);
    let batch = state.cursors().open(id, &request.database, rows, extra, delivery);
    Ok(Reply::ok(201, batch))
}

pub(super) fn query_text(body: &Value) -> Result<&str> {
    match body.get("query") {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(Value::String(_) | Value::Null) => Err(ArangoError::new(1502)),
        Some(_) => Err(ArangoError::with(17, "expecting string for <query>")),
        None => Err(ArangoError::with(600, "invalid JSON object: expecting <query>")),
    }
}

fn delivery(body: &Value) -> Result<Delivery> {
    let batch_size = match body.get("batchSize") {
        None | Some(Value::Null) => DEFAULT_BATCH,
        Some(size) => size
            .as_u64()
            .filter(|size| *size > 0)
            .and_then(|size| usize::try_from(size).ok())
            .ok_or_else(|| ArangoError::with(17, "expecting non-zero value for <batchSize>"))?,
    };
    let ttl = body["ttl"].as_f64().filter(|ttl| *ttl > 0.0 && ttl.is_finite()).unwrap_or(DEFAULT_TTL);
    Ok(Delivery {
        batch_size,
        with_count: body["count"].as_bool().unwrap_or(false),
        allow_retry: body["options"]["allowRetry"].as_bool().unwrap_or(false),
        ttl: Duration::from_secs_f64(ttl.min(1e6)),
    })
}

fn next(state: &State, request: &Request, id: &str, batch: Option<&str>) -> Result<Reply> {
    state.cursors().next(id, &request.database, batch).map(|batch| Reply::ok(200, batch))
}

fn extra(outcome: &Outcome, body: &Value, time: Duration) -> Value {
    let mut stats = stats(&outcome.stats, time);
    if let (true, Some(count)) = (body["options"]["fullCount"] == true, outcome.stats.full_count) {
        stats["fullCount"] = json!(count);
    }
    json!({"warnings": outcome.warnings, "stats": stats})
}

fn stats(stats: &Stats, time: Duration) -> Value {
    json!({
        "writesExecuted": stats.writes_executed,
        "writesIgnored": stats.writes_ignored,
        "documentLookups": stats.document_lookups,
        "seeks": 0,
        "scannedFull": stats.scanned_full,
        "scannedIndex": stats.scanned_index,
        "searchParallelism": 1,
        "cursorsCreated": stats.cursors_created,
        "cursorsRearmed": 0,
        "cacheHits": 0,
        "cacheMisses": 0,
        "filtered": stats.filtered,
        "httpRequests": 0,
        "executionTime": time.as_secs_f64(),
        "peakMemoryUsage": 0,
        "intermediateCommits": 0,
    })
}
