//! From a URL to a database.

use std::time::Duration;

use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use shylock_core::{BackendError, BackendErrorKind};

use crate::error;

/// The database that the path of the URL names, with what is good for locks where the URL says nothing.
pub(crate) async fn database(url: &str) -> Result<Database, BackendError> {
    let mut options = match ClientOptions::parse(url).await {
        Ok(options) => options,
        Err(error) => return Err(malformed(url, &error).await),
    };
    if options.server_selection_timeout == Some(Duration::ZERO) {
        let message = "invalid serverSelectionTimeoutMS 0: must be at least 1; a few seconds are good";
        return Err(BackendError::new(BackendErrorKind::Misconfigured, message));
    }
    options.app_name.get_or_insert_with(|| "shylock".into());
    options.max_pool_size.get_or_insert(100);
    options.server_selection_timeout.get_or_insert(Duration::from_secs(5));
    let Some(name) = options.default_database.clone() else {
        let message = "the MongoDB URL names no database; put one at the end of its path, as in mongodb://host/projectdb";
        return Err(BackendError::new(BackendErrorKind::Misconfigured, message));
    };
    let client =
        Client::with_options(options).map_err(|error| error::from_driver("connect to MongoDB", error))?;
    Ok(client.database(&name))
}

/// The driver's error quotes from the URL, and so perhaps from the password. Therefore it is not the source of
/// this one, and its text is shown only as far as it is about a part where no password can be.
async fn malformed(url: &str, error: &mongodb::error::Error) -> BackendError {
    if matches!(&*error.kind, mongodb::error::ErrorKind::DnsResolve { .. }) {
        let message = "could not resolve the host of the mongodb+srv URL; check its name and the network";
        return BackendError::new(BackendErrorKind::Transient, message);
    }
    if url.starts_with("mongodb+srv:") && !cfg!(feature = "srv") {
        let message =
            "MongoDB URLs that begin with mongodb+srv need the feature `srv` of shylock-mongo; enable it";
        return BackendError::new(BackendErrorKind::Misconfigured, message);
    }
    let reason = match without_secrets(url) {
        Some(url) => match ClientOptions::parse(&url).await {
            Ok(_) => "special characters in the user name and the password must be percent-encoded".to_owned(),
            Err(error) => error.kind.to_string(),
        },
        None => "it reads mongodb://user:password@host:port/database?options, and special characters in the user name \
                 and the password must be percent-encoded"
            .to_owned(),
    };
    BackendError::new(BackendErrorKind::Misconfigured, format!("the MongoDB URL is malformed: {reason}"))
}

/// The URL without user name and password, if it is sure that no secret is left.
fn without_secrets(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let may_hide_more = ["password", "authmechanismproperties"];
    if rest
        .rsplit('@')
        .next()
        .is_some_and(|rest| may_hide_more.iter().any(|word| rest.to_lowercase().contains(word)))
    {
        return None;
    }
    match rest.rsplit_once('@') {
        Some((_, rest)) => Some(format!("{scheme}://{rest}")),
        // "mongodb://user:password" would be taken for a host with a port.
        None if rest.split(['/', '?']).next().is_some_and(is_hosts) => Some(url.to_owned()),
        None => None,
    }
}

fn is_hosts(hosts: &str) -> bool {
    hosts.split(',').all(|host| match host.split_once(':') {
        None => true,
        Some((_, port)) => !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()),
    })
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    async fn refused(url: &str) -> String {
        let error = database(url).await.expect_err("refused");
        assert_eq!(error.kind(), BackendErrorKind::Misconfigured);
        assert!(error.source().is_none(), "the driver quotes the URL");
        format!("{error} {error:?}")
    }

    #[tokio::test]
    async fn a_malformed_url_is_refused_without_its_password() {
        for url in [
            "mongodb://joe:s3cret@host:port/db",
            "mongodb://joe:s3cret@host/db?notAnOption=1",
            "mongodb://joe:s3cret/x@host/db",
            "mongodb://joe:s3cret%@host/db",
            "mongodb://joe:s3cret@",
            "mongodb://joe:s3cret",
            "mongodb://joe:a:s3cret@host/db",
            "mongodb://joe:@s3cret:x@host/db",
            "mongodb:joe:s3cret@host/db",
            "joe:s3cret@host/db",
            "s3cret",
            "mongodb://joe:x@host/db?tlsCertificateKeyFilePassword=s3cret&what=1",
            "mongodb://host/db?authMechanismProperties=AWS_SESSION_TOKEN:s3cret&what=1",
        ] {
            let text = refused(url).await;
            assert!(!text.contains("s3cret"), "{text}");
            assert!(text.contains("malformed"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_malformed_url_is_refused_with_the_reason_where_that_is_safe() {
        let text = refused("mongodb://joe:s3cret@host/db?notAnOption=1").await;
        assert!(text.contains("notAnOption") || text.contains("notanoption"), "{text}");
        let text = refused("mongodb://joe:s3cr%et@host/db").await;
        assert!(text.contains("percent-encoded"), "{text}");
        let text = refused("mongodb://host/db?maxPoolSize=many").await;
        assert!(text.to_lowercase().contains("maxpoolsize"), "{text}");
    }

    #[tokio::test]
    async fn a_url_without_a_database_is_refused() {
        let text = refused("mongodb://joe:s3cret@localhost/").await;
        assert!(text.contains("names no database") && !text.contains("s3cret"), "{text}");
    }

    #[tokio::test]
    async fn what_the_url_says_is_kept() {
        let database = database("mongodb://localhost/locks?appName=mine").await.expect("a database");
        assert_eq!(database.name(), "locks");
    }
}
