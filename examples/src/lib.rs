//! Complete programs that use shylock; each is a file in `src/bin`.
//!
//! They take the store from `SHYLOCK_URL`.

/// The store of the examples: `SHYLOCK_URL`.
///
/// # Errors
/// If it is not set; the message says what to do.
pub fn store_url() -> Result<String, String> {
    std::env::var("SHYLOCK_URL")
        .map_err(|_| "set SHYLOCK_URL to a store, for instance mongodb://localhost/projectdb".to_owned())
}
