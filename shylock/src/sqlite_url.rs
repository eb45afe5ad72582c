//! The path in an SQLite URL.

use shylock_core::{BackendError, BackendErrorKind};

/// What follows the scheme. After two slashes a third one begins the path, as in the URL of a file.
///
/// # Errors
/// `Misconfigured` for a spelling that means something else in other programs, and would name a file that nobody meant.
pub(crate) fn path(url: &str) -> Result<&str, BackendError> {
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    let refused = |message: String| Err(BackendError::new(BackendErrorKind::Misconfigured, message));
    match path.strip_prefix("//") {
        _ if path.contains('?') => refused(format!(
            "invalid URL {url:?}: SQLite URLs have no options; write `sqlite:path/to/file` (a file whose name contains a \
             question mark can be opened with `SqliteBackend::open`)"
        )),
        _ if matches!(path, ":memory:" | "//:memory:") => refused(format!(
            "invalid URL {url:?}: locks in an SQLite database in memory would protect nothing; write `sqlite:path/to/file`, \
             or `memory:` in tests"
        )),
        _ if path.trim_matches('/').is_empty() => {
            refused(format!("invalid URL {url:?}: it names no file; write `sqlite:path/to/file`"))
        }
        Some(absolute) if absolute.starts_with('/') => Ok(absolute),
        Some(name) => refused(format!(
            "invalid URL {url:?}: write `sqlite:{name}` for a path from the current folder, or `sqlite:///{name}` for one \
             from the root"
        )),
        None => Ok(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_follows_the_scheme() {
        for (url, expected) in [
            ("sqlite:locks.db", "locks.db"),
            ("sqlite:/var/locks.db", "/var/locks.db"),
            ("sqlite:///var/locks.db", "/var/locks.db"),
            ("sqlite:a b%20@:c", "a b%20@:c"),
            ("sqlite:./:memory:", "./:memory:"),
        ] {
            assert_eq!(path(url).expect(url), expected);
        }
    }

    #[test]
    fn a_spelling_that_means_something_else_elsewhere_is_refused_with_the_right_one() {
        for (url, hint) in [
            ("sqlite://locks.db", "write `sqlite:locks.db`"),
            ("sqlite://var/locks.db", "`sqlite:///var/locks.db`"),
            ("sqlite:q.db?mode=ro", "no options"),
            ("sqlite:///q.db?mode=memory", "no options"),
            ("sqlite::memory:", "`memory:`"),
            ("sqlite://:memory:", "`memory:`"),
            ("sqlite:", "names no file"),
            ("sqlite://", "names no file"),
            ("sqlite:///", "names no file"),
        ] {
            let error = path(url).expect_err(url);
            assert_eq!(error.kind(), BackendErrorKind::Misconfigured, "{url}");
            assert!(error.to_string().contains(hint), "{url}: {error}");
        }
    }
}
