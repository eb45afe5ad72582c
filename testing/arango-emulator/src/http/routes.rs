//! Which handler answers which request.

use std::sync::Arc;

use serde_json::json;

use super::reply::Reply;
use super::request::Request;
use super::{admin, collection, cursor, database, document, documents, index, query};
use crate::auth::Access;
use crate::error::{ArangoError, Result};
use crate::state::State;

/// Answers a request.
pub(super) async fn route(state: &Arc<State>, request: &mut Request) -> Result<Reply> {
    if request.header("transfer-encoding").is_some() {
        return Err(ArangoError::with(501, "chunked requests are not supported"));
    }
    let segments = std::mem::take(&mut request.segments);
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let Some(reply) = open_route(state, request, &segments)? {
        return Ok(reply);
    }
    let user = state.auth.check(request.header("authorization"), state.clock.now_ms())?;
    if !state.auth.may_use(&user, &request.database) {
        return Err(ArangoError::new(11));
    }
    request.rights = state.auth.rights(&user, &request.database);
    if state.is_read_only() {
        request.rights.collections = request.rights.collections.min(Access::ReadOnly);
        request.rights.database = request.rights.database.min(Access::ReadOnly);
    }
    let request = &*request;
    if !state.store().has_database(&request.database) {
        return Err(ArangoError::new(1228));
    }
    match segments.as_slice() {
        ["_api", "cursor", rest @ ..] => cursor::route(state, request, rest).await,
        ["_api", "query"] if request.method == "POST" => query::parse(request),
        ["_api", "document", rest @ ..] if rest.len() < 2 => documents::route(state, request, rest),
        ["_api", "document", collection, key] => document::route(state, request, collection, key),
        ["_api", "collection", rest @ ..] => collection::route(state, request, rest),
        ["_api", "key-generators"] => Ok(collection::key_generators()),
        ["_api", "index", rest @ ..] => index::route(state, request, rest),
        ["_api", "database", rest @ ..] => database::route(state, request, rest, &user),
        rest => admin::route(state, request, rest),
    }
}

/// What needs no login.
fn open_route(state: &State, request: &Request, segments: &[&str]) -> Result<Option<Reply>> {
    let reply = match (request.method.as_str(), segments) {
        ("GET" | "HEAD", []) => Reply::raw(301, Some("text/html"), "<html><body>Moved</body></html>")
            .header("location", format!("/_db/{}/_admin/aardvark/index.html", request.database)),
        ("GET" | "HEAD", ["_admin", "aardvark", ..]) => Reply::raw(200, Some("text/html"), "<html></html>"),
        ("GET", ["_admin", "server", "availability"]) if state.is_read_only() => {
            return Err(ArangoError::new(503));
        }
        ("GET", ["_admin", "server", "availability"]) => Reply::ok(200, json!({"mode": "default"})),
        ("POST", ["_open", "auth"]) if state.auth.is_enabled() => log_in(state, request)?,
        _ => return Ok(None),
    };
    Ok(Some(reply))
}

fn log_in(state: &State, request: &Request) -> Result<Reply> {
    let body = request.json()?;
    let (Some(name), Some(password)) = (body["username"].as_str(), body["password"].as_str()) else {
        return Err(ArangoError::with(400, "expecting username and password"));
    };
    let token = state.auth.log_in(name, password, state.clock.now_ms())?;
    Ok(Reply::json(200, json!({"jwt": token})))
}

/// The error for a path that leads nowhere.
pub(super) fn unknown_path(request: &Request) -> ArangoError {
    ArangoError::with(404, format!("unknown path '{}'", request.path))
}

/// The error for a method that a path does not have.
pub(super) fn wrong_method() -> ArangoError {
    ArangoError::new(405)
}
