//! One collection: its documents, its indexes, its keys.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::ids::{Ids, revision_text};
use super::index::{Index, IndexKind};
use super::names;
use crate::error::{ArangoError, Result};

/// The documents of a collection by key.
pub(crate) type Documents = BTreeMap<String, Document>;

/// One document in one version.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// The number behind `_rev`; it also gives the order in which a collection is read.
    pub(crate) revision: u64,
    /// With `_key`, `_id` and `_rev`.
    pub(crate) body: Arc<Value>,
}

impl Document {
    /// A new version. What `body` says of `_key`, `_id` and `_rev` is replaced.
    pub(crate) fn new(collection: &str, key: &str, mut body: Value, revision: u64) -> Self {
        body["_key"] = json!(key);
        body["_id"] = json!(format!("{collection}/{key}"));
        body["_rev"] = json!(revision_text(revision));
        Self { revision, body: Arc::new(body) }
    }

    pub(crate) fn rev(&self) -> &str {
        self.body["_rev"].as_str().unwrap_or_default()
    }
}

/// What can be chosen when a collection is made.
#[derive(Debug, Clone)]
pub(crate) struct CollectionOptions {
    pub(crate) kind: u8,
    pub(crate) wait_for_sync: bool,
    pub(crate) is_system: bool,
    pub(crate) cache_enabled: bool,
    pub(crate) schema: Value,
    pub(crate) key_options: Value,
}

impl Default for CollectionOptions {
    fn default() -> Self {
        Self {
            kind: 2,
            wait_for_sync: false,
            is_system: false,
            cache_enabled: false,
            schema: Value::Null,
            key_options: Value::Null,
        }
    }
}

/// One collection. Cloning copies pointers, not documents.
#[derive(Debug, Clone)]
pub(crate) struct Collection {
    pub(crate) id: u64,
    pub(crate) object_id: u64,
    pub(crate) name: String,
    pub(crate) kind: u8,
    pub(crate) wait_for_sync: bool,
    pub(crate) is_system: bool,
    pub(crate) cache_enabled: bool,
    pub(crate) schema: Value,
    pub(crate) keys: Arc<Keys>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) documents: Arc<Documents>,
}

impl Collection {
    pub(crate) fn new(name: &str, options: CollectionOptions, ids: &Ids) -> Self {
        let mut indexes = vec![Index::primary()];
        if options.kind == 3 {
            indexes.push(Index::edge());
        }
        Self {
            id: ids.next(),
            object_id: ids.next(),
            name: name.to_owned(),
            kind: options.kind,
            wait_for_sync: options.wait_for_sync,
            is_system: options.is_system,
            cache_enabled: options.cache_enabled,
            schema: options.schema,
            keys: Arc::new(Keys::new(&options.key_options)),
            indexes,
            documents: Arc::default(),
        }
    }

    /// Those of its indexes that may refuse a document.
    pub(crate) fn unique_indexes(&self) -> impl Iterator<Item = &Index> {
        self.indexes.iter().filter(|index| index.unique && index.kind == IndexKind::Persistent)
    }
}

/// Where a collection's keys come from.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) autoincrement: bool,
    pub(crate) accepts_given: bool,
    pub(crate) offset: u64,
    pub(crate) increment: u64,
    last: AtomicU64,
}

impl Keys {
    fn new(options: &Value) -> Self {
        Self {
            autoincrement: options["type"] == "autoincrement",
            accepts_given: options["allowUserKeys"].as_bool().unwrap_or(true),
            offset: options["offset"].as_u64().unwrap_or(0),
            increment: options["increment"].as_u64().unwrap_or(1).max(1),
            last: AtomicU64::new(0),
        }
    }

    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::SeqCst)
    }

    pub(crate) fn generate(&self, ids: &Ids) -> String {
        let key = if self.autoincrement {
            let last = self.last();
            if last < self.offset {
                self.offset.max(1)
            } else {
                last + self.increment - (last - self.offset) % self.increment
            }
        } else {
            ids.next()
        };
        self.last.fetch_max(key, Ordering::SeqCst);
        key.to_string()
    }

    /// Checks the key that a user gave to a new document.
    pub(crate) fn accept(&self, key: &Value) -> Result<String> {
        let key = key.as_str().filter(|key| names::is_key(key)).ok_or_else(|| ArangoError::new(1221))?;
        if !self.accepts_given {
            return Err(ArangoError::new(1222));
        }
        if let Ok(number) = key.parse() {
            self.last.fetch_max(number, Ordering::SeqCst);
        }
        Ok(key.to_owned())
    }
}
