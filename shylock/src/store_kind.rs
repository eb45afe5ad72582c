//! The URL schemes, and the stores that they name. No other place lists them.

use std::fmt;

/// The kind of store that a URL names.
///
/// ```
/// use shylock::StoreKind;
///
/// assert_eq!(StoreKind::of("sqlite:locks.db"), Some(StoreKind::Sqlite));
/// assert_eq!(StoreKind::of("redis://localhost"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreKind {
    /// MongoDB: `mongodb://…/database` and `mongodb+srv://…/database`.
    Mongo,
    /// ArangoDB: `arangodb://…/database`, and `arangodbs://…/database` with TLS.
    Arango,
    /// A file: `sqlite:path/to/file` and `sqlite:///path/to/file`.
    Sqlite,
    /// The memory of this process: `memory:`.
    Memory,
}

const SCHEMES: [(&str, StoreKind); 6] = [
    ("mongodb", StoreKind::Mongo),
    ("mongodb+srv", StoreKind::Mongo),
    ("arangodb", StoreKind::Arango),
    ("arangodbs", StoreKind::Arango),
    ("sqlite", StoreKind::Sqlite),
    ("memory", StoreKind::Memory),
];

impl StoreKind {
    /// The kind of store that this URL names by its scheme; `None` for a scheme that shylock does not know.
    pub fn of(url: &str) -> Option<Self> {
        let (scheme, _) = url.split_once(':')?;
        SCHEMES.iter().find(|(name, _)| *name == scheme).map(|(_, kind)| *kind)
    }

    /// The feature of this crate that the store needs; `None` if it is always there.
    pub fn feature(self) -> Option<&'static str> {
        match self {
            Self::Mongo => Some("mongo"),
            Self::Arango => Some("arango"),
            Self::Sqlite => Some("sqlite"),
            Self::Memory => None,
        }
    }

    /// Whether this store is built in.
    pub fn is_built_in(self) -> bool {
        match self {
            Self::Mongo => cfg!(feature = "mongo"),
            Self::Arango => cfg!(feature = "arango"),
            Self::Sqlite => cfg!(feature = "sqlite"),
            Self::Memory => true,
        }
    }

    /// Whether the store is a server, so that its URL may name a user and hold a password.
    pub fn is_server(self) -> bool {
        matches!(self, Self::Mongo | Self::Arango)
    }

    /// The schemes of all stores, as a URL begins with them: "`mongodb://`, …".
    pub(crate) fn all_schemes() -> String {
        let begin =
            |(name, kind): &(&str, Self)| format!("`{name}:{}`", if kind.is_server() { "//" } else { "" });
        SCHEMES.iter().map(begin).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mongo => "MongoDB",
            Self::Arango => "ArangoDB",
            Self::Sqlite => "SQLite",
            Self::Memory => "memory",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_names_a_kind_of_store() {
        for (url, kind) in [
            ("mongodb://host/locks", Some(StoreKind::Mongo)),
            ("mongodb+srv://host/locks", Some(StoreKind::Mongo)),
            ("arangodb://host/locks", Some(StoreKind::Arango)),
            ("arangodbs://host/locks", Some(StoreKind::Arango)),
            ("sqlite:a:b", Some(StoreKind::Sqlite)),
            ("memory:", Some(StoreKind::Memory)),
            ("redis://host", None),
            ("locks.db", None),
            ("", None),
        ] {
            assert_eq!(StoreKind::of(url), kind, "{url}");
        }
    }

    #[test]
    fn all_schemes_are_listed_as_a_url_begins_with_them() {
        let expected = "`mongodb://`, `mongodb+srv://`, `arangodb://`, `arangodbs://`, `sqlite:`, `memory:`";
        assert_eq!(StoreKind::all_schemes(), expected);
    }
}
