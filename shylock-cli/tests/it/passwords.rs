//! A password is never shown.

#[cfg(feature = "mongo")]
use std::fs;
use std::process::Command;
#[cfg(feature = "mongo")]
use std::time::{Duration, Instant};

use crate::support::{Scene, bare, ps, text, wait_for};

const SECRET: &str = "s3cr/t";

/// Runs it with all its talk; answers its code and what it said.
fn said(command: &mut Command) -> (Option<i32>, String) {
    let output = command.args(["-vv", "status", "lock"]).output().expect("it runs");
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

fn is_silent(text: &str) {
    assert!(!text.contains(SECRET) && !text.contains("s3cr%2Ft") && !text.contains("s3cr%2ft"), "{text}");
}

/// The server knows no such user, so that it refuses shows that it was asked.
#[cfg(feature = "mongo")]
#[tokio::test]
async fn a_password_reaches_the_store_and_no_message() {
    let scene = Scene::mongo().await;
    let url = scene.url().replace("mongodb://", "mongodb://joe@");
    let file = scene.path("password");
    fs::write(&file, format!("{SECRET}\n")).expect("a file");
    let all = [
        said(bare().args(["--url", &url]).env("SHYLOCK_PASSWORD", SECRET)),
        said(bare().env("SHYLOCK_URL", &url).env("SHYLOCK_PASSWORD", SECRET)),
        said(bare().env("SHYLOCK_URL", &url).env("SHYLOCK_PASSWORD_FILE", &file)),
        said(bare().env("SHYLOCK_URL", &url).arg("--password-file").arg(&file)),
    ];
    for (code, text) in all {
        assert_eq!(code, Some(77), "{text}");
        assert!(!text.contains("warning"), "{text}");
        is_silent(&text);
    }
}

#[cfg(feature = "mongo")]
#[test]
fn a_password_on_the_command_line_is_warned_of() {
    let (code, text) = said(bare().args(["--url", "mongodb://joe:s3cr%2Ft@127.0.0.1:1/locks?notAnOption=1"]));
    assert_eq!(code, Some(78), "{text}");
    assert!(text.contains("warning") && text.contains("SHYLOCK_PASSWORD"), "{text}");
    is_silent(&text);
}

#[cfg(feature = "mongo")]
#[test]
fn a_store_that_cannot_be_reached_is_given_up_in_time_and_its_password_not_shown() {
    let url = "mongodb://joe@127.0.0.1:1/locks?serverSelectionTimeoutMS=100";
    let begun = Instant::now();
    let mut command = bare();
    command.args(["-vv", "run", "--no-wait", "lock", "--", "true"]).env("SHYLOCK_URL", url);
    let output = command.env("SHYLOCK_PASSWORD", SECRET).output().expect("it runs");
    let text = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{text}");
    assert!(text.contains("does not answer"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(20), "after {:?}", begun.elapsed());
    is_silent(&text);
}

#[test]
fn no_process_shows_a_password_that_is_not_on_the_command_line() {
    let scene = Scene::sqlite();
    let mut command = scene.shylock(&[
        "-vv",
        "run",
        "lock",
        "--",
        "sh",
        "-c",
        &format!("echo x > ready; {}", wait_for("gate")),
    ]);
    let mut job = scene.job_of({
        command.env("SHYLOCK_PASSWORD", SECRET);
        command
    });
    scene.line_of("ready");
    is_silent(&ps("args=", &["-e"]));
    scene.touch("gate");
    assert_eq!(job.code(), Some(0));
    is_silent(&job.log());
}

#[test]
fn a_password_that_nobody_can_use_is_refused() {
    for url in ["mongodb://127.0.0.1:1/locks", "mongodb://joe:old@127.0.0.1:1/locks"] {
        let (code, text) = said(bare().env("SHYLOCK_URL", url).env("SHYLOCK_PASSWORD", SECRET));
        assert_eq!(code, Some(78), "{text}");
        is_silent(&text);
    }
}
