//! A manager, while the server and the network go wrong in each known way: nothing is lost, nobody holds twice, and
//! an outage is called one (S1, S5 to S8).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use shylock_arango::{ArangoBackend, ArangoOptions};
use shylock_arango_emulator::{Config, Fault};
use shylock_core::{ErrorKind, LockManager, RetryPolicy};

use crate::support::TestDatabase;

const TTL: Duration = Duration::from_secs(3);

/// How long an answer may take before the client gives it up.
const LIMIT: Duration = Duration::from_millis(300);

/// For outages that are to be reported.
const GIVE_UP: Duration = Duration::from_secs(1);

/// For those that pass, on a busy machine too.
const PATIENT: Duration = Duration::from_secs(20);

/// What passes by itself when the step is repeated.
fn passing() -> Vec<(&'static str, Fault)> {
    let errors = [
        ("conflict", 409, 1200),
        ("taken", 409, 1210),
        ("read-only", 403, 1004),
        ("write concern", 503, 1429),
        ("collection lock", 500, 18),
        ("deadlock", 500, 29),
        ("queue full", 503, 21_003),
        ("starting", 503, 503),
        ("shutting down", 503, 30),
        ("backend unreachable", 503, 1478),
        ("connection lost", 503, 1465),
        ("leader changes", 503, 1495),
        ("not a leader", 503, 1496),
        ("leader resigned", 421, 1491),
        ("cluster timeout", 500, 1457),
        ("contradiction", 500, 1467),
        ("a part of the query is gone", 404, 1591),
        ("agency", 409, 1447),
        ("a follower refuses", 406, 1490),
        ("internal", 500, 4),
        ("cancelled", 410, 21),
        ("killed", 410, 1500),
    ];
    let mut faults: Vec<_> = errors.map(|(name, status, number)| (name, Fault::error(status, number))).into();
    // The same, but only after the step was done.
    let done = [
        ("done, then shutting down", 503, 30),
        ("done, then timeout", 500, 1457),
        ("done, then cut off", 503, 1465),
    ];
    faults.extend(done.map(|(name, status, number)| (name, Fault::error(status, number).after_commit())));
    faults.extend([
        ("lost to another writer", Fault::conflict_after_evaluation()),
        ("a token that ended", Fault::error(401, 11)),
        ("a proxy", Fault::plain_text(503, "upstream connect error")),
        ("a proxy, after it was done", Fault::plain_text(502, "<html>bad gateway</html>").after_commit()),
        ("cut", Fault::cut()),
        ("reply lost", Fault::reply_lost()),
        ("too slow", Fault::slow(LIMIT * 2)),
        ("done, but too slow to say so", Fault::slow(LIMIT * 2).after_commit()),
    ]);
    faults.into_iter().map(|(name, fault)| (name, fault.on_path("/_api/cursor"))).collect()
}

/// What does not pass by itself.
fn lasting() -> [(&'static str, Fault, ErrorKind); 3] {
    [
        ("unrouted", Fault::empty_body(404).on_path("/_api/cursor"), ErrorKind::Misconfigured),
        ("database gone", Fault::error(404, 1228).on_path("/_api/cursor"), ErrorKind::Misconfigured),
        ("forbidden", Fault::error(403, 11).on_path("/_api/cursor"), ErrorKind::Denied),
    ]
}

async fn manager(database: &TestDatabase, give_up_after: Duration) -> LockManager {
    let options = ArangoOptions::new().request_timeout(LIMIT);
    let backend = ArangoBackend::connect_with_options(&database.url(), options).await.expect("a backend");
    let retry = RetryPolicy::default().max_elapsed(give_up_after).attempt_timeout(LIMIT * 2);
    LockManager::builder(backend).ttl(TTL).retry(retry).build().expect("settings")
}

async fn claims(locks: &LockManager) -> usize {
    locks.inspect("lock").await.expect("a queue").claims.len()
}

#[tokio::test]
async fn a_step_that_goes_wrong_is_done_all_the_same_and_once() {
    let database = TestDatabase::emulated(&Config::new()).await;
    let (emulator, locks) = (database.emulator(), manager(&database, PATIENT).await);
    let lock = locks.lock("lock");
    for (name, fault) in passing() {
        // A token is renewed once for each request, so it goes wrong once only.
        let times = if name == "a token that ended" { 1 } else { 2 };
        let failing = emulator.inject(fault.clone().times(times));
        let guard = lock.acquire().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(emulator.fired(failing), times, "{name}");
        assert_eq!(claims(&locks).await, 1, "{name}");

        let failing = emulator.inject(fault.clone().when_body_contains("@records").times(times));
        let renewed = crate::support::until("renewed", async || emulator.fired(failing) == times);
        assert!(tokio::time::timeout(TTL, renewed).await.is_ok(), "{name}");
        assert!(!guard.is_lost(), "{name}");

        emulator.inject(fault.clone().times(times));
        guard.release().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(claims(&locks).await, 0, "{name}");

        emulator.inject(fault.times(times));
        let guard = lock.try_acquire().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(guard.is_some(), "{name}: a free lock is not held by anybody");
        guard.expect("a guard").release().await.expect("released");
    }
}

#[tokio::test]
async fn an_outage_is_reported_as_one_in_time_and_never_as_held() {
    let database = TestDatabase::emulated(&Config::new()).await;
    let (emulator, locks, theirs) =
        (database.emulator(), manager(&database, GIVE_UP).await, manager(&database, GIVE_UP).await);
    let held =
        theirs.lock("held").auto_renew(false).ttl(Duration::from_secs(600)).acquire().await.expect("free");
    let passing = passing().into_iter().map(|(name, fault)| {
        let denied = name == "a token that ended";
        (name, fault, if denied { ErrorKind::Denied } else { ErrorKind::Unavailable })
    });
    for (name, fault, kind) in passing.chain(lasting()) {
        // What the server did before it failed is found out when it works again.
        let lock = format!("{name} 1");
        let failing = emulator.inject(fault.until_cleared());
        let start = Instant::now();
        let (one, other, taken) = (locks.lock(lock), locks.lock(format!("{name} 2")), locks.lock("held"));
        let (acquired, tried, refused) =
            tokio::join!(one.acquire(), other.try_acquire(), taken.try_acquire());
        let took = start.elapsed();
        emulator.clear_fault(failing);
        assert_eq!(acquired.expect_err(name).kind(), kind, "{name}");
        assert_eq!(tried.expect_err(name).kind(), kind, "{name}");
        match refused {
            Err(error) => assert_eq!(error.kind(), kind, "{name}"),
            // To be refused writes nothing, so it does not lose to another writer: this is what the server saw.
            Ok(guard) => assert!(guard.is_none() && name == "lost to another writer", "{name}: {guard:?}"),
        }
        assert!(took < GIVE_UP + Duration::from_secs(5), "{name}: {took:?}");
        assert!(locks.lock("held").try_acquire().await.expect(name).is_none(), "{name}: still held");
    }
    held.release().await.expect("held all the time");
}

#[tokio::test]
async fn a_server_that_starts_anew_interrupts_nobody() {
    let mut database = TestDatabase::emulated(&Config::new()).await;
    let locks = manager(&database, PATIENT).await;
    let guard = locks.lock("lock").acquire().await.expect("a free lock");
    let token = guard.fencing_token();
    let emulator = database.emulator.as_mut().expect("an emulator");
    emulator.restart().expect("restarted");
    let other = locks.lock("other").acquire().await.expect("a free lock");
    let lost = tokio::time::timeout(TTL * 2, guard.lost()).await;
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!(guard.fencing_token(), token);
    guard.release().await.expect("held");
    other.release().await.expect("held");
}

#[tokio::test]
async fn a_server_that_is_down_loses_the_guard_in_time_and_says_so() {
    let mut database = TestDatabase::emulated(&Config::new()).await;
    let locks = manager(&database, GIVE_UP).await;
    let guard = locks.lock("lock").acquire().await.expect("a free lock");
    let start = Instant::now();
    database.emulator.as_mut().expect("an emulator").stop();
    let other = locks.lock("other");
    let (reason, error) = tokio::join!(guard.lost(), other.acquire());
    assert_eq!(reason, shylock_core::LossReason::Expired);
    assert!(start.elapsed() < TTL + Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(error.expect_err("an outage").kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn guards_exclude_each_other_in_a_storm_of_faults() {
    storm(Config::new(), rarely(passing()), 150).await;
}

#[tokio::test]
async fn guards_exclude_each_other_in_a_cluster_that_forgets_to_commit() {
    let uncommitted = crate::cluster::uncommitted().into_iter().map(|(_, fault, _)| (fault, 0.1));
    storm(Config::new().cluster(), uncommitted.chain(rarely(passing())).collect(), 60).await;
}

fn rarely(faults: Vec<(&'static str, Fault)>) -> Vec<(Fault, f64)> {
    faults.into_iter().map(|(_, fault)| (fault, 0.02)).collect()
}

/// Faults with their probabilities, while some wait for the lock and others only try.
async fn storm(config: Config, faults: Vec<(Fault, f64)>, wanted: usize) {
    let database = TestDatabase::emulated(&config.commit_delay(Duration::from_millis(1))).await;
    let mut managers = Vec::new();
    for _ in 0..4 {
        managers.push(manager(&database, PATIENT).await);
    }
    for (seed, (fault, chance)) in (0..).zip(faults) {
        database.emulator().inject(fault.with_probability(chance, seed));
    }
    let (busy, grants) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let last = Arc::new(std::sync::Mutex::new(None));
    let mut crowd = tokio::task::JoinSet::new();
    let users = managers.iter().zip([false, true, false, true]);
    let users = users.flat_map(|(locks, tries)| [(locks.clone(), tries), (locks.clone(), tries)]);
    for (locks, tries) in users {
        let (busy, grants, last) = (busy.clone(), grants.clone(), last.clone());
        crowd.spawn(async move {
            while grants.load(Ordering::SeqCst) < wanted {
                let guard = if tries {
                    // Each attempt makes a claim of its own, which is granted at once or not at all.
                    locks.lock("lock").try_acquire().await
                } else {
                    locks.lock("lock").acquire().await.map(Some)
                };
                let Ok(Some(guard)) = guard else {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    continue;
                };
                assert!(!busy.swap(true, Ordering::SeqCst), "two guards at once");
                let before = last.lock().expect("no panic").replace(guard.fencing_token());
                assert!(before < Some(guard.fencing_token()), "tokens grow");
                tokio::select! { _ = guard.lost() => {}, () = tokio::time::sleep(Duration::from_millis(5)) => {} }
                grants.fetch_add(1, Ordering::SeqCst);
                busy.store(false, Ordering::SeqCst);
                drop(guard);
            }
        });
    }
    crowd.join_all().await;
    database.emulator().clear_faults();
    crate::support::until("nothing stays behind", async || claims(&managers[0]).await == 0).await;
}
