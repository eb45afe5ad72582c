//! Indexes: what they are, and which values of a document they see.

use serde_json::{Value, json};

use super::collection::Document;
use super::ids::Ids;
use crate::error::{ArangoError, Result};

/// The kinds of index that the emulator knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexKind {
    Primary,
    Edge,
    Persistent,
    Ttl,
}

/// One index of a collection.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are the server's options, each by its name")]
pub(crate) struct Index {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) kind: IndexKind,
    pub(crate) fields: Vec<String>,
    pub(crate) unique: bool,
    pub(crate) sparse: bool,
    deduplicate: bool,
    estimates: bool,
    cache_enabled: bool,
    pub(crate) expire_after: Value,
}

impl Index {
    fn built_in(id: u64, name: &str, kind: IndexKind, fields: &[&str]) -> Self {
        Self {
            id,
            name: name.to_owned(),
            kind,
            fields: fields.iter().map(|&field| field.to_owned()).collect(),
            unique: kind == IndexKind::Primary,
            sparse: false,
            deduplicate: false,
            estimates: true,
            cache_enabled: false,
            expire_after: Value::Null,
        }
    }

    pub(crate) fn primary() -> Self {
        Self::built_in(0, "primary", IndexKind::Primary, &["_key"])
    }

    pub(crate) fn edge() -> Self {
        Self::built_in(1, "edge", IndexKind::Edge, &["_from", "_to"])
    }

    /// Reads the definition of a new index.
    pub(crate) fn from_definition(definition: &Value, ids: &Ids) -> Result<Self> {
        let kind = match definition["type"].as_str() {
            Some("persistent") => IndexKind::Persistent,
            Some("ttl") => IndexKind::Ttl,
            _ => return Err(ArangoError::with(10, "invalid index type")),
        };
        let fields = fields(definition)?;
        let flag = |name: &str, default: bool| definition[name].as_bool().unwrap_or(default);
        let id = ids.next();
        let name = match definition["name"].as_str().filter(|name| !name.is_empty()) {
            Some(name) => name.to_owned(),
            None => format!("idx_{}", ids.next_revision()),
        };
        let ttl = kind == IndexKind::Ttl;
        let index = Self {
            id,
            name,
            kind,
            fields,
            unique: flag("unique", false),
            sparse: ttl || flag("sparse", false),
            deduplicate: flag("deduplicate", true),
            estimates: !ttl && flag("estimates", true),
            cache_enabled: flag("cacheEnabled", false),
            expire_after: if ttl { definition["expireAfter"].clone() } else { Value::Null },
        };
        index.check()?;
        Ok(index)
    }

    fn check(&self) -> Result<()> {
        if self.kind != IndexKind::Ttl {
            return Ok(());
        }
        if self.fields.len() != 1 || self.unique {
            return Err(ArangoError::with(10, "a ttl index has exactly one field and cannot be unique"));
        }
        match self.expire_after.as_f64() {
            Some(seconds) if seconds >= 0.0 => Ok(()),
            _ => Err(ArangoError::with(10, "expireAfter attribute must be a number that is not negative")),
        }
    }

    /// Whether both would index the same documents in the same way.
    pub(crate) fn same_definition(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.fields == other.fields
            && self.unique == other.unique
            && self.sparse == other.sparse
            && self.expire_after.as_f64() == other.expire_after.as_f64()
    }

    /// The values that the index holds for a document; `None` when it leaves the document out.
    pub(crate) fn values(&self, body: &Value) -> Option<Vec<Value>> {
        let values: Vec<Value> = self.fields.iter().map(|field| at_path(body, field)).collect();
        if self.sparse && values.iter().any(Value::is_null) { None } else { Some(values) }
    }

    /// The error for a document that the index refuses because of another one.
    pub(crate) fn violated_by(&self, key: &str) -> ArangoError {
        ArangoError::with(1210, format!("unique constraint violated - {}", self.place(key)))
    }

    /// The words with which the server says where keys collided.
    pub(crate) fn place(&self, key: &str) -> String {
        let fields = self.fields.join(", ");
        let (name, kind) = (&self.name, self.type_name());
        format!("in index {name} of type {kind} over '{fields}'; conflicting key: {key}")
    }

    fn type_name(&self) -> &'static str {
        match self.kind {
            IndexKind::Primary => "primary",
            IndexKind::Edge => "edge",
            IndexKind::Persistent => "persistent",
            IndexKind::Ttl => "ttl",
        }
    }

    /// How the server describes the index.
    pub(crate) fn describe(&self, collection: &str) -> Value {
        let mut text = json!({
            "fields": self.fields,
            "id": format!("{collection}/{}", self.id),
            "name": self.name,
            "sparse": self.sparse,
            "type": self.type_name(),
            "unique": self.unique,
        });
        match self.kind {
            IndexKind::Primary | IndexKind::Edge => text["selectivityEstimate"] = json!(1),
            IndexKind::Persistent => {
                text["cacheEnabled"] = json!(self.cache_enabled);
                text["deduplicate"] = json!(self.deduplicate);
                text["estimates"] = json!(self.estimates);
                if self.estimates || self.unique {
                    text["selectivityEstimate"] = json!(1);
                }
            }
            IndexKind::Ttl => {
                text["estimates"] = json!(false);
                text["expireAfter"] = self.expire_after.clone();
            }
        }
        text
    }

    /// The moment, in seconds since 1970, from which a TTL index calls a document expired.
    pub(crate) fn expires_at(&self, document: &Document) -> Option<f64> {
        let base = match at_path(&document.body, self.fields.first()?) {
            Value::Number(seconds) => seconds.as_f64()?,
            // The server takes dates as text, too; nobody here uses them.
            _ => return None,
        };
        Some(base + self.expire_after.as_f64()?)
    }
}

fn fields(definition: &Value) -> Result<Vec<String>> {
    let bad = || ArangoError::with(10, "invalid index fields");
    let list = definition["fields"].as_array().filter(|list| !list.is_empty()).ok_or_else(bad)?;
    let name = |field: &Value| match field.as_str() {
        Some(field) if field.contains("[*]") => {
            Err(ArangoError::with_status(501, 501, "the emulator has no indexes over the members of arrays"))
        }
        Some(field) if !field.is_empty() => Ok(field.to_owned()),
        _ => Err(bad()),
    };
    list.iter().map(name).collect()
}

fn at_path(body: &Value, path: &str) -> Value {
    path.split('.').fold(body, |value, part| &value[part]).clone()
}
