//! The server's errors: a number, the HTTP status that goes with it, and a message.

use serde_json::{Value, json};

/// Shorthand for the emulator's own results.
pub(crate) type Result<T> = std::result::Result<T, ArangoError>;

/// An error as the server reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArangoError {
    pub(crate) status: u16,
    pub(crate) num: u32,
    pub(crate) message: String,
}

impl ArangoError {
    /// The error of that number, with the server's usual status and text.
    pub(crate) fn new(num: u32) -> Self {
        let (status, message) = describe(num);
        Self { status, num, message: message.to_owned() }
    }

    /// The error of that number with a text of its own.
    pub(crate) fn with(num: u32, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::new(num) }
    }

    /// An error whose status is not the usual one of its number.
    pub(crate) fn with_status(status: u16, num: u32, message: impl Into<String>) -> Self {
        Self { status, num, message: message.into() }
    }

    /// The server marks errors of a query by when they arose.
    pub(crate) fn in_query(mut self, phase: &str) -> Self {
        if !self.message.starts_with("AQL: ") {
            self.message = format!("AQL: {} ({phase})", self.message);
        }
        self
    }

    /// The body of the reply.
    pub(crate) fn body(&self) -> Value {
        json!({"code": self.status, "error": true, "errorMessage": self.message, "errorNum": self.num})
    }

    /// How one failed document is told among the results of an array request.
    pub(crate) fn entry(&self) -> Value {
        json!({"error": true, "errorMessage": self.message, "errorNum": self.num})
    }
}

/// The usual status and text of an error number.
pub(crate) fn describe(num: u32) -> (u16, &'static str) {
    if (1000..20_000).contains(&num) { describe_database(num) } else { describe_general(num) }
}

fn describe_general(num: u32) -> (u16, &'static str) {
    match num {
        10 | 400 => (400, "bad parameter"),
        11 => (401, "not authorized to execute this request"),
        17 => (400, "type error"),
        18 => (500, "lock timeout"),
        21 => (410, "canceled request"),
        28 => (500, "transaction is busy"),
        29 => (500, "deadlock detected"),
        30 => (503, "shutdown in progress"),
        32 => (500, "resource limit exceeded"),
        38 => (503, "server is in startup or maintenance mode"),
        401 => (401, "Wrong credentials"),
        404 => (404, "not found"),
        405 => (405, "method not supported"),
        501 => (501, "not implemented"),
        503 => (503, "service unavailable"),
        600 => (400, "invalid JSON object"),
        21_003 => (503, "queue full"),
        21_004 => (412, "queue time violated"),
        _ => (500, "internal error"),
    }
}

fn describe_database(num: u32) -> (u16, &'static str) {
    match num {
        1004 => (403, "read only"),
        1200 => (409, "conflict"),
        1202 => (404, "document not found"),
        1203 => (404, "collection or view not found"),
        1207 => (409, "duplicate name"),
        1208 => (400, "illegal name"),
        1210 => (409, "unique constraint violated"),
        1212 => (404, "index not found"),
        1221 => (400, "illegal document key"),
        1222 => (400, "unexpected document key"),
        1226 => (400, "missing document key"),
        1227 => (400, "invalid document type"),
        1228 => (404, "database not found"),
        1229 => (400, "database name invalid"),
        1230 => (403, "operation only allowed in system database"),
        1429 => (503, "insufficient number of replicas"),
        1447 => (409, "cluster agency communication failed"),
        1457 => (500, "timeout in cluster operation"),
        1464 => (500, "shard not found"),
        1465 => (503, "connection to the cluster lost"),
        1467 => (500, "cluster: servers got different results"),
        1478 => (503, "cluster backend unavailable"),
        1489 => (406, "rejected by a follower"),
        1490 => (406, "refused by a follower"),
        1491 => (421, "leader has resigned"),
        1495 => (503, "leadership change in progress"),
        1496 => (503, "not the leader"),
        1500 => (410, "query killed"),
        1501 => (400, "syntax error"),
        1502 => (400, "query is empty"),
        1504 => (400, "LIMIT value is not a number or out of range"),
        1511 => (400, "variable is assigned multiple times"),
        1521 => (400, "query cannot be registered"),
        1540 => (400, "usage of unknown function"),
        1541 => (400, "invalid number of arguments for function"),
        1542 => (400, "invalid argument type in call to function"),
        1551 => (400, "no value specified for declared bind parameter"),
        1552 => (400, "bind parameter was not declared in the query"),
        1553 => (400, "bind parameter has an invalid value or type"),
        1562 => (400, "division by zero"),
        1563 => (400, "array expected"),
        1575 => (400, "query options must be readable at query compile time"),
        1579 => (400, "access after data-modification"),
        1591 => (404, "query ID not found"),
        1600 => (404, "cursor not found"),
        1652 => (400, "collection not registered in the transaction"),
        1653 => (400, "disallowed operation inside transaction"),
        1654 => (410, "transaction aborted"),
        1655 => (404, "transaction not found"),
        _ => (500, "internal error"),
    }
}
