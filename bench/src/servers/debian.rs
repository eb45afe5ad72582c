//! Programs from Debian's packages, unpacked and not installed: that needs no rights and starts no service.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use shylock_bench_worker::Failure;

use crate::{cache, run};

/// A program, and the folder with the libraries that came with it.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) libraries: PathBuf,
}

/// The program on the `PATH`, or else the one in Debian's packages.
pub(crate) fn program(name: &str, packages: &[&str]) -> Result<Program, Failure> {
    let path = env::var_os("PATH").unwrap_or_default();
    if let Some(path) = env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file()) {
        return Ok(Program { path, libraries: PathBuf::new() });
    }
    let folder = cache::folder(&format!("debian-{name}"))?;
    let path = folder.join("usr/bin").join(name);
    if !path.is_file() {
        eprintln!("fetching {name} from Debian's packages, once");
        unpack(&folder, packages).map_err(|error| {
            format!("{name} is not on the PATH, and Debian's packages cannot be had: {error}")
        })?;
    }
    Ok(Program { path, libraries: folder.join(format!("usr/lib/{}-linux-gnu", env::consts::ARCH)) })
}

fn unpack(folder: &Path, packages: &[&str]) -> Result<(), Failure> {
    run::output(Command::new("apt-get").args(["download", "--quiet"]).args(packages).current_dir(folder))?;
    for file in folder.read_dir()? {
        let file = file?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            run::output(Command::new("dpkg-deb").arg("--extract").arg(&file).arg(folder))?;
        }
    }
    Ok(())
}
