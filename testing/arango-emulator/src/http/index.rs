//! `/_api/index`

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::reply::Reply;
use super::request::Request;
use super::routes::wrong_method;
use crate::error::{ArangoError, Result};
use crate::state::State;
use crate::store::Collection;
use crate::store::index::{Index, IndexKind};

pub(super) fn route(state: &State, request: &Request, segments: &[&str]) -> Result<Reply> {
    match (request.method.as_str(), segments) {
        ("GET", []) => list(state, request),
        ("POST", []) => create(state, request),
        ("GET", [collection, id]) => {
            let database = state.store().snapshot(&request.database)?;
            let held = database.collection(collection)?;
            Ok(Reply::ok(200, find(held, id)?.describe(&held.name)))
        }
        ("DELETE", [collection, id]) => remove(state, request, collection, id),
        _ => Err(wrong_method()),
    }
}

fn find<'c>(held: &'c Collection, id: &str) -> Result<&'c Index> {
    let same = |index: &&Index| index.id.to_string() == id || index.name == id;
    held.indexes.iter().find(same).ok_or_else(|| ArangoError::new(1212))
}

fn collection_name(request: &Request) -> Result<&str> {
    request.parameter("collection").ok_or_else(|| ArangoError::with(10, "missing collection name"))
}

fn list(state: &State, request: &Request) -> Result<Reply> {
    let database = state.store().snapshot(&request.database)?;
    let held = database.collection(collection_name(request)?)?;
    let indexes: Vec<Value> = held.indexes.iter().map(|index| index.describe(&held.name)).collect();
    let by_id =
        indexes.iter().map(|index| (index["id"].as_str().unwrap_or_default().to_owned(), index.clone()));
    let identifiers: Map<String, Value> = by_id.collect();
    Ok(Reply::ok(200, json!({"indexes": indexes, "identifiers": identifiers})))
}

fn create(state: &State, request: &Request) -> Result<Reply> {
    request.may_change_database()?;
    let mut store = state.store();
    let ids = Arc::clone(&store.ids);
    let held = store.database_mut(&request.database)?.collection_mut(collection_name(request)?)?;
    let index = Index::from_definition(&request.json()?, &ids)?;
    if let Some(same) = held.indexes.iter().find(|other| other.same_definition(&index)) {
        return Ok(created(200, same, &held.name));
    }
    check_new(held, &index)?;
    let reply = created(201, &index, &held.name);
    held.indexes.push(index);
    Ok(reply)
}

fn created(status: u16, index: &Index, collection: &str) -> Reply {
    let mut body = index.describe(collection);
    body["isNewlyCreated"] = json!(status == 201);
    Reply::ok(status, body)
}

fn check_new(held: &Collection, index: &Index) -> Result<()> {
    if held.indexes.iter().any(|other| other.name == index.name) {
        return Err(ArangoError::with(1207, "duplicate value: an index of that name exists"));
    }
    if index.kind == IndexKind::Ttl && held.indexes.iter().any(|other| other.kind == IndexKind::Ttl) {
        return Err(ArangoError::with(10, "there can only be one ttl index per collection"));
    }
    if index.unique { check_unique(held, index) } else { Ok(()) }
}

/// A unique index cannot be made over data that break it already.
fn check_unique(held: &Collection, index: &Index) -> Result<()> {
    let mut seen: Vec<Vec<Value>> = Vec::new();
    for (key, document) in held.documents.iter() {
        let Some(values) = index.values(&document.body) else { continue };
        if seen.contains(&values) {
            return Err(ArangoError { status: 400, ..index.violated_by(key) });
        }
        seen.push(values);
    }
    Ok(())
}

fn remove(state: &State, request: &Request, collection: &str, id: &str) -> Result<Reply> {
    request.may_change_database()?;
    let mut store = state.store();
    let held = store.database_mut(&request.database)?.collection_mut(collection)?;
    let index = find(held, id)?.clone();
    if matches!(index.kind, IndexKind::Primary | IndexKind::Edge) {
        return Err(ArangoError::with_status(403, 11, "forbidden"));
    }
    held.indexes.retain(|other| other.id != index.id);
    Ok(Reply::ok(200, json!({"id": format!("{}/{}", held.name, index.id)})))
}
