//! The runtimes that a manager's background work can run on.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures_core::future::BoxFuture;
use parking_lot::Mutex;
use tokio::runtime::{Handle, Id};
use tokio::task::{AbortHandle, JoinHandle};

use crate::error::{Error, ErrorKind};

/// The runtimes on which the manager was used and that have not ended, or the one that it was given.
///
/// A task in each of them, which does nothing, is dropped with its runtime: this is how the end of a runtime is noticed.
pub(crate) struct Runtimes {
    /// The manager was given a runtime and uses no other.
    is_given: bool,
    /// Tells it from all others of the process.
    number: u64,
    living: Mutex<Vec<Living>>,
    me: Weak<Self>,
}

thread_local! {
    /// The manager that this thread has last used, by its number, and on which runtime. It saves a lock.
    static SEEN: Cell<Option<(u64, Id)>> = const { Cell::new(None) };
}

struct Living {
    handle: Handle,
    sentinel: Option<AbortHandle>,
}

struct Sentinel {
    runtimes: Weak<Runtimes>,
    id: Id,
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        if let Some(runtimes) = self.runtimes.upgrade() {
            runtimes.forget(self.id);
        }
    }
}

impl Runtimes {
    pub(crate) fn new(given: Option<&Handle>) -> Arc<Self> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let new = |me: &Weak<Self>| Self {
            is_given: given.is_some(),
            number,
            living: Mutex::default(),
            me: me.clone(),
        };
        let runtimes = Arc::new_cyclic(new);
        if let Some(handle) = given {
            runtimes.remember(handle);
        }
        runtimes
    }

    /// Checks that there is a runtime for this caller, and remembers it. Returns whether it may be a new one.
    pub(crate) fn enter(&self) -> Result<bool, Error> {
        if self.is_given {
            return if self.any().is_some() { Ok(false) } else { Err(given_has_ended()) };
        }
        let handle = Handle::try_current().map_err(|_| {
            misconfigured(
                "there is no tokio runtime here; call this inside one, give the manager's builder one with \
                           `runtime`, or use `background_thread` or `blocking`",
            )
        })?;
        let here = (self.number, handle.id());
        let is_new = SEEN.get() != Some(here);
        if is_new {
            self.remember(&handle);
            SEEN.set(Some(here));
        }
        Ok(is_new)
    }

    /// Polls a future inside the runtime that the manager was given, where there is no other. This fails when that
    /// runtime ends, because nothing would wake the future any more.
    pub(crate) async fn within<T>(&self, future: impl Future<Output = T>) -> Result<T, Error> {
        if !self.is_given {
            return Ok(future.await);
        }
        let mut future = pin!(future);
        poll_fn(|cx| {
            if Handle::try_current().is_ok() {
                return future.as_mut().poll(cx).map(Ok);
            }
            let Some(given) = self.any() else { return Poll::Ready(Err(given_has_ended())) };
            let _entered = given.enter();
            future.as_mut().poll(cx).map(Ok)
        })
        .await
    }

    /// A runtime that has not ended: the given one, or that of the caller, or another one.
    pub(crate) fn any(&self) -> Option<Handle> {
        let current = Handle::try_current().ok().map(|handle| handle.id());
        let living = self.living.lock();
        let here = living.iter().find(|runtime| Some(runtime.handle.id()) == current);
        here.or(living.last()).map(|runtime| runtime.handle.clone())
    }

    /// Runs a future to its end on some runtime. It is lost if that runtime ends before.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) -> Option<JoinHandle<()>> {
        self.any().map(|handle| handle.spawn(future))
    }

    /// Runs a job on some runtime, and starts it anew on another one if that runtime ends before the job does.
    pub(crate) fn start(
        &self,
        make: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Arc<Job> {
        let job = Job { make: Box::new(make), runtimes: self.me.clone(), place: Mutex::new(Place::Ended) };
        let job = Arc::new(job);
        job.start();
        job
    }

    fn remember(&self, handle: &Handle) {
        let id = handle.id();
        {
            let mut living = self.living.lock();
            if living.iter().any(|runtime| runtime.handle.id() == id) {
                return;
            }
            living.push(Living { handle: handle.clone(), sentinel: None });
        }
        let sentinel = Sentinel { runtimes: self.me.clone(), id };
        // A runtime that has ended drops the task at once, and so takes itself off the list.
        let task = handle.spawn(async move {
            let _sentinel = sentinel;
            pending::<()>().await;
        });
        let mut living = self.living.lock();
        match living.iter_mut().find(|runtime| runtime.handle.id() == id) {
            Some(runtime) => runtime.sentinel = Some(task.abort_handle()),
            None => task.abort(),
        }
    }

    fn forget(&self, id: Id) {
        // Dropping a handle may run code of the runtime: not under the lock.
        let ended: Vec<Living> =
            self.living.lock().extract_if(.., |runtime| runtime.handle.id() == id).collect();
        drop(ended);
    }
}

impl Drop for Runtimes {
    fn drop(&mut self) {
        for runtime in self.living.get_mut() {
            if let Some(sentinel) = &runtime.sentinel {
                sentinel.abort();
            }
        }
    }
}

fn given_has_ended() -> Error {
    misconfigured(
        "the runtime that the lock manager was given has ended; give it one that lives as long as the manager, or \
         use `background_thread`",
    )
}

fn misconfigured(message: &str) -> Error {
    Error::new(ErrorKind::Misconfigured, message)
}

/// Work that outlives the runtime on which it runs, as long as the manager knows another one.
pub(crate) struct Job {
    make: Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>,
    runtimes: Weak<Runtimes>,
    place: Mutex<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is being spawned.
    Starting,
    /// The runtime on which it was being spawned has ended.
    Refused,
    Running,
    /// It is done, or there is no runtime for it.
    Ended,
}

impl Job {
    pub(crate) fn is_running(&self) -> bool {
        *self.place.lock() != Place::Ended
    }

    fn start(self: &Arc<Self>) {
        loop {
            let Some(handle) = self.runtimes.upgrade().and_then(|runtimes| runtimes.any()) else {
                *self.place.lock() = Place::Ended;
                return;
            };
            *self.place.lock() = Place::Starting;
            let run = Run { future: (self.make)(), job: self.clone(), runtime: handle.id(), is_over: false };
            handle.spawn(run);
            let mut place = self.place.lock();
            match *place {
                Place::Starting => *place = Place::Running,
                Place::Refused => continue,
                Place::Running | Place::Ended => {}
            }
            return;
        }
    }
}

/// One run of a job, on one runtime.
struct Run {
    future: BoxFuture<'static, ()>,
    job: Arc<Job>,
    runtime: Id,
    /// It is done, or it has panicked.
    is_over: bool,
}

impl Future for Run {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.is_over = true;
        let poll = self.future.as_mut().poll(cx);
        self.is_over = poll.is_ready();
        poll
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.is_over {
            *self.job.place.lock() = Place::Ended;
            return;
        }
        // The runtime has ended.
        if let Some(runtimes) = self.job.runtimes.upgrade() {
            runtimes.forget(self.runtime);
        }
        let was = std::mem::replace(&mut *self.job.place.lock(), Place::Refused);
        if was != Place::Starting {
            self.job.start();
        }
    }
}
