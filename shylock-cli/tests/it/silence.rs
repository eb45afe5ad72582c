//! Stores that are not there, or do not answer.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::{bare, text};

/// A port that takes connections and answers nothing.
fn silent_store() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("mongodb://{}/locks", listener.local_addr().expect("an address"));
    (listener, url)
}

#[test]
fn a_store_that_never_answers_is_given_up_in_the_time_of_the_waiting() {
    let (_listener, url) = silent_store();
    for (arguments, least, most) in [
        (&["run", "-w", "3s", "lock", "--", "true"][..], 2, 4),
        (&["run", "-w", "1ms", "lock", "--", "true"], 0, 3),
        (&["run", "-n", "lock", "--", "true"], 4, 7),
        (&["status", "lock"], 8, 12),
        (&["list"], 8, 12),
    ] {
        let begun = Instant::now();
        let output = bare().env("SHYLOCK_URL", &url).args(arguments).output().expect("it runs");
        let took = begun.elapsed();
        assert_eq!(output.status.code(), Some(69), "{output:?}");
        let times = Duration::from_secs(least)..Duration::from_secs(most);
        assert!(times.contains(&took), "{arguments:?} took {took:?}");
    }
}

#[test]
fn a_refused_connection_is_told_from_a_silent_store() {
    let closed = silent_store().1;
    let (_listener, silent) = silent_store();
    let said = |url: &str| {
        let output = bare().env("SHYLOCK_URL", url).args(["run", "-w", "2s", "lock", "--", "true"]).output();
        text(&output.expect("it runs").stderr)
    };
    assert!(said(&closed).contains("refused"), "{}", said(&closed));
    assert!(!said(&silent).contains("refused"), "{}", said(&silent));
}
