//! From a URL to the address of a database and the log-in for it.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use shylock_core::{BackendError, BackendErrorKind};
use url::Url;

/// What a URL says.
#[derive(Clone)]
pub(crate) struct Address {
    /// Of the server, with a slash at its end.
    pub(crate) server: Url,
    /// Of the database, with a slash at its end.
    pub(crate) database: Url,
    /// The name and the password, if there is a user.
    pub(crate) user: Option<(String, String)>,
}

/// The server's own port, not that of HTTP.
const PORT: u16 = 8529;

impl Address {
    /// No error shows any part of the URL: each might be a part of the password.
    pub(crate) fn parse(url: &str) -> Result<Self, BackendError> {
        let parsed = Url::parse(url).map_err(|_| malformed(FORM))?;
        let scheme = match parsed.scheme() {
            "arangodb" => "http",
            "arangodbs" => "https",
            _ => return Err(malformed("it begins with arangodb://, or with arangodbs:// for TLS")),
        };
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(malformed(
                "it ends with the name of the database; options are given by ArangoOptions",
            ));
        }
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or_else(|| malformed(FORM))?;
        let port = parsed.port().unwrap_or(PORT);
        let server = Url::parse(&format!("{scheme}://{host}:{port}/"))
            .map_err(|_| malformed("the name of the host is invalid"))?;
        let name = database_name(&parsed)?;
        let path = format!("_db/{}/", utf8_percent_encode(&name, NON_ALPHANUMERIC));
        let database = server.join(&path).map_err(|_| malformed(FORM))?;
        Ok(Self { server, database, user: user(&parsed)? })
    }
}

fn database_name(url: &Url) -> Result<String, BackendError> {
    let path = url.path().strip_prefix('/').unwrap_or_default();
    match path {
        "" => Err(malformed("it names no database; put one at its end, as in arangodb://host/projectdb")),
        path if path.contains(['/', '@', ':']) => Err(malformed(FORM)),
        path => {
            let name = decoded(path)?;
            let fits = !name.contains(['/', ':'])
                && !name.chars().any(char::is_control)
                && !matches!(&*name, "." | "..");
            if fits { Ok(name) } else { Err(malformed("the name of the database is invalid")) }
        }
    }
}

fn user(url: &Url) -> Result<Option<(String, String)>, BackendError> {
    if url.username().is_empty() {
        let nobody = url.password().is_none();
        return if nobody { Ok(None) } else { Err(malformed("it has a password, but no user")) };
    }
    Ok(Some((decoded(url.username())?, decoded(url.password().unwrap_or_default())?)))
}

fn decoded(text: &str) -> Result<String, BackendError> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| malformed("its %XX are no UTF-8"))?;
    Ok(text.into_owned())
}

const FORM: &str = "it reads arangodb://user:password@host:port/database, and special characters in the user name, the \
                    password and the database must be percent-encoded";

fn malformed(why: &str) -> BackendError {
    BackendError::new(BackendErrorKind::Misconfigured, format!("the ArangoDB URL is malformed: {why}"))
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("database", &self.database.as_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn parse(url: &str) -> Address {
        Address::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn a_url_says_where_and_who() {
        let address = parse("arangodb://joe:p%40ss%2Fw%C3%B6rd@db.example:1234/locks");
        assert_eq!(address.server.as_str(), "http://db.example:1234/");
        assert_eq!(address.database.as_str(), "http://db.example:1234/_db/locks/");
        assert_eq!(address.user, Some(("joe".into(), "p@ss/wörd".into())));
    }

    #[test]
    fn a_url_may_say_less() {
        assert_eq!(parse("arangodb://host/a").database.as_str(), "http://host:8529/_db/a/");
        assert_eq!(parse("arangodb://host:80/a").server.as_str(), "http://host/");
        assert_eq!(parse("arangodb://host/a").user, None);
        assert_eq!(parse("arangodb://joe@host/a").user, Some(("joe".into(), String::new())));
        assert_eq!(parse("arangodbs://host/a").database.as_str(), "https://host:8529/_db/a/");
        assert_eq!(parse("arangodb://[::1]:9/_system").database.as_str(), "http://[::1]:9/_db/%5Fsystem/");
        assert_eq!(parse("arangodb://host/%F0%9F%94%92%20a").database.path(), "/_db/%F0%9F%94%92%20a/");
    }

    #[test]
    fn a_malformed_url_is_refused_without_its_password() {
        for url in [
            "",
            "s3cret",
            "joe:s3cret@host/db",
            "http://joe:s3cret@host/db",
            "arangodb:joe:s3cret@host/db",
            "arangodb://joe:s3cret@host",
            "arangodb://joe:s3cret@host/",
            "arangodb://joe:s3cret@host:port/db",
            "arangodb://joe:s3cret@host/db?ssl=true",
            "arangodb://joe:s3cret@host/db#x",
            "arangodb://joe:s3cret@host/db/more",
            "arangodb://joe:s3cret@/db",
            "arangodb://joe:s3cret@ho st/db",
            "arangodb://joe:s3cret/x@host/db",
            "arangodb://joe:s3cret?x@host/db",
            "arangodb://joe:12/s3cret@host",
            "arangodb://:s3cret@host/db",
            "arangodb://joe:s3cret%FF@host/db",
            "arangodb://joe:s3cret@host/..%2Fs3cret",
            "arangodb://joe:s3cret@host/a%00",
        ] {
            let error = Address::parse(url).map(|_| url).expect_err("refused");
            assert_eq!(error.kind(), BackendErrorKind::Misconfigured);
            assert!(error.source().is_none());
            let text = format!("{error} {error:?}");
            assert!(text.contains("malformed") && !text.contains("s3cret"), "{url}: {text}");
        }
    }

    #[test]
    fn an_address_does_not_show_its_password() {
        assert!(!format!("{:?}", parse("arangodb://joe:s3cret@host/db")).contains("s3cret"));
    }
}
