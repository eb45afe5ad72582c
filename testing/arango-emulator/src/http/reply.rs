//! An answer, and the headers that every answer has.

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::exchange::Cut;
use crate::error::ArangoError;

/// What a real server sends with everything.
const ALWAYS: [(&str, &str); 9] = [
    (
        "cache-control",
        "no-cache, no-store, must-revalidate, pre-check=0, post-check=0, max-age=0, s-maxage=0",
    ),
    ("connection", "Keep-Alive"),
    ("content-security-policy", "frame-ancestors 'self'; form-action 'self';"),
    ("expires", "0"),
    ("pragma", "no-cache"),
    ("server", "ArangoDB"),
    ("strict-transport-security", "max-age=31536000 ; includeSubDomains"),
    ("x-arango-queue-time-seconds", "0.000000"),
    ("x-content-type-options", "nosniff"),
];

#[derive(Debug)]
enum Body {
    Json(Value),
    Raw { content_type: Option<&'static str>, text: String },
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

impl Reply {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    /// An object with `error` and `code` added, as most answers have them.
    pub(super) fn ok(status: u16, mut body: Value) -> Self {
        body["error"] = json!(false);
        body["code"] = json!(status);
        Self::json(status, body)
    }

    pub(super) fn error(error: &ArangoError) -> Self {
        Self::json(error.status, error.body())
    }

    pub(super) fn raw(status: u16, content_type: Option<&'static str>, text: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: Body::Raw { content_type, text: text.into() } }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn etag(self, rev: &str) -> Self {
        self.header("etag", format!("\"{rev}\""))
    }

    pub(super) fn into_response(self, accept: Option<&str>) -> Result<Response<Full<Bytes>>, Cut> {
        let json = if accept == Some("application/json") {
            "application/json"
        } else {
            "application/json; charset=utf-8"
        };
        let (content_type, text) = match self.body {
            Body::Json(value) => (Some(json), crate::numbers::to_json(&value)),
            Body::Raw { content_type, text } => (content_type, text),
        };
        let mut response = Response::builder().status(self.status).header("content-length", text.len());
        if let Some(content_type) = content_type {
            response = response.header("content-type", content_type);
        }
        for (name, value) in ALWAYS {
            response = response.header(name, value);
        }
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(Full::from(text)).map_err(|_| Cut)
    }
}
