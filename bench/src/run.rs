//! Other programs.

use std::process::Command;

use shylock_bench_worker::Failure;

/// Runs a program to its end, and gives what it printed. Its own words say best what went wrong.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("cannot run {program}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.trim().lines().collect();
    let last = lines[lines.len().saturating_sub(5)..].join(" / ");
    Err(format!("{program} failed: {last}").into())
}
