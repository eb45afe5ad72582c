//! One peer of shylock in a worker process of the benchmark: `shylock-bench-peers PEER URL`.

mod etcd;
mod mongo;
mod redis_lock;

use std::env;
use std::time::Duration;

use shylock_bench_worker::{Failure, serve};

/// How often a peer looks at a lock that is taken, where its user has to say. Short: that is to its advantage.
const POLL: Duration = Duration::from_millis(10);

/// How long a lease lasts, where there is one.
const TTL: Duration = Duration::from_secs(60);

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let (peer, url) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    match peer.as_str() {
        "mongo-lock-async" => serve(mongo::MongoLockAsync::connect(&url).await).await,
        "distributed-lock-mongo" => serve(mongo::DistributedLock::connect(&url).await).await,
        "mongodb-lock" => serve(mongo::MongodbLock::connect(&url).await).await,
        "rslock" => serve(Ok(redis_lock::Rslock::connect(&url))).await,
        "etcd" => serve(etcd::Etcd::connect(&url).await).await,
        _ => Err(format!("{peer:?} is no peer").into()),
    }
}
