//! The runtime behind blocking calls.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::error::{Error, ErrorKind};
use crate::manager::LockManager;

/// A runtime on a thread of its own, for as long as anybody has a handle to it.
#[derive(Clone)]
pub(super) struct Runtime {
    handle: Handle,
    end: Arc<End>,
}

/// Dropped, it tells the thread to end, and does not wait for that: so it may be dropped in async code.
struct End {
    tell: Option<oneshot::Sender<Option<LockManager>>>,
    manager: OnceLock<LockManager>,
}

impl Drop for End {
    fn drop(&mut self) {
        if let Some(tell) = self.tell.take() {
            let _ = tell.send(self.manager.take());
        }
    }
}

/// How long the thread stays for claims that have yet to leave.
const FAREWELL: Duration = Duration::from_secs(10);

impl Runtime {
    pub(super) fn start() -> Result<Self, Error> {
        let failed = |error: std::io::Error| {
            Error::new(
                ErrorKind::Misconfigured,
                format!("no runtime could be started for blocking locks: {error}"),
            )
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (tell, told) = oneshot::channel::<Option<LockManager>>();
        let run = move || {
            runtime.block_on(async {
                if let Ok(Some(manager)) = told.await {
                    let _ = timeout(FAREWELL, manager.shutdown()).await;
                }
            });
        };
        thread::Builder::new().name("shylock".into()).spawn(run).map_err(failed)?;
        Ok(Self { handle, end: Arc::new(End { tell: Some(tell), manager: OnceLock::new() }) })
    }

    /// Shuts this manager down when nobody has a handle any more: guards may have been dropped just before.
    pub(super) fn ends_with(&self, manager: LockManager) {
        let _ = self.end.manager.set(manager);
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits for a future on the calling thread.
    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.refuse_async_code();
        self.handle.block_on(future)
    }

    /// tokio tells only by panicking whether this thread may block.
    fn refuse_async_code(&self) {
        let may_block = catch_unwind(AssertUnwindSafe(|| self.handle.block_on(async {}))).is_ok();
        assert!(
            may_block,
            "a blocking lock was used inside async code, where it would block the runtime; use \
             `shylock::LockManager`, or call it within `tokio::task::spawn_blocking`"
        );
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runtime")
    }
}
