//! Distributed locks over MongoDB: the MongoDB backend of shylock.
//!
//! It needs MongoDB 4.4 or newer: a replica set, a sharded cluster, or a server on its own. There is nothing
//! to prepare: [`MongoBackend::new`] creates its index, and its errors say what is wrong.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use shylock_mongo::MongoBackend;
//!
//! // Over the database that the program uses anyway:
//! let client = mongodb::Client::with_uri_str("mongodb://localhost/projectdb").await?;
//! let backend = MongoBackend::new(client.database("projectdb")).await?;
//!
//! // Or with connections of its own:
//! let backend = MongoBackend::connect("mongodb://localhost/projectdb").await?;
//! # let _ = backend; Ok(()) }
//! ```
//!
//! # What is stored
//! One document for each lock name, in the collection `shylock_locks`:
//!
//! ```js
//! {
//!   _id: "my-lock",                      // the lock name
//!   ticket: 1835008000000000,            // the last fencing token that was drawn
//!   claims: [{                           // the queue, in order of token; the first ones hold
//!     id: "0123456789abcdef0123456789abcdef", shared: false, max: 1, token: 1835008000000000,
//!     joinedAt: ISODate("..."), expiresAt: ISODate("..."),    // by the clock of the server
//!     leaving: true,                     // only if it has left and stays until `expiresAt`
//!     owner: { host: "web-1", pid: 4711, label: "invoices" }
//!   }],
//!   at: ISODate("..."),                  // the last change
//!   value: "...",                        // what a holder wrote; only if there is one
//!   abandoned: 1835007000000000,         // the token of the last holder, if it lapsed
//!   next: "...",                         // who holds since a claim left or was downgraded; only then
//!   purgeAt: ISODate("...")              // when the TTL index may delete the document; without it if there is a value
//! }
//! ```
//!
//! Every step is one command, which the server runs atomically and by its own clock. A write counts when a majority of
//! the servers has it in their journals (see [`MongoOptions`]); "written, but not yet by a majority" is an error and
//! never a grant.
//!
//! # Rights
//! The user needs `find`, `insert` and `update` on the collection, and `listCollections`, `listIndexes` and
//! `createIndex` to set it up: the role `readWrite` has all of them. Without the latter three the collection
//! works too; create the index by hand then, as the warning in the log says. To look at locks `find` is enough, with
//! [`MongoOptions::read_only`]. Wakeups need `changeStream`; without it waiting claims poll.

mod backend;
mod command;
mod connect;
mod error;
mod options;
mod pipeline;
mod record;
mod setup;
mod wakeup;

pub use backend::MongoBackend;
pub use options::{MongoOptions, WriteConcern};
