//! Checks the server and the collection, and creates what is missing.

mod collection;
mod server;

use serde_json::{Value, json};
use shylock_core::{BackendError, BackendErrorKind, ClaimId, JoinRequest, LockName, Mode, Owner};
use std::time::Duration;

use crate::error::Failure;
use crate::options::ArangoOptions;
use crate::query::{self, Query};
use crate::session::Session;

pub(crate) use server::Deployment;

/// "Read only": the user may not write to the collection, or the whole server accepts no writes.
const READ_ONLY: u32 = 1004;

/// Doing so twice, or in many processes at once, changes nothing.
pub(crate) async fn prepare(session: &Session, options: &ArangoOptions) -> Result<Deployment, BackendError> {
    let (version, deployment) = tokio::try_join!(server::version(session), server::deployment(session))?;
    collection::prepare(session, options).await?;
    let queries = all_queries(options)?;
    let parse = |at: usize| check_query(session, &queries[at], &version);
    // Together they take as long as one.
    tokio::try_join!(
        check_rights(session, options),
        parse(0),
        parse(1),
        parse(2),
        parse(3),
        parse(4),
        parse(5),
        parse(6),
        parse(7),
        parse(8),
    )?;
    Ok(deployment)
}

/// Every query, with its name.
fn all_queries(options: &ArangoOptions) -> Result<[(&'static str, Query); 9], BackendError> {
    let invalid =
        |error| BackendError::new(BackendErrorKind::Broken, "a constant name is invalid").with_source(error);
    let lock = LockName::new("lock").map_err(invalid)?;
    let claim = ClaimId::random();
    let owner = Owner::new("host", 0, None);
    let request = JoinRequest::new(lock.clone(), claim, Mode::Exclusive, Duration::from_secs(1), owner);
    let page = shylock_core::ListPage::new("", 1);
    Ok([
        ("join", query::join(options, &request)),
        ("create", query::create(options, &request)),
        ("renew", query::renew(options, &[])),
        ("leave", query::leave(options, &lock, claim, Duration::ZERO)),
        ("write", query::write(options, &lock, claim, None)),
        ("downgrade", query::downgrade(options, &lock, claim, Mode::READER)),
        ("queue", query::queue(options, &lock)),
        ("stored", query::stored(options, &[])),
        ("list", query::list(options, &page)),
    ])
}

/// Whether the server accepts the text of a query. A server that does not tell is asked by the first use of the query.
async fn check_query(
    session: &Session,
    (name, query): &(&'static str, Query),
    version: &str,
) -> Result<(), BackendError> {
    match session.post("_api/query", &json!({ "query": query.text })).await {
        Err(failure) if failure.is_invalid_query() => {
            let message = format!(
                "ArangoDB {version} does not accept the query {name:?} of shylock-arango {}; use ArangoDB 3.10 to 3.12, and report this otherwise [{failure}]",
                env!("CARGO_PKG_VERSION")
            );
            Err(BackendError::new(BackendErrorKind::Broken, message).with_source(failure))
        }
        Err(failure) if failure.is_passing() => Err(failure.into_error(&format!("check the query {name:?}"))),
        _ => Ok(()),
    }
}

/// Renews nothing: the server checks the rights of the user as for any other write.
async fn check_rights(session: &Session, options: &ArangoOptions) -> Result<(), BackendError> {
    match session.query(&query::renew(options, &[])).await {
        Ok(_) => Ok(()),
        Err(failure) if failure.is(READ_ONLY) => Err(read_only(session, options, failure).await),
        Err(failure) => Err(failure.into_error(&format!("use the collection {:?}", options.collection))),
    }
}

/// Finds out which of the two causes of 1004 it is.
async fn read_only(session: &Session, options: &ArangoOptions, failure: Failure) -> BackendError {
    let mode = session.get("_admin/server/mode").await.ok().map(|mut answer| answer["mode"].take());
    let grant = format!("grant the user read and write access to the collection {:?}", options.collection);
    let switch = "wait until the server accepts writes, or switch it back with `PUT /_admin/server/mode`";
    let (kind, message) = match mode.as_ref().and_then(Value::as_str) {
        Some("readonly") => {
            let message = format!("the ArangoDB server is read-only; {switch} [{failure}]");
            (BackendErrorKind::Throttled { retry_after: None }, message)
        }
        Some(_) => {
            (BackendErrorKind::Denied, format!("the user lacks the right to write; {grant} [{failure}]"))
        }
        None => {
            let message = format!(
                "the user lacks the right to write, or the ArangoDB server is read-only; {grant}, or {switch} [{failure}]"
            );
            (BackendErrorKind::Denied, message)
        }
    };
    BackendError::new(kind, message).with_source(failure)
}

fn misconfigured(message: String) -> BackendError {
    BackendError::new(BackendErrorKind::Misconfigured, message)
}
