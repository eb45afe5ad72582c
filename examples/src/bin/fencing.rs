//! A holder that was paused for longer than its lease, and whose late write is refused.
//!
//! No lease can stop a process from waking up late: a paused virtual machine, a long page fault. What the
//! lock protects can: it remembers the greatest fencing token that it has seen, and takes no smaller one.
//! Here that is a document in `MongoDB`, and the token stands in the filter of each update.
//!
//! The program starts itself once more as the holder, pauses that process, takes the lock when the lease
//! has ended, writes, and lets the holder wake up.

use std::error::Error;
use std::process::Stdio;
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::{Client, Collection};
use shylock::{FencingToken, LockManager, mongo::MongoBackend};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, stdin};
use tokio::process::{Child, Command};

const TTL: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url =
        std::env::var("SHYLOCK_URL").map_err(|_| "set SHYLOCK_URL to a MongoDB: mongodb://host/database")?;
    let client = Client::with_uri_str(&url).await?;
    let database =
        client.default_database().ok_or("name a database in SHYLOCK_URL: mongodb://host/database")?;
    let accounts: Collection<Document> = database.collection("accounts");
    let locks = LockManager::builder(MongoBackend::new(database).await?).ttl(TTL).build()?;

    match std::env::args().nth(1).as_deref() {
        Some("holder") => hold_and_write_late(&locks, &accounts).await?,
        _ => overtake_a_paused_holder(&locks, &accounts).await?,
    }
    locks.shutdown().await?;
    Ok(())
}

/// Writes a balance, unless somebody with a greater token has written before.
async fn write(
    accounts: &Collection<Document>,
    balance: i64,
    token: FencingToken,
) -> mongodb::error::Result<bool> {
    let token = i64::from(token);
    let filter = doc! { "_id": "savings", "token": { "$lte": token } };
    let update = doc! { "$set": { "balance": balance, "token": token } };
    Ok(accounts.update_one(filter, update).await?.matched_count == 1)
}

async fn overtake_a_paused_holder(
    locks: &LockManager,
    accounts: &Collection<Document>,
) -> Result<(), Box<dyn Error>> {
    accounts.delete_one(doc! { "_id": "savings" }).await?;
    accounts.insert_one(doc! { "_id": "savings", "balance": 0, "token": 0_i64 }).await?;

    let mut holder = Command::new(std::env::current_exe()?)
        .arg("holder")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = BufReader::new(holder.stdout.take().ok_or("the holder has no output")?).lines();
    println!("holder: {}", said.next_line().await?.unwrap_or_default());

    signal(&holder, "STOP").await?;
    println!("the holder is paused, and its lease of {TTL:?} is not renewed");
    let guard = locks.lock("savings").acquire().await?;
    let written = write(accounts, 200, guard.fencing_token()).await?;
    println!("overtaken with token {}; write accepted: {written}", guard.fencing_token());
    guard.release().await?;

    signal(&holder, "CONT").await?;
    holder.stdin.take().ok_or("the holder has no input")?.write_all(b"go on\n").await?;
    while let Some(line) = said.next_line().await? {
        println!("holder: {line}");
    }
    holder.wait().await?;
    let account = accounts.find_one(doc! { "_id": "savings" }).await?.ok_or("the account is gone")?;
    println!("balance: {}", account.get_i64("balance")?);
    Ok(())
}

async fn hold_and_write_late(
    locks: &LockManager,
    accounts: &Collection<Document>,
) -> Result<(), Box<dyn Error>> {
    let guard = locks.lock("savings").acquire().await?;
    println!("held, with token {}", guard.fencing_token());
    BufReader::new(stdin()).lines().next_line().await?;

    println!("awake; guard lost: {}", guard.is_lost());
    // A careful program would stop here. This one writes all the same, and the write is refused.
    let written = write(accounts, 100, guard.fencing_token()).await?;
    println!("late write accepted: {written}");
    Ok(())
}

async fn signal(process: &Child, name: &str) -> Result<(), Box<dyn Error>> {
    let pid = process.id().ok_or("the holder has ended")?;
    let sent = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().await?;
    if sent.success() { Ok(()) } else { Err(format!("kill -{name} failed: {sent}").into()) }
}
