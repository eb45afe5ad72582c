//! Committing: all writes of a transaction, or none.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::collection::Collection;
use super::database::unknown_collection;
use super::index::Index;
use super::transaction::{Transaction, Write};
use super::{Database, Store, unique};
use crate::error::{ArangoError, Result};

impl Store {
    /// Applies a transaction, unless something that it wrote has changed since its snapshot.
    pub(crate) fn commit(&mut self, transaction: Transaction) -> Result<()> {
        let Transaction { database: snapshot, writes, .. } = transaction;
        let database = self.database_mut(&snapshot.name)?;
        for (name, writes) in &writes {
            let current = unchanged_collection(database, &snapshot, name)?;
            for (key, write) in writes {
                check(&current, key, write, writes)?;
            }
        }
        for (name, writes) in writes {
            let collection = database.collection_mut(&name)?;
            let documents = Arc::make_mut(&mut collection.documents);
            for (key, write) in writes {
                match write.after {
                    Some(document) => documents.insert(key, document),
                    None => documents.remove(&key),
                };
            }
        }
        Ok(())
    }
}

fn unchanged_collection(database: &Database, snapshot: &Database, name: &str) -> Result<Arc<Collection>> {
    let (now, then) = (database.collection(name)?, snapshot.collection(name)?);
    if now.id == then.id { Ok(Arc::clone(now)) } else { Err(unknown_collection(name)) }
}

fn check(current: &Collection, key: &str, write: &Write, all: &BTreeMap<String, Write>) -> Result<()> {
    let now = current.documents.get(key).map(|document| document.revision);
    let then = write.before.as_ref().map(|document| document.revision);
    if now != then {
        return Err(conflict(key));
    }
    let Some(after) = &write.after else { return Ok(()) };
    // The snapshot had room for these values, so whoever holds them now came later.
    let others = current.documents.iter().filter(|(key, _)| !all.contains_key(*key));
    unique::check(current, key, &after.body, &others).map_err(|error| {
        ArangoError::with(1200, error.message.replace("unique constraint violated", "write-write conflict"))
    })
}

/// The error for a write that lost to another one.
pub(crate) fn conflict(key: &str) -> ArangoError {
    ArangoError::with(1200, format!("write-write conflict - {}", Index::primary().place(key)))
}

/// The error for a new document whose key somebody else took.
pub(crate) fn taken(key: &str) -> ArangoError {
    Index::primary().violated_by(key)
}
