//! A thread of a manager's own, for its background work.

use std::fmt;
use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::error::{Error, ErrorKind};

/// A small runtime on a thread of its own. The thread ends when this is dropped; the drop does not wait for that, so it
/// may happen anywhere.
pub(crate) struct BackgroundThread {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
}

impl BackgroundThread {
    /// The name of the thread.
    pub(crate) const NAME: &str = "shylock";

    /// # Errors
    /// `Misconfigured` if no thread can be started.
    pub(crate) fn start() -> Result<Self, Error> {
        let failed = |error: io::Error| {
            let message =
                format!("no thread could be started for the lock manager's background work: {error}");
            Error::new(ErrorKind::Misconfigured, message)
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            runtime.block_on(async {
                let _ = stopped.await;
            });
        };
        thread::Builder::new().name(Self::NAME.into()).spawn(run).map_err(failed)?;
        Ok(Self { handle, stop: Some(stop) })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for BackgroundThread {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

impl fmt::Debug for BackgroundThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackgroundThread")
    }
}
