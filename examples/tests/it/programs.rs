//! Each example says what its documentation promises.

use std::time::{Duration, Instant};

use crate::run::{command, database, output_of};

#[tokio::test(flavor = "multi_thread")]
async fn quick_start() {
    let database = database().await;
    let said = output_of(command(env!("CARGO_BIN_EXE_quick_start"), &database.url()));
    let tokens: Vec<u64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert_eq!(tokens.len(), 3, "{said}");
    assert!(tokens.is_sorted_by(|a, b| a < b), "{said}");
    assert!(said.contains("was not granted within"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn blocking() {
    let database = database().await;
    let said = output_of(command(env!("CARGO_BIN_EXE_blocking"), &database.url()));
    assert_eq!(said.matches("holds, with fencing token").count(), 3, "{said}");
    assert!(said.ends_with("done\n"), "{said}");
    let locks = shylock::connect(&database.url()).await.expect("the store is there");
    assert!(locks.list("").await.expect("the store answers").is_empty(), "something was left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_sensitive() {
    let database = database().await;
    let said = output_of(command(env!("CARGO_BIN_EXE_time_sensitive"), &database.url()));
    assert!(said.starts_with("attempt 1: refreshing"), "{said}");
    assert!(said.contains("attempt 2: somebody has just done it"), "{said}");
}

/// The holder is paused by SIGSTOP for over a ttl: it finds its guard lost, and its late write is refused.
#[tokio::test(flavor = "multi_thread")]
async fn fencing() {
    let database = database().await;
    let said = output_of(command(env!("CARGO_BIN_EXE_fencing"), &database.url()));
    assert!(said.contains("write accepted: true"), "{said}");
    assert!(said.contains("guard lost: true"), "{said}");
    assert!(said.contains("late write accepted: false"), "{said}");
    assert!(said.ends_with("balance: 200\n"), "{said}");
}

#[test]
fn fencing_without_a_store_says_what_to_set() {
    let mut program = command(env!("CARGO_BIN_EXE_fencing"), "");
    let output = program.env_remove("SHYLOCK_URL").output().expect("the example starts");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("SHYLOCK_URL"));
}

/// As a newcomer runs them: without any store of their own.
#[test]
fn on_the_embedded_store() {
    let folder = tempfile::tempdir().expect("a folder");
    for program in [
        env!("CARGO_BIN_EXE_quick_start"),
        env!("CARGO_BIN_EXE_blocking"),
        env!("CARGO_BIN_EXE_time_sensitive"),
    ] {
        let mut program = command(program, "");
        program.env_remove("SHYLOCK_URL").env("TMPDIR", folder.path());
        assert!(!output_of(program).is_empty());
    }
}

/// Each ends with nothing left in the store, so the next run does not wait for a lease of 30 s.
#[test]
fn twice_in_a_row_without_waiting_for_the_lease_of_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    for program in [
        env!("CARGO_BIN_EXE_quick_start"),
        env!("CARGO_BIN_EXE_blocking"),
        env!("CARGO_BIN_EXE_time_sensitive"),
        env!("CARGO_BIN_EXE_counter"),
    ] {
        for run in ["the first", "the second"] {
            let mut command = command(program, "");
            command.env_remove("SHYLOCK_URL").env("TMPDIR", folder.path());
            if program == env!("CARGO_BIN_EXE_counter") {
                command.args(["2", "2", "20"]);
            }
            let begun = Instant::now();
            output_of(command);
            assert!(
                begun.elapsed() < Duration::from_secs(15),
                "{run} run of {program} took {:?}",
                begun.elapsed()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fencing_twice_in_a_row() {
    let database = database().await;
    for _ in 0..2 {
        let begun = Instant::now();
        output_of(command(env!("CARGO_BIN_EXE_fencing"), &database.url()));
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    }
}
