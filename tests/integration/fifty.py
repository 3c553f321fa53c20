#!/usr/bin/env python3
"""Fifty clients at once, each adding, listing, deleting: every one sees
exactly its own tasks."""

import os
import sys
import threading
from functools import partial

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import (SECONDS, Server, check, run, tarea,  # noqa: E402
                    together)

CLIENTS, TASKS, TURNS = 50, 20, 5


def live(server, ready, seen, number):
    """One client: what it holds to be true is a plain list, newest first."""
    usuario, mine, good = "usuario%d" % number, [], True
    with server.client(user=usuario) as c:
        ready.wait(SECONDS)
        for turn in range(TURNS):
            for i in range(TASKS):
                t = tarea("%s, %d de %d" % (usuario, i, turn), "d" * number)
                if i % 2:
                    c.cast("tareas.agregar_tarea", usuario, t)
                else:
                    good = c.agregar(usuario, **t) is True and good
                mine.insert(0, t)
            good = c.listar(usuario) == mine and good
            gone = [t for t in mine if t["titulo"].endswith("7 de %d" % turn)
                    or t["titulo"].split(", ")[1].startswith("3 ")]
            for t in gone:
                good = c.eliminar(usuario, t["titulo"]) == 1 and good
                mine.remove(t)
            good = c.listar(usuario) == mine and good
    seen[number] = good, mine


def main():
    with Server() as server:
        ready, seen = threading.Barrier(CLIENTS), {}
        together(*(partial(live, server, ready, seen, n)
                   for n in range(CLIENTS)))
        wrong = [n for n in range(CLIENTS) if not seen[n][0]]
        check("fifty at once saw their own tasks, always", not wrong, wrong)
        with server.client() as c:
            wrong = [n for n in range(CLIENTS)
                     if c.listar("usuario%d" % n) != seen[n][1]]
            check("afterwards each user's tasks are what its client left",
                  not wrong and all(seen[n][1] for n in seen), wrong)


run(main)
