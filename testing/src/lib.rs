//! Servers for shylock's tests.
//!
//! Not published. [`mongo`] gives each test a database of its own on a real MongoDB server, and a test that
//! breaks things a server of its own. [`arango`] runs an ArangoDB server in a container. Without the server that
//! was asked for a test fails and says what to set; it never passes because nothing was there to test.

use std::{
    collections::HashSet,
    env,
    io::{self, Write as _},
    sync::{Mutex, PoisonError},
};

#[cfg(feature = "arango")]
pub mod arango;
#[cfg(any(feature = "arango", feature = "mongo"))]
mod engine;
#[cfg(feature = "mongo")]
pub mod mongo;

/// A variable of the environment, if it is set to something.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Says something once in this process, past the test harness, which would swallow it.
pub fn say_once(line: &str) {
    static SAID: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.get_or_insert_default().insert(line.to_owned()) {
        let _ = writeln!(io::stderr(), "shylock-testing: {line}");
    }
}
