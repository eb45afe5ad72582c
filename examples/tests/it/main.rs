//! The examples, run as a user would run them, on a real MongoDB.

mod counter;
mod crash;
mod failover;
mod programs;
mod run;
