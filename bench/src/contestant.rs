//! Who takes part.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contestant {
    /// The limit: the bare driver inserts a document and deletes it.
    Bare,
    /// The bare driver inserts a document, after a pause as before a hand-over.
    BareWrite,
    /// The bare driver inserts a document right after another one.
    BareWriteInARow,
    /// The limit on SQLite: the bare library inserts a row and deletes it.
    BareSqlite,
    /// The limit of the command line: util-linux.
    Flock,
    Shylock,
    PythonShylock,
    MongoLockAsync,
    DistributedLockMongo,
    MongodbLock,
    Rslock,
    Etcd,
}

/// Where a contestant keeps its locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Mongo,
    Redis,
    Etcd,
}

use Contestant::{
    Bare, BareSqlite, BareWrite, BareWriteInARow, DistributedLockMongo, Etcd, Flock, MongoLockAsync, MongodbLock, PythonShylock,
    Rslock, Shylock,
};

/// Shylock and its peers on MongoDB.
pub(crate) const ON_MONGO: [Contestant; 5] =
    [Shylock, PythonShylock, MongoLockAsync, DistributedLockMongo, MongodbLock];

/// What users pick on other stores.
pub(crate) const ELSEWHERE: [Contestant; 2] = [Rslock, Etcd];

impl Contestant {
    /// The word for it on command lines.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Bare => "bare",
            BareWrite | BareWriteInARow => "bare-write",
            BareSqlite => "bare-sqlite",
            Flock => "flock",
            Shylock => "shylock",
            PythonShylock => "python-shylock",
            MongoLockAsync => "mongo-lock-async",
            DistributedLockMongo => "distributed-lock-mongo",
            MongodbLock => "mongodb-lock",
            Rslock => "rslock",
            Etcd => "etcd",
        }
    }

    /// The name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Bare => "bare driver, insert + delete",
            BareWrite => "bare driver, an insert after the same pause",
            BareWriteInARow => "bare driver, an insert right after another one",
            BareSqlite => "SQLite alone, insert + delete",
            Flock => "flock x true",
            PythonShylock => "shylock 1.2.1 (Python)",
            Rslock => "rslock (Redis)",
            Etcd => "etcd's lock",
            _ => self.word(),
        }
    }

    pub(crate) fn store(self) -> Store {
        match self {
            Rslock => Store::Redis,
            Etcd => Store::Etcd,
            _ => Store::Mongo,
        }
    }

    /// Whether shylock means to be ahead of it.
    pub(crate) fn is_peer_on_mongo(self) -> bool {
        self != Shylock && ON_MONGO.contains(&self)
    }
}
