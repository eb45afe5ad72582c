//! Work that is worth doing only now: whoever comes second does something else.

use std::error::Error;
use std::time::Duration;

use shylock::{LockManager, RetryPolicy};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = shylock::open(&shylock_examples::store_url()).await?;
    // An outage is reported after two seconds, and never as "somebody else does it".
    let locks = LockManager::builder(store)
        .retry(RetryPolicy::default().max_elapsed(Duration::from_secs(2)))
        .owner_label("price refresh")
        .build()?;

    // Even when the refresh is quick, the lock stays taken for a second: nobody refreshes again right away.
    let lock = locks.lock("refresh-prices").min_hold(Duration::from_secs(1));
    for attempt in 1..=3 {
        match lock.try_acquire().await? {
            Some(guard) => {
                println!("attempt {attempt}: refreshing the prices");
                guard.release().await?;
            }
            None => println!("attempt {attempt}: somebody has just done it"),
        }
    }
    // Waits until nothing of this program is left, but for what `min_hold` keeps.
    locks.shutdown().await?;
    Ok(())
}
