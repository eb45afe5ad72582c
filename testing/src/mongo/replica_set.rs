//! Making one replica set of several servers.

use std::time::Duration;

use mongodb::{
    Client,
    bson::{Bson, Document, doc},
};

use super::{
    Error,
    client::{admin, direct, hello, until},
    error::Context as _,
};

/// The name of every set that is started here.
pub(super) const NAME: &str = "shylock";

/// How long a set may take to be complete.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that is to be in the set.
#[derive(Debug)]
pub(super) struct Member {
    /// Where the members find it.
    pub(super) known_as: String,
    /// Where this process finds it.
    pub(super) reached_at: String,
}

/// Makes the members one set, and waits until it has a primary and everybody else follows.
pub(super) async fn initiate(members: &[Member], election_timeout: Duration) -> Result<(), Error> {
    let mut clients = Vec::new();
    for member in members {
        clients.push(direct(&member.reached_at).await?);
    }
    admin(&clients[0], doc! { "replSetInitiate": config(members, election_timeout) })
        .await
        .context("replSetInitiate")?;
    until("the replica set", PATIENCE, async || complete(&clients).await).await
}

fn config(members: &[Member], election_timeout: Duration) -> Document {
    let hosts: Vec<Bson> = (0i32..)
        .zip(members)
        .map(|(id, member)| doc! { "_id": id, "host": &member.known_as }.into())
        .collect();
    let timeout = i64::try_from(election_timeout.as_millis()).unwrap_or(i64::MAX);
    doc! { "_id": NAME, "members": hosts, "settings": { "electionTimeoutMillis": timeout } }
}

/// Whether the first member is the primary and the others follow. If not, it asks the first one to stand for
/// election, because the first election would otherwise wait for the whole election timeout.
async fn complete(clients: &[Client]) -> Result<(), String> {
    for (i, client) in clients.iter().enumerate().rev() {
        let hello = hello(client).await.map_err(|error| error.to_string())?;
        let expected = if i == 0 { "isWritablePrimary" } else { "secondary" };
        if !hello.get_bool(expected).unwrap_or(false) {
            if i == 0 {
                // A refusal only means that it is too early; the next look asks again.
                let _ = admin(client, doc! { "replSetStepUp": 1 }).await;
            }
            return Err(format!("member {i} is not yet {expected}"));
        }
    }
    Ok(())
}
