//! Servers for shylock's tests.
//!
//! Not published. [`mongo`] gives each test a database of its own on a real MongoDB server, and a test that
//! breaks things a server of its own. Without any server a test fails and says what to set; it never passes
//! because nothing was there to test.

#[cfg(feature = "mongo")]
pub mod mongo;
