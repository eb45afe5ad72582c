//! The HTTP client: `reqwest`, with log-ins and the time limits that `arangors` does not set.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use arangors::ClientError;
use arangors::client::ClientExt;
use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Certificate, ClientBuilder};
use shylock_core::{BackendError, BackendErrorKind};

use crate::address::Address;
use crate::login::{Login, Proof};
use crate::options::{ArangoOptions, Authentication};

/// An HTTP client for `arangors`, with time limits, a pool of connections, and TLS in Rust.
///
/// [`ArangoBackend::connect`](crate::ArangoBackend::connect) makes one for itself, which also logs in and keeps
/// its token fresh. It is public so that `arangors` can be used with it too, without `arangors`' own clients:
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use arangors::GenericConnection;
/// use shylock_arango::{ArangoBackend, ArangoClient};
///
/// let connection = GenericConnection::<ArangoClient>::establish_basic_auth("http://localhost:8529", "joe", "openSesame");
/// let database = connection.await?.db("projectdb").await?;
/// let backend = ArangoBackend::new(database).await?;
/// # let _ = backend; Ok(()) }
/// ```
///
/// `arangors` makes clients itself, from headers only, so those have the default time limits of [`ArangoOptions`].
/// Neither proxies of the environment nor redirections are followed: they could carry a password away.
#[derive(Debug, Clone)]
pub struct ArangoClient {
    http: Http,
    headers: HeaderMap,
    login: Option<Arc<Login>>,
}

impl ArangoClient {
    /// For the server of a URL.
    pub(crate) fn connect(address: &Address, options: &ArangoOptions) -> Result<Self, BackendError> {
        let misconfigured = |error: ClientError| {
            let message =
                "cannot create an HTTP client for ArangoDB; check the root certificates and the credentials";
            BackendError::new(BackendErrorKind::Misconfigured, message).with_source(error)
        };
        let login = match (&address.user, options.authentication) {
            (None, _) | (_, Authentication::None) => None,
            (Some((user, password)), Authentication::Basic) => Some(Login::basic(user, password)),
            (Some((user, password)), Authentication::Jwt) => {
                Some(Login::jwt(&address.server, user, password))
            }
        };
        let login = login.transpose().map_err(misconfigured)?.map(Arc::new);
        let http = Http::new(options).map_err(misconfigured)?;
        Ok(Self { http, headers: HeaderMap::new(), login })
    }

    /// One attempt, and the proof that it carried.
    async fn attempt(
        &self,
        mut request: Request<String>,
    ) -> Result<(Response<String>, Option<HeaderValue>), ClientError> {
        for (name, value) in &self.headers {
            request.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        let mut proof = None;
        if let Some(login) = &self.login {
            match login.prove(&self.http).await? {
                Proof::Header(header) => proof = header,
                Proof::Refused(refusal) => return Ok((refusal, None)),
            }
        }
        if let Some(proof) = &proof {
            request.headers_mut().insert(AUTHORIZATION, proof.clone());
        }
        Ok((self.http.send(request).await?, proof))
    }
}

#[async_trait]
impl ClientExt for ArangoClient {
    fn new<U: Into<Option<HeaderMap>>>(headers: U) -> Result<Self, ClientError> {
        let headers = headers.into().unwrap_or_default();
        Ok(Self { http: Http::new(&ArangoOptions::new())?, headers, login: None })
    }

    fn headers(&mut self) -> &mut HeaderMap<HeaderValue> {
        &mut self.headers
    }

    /// A token may end early because the server restarted. Then the request is repeated once, with a new token.
    async fn request(&self, request: Request<String>) -> Result<Response<String>, ClientError> {
        let (response, proof) = self.attempt(request.clone()).await?;
        match &self.login {
            Some(login)
                if response.status() == StatusCode::UNAUTHORIZED
                    && proof.is_some()
                    && login.refused(proof.as_ref()) =>
            {
                Ok(self.attempt(request).await?.0)
            }
            _ => Ok(response),
        }
    }
}

/// Requests as they are, each on a connection of the pool.
#[derive(Debug, Clone)]
pub(crate) struct Http(reqwest::Client);

/// The server closes a connection that has been idle for 300 s; be the first to do so.
const IDLE: Duration = Duration::from_secs(90);

impl Http {
    fn new(options: &ArangoOptions) -> Result<Self, ClientError> {
        let mut builder = ClientBuilder::new()
            .connect_timeout(options.connect_timeout)
            .timeout(options.request_timeout)
            .pool_idle_timeout(IDLE)
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(concat!("shylock/", env!("CARGO_PKG_VERSION")));
        for pem in &options.root_certificates {
            builder =
                builder.add_root_certificate(Certificate::from_pem(pem).map_err(|error| failed(&error))?);
        }
        builder.build().map(Self).map_err(|error| failed(&error))
    }

    pub(crate) async fn send(&self, request: Request<String>) -> Result<Response<String>, ClientError> {
        let request = reqwest::Request::try_from(request).map_err(|error| failed(&error))?;
        let response = self.0.execute(request).await.map_err(|error| failed(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut answer = Response::new(response.text().await.map_err(|error| failed(&error))?);
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

/// The error and its causes. Addresses here have no user and no password.
fn failed(error: &reqwest::Error) -> ClientError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    ClientError::HttpClient(text)
}
