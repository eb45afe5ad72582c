//! The process in which one contestant of the benchmark runs.
//!
//! It reads one command a line, does it, and answers with one line: `ok` and numbers, or `error` and what went
//! wrong. Times are nanoseconds, points in time are those of [`clock::now`]. `python/worker.py` speaks the same.
//!
//! | command | what it does | answer |
//! |---|---|---|
//! | `solo NAME COUNT` | acquires and releases, one by one | how long each pair took |
//! | `take NAME` | acquires | when the lock was there |
//! | `give` | releases what was taken | when it was called, when it was done |
//! | `hot NAME BEGIN END` | acquires, holds 1 ms, releases, pauses up to 1 ms, between two points in time | how many times |
//! | `within NAME TASKS TIME` | so many tasks hand one lock to each other for a time | the time, then how long each hand-over took |
//! | `wait NAME TASKS TIME` | so many tasks wait for one lock for a time | how many commands were sent |
//! | `many NAME COUNT TIME` | holds so many locks for a time | bytes of memory before and with them, commands, time on a processor |

pub mod clock;
mod contestant;
mod serve;
mod usage;
mod work;

pub use contestant::{Contestant, Failure};
pub use serve::serve;
