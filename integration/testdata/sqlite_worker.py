"""Works on an SQLite database for the tests: one writer, any number of readers.

    sqlite_worker.py write DATABASE MODE COUNT   COUNT transactions in a journal mode; prints the number of each once committed
    sqlite_worker.py read DATABASE               reads until standard input ends; prints how often it did

A transaction moves money between two of a hundred accounts and writes a log line, so that every reader finds a sum of
zero, and as many log lines as the last one's number says.
"""
import random
import sqlite3
import sys
import threading


def connect(database):
    db = sqlite3.connect(database, timeout=60, isolation_level=None)
    db.execute("PRAGMA synchronous = FULL")
    return db


def check(db):
    total, = db.execute("SELECT sum(balance) FROM account").fetchone()
    count, greatest = db.execute("SELECT count(*), coalesce(max(id), 0) FROM log").fetchone()
    if total != 0 or count != greatest:
        raise SystemExit(f"the sum is {total}, and of {greatest} log lines there are {count}")
    return count


def write(database, mode, count):
    db = connect(database)
    if db.execute(f"PRAGMA journal_mode = {mode}").fetchone() != (mode,):
        raise SystemExit(f"no journal mode {mode}")
    db.execute("CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, balance INTEGER)")
    db.execute("CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, what BLOB)")
    db.executemany("INSERT OR IGNORE INTO account VALUES (?, 0)", ((i,) for i in range(100)))
    done = check(db)
    for number in range(done + 1, done + 1 + int(count)):
        amount, source, target = random.randrange(1000), random.randrange(100), random.randrange(100)
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE account SET balance = balance - ? WHERE id = ?", (amount, source))
        db.execute("UPDATE account SET balance = balance + ? WHERE id = ?", (amount, target))
        db.execute("INSERT INTO log VALUES (?, ?)", (number, random.randbytes(random.randrange(3000))))
        db.execute("COMMIT")
        print(number, flush=True)


def read(database):
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    db, rounds = connect(database), 0
    while not ended.is_set() or rounds == 0:
        db.execute("BEGIN")
        check(db)
        db.execute("COMMIT")
        rounds += 1
    print(rounds)


{"write": write, "read": read}[sys.argv[1]](*sys.argv[2:])
