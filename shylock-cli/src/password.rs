//! Passwords: from the environment or a file into the URL, inside this process only.

use std::path::Path;
use std::{env, fs};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use shylock::StoreKind;

use crate::exit::{Code, Failure};

/// The password for the URL's user, if one was given apart from the URL.
pub(crate) fn given(file: Option<&Path>) -> Result<Option<String>, Failure> {
    if let Some(file) = file {
        return read(file).map(Some);
    }
    if let Some(password) = env::var_os("SHYLOCK_PASSWORD").filter(|password| !password.is_empty()) {
        let unreadable = |_| Failure::new(Code::Usage, "the password in SHYLOCK_PASSWORD is not valid UTF-8");
        return password.into_string().map(Some).map_err(unreadable);
    }
    match env::var_os("SHYLOCK_PASSWORD_FILE").filter(|file| !file.is_empty()) {
        Some(file) => read(Path::new(&file)).map(Some),
        None => Ok(None),
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(file).map_err(|error| {
        let message = format!("the password could not be read from {}: {error}", file.display());
        Failure::new(Code::Misconfigured, message)
    })?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    Ok(password.strip_suffix('\r').unwrap_or(password).to_owned())
}

/// Whether the URL itself holds a password.
pub(crate) fn is_in(url: &str) -> bool {
    !of(url).is_empty()
}

/// The spellings of the password that the URL holds, if any: as it stands there, and decoded.
pub(crate) fn of(url: &str) -> Vec<String> {
    let user = Parts::of(url).and_then(|parts| parts.user);
    let Some((_, password)) = user.and_then(|user| user.split_once(':')) else { return Vec::new() };
    vec![password.to_owned(), percent_decode_str(password).decode_utf8_lossy().into_owned()]
}

/// The URL with this password for its user. A URL of a file has no use for one.
pub(crate) fn put_into(url: &str, password: &str) -> Result<String, Failure> {
    let Some(Parts { scheme, user, rest }) = Parts::of(url) else { return Ok(url.to_owned()) };
    let wrong = |message: &str| Err(Failure::new(Code::Misconfigured, message));
    match user {
        None => wrong(
            "a password was given, and the URL names no user; write the URL as in mongodb://user@host/database",
        ),
        Some(user) if user.contains(':') => {
            wrong("a password was given, and the URL has one too; leave one of them out")
        }
        Some(user) => {
            Ok(format!("{scheme}://{user}:{}@{rest}", utf8_percent_encode(password, NON_ALPHANUMERIC)))
        }
    }
}

struct Parts<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    rest: &'a str,
}

impl<'a> Parts<'a> {
    /// `None` for URLs of files.
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        // An unknown scheme may be a misspelt one of a server.
        if StoreKind::of(url).is_some_and(|kind| !kind.is_server()) {
            return None;
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let user = rest[..end].rfind('@').map(|at| &rest[..at]);
        Some(Self { scheme, user, rest: user.map_or(rest, |user| &rest[user.len() + 1..]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_behind_the_user_and_is_encoded() {
        for (url, expected) in [
            ("mongodb://joe@a:1,b:2/locks?w=1", "mongodb://joe:p%40s%2Fs%3A%25@a:1,b:2/locks?w=1"),
            ("mongodb+srv://j%40e@host", "mongodb+srv://j%40e:p%40s%2Fs%3A%25@host"),
            ("sqlite:///tmp/joe@home", "sqlite:///tmp/joe@home"),
            ("sqlite:locks.db", "sqlite:locks.db"),
        ] {
            assert_eq!(put_into(url, "p@s/s:%").expect("a URL"), expected);
        }
    }

    #[test]
    fn a_url_without_a_user_or_with_a_password_takes_none() {
        for url in ["mongodb://host/locks?x=a@b", "mongodb://joe:old@host/locks", "mongodb://joe:@host/locks"]
        {
            let failure = put_into(url, "s3cret").expect_err("refused");
            assert_eq!(failure.code, Code::Misconfigured);
            assert!(!failure.message.contains("s3cret") && !failure.message.contains("old"), "{failure:?}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_seen() {
        assert!(is_in("mongodb://joe:pw@host/locks"));
        assert!(!is_in("mongodb://joe@host:1/locks"));
        assert!(!is_in("mongodb://host:1/locks"));
        assert!(!is_in("sqlite:/a:b@c"));
    }
}
