//! The crate that Rust programs use works with the emulator.

use std::collections::HashMap;

use arangors::client::ClientExt;
use arangors::connection::GenericConnection;
use arangors::index::{Index, IndexSettings};
use arangors::{AqlQuery, ClientError};
use http::HeaderMap;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use shylock_arango_emulator::{Config, Emulator};

/// The transport that the crate leaves to its users.
#[derive(Debug, Clone)]
struct Transport {
    headers: HeaderMap,
    http: HyperClient<HttpConnector, Full<Bytes>>,
}

#[async_trait::async_trait]
impl ClientExt for Transport {
    fn new<U: Into<Option<HeaderMap>>>(headers: U) -> Result<Self, ClientError> {
        let http = HyperClient::builder(TokioExecutor::new()).build_http();
        Ok(Self { headers: headers.into().unwrap_or_default(), http })
    }

    fn headers(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    async fn request(&self, request: http::Request<String>) -> Result<http::Response<String>, ClientError> {
        let mut request = request.map(Full::from);
        request.headers_mut().extend(self.headers.clone());
        let failed = |error: &dyn std::fmt::Debug| ClientError::HttpClient(format!("{error:?}"));
        let (head, body) = self.http.request(request).await.map_err(|error| failed(&error))?.into_parts();
        let bytes = body.collect().await.map_err(|error| failed(&error))?.to_bytes();
        Ok(http::Response::from_parts(head, String::from_utf8_lossy(&bytes).into_owned()))
    }
}

type Connection = GenericConnection<Transport>;

async fn use_it(connection: &Connection) {
    let database = connection.create_database("things").await.expect("a database");
    database.create_collection("c").await.expect("a collection");
    let persistent = IndexSettings::Persistent { unique: true, sparse: false, deduplicate: false };
    for (field, settings) in [("name", persistent), ("e", IndexSettings::Ttl { expire_after: 0 })] {
        let index = Index::builder().fields(vec![field.to_owned()]).settings(settings).build();
        let made = database.create_index("c", &index).await.expect("an index");
        assert_eq!(made.is_newly_created, Some(true));
    }
    assert_eq!(database.indexes("c").await.expect("indexes").indexes.len(), 3);
    let binds = HashMap::from([("k", json!("a"))]);
    let query =
        AqlQuery::builder().query("INSERT {_key: @k} INTO c RETURN NEW._key").bind_vars(binds).build();
    let keys: Vec<Value> = database.aql_query(query).await.expect("a row");
    assert_eq!(keys, [json!("a")]);
    let many = AqlQuery::builder().query("FOR i IN 1..5 RETURN i").batch_size(2).build();
    assert_eq!(database.aql_query::<i64>(many).await.expect("rows"), [1, 2, 3, 4, 5]);
    let wrong: Result<Vec<Value>, _> = database.aql_str("INSERT {_key: 'a'} INTO c").await;
    match wrong {
        Err(ClientError::Arango(error)) => assert_eq!(error.error_num(), 1210),
        other => panic!("{other:?}"),
    }
    connection.drop_database("things").await.expect("no database");
}

#[tokio::test]
async fn arangors_with_basic_credentials() {
    let emulator = Emulator::start(&Config::new().credentials("root", "pwd")).expect("an emulator");
    let connection =
        Connection::establish_basic_auth(&emulator.url(), "root", "pwd").await.expect("a connection");
    use_it(&connection).await;
}

#[tokio::test]
async fn arangors_with_tokens() {
    let emulator = Emulator::start(&Config::new()).expect("an emulator");
    let (url, user, password) = (emulator.url(), emulator.user(), emulator.password());
    let connection = Connection::establish_jwt(&url, user, password).await.expect("a connection");
    use_it(&connection).await;
    assert!(Connection::establish_jwt(&url, user, "wrong").await.is_err());
}

#[tokio::test]
async fn arangors_without_a_login() {
    let emulator = Emulator::start(&Config::new().without_authentication()).expect("an emulator");
    let connection = Connection::establish_without_auth(emulator.url()).await.expect("a connection");
    use_it(&connection).await;
    assert_eq!(connection.server_role().await.expect("a role"), "SINGLE");
    assert!(connection.into_admin().await.is_ok());
}
