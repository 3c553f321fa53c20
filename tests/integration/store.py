#!/usr/bin/env python3
"""The store as its owner meets it: others who look into the database while
the server works, backups, older, newer and damaged databases, who may read
what, and where it is."""

import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "crash"))
from world import (PROGRAM, SECONDS, CrashServer, Writer,  # noqa: E402
                   check, environment, finish, pump, run, run_program,
                   same, version_1)

DATAERR, CANTCREAT, IOERR, TEMPFAIL, NOPERM, CONFIG = 65, 73, 74, 75, 77, 78
HELD_S = 3
NOBODY = 54321  # an account that no machine has
MIDDLE, PAGE = 20, 4096


def stopped(tasks=0):
    """A server that has ended, with so many tasks of "ana"."""
    server = CrashServer()
    with server.client() as client:
        for n in range(tasks):
            client.agregar("ana", str(n), "x" * 900)
    same("a server with %d tasks ends well" % tasks, server.stop(), 0)
    return server


def refuses(sentence, server, status, *words):
    before = open(server.database, "rb").read()
    check(sentence + ": no start", not server.try_start())
    same(sentence + ": status", server.process.returncode, status)
    check(sentence + ": says what to do",
          all(w in server.log() for w in words), server.log())
    check(sentence + ": leaves it as it is",
          open(server.database, "rb").read() == before)
    server.discard()


# -- others look into it ----------------------------------------------------


def readers():
    server = CrashServer()
    db = sqlite3.connect(server.database, isolation_level=None)
    with server.client() as client:
        client.agregar("ana", "Uno", "d")
        db.execute("BEGIN")
        same("the view shows a task", db.execute(
            "SELECT * FROM tareas").fetchall(), [("ana", "Uno", "d")])
        for n in range(200):
            client.agregar("ana", str(n))
        same("an open reader stops nobody", len(client.titulos("ana")), 201)
        same("and sees what it saw", db.execute(
            "SELECT count(*) FROM tareas").fetchone(), (1,))
        db.execute("COMMIT")
        same("then all", db.execute(
            "SELECT count(*) FROM tareas").fetchone(), (201,))
    db.close()
    same("it ends well", server.stop(), 0)
    server.discard()


def holders():
    server = CrashServer()
    db = sqlite3.connect(server.database, isolation_level=None)
    with server.client() as client, server.client() as other:
        client.agregar("ana", "Uno")
        db.execute("BEGIN IMMEDIATE")
        for n in range(5):
            other.send(Writer(0, lambda n: (
                "tareas.agregar_tarea", ["eva", {"titulo": str(n)}]),
                keyed=False).frame(n))
        check("while somebody holds the database no write is answered",
              other.is_quiet(HELD_S))
        same("what is stored can be read", client.titulos("ana"), ["Uno"])
        check("the server lives", server.process.poll() is None, server.log())
        db.execute("COMMIT")
        same("they are answered after it",
             [other.read()[2:] for _ in range(5)], [[None, True]] * 5)
        same("in their order", client.titulos("eva"), list("43210"))
    db.close()
    same("it ends well", server.stop(), 0)
    server.discard()


def strangers_row():
    """Somebody puts a task in by hand, where the next one has to go."""
    server = stopped(1)
    server.start()
    db = sqlite3.connect(server.database, isolation_level=None)
    db.execute("INSERT INTO tarea (usuario, titulo, descripcion)"
               " VALUES ('ana', 'mano', '')")
    db.close()
    with server.client() as client:
        client.cast("tareas.agregar_tarea", "ana", {"titulo": "lost"})
        same("the server ends", client.rest(), [])
    server.wait()
    check("and says why", "UNIQUE constraint failed" in server.log(),
          server.log())
    server.start()
    with server.client() as client:
        same("then it is a task", client.titulos("ana"), ["mano", "0"])
        client.agregar("ana", "1")
        same("and writes go on", client.titulos("ana"), ["1", "mano", "0"])
    same("it ends well", server.stop(), 0)
    server.discard()


# -- copies -----------------------------------------------------------------


def adder(number):
    return Writer(number, lambda n: (
        "tareas.agregar_tarea", ["u%d" % number, {"titulo": str(n)}]),
        keyed=True)


def backup():
    server = CrashServer()
    copies = [CrashServer(start=False) for _ in range(3)]
    writers = [adder(n) for n in range(4)]
    for w in writers:
        w.connect(server)
    writing = threading.Event()
    writing.set()
    thread = threading.Thread(target=pump, args=(writers, writing.is_set))
    thread.start()
    answered = []
    for copy in copies:
        os.mkdir(copy.data, 0o700)
        answered.append([set(w.answered) for w in writers])
        status, _, err = run_program("--data", server.data, "--backup",
                                     copy.database, home=server.folder)
        same("a backup while four write", (status, err), (0, ""))
    writing.clear()
    thread.join(SECONDS)
    finish(writers)
    for before, copy in zip(answered, copies):
        started_from(copy, before)
    status, _, err = run_program("--data", server.data, "--backup",
                                 server.cookie_file, home=server.folder)
    check("a backup replaces nothing", status == CANTCREAT and
          server.cookie_file in err, (status, err))
    same("the server ends well", server.stop(), 0)
    for w in writers:
        w.link.close()
    server.discard()


def started_from(copy, before):
    same("a backup is for its owner", mode(copy.database), 0o600)
    check("a server starts from the backup", copy.try_start(), copy.log())
    with copy.client() as client:
        for n, answered in enumerate(before):
            seen = [int(t) for t in client.titulos("u%d" % n)[::-1]]
            check("writer %d: %d tasks, in order" % (n, len(seen)),
                  seen == list(range(len(seen))) and answered <= set(seen),
                  seen)
    same("and ends well", copy.stop(), 0)
    copy.discard()


# -- versions ---------------------------------------------------------------


def older():
    server = CrashServer(start=False)
    os.mkdir(server.data, 0o700)
    version_1(server.database, 10)
    check("a database of the first version is taken", server.try_start(),
          server.log())
    with server.client() as client:
        same("with what is in it", client.titulos("base")[::-1],
             [str(n) for n in range(10)])
        client.agregar("base", "once")
        same("and more", len(client.titulos("base")), 11)
    same("it ends well", server.stop(), 0)
    db = sqlite3.connect(server.database + ".v1")
    same("a copy is kept as it was",
         (db.execute("PRAGMA user_version").fetchone(),
          db.execute("SELECT count(*) FROM tarea").fetchone()),
         ((1,), (10,)))
    db.close()
    same("for its owner", mode(server.database + ".v1"), 0o600)
    check("it starts again", server.try_start(), server.log())
    same("it ends well", server.stop(), 0)
    server.discard()


def newer():
    server = stopped()
    db = sqlite3.connect(server.database)
    db.execute("PRAGMA user_version = 99")
    db.close()
    refuses("a newer database", server, DATAERR, "newer", "99")


def foreign():
    server = CrashServer(start=False)
    os.mkdir(server.data, 0o700)
    db = sqlite3.connect(server.database)
    db.execute("CREATE TABLE x (y)")
    db.close()
    refuses("somebody else's database", server, DATAERR,
            "no database of tareas_server")


# -- damage -----------------------------------------------------------------


def damaged(sentence, change):
    server = stopped(200)
    with open(server.database, "r+b") as f:
        change(f)
    refuses(sentence, server, DATAERR, server.database, "backup", ".dump")


def random_page(f):
    f.seek(MIDDLE * PAGE)
    f.write(random.Random(1).randbytes(PAGE))


def zero_page(f):
    f.seek(MIDDLE * PAGE)
    f.write(bytes(PAGE))


def zeros(f):
    f.write(bytes(os.fstat(f.fileno()).st_size))


def damage():
    damaged("random bytes in the middle", random_page)
    damaged("zeros in the middle", zero_page)
    damaged("a file of zeros", zeros)
    damaged("half a file", lambda f: f.truncate(MIDDLE * PAGE))
    damaged("not even a page", lambda f: f.truncate(1000))
    damaged("an empty file", lambda f: f.truncate(0))
    journal_alone()


def journal_alone():
    """What somebody has who deletes the wrong one of three files."""
    server = CrashServer()
    with server.client() as client:
        client.agregar("ana", "Uno")
    server.crash()
    aside, journal = server.path("aside"), server.database + "-wal"
    os.rename(server.database, aside)
    there = os.path.getsize(journal)
    check("a journal alone: no start", not server.try_start())
    same("a journal alone: status", server.process.returncode, DATAERR)
    same("it is left as it is", os.path.getsize(journal), there)
    os.rename(aside, server.database)
    check("with the database it starts", server.try_start(), server.log())
    with server.client() as client:
        same("and all is there", client.titulos("ana"), ["Uno"])
    same("it ends well", server.stop(), 0)
    server.discard()


# -- who and where ----------------------------------------------------------


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def one_server():
    server = CrashServer()
    second = CrashServer(data=server.data, start=False)
    check("one server a directory", not second.try_start())
    same("the second one's status", second.process.returncode, TEMPFAIL)
    check("and what it says", server.data in second.log() and
          "--data" in second.log(), second.log())
    second.discard()
    server.crash()
    check("a killed one holds nothing", server.try_start(), server.log())
    same("it ends well", server.stop(), 0)
    server.discard()


def modes():
    os.umask(0o022)
    server = CrashServer()
    with server.client() as client:
        client.agregar("ana", "Uno")
        same("the directory is for its owner", mode(server.data), 0o700)
        same("so is each file in it",
             {name: mode(os.path.join(server.data, name))
              for name in sorted(os.listdir(server.data))},
             dict.fromkeys(["lock", "tareas.db", "tareas.db-shm",
                            "tareas.db-wal"], 0o600))
    same("it ends well", server.stop(), 0)
    server.discard()


def open_to_others():
    server = stopped()
    os.chmod(server.data, 0o777)
    refuses("a directory in which others may write", server, NOPERM,
            "chmod 700 " + server.data)


def no_home():
    if os.getuid() != 0:
        print("skip  no home: only root can be an account that is none")
        return
    with CrashServer() as server:
        cookie = server.path("nobody")
        with open(cookie, "w") as f:
            f.write("c" * 32)
        os.chmod(server.folder, 0o755)
        os.chmod(cookie, 0o400)
        os.chown(cookie, NOBODY, -1)
        surroundings = environment(server.folder)
        del surroundings["HOME"]
        done = subprocess.run(
            [PROGRAM, "--lang", "en", "--listen", "127.0.0.1:0",
             "--cookie-file", cookie], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=SECONDS,
            env=surroundings, user=NOBODY, cwd="/")
        check("no home and no --data", done.returncode == CONFIG and
              "--data" in done.stderr, (done.returncode, done.stderr))


def not_writable():
    if os.getuid() != 0:
        print("skip  a database that may not be written: needs root")
        return
    with stopped(1) as server:
        cookie = os.path.join(server.folder, "cookie")
        for at in (server.folder, cookie, server.data,
                   os.path.join(server.data, "lock"),
                   os.path.join(server.data, "tareas.db")):
            os.chown(at, NOBODY, -1)
        os.chmod(os.path.join(server.data, "tareas.db"), 0o400)
        done = subprocess.run(
            [PROGRAM, "--lang", "en", "--listen", "127.0.0.1:0",
             "--cookie-file", cookie, "--data", server.data],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=SECONDS, env=environment(server.folder), user=NOBODY,
            cwd="/")
        check("a database that may not be written stops the start",
              done.returncode == IOERR and "tareas.db" in done.stderr and
              "readonly" in done.stderr, (done.returncode, done.stderr))


run(readers, holders, strangers_row, backup, older, newer, foreign, damage,
    one_server, modes, open_to_others, no_home, not_writable)
