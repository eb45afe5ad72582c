//! The examples, run as a user would run them, on a real MongoDB.

mod counter;
mod crash;
mod programs;
mod run;
