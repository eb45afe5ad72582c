// The official JavaScript driver against a running emulator.
//
// Usage: node driver.mjs URL USER PASSWORD

import assert from "node:assert/strict";

import { Database } from "arangojs";

/** Expects a refusal with this status of HTTP and this number of the server. */
async function refused(status, number, work) {
  await assert.rejects(work, (error) => {
    assert.deepEqual([error.code, error.errorNum], [status, number], error.message);
    return true;
  });
}

async function checkServer(system, url, user) {
  assert.match((await system.version()).version, /^3\.12/);
  assert.ok(Math.abs((await system.time()) - Date.now()) < 86_400_000);
  const stranger = new Database({ url, auth: { username: user, password: "guess" } });
  await refused(401, 11, () => stranger.version());
}

async function checkCollections(db) {
  const things = await db.createCollection("things", { waitForSync: true });
  await refused(409, 1207, () => db.createCollection("things"));
  assert.equal((await things.properties()).waitForSync, true);
  const index = { type: "ttl", fields: ["purgeAt"], expireAfter: 0 };
  assert.equal((await things.ensureIndex(index)).isNewlyCreated, true);
  assert.equal((await things.ensureIndex(index)).isNewlyCreated, false);
  await refused(400, 10, () => things.ensureIndex({ ...index, fields: ["other"] }));
  const made = await things.save({ _key: "a", n: 1 });
  await refused(409, 1210, () => things.save({ _key: "a" }));
  await things.update("a", { n: 2 });
  await refused(412, 1200, () => things.replace("a", { n: 3 }, { ifMatch: made._rev }));
  assert.equal((await things.document("a")).n, 2);
  assert.equal((await things.count()).count, 1);
}

async function checkQueries(db) {
  await db.query("FOR i IN 1..2001 INSERT {_key: TO_STRING(i), i} INTO @@c", { "@c": "things" });
  const cursor = await db.query("FOR d IN things FILTER d.i > 0 SORT d.i RETURN d.i", {}, { batchSize: 500 });
  assert.deepEqual((await cursor.all()).length, 2001);
  await refused(400, 1501, () => db.query("FOR"));
  await refused(400, 1501, () => db.query("UPDATE 'a' WITH true ? {n: 1} : {} IN things"));
  await refused(404, 1203, () => db.query("FOR x IN nowhere RETURN x"));
  assert.deepEqual((await db.parse("FOR d IN things RETURN @x")).bindVars, ["x"]);
  const stale = "UPDATE {_key: 'a', _rev: 'x'} WITH {n: 4} IN things OPTIONS {ignoreRevs: false}";
  await refused(409, 1200, () => db.query(stale));
  const number = await db.query("RETURN 1700000000000 * 1000");
  assert.equal(await number.next(), 1.7e15);
}

/** Of many who change one document at once each gets through, if it tries often enough. */
async function checkConflicts(db) {
  await db.query("INSERT {_key: 'counter', n: 0} INTO things");
  const add = "FOR d IN things FILTER d._key == 'counter' UPDATE d WITH {n: d.n + 1} IN things RETURN NEW.n";
  const adds = Array.from({ length: 20 }, () => db.query(add, {}, { retryOnConflict: 100 }));
  await Promise.all(adds);
  assert.equal((await db.collection("things").document("counter")).n, 20);
}

const [url, username, password] = process.argv.slice(2);
const system = new Database({ url, auth: { username, password } });
await checkServer(system, url, username);
const db = await system.createDatabase("javascript");
await db.login(username, password);
await checkCollections(db);
await checkQueries(db);
await checkConflicts(db);
await system.dropDatabase("javascript");
console.log("all well");
