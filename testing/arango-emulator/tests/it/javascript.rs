//! The official JavaScript driver works with the emulator unchanged.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Program;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/javascript");
const NEEDED: &str = "this test needs Node.js (18 or newer) with npm, and access to a registry of npm: on Debian, \
                      `apt-get install nodejs npm`";

#[test]
fn the_javascript_driver_works_unchanged() {
    let folder = packages();
    let server = Program::start();
    let output = Command::new("node")
        .current_dir(&folder)
        .args(["driver.mjs", &server.url, "root", "openSesame"])
        .output()
        .unwrap_or_else(|error| panic!("node: {error}\n{NEEDED}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("all well"), "{out}\n{err}\n{NEEDED}");
}

/// A folder with the script and the pinned packages; the packages are kept for the next run.
fn packages() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("javascript-packages");
    std::fs::create_dir_all(&folder).expect("a folder");
    let given = |name: &str| Path::new(FOLDER).join(name);
    std::fs::copy(given("driver.mjs"), folder.join("driver.mjs")).expect("a script");
    let wanted = std::fs::read_to_string(given("package-lock.json")).expect("the pinned packages");
    let stamp = folder.join("installed.json");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return folder;
    }
    for name in ["package.json", "package-lock.json"] {
        std::fs::copy(given(name), folder.join(name)).expect("the pinned packages");
    }
    let mut npm = Command::new("npm");
    npm.current_dir(&folder).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    let output = npm.output().unwrap_or_else(|error| panic!("npm: {error}\n{NEEDED}"));
    assert!(output.status.success(), "npm: {}\n{NEEDED}", String::from_utf8_lossy(&output.stderr));
    std::fs::write(stamp, wanted).expect("a note of what is installed");
    folder
}
