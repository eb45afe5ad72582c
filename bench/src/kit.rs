//! How the worker of each contestant is started; what that needs is made here, once.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command as Blocking;

use shylock_bench_worker::Failure;
use tokio::process::Command;

use crate::contestant::Contestant;
use crate::{cache, run};

/// The packages of the Python contestant.
const PYTHON_PACKAGES: [&str; 2] = ["shylock==1.2.1", "pymongo>=4.9,<5"];

/// Where this package was built from.
const HOME: &str = env!("CARGO_MANIFEST_DIR");

/// The programs of the workers, or why there is none.
#[derive(Debug)]
pub(crate) struct Kit {
    own: PathBuf,
    peers: Result<PathBuf, String>,
    python: Result<PathBuf, String>,
}

impl Kit {
    pub(crate) fn prepare() -> Result<Self, Failure> {
        let own = env::current_exe()?;
        let peers = build_peers(&own).map_err(|error| format!("the peers cannot be built: {error}"));
        let python = install_python().map_err(|error| format!("Python's shylock cannot be had: {error}"));
        Ok(Self { own, peers, python })
    }

    /// The worker of a contestant over the store at this URL.
    pub(crate) fn command(&self, contestant: Contestant, url: &str) -> Result<Command, String> {
        let mut command = match contestant {
            Contestant::Bare
            | Contestant::BareWrite
            | Contestant::BareWriteInARow
            | Contestant::Shylock => {
                let mut command = Command::new(&self.own);
                command.args(["worker", contestant.word()]);
                command
            }
            Contestant::PythonShylock => {
                let mut command = Command::new(self.python.as_ref()?);
                command.arg(Path::new(HOME).join("python/worker.py"));
                command
            }
            peer => {
                let mut command = Command::new(self.peers.as_ref()?);
                command.arg(peer.word());
                command
            }
        };
        command.arg(url);
        Ok(command)
    }

    /// The versions of what takes part, for people.
    pub(crate) fn describe(&self) -> Vec<String> {
        let lock = include_str!("../peers/Cargo.lock");
        let crates = ["mongo-lock-async", "distributed-lock-mongo", "mongodb-lock", "rslock", "mongodb"];
        let crates: Vec<String> = crates
            .iter()
            .map(|name| format!("{name} {}", locked_version(lock, name).unwrap_or("?")))
            .collect();
        let peers = match &self.peers {
            Ok(_) => format!("the crates {}", crates.join(", ")),
            Err(why) => why.clone(),
        };
        let python = self.python.as_ref().map_err(String::clone).and_then(|python| {
            let script = "import platform, pymongo; print(platform.python_version(), pymongo.version)";
            let said =
                run::output(Blocking::new(python).args(["-c", script])).map_err(|error| error.to_string())?;
            let (python, pymongo) = said.split_once(' ').unwrap_or((&said, "?"));
            Ok(format!("shylock 1.2.1 for Python {python} with pymongo {pymongo}"))
        });
        vec![peers, python.unwrap_or_else(|why| why)]
    }
}

/// One of the peers needs the driver with another `bson` than shylock is built with, so they are built apart.
fn build_peers(own: &Path) -> Result<PathBuf, Failure> {
    eprintln!("building the peers, if they are not built yet");
    build(own, "peers/Cargo.toml", "peers", "shylock-bench-peers", &[])
}

/// The command line of this repository.
pub(crate) fn build_command() -> Result<PathBuf, Failure> {
    eprintln!("building the command line, if it is not built yet");
    build(&env::current_exe()?, "../Cargo.toml", "command", "shylock", &["-p", "shylock-cli"])
}

/// Builds a program of another package.
fn build(own: &Path, manifest: &str, folder: &str, program: &str, more: &[&str]) -> Result<PathBuf, Failure> {
    // This program is in a folder `release` of the target folder.
    let target = own.ancestors().nth(2).ok_or("no target folder")?.join(folder);
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(HOME).join(manifest);
    let mut build = Blocking::new(cargo);
    build.args(["build", "--release", "--locked", "--manifest-path"]).arg(manifest).args(more);
    // What `cargo run` tells this program about itself would make some crates build anew each time.
    for (name, _) in env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
            .iter()
            .any(|own| name.to_string_lossy().starts_with(own))
        {
            build.env_remove(name);
        }
    }
    run::output(build.arg("--target-dir").arg(&target))?;
    Ok(target.join("release").join(program))
}

fn install_python() -> Result<PathBuf, Failure> {
    let folder = cache::folder("python")?;
    let (python, done) = (folder.join("bin/python"), folder.join("installed"));
    if !done.is_file() {
        eprintln!("installing {} for Python, once", PYTHON_PACKAGES.join(" and "));
        run::output(Blocking::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        run::output(Blocking::new(&python).args(pip).args(PYTHON_PACKAGES))?;
        std::fs::write(done, PYTHON_PACKAGES.join("\n"))?;
    }
    Ok(python)
}

fn locked_version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("\nname = \"{name}\"\nversion = \""))?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::locked_version;

    #[test]
    fn the_version_is_that_of_the_very_crate() {
        let lock = "[[package]]\nname = \"rslock-x\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"rslock\"\nversion = \"0.10.0\"\n";
        assert_eq!(locked_version(lock, "rslock"), Some("0.10.0"));
        assert_eq!(locked_version(lock, "redlock"), None);
    }
}
