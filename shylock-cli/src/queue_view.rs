//! A queue as `status` and `list` show it.

use serde::Serialize;
use shylock::{LiveClaim, LockName, Mode, Snapshot};

use crate::claim_prefix;
use crate::text::{self, plain};

/// The names of the fields are a promise; times are in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct QueueView {
    name: String,
    held: bool,
    claims: Vec<ClaimView>,
    /// What the last holder to write a value wrote.
    value: Option<String>,
    /// The token of the last holder, if it lapsed.
    abandoned: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ClaimView {
    claim: String,
    granted: bool,
    mode: &'static str,
    /// Of shared claims: how many may hold together.
    max_holders: Option<u32>,
    fencing_token: u64,
    joined_ago_ms: u64,
    expires_in_ms: u64,
    leaving: bool,
    owner: OwnerView,
}

#[derive(Debug, Serialize)]
struct OwnerView {
    host: String,
    pid: u32,
    label: Option<String>,
}

impl QueueView {
    pub(crate) fn new(name: &LockName, queue: &Snapshot) -> Self {
        let holders = queue.holders().len();
        let view = |(i, claim): (usize, &LiveClaim)| ClaimView::new(claim, i < holders);
        Self {
            name: name.to_string(),
            held: holders > 0,
            claims: queue.claims.iter().enumerate().map(view).collect(),
            value: queue.value.as_ref().map(|value| value.as_str().to_owned()),
            abandoned: queue.abandoned.map(u64::from),
        }
    }
}

impl ClaimView {
    fn new(claim: &LiveClaim, granted: bool) -> Self {
        let (mode, max_holders) = match claim.mode {
            Mode::Shared { max } => ("shared", Some(max)),
            _ => ("exclusive", None),
        };
        let owner = &claim.owner;
        Self {
            claim: claim.id.to_string(),
            granted,
            mode,
            max_holders,
            fencing_token: claim.token.get(),
            joined_ago_ms: text::milliseconds(claim.joined_ago),
            expires_in_ms: text::milliseconds(claim.expires_in),
            leaving: claim.leaving,
            owner: OwnerView { host: owner.host.clone(), pid: owner.pid, label: owner.label.clone() },
        }
    }
}

/// One lock for people: a line for each claim, and what the last holders left.
pub(crate) fn queue(name: &LockName, queue: &Snapshot) -> String {
    let claims = if queue.claims.is_empty() {
        format!("{} is free\n", plain(name.as_str()))
    } else {
        claims_table(queue)
    };
    let value = queue.value.as_ref().map(|value| format!("value: {}\n", plain(value.as_str())));
    let abandoned = queue.abandoned.map(|token| {
        format!("abandoned: the holder with token {token} lapsed and did not release the lock\n")
    });
    [Some(claims), value, abandoned].into_iter().flatten().collect()
}

fn claims_table(queue: &Snapshot) -> String {
    let holders = queue.holders().len();
    let header = ["", "CLAIM", "MODE", "TOKEN", "JOINED", "LEASE", "OWNER"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (i, claim) in queue.claims.iter().enumerate() {
        let state = match i {
            _ if claim.leaving => "leaving".to_owned(),
            _ if i < holders => "holds".to_owned(),
            _ => format!("waits ({})", i + 1 - holders),
        };
        rows.push(vec![
            state,
            claim.id.to_string(),
            mode(claim.mode),
            claim.token.to_string(),
            text::ago(claim.joined_ago),
            format!("{:.1}s", claim.expires_in.as_secs_f64()),
            text::owner(&claim.owner),
        ]);
    }
    text::table(&rows)
}

/// The locks, a line for each.
pub(crate) fn locks_table(queues: &[(LockName, Snapshot)]) -> String {
    let header = ["NAME", "HOLD", "WAIT", "CLAIM", "JOINED", "FIRST HOLDER"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (name, queue) in queues {
        let Some(first) = queue.holders().first() else { continue };
        rows.push(vec![
            plain(name.as_str()),
            queue.holders().len().to_string(),
            queue.waiters().len().to_string(),
            claim_prefix::short(first, queue),
            text::ago(first.joined_ago),
            text::owner(&first.owner),
        ]);
    }
    text::table(&rows)
}

fn mode(mode: Mode) -> String {
    match mode {
        Mode::Shared { max: u32::MAX } => "shared".to_owned(),
        Mode::Shared { max } => format!("shared ({max})"),
        _ => "exclusive".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shylock::{ClaimId, FencingToken, Owner, Value};

    use super::*;

    #[test]
    fn what_the_last_holders_left_is_shown() {
        let name = LockName::new("lock").expect("a name");
        let owner = Owner::new("host", 1, None);
        let mut claim = LiveClaim::new(
            ClaimId::random(),
            Mode::Exclusive,
            FencingToken::new(2048),
            Duration::from_secs(9),
            owner,
        );
        claim.leaving = true;
        claim.joined_ago = Duration::from_secs(62);
        let mut snapshot = Snapshot::new(vec![claim]);
        snapshot.value = Some(Value::new("10.0.0.7\x1b").expect("a value"));
        snapshot.abandoned = Some(FencingToken::new(1024));

        let text = queue(&name, &snapshot);
        assert!(text.contains("leaving  ") && text.contains("1m 2s ago"), "{text}");
        assert!(text.contains("value: 10.0.0.7\\u{1b}\n") && text.contains("token 1024 lapsed"), "{text}");
        let json = serde_json::to_value(QueueView::new(&name, &snapshot)).expect("JSON");
        assert_eq!((&json["abandoned"], &json["value"]), (&1024.into(), &"10.0.0.7\x1b".into()));
        let claim = &json["claims"][0];
        assert_eq!((&claim["leaving"], &claim["joined_ago_ms"]), (&true.into(), &62_000.into()));

        snapshot.claims.clear();
        assert!(queue(&name, &snapshot).starts_with("lock is free\nvalue: "));
    }
}
