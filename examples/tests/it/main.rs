//! The examples, run as a user would run them: on a real MongoDB, on SQLite, and on the emulator of ArangoDB.

mod arango;
mod counter;
mod crash;
mod failover;
mod programs;
mod run;
