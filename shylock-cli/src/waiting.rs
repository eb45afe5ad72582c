//! Acquiring the lock, and what is shown meanwhile.

use std::cell::Cell;
use std::convert::Infallible;
use std::env;
use std::future::pending;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use shylock::{Error, ErrorKind, Lock, LockGuard, LockManager, Owner, Semaphore, Snapshot};
use tokio::time::{sleep, timeout};

use crate::args::Run;
use crate::child;
use crate::exit::{Code, Failure};
use crate::messages::Messages;
use crate::signals::Signals;
use crate::text::{self, plain};

/// A lock that is granted sooner is acquired without a word.
const FIRST_LOOK: Duration = Duration::from_millis(300);
/// Seldom enough for the store, however many wait.
const LOOK: Duration = Duration::from_secs(1);
/// After this time a message says that the store does not answer.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) enum Outcome {
    Granted(LockGuard),
    NotGranted,
    Interrupted(Signal),
}

/// Acquires the lock, as the command line says. `begun` is when the waiting began, with the store.
pub(crate) async fn acquire(
    locks: &LockManager,
    run: &Run,
    begun: Instant,
    signals: &mut Signals,
    messages: &Messages,
) -> Result<Outcome, Failure> {
    if !run.is_one_attempt() {
        refuse_to_wait_for_oneself(locks, run).await?;
    }
    let wanted = Wanted::new(locks, run);
    let wait = Wait { locks, run, messages, begun, is_announced: Cell::new(false) };
    let outcome = tokio::select! {
        biased;
        signal = signals.ending() => Ok(Outcome::Interrupted(signal)),
        outcome = wanted.acquire(run, begun) => outcome,
        never = wait.show() => match never {},
    };
    messages.end_progress();
    let outcome = outcome?;
    wait.tell_the_end(&outcome);
    Ok(outcome)
}

/// A command that runs under a lock cannot wait for that lock.
async fn refuse_to_wait_for_oneself(locks: &LockManager, run: &Run) -> Result<(), Failure> {
    if env::var(child::NAME).ok().as_deref() != Some(run.name.as_str()) {
        return Ok(());
    }
    let token = env::var(child::FENCING_TOKEN).ok().and_then(|token| token.parse::<u64>().ok());
    let queue = locks.inspect(run.name.as_str()).await?;
    // The name alone may be that of a lock in another store.
    let Some(holder) = queue.holders().iter().find(|claim| Some(claim.token.get()) == token) else {
        return Ok(());
    };
    let permits = run.permits.unwrap_or(1).min(holder.mode.max_holders());
    if permits > 1 {
        return Ok(());
    }
    let message = format!(
        "this command runs under {name} already ({} is set), and would wait for itself; leave one `shylock run {name}` \
         out, or give the locks different names",
        child::NAME,
        name = plain(run.name.as_str())
    );
    Err(Failure::new(Code::Usage, message))
}

/// What is acquired.
enum Wanted {
    Lock(Lock),
    Permit(Semaphore),
}

/// Sets the options that both have.
macro_rules! with_options {
    ($wanted:expr, $run:expr) => {{
        let run: &Run = $run;
        let mut wanted = $wanted.label(run.label.clone().unwrap_or_else(|| program(run))).ttl(run.ttl);
        if let Some(time) = run.max_hold {
            wanted = wanted.max_hold(time);
        }
        if let Some(time) = run.min_hold {
            wanted = wanted.min_hold(time);
        }
        wanted
    }};
}

/// Acquires it as the options say.
macro_rules! acquire {
    ($wanted:expr, $run:expr, $begun:expr) => {{
        let run: &Run = $run;
        let guard = match run.wait {
            _ if run.is_one_attempt() => {
                return Ok($wanted.try_acquire().await?.map_or(Outcome::NotGranted, Outcome::Granted));
            }
            None => $wanted.acquire().await,
            Some(time) => $wanted.acquire_timeout(time.saturating_sub($begun.elapsed())).await,
        };
        match guard {
            Err(error) if error.kind() == ErrorKind::Timeout => Ok(Outcome::NotGranted),
            guard => guard.map(Outcome::Granted),
        }
    }};
}

impl Wanted {
    fn new(locks: &LockManager, run: &Run) -> Self {
        let name = run.name.as_str();
        match run.permits {
            None => Self::Lock(with_options!(locks.lock(name), run)),
            Some(permits) => Self::Permit(with_options!(locks.semaphore(name, permits), run)),
        }
    }

    async fn acquire(&self, run: &Run, begun: Instant) -> Result<Outcome, Error> {
        match self {
            Self::Lock(lock) => acquire!(lock, run, begun),
            Self::Permit(semaphore) => acquire!(semaphore, run, begun),
        }
    }
}

/// The name of the program. The end of a path tells more than its beginning.
fn program(run: &Run) -> String {
    let program = run.command.first().map(|program| program.to_string_lossy()).unwrap_or_default();
    program.rsplit('/').next().unwrap_or(&program).chars().take(60).collect()
}

struct Wait<'a> {
    locks: &'a LockManager,
    run: &'a Run,
    messages: &'a Messages,
    begun: Instant,
    is_announced: Cell<bool>,
}

impl Wait<'_> {
    /// Prints whom it waits for: a line that is kept up to date on a terminal, and one line elsewhere.
    async fn show(&self) -> Infallible {
        sleep(FIRST_LOOK).await;
        loop {
            let looked = timeout(PATIENCE, self.locks.inspect(self.run.name.as_str())).await;
            let line = match looked {
                Ok(Ok(queue)) => self.line(&queue),
                Ok(Err(_)) | Err(_) => Some(format!("{}; the store does not answer", self.waiting())),
            };
            if let Some(line) = line {
                if self.messages.is_terminal() {
                    self.messages.progress(&line);
                } else {
                    self.messages.note(&line);
                }
                self.is_announced.set(true);
            }
            if self.is_announced.get() && !self.messages.is_terminal() {
                return pending().await;
            }
            sleep(LOOK).await;
        }
    }

    /// `None` while its claim is not in the queue, or holds already.
    fn line(&self, queue: &Snapshot) -> Option<String> {
        let me = Owner::this_process(None);
        let is_mine = |owner: &Owner| owner.pid == me.pid && owner.host == me.host;
        let waiters = queue.waiters();
        let place = waiters.iter().position(|claim| is_mine(&claim.owner))? + 1;
        let holder = queue.holders().first()?;
        let others = match queue.holders().len() - 1 {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        Some(format!(
            "{}, at place {place} of {}; held by {}{others}, which joined the queue {}",
            self.waiting(),
            waiters.len(),
            text::owner(&holder.owner),
            text::ago(holder.joined_ago),
        ))
    }

    fn waiting(&self) -> String {
        format!("waiting for {} for {}", self.name(), text::rounded(self.begun.elapsed()))
    }

    fn tell_the_end(&self, outcome: &Outcome) {
        let (name, waited) = (self.name(), text::rounded(self.begun.elapsed()));
        match outcome {
            Outcome::Granted(_) if self.is_announced.get() => {
                self.messages.note(&format!("got {name} after {waited}"));
            }
            Outcome::Granted(guard) => {
                self.messages.detail(|| format!("got {name} with token {}", guard.fencing_token()));
            }
            Outcome::NotGranted if self.run.is_one_attempt() => {
                self.messages.note(&format!("{name} is taken"));
            }
            Outcome::NotGranted => self.messages.note(&format!("did not get {name} within {waited}")),
            Outcome::Interrupted(signal) => {
                self.messages.note(&format!("gave up waiting for {name} after {waited}: {signal}"));
            }
        }
    }

    fn name(&self) -> String {
        plain(self.run.name.as_str())
    }
}
