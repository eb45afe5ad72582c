//! The protocol: one command a line, one answer a line.

use std::fmt::Write as _;
use std::str::{FromStr, SplitWhitespace};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, stdin, stdout};

use crate::contestant::{Contestant, Failure};
use crate::{clock, work};

/// Does what the benchmark says, until it says no more.
pub async fn serve<C: Contestant>(contestant: Result<C, Failure>) -> Result<(), Failure> {
    let contestant = match contestant {
        Ok(contestant) => contestant,
        Err(error) => return answer(Err(error)).await,
    };
    answer(Ok(Vec::new())).await?;
    let mut held = None;
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let done = obey(&contestant, &mut held, &line).await;
        answer(done).await?;
    }
    Ok(())
}

async fn obey<C: Contestant>(
    contestant: &C,
    held: &mut Option<C::Guard>,
    line: &str,
) -> Result<Vec<u64>, Failure> {
    let mut words = line.split_whitespace();
    let command = words.next().unwrap_or_default();
    if command == "give" {
        let guard = held.take().ok_or("nothing is held")?;
        let called = clock::now();
        contestant.release(guard).await?;
        return Ok(vec![called, clock::now()]);
    }
    let name = words.next().ok_or("no name")?;
    match command {
        "solo" => work::solo(contestant, name, number(&mut words)?).await,
        "take" => {
            *held = Some(contestant.acquire(name).await?);
            Ok(vec![clock::now()])
        }
        "hot" => Ok(vec![work::hot(contestant, name, number(&mut words)?, number(&mut words)?).await?]),
        "within" => work::within(contestant, name, number(&mut words)?, time(&mut words)?).await,
        "wait" => Ok(vec![work::wait(contestant, name, number(&mut words)?, time(&mut words)?).await]),
        "many" => work::many(contestant, name, number(&mut words)?, time(&mut words)?).await,
        _ => Err(format!("{line:?} is no command").into()),
    }
}

fn number<T: FromStr>(words: &mut SplitWhitespace<'_>) -> Result<T, Failure> {
    words.next().and_then(|word| word.parse().ok()).ok_or_else(|| "a number is missing".into())
}

fn time(words: &mut SplitWhitespace<'_>) -> Result<Duration, Failure> {
    number(words).map(Duration::from_nanos)
}

async fn answer(done: Result<Vec<u64>, Failure>) -> Result<(), Failure> {
    let mut line = match &done {
        Ok(_) => "ok".to_owned(),
        Err(error) => format!("error {}", error.to_string().replace('\n', " ")),
    };
    for number in done.unwrap_or_default() {
        write!(line, " {number}")?;
    }
    line.push('\n');
    let mut out = stdout();
    out.write_all(line.as_bytes()).await?;
    Ok(out.flush().await?)
}
