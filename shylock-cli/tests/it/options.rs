//! Every option with the values at its edges: it works, or a message names it.

use std::time::{Duration, Instant};

use crate::support::{Scene, text, wait_for};

/// What becomes of a value.
enum Then {
    Works,
    /// Refused with code 64, and the name of the option.
    Refused,
}

fn check(before: &[&str], option: &str, values: &[(&str, Then)], after: &[&str]) {
    for (value, then) in values {
        let scene = Scene::sqlite();
        let output = scene.output(&[before, &[&format!("{option}={value}")], after].concat());
        let said = text(&output.stderr);
        match then {
            Then::Works => assert_eq!(output.status.code(), Some(0), "{option}={value}: {said}"),
            Then::Refused => {
                assert_eq!(output.status.code(), Some(64), "{option}={value}: {said}");
                assert!(said.contains(option), "{option}={value}: {said}");
            }
        }
        assert!(!said.contains("panicked"), "{option}={value}: {said}");
    }
}

const RUN: &[&str] = &["lock", "--", "true"];
/// The greatest duration that there is, and one that is too great.
const GREATEST: &str = "18446744073709551615s";
const HUGE: &str = "99999999999999999999999s";

#[test]
fn every_duration_works_or_is_refused_by_its_name() {
    use Then::{Refused, Works};
    check(
        &["run"],
        "--wait",
        &[
            ("0", Works),
            ("0s", Works),
            ("1ms", Works),
            ("5", Works),
            ("0.5", Works),
            (GREATEST, Works),
            (HUGE, Refused),
            ("", Refused),
            ("-1", Refused),
            ("5 parsecs", Refused),
        ],
        RUN,
    );
    check(
        &["run"],
        "--ttl",
        &[
            ("0", Refused),
            ("1ms", Refused),
            ("100ms", Works),
            ("30d", Works),
            ("31d", Refused),
            (GREATEST, Refused),
            (HUGE, Refused),
            ("", Refused),
        ],
        RUN,
    );
    check(
        &["run"],
        "--min-hold",
        &[
            ("0", Works),
            ("1ms", Works),
            ("31d", Refused),
            (GREATEST, Refused),
            (HUGE, Refused),
            ("", Refused),
        ],
        RUN,
    );
    check(
        &["run"],
        "--max-hold",
        &[("0", Refused), ("10s", Works), (GREATEST, Works), (HUGE, Refused), ("", Refused)],
        RUN,
    );
}

#[test]
fn every_other_option_works_or_is_refused_by_its_name() {
    use Then::{Refused, Works};
    let (label, long_label) = ("x".repeat(256), "x".repeat(257));
    check(
        &["run"],
        "--permits",
        &[
            ("0", Refused),
            ("1", Works),
            ("4294967295", Works),
            ("4294967296", Refused),
            ("-1", Refused),
            ("", Refused),
        ],
        RUN,
    );
    check(&["run"], "--label", &[("", Works), (&label, Works), (&long_label, Refused)], RUN);
    check(
        &["run"],
        "--conflict-exit-code",
        &[("0", Works), ("255", Works), ("256", Refused), ("-1", Refused), ("", Refused)],
        RUN,
    );
    check(&["list"], "--prefix", &[("", Works), (&"x".repeat(100_000), Works)], &[]);
}

#[test]
fn a_lock_name_is_refused_before_the_store_is_opened() {
    let scene = Scene::sqlite();
    let long = "x".repeat(1025);
    for name in ["", &long] {
        for arguments in [&["run", name, "--", "true"][..], &["status", name], &["evict", name, "a"]] {
            let output = scene.output(arguments);
            assert_eq!(output.status.code(), Some(64), "{output:?}");
            assert!(text(&output.stderr).contains("<NAME>"), "{output:?}");
        }
    }
    assert!(!scene.has("locks.db"));
    assert_eq!(scene.output(&["run", &"x".repeat(1024), "--", "true"]).status.code(), Some(0));
}

#[test]
fn a_min_hold_above_max_hold_is_refused() {
    let scene = Scene::sqlite();
    let output = scene.output(&["run", "--min-hold", "5s", "--max-hold", "500ms", "lock", "--", "true"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("--min-hold") && said.contains("--max-hold"), "{said}");
}

#[test]
fn a_wait_of_zero_is_one_attempt() {
    let scene = Scene::sqlite();
    for _ in 0..10 {
        assert_eq!(scene.job(&["-w", "0s"], "true").code(), Some(0));
    }
    let _holder = scene.job(&[], &wait_for("gate"));
    scene.until_queued(1);
    let mut job = scene.job(&["-w", "0"], "true");
    assert_eq!(job.code(), Some(1), "{}", job.log());
    assert_eq!(scene.queue().len(), 1, "it left a claim behind");
}

#[test]
fn a_number_without_a_unit_is_seconds() {
    let scene = Scene::sqlite();
    let _holder = scene.job(&[], &wait_for("gate"));
    scene.until_queued(1);
    let begun = Instant::now();
    assert_eq!(scene.job(&["-w", "1"], "true").code(), Some(1));
    assert!(begun.elapsed() >= Duration::from_secs(1), "after {:?}", begun.elapsed());
}

#[test]
fn a_command_without_dashes_or_without_a_shell_gets_a_hint() {
    let scene = Scene::sqlite();
    let output = scene.output(&["run", "lock", "/bin/true"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).contains("shylock run NAME -- COMMAND"), "{output:?}");
    let output = scene.output(&["run", "lock", "--", "true && true"]);
    assert_eq!(output.status.code(), Some(127));
    assert!(text(&output.stderr).contains("-- sh -c 'true && true'"), "{output:?}");
    let output = scene.output(&["run", "lock", "--", "nosuchprogram"]);
    assert!(!text(&output.stderr).contains("sh -c"), "{output:?}");
}

#[test]
fn a_command_that_would_wait_for_itself_is_refused() {
    let scene = Scene::sqlite();
    let inner = format!("{} run lock -- true", env!("CARGO_BIN_EXE_shylock"));
    let mut job = scene.job(&[], &inner);
    assert_eq!(job.code(), Some(64), "{}", job.log());
    assert!(job.log().contains("would wait for itself"), "{}", job.log());
    // Another name, another permit, or an attempt that does not wait.
    for (options, inner, code) in [
        (&[][..], "run other -- true", 0),
        (&["--permits", "2"], "run --permits 2 lock -- true", 0),
        (&[], "run -n lock -- true", 1),
    ] {
        let mut job = scene.job(options, &format!("{} {inner}", env!("CARGO_BIN_EXE_shylock")));
        assert_eq!(job.code(), Some(code), "{inner}: {}", job.log());
    }
}
