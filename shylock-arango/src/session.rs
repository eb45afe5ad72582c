//! Requests to one database, and what their answers say.
//!
//! Of `arangors` this uses the clients and the addresses of databases only. The requests of `arangors` look at the body
//! of an answer and never at its status, so they would take an error without an error message for a success.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arangors::client::ClientExt;
use arangors::{ClientError, Database};
use async_trait::async_trait;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Method, Request, Response};
use serde_json::{Value, json};
use url::Url;

use crate::error::{Failure, Refusal};
use crate::query::Query;

/// Requests to one database, each within a time limit.
#[derive(Clone)]
pub(crate) struct Session {
    client: Arc<dyn AnyClient>,
    base: Url,
    limit: Duration,
}

/// A client of whatever kind.
#[async_trait]
pub(crate) trait AnyClient: Send + Sync {
    async fn send(&self, request: Request<String>) -> Result<Response<String>, ClientError>;
}

struct Client<C>(Arc<C>);

#[async_trait]
impl<C: ClientExt + Send + 'static> AnyClient for Client<C> {
    async fn send(&self, request: Request<String>) -> Result<Response<String>, ClientError> {
        self.0.request(request).await
    }
}

impl Session {
    /// `base` is the address of a database, with a slash at its end.
    pub(crate) fn new(client: impl ClientExt + Send + 'static, base: Url, limit: Duration) -> Self {
        Self { client: Arc::new(Client(Arc::new(client))), base, limit }
    }

    /// With the client of a handle of `arangors`.
    pub(crate) fn of<C: ClientExt + Send + 'static>(database: &Database<C>, limit: Duration) -> Self {
        Self { client: Arc::new(Client(database.session())), base: database.url().clone(), limit }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.send(Method::GET, path, String::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(Method::POST, path, body.to_string()).await
    }

    /// Runs a query and fetches all that it answers.
    pub(crate) async fn query(&self, query: &Query) -> Result<Vec<Value>, Failure> {
        let mut answer = self.post("_api/cursor", &self.request_of(query)).await?;
        let mut rows = Vec::new();
        loop {
            match answer["result"].take() {
                Value::Array(batch) => rows.extend(batch),
                _ => return Err(Failure::Senseless("an answer to a query without its result".into())),
            }
            if answer["hasMore"] != true {
                return Ok(rows);
            }
            // The server drew it: digits only.
            let cursor = answer["id"].as_str().unwrap_or_default().to_owned();
            answer = self.post(&format!("_api/cursor/{cursor}"), &Value::Null).await?;
        }
    }

    /// A query whose client has stopped waiting is killed. Its plan is never cached, so that its time is its own.
    fn request_of(&self, query: &Query) -> Value {
        json!({
            "query": query.text,
            "bindVars": query.binds,
            "cache": false,
            "options": { "maxRuntime": self.limit.as_secs_f64() },
        })
    }

    async fn send(&self, method: Method, path: &str, body: String) -> Result<Value, Failure> {
        let unfit = |error: &dyn fmt::Display| Failure::Senseless(format!("an invalid address: {error}"));
        let url = self.base.join(path).map_err(|error| unfit(&error))?;
        let request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| unfit(&error))?;
        match tokio::time::timeout(self.limit, self.client.send(request)).await {
            Ok(Ok(response)) => read(&response),
            Ok(Err(error)) => Err(Failure::NoAnswer(self.without_secrets(error))),
            Err(_) => Err(Failure::TooLate(self.limit)),
        }
    }

    /// The address in a handle may have a password in it, and errors of clients like to show addresses.
    fn without_secrets(&self, error: ClientError) -> ClientError {
        match (self.base.password(), error) {
            (Some(password), ClientError::HttpClient(text)) => {
                ClientError::HttpClient(text.replace(password, "..."))
            }
            (_, error) => error,
        }
    }
}

impl fmt::Debug for Session {
    // Neither the client nor the user and the password, which an address may have.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address =
            (self.base.host_str().unwrap_or_default(), self.base.port_or_known_default(), self.base.path());
        f.debug_tuple("Session").field(&address).finish()
    }
}

/// Both the status and the body must speak of success.
fn read(response: &Response<String>) -> Result<Value, Failure> {
    let status = response.status();
    let body: Option<Value> = serde_json::from_str(response.body()).ok();
    let number = body.as_ref().and_then(|body| body["errorNum"].as_u64()).and_then(|n| u32::try_from(n).ok());
    let failed = number.is_some() || body.as_ref().is_some_and(|body| body["error"] == true);
    if !status.is_success() || failed {
        let said = body.as_ref().and_then(|body| body["errorMessage"].as_str());
        return Err(Failure::Refused(Refusal {
            status: status.as_u16(),
            number: number.filter(|number| *number > 0),
            message: said.map_or_else(|| beginning(response.body()), str::to_owned),
            retry_after: retry_after(response.headers()),
        }));
    }
    match body {
        Some(body @ Value::Object(_)) => Ok(body),
        _ => {
            Err(Failure::Senseless(format!("HTTP {} with {:?}", status.as_u16(), beginning(response.body()))))
        }
    }
}

/// Enough of a page that is no answer to recognise it by.
fn beginning(body: &str) -> String {
    body.chars().take(80).collect()
}

/// In seconds; nobody sends the other form, a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response<String> {
        Response::builder().status(status).header(RETRY_AFTER, "7").body(body.to_owned()).expect("a response")
    }

    fn refusal(status: u16, body: &str) -> Refusal {
        match read(&response(status, body)) {
            Err(Failure::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn success_needs_both_the_status_and_the_body() {
        assert!(read(&response(201, r#"{"result":[],"error":false,"code":201}"#)).is_ok());
        assert!(read(&response(200, r#"{"version":"3.12.0"}"#)).is_ok());
        assert_eq!(refusal(500, r#"{"result":[]}"#).status, 500);
        assert_eq!(refusal(200, r#"{"error":true,"errorNum":4,"errorMessage":"x"}"#).number, Some(4));
        for body in ["", "<html>", "[]", "3", "\"x\"", "null"] {
            assert!(matches!(read(&response(200, body)), Err(Failure::Senseless(_))), "{body}");
        }
    }

    #[test]
    fn a_refusal_has_what_the_server_said() {
        let refusal = refusal(409, r#"{"error":true,"code":409,"errorNum":1200,"errorMessage":"conflict"}"#);
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(
            refusal,
            Refusal { status: 409, number: Some(1200), message: "conflict".into(), retry_after }
        );
    }

    #[test]
    fn a_refusal_need_not_be_from_the_server() {
        assert_eq!(refusal(503, "upstream connect error").message, "upstream connect error");
        assert_eq!(refusal(404, "").number, None);
        assert_eq!(refusal(502, &"x".repeat(1000)).message.len(), 80);
        assert_eq!(refusal(500, r#"{"error":true}"#).number, None);
    }

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        let base = Url::parse("http://joe:s3cret@localhost/_db/a/").expect("a URL");
        let client = crate::ArangoClient::new(None).expect("a client");
        let session = Session::new(client, base, Duration::from_secs(1));
        assert!(!format!("{session:?}").contains("s3cret"));
        let error = session.without_secrets(ClientError::HttpClient("http://joe:s3cret@localhost/".into()));
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}
