//! What is printed on stderr: by a thread of its own, because a reader that is stuck (a stopped terminal, a full pipe) must
//! not keep the lock from being renewed, or the command from being ended in time.

use std::io::{self, IsTerminal as _, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
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
/// What is printed instead of a password.
const HIDDEN: &str = "***";

enum Print {
    /// A line that stays.
    Line(Vec<u8>),
    /// The line at the bottom of a terminal, in place of the one before; empty for none.
    Progress(String),
    End(SyncSender<()>),
}

/// Prints messages for people.
pub(crate) struct Messages {
    printer: Arc<Printer>,
    is_quiet: bool,
    is_verbose: bool,
    is_terminal: bool,
}

/// The thread, which is started when there is something to print.
#[derive(Default)]
struct Printer {
    queue: OnceLock<Mutex<Sender<Print>>>,
    secrets: Mutex<Vec<String>>,
}

impl Messages {
    /// Prints what the options ask for, and the library's log with it.
    pub(crate) fn new(output: Output) -> Self {
        let printer = Arc::<Printer>::default();
        log_to(printer.clone(), output);
        let (is_quiet, is_verbose) = (output.quiet, output.verbose > 0);
        Self { printer, is_quiet, is_verbose, is_terminal: io::stderr().is_terminal() }
    }

    /// Whether stderr is a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// From now on this is printed nowhere.
    pub(crate) fn hide(&self, secret: &str) {
        // A shorter one would make the messages unreadable, and is in none of them by design.
        if secret.len() > 3 {
            self.printer.secrets.lock().unwrap_or_else(PoisonError::into_inner).push(secret.to_owned());
        }
    }

    /// An error.
    pub(crate) fn error(&self, message: &str) {
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

    /// What a user who asks for more may want to know.
    pub(crate) fn detail(&self, message: impl FnOnce() -> String) {
        if self.is_verbose {
            self.line(&message());
        }
    }

    /// The line at the bottom of a terminal; nothing elsewhere.
    pub(crate) fn progress(&self, message: &str) {
        if self.is_terminal && !self.is_quiet {
            self.printer.print(Print::Progress(format!("shylock: {message}")));
        }
    }

    /// Removes the line at the bottom.
    pub(crate) fn end_progress(&self) {
        if self.is_terminal && !self.is_quiet {
            self.printer.print(Print::Progress(String::new()));
        }
    }

    /// Waits until all was printed, unless nobody reads it.
    pub(crate) fn finish(&self) {
        if self.printer.queue.get().is_none() {
            return;
        }
        let (ended, end) = sync_channel(1);
        self.printer.print(Print::End(ended));
        let _ = end.recv_timeout(PATIENCE);
    }

    fn line(&self, message: &str) {
        self.printer.print(Print::Line(format!("shylock: {message}\n").into_bytes()));
    }
}

impl Printer {
    fn print(&self, what: Print) {
        let what = match what {
            Print::Line(line) => Print::Line(self.without_secrets(line)),
            other => other,
        };
        let queue = self.queue.get_or_init(|| {
            let (sender, receiver) = channel();
            thread::spawn(move || print(&receiver));
            Mutex::new(sender)
        });
        let _ = queue.lock().unwrap_or_else(PoisonError::into_inner).send(what);
    }

    fn without_secrets(&self, line: Vec<u8>) -> Vec<u8> {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        if secrets.is_empty() {
            return line;
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        secrets.iter().fold(line, |line, secret| line.replace(secret, HIDDEN)).into_bytes()
    }
}

fn print(queue: &Receiver<Print>) {
    let mut progress = String::new();
    for what in queue {
        let mut out = Vec::new();
        let shown = !progress.is_empty();
        match what {
            Print::Line(line) => {
                out.extend(if shown { CLEAR.as_bytes() } else { b"" });
                out.extend(line);
                out.extend(if shown { framed(&progress) } else { String::new() }.into_bytes());
            }
            Print::Progress(next) if next.is_empty() => {
                out.extend(if shown { CLEAR.as_bytes() } else { b"" });
                progress = next;
            }
            Print::Progress(next) => {
                out.extend(format!("{CLEAR}{}", framed(&next)).into_bytes());
                progress = next;
            }
            Print::End(ended) => {
                let _ = ended.send(());
                continue;
            }
        }
        // Nobody can be told that stderr cannot be written.
        let _ = io::stderr().write_all(&out);
    }
}

fn framed(line: &str) -> String {
    format!("{WRAP_OFF}{line}{WRAP_ON}")
}

/// Shylock's own log only, of all its crates: what drivers log may quote URLs.
fn log_to(printer: Arc<Printer>, output: Output) {
    let level = match output {
        Output { quiet: true, .. } => LevelFilter::ERROR,
        Output { verbose: 0, .. } => LevelFilter::WARN,
        Output { verbose: 1, .. } => LevelFilter::DEBUG,
        Output { .. } => LevelFilter::TRACE,
    };
    let ours = Targets::new().with_target("shylock", level);
    let writer = move || LogLine(printer.clone());
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false).with_writer(writer);
    tracing_subscriber::registry().with(lines).with(ours).init();
}

/// The formatter writes one event in one call.
struct LogLine(Arc<Printer>);

impl Write for LogLine {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.print(Print::Line(line.to_owned()));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
