//! Distributed locks over ArangoDB: the ArangoDB backend of shylock.
//!
//! It needs ArangoDB 3.10 or newer: a single server or a cluster. There is nothing to prepare. The backend creates its
//! collection and its index, checks the server when it is opened, and says what is wrong.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use shylock_arango::ArangoBackend;
//!
//! let backend = ArangoBackend::connect("arangodb://joe:openSesame@localhost:8529/projectdb").await?;
//! # let _ = backend; Ok(()) }
//! ```
//!
//! [`ArangoBackend::new`] takes the database handle of a program that already uses `arangors`.
//!
//! # What is stored
//! One document for each lock name, in the collection `shylock_locks`:
//!
//! ```js
//! {
//!   _key: "my-lock",                     // the lock name, percent-encoded, or a hash of a long one
//!   name: "my-lock",                     // the lock name
//!   ticket: 1835008000000000,            // the last fencing token that was drawn
//!   claims: [{                           // the queue, in the order of tokens; the first claims hold
//!     id: "0123456789abcdef0123456789abcdef", shared: false, max: 1, token: 1835008000000000,
//!     joinedAt: 1791999970000,           // by the server's clock, in milliseconds since 1970
//!     expiresAt: 1792000000000,          // when the lease ends
//!     leaving: false,                    // whether the owner has left, and the claim only lasts until expiresAt
//!     owner: { host: "web-1", pid: 4711, label: "invoices" }
//!   }],
//!   value: "10.0.0.7:8080",              // what a holder wrote; absent if none did
//!   abandoned: 1835007000000000,         // the token of a holder that lapsed; absent if the last one released the lock
//!   at: 1791999970000,                   // the last change, in milliseconds since 1970
//!   liveUntil: 1792000000000,            // when the last lease ends
//!   purgeAt: 1792003600                  // when the TTL index may delete the document, in seconds since 1970;
//! }                                      // absent if there is a value: then the document is kept
//! ```
//!
//! Documents of the first form, without `joinedAt`, `leaving`, `value` and `abandoned`, are read as well.
//!
//! Every step is one AQL query on one document. It runs by the server's clock, it is done as a whole, and the server
//! refuses it if another client wrote the document in between. Then the step is tried twice more at once. After that the
//! error is `Transient`, and the manager repeats the step after a pause. Grants and renewals count when they are on disk
//! (see [`ArangoOptions::wait_for_sync`]).
//!
//! # Round trips
//! | step | single server | cluster |
//! |---|---|---|
//! | acquire, release, renew a batch, write a value | 1 | 2 |
//! | a `try_acquire` that finds the lock held, inspect, list | 1 | 1 |
//! | the first acquire of a new name | 2 | 3 |
//! | open the backend, 14 requests | 4 | 4 |
//!
//! # Clusters
//! In a cluster an answer does not prove that a write was committed. The coordinator tells the DB-Server to commit only
//! at the end of the query, and ignores an error there. So in a cluster every step that writes is followed by a query that
//! reads the document again, and the step counts only if its effect is there. If a DB-Server dies between the write and the
//! commit, the step fails or is repeated; no lock is granted. The backend asks the server for its role when it is opened. A
//! server that does not tell its role is treated as a cluster.
//!
//! A collection that the backend creates has one shard. Give it replicas: with the default `replicationFactor` of 1 the
//! locks are lost with the disk of one server, and with a `writeConcern` of 1 a server that lost touch with the others
//! may confirm a grant that is lost when it fails. See [`ArangoOptions::replication_factor`] and
//! [`ArangoOptions::write_concern`]. The time comes from the coordinator that receives a request; the clocks of the
//! coordinators must agree to within the clock skew margin of the manager.
//!
//! An active failover of single servers replicates asynchronously and may lose grants, so it is refused.
//!
//! # Rights
//! The user needs read and write access to the database. If an administrator has created the collection and its
//! TTL index on `purgeAt`, read access to the database and write access to the collection are enough.
//!
//! # What this relies on
//! The backend has **not been run on a real server yet**. The tests use an emulator that follows ArangoDB's sources and
//! recorded answers of version 3.12. `.ci/real-arango` in the repository runs the tests on a real server and prints what it
//! answered to each of the thirteen behaviours that the backend relies on. The sources leave open which of two answers a
//! server gives in these cases. The tests try both:
//!
//! - whether the loser of two concurrent inserts of a document gets error 1200 or 1210 in a cluster,
//! - whether a write that changes nothing locks the document and can conflict (since 3.11) or not (3.10),
//! - whether missing rights are reported when a query starts, or only when it writes a row,
//! - whether a DB-Server that did not confirm the commit has committed,
//! - whether a server without authentication answers a log-in with an error in JSON or with an empty body,
//! - whether a number is printed with an exponent.
//!
//! Two things rest on the sources alone: that an AQL query never gets a plan in which the read and the write of a
//! document are in different transactions (the revision is compared in any case), and which errors a cluster answers while
//! a leader changes (unknown ones with a status of 500 or more are repeated).

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
