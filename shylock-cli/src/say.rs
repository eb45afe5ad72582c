//! What is said on stderr: by a thread of its own, because a reader that is stuck (a stopped terminal, a full pipe) must
//! not keep the lock from being renewed, or the command from being ended in time.

use std::io::{self, IsTerminal as _, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::Output;

/// Back to the first column, and clear the line.
const CLEAR: &str = "\r\x1b[K";
/// Around a line that the terminal shall cut off rather than wrap.
const WRAP_OFF: &str = "\x1b[?7l";
const WRAP_ON: &str = "\x1b[?7h";
/// How long the end waits for a reader that is stuck.
const PATIENCE: Duration = Duration::from_millis(500);

enum Word {
    /// A line that stays.
    Line(Vec<u8>),
    /// The line at the bottom of a terminal, in place of the one before; empty for none.
    Progress(String),
    End(SyncSender<()>),
}

/// Speaks to people.
pub(crate) struct Voice {
    words: Sender<Word>,
    is_quiet: bool,
    is_terminal: bool,
}

impl Voice {
    /// Begins to speak, and sends the log the same way.
    pub(crate) fn new(output: Output) -> Self {
        let (words, heard) = channel();
        thread::spawn(move || speak(&heard));
        log_to(words.clone(), output);
        Self { words, is_quiet: output.quiet, is_terminal: io::stderr().is_terminal() }
    }

    /// Whether a person looks on.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// An error.
    pub(crate) fn complain(&self, message: &str) {
        self.line(message);
    }

    /// What a user should change.
    pub(crate) fn warn(&self, message: &str) {
        self.note(&format!("warning: {message}"));
    }

    /// What a user may want to know.
    pub(crate) fn note(&self, message: &str) {
        if !self.is_quiet {
            self.line(message);
        }
    }

    /// The line at the bottom of a terminal; nothing elsewhere.
    pub(crate) fn progress(&self, message: &str) {
        if self.is_terminal && !self.is_quiet {
            let _ = self.words.send(Word::Progress(format!("shylock: {message}")));
        }
    }

    /// Takes the line at the bottom away.
    pub(crate) fn end_progress(&self) {
        let _ = self.words.send(Word::Progress(String::new()));
    }

    /// Waits until all was said, unless nobody takes it.
    pub(crate) fn finish(&self) {
        let (ended, end) = sync_channel(1);
        let _ = self.words.send(Word::End(ended));
        let _ = end.recv_timeout(PATIENCE);
    }

    fn line(&self, message: &str) {
        let _ = self.words.send(Word::Line(format!("shylock: {message}\n").into_bytes()));
    }
}

fn speak(words: &Receiver<Word>) {
    let mut progress = String::new();
    for word in words {
        let mut out = Vec::new();
        let shown = !progress.is_empty();
        match word {
            Word::Line(line) => {
                out.extend(if shown { CLEAR.as_bytes() } else { b"" });
                out.extend(line);
                out.extend(if shown { framed(&progress) } else { String::new() }.into_bytes());
            }
            Word::Progress(next) if next.is_empty() => {
                out.extend(if shown { CLEAR.as_bytes() } else { b"" });
                progress = next;
            }
            Word::Progress(next) => {
                out.extend(format!("{CLEAR}{}", framed(&next)).into_bytes());
                progress = next;
            }
            Word::End(ended) => {
                let _ = ended.send(());
                continue;
            }
        }
        // Nobody is left to be told that nobody listens.
        let _ = io::stderr().write_all(&out);
    }
}

fn framed(line: &str) -> String {
    format!("{WRAP_OFF}{line}{WRAP_ON}")
}

/// Shylock's own log only: what drivers log may quote URLs.
fn log_to(words: Sender<Word>, output: Output) {
    let level = match output {
        Output { quiet: true, .. } => LevelFilter::ERROR,
        Output { verbose: 0, .. } => LevelFilter::WARN,
        Output { verbose: 1, .. } => LevelFilter::DEBUG,
        Output { .. } => LevelFilter::TRACE,
    };
    let crates = ["shylock", "shylock_core", "shylock_mongo", "shylock_arango", "shylock_sqlite"];
    let ours = Targets::new().with_targets(crates.map(|name| (name, level)));
    let words = Mutex::new(words);
    let writer = move || LogLine(words.lock().unwrap_or_else(PoisonError::into_inner).clone());
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false).with_writer(writer);
    tracing_subscriber::registry().with(lines).with(ours).init();
}

/// The formatter writes one event in one call.
struct LogLine(Sender<Word>);

impl Write for LogLine {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(Word::Line(line.to_owned()));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
