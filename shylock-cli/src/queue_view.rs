//! A queue as `status` and `list` show it.

use serde::Serialize;
use shylock::{LiveClaim, Mode, Snapshot};

use crate::text::{self, plain};

/// The names of the fields are a promise; times are in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct QueueView {
    name: String,
    held: bool,
    claims: Vec<ClaimView>,
}

#[derive(Debug, Serialize)]
struct ClaimView {
    claim: String,
    granted: bool,
    mode: &'static str,
    /// Of shared claims: how many may hold together.
    max_holders: Option<u32>,
    fencing_token: u64,
    /// Since 1970, by the store's clock.
    joined_at_ms: u64,
    expires_in_ms: u64,
    owner: OwnerView,
}

#[derive(Debug, Serialize)]
struct OwnerView {
    host: String,
    pid: u32,
    label: Option<String>,
}

impl QueueView {
    pub(crate) fn new(name: &str, queue: &Snapshot) -> Self {
        let granted = queue.granted().len();
        let view = |(i, claim): (usize, &LiveClaim)| ClaimView::new(claim, i < granted);
        let claims = queue.claims.iter().enumerate().map(view).collect();
        Self { name: name.to_owned(), held: granted > 0, claims }
    }
}

impl ClaimView {
    fn new(claim: &LiveClaim, granted: bool) -> Self {
        let (mode, max_holders) = match claim.mode {
            Mode::Exclusive => ("exclusive", None),
            Mode::Shared { max } => ("shared", Some(max)),
        };
        let owner = &claim.owner;
        Self {
            claim: claim.id.to_string(),
            granted,
            mode,
            max_holders,
            fencing_token: claim.token.get(),
            joined_at_ms: text::joined_at_ms(claim.token),
            expires_in_ms: text::milliseconds(claim.expires_in),
            owner: OwnerView { host: owner.host.clone(), pid: owner.pid, label: owner.label.clone() },
        }
    }
}

/// The claims of one lock, a line for each.
pub(crate) fn claims_table(queue: &Snapshot) -> String {
    let granted = queue.granted().len();
    let header = ["", "CLAIM", "MODE", "TOKEN", "IN THE QUEUE SINCE", "LEASE", "OWNER"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (i, claim) in queue.claims.iter().enumerate() {
        let state = if i < granted { "holds".to_owned() } else { format!("waits ({})", i + 1 - granted) };
        rows.push(vec![
            state,
            claim.id.to_string(),
            mode(claim.mode),
            claim.token.to_string(),
            text::joined_at(claim.token),
            format!("{:.1}s", claim.expires_in.as_secs_f64()),
            text::owner(&claim.owner),
        ]);
    }
    text::table(&rows)
}

/// The locks, a line for each.
pub(crate) fn locks_table(queues: &[(String, Snapshot)]) -> String {
    let header = ["NAME", "HOLD", "WAIT", "IN THE QUEUE SINCE", "FIRST HOLDER"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (name, queue) in queues {
        let Some(first) = queue.granted().first() else { continue };
        rows.push(vec![
            plain(name),
            queue.granted().len().to_string(),
            queue.waiting().len().to_string(),
            text::joined_at(first.token),
            text::owner(&first.owner),
        ]);
    }
    text::table(&rows)
}

fn mode(mode: Mode) -> String {
    match mode {
        Mode::Exclusive => "exclusive".to_owned(),
        Mode::Shared { max: u32::MAX } => "shared".to_owned(),
        Mode::Shared { max } => format!("shared ({max})"),
    }
}
