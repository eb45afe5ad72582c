//! Complete programs that use shylock; each is a file in `src/bin`.
//!
//! They use the store that `SHYLOCK_URL` names, or a file for temporary use.

/// The store of the examples: `SHYLOCK_URL`, or else an `SQLite` file among the machine's temporary ones.
pub fn store_url() -> String {
    std::env::var("SHYLOCK_URL").unwrap_or_else(|_| {
        let file = std::env::temp_dir().join("shylock-examples.db");
        format!("sqlite:{}", file.display())
    })
}
