//! Taking the lock, and what is shown meanwhile.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::pending;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use shylock::{Error, ErrorKind, Lock, LockGuard, LockManager, Owner, Snapshot};
use tokio::time::{sleep, timeout};

use crate::args::Run;
use crate::exit::Failure;
use crate::say::Voice;
use crate::signals::Signals;
use crate::text::{self, plain};

/// Who gets the lock sooner is told nothing.
const FIRST_LOOK: Duration = Duration::from_millis(300);
/// Seldom enough for the store, however many wait.
const LOOK: Duration = Duration::from_secs(1);
/// Then the store is said not to answer.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) enum Entered {
    Granted(LockGuard),
    NotGranted,
    Interrupted(Signal),
}

/// Takes the lock, as the command line says.
pub(crate) async fn enter(
    locks: &LockManager,
    run: &Run,
    signals: &mut Signals,
    voice: &Voice,
) -> Result<Entered, Failure> {
    let lock = lock(locks, run);
    let wait = Wait { locks, run, voice, since: Instant::now(), is_announced: Cell::new(false) };
    let entered = tokio::select! {
        biased;
        signal = signals.ending() => Ok(Entered::Interrupted(signal)),
        entered = acquire(&lock, run) => entered,
        never = wait.show() => match never {},
    };
    voice.end_progress();
    let entered = entered?;
    wait.tell_the_end(&entered);
    Ok(entered)
}

fn lock(locks: &LockManager, run: &Run) -> Lock {
    let program =
        || run.command.first().map_or_else(String::new, |program| shortened(&program.to_string_lossy()));
    let mut lock =
        locks.lock(run.name.as_str()).label(run.label.clone().unwrap_or_else(program)).ttl(run.ttl);
    if let Some(max) = run.shared {
        lock = lock.shared(max);
    }
    if let Some(time) = run.max_hold {
        lock = lock.max_hold(time);
    }
    if let Some(time) = run.hold_at_least {
        lock = lock.hold_at_least(time);
    }
    lock
}

/// The end of a path tells more than its beginning.
fn shortened(program: &str) -> String {
    program.rsplit('/').next().unwrap_or(program).chars().take(60).collect()
}

async fn acquire(lock: &Lock, run: &Run) -> Result<Entered, Error> {
    let guard = match run.wait {
        _ if run.no_wait => {
            return Ok(lock.try_acquire().await?.map_or(Entered::NotGranted, Entered::Granted));
        }
        None => lock.acquire().await,
        Some(time) => lock.acquire_timeout(time).await,
    };
    match guard {
        Err(error) if error.kind() == ErrorKind::Timeout => Ok(Entered::NotGranted),
        guard => guard.map(Entered::Granted),
    }
}

struct Wait<'a> {
    locks: &'a LockManager,
    run: &'a Run,
    voice: &'a Voice,
    since: Instant,
    is_announced: Cell<bool>,
}

impl Wait<'_> {
    /// Says whom it waits for: a line that is kept up to date on a terminal, and one line elsewhere.
    async fn show(&self) -> Infallible {
        sleep(FIRST_LOOK).await;
        loop {
            let looked = timeout(PATIENCE, self.locks.inspect(&self.run.name)).await;
            let line = match looked {
                Ok(Ok(queue)) => self.line(&queue),
                Ok(Err(_)) | Err(_) => Some(format!("{}; the store does not answer", self.waiting())),
            };
            if let Some(line) = line {
                if self.voice.is_terminal() {
                    self.voice.progress(&line);
                } else {
                    self.voice.note(&line);
                }
                self.is_announced.set(true);
            }
            if self.is_announced.get() && !self.voice.is_terminal() {
                return pending().await;
            }
            sleep(LOOK).await;
        }
    }

    /// `None` while its claim is not in the queue, or holds already.
    fn line(&self, queue: &Snapshot) -> Option<String> {
        let me = Owner::this_process(None);
        let is_mine = |owner: &Owner| owner.pid == me.pid && owner.host == me.host;
        let waiting = queue.waiting();
        let place = waiting.iter().position(|claim| is_mine(&claim.owner))? + 1;
        let holder = queue.granted().first()?;
        let others = match queue.granted().len() - 1 {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        Some(format!(
            "{}, at place {place} of {}; held by {}{others}, in the queue since {} ({})",
            self.waiting(),
            waiting.len(),
            text::owner(&holder.owner),
            text::joined_at(holder.token),
            text::age(holder.token),
        ))
    }

    fn waiting(&self) -> String {
        format!("waiting for {} for {}", plain(&self.run.name), text::rounded(self.since.elapsed()))
    }

    fn tell_the_end(&self, entered: &Entered) {
        let (name, waited) = (plain(&self.run.name), text::rounded(self.since.elapsed()));
        match entered {
            Entered::Granted(_) if !self.is_announced.get() => {}
            Entered::Granted(_) => self.voice.note(&format!("got {name} after {waited}")),
            Entered::NotGranted if self.run.no_wait => self.voice.note(&format!("{name} is taken")),
            Entered::NotGranted => self.voice.note(&format!("did not get {name} within {waited}")),
            Entered::Interrupted(signal) => {
                self.voice.note(&format!("gave up waiting for {name} after {waited}: {signal}"));
            }
        }
    }
}
