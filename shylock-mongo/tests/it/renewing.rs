//! Renewals, many at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use shylock_core::{Backend, ClaimId, Left, Mode, Renewal, Renewed, Value, Written};
use shylock_mongo::{MongoBackend, MongoOptions};
use shylock_testing::mongo::Topology;

use crate::stored::records;
use crate::support::{Fixture, LONG, exclusive, lock};

/// A backend on the database of the fixture, and how many commands it has sent since.
async fn counted(fixture: &Fixture) -> (MongoBackend, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let mut options = fixture.server.client_options().await;
    options.command_event_handler = Some(EventHandler::callback(move |event| {
        if matches!(event, CommandEvent::Started(_)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let client = Client::with_options(options).expect("a client");
    let backend = MongoBackend::new(client.database(fixture.database.name())).await.expect("a backend");
    sent.store(0, Ordering::Relaxed);
    (backend, sent)
}

/// Puts so many locks with one claim each into the store.
async fn hold(fixture: &Fixture, count: usize) -> Vec<Renewal> {
    let claims: Vec<ClaimId> = (0..count).map(|_| ClaimId::random()).collect();
    fixture.join("model", claims[0]).await;
    let model = fixture.record("model").await.expect("a record");
    let records = claims.iter().enumerate().map(|(i, claim)| {
        let mut record = model.clone();
        record.insert("_id", format!("lock {i}"));
        let claims = record.get_array_mut("claims").expect("claims");
        claims[0].as_document_mut().expect("a claim").insert("id", claim.to_string());
        record
    });
    fixture.collection().insert_many(records).await.expect("inserted");
    let renewal = |(i, claim): (usize, &ClaimId)| Renewal::new(lock(&format!("lock {i}")), *claim, 2 * LONG);
    claims.iter().enumerate().map(renewal).collect()
}

#[tokio::test]
async fn thousands_of_renewals_are_a_few_commands() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let (backend, sent) = counted(&fixture).await;
    let renewals = hold(&fixture, 2_500).await;
    assert_eq!(backend.renew(&renewals).await.expect("renewed"), vec![Renewed::Extended; 2_500]);
    assert_eq!(sent.load(Ordering::Relaxed), 3);
    let now = records(&fixture).await["lock 0"].at;
    for (name, record) in records(&fixture).await {
        let end = record.queue.claims[0].expires_at;
        assert!(name == "model" || end + 60_000 >= now + 1_200_000, "{name} ends at {end}, now is {now}");
    }
}

#[tokio::test]
async fn renewals_are_answered_in_order_when_some_are_gone() {
    let fixture = Fixture::new(Topology::Standalone).await;
    let (backend, sent) = counted(&fixture).await;
    let renewals = hold(&fixture, 2_500).await;
    let is_gone = |i: usize| i % 7 == 3 || (990..1_010).contains(&i);
    for (i, renewal) in renewals.iter().enumerate().filter(|(i, _)| is_gone(*i)) {
        let name = renewal.lock.as_str();
        match i % 3 {
            0 => drop(fixture.collection().delete_one(doc! { "_id": name }).await.expect("deleted")),
            1 => fixture.leave(name, renewal.claim).await,
            _ => lapse(&fixture, name).await,
        }
    }
    let answers = backend.renew(&renewals).await.expect("answers");
    for (i, answer) in answers.iter().enumerate() {
        assert_eq!(*answer, if is_gone(i) { Renewed::Gone } else { Renewed::Extended }, "renewal {i}");
    }
    assert_eq!(sent.load(Ordering::Relaxed), 3, "not one more to find out who is gone");
}

/// Lets the leases in a record end.
async fn lapse(fixture: &Fixture, name: &str) {
    let past = doc! { "$set": { "claims": { "$map": { "input": "$claims", "in": {
        "$mergeObjects": ["$$this", { "expiresAt": "$$NOW" }],
    } } } } };
    fixture.collection().update_one(doc! { "_id": name }, vec![past]).await.expect("lapsed");
}

#[tokio::test]
async fn a_lapsed_claim_never_comes_back() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let claim = ClaimId::random();
    fixture.join("a", claim).await;
    lapse(&fixture, "a").await;
    let renewal = Renewal::new(lock("a"), claim, LONG);
    for _ in 0..2 {
        assert_eq!(
            fixture.backend.renew(std::slice::from_ref(&renewal)).await.expect("an answer"),
            [Renewed::Gone]
        );
        assert_eq!(fixture.backend.queue(&lock("a")).await.expect("a queue").claims, []);
    }
}

#[tokio::test]
async fn to_renew_nothing_sends_nothing_and_makes_nothing() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let (backend, sent) = counted(&fixture).await;
    assert_eq!(backend.renew(&[]).await.expect("no answers"), []);
    assert_eq!(sent.load(Ordering::Relaxed), 0);
    let unknown = Renewal::new(lock("never"), ClaimId::random(), LONG);
    assert_eq!(backend.renew(&[unknown]).await.expect("an answer"), [Renewed::Gone]);
    assert_eq!(fixture.record("never").await, None);
}

#[tokio::test]
async fn a_step_is_one_command() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let (backend, sent) = counted(&fixture).await;
    let claim = ClaimId::random();
    let value = Value::new("v").expect("a value");
    backend.join(&exclusive("a", claim)).await.expect("joined");
    assert_eq!(sent.load(Ordering::Relaxed), 1);
    backend.write(&lock("a"), claim, Some(&value)).await.expect("written");
    assert_eq!(sent.load(Ordering::Relaxed), 2);
    backend.downgrade(&lock("a"), claim, Mode::READER).await.expect("downgraded");
    assert_eq!(sent.load(Ordering::Relaxed), 3);
    backend.leave(&lock("a"), claim, Duration::ZERO).await.expect("left");
    assert_eq!(sent.load(Ordering::Relaxed), 4);
    backend.queue(&lock("a")).await.expect("a queue");
    assert_eq!(sent.load(Ordering::Relaxed), 5);
    for left in [backend.leave(&lock("a"), claim, Duration::ZERO), backend.leave(&lock("never"), claim, LONG)]
    {
        assert_eq!(left.await.expect("an answer"), Left::Gone);
    }
    assert_eq!(sent.load(Ordering::Relaxed), 7, "not one more to find out that a claim is gone");
}

#[tokio::test]
async fn no_lease_and_no_retention_is_too_long() {
    let mut fixture = Fixture::new(Topology::ReplicaSet).await;
    let options = MongoOptions::new().retention(Duration::MAX);
    fixture.backend =
        MongoBackend::with_options((*fixture.database).clone(), options).await.expect("a backend");
    let mut request = exclusive("a", ClaimId::random());
    request.ttl = Duration::MAX;
    let century = Duration::from_secs(100 * 365 * 86_400);
    assert!(fixture.backend.join(&request).await.expect("joined").claims[0].expires_in > century);
    let renewal = Renewal::new(request.lock.clone(), request.claim, Duration::MAX);
    assert_eq!(fixture.backend.renew(&[renewal]).await.expect("renewed"), [Renewed::Extended]);
    let value = Value::new("v").expect("a value");
    for value in [Some(&value), None] {
        let written = fixture.backend.write(&request.lock, request.claim, value).await.expect("an answer");
        assert_eq!(written, Written::Done);
    }
    fixture.backend.leave(&request.lock, request.claim, Duration::MAX).await.expect("left");
}

#[tokio::test]
async fn a_refused_join_writes_nothing() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    fixture.join("a", ClaimId::random()).await;
    let before: Option<Document> = fixture.record("a").await;
    let mut request = exclusive("a", ClaimId::random());
    request.only_if_granted = true;
    let snapshot = fixture.backend.join(&request).await.expect("an answer");
    assert_eq!(snapshot.position(request.claim), None);
    assert_eq!(fixture.record("a").await, before);
}
