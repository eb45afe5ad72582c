//! Where servers may come from.

use std::{env, ffi::OsString, path::PathBuf, str::FromStr, time::Duration};

use super::Error;
use crate::{engine, variable};

/// The image that is used when none is named.
const DEFAULT_IMAGE: &str = "mongo:6.0";

/// A place where a server can come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A server that runs already, named by `SHYLOCK_TEST_MONGO_URL`.
    Env,
    /// A container, through testcontainers.
    Docker,
    /// A `mongod` on the `PATH`.
    Path,
    /// A `mongod` out of a wheel of the Python index.
    Wheel,
}

impl Source {
    /// Every source, in the order in which they are tried.
    pub(super) const ALL: [Self; 4] = [Self::Env, Self::Docker, Self::Path, Self::Wheel];

    /// The word for it in `SHYLOCK_TEST_SERVERS`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::Docker => "docker",
            Self::Path => "path",
            Self::Wheel => "wheel",
        }
    }
}

impl FromStr for Source {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|source| source.word() == word).ok_or_else(|| {
            Error::Setting(format!("SHYLOCK_TEST_SERVERS is `{word}`; it may be env, docker, path or wheel"))
        })
    }
}

/// Where servers may come from, and where their files go.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server that runs already: `SHYLOCK_TEST_MONGO_URL`.
    pub url: Option<String>,
    /// The only source that may be used: `SHYLOCK_TEST_SERVERS`.
    pub source: Option<Source>,
    /// The image for containers: `SHYLOCK_TEST_MONGO_IMAGE`.
    pub image: Option<String>,
    /// The folders that may hold a `mongod`: `PATH`.
    pub path: OsString,
    /// The folder for downloads: `shylock-testing` in `XDG_CACHE_HOME` or `~/.cache`.
    pub cache: PathBuf,
    /// The folder for the data of servers: `shylock-testing-<user>` in the folder for temporary files.
    pub state: PathBuf,
    /// How long a shared server stays when nobody uses it.
    pub linger: Duration,
}

impl Settings {
    /// What the environment says.
    ///
    /// # Errors
    ///
    /// If `SHYLOCK_TEST_SERVERS` names no source.
    pub fn from_env() -> Result<Self, Error> {
        let user = rustix::process::getuid().as_raw();
        let temporary = env::temp_dir();
        Ok(Self {
            url: variable("SHYLOCK_TEST_MONGO_URL"),
            source: variable("SHYLOCK_TEST_SERVERS").map(|word| word.parse()).transpose()?,
            image: variable("SHYLOCK_TEST_MONGO_IMAGE"),
            path: env::var_os("PATH").unwrap_or_default(),
            cache: cache_folder().unwrap_or_else(|| temporary.clone()).join("shylock-testing"),
            state: temporary.join(format!("shylock-testing-{user}")),
            linger: Duration::from_secs(60),
        })
    }

    /// The sources to try, in order.
    pub(super) fn sources(&self) -> Vec<Source> {
        self.source.map_or(Source::ALL.to_vec(), |only| vec![only])
    }

    /// The image for containers, as name and tag.
    pub(super) fn image(&self) -> (&str, &str) {
        engine::name_and_tag(self.image.as_deref().unwrap_or(DEFAULT_IMAGE))
    }

    /// Whether the user wants Docker and nothing else.
    pub(super) fn insists_on_docker(&self) -> bool {
        self.source == Some(Source::Docker) || self.image.is_some()
    }
}

fn cache_folder() -> Option<PathBuf> {
    let folder = |name| env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_source_is_refused_with_the_words_that_are_known() {
        let error = "podman".parse::<Source>().unwrap_err().to_string();
        assert!(error.contains("SHYLOCK_TEST_SERVERS") && error.contains("wheel"), "{error}");
    }
}
