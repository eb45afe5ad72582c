//! `/_api/document/<collection>`: new documents, and many at once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::document::{entry, options, single, status, writable};
use super::reply::Reply;
use super::request::Request;
use super::routes::wrong_method;
use crate::error::{ArangoError, Result};
use crate::state::State;
use crate::store::transaction::{Target, WriteOptions, Written};
use crate::store::{Collection, Transaction};

pub(super) fn route(state: &State, request: &Request, segments: &[&str]) -> Result<Reply> {
    let name = segments.first().copied().or_else(|| request.parameter("collection"));
    let name = name.ok_or_else(|| ArangoError::with(400, "collection name is missing"))?;
    let held = writable(state, request, name)?;
    let body = request.json()?;
    match (request.method.as_str(), &body) {
        ("POST", Value::Array(bodies)) => {
            many(state, request, &held, bodies, |transaction, body, options| {
                transaction.insert(&held.name, body, options)
            })
        }
        ("POST", body) => {
            let mut store = state.store();
            let mut transaction = store.begin(&request.database)?;
            let written = transaction.insert(&held.name, body, &options(request))?;
            store.commit(transaction)?;
            Ok(single(request, &held, &written))
        }
        ("PUT", Value::Array(keys)) if request.flag("onlyget", false) => Ok(read_many(&held, keys)),
        ("PUT", Value::Array(bodies)) => many(state, request, &held, bodies, |transaction, body, options| {
            transaction.replace(&held.name, &target(&held, body)?, body, options)
        }),
        ("PATCH", Value::Array(bodies)) => {
            many(state, request, &held, bodies, |transaction, body, options| {
                transaction.update(&held.name, &target(&held, body)?, body, options)
            })
        }
        ("DELETE", Value::Array(keys)) => many(state, request, &held, keys, |transaction, key, options| {
            transaction.remove(&held.name, &target(&held, key)?, options)
        }),
        ("PUT" | "PATCH" | "DELETE", _) => Err(ArangoError::new(1227)),
        _ => Err(wrong_method()),
    }
}

/// Does the same to each member of an array; a failed one does not stop the others.
fn many(
    state: &State,
    request: &Request,
    held: &Collection,
    bodies: &[Value],
    write: impl Fn(&mut Transaction, &Value, &WriteOptions) -> Result<Written>,
) -> Result<Reply> {
    let (mut entries, mut failures) = (Vec::new(), BTreeMap::<String, u64>::new());
    let mut store = state.store();
    let mut transaction = store.begin(&request.database)?;
    for body in bodies {
        match write(&mut transaction, body, &options(request)) {
            Ok(written) => entries.push(entry(request, &written)),
            Err(error) => {
                *failures.entry(error.num.to_string()).or_default() += 1;
                entries.push(error.entry());
            }
        }
    }
    store.commit(transaction)?;
    if request.flag("silent", false) {
        entries.retain(|entry| entry["error"] == true);
    }
    let reply = Reply::json(status(request, held), Value::Array(entries));
    Ok(if failures.is_empty() {
        reply
    } else {
        reply.header("x-arango-error-codes", json!(failures).to_string())
    })
}

fn read_many(held: &Collection, keys: &[Value]) -> Reply {
    let read = |key: &Value| {
        let found = target(held, key).ok().and_then(|target| held.documents.get(&target.key));
        found.map_or_else(|| ArangoError::new(1202).entry(), |document| (*document.body).clone())
    };
    Reply::json(200, keys.iter().map(read).collect())
}

/// The document that a key, an id or an object with either means.
fn target(held: &Collection, body: &Value) -> Result<Target> {
    let id = body.as_str().or_else(|| body["_key"].as_str()).or_else(|| body["_id"].as_str());
    let id = id.ok_or_else(|| ArangoError::new(1221))?;
    let key = match id.split_once('/') {
        Some((collection, key)) if collection == held.name => key,
        Some(_) => return Err(ArangoError::new(1202)),
        None => id,
    };
    Ok(Target { key: key.to_owned(), rev: body["_rev"].as_str().map(str::to_owned) })
}
