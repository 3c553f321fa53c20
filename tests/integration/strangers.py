#!/usr/bin/env python3
"""Connections that do not prove the cookie: they cannot keep others out,
they are closed in time, and they learn nothing."""

import os
import sys
import time
from functools import partial

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import (Server, check, eventually, hello_of, request,  # noqa: E402
                    run, same, together)

STRANGERS_MAX, WAIT_S, HANDSHAKE_S, DENIED_S = 256, 0.25, 5, 0.25


def crowd(server):
    """300 that say nothing; then somebody who knows the cookie."""
    base = server.fds()
    start = time.monotonic()
    silent = [server.link() for _ in range(300)]
    full = eventually(lambda: server.fds() - base >= STRANGERS_MAX, 3)
    check("256 strangers are taken and the kernel holds the others",
          full and server.fds() - base == STRANGERS_MAX, server.fds() - base)
    before = time.monotonic()
    with server.client() as c:
        took = time.monotonic() - before
        check("a polite client behind them is admitted after %.1f s" % took,
              took < 7 and c.call("node.ping"))
    same("the oldest went first", [s.rest(0.5) for s in silent[:3]],
         [[], [], []])
    for s in silent[:STRANGERS_MAX]:
        s.rest(HANDSHAKE_S + 2)
    took = time.monotonic() - start
    check("all of the first 256 were closed, after %.1f s" % took,
          took < HANDSHAKE_S + 2)
    for s in silent:
        s.close()
    check("no descriptor is left of them",
          eventually(lambda: server.fds() == base), server.fds())


def eviction_pace(server):
    """One goes every 250 ms, and no more than that."""
    silent = [server.link() for _ in range(STRANGERS_MAX + 30)]
    time.sleep(3.0)
    gone = sum(not s.is_quiet(0.001) for s in silent)
    for s in silent:
        s.close()
    check("of a crowd one went every 250 ms: %d in 3 s" % gone,
          8 <= gone <= 13)


def alone(server):
    with server.link() as silent, server.link() as slow:
        start = time.monotonic()
        slow.send(request(1, "node.hello", hello_of()))
        slow.read()
        for who, link in (("silent", silent), ("half authenticated", slow)):
            same("a %s stranger hears nothing more" % who, link.rest(8), [])
            took = time.monotonic() - start
            check("and is closed after 5 s (%.2f)" % took,
                  HANDSHAKE_S - 0.1 < took < HANDSHAKE_S + 1)


def denied(server):
    """The same answer and the same time, whatever the cause."""
    causes = {
        "a wrong proof": request(7, "node.auth", "0" * 64),
        "a short proof": request(7, "node.auth", "0"),
        "no proof": request(7, "node.auth"),
        "a second hello": request(7, "node.hello", hello_of()),
        "another request": request(7, "tareas.listar_tareas", "ana"),
    }
    for what, frame in causes.items():
        with server.link() as s:
            s.send(request(1, "node.hello", hello_of()))
            s.read()
            told_denied(s, "after hello, " + what, frame)
    causes = {
        "an unknown version": request(7, "node.hello",
                                      hello_of(versions=[99])),
        "a hello without nonce": request(7, "node.hello",
                                         hello_of(nonce=None)),
        "a hello that is a number": request(7, "node.hello", 1),
        "another request": request(7, "tareas.listar_tareas", "ana"),
    }
    for what, frame in causes.items():
        with server.link() as s:
            told_denied(s, "first, " + what, frame)


def told_denied(link, what, frame):
    start = time.monotonic()
    link.send(frame)
    answer = link.read()
    same(what + ": denied", answer, [1, 7, ["denied", "not allowed"], None])
    end = link.read()
    took = time.monotonic() - start
    check("and the close after %.0f ms" % (took * 1000), end is None and
          DENIED_S - 0.01 < took < DENIED_S + 0.5)


def log(server):
    lines = [line for line in server.log().splitlines()
             if "connection refused" in line]
    check("the log names who was refused, %d lines for 9" % len(lines),
          0 < len(lines) <= 6 and "127.0.0.1" in lines[0], lines)


def on_its_own_server(part):
    with Server() as server:
        part(server)


def refusals(server):
    denied(server)
    log(server)


def main():
    together(*(partial(on_its_own_server, part)
               for part in (refusals, crowd, eviction_pace, alone)))


run(main)
