//! The signals that are passed on.

use std::fs;
use std::future::poll_fn;
use std::io;
use std::task::Poll;

use nix::sys::signal::Signal;
use tokio::signal::unix::{self, SignalKind};

/// Passed on to the command, or the end of waiting for the lock.
const ENDING: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];
/// Passed on to the command; they are not for the waiting before it.
const OTHERS: [Signal; 2] = [Signal::SIGUSR1, Signal::SIGUSR2];

/// All of them, but for those that this process was told to ignore from its start, by nohup(1) for instance.
pub(crate) fn passed_on() -> impl Iterator<Item = Signal> {
    let ignored = ignored();
    let is_received = move |signal: &Signal| ignored & (1 << (*signal as u32 - 1)) == 0;
    ENDING.into_iter().chain(OTHERS).filter(is_received)
}

/// Whether the supervisor, which survives this signal, dies of it only to tell that the command has died of it.
pub(crate) fn is_passed_on(signal: Signal) -> bool {
    ENDING.contains(&signal) || OTHERS.contains(&signal)
}

/// The signals that this process ignores, a bit for each; none where the system does not tell.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Receives the signals from now on, instead of their default actions.
#[derive(Debug)]
pub(crate) struct Signals(Vec<(Signal, unix::Signal)>);

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Self(Vec::new()).and(passed_on())
    }

    /// Receives the key that suspends a job too.
    pub(crate) fn and_suspend(self) -> io::Result<Self> {
        self.and([Signal::SIGTSTP])
    }

    fn and(mut self, signals: impl IntoIterator<Item = Signal>) -> io::Result<Self> {
        for signal in signals {
            self.0.push((signal, unix::signal(SignalKind::from_raw(signal as i32))?));
        }
        Ok(self)
    }

    /// The next signal. It can be dropped and called again.
    pub(crate) async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            let received = self.0.iter_mut().find_map(|(signal, stream)| {
                matches!(stream.poll_recv(context), Poll::Ready(Some(()))).then_some(*signal)
            });
            received.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// The next signal that ends the waiting.
    pub(crate) async fn ending(&mut self) -> Signal {
        loop {
            let signal = self.next().await;
            if ENDING.contains(&signal) {
                return signal;
            }
        }
    }
}
