//! Many renewals at once, through a manager.

use std::time::Duration;

use shylock_core::record_store::RecordBackend;
use shylock_core::{LockManager, LossReason};
use tokio::time::timeout;

use crate::record_store::{Records, name};

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_costs_no_other_lock_its_lease() {
    let ttl = Duration::from_secs(10);
    let records = Records::default();
    let backend = RecordBackend::new(records.clone());
    let locks = LockManager::builder(backend).ttl(ttl).build().expect("settings");
    let mut guards = Vec::new();
    for lock in ["a", "b", "broken", "c", "d"] {
        guards.push(locks.lock(lock).acquire().await.expect("acquired"));
    }
    records.scribble(&name("broken"), "none of ours");
    assert_eq!(guards[2].lost().await, LossReason::Expired);
    // The others' leases began with it, and go on all the same.
    assert!(timeout(3 * ttl, guards[0].lost()).await.is_err());
    let lost: Vec<_> =
        guards.iter().filter(|guard| guard.is_lost()).map(|guard| guard.lock_name().as_str()).collect();
    assert_eq!(lost, ["broken"]);
}
