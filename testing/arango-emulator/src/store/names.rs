//! Which names are legal.

use crate::error::{ArangoError, Result};

/// Signs that a key may hold besides letters and digits.
const KEY_SIGNS: &[u8] = b"_-.@()+,=;$!*'%:";
const MAX_KEY: usize = 254;
const MAX_COLLECTION: usize = 256;
const MAX_DATABASE: usize = 64;

/// Whether a document may have that key.
pub(crate) fn is_key(key: &str) -> bool {
    (1..=MAX_KEY).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || KEY_SIGNS.contains(&byte))
}

fn is_name(name: &str, longest: usize) -> bool {
    name.len() <= longest
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// Whether a user may give a collection that name (by the rules before the wider names of 3.11).
pub(crate) fn check_collection(name: &str, is_system: bool) -> Result<()> {
    let name = if is_system { name.strip_prefix('_').unwrap_or(name) } else { name };
    if is_name(name, MAX_COLLECTION) { Ok(()) } else { Err(ArangoError::new(1208)) }
}

/// Whether a user may give a database that name (by the rules before the wider names of 3.10).
pub(crate) fn check_database(name: &str) -> Result<()> {
    if is_name(name, MAX_DATABASE) { Ok(()) } else { Err(ArangoError::new(1229)) }
}
