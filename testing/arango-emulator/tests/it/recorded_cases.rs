//! What has to be there before each recorded exchange, and which exchanges are left out.

use serde_json::{Value, json};

/// A request that prepares an exchange.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) body: Value,
    /// The recording's word for what the answer has at that pointer.
    pub(crate) learn: Option<(&'static str, &'static str)>,
}

/// How an exchange is replayed.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) setup: Vec<Step>,
    /// Which of the requests have a recorded answer; empty for all.
    pub(crate) answered: &'static [usize],
    /// The recording's word for what the first, unrecorded answer has at that pointer.
    pub(crate) learn: Option<(&'static str, &'static str)>,
}

/// Exchanges outside of the emulator's subset, and why.
pub(crate) const LEFT_OUT: [(&str, &str); 11] = [
    ("RestCollectionGetCollectionChecksum", "a hash over the storage engine's own format"),
    ("RestCollectionGetCollectionChecksumNoRev", "a hash over the storage engine's own format"),
    ("RestCollectionGetCollectionFigures", "sizes on the disk of the storage engine"),
    ("RestCollectionGetCollectionFiguresDetails", "sizes on the disk of the storage engine"),
    ("RestIndexCreateGeoLatitudeLongitude", "geo index: not of use to a lock"),
    ("RestIndexCreateGeoLocation", "geo index: not of use to a lock"),
    ("RestIndexCreateNewFulltext", "full-text index: not of use to a lock"),
    ("RestIndexCreateNewInverted", "inverted index: not of use to a lock"),
    ("RestIndexCreateNewMdi", "multi-dimensional index: not of use to a lock"),
    ("RestIndexCreateNewMdiPrefixed", "multi-dimensional index: not of use to a lock"),
    ("RestVersionDetails", "how one binary was built"),
];

fn step(method: &'static str, path: &'static str, body: Value) -> Step {
    Step { method, path, body, learn: None }
}

fn products(wait_for_sync: bool) -> Step {
    step("POST", "/_api/collection", json!({"name": "products", "waitForSync": wait_for_sync}))
}

fn document(body: Value, rev: &'static str) -> Step {
    Step { method: "POST", path: "/_api/document/products", body, learn: Some(("/_rev", rev)) }
}

#[expect(clippy::unnecessary_wraps, reason = "every arm of the tables ends in it")]
fn plain(setup: Vec<Step>) -> Option<Case> {
    Some(Case { setup, ..Case::default() })
}

fn greetings(count: u32) -> Vec<Step> {
    let texts: Vec<Value> = (1..=count).map(|n| json!({format!("hello{n}"): "world1"})).collect();
    vec![products(false), step("POST", "/_api/document/products", Value::Array(texts))]
}

/// How to replay an exchange; `None` for an unknown one.
pub(crate) fn case(name: &str) -> Option<Case> {
    cursors(name).or_else(|| collections(name)).or_else(|| documents(name)).or_else(|| many_documents(name))
}

fn cursors(name: &str) -> Option<Case> {
    match name {
        "RestCursorCreateCursorForLimitReturnSingle"
        | "RestCursorCreateCursorForLimitReturn"
        | "RestCursorDelete" => plain(greetings(5)),
        "RestCursorForLimitReturnCont" => {
            Some(Case { setup: greetings(5), answered: &[1], learn: Some(("/id", "74296")) })
        }
        "RestCursorDeleteQuery" => plain(greetings(2)),
        "RestCursorDeleteQueryFail" => plain(vec![products(false)]),
        "RestCursorModifyArray" => plain(vec![
            step("POST", "/_api/collection", json!({"name": "documents"})),
            step("POST", "/_api/document/documents", json!({"_key": "test", "arr": [1, 2, 3]})),
        ]),
        "RestCursorCreateCursorMissingBody"
        | "RestCursorCreateCursorOption"
        | "RestCursorCreateCursorUnknownCollection"
        | "RestCursorInvalidCursorIdentifier"
        | "RestCursorMissingCursorIdentifier"
        | "RestCursorOptimizerRules"
        | "RestCursorPostBatch"
        | "RestCursorPostInvalidCursorIdentifier"
        | "RestCursorPostMissingCursorIdentifier" => plain(vec![]),
        _ => None,
    }
}

fn collections(name: &str) -> Option<Case> {
    match name {
        "RestCollectionGetAllCollections" => plain(
            ["demo", "animals", "ignore", "mycollection"]
                .into_iter()
                .map(|name| step("POST", "/_api/collection", json!({"name": name})))
                .collect(),
        ),
        "RestCollectionGetCollectionCount" => plain(vec![
            products(true),
            step("POST", "/_api/cursor", json!({"query": "FOR i IN 1..100 INSERT {i} INTO products"})),
        ]),
        "RestCollectionGetCollectionIdentifier" => {
            plain(vec![Step { learn: Some(("/id", "69801")), ..products(true) }])
        }
        "RestCollectionGetCollectionName" => plain(vec![products(true)]),
        "RestIndexCreateNewTtlIndex" => {
            plain(vec![step("POST", "/_api/collection", json!({"name": "sessions"}))])
        }
        "RestCollectionGetCollectionRevision" | "RestIndexCreateNewPersistent" | "RestIndexPrimaryIndex" => {
            plain(vec![products(false)])
        }
        "RestIndexAllIndexes" => plain(vec![
            products(false),
            step(
                "POST",
                "/_api/index?collection=products",
                json!({"type": "persistent", "fields": ["name"]}),
            ),
            step(
                "POST",
                "/_api/index?collection=products",
                json!({"type": "persistent", "fields": ["price"], "sparse": true}),
            ),
        ]),
        "RestCollectionCreateCollection"
        | "RestCollectionCreateKeyopt"
        | "RestCollectionGetKeyGenerators"
        | "RestDatabaseCreate"
        | "RestDatabaseCreateUsers"
        | "RestDatabaseGet"
        | "RestDatabaseGetInfo"
        | "RestDatabaseGetUser"
        | "RestVersion" => plain(vec![]),
        _ => None,
    }
}

fn documents(name: &str) -> Option<Case> {
    let one = |key: &str, rev: &'static str| {
        vec![products(false), document(json!({"_key": key, "hello": "world"}), rev)]
    };
    let people = json!({"china": 1_366_980_000, "india": 1_263_590_000, "usa": 319_220_000});
    match name {
        "RestDocumentHandlerDeleteDocument" => {
            plain(vec![products(true), document(json!({"_key": "70750"}), "_l6zhVOy---")])
        }
        "RestDocumentHandlerPatchDocumentMerge" => Some(Case {
            setup: vec![
                products(false),
                document(json!({"_key": "70728", "inhabitants": people}), "_l6zhVN6---"),
            ],
            answered: &[0, 2, 3, 4],
            learn: None,
        }),
        "RestDocumentHandlerPatchDocument" => {
            plain(vec![products(false), document(json!({"_key": "70706", "one": "world"}), "_l6zhVMa---")])
        }
        "RestDocumentHandlerPostCreate1" | "RestDocumentHandlerPostOverwrite" => plain(vec![products(true)]),
        "RestDocumentHandlerDeleteDocumentUnknownHandle"
        | "RestDocumentHandlerPostAccept1"
        | "RestDocumentHandlerPostBadJson1"
        | "RestDocumentHandlerPostReturnNew"
        | "RestDocumentHandlerPostWait1"
        | "RestDocumentHandlerReadDocumentUnknownHandle"
        | "RestDocumentHandlerUpdateDocumentUnknownHandle" => plain(vec![products(false)]),
        "RestDocumentHandlerPostUnknownCollection1" => plain(vec![]),
        "RestDocumentHandlerReadDocumentHead" => plain(one("70529", "_l6zhVCW---")),
        "RestDocumentHandlerReadDocumentIfNoneMatch" => plain(one("70495", "_l6zhVAy---")),
        "RestDocumentHandlerReadDocument" => plain(one("70477", "_l6zhV_y---")),
        "RestDocumentHandlerUpdateDocumentIfMatchOther" => plain(one("70685", "_l6zhVLO---")),
        "RestDocumentHandlerUpdateDocument" => plain(one("70648", "_l6zhVKC---")),
        _ => None,
    }
}

fn many_documents(name: &str) -> Option<Case> {
    let two = |wait: bool, first: &'static str, second: &'static str| {
        vec![products(wait), document(json!({"_key": "1"}), first), document(json!({"_key": "2"}), second)]
    };
    match name {
        "RestDocumentHandlerDeleteDocumentIdentifierMulti" => plain(two(true, "_l6zhVYK---", "_l6zhVYK--_")),
        "RestDocumentHandlerDeleteDocumentKeyMulti" => plain(two(true, "_l6zhVXG---", "_l6zhVXG--_")),
        "RestDocumentHandlerDeleteDocumentObjectMulti" => plain(two(true, "_l6zhVZK---", "_l6zhVZK--_")),
        "RestDocumentHandlerDeleteDocumentRevMulti" => plain(two(true, "_l6zhVc----", "_l6zhVc---_")),
        "RestDocumentHandlerDeleteDocumentRevConflictMulti" => plain(two(false, "first", "second")),
        "RestDocumentHandlerDeleteDocumentUnknownMulti"
        | "RestDocumentHandlerPostBadJsonMulti"
        | "RestDocumentHandlerPostMulti1"
        | "RestDocumentHandlerPostMulti2" => plain(vec![products(false)]),
        "RestDocumentHandlerReadMultiDocument" => plain(vec![
            products(false),
            document(json!({"_key": "doc1", "hello": "world"}), "_l6zhVSe---"),
            document(json!({"_key": "doc2", "say": "hi to mom"}), "_l6zhVSe--_"),
        ]),
        _ => None,
    }
}
