//! Results that wait for their clients, batch by batch.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::{ArangoError, Result};

/// How a result is to be handed out.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) batch_size: usize,
    pub(crate) with_count: bool,
    pub(crate) allow_retry: bool,
    pub(crate) ttl: Duration,
}

#[derive(Debug)]
struct Cursor {
    database: String,
    rows: std::vec::IntoIter<Value>,
    delivery: Delivery,
    count: usize,
    extra: Value,
    /// The number of the batch that comes next.
    next: u64,
    /// The batch handed out last, for clients that may have missed it.
    last: Value,
    expires: Instant,
}

/// The open cursors of one server.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    open: BTreeMap<u64, Cursor>,
}

impl Cursors {
    /// Hands out the first batch of a result; keeps the rest under that id.
    pub(crate) fn open(
        &mut self,
        id: u64,
        database: &str,
        rows: Vec<Value>,
        extra: Value,
        delivery: Delivery,
    ) -> Value {
        self.open.retain(|_, cursor| cursor.expires > Instant::now());
        let expires = Instant::now() + delivery.ttl;
        let (count, database) = (rows.len(), database.to_owned());
        let cursor = Cursor {
            database,
            rows: rows.into_iter(),
            delivery,
            count,
            extra,
            next: 1,
            last: Value::Null,
            expires,
        };
        self.open.insert(id, cursor);
        self.deliver(id).unwrap_or_default()
    }

    /// The next batch, or, with the number of the last one, that one again.
    pub(crate) fn next(&mut self, id: &str, database: &str, batch: Option<&str>) -> Result<Value> {
        let gone = || ArangoError::new(1600);
        let id = id.parse().map_err(|_| gone())?;
        let cursor = self.open.get(&id).filter(|cursor| cursor.database == database).ok_or_else(gone)?;
        if cursor.expires <= Instant::now() {
            self.open.remove(&id);
            return Err(gone());
        }
        match batch.map(|batch| batch.parse::<u64>().map_err(|_| gone())).transpose()? {
            Some(batch) if batch + 1 == cursor.next && cursor.delivery.allow_retry => Ok(cursor.last.clone()),
            Some(batch) if batch != cursor.next => Err(gone()),
            _ if cursor.rows.len() == 0 => Err(gone()),
            _ => self.deliver(id).ok_or_else(gone),
        }
    }

    pub(crate) fn close(&mut self, id: &str, database: &str) -> Result<()> {
        let id = id.parse().map_err(|_| ArangoError::new(1600))?;
        if self.open.get(&id).is_none_or(|cursor| cursor.database != database) {
            return Err(ArangoError::new(1600));
        }
        self.open.remove(&id);
        Ok(())
    }

    fn deliver(&mut self, id: u64) -> Option<Value> {
        let cursor = self.open.get_mut(&id)?;
        let rows: Vec<Value> = cursor.rows.by_ref().take(cursor.delivery.batch_size).collect();
        let (more, first) = (cursor.rows.len() > 0, cursor.next == 1);
        cursor.next += 1;
        cursor.expires = Instant::now() + cursor.delivery.ttl;
        let mut batch =
            json!({"result": rows, "hasMore": more, "cached": false, "extra": cursor.extra, "error": false});
        // A result that fits into one batch needs no cursor, so there is none to be named.
        let named = more || (cursor.delivery.allow_retry && !first);
        if named {
            batch["id"] = json!(id.to_string());
        }
        if more {
            batch["nextBatchId"] = json!(cursor.next.to_string());
        }
        if cursor.delivery.with_count {
            batch["count"] = json!(cursor.count);
        }
        cursor.last = batch.clone();
        if !named {
            self.open.remove(&id);
        }
        Some(batch)
    }
}
