//! The servers that a run starts, and ends.

mod debian;
mod etcd;
mod mongo;
mod process;
mod redis;

use shylock_bench_worker::Failure;

pub(crate) use mongo::{Mongo, Place, Rates};

/// All the servers of a run. Those of MongoDB are there; for the others there may be a reason why not.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) three_nodes: Mongo,
    pub(crate) standalone: Mongo,
    pub(crate) redis: Result<redis::Redis, String>,
    pub(crate) etcd: Result<etcd::Etcd, String>,
}

impl Servers {
    pub(crate) async fn start() -> Result<Self, Failure> {
        Ok(Self {
            three_nodes: Mongo::start(Place::ThreeNodes).await?,
            standalone: Mongo::start(Place::Standalone).await?,
            redis: redis::Redis::start().await.map_err(|error| error.to_string()),
            etcd: etcd::Etcd::start().await.map_err(|error| error.to_string()),
        })
    }

    pub(crate) fn mongo(&self, place: Place) -> &Mongo {
        match place {
            Place::ThreeNodes => &self.three_nodes,
            Place::Standalone => &self.standalone,
        }
    }

    /// What runs, for people.
    pub(crate) fn describe(&self) -> Vec<String> {
        let or_why = |store: &str, found: Result<String, &String>| {
            found.unwrap_or_else(|why| format!("no {store}: {why}"))
        };
        vec![
            self.three_nodes.version.clone() + ": a replica set of three nodes, and one server on its own",
            or_why("Redis", self.redis.as_ref().map(|redis| redis.description.clone())),
            or_why("etcd", self.etcd.as_ref().map(|etcd| etcd.description.clone())),
        ]
    }
}
