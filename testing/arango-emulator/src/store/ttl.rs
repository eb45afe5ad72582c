//! The removal of documents that a TTL index calls expired.

use std::sync::Arc;

use super::Store;
use super::index::IndexKind;

impl Store {
    /// Removes what is expired at that moment; tells how many documents went.
    pub(crate) fn remove_expired(&mut self, now_ms: i64) -> usize {
        #[expect(clippy::cast_precision_loss, reason = "times are far below 2^53 ms")]
        let now = now_ms as f64 / 1000.0;
        let mut removed = 0;
        for database in self.databases.values_mut() {
            let expired = database
                .collections
                .values()
                .flat_map(|held| keys(held, now).into_iter().map(|key| (held.name.clone(), key)));
            let expired: Vec<_> = expired.collect();
            removed += expired.len();
            for (name, key) in expired {
                if let Ok(held) = Arc::make_mut(database).collection_mut(&name) {
                    Arc::make_mut(&mut held.documents).remove(&key);
                }
            }
        }
        removed
    }
}

fn keys(held: &super::Collection, now: f64) -> Vec<String> {
    let Some(index) = held.indexes.iter().find(|index| index.kind == IndexKind::Ttl) else {
        return Vec::new();
    };
    let expired =
        held.documents.iter().filter(|(_, document)| index.expires_at(document).is_some_and(|at| at < now));
    expired.map(|(key, _)| key.clone()).collect()
}
