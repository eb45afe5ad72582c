"""The official Python client, and the Python shylock, against a running emulator.

Usage: clients.py URL USER PASSWORD
"""

import sys
import threading
import time

from arango import ArangoClient
from arango.exceptions import (
    AQLQueryExecuteError,
    CollectionCreateError,
    DocumentInsertError,
    DocumentRevisionError,
    ServerConnectionError,
)
from shylock import Lock, ShylockPythonArangoBackend


def expect(error_type, code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error_type as error:
        assert error.error_code == code, (error.error_code, code)
    else:
        raise AssertionError(f"{call} should fail with {code}")


def check_database(client, user, password):
    system = client.db("_system", user, password, auth_method="jwt", verify=True)
    assert system.version().startswith("3.12")
    assert abs(system.time().timestamp() - time.time()) < 60 * 60 * 24
    assert system.status()["server"] == "arango"
    if system.has_database("py"):
        system.delete_database("py")
    assert system.create_database("py", users=[{"username": "guest", "password": "word"}])
    assert "py" in system.databases()
    guest = client.db("py", "guest", "word", verify=True)
    assert guest.properties()["name"] == "py"
    try:
        client.db("py", user, "wrong", verify=True)
    except ServerConnectionError:
        pass
    else:
        raise AssertionError("a wrong password should not be enough")
    return client.db("py", user, password, auth_method="jwt")


def check_collection(db):
    things = db.create_collection("things", sync=True)
    expect(CollectionCreateError, 1207, db.create_collection, "things")
    assert things.properties()["sync"] is True
    meta = things.insert({"_key": "a", "n": 1})
    assert things.has("a") and "a" in things and things.get("none") is None
    expect(DocumentInsertError, 1210, things.insert, {"_key": "a"})
    updated = things.update({"_key": "a", "n": 2}, return_new=True, return_old=True)
    assert (updated["old"]["n"], updated["new"]["n"]) == (1, 2)
    expect(DocumentRevisionError, 1200, things.replace, {"_key": "a", "_rev": meta["_rev"], "n": 3})
    assert things.get("a")["n"] == 2
    results = things.insert_many([{"_key": "b"}, {"_key": "b"}], raise_on_document_error=False)
    assert results[0]["_key"] == "b" and results[1].error_code == 1210
    assert things.count() == 2 and len(things) == 2
    assert things.delete("b") and things.count() == 1
    names = {index["type"] for index in things.indexes()}
    assert names == {"primary"}, names
    assert things.truncate() and things.count() == 0


def check_aql(db):
    things = db.collection("things")
    db.aql.execute(
        "FOR i IN 1..2001 INSERT {_key: TO_STRING(i), i} INTO @@c", bind_vars={"@c": "things"}
    )
    cursor = db.aql.execute("FOR d IN things SORT d.i RETURN d.i", batch_size=500, count=True)
    assert cursor.count() == 2001 and list(cursor) == list(range(1, 2002))
    assert things.count() == 2001
    expect(AQLQueryExecuteError, 1501, db.aql.execute, "FOR")
    expect(AQLQueryExecuteError, 1203, db.aql.execute, "FOR x IN nowhere RETURN x")
    cursor = db.aql.execute("UPDATE '5' WITH {i: -1} IN things RETURN [OLD.i, NEW.i]")
    assert list(cursor) == [[5, -1]]
    assert cursor.statistics()["modified"] == 1


def check_shylock(db):
    backend = ShylockPythonArangoBackend.create(db, "shylock")
    # A second start finds the collection and its indexes.
    ShylockPythonArangoBackend.create(db, "shylock")
    kinds = {(index["type"], bool(index.get("unique"))) for index in db.collection("shylock").indexes()}
    assert kinds == {("primary", True), ("persistent", True), ("ttl", False)}, kinds
    first, second = Lock("mine", backend), Lock("mine", backend)
    assert first.acquire() and first.locked()
    assert second.acquire(block=False) is False
    first.release()
    assert second.acquire(block=False) is True
    second.release()
    check_exclusion(backend)
    assert db.collection("shylock").count() == 0


def check_exclusion(backend):
    inside, most, guard, errors = [0], [0], threading.Lock(), []

    def work():
        try:
            for _ in range(5):
                with Lock("contended", backend):
                    with guard:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                    with guard:
                        inside[0] -= 1
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
    assert most[0] == 1, most


def main(url, user, password):
    client = ArangoClient(hosts=url)
    db = check_database(client, user, password)
    check_collection(db)
    check_aql(db)
    check_shylock(db)
    check_shylock_with_basic(client, user, password)
    print("all well")


def check_shylock_with_basic(client, user, password):
    db = client.db("py", user, password)
    db.delete_collection("shylock")
    check_shylock(db)


if __name__ == "__main__":
    main(*sys.argv[1:])
