//! `/_api/collection`

use std::sync::Arc;

use serde_json::{Value, json};

use super::reply::Reply;
use super::request::Request;
use super::routes::{unknown_path, wrong_method};
use crate::error::{ArangoError, Result};
use crate::state::State;
use crate::store::Collection;
use crate::store::collection::CollectionOptions;
use crate::store::ids::revision_text;
use crate::store::names;

pub(super) fn route(state: &State, request: &Request, segments: &[&str]) -> Result<Reply> {
    match (request.method.as_str(), segments) {
        ("GET", []) => list(state, request),
        ("POST", []) => {
            request.may_change_database()?;
            create(state, request)
        }
        ("GET", [name]) => Ok(Reply::ok(200, brief(find(state, request, name)?.as_ref()))),
        ("GET", [name, what]) => {
            let reply =
                show(find(state, request, name)?.as_ref(), what).ok_or_else(|| unknown_path(request))?;
            Ok(Reply::ok(200, reply).header("location", request.location()))
        }
        ("PUT", [name, what]) => {
            request.may_write(name)?;
            change(state, request, name, what)
        }
        ("DELETE", [name]) => {
            request.may_change_database()?;
            drop(state, request, name)
        }
        _ => Err(wrong_method()),
    }
}

pub(super) fn key_generators() -> Reply {
    Reply::json(200, json!({"keyGenerators": ["upgrade", "padded", "uuid", "autoincrement", "traditional"]}))
}

fn find(state: &State, request: &Request, name: &str) -> Result<Arc<Collection>> {
    request.may_read()?;
    state.store().snapshot(&request.database)?.collection(name).map(Arc::clone)
}

fn list(state: &State, request: &Request) -> Result<Reply> {
    let database = state.store().snapshot(&request.database)?;
    let hide_system = request.flag("excludeSystem", false);
    let shown = database.collections.values().filter(|held| !hide_system || !held.is_system);
    let result: Vec<Value> = shown.map(|held| brief(held)).collect();
    Ok(Reply::ok(200, json!({"result": result})))
}

fn create(state: &State, request: &Request) -> Result<Reply> {
    let body = request.json()?;
    let name = body["name"].as_str().ok_or_else(|| ArangoError::new(1208))?;
    let flag = |name: &str| body[name].as_bool().unwrap_or(false);
    let options = CollectionOptions {
        kind: if body["type"] == 3 { 3 } else { 2 },
        wait_for_sync: flag("waitForSync"),
        is_system: flag("isSystem"),
        cache_enabled: flag("cacheEnabled"),
        schema: body["schema"].clone(),
        key_options: body["keyOptions"].clone(),
    };
    let mut store = state.store();
    let ids = Arc::clone(&store.ids);
    let collection = store.database_mut(&request.database)?.create_collection(name, options, &ids)?;
    Ok(Reply::ok(200, properties(&collection)))
}

fn change(state: &State, request: &Request, name: &str, what: &str) -> Result<Reply> {
    let mut store = state.store();
    let database = store.database_mut(&request.database)?;
    let body = request.json()?;
    match what {
        "truncate" => Arc::make_mut(&mut database.collection_mut(name)?.documents).clear(),
        "properties" => {
            let held = database.collection_mut(name)?;
            held.wait_for_sync = body["waitForSync"].as_bool().unwrap_or(held.wait_for_sync);
            held.cache_enabled = body["cacheEnabled"].as_bool().unwrap_or(held.cache_enabled);
            return Ok(Reply::ok(200, properties(held)));
        }
        "load" | "unload" | "loadIndexesIntoMemory" => {}
        "rename" => return rename(database, name, &body),
        _ => return Err(unknown_path(request)),
    }
    Ok(Reply::ok(200, brief(database.collection(name)?)))
}

fn rename(database: &mut crate::store::Database, name: &str, body: &Value) -> Result<Reply> {
    let new = body["name"].as_str().ok_or_else(|| ArangoError::new(1208))?;
    names::check_collection(new, false)?;
    if database.collections.contains_key(new) {
        return Err(ArangoError::new(1207));
    }
    if !database.collection(name)?.documents.is_empty() {
        // The documents carry the name in `_id`.
        return Err(ArangoError::with(501, "the emulator renames only empty collections"));
    }
    let mut held = database.drop_collection(name, false)?;
    new.clone_into(&mut Arc::make_mut(&mut held).name);
    let reply = Reply::ok(200, brief(&held));
    database.collections.insert(new.to_owned(), held);
    Ok(reply)
}

fn drop(state: &State, request: &Request, name: &str) -> Result<Reply> {
    let mut store = state.store();
    let database = store.database_mut(&request.database)?;
    let dropped = database.drop_collection(name, request.flag("isSystem", false))?;
    Ok(Reply::ok(200, json!({"id": dropped.id.to_string()})))
}

/// The short description of a collection.
fn brief(held: &Collection) -> Value {
    let unique_id = if held.is_system { held.name.clone() } else { format!("h0123456789AB/{}", held.id) };
    json!({
        "id": held.id.to_string(),
        "name": held.name,
        "status": 3,
        "type": held.kind,
        "isSystem": held.is_system,
        "globallyUniqueId": unique_id,
    })
}

fn properties(held: &Collection) -> Value {
    let mut keys = json!({
        "allowUserKeys": held.keys.accepts_given,
        "type": if held.keys.autoincrement { "autoincrement" } else { "traditional" },
        "lastValue": held.keys.last(),
    });
    if held.keys.autoincrement {
        keys["offset"] = json!(held.keys.offset);
        keys["increment"] = json!(held.keys.increment);
    }
    let mut all = brief(held);
    let more = json!({
        "writeConcern": 1,
        "waitForSync": held.wait_for_sync,
        "usesRevisionsAsDocumentIds": true,
        "syncByRevision": true,
        "supportsRBAC": true,
        "statusString": "loaded",
        "isSmartChild": false,
        "schema": held.schema,
        "cacheEnabled": held.cache_enabled,
        "internalValidatorType": 0,
        "keyOptions": keys,
        "computedValues": null,
        "objectId": held.object_id.to_string(),
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
        all.extend(more);
    }
    all
}

/// What `GET /_api/collection/<name>/<what>` shows.
fn show(held: &Collection, what: &str) -> Option<Value> {
    let mut all = properties(held);
    match what {
        "properties" => {}
        "count" => all["count"] = json!(held.documents.len()),
        "revision" => {
            let last = held.documents.values().map(|document| document.revision).max();
            all["revision"] = json!(last.map_or("0".to_owned(), revision_text));
        }
        _ => return None,
    }
    Some(all)
}
