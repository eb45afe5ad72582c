//! The words of the language.

use serde_json::Value;

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// A name that is no keyword, or any name in backticks.
    Name(String),
    /// A reserved word, in capitals.
    Keyword(&'static str),
    Text(String),
    Number(Value),
    /// `@name`
    Bind(String),
    /// `@@name`
    BindCollection(String),
    Sign(&'static str),
    End,
}

/// A token and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// The first byte.
    pub(crate) start: usize,
}

/// Names that only backticks make usable as such.
pub(crate) const KEYWORDS: [&str; 37] = [
    "AGGREGATE",
    "ALL",
    "ALL_SHORTEST_PATHS",
    "AND",
    "ANY",
    "ASC",
    "COLLECT",
    "DESC",
    "DISTINCT",
    "FALSE",
    "FILTER",
    "FOR",
    "GRAPH",
    "IN",
    "INBOUND",
    "INSERT",
    "INTO",
    "K_PATHS",
    "K_SHORTEST_PATHS",
    "LET",
    "LIKE",
    "LIMIT",
    "NONE",
    "NOT",
    "NULL",
    "OR",
    "OUTBOUND",
    "REMOVE",
    "REPLACE",
    "RETURN",
    "SHORTEST_PATH",
    "SORT",
    "TRUE",
    "UPDATE",
    "UPSERT",
    "WITH",
    "WINDOW",
];

/// Signs, the longer ones first.
pub(crate) const SIGNS: [&str; 29] = [
    "::", "==", "!=", "<=", ">=", "&&", "||", "..", "=~", "!~", "=", "<", ">", "!", "+", "-", "*", "/", "%",
    "?", ":", "(", ")", "[", "]", "{", "}", ",", ".",
];
