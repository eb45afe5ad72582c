//! Servers for shylock's tests.
