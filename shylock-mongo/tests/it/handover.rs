//! What many tasks in one process cost the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use shylock_core::LockManager;
use shylock_mongo::MongoBackend;
use shylock_testing::mongo::{MongoServer, Topology};

use crate::support::counting_client;

/// How many commands the driver sends while so many tasks take one lock, each once, after each other.
async fn commands_of(tasks: usize) -> usize {
    let server = MongoServer::shared(Topology::ReplicaSet).await;
    let database = server.database();
    let (client, sent) = counting_client(&server).await;
    let backend = MongoBackend::new(client.database(database.name())).await.expect("a backend");
    // One turn is enough for all, on a busy machine too.
    let turn = Duration::from_secs(3600);
    let locks = LockManager::builder(backend).max_handover_time(turn).build().expect("settings");

    let before = sent.load(Ordering::Relaxed);
    // The line forms behind a guard, so that every task has to wait.
    let first = locks.lock("hot").acquire().await.expect("acquired");
    let mut waiting = Vec::new();
    let lined_up = Arc::new(AtomicUsize::new(0));
    for _ in 0..tasks {
        let (lock, lined_up) = (locks.lock("hot"), lined_up.clone());
        waiting.push(tokio::spawn(async move {
            lined_up.fetch_add(1, Ordering::Relaxed);
            drop(lock.acquire().await.expect("acquired"));
        }));
    }
    while lined_up.load(Ordering::Relaxed) < tasks {
        tokio::task::yield_now().await;
    }
    drop(first);
    for task in waiting {
        task.await.expect("no panic");
    }
    locks.shutdown().await.expect("everything has left");
    sent.load(Ordering::Relaxed) - before
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_tasks_cost_what_one_costs() {
    let (one, hundred) = (commands_of(1).await, commands_of(100).await);
    // The stream of wakeups may be opened in one of them, and not in the other.
    assert!(hundred <= one + 4, "{hundred} commands for 100 tasks, {one} for one");
}
