//! Looks at the server and the collection, and makes what is missing.

use serde_json::{Value, json};
use shylock_core::{BackendError, BackendErrorKind};
use tracing::warn;

use crate::error::Failure;
use crate::options::ArangoOptions;
use crate::query;
use crate::session::Session;

/// The oldest version that this is made for.
const OLDEST: (u32, u32) = (3, 10);

/// "Duplicate name": the collection was made in between.
const EXISTS: u32 = 1207;
/// "Bad parameter": the collection has another TTL index.
const BAD_PARAMETER: u32 = 10;
/// "Collection not found".
const NO_COLLECTION: u32 = 1203;

/// To do so twice, or in many processes at once, changes nothing.
pub(crate) async fn prepare(session: &Session, options: &ArangoOptions) -> Result<(), BackendError> {
    check_version(session).await?;
    let step = format!("use the collection {:?}", options.collection);
    match session.get(&format!("_api/collection/{}", options.collection)).await {
        Ok(found) => check_collection(&found, options)?,
        Err(failure) if failure.is(NO_COLLECTION) => create_collection(session, options).await?,
        Err(failure) => return Err(failure.into_error(&step)),
    }
    prepare_indexes(session, options).await?;
    // Nothing is renewed by this, but the server looks at it as at any other write.
    let trial = session.query(&query::renew(options, &[])).await;
    trial.map(drop).map_err(|failure| failure.into_error(&step))
}

async fn check_version(session: &Session) -> Result<(), BackendError> {
    let answer = session
        .get("_api/version")
        .await
        .map_err(|failure| failure.into_error("ask for the server's version"))?;
    if answer["server"] != "arango" {
        let failure = Failure::Senseless("it does not call itself \"arango\"".into());
        return Err(failure.into_error("ask for the server's version"));
    }
    // A hardened server tells its version to administrators only.
    let Some(version) = answer["version"].as_str() else { return Ok(()) };
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST => Ok(()),
        _ => Err(misconfigured(format!("ArangoDB {version} is too old for locks; use 3.10 or newer"))),
    }
}

fn check_collection(found: &Value, options: &ArangoOptions) -> Result<(), BackendError> {
    const DOCUMENTS: u64 = 2;
    if found["type"].as_u64().is_none_or(|kind| kind == DOCUMENTS) {
        return Ok(());
    }
    let message =
        format!("the collection {:?} is one of edges; use another one for locks", options.collection);
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
                "the collection {:?} has a unique index on `name`, as that of the Python library of the same name; use another one for locks",
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
            "the collection {:?} has another TTL index, which would delete locks that are held; use another collection for locks",
            options.collection
        ))),
        Err(failure) if failure.kind() == BackendErrorKind::Denied => {
            warn!(
                collection = options.collection,
                %failure,
                "records of unused locks stay for ever; create a TTL index on `purgeAt` with expireAfter 0"
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

fn misconfigured(message: String) -> BackendError {
    BackendError::new(BackendErrorKind::Misconfigured, message)
}
