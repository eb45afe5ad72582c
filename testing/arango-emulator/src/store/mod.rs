//! The data: databases, collections, documents, and the transactions that change them.
//!
//! Everything is kept behind shared pointers and copied when it is changed, so a snapshot is one clone of a pointer.

pub(crate) mod collection;
mod commit;
pub(crate) mod database;
pub(crate) mod ids;
pub(crate) mod index;
mod merge;
pub(crate) mod names;
pub(crate) mod transaction;
mod ttl;
mod unique;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use collection::{Collection, Document};
pub(crate) use commit::{conflict, taken};
pub(crate) use database::Database;
use ids::Ids;
pub(crate) use transaction::Transaction;

use crate::error::{ArangoError, Result};

/// All databases of one server.
#[derive(Debug)]
pub(crate) struct Store {
    databases: BTreeMap<String, Arc<Database>>,
    pub(crate) ids: Arc<Ids>,
}

impl Store {
    pub(crate) fn new() -> Self {
        let ids = Arc::new(Ids::new());
        let system = Arc::new(Database::new(1, "_system", &ids));
        Self { databases: BTreeMap::from([("_system".to_owned(), system)]), ids }
    }

    /// The state of a database as it is now; later changes do not reach it.
    pub(crate) fn snapshot(&self, database: &str) -> Result<Arc<Database>> {
        self.databases.get(database).cloned().ok_or_else(|| ArangoError::new(1228))
    }

    pub(crate) fn database_mut(&mut self, database: &str) -> Result<&mut Database> {
        self.databases.get_mut(database).map(Arc::make_mut).ok_or_else(|| ArangoError::new(1228))
    }

    pub(crate) fn database_names(&self) -> Vec<String> {
        self.databases.keys().cloned().collect()
    }

    pub(crate) fn has_database(&self, name: &str) -> bool {
        self.databases.contains_key(name)
    }

    pub(crate) fn create_database(&mut self, name: &str) -> Result<()> {
        names::check_database(name)?;
        if self.has_database(name) {
            return Err(ArangoError::new(1207));
        }
        let database = Database::new(self.ids.next(), name, &self.ids);
        self.databases.insert(name.to_owned(), Arc::new(database));
        Ok(())
    }

    pub(crate) fn drop_database(&mut self, name: &str) -> Result<()> {
        if name == "_system" {
            return Err(ArangoError::with_status(403, 11, "forbidden"));
        }
        self.databases.remove(name).map(|_| ()).ok_or_else(|| ArangoError::new(1228))
    }

    /// Starts a transaction on the state of now.
    pub(crate) fn begin(&self, database: &str) -> Result<Transaction> {
        Ok(Transaction::new(self.snapshot(database)?, Arc::clone(&self.ids)))
    }
}
