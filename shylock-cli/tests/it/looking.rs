//! `status`, `list`, `evict`, and the pages.

use serde_json::Value;

use crate::support::{Scene, text, wait_for};

const NO_CLAIM: &str = "00000000000000000000000000000000";

#[test]
fn status_tells_who_holds_and_who_waits() {
    let scene = Scene::sqlite();
    assert_eq!(scene.output(&["status", "lock"]).status.code(), Some(1));
    let _holder = scene.job(&["--label", "the \x1b[31mholder"], &wait_for("gate"));
    scene.until_queued(1);
    let _waiter = scene.job(&["--permits", "3", "--label", "the waiter"], "true");
    scene.until_queued(2);

    let status = scene.output(&["status", "lock"]);
    assert_eq!(status.status.code(), Some(0));
    let table = text(&status.stdout);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[1].starts_with("holds") && lines[1].contains("exclusive"), "{table}");
    assert!(lines[2].starts_with("waits (1)") && lines[2].contains("shared (3)"), "{table}");
    assert!(lines[2].ends_with("the waiter)"), "{table}");
    assert!(!table.contains('\x1b'), "a label spoke to the terminal: {table:?}");

    let [holder, waiter] = &scene.queue()[..] else { panic!("two claims") };
    assert_eq!(holder["granted"], true);
    assert_eq!((&holder["mode"], &holder["max_holders"]), (&Value::from("exclusive"), &Value::Null));
    assert_eq!((&waiter["mode"], &waiter["max_holders"]), (&Value::from("shared"), &Value::from(3)));
    assert_eq!(waiter["granted"], false);
    for claim in [holder, waiter] {
        assert!(claim["fencing_token"].is_u64() && claim["leaving"] == false, "{claim}");
        assert!(claim["joined_ago_ms"].as_u64() < Some(60_000), "{claim}");
        assert!((1..=30_000).contains(&claim["expires_in_ms"].as_u64().expect("milliseconds")));
        assert!(claim["owner"]["pid"].is_u64() && claim["owner"]["host"].is_string());
    }
}

#[test]
fn list_tells_the_locks_that_begin_with_a_prefix() {
    let scene = Scene::sqlite();
    let mut jobs = Vec::new();
    for name in ["a/1", "a/2", "b"] {
        let script = format!("echo x > {}; {}", name.replace('/', ""), wait_for("gate"));
        jobs.push(scene.job_of(scene.shylock(&["run", name, "--", "sh", "-c", &script])));
        scene.line_of(&name.replace('/', ""));
    }
    let names = |arguments: &[&str]| {
        let listed: Value = serde_json::from_slice(&scene.output(arguments).stdout).expect("JSON");
        let name = |lock: &Value| lock["name"].as_str().map(str::to_owned);
        listed.as_array().expect("locks").iter().filter_map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(&["list", "--json"]), ["a/1", "a/2", "b"]);
    assert_eq!(names(&["list", "--json", "--prefix", "a/"]), ["a/1", "a/2"]);
    let table = text(&scene.output(&["list", "--prefix", "b"]).stdout);
    assert_eq!(table.lines().count(), 2, "{table}");
    scene.touch("gate");
    for job in &mut jobs {
        assert_eq!(job.code(), Some(0));
    }
    assert_eq!(names(&["list", "--json"]), Vec::<String>::new());
}

#[test]
fn evict_says_what_it_did() {
    let scene = Scene::sqlite();
    let _holder = scene.job(&[], &wait_for("gate"));
    scene.until_queued(1);
    let unknown = scene.output(&["evict", "lock", NO_CLAIM]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("there is no claim"), "{unknown:?}");
    assert_eq!(scene.queue().len(), 1);

    let claim = scene.queue()[0]["claim"].as_str().expect("a claim").to_owned();
    let evicted = scene.output(&["evict", "lock", &claim]);
    assert_eq!(evicted.status.code(), Some(0), "{evicted:?}");
    let said = text(&evicted.stdout);
    assert!(said.contains(&claim) && said.contains("which held lock"), "{said}");
}

#[test]
fn the_pages_tell_the_subcommands_and_the_exit_codes() {
    let scene = Scene::sqlite();
    for arguments in [&["--help"][..], &["run", "--help"], &["man"], &["man", "run"]] {
        let page = text(&scene.output(arguments).stdout);
        for word in ["128", "75", "124", "78"] {
            assert!(page.contains(word), "{arguments:?} does not mention {word}");
        }
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&scene.output(&["completions", shell]).stdout);
        assert!(script.contains("min-hold"), "{shell}");
        assert!(!script.contains("supervise"), "{shell} completes what is internal");
    }
    assert_eq!(scene.output(&["man", "supervise"]).status.code(), Some(64));
}
