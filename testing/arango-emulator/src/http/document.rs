//! `/_api/document/<collection>/<key>`

use std::sync::Arc;

use serde_json::{Value, json};

use super::reply::Reply;
use super::request::Request;
use super::routes::wrong_method;
use crate::aql::overwrite_mode;
use crate::error::{ArangoError, Result};
use crate::state::State;
use crate::store::transaction::{Target, WriteOptions, Written};
use crate::store::{Collection, Document};

pub(super) fn route(state: &Arc<State>, request: &Request, collection: &str, key: &str) -> Result<Reply> {
    match request.method.as_str() {
        "GET" | "HEAD" => read(state, request, collection, key),
        "PUT" | "PATCH" => {
            let body = request.json()?;
            write(state, request, collection, key, Some(&body))
        }
        "DELETE" => write(state, request, collection, key, None),
        _ => Err(wrong_method()),
    }
}

fn read(state: &State, request: &Request, collection: &str, key: &str) -> Result<Reply> {
    let database = state.store().snapshot(&request.database)?;
    let held = database.collection(collection)?;
    let document = held.documents.get(key).ok_or_else(|| ArangoError::new(1202))?;
    if request.revision("if-none-match").is_some_and(|rev| rev == document.rev()) {
        return Ok(Reply::raw(304, Some("text/plain"), "").etag(document.rev()));
    }
    if request.revision("if-match").is_some_and(|rev| rev != document.rev()) {
        return Ok(precondition_failed(document));
    }
    Ok(Reply::json(200, (*document.body).clone()).etag(document.rev()))
}

/// Updates, replaces or, without a body, removes one document.
fn write(
    state: &Arc<State>,
    request: &Request,
    collection: &str,
    key: &str,
    body: Option<&Value>,
) -> Result<Reply> {
    let held = writable(state, request, collection)?;
    let mut options = options(request);
    let in_body = body.and_then(|body| body["_rev"].as_str()).filter(|_| !options.ignore_revs);
    let rev = request.revision("if-match").or(in_body).map(str::to_owned);
    options.ignore_revs &= rev.is_none();
    let target = Target { key: key.to_owned(), rev };
    let mut store = state.store();
    let mut transaction = store.begin(&request.database)?;
    let written = match (request.method.as_str(), body) {
        ("PATCH", Some(patch)) => transaction.update(&held.name, &target, patch, &options),
        (_, Some(body)) => transaction.replace(&held.name, &target, body, &options),
        (_, None) => transaction.remove(&held.name, &target, &options),
    };
    let written = match written {
        Err(error) if error.num == 1200 => {
            let current = transaction.get(&held.name, key)?;
            return Ok(
                current.map_or_else(|| Reply::error(&error), |document| precondition_failed(&document))
            );
        }
        other => other?,
    };
    store.commit(transaction)?;
    Ok(single(request, &held, &written))
}

/// A collection that is to be written to.
pub(super) fn writable(state: &State, request: &Request, collection: &str) -> Result<Arc<Collection>> {
    let held = state.store().snapshot(&request.database)?.collection(collection).map(Arc::clone)?;
    request.may_write(&held.name)?;
    Ok(held)
}

pub(super) fn options(request: &Request) -> WriteOptions {
    let mode = request.parameter("overwriteMode").map(Value::from);
    WriteOptions {
        overwrite: overwrite_mode(mode.as_ref(), request.flag("overwrite", false)),
        keep_null: request.flag("keepNull", true),
        merge_objects: request.flag("mergeObjects", true),
        ignore_revs: request.flag("ignoreRevs", true),
    }
}

/// The answer to a write of one document.
pub(super) fn single(request: &Request, held: &Collection, written: &Written) -> Reply {
    let entry = entry(request, written);
    let rev = entry["_rev"].as_str().unwrap_or_default().to_owned();
    let location =
        format!("/_db/{}/_api/document/{}", request.database, entry["_id"].as_str().unwrap_or_default());
    let body = if request.flag("silent", false) { json!({}) } else { entry };
    Reply::json(status(request, held), body).etag(&rev).header("location", location)
}

/// What is told about one written document.
pub(super) fn entry(request: &Request, written: &Written) -> Value {
    let Some(shown) = written.new.as_ref().or(written.old.as_ref()) else { return Value::Null };
    let mut entry = json!({"_id": shown.body["_id"], "_key": shown.body["_key"], "_rev": shown.rev()});
    if let (Some(old), Some(_)) = (&written.old, &written.new) {
        entry["_oldRev"] = json!(old.rev());
    }
    let mut add = |name: &str, document: Option<&Document>| {
        if let (true, Some(document)) = (request.flag(&format!("return{name}"), false), document) {
            entry[name.to_lowercase()] = (*document.body).clone();
        }
    };
    add("New", written.new.as_ref());
    add("Old", written.old.as_ref());
    entry
}

/// Whether the write is told as done or as accepted depends on whether it was waited for.
pub(super) fn status(request: &Request, held: &Collection) -> u16 {
    match (request.flag("waitForSync", held.wait_for_sync) || held.wait_for_sync, request.method.as_str()) {
        (false, _) => 202,
        (true, "DELETE") => 200,
        (true, _) => 201,
    }
}

fn precondition_failed(document: &Document) -> Reply {
    let mut body = ArangoError::with_status(412, 1200, "conflict, _rev values do not match").body();
    for name in ["_id", "_key", "_rev"] {
        body[name] = document.body[name].clone();
    }
    Reply::json(412, body).etag(document.rev())
}
