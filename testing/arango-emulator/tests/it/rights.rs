//! What users may do who may not do everything. By `TransactionState::checkCollectionPermission` of the server, a user
//! who may only look is told 403/1004, and one who may do nothing 403/11, when the query starts.

use serde_json::{Value, json};
use shylock_arango_emulator::{Access, Config, Emulator, Rights};

use crate::support::{Answer, Client};

const WRITE: &str = "FOR d IN [] INSERT d INTO c";

struct As<'c>(&'c Client, String);

impl As<'_> {
    async fn send(&self, method: &str, path: &str, body: &Value) -> Answer {
        let headers = [("authorization".to_owned(), self.1.clone())];
        self.0.try_send(method, path, &headers, &body.to_string()).await.expect("an answer")
    }

    async fn query(&self, text: &str) -> (u16, u64) {
        self.send("POST", "/_db/theirs/_api/cursor", &json!({"query": text})).await.failure()
    }
}

async fn start(config: Config) -> (Emulator, Client) {
    let emulator = Emulator::start(&config.credentials("root", "pwd")).expect("an emulator");
    let client = Client::new(&emulator);
    let root = As(&client, "Basic cm9vdDpwd2Q=".to_owned());
    assert_eq!(root.send("POST", "/_api/database", &json!({"name": "theirs"})).await.status, 201);
    assert_eq!(root.send("POST", "/_db/theirs/_api/collection", &json!({"name": "c"})).await.status, 200);
    (emulator, client)
}

fn guest(emulator: &Emulator, rights: Rights) -> String {
    emulator.add_user("guest", "pwd", "theirs", rights);
    "Basic Z3Vlc3Q6cHdk".to_owned()
}

#[tokio::test]
async fn who_may_only_look_is_told_so_before_anything_is_written() {
    let (emulator, client) = start(Config::new()).await;
    let guest = As(&client, guest(&emulator, Rights::READ_ONLY));
    assert_eq!(guest.query("FOR d IN c RETURN d").await, (201, 0));
    let refused = guest.send("POST", "/_db/theirs/_api/cursor", &json!({"query": WRITE})).await;
    assert_eq!(refused.failure(), (403, 1004));
    assert!(refused.text.contains("read only: c [write]"), "{}", refused.text);
    let index = json!({"type": "persistent", "fields": ["a"]});
    assert_eq!(guest.send("POST", "/_db/theirs/_api/index?collection=c", &index).await.failure(), (403, 11));
    let made = guest.send("POST", "/_db/theirs/_api/collection", &json!({"name": "d"})).await;
    assert_eq!(made.failure(), (403, 11));
    assert_eq!(guest.send("POST", "/_db/theirs/_api/document/c", &json!({})).await.failure(), (403, 1004));
}

#[tokio::test]
async fn rights_to_collections_are_apart_from_those_to_the_database() {
    let (emulator, client) = start(Config::new()).await;
    let writer = Rights { database: Access::ReadOnly, collections: Access::ReadWrite };
    let user = As(&client, guest(&emulator, writer));
    assert_eq!(user.query("INSERT {} INTO c").await, (201, 0));
    let made = user.send("POST", "/_db/theirs/_api/collection", &json!({"name": "d"})).await;
    assert_eq!(made.failure(), (403, 11));
    let nothing = Rights { database: Access::ReadOnly, collections: Access::None };
    let user = As(&client, guest(&emulator, nothing));
    assert_eq!(user.query("FOR d IN c RETURN d").await, (403, 11));
    assert_eq!(user.query(WRITE).await, (403, 11));
    assert_eq!(user.send("GET", "/_db/theirs/_api/collection/c", &Value::Null).await.failure(), (403, 11));
}

#[tokio::test]
async fn a_server_can_be_read_only_for_everybody() {
    let (emulator, client) = start(Config::new()).await;
    let root = As(&client, "Basic cm9vdDpwd2Q=".to_owned());
    emulator.set_read_only(true);
    assert_eq!(root.query(WRITE).await, (403, 1004));
    assert_eq!(root.query("FOR d IN c RETURN d").await, (201, 0));
    assert_eq!(root.send("GET", "/_admin/server/mode", &Value::Null).await.json["mode"], "readonly");
    assert_eq!(client.get("/_admin/server/availability").await.status, 503);
    emulator.set_read_only(false);
    assert_eq!(root.query(WRITE).await, (201, 0));
}

#[tokio::test]
async fn rights_may_be_looked_at_only_when_something_is_written() {
    let (emulator, client) = start(Config::new().late_rights(true)).await;
    let guest = As(&client, guest(&emulator, Rights::READ_ONLY));
    assert_eq!(guest.query(WRITE).await, (201, 0));
    assert_eq!(guest.query("INSERT {} INTO c").await, (403, 1004));
}
