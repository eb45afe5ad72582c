//! Hears wakeups for all the waiting claims of a manager.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_core::stream::BoxStream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info};

use crate::attempt::attempt;
use crate::backend::{Backend, BackendError, Interest, Wakeup};
use crate::queue::{ClaimId, FencingToken, LockName, ManagerId};
use crate::retry::RetryPolicy;

/// One stream of wakeups for the whole manager: opened when somebody first waits, closed when nobody has
/// for a while, opened again when it ends early.
pub(crate) struct Ears {
    backend: Arc<dyn Backend>,
    retry: RetryPolicy,
    manager: ManagerId,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    waiting: HashMap<LockName, Vec<(ClaimId, mpsc::UnboundedSender<News>)>>,
    stream: Stream,
    task: Option<JoinHandle<()>>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Stream {
    #[default]
    Closed,
    Open,
    /// The store has no wakeups: it stays with polling.
    None,
}

/// What a waiting claim hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    /// It holds the lock, by this token.
    Granted(FencingToken),
    /// Its queue may have moved.
    Look,
}

/// The stream is closed when nobody has waited for so long.
const IDLE: Duration = Duration::from_secs(30);

impl Ears {
    pub(crate) fn new(backend: Arc<dyn Backend>, retry: RetryPolicy, manager: ManagerId) -> Self {
        Self { backend, retry, manager, heard: Mutex::default() }
    }

    /// Hears for this claim from now on, if and as long as the stream is open.
    pub(crate) fn listen(self: &Arc<Self>, lock: &LockName, claim: ClaimId) -> Ear {
        let (speaker, news) = mpsc::unbounded_channel();
        self.heard().waiting.entry(lock.clone()).or_default().push((claim, speaker));
        Ear { ears: self.clone(), lock: lock.clone(), claim, news }
    }

    /// Makes the waiting claims of a lock look: this process has changed its queue. A stream says so itself.
    pub(crate) fn moved(&self, lock: &LockName) {
        let heard = self.heard();
        if heard.stream != Stream::Open {
            heard.tell(&Wakeup::new(lock.clone(), Vec::new()));
        }
    }

    fn open(self: &Arc<Self>, runtime: &Handle) {
        let mut heard = self.heard();
        if heard.stream != Stream::None && heard.task.as_ref().is_none_or(JoinHandle::is_finished) {
            heard.stream = Stream::Closed;
            heard.task = Some(runtime.spawn(self.clone().run()));
        }
    }

    async fn run(self: Arc<Self>) {
        let mut delays = self.retry.delays();
        loop {
            match self.connect().await {
                Ok(Some(stream)) => {
                    delays = self.retry.delays();
                    if self.hear(stream).await.is_none() {
                        return;
                    }
                    debug!("the stream of wakeups ended; it is opened again");
                }
                Ok(None) => {
                    info!("the store has no wakeups; waiting claims poll");
                    self.heard().stream = Stream::None;
                    return;
                }
                Err(error) => debug!(%error, "the stream of wakeups could not be opened; it is tried again"),
            }
            sleep(delays.next().unwrap_or(IDLE)).await;
            if self.close_if_unheard() {
                return;
            }
        }
    }

    async fn connect(&self) -> Result<Option<BoxStream<'static, Wakeup>>, BackendError> {
        let (backend, interest) = (self.backend.clone(), Interest::new(self.manager));
        attempt(self.retry.attempt_within(IDLE), async move { backend.wakeups(&interest).await }).await
    }

    /// Passes wakeups on until the stream ends (`Some`) or nobody has listened for a while (`None`).
    async fn hear(&self, mut stream: BoxStream<'static, Wakeup>) -> Option<()> {
        self.heard().open();
        let mut idle_at = Instant::now() + IDLE;
        loop {
            tokio::select! {
                wakeup = poll_fn(|cx| stream.as_mut().poll_next(cx)) => {
                    let mut heard = self.heard();
                    let Some(wakeup) = wakeup else {
                        heard.stream = Stream::Closed;
                        return Some(());
                    };
                    heard.tell(&wakeup);
                }
                () = sleep_until(idle_at) => {
                    if self.close_if_unheard() {
                        return None;
                    }
                    idle_at = Instant::now() + IDLE;
                }
            }
        }
    }

    fn close_if_unheard(&self) -> bool {
        let mut heard = self.heard();
        let unheard = heard.waiting.is_empty();
        if unheard {
            heard.stream = Stream::Closed;
            heard.task = None;
        }
        unheard
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    /// What moved before the stream was open was not heard: everybody looks once.
    fn open(&mut self) {
        self.stream = Stream::Open;
        for (_, speaker) in self.waiting.values().flatten() {
            let _ = speaker.send(News::Look);
        }
    }

    fn tell(&self, wakeup: &Wakeup) {
        for (claim, speaker) in self.waiting.get(&wakeup.lock).into_iter().flatten() {
            if let Some((_, token)) = wakeup.holders.iter().find(|(granted, _)| granted == claim) {
                let _ = speaker.send(News::Granted(*token));
            } else if wakeup.holders.is_empty() {
                let _ = speaker.send(News::Look);
            }
        }
    }
}

/// Hears the wakeups for one claim, for as long as it is there.
pub(crate) struct Ear {
    ears: Arc<Ears>,
    lock: LockName,
    claim: ClaimId,
    news: mpsc::UnboundedReceiver<News>,
}

impl Ear {
    /// Opens the stream, if the store has one.
    pub(crate) fn open(&self, runtime: &Handle) {
        self.ears.open(runtime);
    }

    /// Whether a stream is open, so that polling may be slow.
    pub(crate) fn is_open(&self) -> bool {
        self.ears.heard().stream == Stream::Open
    }

    pub(crate) async fn news(&mut self) -> News {
        // The speaker stays in the ears' list as long as this is there.
        self.news.recv().await.unwrap_or(News::Look)
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let mut heard = self.ears.heard();
        if let Some(speakers) = heard.waiting.get_mut(&self.lock) {
            speakers.retain(|(claim, _)| *claim != self.claim);
            if speakers.is_empty() {
                heard.waiting.remove(&self.lock);
            }
        }
    }
}

impl fmt::Debug for Ears {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ears").field("locks", &self.heard().waiting.len()).finish()
    }
}
