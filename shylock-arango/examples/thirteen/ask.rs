//! Requests to a server, in a database of their own.

use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use shylock_arango::ArangoBackend;
use shylock_core::ClaimId;
use url::Url;

/// A server, and a fresh database with a collection `c` in it.
#[derive(Clone)]
pub(crate) struct Server {
    http: Client,
    url: Url,
    base: String,
    pub(crate) database: String,
}

/// The status of an answer, the server's own number of an error, and the body.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) number: u64,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Reply {
    /// As `409/1200`, or `201`.
    pub(crate) fn code(&self) -> String {
        if self.number == 0 { self.status.to_string() } else { format!("{}/{}", self.status, self.number) }
    }

    pub(crate) fn rows(&self) -> &Value {
        &self.body["result"]
    }
}

impl Server {
    /// `url` is `arangodb://user:password@host:port`.
    pub(crate) async fn open(url: &str) -> Self {
        let url = Url::parse(url).unwrap_or_else(|_| panic!("the URL is malformed"));
        let scheme = if url.scheme() == "arangodbs" { "https" } else { "http" };
        let base = format!("{scheme}://{}:{}", url.host_str().expect("a host"), url.port().unwrap_or(8529));
        let http = Client::builder().timeout(Duration::from_secs(60)).no_proxy().build().expect("a client");
        let server = Self { http, url, base, database: format!("shylock_thirteen_{}", ClaimId::random()) };
        let made = server.system(Method::POST, "_api/database", &json!({ "name": server.database })).await;
        assert_eq!(made.status, 201, "cannot create a database: {}", made.text);
        let made = server.send(Method::POST, "_api/collection", &json!({ "name": "c" })).await;
        assert_eq!(made.status, 200, "cannot create a collection: {}", made.text);
        server
    }

    /// Version and role.
    pub(crate) async fn title(&self) -> String {
        let version = self.send(Method::GET, "_api/version", &Value::Null).await.body["version"].clone();
        format!("ArangoDB {}, {}", version.as_str().unwrap_or("of unknown version"), self.role().await)
    }

    pub(crate) async fn role(&self) -> String {
        let role = self.send(Method::GET, "_admin/server/role", &Value::Null).await;
        role.body["role"].as_str().unwrap_or("role unknown").to_owned()
    }

    pub(crate) async fn close(self) {
        self.system(Method::DELETE, &format!("_api/user/{}", self.guest()), &Value::Null).await;
        let path = format!("_api/database/{}", self.database);
        self.system(Method::DELETE, &path, &Value::Null).await;
    }

    /// A user of this database alone.
    pub(crate) fn guest(&self) -> String {
        format!("{}_guest", self.database)
    }

    pub(crate) async fn backend(&self) -> Result<ArangoBackend, shylock_core::BackendError> {
        let mut url = self.url.clone();
        url.set_path(&self.database);
        ArangoBackend::connect(url.as_str()).await
    }

    pub(crate) async fn query(&self, text: &str) -> Reply {
        self.query_with(text, json!({})).await
    }

    pub(crate) async fn query_with(&self, text: &str, more: Value) -> Reply {
        let mut body = json!({ "query": text });
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        self.send(Method::POST, "_api/cursor", &body).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Reply {
        let (user, password) = (self.url.username(), self.url.password().unwrap_or_default());
        self.send_as(user, password, method, &format!("_db/{}/{path}", self.database), body).await
    }

    pub(crate) async fn system(&self, method: Method, path: &str, body: &Value) -> Reply {
        let (user, password) = (self.url.username(), self.url.password().unwrap_or_default());
        self.send_as(user, password, method, &format!("_db/_system/{path}"), body).await
    }

    pub(crate) async fn log_in(&self) -> Reply {
        let (user, password) = (self.url.username(), self.url.password().unwrap_or_default());
        let body = json!({ "username": user, "password": password });
        self.send_as(user, password, Method::POST, "_open/auth", &body).await
    }

    pub(crate) async fn send_as(
        &self,
        user: &str,
        password: &str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Reply {
        let mut request = self.http.request(method, format!("{}/{path}", self.base));
        request = request.basic_auth(user, Some(password));
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let response =
            request.send().await.unwrap_or_else(|error| panic!("no answer: {}", error.without_url()));
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        Reply { status, number: body["errorNum"].as_u64().unwrap_or(0), body, text }
    }
}
