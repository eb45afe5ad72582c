//! Receives wakeups for all the waiting claims of a manager.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_core::stream::BoxStream;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::held_claim::Granted;
use super::runtimes::{Job, Runtimes};
use super::store::StoreClient;
use crate::backend::{BackendError, Interest, Wakeup};
use crate::queue::{ClaimId, LockName, ManagerId};

/// One stream of wakeups for the whole manager: opened when a claim first waits, closed when none has for a while,
/// opened again when it ends early.
pub(crate) struct Wakeups {
    store: Arc<StoreClient>,
    runtimes: Arc<Runtimes>,
    manager: ManagerId,
    hub: Mutex<Hub>,
    me: Weak<Self>,
    /// Ends the job.
    down: CancellationToken,
}

#[derive(Default)]
struct Hub {
    subscriptions: HashMap<LockName, Vec<(ClaimId, Arc<Mailbox>)>>,
    stream: Stream,
    job: Option<Arc<Job>>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Stream {
    #[default]
    Closed,
    Open,
    /// The store does not push: waiting claims poll.
    Unsupported,
}

/// What a waiting claim is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// It holds the lock.
    Granted(Granted),
    /// Its queue may have moved.
    Look,
}

/// The latest event for one claim. A grant is not replaced by a hint.
#[derive(Default)]
struct Mailbox {
    event: Mutex<Option<Event>>,
    filled: Notify,
}

impl Mailbox {
    fn put(&self, event: Event) {
        let mut latest = self.event.lock();
        if !matches!(*latest, Some(Event::Granted(_))) || event != Event::Look {
            *latest = Some(event);
        }
        drop(latest);
        self.filled.notify_one();
    }
}

/// The stream is closed when no claim has waited for this long.
const IDLE: Duration = Duration::from_secs(30);

impl Wakeups {
    pub(crate) fn new(
        store: Arc<StoreClient>,
        runtimes: Arc<Runtimes>,
        manager: ManagerId,
        down: CancellationToken,
    ) -> Arc<Self> {
        let pushes = store.backend.capabilities().wakeups;
        let stream = if pushes { Stream::Closed } else { Stream::Unsupported };
        let hub = Mutex::new(Hub { stream, ..Hub::default() });
        Arc::new_cyclic(|me| Self { store, runtimes, manager, hub, me: me.clone(), down })
    }

    /// Receives the events of this claim from now on, if and as long as the stream is open.
    pub(crate) fn subscribe(self: &Arc<Self>, lock: &LockName, claim: ClaimId) -> Subscription {
        let mailbox = Arc::new(Mailbox::default());
        self.hub.lock().subscriptions.entry(lock.clone()).or_default().push((claim, mailbox.clone()));
        Subscription { wakeups: self.clone(), lock: lock.clone(), claim, mailbox }
    }

    /// Makes the waiting claims of a lock look, because this process has changed its queue. A stream does so itself.
    pub(crate) fn moved(&self, lock: &LockName) {
        let hub = self.hub.lock();
        if hub.stream != Stream::Open {
            hub.tell(&Wakeup::new(lock.clone(), Vec::new()));
        }
    }

    /// Opens the stream for a claim that has begun to wait, if the store has one.
    pub(crate) fn open(&self, _waiting: &Subscription) {
        let mut hub = self.hub.lock();
        if hub.stream != Stream::Unsupported && !hub.job.as_ref().is_some_and(|job| job.is_running()) {
            hub.stream = Stream::Closed;
            let wakeups = self.me.clone();
            hub.job = Some(self.runtimes.start(move || Box::pin(run(wakeups.clone()))));
        }
    }

    async fn connect(&self) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        let interest = Interest::new(self.manager);
        let limit = self.store.retry.attempt_limit(IDLE);
        self.store.attempt(limit, |backend| Box::pin(async move { backend.wakeups(&interest).await })).await
    }

    /// Passes wakeups on until the stream ends (`true`) or no claim has waited for a while (`false`).
    async fn receive(&self, mut stream: BoxStream<'static, Wakeup>) -> bool {
        self.hub.lock().opened();
        let mut idle_at = Instant::now() + IDLE;
        loop {
            tokio::select! {
                wakeup = poll_fn(|cx| stream.as_mut().poll_next(cx)) => {
                    let mut hub = self.hub.lock();
                    let Some(wakeup) = wakeup else {
                        hub.closed();
                        return true;
                    };
                    hub.tell(&wakeup);
                }
                () = sleep_until(idle_at) => {
                    if self.close_if_unused() {
                        return false;
                    }
                    idle_at = Instant::now() + IDLE;
                }
            }
        }
    }

    fn close_if_unused(&self) -> bool {
        let mut hub = self.hub.lock();
        let is_unused = hub.subscriptions.is_empty();
        if is_unused {
            hub.stream = Stream::Closed;
            hub.job = None;
        }
        is_unused
    }
}

/// Ends the state of an open stream with the run, because the stream ends with its runtime.
struct Close(Weak<Wakeups>);

impl Drop for Close {
    fn drop(&mut self) {
        if let Some(wakeups) = self.0.upgrade() {
            let mut hub = wakeups.hub.lock();
            if hub.stream == Stream::Open {
                hub.closed();
            }
        }
    }
}

async fn run(wakeups: Weak<Wakeups>) {
    let _close = Close(wakeups.clone());
    let Some(wakeups) = wakeups.upgrade() else { return };
    tokio::select! {
        () = wakeups.down.cancelled() => {}
        () = wakeups.serve() => {}
    }
}

impl Wakeups {
    async fn serve(&self) {
        let mut delays = self.store.retry.delays();
        loop {
            match self.connect().await {
                Ok(Some(stream)) => {
                    delays = self.store.retry.delays();
                    if !self.receive(stream).await {
                        return;
                    }
                    debug!("the stream of wakeups ended and is opened again");
                }
                Ok(None) => {
                    info!("the store pushes no wakeups; waiting claims poll");
                    self.hub.lock().stream = Stream::Unsupported;
                    return;
                }
                Err(error) => debug!(%error, "the stream of wakeups could not be opened; this is retried"),
            }
            sleep(delays.next().unwrap_or(IDLE)).await;
            if self.close_if_unused() {
                return;
            }
        }
    }
}

impl Hub {
    /// Changes before the stream opened were missed, so every waiting claim looks once.
    fn opened(&mut self) {
        self.set(Stream::Open);
    }

    /// From now on waiting claims look at the pace of polling.
    fn closed(&mut self) {
        self.set(Stream::Closed);
    }

    fn set(&mut self, stream: Stream) {
        self.stream = stream;
        for (_, mailbox) in self.subscriptions.values().flatten() {
            mailbox.put(Event::Look);
        }
    }

    fn tell(&self, wakeup: &Wakeup) {
        for (claim, mailbox) in self.subscriptions.get(&wakeup.lock).into_iter().flatten() {
            if let Some((_, token)) = wakeup.holders.iter().find(|(holder, _)| holder == claim) {
                let abandoned = wakeup.abandoned.filter(|abandoned| abandoned < token);
                mailbox.put(Event::Granted(Granted { token: *token, abandoned }));
            } else if wakeup.holders.is_empty() || wakeup.next == Some(*claim) {
                mailbox.put(Event::Look);
            }
        }
    }
}

/// Receives the events of one claim, for as long as it is there.
pub(crate) struct Subscription {
    wakeups: Arc<Wakeups>,
    lock: LockName,
    claim: ClaimId,
    mailbox: Arc<Mailbox>,
}

impl Subscription {
    /// Whether events are pushed, so that polling may be slow.
    pub(crate) fn is_pushed(&self) -> bool {
        self.wakeups.hub.lock().stream == Stream::Open
    }

    /// Waits for the next event.
    pub(crate) async fn event(&self) -> Event {
        loop {
            if let Some(event) = self.mailbox.event.lock().take() {
                return event;
            }
            self.mailbox.filled.notified().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut hub = self.wakeups.hub.lock();
        if let Some(subscriptions) = hub.subscriptions.get_mut(&self.lock) {
            subscriptions.retain(|(claim, _)| *claim != self.claim);
            if subscriptions.is_empty() {
                hub.subscriptions.remove(&self.lock);
            }
        }
    }
}
