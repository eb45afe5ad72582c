//! A plain client, so that tests see exactly what the server said.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use shylock_arango_emulator::{Config, Emulator};

/// An answer, its body both as text and as JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn num(&self) -> u64 {
        self.json["errorNum"].as_u64().unwrap_or(0)
    }

    /// Status and error number.
    pub(crate) fn failure(&self) -> (u16, u64) {
        (self.status, self.num())
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!(self.status < 300, "{} {}", self.status, self.text);
        self.json
    }
}

/// A client of one emulator.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) base: String,
    http: HyperClient<HttpConnector, Full<Bytes>>,
}

impl Client {
    pub(crate) fn new(emulator: &Emulator) -> Self {
        Self { base: emulator.url(), http: HyperClient::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends a request; `None` when the connection was cut.
    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &str,
    ) -> Option<Answer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let request = request.body(Full::from(body.to_owned())).expect("a request");
        let (head, body) = self.http.request(request).await.ok()?.into_parts();
        let bytes = body.collect().await.ok()?.to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        let json = serde_json::from_str(&text).unwrap_or_default();
        Some(Answer { status: head.status.as_u16(), headers: head.headers, text, json })
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.try_send(method, path, &[], &body).await.expect("an answer")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, body).await
    }

    pub(crate) async fn query(&self, text: &str, binds: &Value) -> Answer {
        self.post("/_api/cursor", &json!({"query": text, "bindVars": binds})).await
    }

    pub(crate) async fn run(&self, text: &str) -> Answer {
        self.query(text, &json!({})).await
    }

    /// The rows of a query that must succeed.
    pub(crate) async fn rows(&self, text: &str) -> Value {
        let answer = self.query(text, &json!({})).await;
        assert_eq!(answer.status, 201, "{text}: {}", answer.text);
        answer.json["result"].clone()
    }

    /// The only row of a query that must succeed.
    pub(crate) async fn value(&self, text: &str) -> Value {
        self.rows(text).await[0].clone()
    }

    /// The status and number of the error of a query.
    pub(crate) async fn failure(&self, text: &str) -> (u16, u64) {
        self.query(text, &json!({})).await.failure()
    }

    pub(crate) async fn collection(&self, name: &str) {
        self.post("/_api/collection", &json!({"name": name})).await.ok();
    }
}

/// An emulator that lets everybody in, and a client of it.
pub(crate) fn open() -> (Emulator, Client) {
    let emulator = Emulator::start(&Config::new().without_authentication()).expect("an emulator");
    let client = Client::new(&emulator);
    (emulator, client)
}

/// An emulator with a collection `c`.
pub(crate) async fn with_collection() -> (Emulator, Client) {
    let (emulator, client) = open();
    client.collection("c").await;
    (emulator, client)
}

/// The emulator as a program, which ends with the test.
pub(crate) struct Program {
    process: Child,
    pub(crate) url: String,
}

impl Program {
    pub(crate) fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_shylock-arango-emulator"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the emulator starts");
        let stdout = process.stdout.take().expect("its output");
        let mut program = Self { process, url: String::new() };
        BufReader::new(stdout).read_line(&mut program.url).expect("its address");
        program.url.truncate(program.url.trim_end().len());
        program
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
