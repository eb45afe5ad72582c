//! The store that is meant, or a message.

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
