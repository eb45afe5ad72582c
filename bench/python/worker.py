"""Python's shylock in a worker process of the benchmark: the protocol of the crate in `worker/`."""

import random
import sys
import threading
import time

import pymongo
import shylock
from pymongo import monitoring

HOLD = 0.001


class Commands(monitoring.CommandListener):
    """Counts what the driver sends."""

    sent = 0

    def started(self, event):
        Commands.sent += 1

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


def now():
    return time.monotonic_ns()


def solo(name, count):
    took = []
    lock = shylock.Lock(name)
    for _ in range(int(count)):
        begun = now()
        lock.acquire()
        lock.release()
        took.append(now() - begun)
    return took


held = None


def take(name):
    global held
    held = shylock.Lock(name)
    held.acquire()
    return [now()]


def give():
    called = now()
    held.release()
    return [called, now()]


def hot(name, begin, end):
    begin, end = int(begin), int(end)
    lock = shylock.Lock(name)
    time.sleep(max(0, begin - now()) / 1e9)
    count = 0
    while now() < end:
        lock.acquire()
        if now() < end:
            count += 1
            time.sleep(HOLD)
        lock.release()
        time.sleep(HOLD * random.random())
    return [count]


def within(name, tasks, duration):
    begun = now()
    end = begun + int(duration)
    given_at = [0]
    took = []

    def hand_over():
        lock = shylock.Lock(name)
        while now() < end:
            lock.acquire()
            if given_at[0]:
                took.append(now() - given_at[0])
            given_at[0] = now()
            lock.release()

    threads = [threading.Thread(target=hand_over) for _ in range(int(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [now() - begun, *took]


def wait(name, tasks, duration):
    before = Commands.sent
    for _ in range(int(tasks)):
        threading.Thread(target=lambda: shylock.Lock(name).acquire(), daemon=True).start()
    time.sleep(int(duration) / 1e9)
    return [Commands.sent - before]


COMMANDS = {f.__name__: f for f in (solo, take, give, hot, within, wait)}


def main(url):
    client = pymongo.MongoClient(url, event_listeners=[Commands()])
    name = client.get_default_database().name
    shylock.configure(shylock.ShylockPymongoBackend.create(client, name))
    print("ok", flush=True)
    for line in sys.stdin:
        command, *arguments = line.split()
        try:
            print("ok", *COMMANDS[command](*arguments), flush=True)
        except Exception as error:
            print("error", str(error).replace("\n", " "), flush=True)


main(sys.argv[1])
