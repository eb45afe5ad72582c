//! The crates with locks over MongoDB.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use distributed_lock_core::traits::{DistributedLock as _, LockHandle as _};
use distributed_lock_mongo::handle::MongoLockHandle;
use distributed_lock_mongo::{MongoDistributedLock, MongoDistributedLockOptions};
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use mongodb_lock::{Mutex, MutexGuard};
use shylock_bench_worker::{Contestant, Failure};
use tokio::sync::watch;

use crate::{POLL, TTL};

/// What the driver did.
#[derive(Default)]
struct Seen {
    commands: AtomicU64,
    deleted: watch::Sender<u64>,
}

/// A client as shylock makes it, and what it does. The URL names the database.
async fn connect(url: &str) -> Result<(Client, Database, Arc<Seen>), Failure> {
    let seen = Arc::new(Seen::default());
    let mut options = ClientOptions::parse(url).await?;
    options.max_pool_size = Some(100);
    let watcher = seen.clone();
    options.command_event_handler = Some(EventHandler::callback(move |event| match event {
        CommandEvent::Started(_) => {
            watcher.commands.fetch_add(1, Ordering::Relaxed);
        }
        CommandEvent::Succeeded(event) if event.command_name == "delete" => {
            watcher.deleted.send_modify(|deleted| *deleted += 1);
        }
        _ => {}
    }));
    let client = Client::with_options(options)?;
    let database = client.default_database().ok_or("the URL names no database")?;
    Ok((client, database, seen))
}

#[derive(Clone)]
pub(crate) struct MongoLockAsync {
    client: Client,
    seen: Arc<Seen>,
}

impl MongoLockAsync {
    pub(crate) async fn connect(url: &str) -> Result<Self, Failure> {
        let (client, _, seen) = connect(url).await?;
        mongo_lock_async::prepare_database(&client).await?;
        Ok(Self { client, seen })
    }
}

impl Contestant for MongoLockAsync {
    type Guard = mongo_lock_async::Lock;

    async fn acquire(&self, name: &str) -> Result<Self::Guard, Failure> {
        let lock = mongo_lock_async::Lock::try_acquire_with_timeout(
            &self.client,
            name,
            TTL,
            Duration::from_secs(3600),
            POLL,
        );
        Ok(lock.await?.ok_or("it gave up")?)
    }

    async fn release(&self, guard: Self::Guard) -> Result<(), Failure> {
        guard.release().await?;
        Ok(())
    }

    fn commands(&self) -> u64 {
        self.seen.commands.load(Ordering::Relaxed)
    }
}

#[derive(Clone)]
pub(crate) struct DistributedLock {
    database: Database,
    seen: Arc<Seen>,
}

impl DistributedLock {
    pub(crate) async fn connect(url: &str) -> Result<Self, Failure> {
        let (_, database, seen) = connect(url).await?;
        Ok(Self { database, seen })
    }
}

impl Contestant for DistributedLock {
    type Guard = MongoLockHandle;

    async fn acquire(&self, name: &str) -> Result<Self::Guard, Failure> {
        // Its own pause between two attempts is 10 ms too.
        let options = MongoDistributedLockOptions { expiry: TTL, ..Default::default() };
        let lock = MongoDistributedLock::new(name.to_owned(), self.database.clone(), None, Some(options));
        Ok(lock.acquire(None).await?)
    }

    async fn release(&self, guard: Self::Guard) -> Result<(), Failure> {
        Ok(guard.release().await?)
    }

    fn commands(&self) -> u64 {
        self.seen.commands.load(Ordering::Relaxed)
    }
}

#[derive(Clone)]
pub(crate) struct MongodbLock {
    /// Its guards borrow it, so it stays for ever.
    mutex: &'static Mutex<String>,
    seen: Arc<Seen>,
}

impl MongodbLock {
    pub(crate) async fn connect(url: &str) -> Result<Self, Failure> {
        let (_, database, seen) = connect(url).await?;
        let mutex = Mutex::new(&database, "mongodb_lock").await?;
        Ok(Self { mutex: Box::leak(Box::new(mutex)), seen })
    }
}

impl Contestant for MongodbLock {
    type Guard = MutexGuard<'static, String>;

    async fn acquire(&self, name: &str) -> Result<Self::Guard, Failure> {
        Ok(self.mutex.lock(Duration::from_secs(3600), POLL, name.to_owned()).await?)
    }

    /// It can only be released by dropping it, in the background; the driver tells when that is done.
    async fn release(&self, guard: Self::Guard) -> Result<(), Failure> {
        let mut deleted = self.seen.deleted.subscribe();
        let before = *deleted.borrow_and_update();
        drop(guard);
        deleted.wait_for(|deleted| *deleted > before).await?;
        Ok(())
    }

    fn commands(&self) -> u64 {
        self.seen.commands.load(Ordering::Relaxed)
    }
}
