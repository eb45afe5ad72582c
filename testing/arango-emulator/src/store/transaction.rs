//! A transaction: a snapshot, and the writes that are to be added to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::collection::{Collection, Document, Documents};
use super::database::Database;
use super::ids::Ids;
use super::index::Index;
use super::{merge, unique};
use crate::error::{ArangoError, Result};

/// What INSERT does when the key is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Overwrite {
    #[default]
    Conflict,
    Ignore,
    Replace,
    Update,
}

/// The options of a write.
#[derive(Debug, Clone)]
pub(crate) struct WriteOptions {
    pub(crate) overwrite: Overwrite,
    pub(crate) keep_null: bool,
    pub(crate) merge_objects: bool,
    pub(crate) ignore_revs: bool,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self { overwrite: Overwrite::Conflict, keep_null: true, merge_objects: true, ignore_revs: true }
    }
}

/// Which document is meant, and in which version if that matters.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) key: String,
    pub(crate) rev: Option<String>,
}

/// What one write did.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) old: Option<Document>,
    pub(crate) new: Option<Document>,
}

#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) before: Option<Document>,
    pub(super) after: Option<Document>,
    /// The key was locked, but nothing changed.
    pub(super) only_locked: bool,
}

/// Writes on top of a snapshot.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(super) database: Arc<Database>,
    pub(super) writes: BTreeMap<String, BTreeMap<String, Write>>,
    ids: Arc<Ids>,
}

impl Transaction {
    pub(super) fn new(database: Arc<Database>, ids: Arc<Ids>) -> Self {
        Self { database, writes: BTreeMap::new(), ids }
    }

    pub(crate) fn collection(&self, name: &str) -> Result<Arc<Collection>> {
        self.database.collection(name).map(Arc::clone)
    }

    /// Whether anything would change.
    pub(crate) fn has_writes(&self) -> bool {
        self.writes.values().flat_map(BTreeMap::values).any(|write| !write.only_locked)
    }

    /// The keys that it locks: those that it writes, and those that it only meant to.
    pub(crate) fn locked_keys(&self) -> Vec<(String, String)> {
        let keys = self.writes.iter().flat_map(|(name, writes)| writes.keys().map(move |key| (name, key)));
        keys.map(|(name, key)| (name.clone(), key.clone())).collect()
    }

    /// Takes no lock for what does not change, as the server did before 3.11.
    pub(crate) fn unlock_unchanged(&mut self) {
        for writes in self.writes.values_mut() {
            writes.retain(|_, write| !write.only_locked);
        }
    }

    /// A document as this transaction sees it, its own writes included.
    pub(crate) fn get(&self, collection: &str, key: &str) -> Result<Option<Document>> {
        if let Some(write) = self.writes.get(collection).and_then(|writes| writes.get(key)) {
            return Ok(write.after.clone());
        }
        Ok(self.database.collection(collection)?.documents.get(key).cloned())
    }

    /// Every document as this transaction sees it, oldest write first.
    pub(crate) fn scan(&self, collection: &str) -> Result<Vec<Document>> {
        let held = self.collection(collection)?;
        let mut documents: Vec<Document> =
            self.visible(&held.documents, collection).map(|(_, document)| document.clone()).collect();
        documents.sort_by_key(|document| document.revision);
        Ok(documents)
    }

    fn visible<'a>(
        &'a self,
        documents: &'a Documents,
        collection: &str,
    ) -> impl Iterator<Item = (&'a String, &'a Document)> + Clone {
        let writes = self.writes.get(collection);
        let kept =
            documents.iter().filter(move |(key, _)| writes.is_none_or(|writes| !writes.contains_key(*key)));
        let own = writes.into_iter().flatten().filter_map(|(key, write)| Some((key, write.after.as_ref()?)));
        kept.chain(own)
    }

    pub(crate) fn insert(
        &mut self,
        collection: &str,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Written> {
        let held = self.collection(collection)?;
        let fields = body.as_object().ok_or_else(|| ArangoError::new(1227))?;
        let key = match fields.get("_key") {
            Some(key) => held.keys.accept(key)?,
            None => held.keys.generate(&self.ids),
        };
        let Some(old) = self.get(&held.name, &key)? else {
            let new = self.put(&held, &key, None, body.clone())?;
            return Ok(Written { old: None, new: Some(new) });
        };
        let target = Target { key: key.clone(), rev: None };
        match options.overwrite {
            Overwrite::Conflict => Err(Index::primary().violated_by(&key)),
            Overwrite::Ignore => Ok(Written { old: Some(old), new: None }),
            Overwrite::Replace => self.replace(collection, &target, body, options),
            Overwrite::Update => self.update(collection, &target, body, options),
        }
    }

    pub(crate) fn update(
        &mut self,
        collection: &str,
        target: &Target,
        patch: &Value,
        options: &WriteOptions,
    ) -> Result<Written> {
        let held = self.collection(collection)?;
        let patch = patch.as_object().ok_or_else(|| ArangoError::new(1227))?;
        let old = self.existing(&held, target, options)?;
        if merge::is_empty(patch, target, options.ignore_revs) {
            self.touch(&held, &target.key);
            return Ok(Written { old: Some(old.clone()), new: Some(old) });
        }
        let body = merge::patched(&old.body, patch, options.keep_null, options.merge_objects);
        let new = self.put(&held, &target.key, Some(&old), body)?;
        Ok(Written { old: Some(old), new: Some(new) })
    }

    pub(crate) fn replace(
        &mut self,
        collection: &str,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Written> {
        let held = self.collection(collection)?;
        body.as_object().ok_or_else(|| ArangoError::new(1227))?;
        let old = self.existing(&held, target, options)?;
        let new = self.put(&held, &target.key, Some(&old), body.clone())?;
        Ok(Written { old: Some(old), new: Some(new) })
    }

    pub(crate) fn remove(
        &mut self,
        collection: &str,
        target: &Target,
        options: &WriteOptions,
    ) -> Result<Written> {
        let held = self.collection(collection)?;
        let old = self.existing(&held, target, options)?;
        self.record(&held, &target.key, None);
        Ok(Written { old: Some(old), new: None })
    }

    fn existing(&self, held: &Collection, target: &Target, options: &WriteOptions) -> Result<Document> {
        let old = self.get(&held.name, &target.key)?.ok_or_else(|| ArangoError::new(1202))?;
        match target.rev.as_deref() {
            Some(rev) if !options.ignore_revs && rev != old.rev() => {
                Err(ArangoError::with(1200, "conflict, _rev values do not match"))
            }
            _ => Ok(old),
        }
    }

    fn put(
        &mut self,
        held: &Collection,
        key: &str,
        old: Option<&Document>,
        mut body: Value,
    ) -> Result<Document> {
        // An edge keeps its ends when a replacement does not name them.
        if let (3, Some(old), Some(fields)) = (held.kind, old, body.as_object_mut()) {
            for end in ["_from", "_to"] {
                fields.entry(end).or_insert_with(|| old.body[end].clone());
            }
        }
        unique::check(held, key, &body, &self.visible(&held.documents, &held.name))?;
        let document = Document::new(&held.name, key, body, self.ids.next_revision());
        self.record(held, key, Some(document.clone()));
        Ok(document)
    }

    /// Locks a key whose document does not change.
    fn touch(&mut self, held: &Collection, key: &str) {
        let writes = self.writes.entry(held.name.clone()).or_default();
        let before = held.documents.get(key).cloned();
        let after = before.clone();
        writes.entry(key.to_owned()).or_insert(Write { before, after, only_locked: true });
    }

    fn record(&mut self, held: &Collection, key: &str, after: Option<Document>) {
        let writes = self.writes.entry(held.name.clone()).or_default();
        let before = || held.documents.get(key).cloned();
        let write = writes.entry(key.to_owned()).or_insert_with(|| Write {
            before: before(),
            after: None,
            only_locked: false,
        });
        write.after = after;
        write.only_locked = false;
    }
}
