//! Worker processes, and what they are told.

use std::process::Stdio;
use std::time::Duration;

use shylock_bench_worker::Failure;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::contestant::Contestant;

/// No command takes longer than this on a machine that is not stuck.
const PATIENCE: Duration = Duration::from_secs(240);

/// A process in which one contestant runs. It ends with this value.
#[derive(Debug)]
pub(crate) struct Worker {
    contestant: Contestant,
    _child: Child,
    input: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    /// Starts the process, and waits until it is connected to its store.
    pub(crate) async fn start(contestant: Contestant, mut command: Command) -> Result<Self, Failure> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let input = child.stdin.take().ok_or("no way to the worker")?;
        let answers = BufReader::new(child.stdout.take().ok_or("no way from the worker")?).lines();
        let mut worker = Self { contestant, _child: child, input, answers };
        worker.answer().await?;
        Ok(worker)
    }

    pub(crate) async fn tell(&mut self, command: &str) -> Result<(), Failure> {
        self.input.write_all(format!("{command}\n").as_bytes()).await?;
        Ok(self.input.flush().await?)
    }

    pub(crate) async fn answer(&mut self) -> Result<Vec<u64>, Failure> {
        let said = |error: Failure| format!("{}: {error}", self.contestant.name());
        let line = timeout(PATIENCE, self.answers.next_line()).await;
        let line = line.map_err(|_| said("it is stuck".into()))??;
        let line = line.ok_or_else(|| said("it has ended".into()))?;
        read_answer(&line).map_err(|error| said(error).into())
    }

    pub(crate) async fn ask(&mut self, command: &str) -> Result<Vec<u64>, Failure> {
        self.tell(command).await?;
        self.answer().await
    }
}

fn read_answer(line: &str) -> Result<Vec<u64>, Failure> {
    match line.split_once(' ').unwrap_or((line, "")) {
        ("ok", numbers) => numbers
            .split_whitespace()
            .map(|number| number.parse().map_err(|_| format!("the worker answers {line:?}").into()))
            .collect(),
        ("error", error) => Err(error.into()),
        _ => Err(format!("the worker answers {line:?}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::read_answer;

    #[test]
    fn an_answer_is_numbers_or_an_error() {
        assert_eq!(read_answer("ok 1 22").unwrap(), [1, 22]);
        assert_eq!(read_answer("ok").unwrap(), [0; 0]);
        assert_eq!(read_answer("error no such lock").unwrap_err().to_string(), "no such lock");
        assert!(read_answer("ok 1 x").is_err());
        assert!(read_answer("panic").is_err());
    }
}
