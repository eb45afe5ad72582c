//! Waiting for a condition instead of for a time.

use std::time::{Duration, Instant};

/// Between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(5);

/// For what should be there at once, on however busy a machine.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// Looks until `look` finds something, and fails when it has not after `limit`.
pub(super) async fn until<T>(limit: Duration, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(start.elapsed() < limit, "{what}: not after {limit:?}");
        tokio::time::sleep(PAUSE).await;
    }
}
