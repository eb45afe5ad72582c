//! The collection of the locks, and its index.

use serde_json::{Value, json};
use shylock_core::{BackendError, BackendErrorKind};
use tracing::warn;

use super::misconfigured;
use crate::options::ArangoOptions;
use crate::session::Session;

/// "Duplicate name": the collection was created in between.
const EXISTS: u32 = 1207;
/// "Bad parameter": the collection has another TTL index.
const BAD_PARAMETER: u32 = 10;
/// "Collection not found".
const NO_COLLECTION: u32 = 1203;

/// Creates the collection and its index if they are missing.
pub(super) async fn prepare(session: &Session, options: &ArangoOptions) -> Result<(), BackendError> {
    match session.get(&format!("_api/collection/{}", options.collection)).await {
        Ok(found) => check_collection(&found, options)?,
        Err(failure) if failure.is(NO_COLLECTION) => create_collection(session, options).await?,
        Err(failure) => {
            return Err(failure.into_error(&format!("use the collection {:?}", options.collection)));
        }
    }
    prepare_indexes(session, options).await
}

fn check_collection(found: &Value, options: &ArangoOptions) -> Result<(), BackendError> {
    const DOCUMENTS: u64 = 2;
    if found["type"].as_u64().is_none_or(|kind| kind == DOCUMENTS) {
        return Ok(());
    }
    let message =
        format!("the collection {:?} contains edges; use another one for locks", options.collection);
    Err(misconfigured(message))
}

async fn create_collection(session: &Session, options: &ArangoOptions) -> Result<(), BackendError> {
    let mut body =
        json!({ "name": options.collection, "type": 2, "numberOfShards": 1, "shardKeys": ["_key"] });
    if let Some(servers) = options.replication_factor {
        body["replicationFactor"] = servers.into();
    }
    if let Some(servers) = options.write_concern {
        body["writeConcern"] = servers.into();
    }
    match session.post("_api/collection", &body).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.is(EXISTS) => Ok(()),
        Err(failure) => Err(failure.into_error(&format!("create the collection {:?}", options.collection))),
    }
}

async fn prepare_indexes(session: &Session, options: &ArangoOptions) -> Result<(), BackendError> {
    let path = format!("_api/index?collection={}", options.collection);
    if let Ok(answer) = session.get(&path).await {
        let indexes = answer["indexes"].as_array().map_or(&[][..], Vec::as_slice);
        if indexes.iter().any(is_of_another_library) {
            return Err(misconfigured(format!(
                "the collection {:?} has a unique index on `name`, like the collection of the Python library of the same name; use another one for locks",
                options.collection
            )));
        }
        if indexes.iter().any(is_purging) {
            return Ok(());
        }
    }
    let body = json!({ "type": "ttl", "fields": ["purgeAt"], "expireAfter": 0, "name": "shylock_purge" });
    match session.post(&path, &body).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.is(BAD_PARAMETER) => Err(misconfigured(format!(
            "the collection {:?} has another TTL index, which would delete locks in use; use another collection for locks",
            options.collection
        ))),
        Err(failure) if failure.kind() == BackendErrorKind::Denied => {
            warn!(
                collection = options.collection,
                %failure,
                "the records of unused locks are never deleted; create a TTL index on `purgeAt` with expireAfter 0"
            );
            Ok(())
        }
        Err(failure) => Err(failure.into_error(&format!("create the index of {:?}", options.collection))),
    }
}

fn is_purging(index: &Value) -> bool {
    index["type"] == "ttl"
        && index["fields"] == json!(["purgeAt"])
        && index["expireAfter"].as_f64() == Some(0.0)
}

fn is_of_another_library(index: &Value) -> bool {
    index["unique"] == true && index["fields"] == json!(["name"])
}
