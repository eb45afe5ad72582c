//! On a terminal and not: what is shown, and who has the keyboard.

use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::{LONG, Scene, heeding_signals, is_alive, until, wait_for};

/// A command on a pseudo-terminal, by script(1).
struct Session {
    child: Child,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Session {
    fn begin(scene: &Scene, command: &str) -> Self {
        let mut script = heeding_signals("script");
        script.args(["-qefc", command, "/dev/null"]).current_dir(scene.path(""));
        script
            .env("SHYLOCK_URL", scene.url())
            .env("SHYLOCK", env!("CARGO_BIN_EXE_shylock"))
            .env("SHELL", "/bin/sh");
        let mut child =
            script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script(1) starts");
        let shown = Arc::<Mutex<Vec<u8>>>::default();
        let (mut stdout, screen) = (child.stdout.take().expect("stdout"), shown.clone());
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(read @ 1..) = stdout.read(&mut buffer) {
                screen.lock().expect("a screen").extend(&buffer[..read]);
            }
        });
        Self { child, shown }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().expect("a screen")).into_owned()
    }

    fn until_shown(&self, words: &str) {
        until(words, LONG, || self.shown().contains(words));
    }

    fn press(&mut self, keys: &str) {
        self.child.stdin.as_mut().expect("stdin").write_all(keys.as_bytes()).expect("a keyboard");
    }

    fn code(&mut self) -> Option<i32> {
        let mut code = None;
        until("the end of a session", LONG, || {
            code = self.child.try_wait().expect("a child");
            code.is_some()
        });
        code.and_then(|status| status.code())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_log_has_a_line_at_the_start_and_one_at_the_end() {
    let scene = Scene::sqlite();
    let mut holder = scene.job(&["--label", "the holder"], &wait_for("gate"));
    scene.until_queued(1);
    let mut waiter = scene.job(&[], "true");
    until("the first line", LONG, || waiter.log().contains('\n'));
    scene.touch("gate");
    assert_eq!(holder.code(), Some(0));
    assert_eq!(waiter.code(), Some(0));
    let log = waiter.log();
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.contains("place 1 of 1; held by ") && log.contains("the holder)"), "{log}");
    assert!(log.lines().all(|line| line.starts_with("shylock: ")) && log.contains("got lock after"), "{log}");
    assert!(!log.contains(['\x1b', '\r']), "{log:?}");
    assert_eq!(holder.log(), "", "who need not wait says nothing");
}

#[test]
fn a_quiet_one_says_nothing() {
    let scene = Scene::sqlite();
    let _holder = scene.job(&[], &wait_for("gate"));
    scene.until_queued(1);
    let mut waiter = scene.job(&["-q", "-w", "1s"], "true");
    assert_eq!(waiter.code(), Some(1));
    assert_eq!(waiter.log(), "");
}

#[test]
fn a_terminal_has_one_line_that_is_kept_up_to_date() {
    let scene = Scene::sqlite();
    let mut holder = scene.job(&["--label", "the holder"], &wait_for("gate"));
    scene.until_queued(1);
    let mut session = Session::begin(&scene, "$SHYLOCK run lock -- echo done");
    session.until_shown("the holder)");
    let times = || session.shown().matches("\r\x1b[K").count();
    until("the line to be written anew", LONG, || times() >= 3);
    scene.touch("gate");
    assert_eq!(holder.code(), Some(0));
    assert_eq!(session.code(), Some(0));
    session.until_shown("done\r\n");
    let shown = session.shown();
    assert_eq!(shown.matches("\r\n").count(), 2, "got and done: {shown:?}");
    assert!(shown.contains("\r\x1b[Kshylock: got lock after"), "{shown:?}");
}

#[test]
fn the_command_has_the_keyboard() {
    let scene = Scene::sqlite();
    let mut session =
        Session::begin(&scene, "$SHYLOCK run lock -- sh -c 'echo ready; read line; echo \"<$line>\"'");
    session.until_shown("ready");
    session.press("typed\n");
    session.until_shown("<typed>");
    assert_eq!(session.code(), Some(0));
}

#[test]
fn the_key_that_interrupts_ends_the_command_and_gives_the_lock_back() {
    let scene = Scene::sqlite();
    let script = "$SHYLOCK run lock -- sh -c 'echo $$ > child; echo ready; while :; do sleep 0.1; done'";
    let mut session = Session::begin(&scene, script);
    session.until_shown("ready");
    session.press("\x03");
    assert_eq!(session.code(), Some(130));
    assert!(!is_alive(&scene.line_of("child")));
    assert_eq!(scene.queue().len(), 0);
}

#[test]
fn a_suspended_job_goes_on_if_it_still_has_its_lock() {
    let scene = Scene::sqlite();
    let mut session = Session::begin(&scene, "bash --norc -i");
    session.press(&format!(
        "$SHYLOCK run lock -- sh -c 'echo $$ > child; {}; read line; echo \"<$line>\"'\n",
        wait_for("gate")
    ));
    let child = scene.line_of("child");
    session.press("\x1a");
    session.until_shown("Stopped");
    assert_eq!(scene.queue().len(), 1);
    session.press("fg\n");
    scene.touch("gate");
    session.press("typed\n");
    session.until_shown("<typed>");
    until("the end of the job", LONG, || !is_alive(&child));
    until("the lock to be free", LONG, || scene.queue().is_empty());
    session.press("exit\n");
    session.code();
}

#[test]
fn a_suspended_job_that_has_lost_its_lock_does_not_wake_up() {
    let scene = Scene::sqlite();
    let mut session = Session::begin(&scene, "bash --norc -i");
    let script = "echo $$ > child; while :; do sleep 0.02; [ -e gate ] && echo x > never; done";
    session.press(&format!("$SHYLOCK run --ttl 4s lock -- sh -c '{script}'\n"));
    let child = scene.line_of("child");
    session.press("\x1a");
    session.until_shown("Stopped");
    until("the lease to lapse", LONG, || scene.queue().is_empty());
    scene.touch("gate");
    session.press("fg; echo code $?\n");
    session.until_shown("code 75");
    assert!(!is_alive(&child) && !scene.has("never"));
    session.press("exit\n");
    session.code();
}

#[test]
fn a_pipeline_leaves_the_keyboard_to_the_others() {
    let scene = Scene::sqlite();
    let command = format!("echo begun; {}", wait_for("gate"));
    let reader = "read begun; echo ready; read line < /dev/tty; echo \"<$line>\"; echo > gate";
    let mut session =
        Session::begin(&scene, &format!("$SHYLOCK run lock -- sh -c '{command}' | sh -c '{reader}'"));
    session.until_shown("ready");
    session.press("typed\n");
    session.until_shown("<typed>");
    assert_eq!(session.code(), Some(0));
}

#[test]
fn a_command_in_a_pipeline_gets_the_keyboard_when_it_asks() {
    let scene = Scene::sqlite();
    let pipeline = "$SHYLOCK run lock -- sh -c 'echo ready; read line < /dev/tty; echo \"<$line>\"' | cat";
    let mut session = Session::begin(&scene, pipeline);
    session.until_shown("ready");
    session.press("typed\n");
    session.until_shown("<typed>");
    assert_eq!(session.code(), Some(0));
}
