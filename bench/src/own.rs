//! The contestants of this program: shylock and the bare driver, each in a worker process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::options::{Acknowledgment, ClientOptions};
use mongodb::{Client, Collection};
use shylock::mongo::{MongoBackend, MongoOptions, WriteConcern};
use shylock::{LockGuard, LockManager};
use shylock_bench_worker::{Contestant, Failure, serve};

/// Runs a worker until the benchmark has no more to say to it.
pub(crate) async fn work(contestant: &str, url: &str) -> Result<(), Failure> {
    match contestant {
        "shylock" => serve(Shylock::connect(url).await).await,
        "bare" => serve(Bare::connect(url).await).await,
        "bare-write" => serve(Bare::connect(url).await.map(BareWrite)).await,
        _ => Err(format!("{contestant:?} is no contestant").into()),
    }
}

#[derive(Clone)]
struct Shylock {
    locks: LockManager,
    commands: Arc<AtomicU64>,
}

impl Shylock {
    async fn connect(url: &str) -> Result<Self, Failure> {
        let commands = Arc::new(AtomicU64::new(0));
        let mut options = options(url).await?;
        let counter = commands.clone();
        options.command_event_handler = Some(EventHandler::callback(move |event| {
            if matches!(event, CommandEvent::Started(_)) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }));
        let unsafe_writes = options.write_concern.as_ref().and_then(|concern| concern.w.clone());
        let settings = match unsafe_writes {
            Some(Acknowledgment::Nodes(1)) => {
                MongoOptions::new().write_concern(WriteConcern::Servers(1)).journal(false)
            }
            _ => MongoOptions::new(),
        };
        let database =
            Client::with_options(options)?.default_database().ok_or("the URL names no database")?;
        let backend = MongoBackend::with_options(database, settings).await?;
        Ok(Self { locks: LockManager::new(backend), commands })
    }
}

impl Contestant for Shylock {
    type Guard = LockGuard;

    async fn acquire(&self, name: &str) -> Result<LockGuard, Failure> {
        Ok(self.locks.lock(name).acquire().await?)
    }

    async fn release(&self, guard: LockGuard) -> Result<(), Failure> {
        Ok(guard.release().await?)
    }

    fn commands(&self) -> u64 {
        self.commands.load(Ordering::Relaxed)
    }
}

/// The least that a lock can be: a document that is there, or not. The limit for the others.
#[derive(Clone)]
struct Bare(Collection<Document>);

impl Bare {
    async fn connect(url: &str) -> Result<Self, Failure> {
        let client = Client::with_options(options(url).await?)?;
        Ok(Self(client.default_database().ok_or("the URL names no database")?.collection("bare")))
    }
}

impl Contestant for Bare {
    type Guard = String;

    async fn acquire(&self, name: &str) -> Result<String, Failure> {
        self.0.insert_one(doc! { "_id": name }).await?;
        Ok(name.to_owned())
    }

    async fn release(&self, name: String) -> Result<(), Failure> {
        self.0.delete_one(doc! { "_id": name }).await?;
        Ok(())
    }
}

/// One write: what a hand-over costs at least.
#[derive(Clone)]
struct BareWrite(Bare);

impl Contestant for BareWrite {
    type Guard = ();

    async fn acquire(&self, _: &str) -> Result<(), Failure> {
        self.0.0.insert_one(doc! { "_id": Bson::ObjectId(ObjectId::new()) }).await?;
        Ok(())
    }

    async fn release(&self, (): ()) -> Result<(), Failure> {
        Ok(())
    }
}

/// The same for all: connections enough for many tasks.
async fn options(url: &str) -> Result<ClientOptions, Failure> {
    let mut options = ClientOptions::parse(url).await?;
    options.max_pool_size = Some(100);
    Ok(options)
}
