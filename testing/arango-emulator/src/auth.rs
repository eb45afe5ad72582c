//! Who may talk to the server: users, passwords, tokens.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::error::{ArangoError, Result};

/// Some clients leave the padding of basic credentials out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Debug)]
struct User {
    password: String,
    /// `None`: everything.
    rights: Option<BTreeMap<String, Rights>>,
}

/// What a user may do with something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Nothing.
    None,
    /// Look at it.
    ReadOnly,
    /// Change it.
    ReadWrite,
}

/// What a user may do in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// With the database: to make collections needs [`Access::ReadWrite`].
    pub database: Access,
    /// With each collection in it.
    pub collections: Access,
}

impl Rights {
    /// Everything.
    pub const ALL: Self = Self { database: Access::ReadWrite, collections: Access::ReadWrite };
    /// Looking at everything.
    pub const READ_ONLY: Self = Self { database: Access::ReadOnly, collections: Access::ReadOnly };
    const NONE: Self = Self { database: Access::None, collections: Access::None };
}

/// The users of one server, and the secret of its tokens.
#[derive(Debug)]
pub(crate) struct Auth {
    enabled: bool,
    lifetime: Duration,
    users: Mutex<BTreeMap<String, User>>,
    secret: Mutex<[u8; 32]>,
}

impl Auth {
    pub(crate) fn new(enabled: bool, user: &str, password: &str, lifetime: Duration) -> Self {
        let root = User { password: password.to_owned(), rights: None };
        Self {
            enabled,
            lifetime,
            users: Mutex::new(BTreeMap::from([(user.to_owned(), root)])),
            secret: Mutex::new(random_secret()),
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Makes every token worthless that was given out before, as a restart of a server without a fixed secret does.
    pub(crate) fn forget_tokens(&self) {
        *self.secret.lock().unwrap_or_else(PoisonError::into_inner) = random_secret();
    }

    /// Adds a user who may do nothing yet, unless there is one of that name.
    pub(crate) fn create_user(&self, name: &str, password: &str) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let user = User { password: password.to_owned(), rights: Some(BTreeMap::new()) };
        users.entry(name.to_owned()).or_insert(user);
    }

    pub(crate) fn remove_user(&self, name: &str) {
        self.users.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    /// Gives a user these rights in a database.
    pub(crate) fn grant(&self, name: &str, database: &str, rights: Rights) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = users.get_mut(name).and_then(|user| user.rights.as_mut()) {
            held.insert(database.to_owned(), rights);
        }
    }

    /// Adds a user with rights in one database; a known user gets those on top.
    pub(crate) fn add_user(&self, name: &str, password: &str, database: &str, rights: Rights) {
        self.create_user(name, password);
        self.grant(name, database, rights);
    }

    fn knows(&self, name: &str, password: &str) -> bool {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.get(name).is_some_and(|user| user.password == password)
    }

    /// What a user may do in a database.
    pub(crate) fn rights(&self, name: &str, database: &str) -> Rights {
        if !self.enabled {
            return Rights::ALL;
        }
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        match users.get(name).map(|user| &user.rights) {
            None => Rights::NONE,
            Some(None) => Rights::ALL,
            Some(Some(rights)) => rights.get(database).copied().unwrap_or(Rights::NONE),
        }
    }

    /// Whether a user may use a database.
    pub(crate) fn may_use(&self, name: &str, database: &str) -> bool {
        self.rights(name, database).database > Access::None
    }

    /// A token for a user who knows the password.
    pub(crate) fn log_in(&self, name: &str, password: &str, now_ms: i64) -> Result<String> {
        if !self.knows(name, password) {
            return Err(ArangoError::new(401));
        }
        let issued = now_ms / 1000;
        let expires = issued + i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX / 2);
        let claims = json!({"preferred_username": name, "iss": "arangodb", "iat": issued, "exp": expires});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.mac(&signed).finalize().into_bytes());
        Ok(format!("{signed}.{signature}"))
    }

    /// The user that an `Authorization` header proves.
    pub(crate) fn check(&self, header: Option<&str>, now_ms: i64) -> Result<String> {
        if !self.enabled {
            return Ok("root".to_owned());
        }
        let refused = || ArangoError::new(11);
        let (scheme, credentials) = header.and_then(|header| header.split_once(' ')).ok_or_else(refused)?;
        let user = if scheme.eq_ignore_ascii_case("basic") {
            self.check_basic(credentials.trim())
        } else if scheme.eq_ignore_ascii_case("bearer") {
            self.check_token(credentials.trim(), now_ms)
        } else {
            None
        };
        user.ok_or_else(refused)
    }

    fn check_basic(&self, credentials: &str) -> Option<String> {
        let text = String::from_utf8(LENIENT.decode(credentials).ok()?).ok()?;
        let (name, password) = text.split_once(':')?;
        self.knows(name, password).then(|| name.to_owned())
    }

    fn check_token(&self, token: &str, now_ms: i64) -> Option<String> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac(signed).verify_slice(&signature).ok()?;
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.')?.1).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        let fresh = claims["exp"].as_i64()? > now_ms / 1000;
        fresh.then(|| claims["preferred_username"].as_str().map(str::to_owned)).flatten()
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let secret = *self.secret.lock().unwrap_or_else(PoisonError::into_inner);
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&secret).unwrap_or_else(|_| unreachable_key());
        mac.update(text.as_bytes());
        mac
    }
}

/// HMAC takes keys of any length.
fn unreachable_key() -> Hmac<Sha256> {
    unreachable!("HMAC takes keys of any length")
}

fn random_secret() -> [u8; 32] {
    std::array::from_fn(|_| fastrand::u8(..))
}
