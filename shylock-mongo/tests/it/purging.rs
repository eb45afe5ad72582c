//! The index only ever removes what nobody needs any more.

use std::time::Duration;

use mongodb::bson::doc;
use shylock_core::ClaimId;
use shylock_testing::mongo::Topology;

use crate::support::Fixture;

#[tokio::test]
async fn only_records_past_their_date_are_purged_and_tokens_go_on_growing() {
    let fixture = Fixture::new(Topology::ReplicaSet).await;
    let (first, other) = (ClaimId::random(), ClaimId::random());
    let token = fixture.join("old", first).await.granted_token(first).expect("granted");
    fixture.leave("old", first).await;
    fixture.join("held", other).await;
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
    let second = ClaimId::random();
    assert!(fixture.join("old", second).await.granted_token(second).expect("granted") > token);
}
