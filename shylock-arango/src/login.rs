//! Logging in: the header that proves who asks, and tokens that are renewed before they end.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use arangors::ClientError;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::client::Http;

/// How a client proves who it is.
pub(crate) enum Login {
    /// By the same words each time.
    Basic(HeaderValue),
    /// By a token that the server gives for a while.
    Jwt(Tokens),
}

/// The tokens of one user. There is one at a time; it is renewed while it still holds, by whoever comes first.
pub(crate) struct Tokens {
    url: Url,
    credentials: String,
    current: Mutex<Option<Token>>,
    renewing: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Token {
    /// None if the server wants none.
    header: Option<HeaderValue>,
    /// From here on a new one is asked for,
    renew_at: Instant,
    /// and from here on this one may be worthless.
    ends_at: Instant,
}

/// What came of asking for a token.
pub(crate) enum Proof {
    /// Put this into the request, if there is something to put.
    Header(Option<HeaderValue>),
    /// The server's refusal, in place of the answer to the request.
    Refused(Response<String>),
}

impl Login {
    pub(crate) fn basic(user: &str, password: &str) -> Result<Self, ClientError> {
        Ok(Self::Basic(secret(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))?))
    }

    pub(crate) fn jwt(server: &Url, user: &str, password: &str) -> Result<Self, ClientError> {
        let url = server.join("_open/auth").map_err(|error| ClientError::HttpClient(error.to_string()))?;
        let credentials = json!({ "username": user, "password": password }).to_string();
        Ok(Self::Jwt(Tokens {
            url,
            credentials,
            current: Mutex::default(),
            renewing: tokio::sync::Mutex::default(),
        }))
    }

    pub(crate) async fn prove(&self, http: &Http) -> Result<Proof, ClientError> {
        match self {
            Self::Basic(header) => Ok(Proof::Header(Some(header.clone()))),
            Self::Jwt(tokens) => tokens.prove(http).await,
        }
    }

    /// The server did not take this proof. Answers whether another one may help.
    pub(crate) fn refused(&self, proof: Option<&HeaderValue>) -> bool {
        match self {
            Self::Basic(_) => false,
            Self::Jwt(tokens) => {
                let mut current = tokens.current.lock().unwrap_or_else(PoisonError::into_inner);
                // Somebody else may have a new one already.
                current.take_if(|token| token.header.as_ref() == proof);
                true
            }
        }
    }
}

impl Tokens {
    async fn prove(&self, http: &Http) -> Result<Proof, ClientError> {
        if let Some(token) = self.current().filter(|token| Instant::now() < token.renew_at) {
            return Ok(Proof::Header(token.header));
        }
        let usable = || self.current().filter(|token| Instant::now() < token.ends_at);
        let _first = match (usable(), self.renewing.try_lock()) {
            (_, Ok(first)) => first,
            // Somebody renews it: until then the old one will do.
            (Some(token), Err(_)) => return Ok(Proof::Header(token.header)),
            (None, Err(_)) => self.renewing.lock().await,
        };
        if let Some(token) = self.current().filter(|token| Instant::now() < token.renew_at) {
            return Ok(Proof::Header(token.header));
        }
        let outcome = self.fetch(http).await;
        match (&outcome, usable()) {
            (Ok(Proof::Header(_)), _) | (_, None) => outcome,
            (_, Some(token)) => Ok(Proof::Header(token.header)),
        }
    }

    fn current(&self) -> Option<Token> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn fetch(&self, http: &Http) -> Result<Proof, ClientError> {
        let sent_at = Instant::now();
        let request = Request::post(self.url.as_str())
            .body(self.credentials.clone())
            .map_err(|error| ClientError::HttpClient(error.to_string()))?;
        let response = http.send(request).await?;
        let (header, lifetime) = match response.status() {
            StatusCode::OK => match token_in(response.body()) {
                Some(token) => (Some(secret(&format!("Bearer {token}"))?), lifetime(token.as_str())),
                None => return Err(ClientError::HttpClient("a log-in was answered without a token".into())),
            },
            // So a server answers that asks for no log-in. Look again later: that can be changed.
            StatusCode::NOT_FOUND => (None, UNKNOWN_LIFETIME),
            _ => return Ok(Proof::Refused(response)),
        };
        let token = Token {
            header: header.clone(),
            renew_at: sent_at + lifetime * 3 / 4,
            ends_at: sent_at + lifetime,
        };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        Ok(Proof::Header(header))
    }
}

fn token_in(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    body["jwt"].as_str().map(str::to_owned)
}

/// For tokens that do not say how long they last, or say something absurd.
const UNKNOWN_LIFETIME: Duration = Duration::from_secs(600);

/// How long a token lasts from when it was asked for. By the difference of its two times, because the clock of this
/// machine may be another one; less a second, because those are cut to whole seconds.
fn lifetime(token: &str) -> Duration {
    let seconds = || {
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        let time = |name: &str| claims[name].as_f64();
        Some((time("exp")? - time("iat")? - 1.0).max(0.0))
    };
    seconds().filter(|seconds| *seconds <= DAY).map_or(UNKNOWN_LIFETIME, Duration::from_secs_f64)
}

/// No token lasts for longer: servers before 3.5 divided one of the two times by a thousand.
const DAY: f64 = 24.0 * 3600.0;

fn secret(text: &str) -> Result<HeaderValue, ClientError> {
    let mut header = HeaderValue::from_str(text).map_err(|_| {
        ClientError::HttpClient(format!("the {AUTHORIZATION} header cannot hold the credentials"))
    })?;
    header.set_sensitive(true);
    Ok(header)
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic(_) => "Basic(..)",
            Self::Jwt(_) => "Jwt(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("{}.{}.signature", URL_SAFE_NO_PAD.encode("{}"), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_lasts_as_long_as_it_says_whatever_the_clocks_show() {
        assert_eq!(lifetime(&token(r#"{"iat":1000,"exp":4600}"#)), Duration::from_secs(3599));
        assert_eq!(lifetime(&token(r#"{"iat":1000.5,"exp":1003.5}"#)), Duration::from_secs(2));
        assert_eq!(lifetime(&token(r#"{"iat":1000,"exp":1000}"#)), Duration::ZERO);
        assert_eq!(lifetime(&token(r#"{"iat":1000,"exp":10}"#)), Duration::ZERO);
        assert_eq!(lifetime(&token(r#"{"iat":1000,"exp":87400}"#)), Duration::from_secs(86_399));
    }

    #[test]
    fn a_token_that_does_not_say_so_lasts_for_a_while() {
        for odd in [
            "",
            "a",
            "a.b.c",
            &token("{}"),
            &token(r#"{"exp":5}"#),
            &token("[]"),
            &token(r#"{"iat":0,"exp":1e300}"#),
            &token(r#"{"iat":1537789.55727901,"exp":1537793389.5}"#),
        ] {
            assert_eq!(lifetime(odd), UNKNOWN_LIFETIME, "{odd}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let server = Url::parse("http://localhost/").expect("a URL");
        let jwt = Login::jwt(&server, "joe", "s3cret").expect("a login");
        let basic = Login::basic("joe", "s3cret").expect("a login");
        let Login::Basic(header) = &basic else { panic!("another login") };
        assert_eq!(header.as_bytes(), b"Basic am9lOnMzY3JldA==");
        let text = format!("{jwt:?} {basic:?} {header:?}");
        assert!(!text.contains("s3cret") && !text.contains("am9l"), "{text}");
    }
}
