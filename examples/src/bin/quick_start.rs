//! A lock in async code: acquire, try to acquire, and release.

use std::error::Error;
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let locks = shylock::connect(&shylock_examples::store_url()).await?;
    let lock = locks.lock("quick-start");

    // Waits for its turn. The lease renews itself for as long as the guard is there.
    let guard = lock.acquire().await?;
    println!("held, with fencing token {}", guard.fencing_token());

    // Somebody who does not want to wait, or not for long.
    assert!(lock.try_acquire().await?.is_none());
    let late = lock.acquire_timeout(Duration::from_millis(200)).await;
    println!("meanwhile: {}", late.expect_err("the lock is held"));

    // Waits until the next one can have the lock. A guard that is dropped is released in the background.
    guard.release().await?;

    // Acquires, works, releases. If the lease were lost, the work would be dropped.
    let answer = lock.with(async |guard| format!("done under token {}", guard.fencing_token())).await?;
    println!("{answer}");

    // Anywhere in the program, once a manager is configured.
    shylock::configure(locks.clone());
    let guard = shylock::Lock::new("quick-start").acquire().await?;
    println!("held again, with a greater token: {}", guard.fencing_token());
    guard.release().await?;

    // Ends a program: waits until nothing of it is left in the store.
    locks.shutdown().await?;
    Ok(())
}
