//! Distributed locks over ArangoDB: the ArangoDB backend of shylock.
//!
//! It needs ArangoDB 3.10 or newer: a single server or a cluster. There is nothing to prepare; the backend makes its
//! collection and its index itself, and says what is wrong when something is.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use shylock_arango::ArangoBackend;
//!
//! let backend = ArangoBackend::connect("arangodb://joe:openSesame@localhost:8529/projectdb").await?;
//! # let _ = backend; Ok(()) }
//! ```
//!
//! [`ArangoBackend::new`] takes the database handle of a program that uses `arangors` anyway.
//!
//! # What is stored
//! One document for each lock name, in the collection `shylock_locks`:
//!
//! ```js
//! {
//!   _key: "my-lock",                     // the lock name, percent-encoded, or a hash of a long one
//!   name: "my-lock",                     // the lock name
//!   ticket: 1835008000000000,            // the last fencing token that was drawn
//!   claims: [{                           // the queue, in order of token; the first ones hold
//!     id: "0123456789abcdef0123456789abcdef", shared: false, max: 1, token: 1835008000000000,
//!     expiresAt: 1792000000000,          // when the lease ends, by the server's clock, in milliseconds since 1970
//!     owner: { host: "web-1", pid: 4711, label: "invoices" }
//!   }],
//!   at: 1791999970000,                   // the last change, in milliseconds since 1970
//!   liveUntil: 1792000000000,            // when the last lease ends
//!   purgeAt: 1792003600                  // when the TTL index may delete the document, in seconds since 1970
//! }
//! ```
//!
//! Every step is one AQL query on one document, which the server does as a whole, by the server's clock, and which
//! it refuses when another client came in between; then the step looks again at once. What grants or extends a lock
//! counts when it is on disk (see [`ArangoOptions::wait_for_sync`]).
//!
//! # Clusters
//! A collection that the backend makes has one shard. Give it copies: with the usual `replicationFactor` of 1 the
//! locks are gone with the disk of one server, and with a `writeConcern` of 1 a server that lost touch with the others
//! may confirm a grant that is gone when it breaks down. See [`ArangoOptions::replication_factor`] and
//! [`ArangoOptions::write_concern`]. The time comes from the coordinator that a request reaches; the clocks of the
//! coordinators must agree to within the margin of a lease.
//!
//! # Rights
//! The user needs read and write access to the database, or, when an administrator has made the collection and its
//! TTL index on `purgeAt`, read access to the database and write access to the collection.

mod address;
mod backend;
mod client;
mod committed;
mod error;
mod key;
mod login;
mod options;
mod query;
mod record;
mod session;
mod setup;
mod store;

pub use backend::ArangoBackend;
pub use client::ArangoClient;
pub use options::{ArangoOptions, Authentication};
