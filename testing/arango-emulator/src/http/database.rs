//! `/_api/database`

use serde_json::{Value, json};

use super::reply::Reply;
use super::request::Request;
use super::routes::wrong_method;
use crate::auth::Rights;
use crate::error::{ArangoError, Result};
use crate::state::State;

pub(super) fn route(state: &State, request: &Request, segments: &[&str], user: &str) -> Result<Reply> {
    match (request.method.as_str(), segments) {
        ("GET", ["current"]) => current(state, request),
        ("GET", ["user"]) => {
            let names = state.store().database_names();
            let granted: Vec<_> = names.into_iter().filter(|name| state.auth.may_use(user, name)).collect();
            Ok(Reply::ok(200, json!({"result": granted})))
        }
        ("GET", []) => {
            only_in_system(request)?;
            Ok(Reply::ok(200, json!({"result": state.store().database_names()})))
        }
        ("POST", []) => create(state, request),
        ("DELETE", [name]) => {
            only_in_system(request)?;
            state.store().drop_database(name)?;
            Ok(Reply::ok(200, json!({"result": true})))
        }
        _ => Err(wrong_method()),
    }
}

fn only_in_system(request: &Request) -> Result<()> {
    if request.database == "_system" { Ok(()) } else { Err(ArangoError::new(1230)) }
}

fn current(state: &State, request: &Request) -> Result<Reply> {
    let database = state.store().snapshot(&request.database)?;
    let result = json!({
        "id": database.id.to_string(),
        "name": database.name,
        "isSystem": database.is_system(),
        "path": "none",
    });
    Ok(Reply::ok(200, json!({"result": result})))
}

fn create(state: &State, request: &Request) -> Result<Reply> {
    only_in_system(request)?;
    let body = request.json()?;
    let name = body["name"].as_str().ok_or_else(|| ArangoError::new(1229))?;
    state.store().create_database(name)?;
    for user in body["users"].as_array().into_iter().flatten() {
        add_user(state, user, name);
    }
    Ok(Reply::ok(201, json!({"result": true})))
}

fn add_user(state: &State, user: &Value, database: &str) {
    let text = |name: &str| user[name].as_str();
    let Some(name) = text("username").or_else(|| text("user")) else { return };
    let password = text("passwd").or_else(|| text("password")).unwrap_or_default();
    state.auth.add_user(name, password, database, Rights::ALL);
}
