//! What signals to `shylock run` do.

use std::os::unix::process::ExitStatusExt as _;

use crate::support::{Scene, is_alive, wait_for};

const ENDING: [(&str, i32); 3] = [("INT", 2), ("TERM", 15), ("HUP", 1)];

#[test]
fn a_signal_ends_the_waiting_and_leaves_the_queue() {
    let scene = Scene::sqlite();
    let mut holder = scene.job(&[], &wait_for("gate"));
    scene.until_queued(1);
    for (signal, number) in ENDING {
        let mut waiter = scene.job(&[], "echo never > never");
        scene.until_queued(2);
        waiter.signal(signal);
        assert_eq!(waiter.code(), Some(128 + number), "{}", waiter.log());
        assert_eq!(scene.queue().len(), 1, "{signal} left a claim behind");
    }
    scene.touch("gate");
    assert_eq!(holder.code(), Some(0));
    assert_eq!(scene.queue().len(), 0);
    assert!(!scene.has("never"));
}

#[test]
fn a_signal_is_passed_on_to_the_whole_group() {
    for (signal, number) in ENDING {
        let scene = Scene::sqlite();
        let script = "sh -c 'echo $$ > grandchild; while :; do sleep 0.1; done' ; echo never > never";
        let mut job = scene.job(&[], script);
        let grandchild = scene.line_of("grandchild");
        job.signal(signal);
        assert_eq!(job.code(), Some(128 + number), "{}", job.log());
        assert!(!is_alive(&grandchild) && !scene.has("never"));
        assert_eq!(scene.queue().len(), 0);
    }
}

#[test]
fn a_command_may_answer_a_signal_as_it_likes() {
    for signal in ["TERM", "USR1", "USR2", "QUIT"] {
        let scene = Scene::sqlite();
        let script = format!("trap 'exit 7' {signal}; echo x > ready; while :; do sleep 0.1; done");
        let mut job = scene.job(&[], &script);
        scene.line_of("ready");
        job.signal(signal);
        assert_eq!(job.code(), Some(7), "{}", job.log());
        assert_eq!(scene.queue().len(), 0);
    }
}

#[test]
fn what_is_ignored_from_the_start_stays_so() {
    let scene = Scene::sqlite();
    let mut shell = std::process::Command::new("sh");
    shell.env("SHYLOCK_URL", scene.url()).current_dir(scene.path(""));
    shell.args([
        "-c",
        "trap '' HUP; exec \"$@\"",
        "sh",
        env!("CARGO_BIN_EXE_shylock"),
        "run",
        "lock",
        "--",
        "sh",
        "-c",
    ]);
    shell.arg(format!("echo x > ready; {}", wait_for("gate")));
    let mut job = scene.job_of(shell);
    scene.line_of("ready");
    job.signal("HUP");
    scene.touch("gate");
    assert_eq!(job.code(), Some(0), "{}", job.log());
}

/// As a shell that was interrupted must see it, or its loops go on.
#[test]
fn it_dies_of_the_signal_of_which_the_command_died() {
    for (signal, number) in ENDING {
        let scene = Scene::sqlite();
        let mut job = scene.job(&[], "echo x > ready; while :; do sleep 0.1; done");
        scene.line_of("ready");
        job.signal(signal);
        assert_eq!(job.wait().signal(), Some(number), "{}", job.log());
        assert_eq!(scene.queue().len(), 0);
    }
    let scene = Scene::sqlite();
    assert_eq!(scene.job(&[], "exit 130").wait().code(), Some(130), "an exit code is no signal");
}

#[test]
fn a_shell_loop_ends_with_the_key_that_interrupts() {
    let scene = Scene::sqlite();
    let mut shell = crate::support::heeding_signals("bash");
    shell.env("SHYLOCK_URL", scene.url()).current_dir(scene.path(""));
    let run = format!("{} run lock -- sh -c 'echo x >> begun; sleep 60'", env!("CARGO_BIN_EXE_shylock"));
    shell.args(["-c", &format!("trap - INT; for i in 1 2 3; do {run}; done")]);
    let mut shell = scene.job_of(shell);
    scene.line_of("begun");
    // The key sends it to both.
    shell.signal("INT");
    crate::support::send("INT", &shell.supervisor());
    assert_eq!(shell.code(), Some(130), "{}", shell.log());
    assert_eq!(scene.read("begun"), "x\n", "the loop went on");
}
