//! One database: its collections by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::collection::{Collection, CollectionOptions};
use super::ids::Ids;
use super::names;
use crate::error::{ArangoError, Result};

/// The collections that a server makes by itself in a database.
const SYSTEM: [&str; 8] =
    ["_analyzers", "_appbundles", "_apps", "_aqlfunctions", "_frontend", "_graphs", "_jobs", "_queues"];
/// Those that only `_system` has.
const SYSTEM_ONLY: [&str; 4] = ["_statistics", "_statistics15", "_statisticsRaw", "_users"];

/// One database.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) collections: BTreeMap<String, Arc<Collection>>,
}

impl Database {
    pub(crate) fn new(id: u64, name: &str, ids: &Ids) -> Self {
        let only = if name == "_system" { &SYSTEM_ONLY[..] } else { &[] };
        let mut database = Self { id, name: name.to_owned(), collections: BTreeMap::new() };
        for name in SYSTEM.iter().chain(only) {
            let options = CollectionOptions { is_system: true, ..CollectionOptions::default() };
            let collection = Collection::new(name, options, ids);
            database.collections.insert((*name).to_owned(), Arc::new(collection));
        }
        database
    }

    pub(crate) fn is_system(&self) -> bool {
        self.name == "_system"
    }

    /// A collection by its name or its id.
    pub(crate) fn collection(&self, name: &str) -> Result<&Arc<Collection>> {
        let by_id = || {
            let id = name.parse::<u64>().ok()?;
            self.collections.values().find(|collection| collection.id == id)
        };
        self.collections.get(name).or_else(by_id).ok_or_else(|| unknown_collection(name))
    }

    pub(crate) fn collection_mut(&mut self, name: &str) -> Result<&mut Collection> {
        let name = self.collection(name)?.name.clone();
        self.collections.get_mut(&name).map(Arc::make_mut).ok_or_else(|| unknown_collection(&name))
    }

    pub(crate) fn create_collection(
        &mut self,
        name: &str,
        options: CollectionOptions,
        ids: &Ids,
    ) -> Result<Arc<Collection>> {
        names::check_collection(name, options.is_system)?;
        if self.collections.contains_key(name) {
            return Err(ArangoError::new(1207));
        }
        let collection = Arc::new(Collection::new(name, options, ids));
        self.collections.insert(name.to_owned(), Arc::clone(&collection));
        Ok(collection)
    }

    pub(crate) fn drop_collection(&mut self, name: &str, system_too: bool) -> Result<Arc<Collection>> {
        let collection = Arc::clone(self.collection(name)?);
        if collection.is_system && !system_too {
            return Err(ArangoError::with_status(403, 11, "forbidden"));
        }
        self.collections.remove(&collection.name);
        Ok(collection)
    }
}

/// The error for a name that no collection has.
pub(crate) fn unknown_collection(name: &str) -> ArangoError {
    ArangoError::with(1203, format!("collection or view not found: {name}"))
}
