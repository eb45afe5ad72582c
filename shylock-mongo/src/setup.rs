//! Checks the server and the collection, and creates the index.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error as DriverError, ErrorKind};
use shylock_core::{BackendError, BackendErrorKind, Capabilities};

use crate::options::{MongoOptions, WriteConcern};
use crate::{command, error, pipeline};

/// MongoDB 4.4, the first whose `find` can answer `$$NOW`.
const OLDEST_WIRE_VERSION: i64 = 9;

const UNAUTHORIZED: i32 = 13;
const NAMESPACE_NOT_FOUND: i32 = 26;
const COMMAND_NOT_FOUND: i32 = 59;
const INDEX_OPTIONS_CONFLICT: i32 = 85;
const INDEX_KEY_SPECS_CONFLICT: i32 = 86;

/// Refuses what cannot hold locks, creates the index, and answers what the server can do.
///
/// Every command has a time limit, so that a server does not work on for a caller who has given up.
pub(crate) async fn prepare(
    database: &Database,
    options: &MongoOptions,
) -> Result<Capabilities, BackendError> {
    let setup = Setup { database, options };
    let hello = setup.hello().await?;
    check_version(&hello)?;
    setup.check_collection().await?;
    let has_index = setup.has_index().await?;
    if options.read_only {
        setup.probe_reading().await?;
    } else {
        if !has_index {
            setup.create_index().await?;
        }
        setup.probe().await?;
    }
    Ok(capabilities(&hello, options))
}

/// Change streams come from the oplog, which only members of a replica set have. Through a router there always is one.
fn capabilities(hello: &Document, options: &MongoOptions) -> Capabilities {
    let is_router = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
    let is_replicated = is_router || hello.contains_key("setName");
    let survives_failover = options.write_concern == WriteConcern::Majority || !is_replicated;
    Capabilities::new().durable(options.journal && survives_failover).wakeups(is_replicated)
}

struct Setup<'a> {
    database: &'a Database,
    options: &'a MongoOptions,
}

impl Setup<'_> {
    async fn hello(&self) -> Result<Document, BackendError> {
        let command = doc! { "hello": 1, "maxTimeMS": self.options.max_time_millis() };
        match self.database.run_command(command).await {
            Ok(reply) => Ok(reply),
            // It came with 4.4.2.
            Err(error) if code(&error) == Some(COMMAND_NOT_FOUND) => Err(too_old()),
            Err(error) => Err(error::from_driver("ask the MongoDB server for its version", error)),
        }
    }

    async fn check_collection(&self) -> Result<(), BackendError> {
        let name = &self.options.collection;
        let step = format!("look at collection `{name}`");
        let command = doc! {
            "listCollections": 1,
            "filter": { "name": name },
            "maxTimeMS": self.options.max_time_millis(),
        };
        let found = self.allowed(&step, self.documents(command).await)?;
        match found.and_then(|found| found.into_iter().next()) {
            Some(collection) => check_collection(name, &collection),
            None => Ok(()),
        }
    }

    /// Whether the index is there; refuses others that would be in the way.
    async fn has_index(&self) -> Result<bool, BackendError> {
        let name = &self.options.collection;
        let step = format!("look at the indexes of collection `{name}`");
        let command = doc! { "listIndexes": name, "maxTimeMS": self.options.max_time_millis() };
        let listed = match self.documents(command).await {
            Err(error) if code(&error) == Some(NAMESPACE_NOT_FOUND) => return Ok(false),
            listed => self.allowed(&step, listed)?,
        };
        check_indexes(name, &listed.unwrap_or_default())
    }

    async fn create_index(&self) -> Result<(), BackendError> {
        let name = &self.options.collection;
        let index = doc! { "key": { "purgeAt": 1 }, "name": "purgeAt_1", "expireAfterSeconds": 0 };
        let command = doc! {
            "createIndexes": name,
            "indexes": [index],
            "maxTimeMS": self.options.max_time_millis(),
            "writeConcern": self.options.write_concern_document(),
        };
        let step = format!("create the index of collection `{name}`");
        match self.database.run_command(command).await {
            Ok(reply) => command::confirmed(&step, reply).map(drop),
            Err(error) => match code(&error) {
                Some(INDEX_OPTIONS_CONFLICT | INDEX_KEY_SPECS_CONFLICT) => {
                    Err(unfit_index(name).with_source(error))
                }
                Some(UNAUTHORIZED) => {
                    warn_once(self.database.name(), name);
                    Ok(())
                }
                _ => Err(error::from_driver(&step, error)),
            },
        }
    }

    /// Tries a step that fails at its very end, on purpose: then the user has the rights, and the server all operators.
    async fn probe(&self) -> Result<(), BackendError> {
        let step = format!("change a lock in collection `{}`", self.options.collection);
        match self.database.run_command(command::probe(self.options)).await {
            Err(error) if code(&error) == Some(pipeline::REFUSED) => Ok(()),
            Err(error) => Err(error::from_driver(&step, error)),
            Ok(_) => {
                let message = format!(
                    "could not {step}: this server works out pipelines in another way than MongoDB does; use MongoDB 4.4 or newer"
                );
                Err(BackendError::new(BackendErrorKind::Misconfigured, message))
            }
        }
    }

    async fn probe_reading(&self) -> Result<(), BackendError> {
        let step = format!("read collection `{}`", self.options.collection);
        let read = self.database.run_command(command::queue(self.options, "")).await;
        read.map(drop).map_err(|error| error::from_driver(&step, error))
    }

    async fn documents(&self, command: Document) -> Result<Vec<Document>, DriverError> {
        let mut cursor = self.database.run_cursor_command(command).await?;
        let mut documents = Vec::new();
        while cursor.advance().await? {
            documents.push(cursor.deserialize_current()?);
        }
        Ok(documents)
    }

    /// `None` if the user has no right to look: what cannot be seen is taken to be well.
    fn allowed<T>(&self, step: &str, looked: Result<T, DriverError>) -> Result<Option<T>, BackendError> {
        match looked {
            Ok(seen) => Ok(Some(seen)),
            Err(error) if code(&error) == Some(UNAUTHORIZED) => {
                tracing::debug!(database = self.database.name(), "no right to {step}");
                Ok(None)
            }
            Err(error) => Err(error::from_driver(step, error)),
        }
    }
}

fn check_version(hello: &Document) -> Result<(), BackendError> {
    match integer(hello.get("maxWireVersion")) {
        Some(version) if version >= OLDEST_WIRE_VERSION => Ok(()),
        _ => Err(too_old()),
    }
}

/// Says once in a process for each collection that the index may be missing.
fn warn_once(database: &str, collection: &str) {
    static WARNED: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    if warned.get_or_insert_default().insert(format!("{database}.{collection}")) {
        tracing::warn!(
            "no right to create the index of collection `{collection}`; without it, locks work but are never purged. If it \
             is missing, create it: db.getCollection({collection:?}).createIndex({{purgeAt: 1}}, {{expireAfterSeconds: 0}})"
        );
    }
}

fn too_old() -> BackendError {
    misconfigured("this MongoDB server is too old for locks; use MongoDB 4.4 or newer".into())
}

fn check_collection(name: &str, collection: &Document) -> Result<(), BackendError> {
    let options = collection.get_document("options").ok();
    let has = |option: &str| options.is_some_and(|options| options.contains_key(option));
    let kind = collection.get_str("type").unwrap_or("collection");
    let wrong = if kind != "collection" {
        format!("is a {kind}")
    } else if has("collation") {
        "has a collation, by which two lock names may be equal that are not the same".into()
    } else if options.is_some_and(|options| options.get_bool("capped").unwrap_or(false)) {
        "is capped, so locks would vanish from it".into()
    } else {
        return Ok(());
    };
    Err(misconfigured(format!(
        "collection `{name}` {wrong}; choose another collection (MongoOptions::collection)"
    )))
}

/// Whether the index on `purgeAt` is among them.
fn check_indexes(collection: &str, indexes: &[Document]) -> Result<bool, BackendError> {
    let mut found = false;
    for index in indexes {
        let keys: Vec<&str> =
            index.get_document("key").into_iter().flat_map(Document::keys).map(String::as_str).collect();
        if keys == ["purgeAt"] {
            let at_the_time = integer(index.get("expireAfterSeconds")) == Some(0);
            let whole = !index.contains_key("partialFilterExpression");
            if !(at_the_time && whole) {
                return Err(unfit_index(collection));
            }
            found = true;
        }
        if index.get_bool("unique").unwrap_or(false) && keys != ["_id"] {
            return Err(foreign_index(collection, &keys));
        }
    }
    Ok(found)
}

fn foreign_index(collection: &str, keys: &[&str]) -> BackendError {
    let whose = if keys == ["name"] {
        "belongs to the Python library shylock (it has that library's unique index on `name`)".to_owned()
    } else {
        format!("has a unique index on {}", keys.join(", "))
    };
    misconfigured(format!(
        "collection `{collection}` {whose} and cannot hold these locks; choose another collection (MongoOptions::collection)"
    ))
}

fn unfit_index(collection: &str) -> BackendError {
    misconfigured(format!(
        "collection `{collection}` has an index on `purgeAt`, or one of the name `purgeAt_1`, that deletes at another time than \
         `purgeAt`; drop it with db.getCollection({collection:?}).dropIndex(..), and it is made anew"
    ))
}

fn misconfigured(message: String) -> BackendError {
    BackendError::new(BackendErrorKind::Misconfigured, message)
}

fn code(error: &DriverError) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        _ => None,
    }
}

/// Servers and people write whole numbers in any of the three ways.
fn integer(value: Option<&Bson>) -> Option<i64> {
    match value? {
        Bson::Int32(n) => Some(i64::from(*n)),
        Bson::Int64(n) => Some(*n),
        #[allow(clippy::cast_possible_truncation, reason = "checked by the condition")]
        Bson::Double(n) if n.fract() == 0.0 && n.abs() < 1e9 => Some(*n as i64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_before_4_4_are_refused() {
        assert!(check_version(&doc! { "maxWireVersion": 9 }).is_ok());
        for hello in [doc! { "maxWireVersion": 8 }, doc! {}] {
            let error = check_version(&hello).expect_err("too old");
            assert_eq!(error.kind(), BackendErrorKind::Misconfigured);
            assert!(error.to_string().contains("4.4"), "{error}");
        }
    }

    #[test]
    fn change_streams_need_a_replica_set_or_a_router() {
        let has_wakeups = |hello| capabilities(&hello, &MongoOptions::new()).wakeups;
        assert!(has_wakeups(doc! { "setName": "rs" }));
        assert!(has_wakeups(doc! { "msg": "isdbgrid" }));
        assert!(!has_wakeups(doc! { "isWritablePrimary": true }));
    }

    #[test]
    fn a_change_is_durable_if_it_is_in_the_journals_of_a_majority() {
        let one = || MongoOptions::new().write_concern(WriteConcern::Servers(1));
        let (alone, set) = (doc! {}, doc! { "setName": "rs" });
        for (hello, options, durable) in [
            (&set, MongoOptions::new(), true),
            (&set, MongoOptions::new().journal(false), false),
            (&set, one(), false),
            (&alone, one(), true),
            (&alone, one().journal(false), false),
        ] {
            assert_eq!(capabilities(hello, &options).durable, durable, "{hello} {options:?}");
        }
    }

    #[test]
    fn the_index_is_found_however_its_zero_is_written() {
        for zero in [Bson::Int32(0), Bson::Int64(0), Bson::Double(0.0)] {
            let index = doc! { "key": { "purgeAt": 1 }, "name": "mine", "expireAfterSeconds": zero };
            assert!(check_indexes("c", &[index]).expect("fit"));
        }
        assert!(!check_indexes("c", &[doc! { "key": { "_id": 1 }, "name": "_id_" }]).expect("fit"));
    }
}
