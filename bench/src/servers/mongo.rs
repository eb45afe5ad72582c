//! MongoDB servers, and what they are asked to do.

use std::collections::BTreeMap;
use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, options::ClientOptions};
use shylock_bench_worker::Failure;
use shylock_testing::mongo::{MongoServer, Settings, Source, Topology};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    ThreeNodes,
    Standalone,
}

#[derive(Debug)]
pub(crate) struct Mongo {
    server: MongoServer,
    pub(crate) version: String,
    client: Client,
}

/// How often each command was done since the server was started.
#[derive(Debug, Clone)]
pub(crate) struct Done(BTreeMap<String, i64>);

/// What shylock and its peers do to a queue, to a document, or to a stream.
const READS: [&str; 4] = ["find", "aggregate", "getMore", "count"];
const WRITES: [&str; 4] = ["findAndModify", "insert", "update", "delete"];

impl Mongo {
    /// Starts servers of this machine's own `mongod`, or of the one that the tests fetch.
    pub(crate) async fn start(place: Place) -> Result<Self, Failure> {
        let topology = match place {
            Place::ThreeNodes => Topology::ThreeNodes,
            Place::Standalone => Topology::Standalone,
        };
        let mut settings = Settings::from_env()?;
        // Not those that tests share, which may be busy; and they end when the run has ended.
        settings.state = std::env::temp_dir().join(format!("shylock-bench-{}", std::process::id()));
        settings.linger = Duration::from_secs(1);
        settings.source = Some(Source::Path);
        let server = match MongoServer::open(topology, &settings).await {
            Ok(server) => server,
            Err(_) => {
                MongoServer::open(topology, &Settings { source: Some(Source::Wheel), ..settings }).await?
            }
        };
        let client = Client::with_options(ClientOptions::parse(server.url()).await?)?;
        let build = client.database("admin").run_command(doc! { "buildInfo": 1 }).await?;
        let version = format!("MongoDB {}", build.get_str("version").unwrap_or("?"));
        Ok(Self { server, version, client })
    }

    /// The URL with a database and options in it.
    pub(crate) fn url(&self, database: &str, options: &str) -> String {
        let (base, set) = self.server.url().split_once('?').unwrap_or((self.server.url(), ""));
        let base = base.trim_end_matches('/');
        let and = if set.is_empty() { "" } else { "&" };
        format!("{base}/{database}?{set}{and}{options}")
    }

    /// How often each command was done so far.
    pub(crate) async fn done(&self) -> Result<Done, Failure> {
        let status = self.client.database("admin").run_command(doc! { "serverStatus": 1 }).await?;
        let commands = status.get_document("metrics")?.get_document("commands")?;
        let total = |command: &str| {
            let counts = commands.get_document(command).ok();
            counts
                .and_then(|counts: &Document| counts.get("total").and_then(Bson::as_i64))
                .unwrap_or_default()
        };
        Ok(Done(READS.iter().chain(&WRITES).map(|&command| (command.to_owned(), total(command))).collect()))
    }
}

impl Done {
    /// How many of each command there were in one second, on average, since `before`.
    pub(crate) fn each_second(&self, before: &Self, time: Duration) -> Rates {
        let rate = |command: &String, total: &i64| {
            let more = total - before.0.get(command).copied().unwrap_or_default();
            f64::from(i32::try_from(more).unwrap_or(i32::MAX)) / time.as_secs_f64()
        };
        Rates(self.0.iter().map(|(command, total)| (command.clone(), rate(command, total))).collect())
    }
}

/// Commands in a second.
#[derive(Debug, Clone)]
pub(crate) struct Rates(BTreeMap<String, f64>);

impl Rates {
    pub(crate) fn reads(&self) -> f64 {
        self.sum(&READS)
    }

    pub(crate) fn writes(&self) -> f64 {
        self.sum(&WRITES)
    }

    /// Those that are more than rare, for people.
    pub(crate) fn describe(&self) -> String {
        let said: Vec<String> = self
            .0
            .iter()
            .filter(|(_, rate)| **rate >= 0.05)
            .map(|(command, rate)| format!("{command} {rate:.1}"))
            .collect();
        if said.is_empty() { "nothing".to_owned() } else { said.join(", ") }
    }

    fn sum(&self, commands: &[&str]) -> f64 {
        commands.iter().filter_map(|command| self.0.get(*command)).sum()
    }
}
