//! One way into the pools, for every primitive.

use std::sync::Arc;
use std::time::Duration;

use crate::client::progress::State;
use crate::error::{Error, ErrorKind};
use crate::manager::{LockManager, configured};
use crate::options::Options;
use crate::pool::{Grant, Want};
use crate::queue::{LockName, Mode};

/// A lock name and how to hold it: what every primitive consists of.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    manager: Option<LockManager>,
    name: Arc<str>,
}

impl Access {
    /// By a manager, or by the one that is configured when the lock is acquired.
    pub(crate) fn new(manager: Option<LockManager>, name: Arc<str>) -> Self {
        Self { manager, name }
    }

    /// The same lock of this manager.
    #[cfg(feature = "blocking")]
    pub(crate) fn in_manager(self, manager: LockManager) -> Self {
        Self { manager: Some(manager), ..self }
    }

    /// Waits for as long as it takes.
    pub(crate) async fn acquire(&self, mode: Mode, options: &Options) -> Result<Grant, Error> {
        let (manager, name, want) = self.want(mode, options, false)?;
        let grant = manager.pools().acquire(name, want, None).await?;
        grant.ok_or_else(Error::shut_down)
    }

    /// `None` if others hold the lock or wait for it.
    pub(crate) async fn try_acquire(&self, mode: Mode, options: &Options) -> Result<Option<Grant>, Error> {
        let (manager, name, want) = self.want(mode, options, true)?;
        manager.pools().acquire(name, want, None).await
    }

    /// Waits no longer than this; zero is one attempt.
    pub(crate) async fn acquire_timeout(
        &self,
        mode: Mode,
        options: &Options,
        timeout: Duration,
    ) -> Result<Grant, Error> {
        let (manager, name, want) = self.want(mode, options, timeout.is_zero())?;
        let grant = manager.pools().acquire(name.clone(), want, Some(timeout)).await?;
        grant.ok_or_else(|| State::Answered(None).timed_out(&name, timeout))
    }

    fn want(
        &self,
        mode: Mode,
        options: &Options,
        at_once: bool,
    ) -> Result<(LockManager, LockName, Want), Error> {
        let manager = match &self.manager {
            Some(manager) => manager.clone(),
            None => configured()?,
        };
        let name = manager.name(&self.name)?;
        let terms = options.check(manager.ttl(), manager.margin())?;
        if mode != Mode::Exclusive && !manager.client().store.backend.capabilities().shared {
            let message = "this store has no shared locks; use exclusive ones, or another store";
            return Err(Error::new(ErrorKind::Misconfigured, message));
        }
        Ok((manager, name, Want { mode, at_once, terms }))
    }
}
