//! Prints the path of a `mongod` that runs here, fetched from the Python index if there is none on the `PATH`.

use shylock_testing::mongo::{Error, Settings, mongod};

#[tokio::main]
async fn main() -> Result<(), Error> {
    println!("{}", mongod(&Settings::from_env()?).await?.display());
    Ok(())
}
