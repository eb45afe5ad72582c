//! Eight processes with four tasks each increment a number in a plain file.

use std::process::Command;

use crate::run::{command, database, output_of};

#[tokio::test(flavor = "multi_thread")]
async fn no_increment_is_lost_under_a_lock_and_the_tokens_are_in_order() {
    let database = database().await;
    check(command(env!("CARGO_BIN_EXE_counter"), &database.url()));
}

#[test]
fn nor_on_the_embedded_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut counter = command(env!("CARGO_BIN_EXE_counter"), "");
    counter.env_remove("SHYLOCK_URL").env("TMPDIR", folder.path());
    check(counter);
}

fn check(mut counter: Command) {
    counter.args(["8", "4", "2000"]);
    let said = output_of(counter);
    let lost = |row: &str| -> u64 {
        let line =
            said.lines().find(|line| line.starts_with(&format!("{row}  "))).expect("the table has the row");
        line.split_whitespace().rev().nth(1).and_then(|word| word.parse().ok()).expect("the row has a number")
    };
    assert_eq!(lost("with a lock"), 0, "{said}");
    assert!(lost("without a lock") > 0, "{said}");
    assert!(said.contains("tokens grew in the order of the increments"), "{said}");
}

#[test]
fn a_senseless_argument_is_refused() {
    let output = command(env!("CARGO_BIN_EXE_counter"), "memory:").arg("many").output().expect("it starts");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("\"many\" is no number"));
}
