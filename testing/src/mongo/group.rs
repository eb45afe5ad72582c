//! The local servers of one topology.

use std::{path::Path, time::Duration};

use super::{
    Error, Topology,
    process::Mongod,
    replica_set::{self, Member},
};

/// The local servers of one topology.
#[derive(Debug)]
pub(super) struct Group {
    /// The servers; in a set the first one is the first primary.
    pub(super) servers: Vec<Mongod>,
    in_set: bool,
}

impl Group {
    /// Starts the servers in `folder` and joins them to a set, if it is to be one.
    pub(super) async fn start(
        program: &Path,
        folder: &Path,
        topology: Topology,
        election_timeout: Duration,
    ) -> Result<Self, Error> {
        if topology == Topology::Sharded {
            let message = "a sharded cluster comes only from SHYLOCK_TEST_MONGO_URL";
            return Err(Error::Start(message.to_owned()));
        }
        let in_set = topology.is_replica_set();
        let mut servers = Vec::new();
        for i in 0..topology.size() {
            servers.push(Mongod::start(program, folder.join(i.to_string()), in_set).await?);
        }
        let group = Self { servers, in_set };
        if in_set {
            replica_set::initiate(&group.members(), election_timeout).await?;
        }
        Ok(group)
    }

    /// The URL of the whole.
    pub(super) fn url(&self) -> String {
        let addresses: Vec<String> = self.servers.iter().map(Mongod::address).collect();
        url(&addresses, self.in_set)
    }

    fn members(&self) -> Vec<Member> {
        let member = |server: &Mongod| Member { known_as: server.address(), reached_at: server.address() };
        self.servers.iter().map(member).collect()
    }
}

/// The URL of one server, or of a set.
pub(super) fn url(addresses: &[String], in_set: bool) -> String {
    let option =
        if in_set { format!("replicaSet={}", replica_set::NAME) } else { "directConnection=true".to_owned() };
    format!("mongodb://{}/?{option}", addresses.join(","))
}
