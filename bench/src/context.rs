//! What a measurement works with.

use std::sync::atomic::{AtomicU32, Ordering};

use shylock_bench_worker::Failure;

use crate::contestant::{Contestant, Store};
use crate::fleet::Worker;
use crate::kit::Kit;
use crate::options::Plan;
use crate::servers::{Place, Servers};

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) plan: Plan,
    pub(crate) kit: Kit,
    pub(crate) servers: Servers,
    measurements: AtomicU32,
}

/// Where and how the contestants on MongoDB write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// A replica set of three nodes; a majority of them has it in the journal.
    Majority,
    /// A server on its own; it has it in the journal.
    Journal,
    /// A server on its own; it has it in memory.
    Memory,
}

impl Setting {
    pub(crate) fn place(self) -> Place {
        match self {
            Self::Majority => Place::ThreeNodes,
            Self::Journal | Self::Memory => Place::Standalone,
        }
    }

    fn options(self) -> &'static str {
        match self {
            Self::Majority => "w=majority&journal=true",
            Self::Journal => "journal=true",
            Self::Memory => "w=1",
        }
    }
}

/// One measurement's own place on the servers.
#[derive(Debug)]
pub(crate) struct Arena<'a> {
    context: &'a Context,
    pub(crate) setting: Setting,
    database: String,
}

/// The workers of one contestant.
#[derive(Debug)]
pub(crate) struct Crew {
    pub(crate) contestant: Contestant,
    /// A lock that nobody else has ever wanted: what was left behind in a store harms nobody.
    pub(crate) lock: String,
    pub(crate) workers: Vec<Worker>,
}

impl Context {
    pub(crate) fn new(plan: Plan, kit: Kit, servers: Servers) -> Self {
        Self { plan, kit, servers, measurements: AtomicU32::new(0) }
    }

    pub(crate) fn arena(&self, setting: Setting) -> Arena<'_> {
        let number = self.measurements.fetch_add(1, Ordering::Relaxed);
        Arena { context: self, setting, database: format!("bench{number}") }
    }
}

impl Arena<'_> {
    /// Starts so many workers for each contestant. Who cannot take part is left out, and said so in the notes.
    pub(crate) async fn crews(
        &self,
        contestants: &[Contestant],
        workers: usize,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Crew>, Failure> {
        let mut crews = Vec::new();
        for &contestant in contestants {
            match self.crew(contestant, workers).await {
                Ok(workers) => crews.push(Crew { contestant, lock: self.lock(contestant), workers }),
                Err(error) if contestant == Contestant::Shylock => return Err(error),
                Err(error) => notes.push(format!("{} could not take part: {error}", contestant.name())),
            }
        }
        Ok(crews)
    }

    fn lock(&self, contestant: Contestant) -> String {
        format!("{}-{}", contestant.word(), self.database)
    }

    /// Starts so many workers of a contestant, some at a time.
    pub(crate) async fn crew(&self, contestant: Contestant, count: usize) -> Result<Vec<Worker>, Failure> {
        const AT_ONCE: usize = 8;
        let mut workers = Vec::new();
        // The first one sets up what the others find there.
        workers.push(self.worker(contestant).await?);
        while workers.len() < count {
            let mut starting = tokio::task::JoinSet::new();
            for _ in 0..AT_ONCE.min(count - workers.len()) {
                starting.spawn(Worker::start(contestant, self.command(contestant)?));
            }
            while let Some(started) = starting.join_next().await {
                workers.push(started??);
            }
        }
        Ok(workers)
    }

    pub(crate) async fn worker(&self, contestant: Contestant) -> Result<Worker, Failure> {
        Worker::start(contestant, self.command(contestant)?).await
    }

    fn command(&self, contestant: Contestant) -> Result<tokio::process::Command, Failure> {
        let servers = &self.context.servers;
        let url = match contestant.store() {
            Store::Mongo => servers.mongo(self.setting.place()).url(&self.database, self.setting.options()),
            Store::Redis => servers.redis.as_ref().map_err(String::clone)?.url.clone(),
            Store::Etcd => servers.etcd.as_ref().map_err(String::clone)?.url.clone(),
        };
        Ok(self.context.kit.command(contestant, &url)?)
    }
}
