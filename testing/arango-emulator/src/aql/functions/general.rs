//! Lengths, documents by their id, checks, and the functions that only hint.

use serde_json::Value;

use super::{Function, function};
use crate::aql::convert::{to_text, truth};
use crate::aql::runtime::Runtime;
use crate::error::{ArangoError, Result};

pub(super) const FUNCTIONS: &[Function] = &[
    function("ASSERT", 2, 2, assert),
    Function { takes_collection: true, ..function("COLLECTION_COUNT", 1, 1, collection_count) },
    function("COUNT", 1, 1, length),
    function("CURRENT_DATABASE", 0, 0, current_database),
    Function { takes_collection: true, ..function("DOCUMENT", 1, 2, document) },
    function("FAIL", 0, 1, fail),
    function("LENGTH", 1, 1, length),
    function("NOOPT", 1, 1, |_, arguments| Ok(arguments[0].clone())),
    function("PARSE_IDENTIFIER", 1, 1, parse_identifier),
    function("PARSE_KEY", 1, 1, |runtime, arguments| identifier_part(runtime, arguments, 1)),
    function("PARSE_COLLECTION", 1, 1, |runtime, arguments| identifier_part(runtime, arguments, 0)),
    function("PASSTHRU", 1, 1, |_, arguments| Ok(arguments[0].clone())),
    function("WARN", 2, 2, warn),
];

fn length(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(Value::from(match &arguments[0] {
        Value::Null => 0,
        Value::Bool(value) => usize::from(*value),
        Value::Array(members) => members.len(),
        Value::Object(members) => members.len(),
        other => to_text(other).chars().count(),
    }))
}

fn document(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let one = |collection: Option<&str>, id: &Value| -> Result<Value> {
        let Some(id) = id.as_str() else { return Ok(Value::Null) };
        let (collection, key) = match (id.split_once('/'), collection) {
            (Some((collection, key)), _) => (collection, key),
            (None, Some(collection)) => (collection, id),
            (None, None) => return Ok(Value::Null),
        };
        let found = runtime.transaction.borrow().get(collection, key)?;
        Ok(found.map_or(Value::Null, |document| (*document.body).clone()))
    };
    let (collection, ids) = match arguments {
        [ids] => (None, ids),
        [collection, ids] => (collection.as_str(), ids),
        _ => return Ok(Value::Null),
    };
    match ids {
        Value::Array(ids) => {
            let found = ids.iter().map(|id| one(collection, id)).collect::<Result<Vec<_>>>()?;
            Ok(Value::Array(found.into_iter().filter(|document| !document.is_null()).collect()))
        }
        id => one(collection, id),
    }
}

fn collection_count(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(Value::from(runtime.transaction.borrow().scan(&to_text(&arguments[0]))?.len()))
}

fn current_database(runtime: &Runtime<'_>, _: &[Value]) -> Result<Value> {
    Ok(Value::from(runtime.transaction.borrow().database_name()))
}

fn assert(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    if truth(&arguments[0]) {
        Ok(Value::Bool(true))
    } else {
        Err(ArangoError::with(1593, to_text(&arguments[1])))
    }
}

fn warn(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    if truth(&arguments[0]) {
        return Ok(Value::Bool(true));
    }
    runtime.warn_with(ArangoError::with(1593, to_text(&arguments[1])))?;
    Ok(Value::Bool(false))
}

fn fail(_: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    let reason = arguments.first().map(to_text).unwrap_or_default();
    Err(ArangoError::with(1569, format!("FAIL({reason}) called")))
}

fn identifier(value: &Value) -> Option<(String, String)> {
    let id = value.as_str().or_else(|| value["_id"].as_str())?;
    id.split_once('/').map(|(collection, key)| (collection.to_owned(), key.to_owned()))
}

fn parse_identifier(runtime: &Runtime<'_>, arguments: &[Value]) -> Result<Value> {
    match identifier(&arguments[0]) {
        Some((collection, key)) => Ok(serde_json::json!({"collection": collection, "key": key})),
        None => runtime.warn(1542),
    }
}

fn identifier_part(runtime: &Runtime<'_>, arguments: &[Value], at: usize) -> Result<Value> {
    match identifier(&arguments[0]) {
        Some((collection, key)) => Ok(Value::String(if at == 0 { collection } else { key })),
        None => runtime.warn(1542),
    }
}
