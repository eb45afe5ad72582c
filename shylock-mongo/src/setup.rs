//! Is this server fit for locks, and this collection? And the index.

use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error as DriverError, ErrorKind};
use shylock_core::{BackendError, BackendErrorKind};

use crate::options::MongoOptions;
use crate::{command, error, pipeline};

/// MongoDB 4.4, the first whose `find` can answer `$$NOW`.
const OLDEST_WIRE_VERSION: i64 = 9;

const UNAUTHORIZED: i32 = 13;
const NAMESPACE_NOT_FOUND: i32 = 26;
const COMMAND_NOT_FOUND: i32 = 59;
const INDEX_OPTIONS_CONFLICT: i32 = 85;
const INDEX_KEY_SPECS_CONFLICT: i32 = 86;

/// Refuses what cannot hold locks, and makes the index.
pub(crate) async fn prepare(database: &Database, options: &MongoOptions) -> Result<(), BackendError> {
    let setup = Setup { database, options };
    setup.check_version().await?;
    setup.check_collection().await?;
    if !setup.has_index().await? {
        setup.create_index().await?;
    }
    setup.probe().await
}

struct Setup<'a> {
    database: &'a Database,
    options: &'a MongoOptions,
}

impl Setup<'_> {
    async fn check_version(&self) -> Result<(), BackendError> {
        let reply = match self.database.run_command(doc! { "hello": 1 }).await {
            Ok(reply) => reply,
            // It came with 4.4.2.
            Err(error) if code(&error) == Some(COMMAND_NOT_FOUND) => return Err(too_old()),
            Err(error) => return Err(error::from_driver("ask the MongoDB server for its version", error)),
        };
        check_version(&reply)
    }

    async fn check_collection(&self) -> Result<(), BackendError> {
        let name = &self.options.collection;
        let step = format!("look at collection `{name}`");
        let command = doc! { "listCollections": 1, "filter": { "name": name } };
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
        let listed = match self.documents(doc! { "listIndexes": name }).await {
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
                    tracing::warn!(
                        "no right to create the index of collection `{name}`; without it, locks work but are never \
                         purged. If it is not there yet, create it: db.getCollection({name:?}).createIndex({{purgeAt: 1}}, \
                         {{expireAfterSeconds: 0}})"
                    );
                    Ok(())
                }
                _ => Err(error::from_driver(&step, error)),
            },
        }
    }

    /// Tries a step that fails at its very end, on purpose: so the rights are there, and all that it is made of.
    async fn probe(&self) -> Result<(), BackendError> {
        let step = format!("change a lock in collection `{}`", self.options.collection);
        match self.database.run_command(command::probe(self.options)).await {
            Err(error) if code(&error) == Some(pipeline::GONE) => Ok(()),
            Err(error) => Err(error::from_driver(&step, error)),
            Ok(_) => {
                let message = format!(
                    "could not {step}: this server works out pipelines in another way than MongoDB does; use MongoDB 4.4 or newer"
                );
                Err(BackendError::new(BackendErrorKind::Misconfigured, message))
            }
        }
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
    fn the_index_is_found_however_its_zero_is_written() {
        for zero in [Bson::Int32(0), Bson::Int64(0), Bson::Double(0.0)] {
            let index = doc! { "key": { "purgeAt": 1 }, "name": "mine", "expireAfterSeconds": zero };
            assert!(check_indexes("c", &[index]).expect("fit"));
        }
        assert!(!check_indexes("c", &[doc! { "key": { "_id": 1 }, "name": "_id_" }]).expect("fit"));
    }
}
