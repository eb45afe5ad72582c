//! What tells about the server itself.

use serde_json::{Value, json};

use super::reply::Reply;
use super::request::Request;
use super::routes::unknown_path;
use crate::auth::{Access, Rights};
use crate::error::{ArangoError, Result};
use crate::state::State;

pub(super) fn route(state: &State, request: &Request, segments: &[&str]) -> Result<Reply> {
    match (request.method.as_str(), segments) {
        ("GET", ["_api", "version"]) => Ok(Reply::json(200, version(state, request.flag("details", false)))),
        ("GET", ["_admin", "time"]) => {
            #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 µs")]
            let seconds = state.clock.now_micros() as f64 / 1_000_000.0;
            Ok(Reply::ok(200, json!({"time": seconds})))
        }
        ("GET", ["_admin", "status"]) => Ok(Reply::json(200, status(state))),
        ("GET", ["_admin", "server", "role"]) => match &state.behaviour.role {
            Some(role) => Ok(Reply::ok(200, json!({"role": role, "mode": "default"}))),
            None => Err(ArangoError::with_status(403, 11, "forbidden")),
        },
        ("GET", ["_admin", "server", "mode"]) => Ok(Reply::ok(200, json!({"mode": mode(state)}))),
        ("GET", ["_api", "engine"]) => Ok(Reply::json(200, json!({"name": "rocksdb", "supports": {}}))),
        ("GET", ["_api", "user", user, "database"]) => {
            Ok(Reply::ok(200, json!({"result": grants(state, user)})))
        }
        ("GET", ["_api", "user", user, "database", database]) => {
            let right = grants(state, user)[*database].as_str().unwrap_or("none").to_owned();
            Ok(Reply::ok(200, json!({"result": right})))
        }
        ("POST", ["_api", "user"]) => create_user(state, request),
        ("PUT", ["_api", "user", user, "database", database]) => grant(state, request, user, database, false),
        ("PUT", ["_api", "user", user, "database", database, _]) => {
            grant(state, request, user, database, true)
        }
        ("DELETE", ["_api", "user", user]) => {
            state.auth.remove_user(user);
            Ok(Reply::ok(202, json!({})))
        }
        ("GET", ["_api", "user", ..]) => Err(ArangoError::with(501, "the emulator does not manage users")),
        _ => Err(unknown_path(request)),
    }
}

fn create_user(state: &State, request: &Request) -> Result<Reply> {
    let body = request.json()?;
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    state.auth.create_user(text("user"), text("passwd"));
    Ok(Reply::ok(201, json!({"user": text("user"), "active": true, "extra": {}})))
}

/// Sets the rights to a database, or those to its collections: the emulator knows no rights to a single one.
fn grant(state: &State, request: &Request, user: &str, database: &str, collections: bool) -> Result<Reply> {
    let body = request.json()?;
    let access = match body["grant"].as_str() {
        Some("rw") => Access::ReadWrite,
        Some("ro") => Access::ReadOnly,
        Some("none") => Access::None,
        _ => return Err(ArangoError::new(10)),
    };
    let held = state.auth.rights(user, database);
    let rights = if collections {
        Rights { collections: access, ..held }
    } else {
        Rights { database: access, ..held }
    };
    state.auth.grant(user, database, rights);
    Ok(Reply::ok(200, json!({database: body["grant"]})))
}

fn mode(state: &State) -> &'static str {
    if state.is_read_only() { "readonly" } else { "default" }
}

fn version(state: &State, details: bool) -> Value {
    let number = &state.behaviour.version;
    let mut version = json!({
        "server": "arango",
        "license": "enterprise",
        "version": number,
        "apiVersions": ["v0"],
        "deprecatedApiVersions": [],
        "requestedApiVersion": "v0",
    });
    if details {
        version["details"] = json!({
            "architecture": "64bit",
            "host": "localhost",
            "license": "enterprise",
            "mode": "server",
            "platform": "linux",
            "role": state.behaviour.role,
            "server-version": number,
        });
    }
    version
}

fn status(state: &State) -> Value {
    json!({
        "server": "arango",
        "version": state.behaviour.version,
        "license": "enterprise",
        "mode": "server",
        "operationMode": "server",
        "foxxApi": true,
        "host": "localhost",
        "pid": std::process::id(),
        "serverInfo": {
            "progress": {"phase": "in wait", "feature": "", "recoveryTick": 0},
            "role": state.behaviour.role,
            "writeOpsEnabled": !state.is_read_only(),
            "readOnly": state.is_read_only(),
            "maintenance": false,
        },
    })
}

/// Which databases a user may use.
fn grants(state: &State, user: &str) -> Value {
    let names = state.store().database_names();
    let granted = names.into_iter().filter(|database| state.auth.may_use(user, database));
    Value::Object(granted.map(|database| (database, json!("rw"))).collect())
}
