//! `run`: take the lock, run the command, give the lock back.

use std::time::Duration;

use nix::sys::signal::Signal;
use shylock::{ErrorKind, LockGuard, LockManager, LossReason};
use tokio::time::{Instant, sleep, timeout};

use crate::args::{Run, Store};
use crate::child::{Change, Child};
use crate::countdown::Countdown;
use crate::exit::{BY_SIGNAL, Code, Failure};
use crate::say::Voice;
use crate::signals::Signals;
use crate::store;
use crate::text::plain;
use crate::waiting::{self, Entered};

/// How long the end may take when it is asked for and the store does not answer: the lease ends by itself.
const LEAVING: Duration = Duration::from_secs(3);
/// A store may be slow to open where nobody wants to wait.
const LEAST_PATIENCE: Duration = Duration::from_secs(5);
/// Clocks are read one after the other.
const TICK: Duration = Duration::from_millis(100);

pub(crate) async fn run(store: &Store, run: &Run, voice: &Voice) -> Result<u8, Failure> {
    let mut signals = Signals::hear().map_err(|error| system("signals cannot be heard", &error))?;
    let opened = tokio::select! {
        biased;
        signal = signals.ending() => return Ok(by(signal)),
        opened = store::open(store, patience(run), voice) => opened?,
    };
    let locks = LockManager::new(opened);
    let code = match waiting::enter(&locks, run, &mut signals, voice).await {
        Ok(Entered::Granted(guard)) => return Held::new(run, guard, voice).run(signals).await,
        Ok(Entered::NotGranted) => Ok(run.conflict_exit_code),
        Ok(Entered::Interrupted(signal)) => Ok(by(signal)),
        Err(failure) => Err(failure),
    };
    // The claim leaves the queue in the background, and that ends with this process.
    let _ = timeout(LEAVING, locks.shutdown()).await;
    code
}

/// How long the store may take to be reached: not much longer than the lock is waited for.
fn patience(run: &Run) -> Option<Duration> {
    if run.no_wait { Some(LEAST_PATIENCE) } else { run.wait.map(|wait| wait.max(LEAST_PATIENCE)) }
}

/// The lock is held.
struct Held<'a> {
    run: &'a Run,
    guard: LockGuard,
    voice: &'a Voice,
    since: Instant,
    countdown: Countdown,
}

/// Why the command does not run any more.
enum End {
    /// By itself.
    Command(u8),
    /// It was ended, because of its lock.
    Ended(LossReason),
}

impl<'a> Held<'a> {
    fn new(run: &'a Run, guard: LockGuard, voice: &'a Voice) -> Self {
        let countdown = Countdown::new(run.ttl, run.max_hold);
        Self { run, guard, voice, since: Instant::now(), countdown }
    }

    async fn run(self, signals: Signals) -> Result<u8, Failure> {
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
        Ok(self.give_back(end, &mut signals).await)
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
                    Change::Ended(code) => return End::Command(code),
                    Change::Abandoned(code) => {
                        child.kill().await;
                        return End::Command(code);
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
        self.voice.complain(&match reason {
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
        self.voice.complain(&format!("{} was lost: {reason}; the command was killed", self.name()));
        End::Ended(reason)
    }

    async fn give_back(self, end: End, signals: &mut Signals) -> u8 {
        let (name, voice) = (self.name(), self.voice);
        let patience = if matches!(end, End::Command(_)) { Duration::MAX } else { LEAVING };
        let released = tokio::select! {
            released = timeout(patience, self.guard.release()) => released.ok(),
            _ = signals.ending() => None,
        };
        match (end, released) {
            (End::Ended(LossReason::MaxHold), _) => Code::MaxHold.into(),
            (End::Ended(_), _) => Code::Lost.into(),
            (End::Command(_), Some(Err(error))) if error.kind() == ErrorKind::Lost => {
                voice.complain(&format!("{error}; somebody else may have had it while the command ran"));
                Code::Lost.into()
            }
            (End::Command(code), Some(Err(error))) => {
                voice.warn(&error.to_string());
                code
            }
            (End::Command(code), None) => {
                voice.warn(&format!("{name} was not given back; it ends with its lease"));
                code
            }
            (End::Command(code), Some(Ok(()))) => code,
        }
    }

    fn name(&self) -> String {
        plain(&self.run.name)
    }
}

fn by(signal: Signal) -> u8 {
    BY_SIGNAL + signal as u8
}

fn system(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(Code::System, format!("{what}: {error}"))
}
