#!/usr/bin/env python3
"""The operations over the wire: what a polite client sees. Every row of the
class's table (tasks) that concerns the server has its sentence here."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import (FRAME, Server, check, eventually,  # noqa: E402
                    notify, pack, request, run, same, tarea)

AGREGAR, ELIMINAR, LISTAR = (
    "tareas." + op for op in ("agregar_tarea", "eliminar_tarea",
                              "listar_tareas"))


def class_session(server):
    """Step 4 of the class: two casts and a call."""
    with server.client() as c:
        c.cast(AGREGAR, "usuario1", tarea("Comprar leche",
                                          "Ir al supermercado"))
        c.cast(AGREGAR, "usuario1", tarea("Estudiar Elixir",
                                          "Leer la guía oficial"))
        same("a list sees the casts before it, the newest first",
             c.listar("usuario1"),
             [tarea("Estudiar Elixir", "Leer la guía oficial"),
              tarea("Comprar leche", "Ir al supermercado")])
    with server.client() as c:
        same("tasks outlive the client that added them",
             c.titulos("usuario1"), ["Estudiar Elixir", "Comprar leche"])


def calls_and_casts(server):
    with server.client() as c:
        same("agregar answers true", c.agregar("ana", "uno"), True)
        same("listar of an unknown user is empty", c.listar("nadie"), [])
        same("eliminar for an unknown user deletes 0",
             c.eliminar("nadie", "uno"), 0)
        same("eliminar of a missing title deletes 0",
             c.eliminar("ana", "dos"), 0)
        same("eliminar answers how many", c.eliminar("ana", "uno"), 1)
        c.cast(LISTAR, "ana")
        c.cast(AGREGAR, "ana", tarea("tres"))
        c.cast(ELIMINAR, "ana", "tres")
        check("a cast has no answer, not even listar", c.is_quiet())
        same("eliminar works as a cast", c.listar("ana"), [])


def descriptions(server):
    with server.client() as c:
        c.call(AGREGAR, "luz", {"titulo": "sin"})
        c.call(AGREGAR, "luz", {"titulo": "nil", "descripcion": None})
        c.call(AGREGAR, "luz", {"descripcion": "con", "titulo": "con"})
        same("a description may be absent or nil, keys in any order",
             c.listar("luz"), [tarea("con", "con"), tarea("nil"),
                               tarea("sin")])


def options(server):
    with server.client() as c:
        more = {"quizas": [1, {"x": None}], "después": 2.5}
        same("agregar takes options it does not know",
             c.call(AGREGAR, "opt", tarea("uno"), more), True)
        same("listar does", len(c.listar("opt", more)), 1)
        same("eliminar does", c.call(ELIMINAR, "opt", "uno", more), 1)
        same("empty options are none", c.listar("opt", {}), [])


def duplicates(server):
    with server.client() as c:
        for titulo in ("a", "b", "a", "c", "a"):
            c.agregar("eco", titulo)
        same("duplicate titles are kept, the newest first",
             c.titulos("eco"), ["a", "c", "a", "b", "a"])
        same("eliminar deletes all of that title", c.eliminar("eco", "a"), 3)
        same("and leaves the order of the rest", c.titulos("eco"), ["c", "b"])


def byte_by_byte(server):
    titles = ["leche", "Leche", "leche ", "caf\u00e9", "cafe\u0301"]
    with server.client() as c:
        for titulo in titles:
            c.agregar("byte", titulo)
        same("case, a trailing space, NFC and NFD all differ",
             [c.eliminar("byte", t) for t in titles], [1] * 5)
        same("users differ so too", c.listar("Byte"), [])


def pages(server):
    with server.client() as c:
        for i in range(10):
            c.cast(AGREGAR, "pag", tarea(str(i)))
        whole = c.titulos("pag")

        def page(**o):
            return [t["titulo"] for t in c.listar("pag", o)]
        same("cuantas is at most so many", page(cuantas=3), whole[:3])
        same("desde 0 is the newest", page(desde=0, cuantas=1), ["9"])
        same("desde alone goes to the end", page(desde=7), whole[7:])
        same("a page in the middle", page(desde=4, cuantas=2), whole[4:6])
        same("past the end there is nothing", page(desde=10), [])
        same("far past the end neither", page(desde=2 ** 64 - 1), [])
        same("cuantas 0 is nothing", page(cuantas=0), [])
        same("a huge cuantas is all", page(desde=9, cuantas=2 ** 64 - 1),
             ["0"])
        for bad in (-1, 1.0, "1", None, True, [], 2 ** 64 - 1.0):
            same("desde %r is badarg" % bad,
                 c.refusal(LISTAR, "pag", {"desde": bad}), "badarg")
        same("cuantas -1 is badarg",
             c.refusal(LISTAR, "pag", {"cuantas": -1}), "badarg")


def large_listing(server):
    text = "d" * 16384
    with server.client() as c:
        for i in range(100):
            c.cast(AGREGAR, "gran", tarea(str(i), text))
        same("a whole list over a frame is toobig",
             c.refusal(LISTAR, "gran"), "toobig")
        all_of_it, sizes = [], []
        for _ in range(100):
            page = c.listar("gran", {"desde": len(all_of_it)})
            if not page:
                break
            sizes.append(len(pack(page)))
            all_of_it += page
        same("pages until the end are the list", all_of_it,
             [tarea(str(i), text) for i in range(99, -1, -1)])
        check("a page fills its frame and fits",
              FRAME - 20000 < sizes[0] < FRAME and len(sizes) == 2, sizes)
        c.eliminar("gran", "99")
        for i in range(63, 99):
            c.eliminar("gran", str(i))
        same("a list that just fits is whole", len(c.listar("gran")), 63)


def msgids(server):
    with server.client() as c:
        for msgid in (0, 1, 127, 128, 65536, 2 ** 32 - 1):
            c.send(request(msgid, LISTAR, "x"))
            same("msgid %d comes back" % msgid, c.read(), [1, msgid, None, []])
        c.send(request(7, AGREGAR, "x", tarea("uno")),
               request(7, LISTAR, "x"), request(7, ELIMINAR, "x", "uno"))
        same("one msgid for three calls in flight: three answers",
             [c.read() for _ in range(3)],
             [[1, 7, None, True], [1, 7, None, [tarea("uno")]],
              [1, 7, None, 1]])
        c.send(long_forms(request(9, LISTAR, "x")))
        same("long forms of the same values are the same",
             c.read(), [1, 9, None, []])


def long_forms(frame):
    """The frame with its array head and msgid in their longest forms."""
    return (b"\xdd\x00\x00\x00\x04\xcf" + bytes(8) +
            b"\xce\x00\x00\x00" + frame[2:3] + frame[3:])


def order(server):
    frames, wanted = [], []
    for i in range(500):
        frames += [notify(AGREGAR, "ord", tarea("cast %d" % i)),
                   request(3 * i, AGREGAR, "ord", tarea("call %d" % i)),
                   request(3 * i + 1, LISTAR, "ord", {"cuantas": 2}),
                   request(3 * i + 2, ELIMINAR, "ord", "cast %d" % i)]
        wanted += [[1, 3 * i, None, True],
                   [1, 3 * i + 1, None, [tarea("call %d" % i),
                                         tarea("cast %d" % i)]],
                   [1, 3 * i + 2, None, 1]]
    with server.client() as c:
        c.send(*frames)
        same("casts and calls of a link are applied in their order",
             [c.read() for _ in wanted], wanted)
        same("and this is what they led to", c.titulos("ord"),
             ["call %d" % i for i in range(499, -1, -1)])


def node_process(server):
    with server.client() as c:
        same("node.ping answers true", c.call("node.ping"), True)
        same("an unknown operation of node is undef",
             c.refusal("node.reboot"), "undef")


def main():
    with Server() as server:
        wanted = ("Task server started\n"
                  "Waiting for connections from clients...\n"
                  "Listening on 127.0.0.1:%d\n" % server.port)
        check("the server says that it runs, and where",
              eventually(lambda: server.out() == wanted), server.out())
        for part in (class_session, calls_and_casts, descriptions, options,
                     duplicates, byte_by_byte, pages, large_listing, msgids,
                     order, node_process):
            part(server)
    with Server("--memory") as server:
        last = "The tasks are in memory only: they end with the server\n"
        check("a server that keeps nothing says so",
              eventually(lambda: server.out().endswith(last)), server.out())


run(main)
