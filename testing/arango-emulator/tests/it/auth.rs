//! Who gets in.

use serde_json::json;
use shylock_arango_emulator::{Config, Emulator};

use crate::support::{Answer, Client};

const VERSION: &str = "/_api/version";

fn start() -> (Emulator, Client) {
    let emulator = Emulator::start(&Config::new()).expect("an emulator");
    let client = Client::new(&emulator);
    (emulator, client)
}

async fn with(client: &Client, path: &str, authorization: &str) -> Answer {
    let header = [("authorization".to_owned(), authorization.to_owned())];
    client.try_send("GET", path, &header, "").await.expect("an answer")
}

async fn token(client: &Client, user: &str, password: &str) -> String {
    let answer = client.post("/_open/auth", &json!({"username": user, "password": password})).await.ok();
    format!("bearer {}", answer["jwt"].as_str().expect("a token"))
}

#[tokio::test]
async fn nobody_gets_in_without_a_login() {
    let (_emulator, client) = start();
    let refused = client.get(VERSION).await;
    assert_eq!(refused.failure(), (401, 11));
    assert_eq!(refused.headers.get_all("www-authenticate").iter().count(), 2);
    let quiet = [("x-omit-www-authenticate".to_owned(), "true".to_owned())];
    let quiet = client.try_send("GET", VERSION, &quiet, "").await.expect("an answer");
    assert_eq!((quiet.failure(), quiet.headers.get("www-authenticate")), ((401, 11), None));
    assert_eq!(client.get("/_admin/server/availability").await.status, 200);
    assert_eq!(client.get("/").await.status, 301);
}

#[tokio::test]
async fn basic_credentials_with_and_without_padding() {
    let (_emulator, client) = start();
    assert_eq!(with(&client, VERSION, "Basic cm9vdDpvcGVuU2VzYW1l").await.status, 200);
    assert_eq!(with(&client, VERSION, "Basic cm9vdDpvcGVuU2VzYW1").await.failure(), (401, 11));
    let emulator = Emulator::start(&Config::new().credentials("root", "pwd")).expect("an emulator");
    let client = Client::new(&emulator);
    for credentials in ["cm9vdDpwd2Q=", "cm9vdDpwd2Q"] {
        assert_eq!(
            with(&client, VERSION, &format!("Basic {credentials}")).await.status,
            200,
            "{credentials}"
        );
    }
}

#[tokio::test]
async fn tokens_expire_by_the_servers_clock() {
    let (emulator, client) = start();
    let login = token(&client, "root", "openSesame").await;
    assert_eq!(with(&client, VERSION, &login).await.status, 200);
    emulator.set_clock_skew(3_599_000);
    assert_eq!(with(&client, VERSION, &login).await.status, 200);
    emulator.set_clock_skew(3_601_000);
    assert_eq!(with(&client, VERSION, &login).await.failure(), (401, 11));
    let renewed = token(&client, "root", "openSesame").await;
    assert_eq!(with(&client, VERSION, &renewed).await.status, 200);
}

#[tokio::test]
async fn forged_and_revoked_tokens_are_refused() {
    let (mut emulator, client) = start();
    let login = token(&client, "root", "openSesame").await;
    let mut forged = login.clone();
    forged.replace_range(forged.len() - 5..forged.len() - 4, if login.ends_with('A') { "B" } else { "A" });
    if forged != login {
        assert_eq!(with(&client, VERSION, &forged).await.failure(), (401, 11));
    }
    emulator.revoke_tokens();
    assert_eq!(with(&client, VERSION, &login).await.failure(), (401, 11));
    let login = token(&client, "root", "openSesame").await;
    emulator.restart().expect("a restart");
    let client = Client::new(&emulator);
    assert_eq!(with(&client, VERSION, &login).await.failure(), (401, 11));
}

#[tokio::test]
async fn wrong_logins() {
    let (_emulator, client) = start();
    let wrong = json!({"username": "root", "password": "guess"});
    assert_eq!(client.post("/_open/auth", &wrong).await.failure(), (401, 401));
    assert_eq!(client.post("/_open/auth", &json!({"username": "root"})).await.status, 400);
    let open = Emulator::start(&Config::new().without_authentication()).expect("an emulator");
    assert_eq!(Client::new(&open).post("/_open/auth", &wrong).await.status, 404);
}

#[tokio::test]
async fn users_see_only_their_databases() {
    let (_emulator, client) = start();
    let users = json!({"name": "theirs", "users": [{"username": "guest", "passwd": "word"}]});
    let root = token(&client, "root", "openSesame").await;
    let create = [("authorization".to_owned(), root.clone())];
    let created =
        client.try_send("POST", "/_api/database", &create, &users.to_string()).await.expect("an answer");
    assert_eq!(created.status, 201);
    let guest = token(&client, "guest", "word").await;
    assert_eq!(with(&client, "/_db/theirs/_api/version", &guest).await.status, 200);
    assert_eq!(with(&client, "/_api/version", &guest).await.failure(), (401, 11));
    assert_eq!(with(&client, "/_db/nowhere/_api/version", &guest).await.failure(), (401, 11));
    assert_eq!(with(&client, "/_db/nowhere/_api/version", &root).await.failure(), (404, 1228));
}
