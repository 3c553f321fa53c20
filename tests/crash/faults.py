#!/usr/bin/env python3
"""A disk that fails: each call of a session that changes or syncs something
fails once, in each way. What was answered is there after a restart, in its
order; the files are sound. And a disk that is full: writes are refused, what
is there can be read, and there is a way back.

usage: faults.py [--each N]
--each: of all the calls and ways only every N-th."""

import argparse
import errno
import os
import shutil
import signal
import sqlite3
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(__file__))
from world import (FREE_REAL, CrashServer, check, eventually,  # noqa: E402
                   failures, same)

WRITES = 12
ERRORS = (errno.EIO, errno.ENOSPC, errno.EINTR)
PRAGMAS = "PRAGMA wal_autocheckpoint = 10;"  # one within a session
MIB = 1 << 20


def write_all(server):
    """How many were answered before the end of the link, or all."""
    try:
        with server.client() as client:
            for n in range(WRITES):
                client.agregar("ana", str(n))
    except ConnectionError:
        return n
    return WRITES


def is_sound(path):
    db = sqlite3.connect(path)
    try:
        return db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        db.close()


def session(server, fail_at, code):
    """Writes while call number fail_at fails. Returns what is wrong."""
    shutil.rmtree(server.data, ignore_errors=True)
    server.state.calls, server.state.fail_at = 0, fail_at
    server.state.fail_errno = code
    answered = 0
    if server.try_start():
        answered = write_all(server)
        status = server.stop()
        if answered < WRITES and status != -signal.SIGABRT:
            return "it ended with status %d" % status
    elif server.process.returncode not in (65, 73, 74):
        return "it did not start: %d" % server.process.returncode
    server.calls, server.state.fail_at = server.state.calls, 0
    if not server.try_start():
        return "it does not start again: " + server.log()
    with server.client() as client:
        seen = client.titulos("ana")[::-1]
    if server.stop() != 0:
        return "a bad end after the restart"
    if seen != [str(n) for n in range(len(seen))] or len(seen) < answered:
        return "answered %d, seen %r" % (answered, seen)
    return None if is_sound(server.database) else "not sound"


def every_call(each):
    server = CrashServer(disk=True, pragmas=PRAGMAS, start=False)
    try:
        same("a session in which nothing fails", session(server, 0, 0), None)
        calls = server.calls
        cases = [(n, code) for code in ERRORS for n in range(1, calls + 1)]
        wrong = []
        for n, code in cases[::each]:
            why = session(server, n, code)
            if why:
                wrong.append("call %d, %s: %s" % (n, errno.errorcode[code],
                                                  why))
        failed = server.state.failed
        same("of %d calls one failed in each of %d sessions" % (
            calls, len(cases[::each])), failed, len(cases[::each]))
        check("what was answered is there, and sound", not wrong, wrong[:5])
    finally:
        server.discard()


def refused(client):
    return client.refusal("tareas.agregar_tarea", "ana", {"titulo": "x"})


def full():
    server = CrashServer(disk=True)
    try:
        with server.client() as client:
            client.agregar("ana", "Uno")
            server.state.free_bytes = 63 * MIB
            check("under 64 MiB writes are refused", eventually(
                lambda: refused(client) == "storage"))
            titulos = client.titulos("ana")
            same("so is a deletion", client.refusal(
                "tareas.eliminar_tarea", "ana", "Uno"), "storage")
            same("what is refused is not applied", client.titulos("ana"),
                 titulos)
            check("and it is said", eventually(
                lambda: "nearly full" in server.log()), server.log())
            server.state.free_bytes = FREE_REAL
            check("with room again, they are taken", eventually(
                lambda: refused(client) is None))
            check("and it is said", eventually(
                lambda: "room again" in server.log()), server.log())
            titulos = client.titulos("ana")
        server.crash()
        full_start(server, titulos)
    finally:
        server.discard()


def full_start(server, titulos):
    """With a journal that has something, on a disk where nothing can grow."""
    check("there is a journal",
          os.path.getsize(server.database + "-wal") > 0)
    os.unlink(server.database + "-shm")
    server.state.free_bytes = 0
    started = server.try_start()
    check("it starts on a full disk", started, server.log())
    if not started:
        return
    with server.client() as client:
        same("and what there is can be read", client.titulos("ana"), titulos)
        same("but not written", refused(client), "storage")
        check("it is said", "nearly full" in server.log(), server.log())
        server.state.free_bytes = FREE_REAL
        check("until there is room", eventually(
            lambda: refused(client) is None))
        titulos = client.titulos("ana")
    same("it ends well", server.stop(), 0)
    check("it starts again", server.try_start(), server.log())
    with server.client() as client:
        same("all is there", client.titulos("ana"), titulos)
    server.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--each", type=int, default=10)
    options = parser.parse_args()
    begun = time.monotonic()
    every_call(options.each)
    full()
    print("%s (%.1f s)" % ("%d failed" % len(failures) if failures else
                           "all passed", time.monotonic() - begun))
    return 1 if failures else 0


sys.exit(main())
