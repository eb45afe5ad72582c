//! The official Python client, and the Python shylock, work with the emulator unchanged.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python");
const NEEDED: &str = "this test needs python3 (3.9 or newer) with its venv module and pip, and access to a Python \
                      package index: on Debian, `apt-get install python3 python3-venv`";

/// The emulator as a program, which ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn python_clients_work_unchanged() {
    let python = environment();
    let (_server, url) = serve();
    let script = Path::new(FOLDER).join("clients.py");
    let output = Command::new(python)
        .arg(script)
        .args([&url, "root", "openSesame"])
        .output()
        .expect("the interpreter of the virtual environment runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("all well"), "{out}\n{err}");
}

fn serve() -> (Server, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_shylock-arango-emulator"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the emulator starts");
    let mut url = String::new();
    let stdout = child.stdout.take().expect("its output");
    let server = Server(child);
    BufReader::new(stdout).read_line(&mut url).expect("its address");
    (server, url.trim().to_owned())
}

/// A virtual environment with the pinned packages; it is kept for the next run.
fn environment() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-clients");
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    let requirements = Path::new(FOLDER).join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).expect("the requirements");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && python.exists() {
        return python;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run(Command::new(&python).args(pip).arg(&requirements));
    std::fs::write(stamp, wanted).expect("a note of what is installed");
    python
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}\n{NEEDED}"));
    assert!(output.status.success(), "{command:?}: {}\n{NEEDED}", String::from_utf8_lossy(&output.stderr));
}
