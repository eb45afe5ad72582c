//! What the command line says, and how much is measured.

use std::time::Duration;

pub(crate) const USAGE: &str = "\
Measures shylock beside the bare driver and its peers, and writes the figures into bench/results.

  --quick        less of everything, in 3 minutes; the figures go into bench/results/quick
  --only NAME…   only these measurements
  --list         the names of the measurements";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Options {
    Run { quick: bool, only: Vec<String> },
    List,
    Help,
}

impl Options {
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let (mut quick, mut only, mut are_names) = (false, Vec::new(), false);
        for argument in arguments {
            match argument.as_str() {
                "--quick" => (quick, are_names) = (true, false),
                "--only" => are_names = true,
                "--list" => return Ok(Self::List),
                "--help" | "-h" => return Ok(Self::Help),
                name if are_names && !name.starts_with('-') => only.push(name.to_owned()),
                other => return Err(format!("{other:?} is no option\n\n{USAGE}")),
            }
        }
        Ok(Self::Run { quick, only })
    }
}

/// How much is measured.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) quick: bool,
    /// Rounds of uncontended pairs, and pairs in each of them.
    pub(crate) pair_rounds: usize,
    pub(crate) pairs: usize,
    /// Hand-overs between two processes, of each contestant.
    pub(crate) handovers: usize,
    /// How long the next one waits before the lock is released: from, to.
    pub(crate) wait_before_handover: (Duration, Duration),
    /// Rounds of hand-overs within a process, and how long each lasts.
    pub(crate) within: (usize, Duration),
    /// Tasks that wait in one process, and for how long.
    pub(crate) waiting_tasks: (usize, Duration),
    /// Processes that wait, and for how long they are watched.
    pub(crate) waiting_processes: (usize, Duration),
    /// Locks that one process holds, and for how long.
    pub(crate) many: (usize, Duration),
    /// Rounds of the hot lock, and how long each lasts.
    pub(crate) hot: (usize, Duration),
}

impl Plan {
    pub(crate) fn full() -> Self {
        let seconds = Duration::from_secs;
        Self {
            quick: false,
            pair_rounds: 60,
            pairs: 10,
            handovers: 300,
            wait_before_handover: (Duration::from_millis(80), Duration::from_millis(200)),
            within: (3, seconds(3)),
            waiting_tasks: (1_000, seconds(10)),
            waiting_processes: (50, seconds(10)),
            many: (10_000, seconds(30)),
            hot: (3, seconds(10)),
        }
    }

    pub(crate) fn quick() -> Self {
        let seconds = Duration::from_secs;
        Self {
            quick: true,
            pair_rounds: 6,
            pairs: 5,
            handovers: 20,
            wait_before_handover: (Duration::from_millis(50), Duration::from_millis(110)),
            within: (1, seconds(1)),
            many: (2_000, seconds(10)),
            hot: (1, seconds(2)),
            waiting_processes: (50, seconds(10)),
            ..Self::full()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn only_takes_every_name_that_follows() {
        let only = vec!["hot".to_owned(), "many".to_owned()];
        assert_eq!(parse("--only hot many --quick"), Ok(Options::Run { quick: true, only }));
        assert_eq!(parse(""), Ok(Options::Run { quick: false, only: Vec::new() }));
        assert!(parse("hot").is_err());
        assert!(parse("--quik").is_err());
    }
}
