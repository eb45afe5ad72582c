//! Exit codes, and what the command finds in its environment.

use std::time::Instant;

use crate::support::{Scene, bare, text, wait_for};

#[test]
fn the_code_is_that_of_the_command() {
    let scene = Scene::sqlite();
    for (script, code) in
        [("true", 0), ("exit 3", 3), ("exit 200", 200), ("kill -TERM $$", 143), ("kill -KILL $$", 137)]
    {
        assert_eq!(scene.job(&[], script).code(), Some(code), "{script}");
        assert_eq!(scene.queue().len(), 0);
    }
    for (command, code) in [("/no/such/command", 127), ("/", 126)] {
        let output = scene.output(&["run", "lock", "--", command]);
        assert_eq!(output.status.code(), Some(code));
        assert!(text(&output.stderr).contains(command), "{output:?}");
        assert_eq!(scene.queue().len(), 0);
    }
}

#[test]
fn a_lock_that_is_not_granted_has_a_code_of_its_own() {
    let scene = Scene::sqlite();
    let mut holder = scene.job(&[], &wait_for("gate"));
    scene.until_queued(1);
    for (options, code) in [
        (&["-n"][..], 1),
        (&["--no-wait", "-E", "9"], 9),
        (&["--wait", "100ms"], 1),
        (&["-w", "100ms", "--conflict-exit-code", "42"], 42),
    ] {
        let mut job = scene.job(options, "echo never > never");
        assert_eq!(job.code(), Some(code), "{}", job.log());
        assert_eq!(scene.queue().len(), 1, "{options:?} left a claim behind");
    }
    scene.touch("gate");
    assert_eq!(holder.code(), Some(0));
    assert!(!scene.has("never"));
}

#[test]
fn a_wrong_command_line_is_64_and_a_store_that_cannot_be_is_78() {
    let scene = Scene::sqlite();
    for arguments in [&["bogus"][..], &["run", "lock"], &["evict", "lock", "x"]] {
        assert_eq!(scene.output(arguments).status.code(), Some(64), "{arguments:?}");
    }
    for url in ["nosuch://host", "sqlite:/no/such/folder/locks.db"] {
        assert_eq!(scene.output(&["--url", url, "list"]).status.code(), Some(78), "{url}");
    }
}

#[test]
fn the_command_finds_the_name_and_a_growing_token() {
    let scene = Scene::sqlite();
    let token = || {
        let output = scene.output(&[
            "run",
            "a name",
            "--",
            "sh",
            "-c",
            "echo \"$SHYLOCK_NAME/$SHYLOCK_FENCING_TOKEN\"",
        ]);
        let out = text(&output.stdout);
        let (name, token) = out.trim().split_once('/').expect("name and token");
        assert_eq!(name, "a name");
        token.parse::<u64>().expect("a number")
    };
    assert!(token() < token());
}

#[test]
fn a_quick_command_keeps_the_lock_as_long_as_it_shall() {
    let scene = Scene::sqlite();
    let began = Instant::now();
    assert_eq!(scene.job(&["--min-hold", "6s"], "true").code(), Some(0));
    assert_eq!(scene.queue().len(), 1, "it was given back after {:?}", began.elapsed());
    assert_eq!(scene.job(&[], "true").code(), Some(0));
    assert!(began.elapsed().as_secs() >= 6);
}

#[test]
fn without_a_url_the_locks_are_in_the_state_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::sqlite();
    let run = |name: &str, value: &str| {
        let mut command = bare();
        command.env_remove("XDG_STATE_HOME").env("HOME", "/no/such/home").env(name, value);
        command.args(["run", "lock", "--", "true"]).output().expect("it runs")
    };
    let private = |file: &str| {
        let mode = scene.path(file).metadata().expect(file).permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file}");
    };
    let home = scene.path("home");
    assert!(run("HOME", home.to_str().expect("UTF-8")).status.success());
    private("home/.local/state/shylock");
    private("home/.local/state/shylock/locks.db");
    let state = scene.path("state");
    assert!(run("XDG_STATE_HOME", state.to_str().expect("UTF-8")).status.success());
    private("state/shylock");
    private("state/shylock/locks.db");
}
