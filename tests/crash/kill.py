#!/usr/bin/env python3
"""SIGKILL under eight writers, again and again: what was answered is there
after the restart, nothing twice, each client's order kept. Half of the
writers give their writes keys and send again what was not answered: of these
nothing is lost at all, and nothing is there twice.

usage: kill.py [--rounds N] [--seed N] [--control]
--control: the same on a server that answers before its commit, which has to
lose something; status 0 says that it did."""

import argparse
import os
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(__file__))
from world import (EARLY, CrashServer, Writer, finish, pump)  # noqa: E402

WRITERS, SHARE = 8, 2  # of one user's tasks
SECONDS_MAX = 0.06  # until the kill
FRESH = 25  # rounds on one directory
TITULO = "t"


class Lost(Exception):
    """The promise is broken."""


def require(good, *what):
    if not good:
        raise Lost("%s: %s" % (what[0], what[1:]))


def usuario(number):
    return "u%d" % (number // SHARE)


def writer(number):
    def request(n):
        return "tareas.agregar_tarea", [
            usuario(number),
            {"titulo": TITULO, "descripcion": "%d:%d" % (number, n)}]
    return Writer(number, request, keyed=number % 2 == 1)


def stored(client, number):
    """The numbers of a writer's tasks, oldest first."""
    mine = "%d:" % number
    return [int(t["descripcion"].split(":")[1])
            for t in client.listar(usuario(number))[::-1]
            if t["descripcion"].startswith(mine)]


def check_stored(client, w):
    seen = stored(client, w.number)
    require(seen == list(range(len(seen))), "twice or out of order",
            w.number, seen)
    require(w.answered <= set(seen), "answered and lost", w.number,
            sorted(w.answered - set(seen)))
    require(len(seen) <= w.sent, "never sent", w.number, len(seen), w.sent)


def check_resent(server, client, writers):
    keyed = [w for w in writers if w.keyed]
    for w in keyed:
        w.connect(server)
    finish(keyed)
    for w in keyed:
        require(len(w.answered) == w.sent, "not answered", w.number)
        seen = stored(client, w.number)
        require(seen == list(range(w.sent)), "sent again, not once each",
                w.number, w.sent, seen)
        w.link.close()


def one_round(server, chance):
    """Writes, kills, starts again, looks. Returns how many were answered."""
    writers = [writer(i) for i in range(WRITERS)]
    for w in writers:
        w.connect(server)
    pump(writers, lambda: True, chance.uniform(0.001, SECONDS_MAX))
    server.crash()
    for w in writers:
        w.drain()
    answered = sum(len(w.answered) for w in writers)
    server.start()
    with server.client() as client:
        for w in writers:
            check_stored(client, w)
        check_resent(server, client, writers)
        for i in range(0, WRITERS, SHARE):
            client.eliminar(usuario(i), TITULO)
            require(client.listar(usuario(i)) == [], "deleted, and there", i)
    return answered


def rounds(options, chance, program):
    """How many writes were answered in all."""
    total, server = 0, None
    try:
        for i in range(options.rounds):
            if i % FRESH == 0:
                if server:
                    server.discard()
                server = CrashServer(program=program)
            total += one_round(server, chance)
    except Lost as e:
        raise Lost("round %d: %.120s" % (i + 1, e)) from None
    finally:
        server.discard()
    return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--control", action="store_true")
    options = parser.parse_args()
    print("seed %d" % options.seed, flush=True)
    begun = time.monotonic()
    try:
        total = rounds(options, random.Random(options.seed),
                       EARLY if options.control else None)
    except Lost as e:
        print("%s %s" % ("ok    answered too early, it loses:"
                         if options.control else "FAIL ", e))
        return 0 if options.control else 1
    if options.control:
        print("FAIL  %d rounds answered too early, and nothing lost" %
              options.rounds)
        return 1
    print("ok    %d rounds, %d writes answered, none lost, none twice: "
          "%.1f s" % (options.rounds, total, time.monotonic() - begun))
    return 0


sys.exit(main())
