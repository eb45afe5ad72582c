//! One request and its answer, with the faults that are due.

use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request as HyperRequest, Response};

use super::reply::Reply;
use super::request::Request;
use super::routes;
use crate::error::ArangoError;
use crate::faults::{Effect, Strike};
use crate::state::State;

/// The connection is to be cut instead of an answer.
#[derive(Debug)]
pub(super) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the connection is cut")
    }
}

impl std::error::Error for Cut {}

pub(super) async fn handle(
    state: Arc<State>,
    request: HyperRequest<Incoming>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let mut request = Request::new(&head, body);
    let accept = request.header("accept").map(str::to_owned);
    // A client that goes away does not stop what it asked for, so the work has a task of its own.
    let work = tokio::spawn(async move { answer(&state, &mut request).await });
    let reply = work.await.map_err(|_| Cut)??;
    reply.into_response(accept.as_deref())
}

async fn answer(state: &Arc<State>, request: &mut Request) -> Result<Reply, Cut> {
    state.counters.add(&request.method, &request.path);
    let strike = state.faults.strike(&request.method, &request.path, &request.body);
    let Some(Strike { effect, after_commit }) = strike else { return Ok(work(state, request).await) };
    if !after_commit {
        return match effect {
            Effect::Delay(time) => {
                tokio::time::sleep(time).await;
                Ok(work(state, request).await)
            }
            other => faulty(other, None).await,
        };
    }
    let reply = work(state, request).await;
    faulty(effect, Some(reply)).await
}

/// The answer that a fault leaves; `reply` is the true one, if the work was done.
async fn faulty(effect: Effect, reply: Option<Reply>) -> Result<Reply, Cut> {
    match effect {
        Effect::Error { status, num, message } => Ok(Reply::error(&ArangoError { status, num, message })),
        Effect::Raw { status, content_type, body } => Ok(Reply::raw(status, content_type, body)),
        Effect::Delay(time) => {
            tokio::time::sleep(time).await;
            reply.ok_or(Cut)
        }
        Effect::Cut | Effect::Query(_) => Err(Cut),
    }
}

async fn work(state: &Arc<State>, request: &mut Request) -> Reply {
    match routes::route(state, request).await {
        Ok(reply) => reply,
        Err(error) => refused(&error, request),
    }
}

fn refused(error: &ArangoError, request: &Request) -> Reply {
    let reply = Reply::error(error);
    if error.status != 401 || request.header("x-omit-www-authenticate").is_some() {
        return reply;
    }
    reply
        .header("www-authenticate", "Basic, realm=\"ArangoDB\"")
        .header("www-authenticate", "Bearer, token_type=\"JWT\", realm=\"ArangoDB\"")
}
