//! The thread that owns the connection to a file, and how steps get to it and back.
//!
//! It depends on no runtime: a step is sent over a channel, and its answer wakes whoever waits for it, in whichever
//! runtime that is.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use shylock_core::{BackendError, BackendErrorKind};
use tokio::sync::oneshot;

use crate::error::{StepError, about, explain};
use crate::options::SqliteOptions;
use crate::setup;
use crate::table::Table;

type Job = Box<dyn FnOnce(&mut Table<'_>) + Send>;

/// How long the last handle waits until the file is closed, so that a process that ends leaves one file behind.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);

/// An open file. Its thread ends when this is dropped.
pub(crate) struct Database {
    path: PathBuf,
    /// The process that opened the file. A child of it, after `fork`, does not have the thread.
    process: u32,
    thread: ThreadId,
    jobs: Option<Sender<Job>>,
    /// Disconnected when the thread has closed the file.
    closed: Mutex<Receiver<()>>,
}

impl Database {
    pub(crate) async fn open(path: &Path, options: SqliteOptions) -> Result<Self, BackendError> {
        let (jobs, queue) = mpsc::channel();
        let (opened, outcome) = oneshot::channel();
        let (closing, closed) = mpsc::channel();
        let file = path.to_owned();
        let work = move || {
            serve(&file, &options, opened, &queue);
            drop(closing);
        };
        let thread = thread::Builder::new().name("shylock-sqlite".into()).spawn(work).map_err(|error| {
            let what = "no thread could be started for it; allow this process more threads";
            about(path, BackendErrorKind::Transient, what).with_source(error)
        })?;
        let database = Self {
            path: path.to_owned(),
            process: process::id(),
            thread: thread.thread().id(),
            jobs: Some(jobs),
            closed: Mutex::new(closed),
        };
        outcome.await.unwrap_or_else(|_| Err(gone(path)))?;
        Ok(database)
    }

    /// Runs one step on the thread, after those that came before it.
    ///
    /// A step that is dropped before its turn does nothing; one that has begun goes on to its end.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        step: impl FnOnce(&mut Table<'_>) -> Result<T, StepError> + Send + 'static,
    ) -> Result<T, BackendError> {
        if process::id() != self.process {
            let what = "it was opened before this process was forked; open it again in the child";
            return Err(about(&self.path, BackendErrorKind::Misconfigured, what));
        }
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |table| {
            if !reply.is_closed() {
                let _ = reply.send(step(table));
            }
        });
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if !sent {
            return Err(gone(&self.path));
        }
        match answer.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(StepError::Refused(error))) => Err(error),
            Ok(Err(StepError::Sqlite(error))) => Err(explain(&self.path, error)),
            Err(_) => Err(gone(&self.path)),
        }
    }
}

/// Opens the file, and runs one step after the other until the last sender is gone.
fn serve(
    path: &Path,
    options: &SqliteOptions,
    opened: oneshot::Sender<Result<(), BackendError>>,
    jobs: &Receiver<Job>,
) {
    let (place, db) = match setup::open(path, options) {
        Ok(opened) => opened,
        Err(error) => return drop(opened.send(Err(error))),
    };
    {
        let mut table = match Table::prepare(&db, place, options.clone()) {
            Ok(table) => table,
            Err(error) => return drop(opened.send(Err(explain(path, error)))),
        };
        if opened.send(Ok(())).is_ok() {
            while let Ok(job) = jobs.recv() {
                // A step that panics has dropped its reply, which its caller sees; its transaction is rolled back.
                let _ = catch_unwind(AssertUnwindSafe(|| job(&mut table)));
                table.sweep();
            }
        }
        table.prepare_to_close();
    }
    drop(db);
}

fn gone(path: &Path) -> BackendError {
    let what = "the step panicked, or the thread that serves the file has ended; open it again, and please report it";
    about(path, BackendErrorKind::Broken, what)
}

impl Drop for Database {
    fn drop(&mut self) {
        let jobs = self.jobs.take();
        if process::id() != self.process {
            // The channel may have been in use by another thread when the process was forked.
            std::mem::forget(jobs);
            return;
        }
        drop(jobs);
        // The thread itself drops the last handle if that was part of a task that an answer has woken.
        if thread::current().id() != self.thread {
            let closed = self.closed.get_mut().unwrap_or_else(PoisonError::into_inner);
            let _ = closed.recv_timeout(CLOSE_LIMIT);
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.path).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open() -> (tempfile::TempDir, Database) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("locks.db");
        let database = Database::open(&path, SqliteOptions::new()).await.expect("the file opens");
        (folder, database)
    }

    /// As the child of a process has it, which does not have the thread.
    #[tokio::test]
    async fn after_a_fork_each_step_is_an_error_and_to_drop_it_waits_for_nothing() {
        let (_folder, mut database) = open().await;
        database.process += 1;
        let error = database.run(|_| Ok(())).await.expect_err("nobody would ever answer");
        assert_eq!(error.kind(), BackendErrorKind::Misconfigured);
        assert!(error.to_string().contains("forked; open it again in the child"), "{error}");
        // Its sender is kept, so this would wait for the whole limit.
        let (_closing, closed) = mpsc::channel();
        database.closed = Mutex::new(closed);
        let begun = std::time::Instant::now();
        drop(database);
        assert!(begun.elapsed() < CLOSE_LIMIT, "it waited");
    }

    #[tokio::test]
    async fn when_the_thread_has_ended_each_step_is_an_error() {
        let (_folder, mut database) = open().await;
        database.jobs = Some(mpsc::channel().0);
        let error = database.run(|_| Ok(())).await.expect_err("nobody would ever answer");
        assert_eq!(error.kind(), BackendErrorKind::Broken);
        assert!(error.to_string().contains("the thread that serves the file has ended"), "{error}");
    }

    /// The file is dropped on its own thread when the last task that has it was woken by an answer.
    #[tokio::test]
    async fn the_thread_does_not_wait_for_itself() {
        let (_folder, database) = open().await;
        let (dropped, ended) = mpsc::channel();
        let (send_database, receive_database) = mpsc::channel::<Database>();
        let job: Job = Box::new(move |_| {
            let database = receive_database.recv().expect("the test sends it");
            let begun = std::time::Instant::now();
            drop(database);
            dropped.send(begun.elapsed()).expect("the test waits");
        });
        database.jobs.as_ref().expect("it is open").send(job).expect("the thread serves");
        send_database.send(database).expect("the job waits");
        assert!(ended.recv().expect("it is dropped") < CLOSE_LIMIT, "it waited for itself");
    }
}
