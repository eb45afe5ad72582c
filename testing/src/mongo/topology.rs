//! The shapes in which MongoDB runs.

use std::fmt;

use mongodb::bson::Document;

/// The shape in which MongoDB runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Topology {
    /// One server without an oplog: no change streams, no transactions, no retryable writes.
    Standalone,
    /// A replica set of one server.
    ReplicaSet,
    /// A replica set of three servers.
    ThreeNodes,
    /// A sharded cluster. Only `SHYLOCK_TEST_MONGO_URL` can give one.
    Sharded,
}

impl Topology {
    /// How many servers have to be started for it.
    pub(super) fn size(self) -> usize {
        if self == Self::ThreeNodes { 3 } else { 1 }
    }

    /// Whether its servers are members of a set.
    pub fn is_replica_set(self) -> bool {
        matches!(self, Self::ReplicaSet | Self::ThreeNodes)
    }

    /// What a server's answer to `hello` says. A set of any size above one counts as [`Self::ThreeNodes`].
    pub(super) fn of(hello: &Document) -> Self {
        if hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid") {
            return Self::Sharded;
        }
        match hello.get_array("hosts") {
            Ok(hosts) if hosts.len() > 1 => Self::ThreeNodes,
            Ok(_) => Self::ReplicaSet,
            Err(_) => Self::Standalone,
        }
    }

    /// The word for it in names of folders.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::ReplicaSet => "replica-set",
            Self::ThreeNodes => "three-nodes",
            Self::Sharded => "sharded",
        }
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standalone => "standalone",
            Self::ReplicaSet => "replica set of one node",
            Self::ThreeNodes => "replica set of three nodes",
            Self::Sharded => "sharded cluster",
        })
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[test]
    fn hello_tells_the_topology() {
        assert_eq!(Topology::of(&doc! { "ok": 1 }), Topology::Standalone);
        assert_eq!(Topology::of(&doc! { "setName": "x", "hosts": ["a"] }), Topology::ReplicaSet);
        assert_eq!(Topology::of(&doc! { "setName": "x", "hosts": ["a", "b", "c"] }), Topology::ThreeNodes);
        assert_eq!(Topology::of(&doc! { "msg": "isdbgrid" }), Topology::Sharded);
    }
}
