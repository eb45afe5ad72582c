//! The suite over a store that lacks what a store may lack, and over some that say so and do otherwise.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use async_trait::async_trait;
use shylock_core::conformance::{Harness, Needs, backend, run_if};
use shylock_core::memory::MemoryBackend;
use shylock_core::reexport::BoxStream;
use shylock_core::{
    Backend, BackendError, BackendErrorKind, Capabilities, ClaimId, Interest, JoinRequest, Left, ListPage,
    LockName, Mode, Renewal, Renewed, Snapshot, Value, Wakeup, Written,
};

/// A store in memory that says that it can do this, and really can do that.
#[derive(Debug, Clone)]
struct Limited {
    memory: MemoryBackend,
    says: Capabilities,
    can: Capabilities,
}

const LITTLE: Capabilities = Capabilities::new().durable(false).shared(false).values(false);

fn refuse_unless(can: bool, what: &str) -> Result<(), BackendError> {
    let message = format!("this store has no {what}");
    if can { Ok(()) } else { Err(BackendError::new(BackendErrorKind::Misconfigured, message)) }
}

#[async_trait]
impl Backend for Limited {
    async fn join(&self, request: &JoinRequest) -> Result<Snapshot, BackendError> {
        refuse_unless(self.can.shared || request.mode == Mode::Exclusive, "shared claims")?;
        self.memory.join(request).await
    }

    async fn renew(&self, renewals: &[Renewal]) -> Result<Vec<Renewed>, BackendError> {
        self.memory.renew(renewals).await
    }

    async fn leave(&self, lock: &LockName, claim: ClaimId, linger: Duration) -> Result<Left, BackendError> {
        self.memory.leave(lock, claim, linger).await
    }

    async fn write(
        &self,
        lock: &LockName,
        claim: ClaimId,
        value: Option<&Value>,
    ) -> Result<Written, BackendError> {
        refuse_unless(self.can.values, "values")?;
        self.memory.write(lock, claim, value).await
    }

    async fn downgrade(&self, lock: &LockName, claim: ClaimId, mode: Mode) -> Result<Written, BackendError> {
        refuse_unless(self.can.shared, "shared claims")?;
        self.memory.downgrade(lock, claim, mode).await
    }

    async fn queue(&self, lock: &LockName) -> Result<Snapshot, BackendError> {
        self.memory.queue(lock).await
    }

    async fn list(&self, page: &ListPage) -> Result<Vec<LockName>, BackendError> {
        self.memory.list(page).await
    }

    async fn wakeups(&self, interest: &Interest) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        if self.can.wakeups { self.memory.wakeups(interest).await } else { Ok(None) }
    }

    fn capabilities(&self) -> Capabilities {
        self.says
    }
}

impl Harness for Limited {
    type Backend = Self;

    async fn backend(&self) -> Self {
        self.clone()
    }
}

fn store(says: Capabilities, can: Capabilities) -> Limited {
    Limited { memory: MemoryBackend::new(), says, can }
}

async fn fresh() -> Limited {
    store(LITTLE, LITTLE)
}

shylock_core::__conformance_backend!(fresh);

/// Whether a behaviour that needs this passes on a store that says one thing and does another.
fn passes(needs: Needs, says: Capabilities, can: Capabilities) -> bool {
    let behaviour = async |harness: &Limited| match needs {
        Needs::Wakeups => backend::wakeups::a_leave_that_grants_wakes_the_new_holder(harness).await,
        Needs::Shared => backend::modes::readers_hold_together(harness).await,
        Needs::Values => backend::values::a_holder_writes_a_value_that_everybody_reads(harness).await,
    };
    let run = || run_if(&[needs], async || store(says, can), behaviour);
    catch_unwind(AssertUnwindSafe(run)).is_ok()
}

#[test]
fn a_store_that_does_otherwise_than_it_says_is_found_out() {
    let all = Capabilities::new().wakeups(true);
    for (needs, less) in [
        (Needs::Wakeups, all.wakeups(false)),
        (Needs::Shared, all.shared(false)),
        (Needs::Values, all.values(false)),
    ] {
        assert!(passes(needs, all, all) && passes(needs, less, less), "{needs:?}");
        assert!(!passes(needs, all, less), "it says that it can: {needs:?}");
        assert!(!passes(needs, less, all), "it says that it cannot: {needs:?}");
    }
}
