//! The index only ever removes what nobody needs any more.

use std::time::Duration;

use mongodb::bson::doc;
use shylock_core::{Backend, ClaimId, Value, Written};
use shylock_testing::mongo::Topology;

use crate::support::{Fixture, lock};

#[tokio::test]
async fn only_records_past_their_date_are_purged_and_tokens_go_on_growing() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let (first, other) = (ClaimId::random(), ClaimId::random());
    let token = fixture.join("old", first).await.granted_token(first).expect("granted");
    fixture.leave("old", first).await;
    fixture.join("held", other).await;
    let value = Value::new("v").expect("a value");
    fixture.join("valued", other).await;
    let written = fixture.backend.write(&lock("valued"), other, Some(&value)).await.expect("an answer");
    assert_eq!(written, Written::Done);
    fixture.leave("valued", other).await;
    fixture.join("free", other).await;
    fixture.leave("free", other).await;

    // Where it cannot be set, the server looks every minute.
    let often = doc! { "setParameter": 1, "ttlMonitorSleepSecs": 1 };
    let _ = fixture.server.client().database("admin").run_command(often).await;
    let past = doc! { "$set": { "purgeAt": { "$subtract": ["$$NOW", 1] } } };
    fixture.collection().update_one(doc! { "_id": "old" }, vec![past]).await.expect("dated");
    let purged = async {
        while fixture.record("old").await.is_some() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(150), purged).await.expect("purged");

    assert!(fixture.record("held").await.is_some());
    assert!(fixture.record("free").await.is_some(), "within the retention");
    assert!(!fixture.record("valued").await.expect("a record").contains_key("purgeAt"), "kept for its value");
    let second = ClaimId::random();
    assert!(fixture.join("old", second).await.granted_token(second).expect("granted") > token);
}
