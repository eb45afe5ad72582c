//! A request, taken apart.

use std::collections::BTreeMap;

use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::auth::{Access, Rights};
use crate::error::{ArangoError, Result};

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) database: String,
    /// What its user may do there; everything until that is known.
    pub(super) rights: Rights,
    /// The path without `/_db/<name>`.
    pub(super) path: String,
    /// The parts of that path, decoded.
    pub(super) segments: Vec<String>,
    query: BTreeMap<String, String>,
    headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Request {
    pub(super) fn new(head: &Parts, body: Bytes) -> Self {
        let whole = head.uri.path();
        let (database, path) = match whole.strip_prefix("/_db/") {
            Some(rest) => {
                let at = rest.find('/').unwrap_or(rest.len());
                (decode(&rest[..at]), rest[at..].to_owned())
            }
            None => ("_system".to_owned(), whole.to_owned()),
        };
        let path = if path.is_empty() { "/".to_owned() } else { path };
        Self {
            method: head.method.as_str().to_owned(),
            database,
            segments: path.split('/').filter(|part| !part.is_empty()).map(decode).collect(),
            path,
            rights: Rights::ALL,
            query: query(head.uri.query().unwrap_or_default()),
            headers: head.headers.clone(),
            body,
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A revision from `If-Match` or `If-None-Match`, its quotes taken off.
    pub(super) fn revision(&self, header: &str) -> Option<&str> {
        self.header(header).map(|value| value.trim_matches('"'))
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    pub(super) fn flag(&self, name: &str, default: bool) -> bool {
        self.parameter(name).map_or(default, |value| matches!(value, "true" | "1" | "yes" | "on" | "y"))
    }

    /// The body as JSON; nothing at all counts as an empty object.
    pub(super) fn json(&self) -> Result<Value> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            let text = error.to_string();
            let text = if text.starts_with("key must be a string") { "Expecting '\"' or '}'" } else { &text };
            ArangoError::with(600, format!("VPackError error: {text}"))
        })
    }

    /// Whether the database may be changed.
    pub(super) fn may_change_database(&self) -> Result<()> {
        if self.rights.database == Access::ReadWrite {
            Ok(())
        } else {
            Err(ArangoError::with_status(403, 11, "forbidden"))
        }
    }

    /// Whether a collection may be looked at.
    pub(super) fn may_read(&self) -> Result<()> {
        if self.rights.collections > Access::None {
            Ok(())
        } else {
            Err(ArangoError::with_status(403, 11, "forbidden"))
        }
    }

    /// Whether a collection may be written to.
    pub(super) fn may_write(&self, collection: &str) -> Result<()> {
        self.may_read()?;
        if self.rights.collections == Access::ReadWrite {
            Ok(())
        } else {
            Err(ArangoError::with(1004, format!("read only: {collection} [write]")))
        }
    }

    /// The path as the server repeats it in `location`.
    pub(super) fn location(&self) -> String {
        format!("/_db/{}{}", self.database, self.path)
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn query(text: &str) -> BTreeMap<String, String> {
    let pair = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (decode(name), decode(&value.replace('+', " ")))
    };
    text.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}
