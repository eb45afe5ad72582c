//! The store that is meant, or a message.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::{Scene, bare, text};

#[test]
fn a_url_that_means_another_store_than_it_seems_is_refused() {
    let scene = Scene::sqlite();
    for (url, hint) in [
        ("", "SHYLOCK_URL is set and empty"),
        ("memory:", "would protect nothing"),
        ("sqlite://name.db", "sqlite:name.db"),
        ("sqlite:q.db?mode=ro", "no options"),
        ("sqlite::memory:", "would protect nothing"),
        ("sqlite:", "names no file"),
        ("redis://host", "`mongodb://`"),
    ] {
        for (command, hint) in [
            (bare().env("SHYLOCK_URL", url), hint),
            (bare().args(["--url", url]), if url.is_empty() { "--url is empty" } else { hint }),
        ] {
            command.current_dir(scene.path("")).env("HOME", scene.path("home")).env_remove("XDG_STATE_HOME");
            let output = command.args(["run", "lock", "--", "true"]).output().expect("it runs");
            assert_eq!(output.status.code(), Some(78), "{url:?}: {output:?}");
            assert!(text(&output.stderr).contains(hint), "{url:?}: {output:?}");
        }
    }
    let left: Vec<_> = scene.path("").read_dir().expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_password_does_not_go_on_to_the_command() {
    let scene = Scene::sqlite();
    let mut command = scene.shylock(&["run", "lock", "--", "sh", "-c", "env > seen"]);
    assert!(
        command.env("SHYLOCK_PASSWORD", "s3cr3t").env("OTHER", "kept").status().expect("it runs").success()
    );
    let seen = scene.read("seen");
    assert!(seen.contains("OTHER=kept") && !seen.contains("s3cr3t"), "{seen}");
}

/// A port that takes connections and answers nothing.
#[cfg(feature = "mongo")]
fn silent_store() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("mongodb://{}/locks", listener.local_addr().expect("an address"));
    (listener, url)
}

#[cfg(feature = "mongo")]
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

#[cfg(feature = "mongo")]
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
