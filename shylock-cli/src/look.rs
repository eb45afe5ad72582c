//! `status`, `list`, `evict`: to look at queues, and to break them.

use std::io::{self, Write as _};

use serde::Serialize;
use shylock::{ClaimId, LockManager, Snapshot};

use crate::args::Store;
use crate::exit::{Code, Failure};
use crate::queue_view::{self, QueueView};
use crate::say::Voice;
use crate::store;
use crate::text::{self, plain};

pub(crate) async fn status(store: &Store, name: &str, json: bool, voice: &Voice) -> Result<u8, Failure> {
    let queue = manager(store, voice).await?.inspect(name).await?;
    if json {
        print_json(&QueueView::new(name, &queue))?;
    } else if queue.claims.is_empty() {
        print(&format!("{} is free\n", plain(name)))?;
    } else {
        print(&queue_view::claims_table(&queue))?;
    }
    Ok(if queue.claims.is_empty() { Code::No.into() } else { 0 })
}

pub(crate) async fn list(store: &Store, prefix: &str, json: bool, voice: &Voice) -> Result<u8, Failure> {
    let locks = manager(store, voice).await?;
    let mut queues: Vec<(String, Snapshot)> = Vec::new();
    for name in locks.list(prefix).await? {
        let queue = locks.inspect(name.as_str()).await?;
        // It may have become free in between.
        if !queue.claims.is_empty() {
            queues.push((name.to_string(), queue));
        }
    }
    if json {
        let views: Vec<QueueView> = queues.iter().map(|(name, queue)| QueueView::new(name, queue)).collect();
        print_json(&views)?;
    } else {
        print(&queue_view::locks_table(&queues))?;
    }
    Ok(0)
}

pub(crate) async fn evict(store: &Store, name: &str, claim: ClaimId, voice: &Voice) -> Result<u8, Failure> {
    let locks = manager(store, voice).await?;
    let queue = locks.inspect(name).await?;
    let Some(found) = queue.claims.iter().find(|found| found.id == claim) else {
        let message = format!("there is no claim {claim} in the queue of {name:?}");
        return Err(Failure::new(Code::No, message));
    };
    locks.evict(name, claim).await?;
    let what = if queue.granted_token(claim).is_some() { "held" } else { "waited for" };
    let owner = text::owner(&found.owner);
    print(&format!("evicted claim {claim} of {owner}, which {what} {}\n", plain(name)))?;
    Ok(0)
}

async fn manager(store: &Store, voice: &Voice) -> Result<LockManager, Failure> {
    Ok(LockManager::new(store::open(store, None, voice).await?))
}

fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string(value).map_err(|error| {
        Failure::new(Code::Broken, format!("the answer could not be written as JSON: {error}"))
    })?;
    print(&format!("{json}\n"))
}

fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever read has enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(Code::System, format!("the answer could not be printed: {error}"))),
        Ok(()) => Ok(()),
    }
}
