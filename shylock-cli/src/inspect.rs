//! `status`, `list`, `evict`: to look at queues, and to break them.

use std::io::{self, Write as _};
use std::time::Duration;

use serde::Serialize;
use shylock::{Left, LockManager, LockName, Snapshot};
use tokio::time::timeout;

use crate::args::Store;
use crate::claim_prefix::ClaimPrefix;
use crate::exit::{Code, Failure};
use crate::messages::Messages;
use crate::queue_view::{self, QueueView};
use crate::store;
use crate::text::{self, plain};

/// How long a command that waits for no lock may take.
const LIMIT: Duration = Duration::from_secs(10);

pub(crate) async fn status(
    store: &Store,
    name: &LockName,
    json: bool,
    messages: &Messages,
) -> Result<u8, Failure> {
    let queue = in_time(async { Ok(open(store, messages).await?.inspect(name.as_str()).await?) }).await?;
    if json {
        print_json(&QueueView::new(name, &queue))?;
    } else {
        print(&queue_view::queue(name, &queue))?;
    }
    Ok(if queue.claims.is_empty() { Code::No.into() } else { 0 })
}

pub(crate) async fn list(
    store: &Store,
    prefix: &str,
    json: bool,
    messages: &Messages,
) -> Result<u8, Failure> {
    let queues = in_time(async { queues(&open(store, messages).await?, prefix).await }).await?;
    if json {
        let views: Vec<QueueView> = queues.iter().map(|(name, queue)| QueueView::new(name, queue)).collect();
        print_json(&views)?;
    } else {
        print(&queue_view::locks_table(&queues))?;
    }
    Ok(0)
}

async fn queues(locks: &LockManager, prefix: &str) -> Result<Vec<(LockName, Snapshot)>, Failure> {
    let mut queues = Vec::new();
    for name in locks.list(prefix).await? {
        let queue = locks.inspect(name.as_str()).await?;
        // It may have become free in between.
        if !queue.claims.is_empty() {
            queues.push((name, queue));
        }
    }
    Ok(queues)
}

pub(crate) async fn evict(
    store: &Store,
    name: &LockName,
    claim: &ClaimPrefix,
    messages: &Messages,
) -> Result<u8, Failure> {
    let evicted = in_time(async { evict_from(&open(store, messages).await?, name, claim).await }).await?;
    print(&evicted)?;
    Ok(0)
}

/// Evicts the one claim whose id begins so; answers what to print.
async fn evict_from(locks: &LockManager, name: &LockName, claim: &ClaimPrefix) -> Result<String, Failure> {
    let queue = locks.inspect(name.as_str()).await?;
    let shown = plain(name.as_str());
    let found = match claim.find(&queue)[..] {
        [found] => found,
        [] => {
            let message = format!(
                "there is no claim {claim} in the queue of {shown}; `shylock status {shown}` shows the claims that are"
            );
            return Err(Failure::new(Code::No, message));
        }
        [_, _, ..] => {
            let message =
                format!("several claims in the queue of {shown} begin with {claim}; use more digits");
            return Err(Failure::new(Code::Usage, message));
        }
    };
    let (id, owner) = (found.id, text::owner(&found.owner));
    if locks.evict(name.as_str(), id).await? == Left::Gone {
        let message =
            format!("claim {id} of {owner} was gone from the queue of {shown} before it was evicted");
        return Err(Failure::new(Code::No, message));
    }
    let what = if queue.granted_token(id).is_some() { "held" } else { "waited for" };
    Ok(format!("evicted claim {id} of {owner}, which {what} {shown}\n"))
}

async fn open(store: &Store, messages: &Messages) -> Result<LockManager, Failure> {
    store::open(store, LIMIT, messages).await
}

/// The limit is for all steps together.
async fn in_time<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(LIMIT, work).await.unwrap_or_else(|_| {
        let message = format!("the store did not answer all questions within {LIMIT:?}");
        Err(Failure::new(Code::Unavailable, message))
    })
}

fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string(value).map_err(|error| {
        Failure::new(Code::Broken, format!("the answer could not be written as JSON: {error}"))
    })?;
    print(&format!("{json}\n"))
}

fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        // The reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(Code::System, format!("the answer could not be printed: {error}"))),
        Ok(()) => Ok(()),
    }
}
