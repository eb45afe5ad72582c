//! Clients that fail soon, and waiting for a condition.

use std::time::{Duration, Instant};

use mongodb::{
    Client,
    bson::{Document, doc},
    options::ClientOptions,
};

use super::{Error, error::Context as _};

/// The pause between two looks at a condition.
const LOOK: Duration = Duration::from_millis(20);

/// Options for tests: soon to give up, with connections enough for many tasks.
pub(super) async fn options(url: &str) -> Result<ClientOptions, Error> {
    let mut options = ClientOptions::parse(url).await.context("cannot read the server's URL")?;
    options.server_selection_timeout = Some(Duration::from_secs(5));
    options.connect_timeout = Some(Duration::from_secs(2));
    options.max_pool_size = Some(100);
    options.app_name.get_or_insert_with(|| "shylock-testing".to_owned());
    Ok(options)
}

/// A client with these options.
pub(super) async fn connect(url: &str) -> Result<Client, Error> {
    Client::with_options(options(url).await?).context("cannot make a client")
}

/// A client of one server, whatever set it is in.
pub(super) async fn direct(address: &str) -> Result<Client, Error> {
    connect(&format!("mongodb://{address}/?directConnection=true")).await
}

/// Runs a command on the `admin` database.
pub(super) async fn admin(client: &Client, command: Document) -> mongodb::error::Result<Document> {
    client.database("admin").run_command(command).await
}

/// What a server says about itself.
pub(super) async fn hello(client: &Client) -> mongodb::error::Result<Document> {
    admin(client, doc! { "hello": 1 }).await
}

/// Looks at a condition until it holds; `look` answers with what is still missing.
pub(super) async fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> Result<T, Error> {
    let deadline = Instant::now() + limit;
    loop {
        match look().await {
            Ok(found) => return Ok(found),
            Err(missing) if Instant::now() >= deadline => {
                return Err(Error::Start(format!("{what}: not within {limit:?}: {missing}")));
            }
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}
