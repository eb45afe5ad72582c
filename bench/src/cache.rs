//! The folder for what a run fetches once.

use std::path::PathBuf;
use std::{env, fs, io};

/// The folder of this name in the user's cache, made if it is not there.
pub(crate) fn folder(name: &str) -> io::Result<PathBuf> {
    let variable = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = variable("XDG_CACHE_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(env::temp_dir);
    let folder = cache.join("shylock-bench").join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
