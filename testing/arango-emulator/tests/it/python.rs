//! The official Python client, and the Python shylock, work with the emulator unchanged.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Program;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python");
const NEEDED: &str = "this test needs python3 (3.9 or newer) with pip, and access to a Python package index: on \
                      Debian, `apt-get install python3 python3-pip`";

#[test]
fn python_clients_work_unchanged() {
    let packages = packages();
    let server = Program::start();
    let script = Path::new(FOLDER).join("clients.py");
    let output = Command::new("python3")
        .env("PYTHONPATH", packages)
        .arg(script)
        .args([&server.url, "root", "openSesame"])
        .output()
        .expect("python3 runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("all well"), "{out}\n{err}");
}

/// A folder with the pinned packages; it is kept for the next run.
fn packages() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-packages");
    let stamp = folder.join("requirements.txt");
    let requirements = Path::new(FOLDER).join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).expect("the requirements");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return folder;
    }
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"];
    run(Command::new("python3").args(pip).arg("--target").arg(&folder).arg("-r").arg(&requirements));
    std::fs::write(stamp, wanted).expect("a note of what is installed");
    folder
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}\n{NEEDED}"));
    assert!(output.status.success(), "{command:?}: {}\n{NEEDED}", String::from_utf8_lossy(&output.stderr));
}
