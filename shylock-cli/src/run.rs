//! `run`: acquire the lock, run the command, release the lock.

use std::time::{Duration, Instant as StdInstant};

use nix::sys::signal::Signal;
use shylock::{ErrorKind, LockGuard, LossReason};
use tokio::time::{Instant, sleep, timeout};

use crate::args::{Run, Store};
use crate::child::{Change, Child};
use crate::countdown::Countdown;
use crate::exit::{self, Code, Ending, Failure};
use crate::messages::Messages;
use crate::signals::Signals;
use crate::store;
use crate::text::plain;
use crate::waiting::{self, Outcome};

/// How long leaving the queue may take when the store does not answer: the lease ends by itself.
const LEAVING: Duration = Duration::from_secs(3);
/// How long a store may take to be opened where nobody wants to wait for the lock.
const ONE_ATTEMPT: Duration = Duration::from_secs(5);
/// How long a store may take to be opened at least.
const SHORTEST: Duration = Duration::from_secs(1);
/// How long the store is tried where the lock is waited for without a limit.
const LONGEST: Duration = Duration::from_secs(30);
/// Clocks are read one after the other.
const TICK: Duration = Duration::from_millis(100);

pub(crate) async fn run(store: &Store, run: &Run, messages: &Messages) -> Result<Ending, Failure> {
    check(run)?;
    let begun = StdInstant::now();
    let mut signals = Signals::listen().map_err(|error| system("signals cannot be received", &error))?;
    let locks = tokio::select! {
        biased;
        signal = signals.ending() => return Ok(Ending::Signal(signal)),
        opened = store::open(store, patience(run), messages) => opened?,
    };
    messages.detail(|| format!("the store is open after {:.1?}", begun.elapsed()));
    let ending = match waiting::acquire(&locks, run, begun, &mut signals, messages).await {
        Ok(Outcome::Granted(guard)) => return Held::new(run, guard, messages).run(signals).await,
        Ok(Outcome::NotGranted) => Ok(Ending::Code(run.conflict_exit_code)),
        Ok(Outcome::Interrupted(signal)) => Ok(Ending::Signal(signal)),
        Err(failure) => Err(failure),
    };
    // The claim leaves the queue in the background, and that ends with this process.
    let _ = timeout(LEAVING, locks.shutdown()).await;
    ending
}

/// What the options cannot check one by one.
fn check(run: &Run) -> Result<(), Failure> {
    match (run.min_hold, run.max_hold) {
        (Some(min), Some(max)) if min > max => {
            let message = "--min-hold must not be longer than --max-hold";
            Err(Failure::new(Code::Usage, message))
        }
        _ => Ok(()),
    }
}

/// How long the store may be out of reach: no longer than the lock is waited for.
fn patience(run: &Run) -> Duration {
    match run.wait {
        _ if run.is_one_attempt() => ONE_ATTEMPT,
        Some(wait) => wait.clamp(SHORTEST, LONGEST),
        None => LONGEST,
    }
}

/// The lock is held.
struct Held<'a> {
    run: &'a Run,
    guard: LockGuard,
    messages: &'a Messages,
    since: Instant,
    countdown: Countdown,
}

/// Why the command does not run any more.
enum End {
    /// By itself.
    Command(Ending),
    /// It was ended, because of its lock.
    Ended(LossReason),
}

impl<'a> Held<'a> {
    fn new(run: &'a Run, guard: LockGuard, messages: &'a Messages) -> Self {
        let countdown = Countdown::new(run.ttl, run.max_hold);
        Self { run, guard, messages, since: Instant::now(), countdown }
    }

    async fn run(self, signals: Signals) -> Result<Ending, Failure> {
        let started = signals
            .and_suspend()
            .and_then(|signals| Ok((signals, Child::start(self.run, self.guard.fencing_token())?)));
        let (mut signals, mut child) = match started {
            Ok(started) => started,
            Err(error) => {
                let _ = timeout(LEAVING, self.guard.release()).await;
                return Err(system("the command cannot be started", &error));
            }
        };
        let end = self.watch(&mut child, &mut signals).await;
        Ok(self.release(end, &mut signals).await)
    }

    /// Watches over the command and its lock until the command is gone.
    async fn watch(&self, child: &mut Child, signals: &mut Signals) -> End {
        loop {
            let remaining = self.guard.remaining();
            let patience = self.countdown.before_term(remaining);
            if patience.is_zero() && !self.guard.is_lost() {
                return self.end(child, remaining).await;
            }
            let stopped_by = tokio::select! {
                biased;
                reason = self.guard.lost() => return self.kill(child, reason).await,
                change = child.changed() => match change {
                    Change::Ended(ending) => return End::Command(ending),
                    Change::Abandoned(ending) => {
                        child.kill().await;
                        return End::Command(ending);
                    }
                    Change::Stopped(signal) => signal,
                },
                signal = signals.next() => match signal {
                    Signal::SIGTSTP => signal,
                    signal => {
                        child.pass_on(signal);
                        continue;
                    }
                },
                () = sleep(patience) => continue,
            };
            let resume = child.stop(stopped_by);
            // Time has passed: a command that has lost its lock must not wake up.
            if let Some(resume) = resume.filter(|_| !self.guard.is_lost()) {
                child.resume(&resume);
            }
        }
    }

    /// The lock is about to be lost: the command has a little time to end itself.
    async fn end(&self, child: &mut Child, remaining: Duration) -> End {
        let at_its_limit =
            self.run.max_hold.is_some_and(|time| self.since.elapsed() + remaining + TICK >= time);
        let reason = if at_its_limit { LossReason::MaxHold } else { LossReason::Expired };
        self.messages.error(&match reason {
            LossReason::MaxHold => "the command reaches --max-hold and is ended".to_owned(),
            _ => format!(
                "{} is about to be lost, because the store is out of reach; the command is ended",
                self.name()
            ),
        });
        child.end(self.countdown.before_kill(remaining)).await;
        End::Ended(reason)
    }

    /// The lock is lost: somebody else may have it already.
    async fn kill(&self, child: &mut Child, reason: LossReason) -> End {
        child.kill().await;
        self.messages.error(&format!("{} was lost: {reason}; the command was killed", self.name()));
        End::Ended(reason)
    }

    async fn release(self, end: End, signals: &mut Signals) -> Ending {
        let (name, messages) = (self.name(), self.messages);
        let patience = if matches!(end, End::Command(_)) { Duration::MAX } else { LEAVING };
        let released = tokio::select! {
            released = timeout(patience, self.guard.release()) => released.ok(),
            _ = signals.ending() => None,
        };
        match (end, released) {
            (End::Ended(LossReason::MaxHold), _) => Code::MaxHold.into(),
            (End::Ended(_), _) => Code::Lost.into(),
            (End::Command(_), Some(Err(error))) if error.kind() == ErrorKind::Lost => {
                messages.error(&format!("{error}; somebody else may have had it while the command ran"));
                Code::Lost.into()
            }
            (End::Command(ending), Some(Err(error))) => {
                messages.warn(&exit::with_causes(&error));
                ending
            }
            (End::Command(ending), None) => {
                messages.warn(&format!("{name} was not released; it is free when its lease ends"));
                ending
            }
            (End::Command(ending), Some(Ok(()))) => {
                messages.detail(|| format!("{name} is released"));
                ending
            }
        }
    }

    fn name(&self) -> String {
        plain(self.run.name.as_str())
    }
}

fn system(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(Code::System, format!("{what}: {error}"))
}
