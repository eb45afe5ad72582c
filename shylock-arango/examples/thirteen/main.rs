//! Asks an ArangoDB server the thirteen things that shylock relies on, and prints what it answered.
//!
//! ```sh
//! cargo run -p shylock-arango --example thirteen -- arangodb://root:password@localhost:8529
//! ```
//!
//! The user must be allowed to create databases and users. Without an argument it takes the server that
//! `SHYLOCK_TEST_ARANGO_URL` names, or a container of the image that `SHYLOCK_TEST_ARANGO_IMAGE` names. It works in a
//! database of its own, which it removes again. It fails if an answer is not the expected one.

mod ask;
mod behaviours;

use std::process::ExitCode;

use shylock_testing::{arango, variable};

use crate::ask::Server;
use crate::behaviours::Answer;

const USAGE: &str = "usage: thirteen arangodb://user:password@host:port, or set SHYLOCK_TEST_ARANGO_URL to such a URL, \
                     or SHYLOCK_TEST_ARANGO_IMAGE to an image of ArangoDB";

fn main() -> ExitCode {
    // A container is kept by this program once more, as by the tests.
    if arango::keep() {
        return ExitCode::SUCCESS;
    }
    let Some(url) =
        std::env::args().nth(1).or_else(|| variable("SHYLOCK_TEST_ARANGO_URL")).or_else(container)
    else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (title, answers) = runtime.block_on(ask_all(&url));
    print(&title, &answers);
    if answers.iter().all(|answer| answer.holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn container() -> Option<String> {
    arango::image().map(|image| arango::url(&image, "keeper").to_owned())
}

async fn ask_all(url: &str) -> (String, Vec<Answer>) {
    let server = Server::open(url).await;
    let title = server.title().await;
    let answers = behaviours::all(&server).await;
    server.close().await;
    (title, answers)
}

fn print(title: &str, answers: &[Answer]) {
    println!("{title}\n");
    println!("| # | as expected | behaviour | answered |\n|---|---|---|---|");
    for answer in answers {
        let holds = if answer.holds { "yes" } else { "**no**" };
        println!("| {} | {holds} | {} | {} |", answer.number, answer.behaviour, answer.answered);
    }
}
