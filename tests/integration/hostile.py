#!/usr/bin/env python3
"""Bad input of every kind: a clear error to the peer that sent it, silence
and a close before authentication; nothing changed, a polite client beside it
undisturbed, the server's memory bounded."""

import os
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import (FRAME, FRAME_BEFORE_AUTH, Ext, Raw,  # noqa: E402
                    Server, check, hello_of, is_sanitized, notify, pack,
                    proof, request, run, same, tarea)

AGREGAR, ELIMINAR, LISTAR = (
    "tareas." + op for op in ("agregar_tarea", "eliminar_tarea",
                              "listar_tareas"))
# A sanitizer keeps what was freed for a while.
GROWTH = (64 << 20) + (320 << 20 if is_sanitized() else 0)
BAD_UTF8 = (Raw(b"\xa1\xff"), Raw(b"\xa3\xed\xa0\x80"), Raw(b"\xa2\xc0\xaf"))

# What no reader should meet, and how it is called after authentication.
BROKEN = (
    ("0xc1", b"\xc1", "malformed"),
    ("0xc1 inside a request", b"\x94\x00\x01\xc1", "malformed"),
    ("a number", b"\x07", "malformed"),
    ("an empty array", b"\x90", "malformed"),
    ("a map", b"\x81\x00\x01", "malformed"),
    ("message kind 3", pack([3, 1, "node.ping", []]), "malformed"),
    ("a request of three", pack([0, 1, "node.ping"]), "malformed"),
    ("a request of five", pack([0, 1, "node.ping", [], 1]), "malformed"),
    ("a msgid of 33 bits", pack([0, 2 ** 32, "node.ping", []]), "malformed"),
    ("msgid -1", pack([0, -1, "node.ping", []]), "malformed"),
    ("a method that is a number", pack([0, 1, 5, []]), "malformed"),
    ("a method of 129 bytes", pack([0, 1, "m" * 129, []]), "malformed"),
    ("params that are a map", pack([0, 1, "node.ping", {}]), "malformed"),
    ("a bomb of 5 bytes", b"\xdd\x10\x00\x00\x00", "toobig"),
    ("a bomb inside a request", b"\x94\x00\x01\xa1m\xdd\xff\xff\xff\xff",
     "toobig"),
    ("a map that wraps", b"\xdf\x80\x00\x00\x01", "toobig"),
    ("a string of 4 GiB", b"\xdb\xff\xff\xff\xff", "toobig"),
    ("a bin over the frame", b"\xc6\x00\x10\x00\x01", "toobig"),
    ("an ext of 4 GiB", b"\xc9\xff\xff\xff\xff\x01", "toobig"),
    ("too many objects", b"\xdd\x00\x02\x00\x01", "toobig"),
    ("17 arrays in each other", b"\x91" * 17, "toobig"),
    ("an HTTP request", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
     "malformed"),
    ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" +
     bytes(range(200)), "malformed"),
)


class Beside:
    """The polite client: nothing here may disturb it."""

    def __init__(self, server):
        self.link = server.client()
        self.link.agregar("beside", "sigue", "aquí")
        self.link.agregar("ana", "no tocar")

    def look(self, what):
        start = time.monotonic()
        seen = [self.link.listar("beside"), self.link.titulos("ana")]
        took = time.monotonic() - start
        check("the polite client beside %s sees what it saw" % what,
              seen == [[tarea("sigue", "aquí")], ["no tocar"]] and took < 1,
              (seen, took))


def end_of(link):
    """All that comes, and how long it took until the end."""
    start = time.monotonic()
    return link.rest(3), time.monotonic() - start


def broken_before(server):
    for what, data, _ in BROKEN:
        with server.link() as stranger:
            stranger.send(data)
            said, took = end_of(stranger)
            check("before authentication %s: silence and a close" % what,
                  said == [] and took < 1, (said, took))
    with server.link() as stranger:
        stranger.send(b"\xda\x04\x00" + bytes(1024))
        same("before authentication a frame over 1024 bytes: the same",
             stranger.rest(3), [])


def broken_after(server):
    for what, data, word in BROKEN:
        with server.client() as c:
            c.send(data)
            said, took = end_of(c)
            check("after it %s: node.error %s and a close" % (what, word),
                  len(said) == 1 and said[0][:2] == [2, "node.error"] and
                  said[0][2][0] == word and took < 2, (said, took))
    with server.client() as c:
        c.send(*(request(i, ELIMINAR, "nadie", "x") for i in range(3)),
               b"\xc1", request(3, LISTAR, "nadie"))
        said = c.rest(3)
        check("node.error is the last word, whatever was in flight",
              said != [] and said[-1][:2] == [2, "node.error"] and
              all(m[0] == 1 and m[1] < 3 for m in said[:-1]), said)


def frames_at_the_limit(server):
    def padded(size):
        """A request of exactly so many bytes."""
        bare = request(5, AGREGAR, "pad", tarea("t"), {"x": Raw()})
        body = size - len(bare) - 5
        return request(5, AGREGAR, "pad", tarea("t"),
                       {"x": Raw(b"\xc6" + body.to_bytes(4, "big") +
                                 bytes(body))})
    with server.client() as c:
        assert len(padded(FRAME)) == FRAME
        c.send(padded(FRAME))
        same("a frame of 1 MiB is taken", c.read(), [1, 5, None, True])
        c.send(padded(FRAME + 1))
        said = c.rest(3)
        check("one byte more is not", len(said) == 1 and
              said[0][2][0] == "toobig", said)
    with server.client() as c:
        same("and it changed nothing", c.eliminar("pad", "t"), 1)

    def hello(size):
        bare = request(1, "node.hello", hello_of(x=Raw(b"\xc5\x00\x00")))
        body = size - len(bare)
        return request(1, "node.hello", hello_of(
            x=Raw(b"\xc5" + body.to_bytes(2, "big") + bytes(body))))
    with server.link() as stranger:
        assert len(hello(FRAME_BEFORE_AUTH)) == FRAME_BEFORE_AUTH
        stranger.send(hello(FRAME_BEFORE_AUTH))
        same("a hello of 1024 bytes is answered", stranger.read()[:3],
             [1, 1, None])
    with server.link() as stranger:
        stranger.send(hello(FRAME_BEFORE_AUTH + 1))
        same("one of 1025 is not", stranger.rest(3), [])


def deep_and_many(server):
    with server.client() as c:
        deep = Raw(b"\x91" * 13 + b"\xc0")
        same("16 levels are allowed",
             c.call(AGREGAR, "hondo", tarea("t"), {"x": deep}), True)
        many = Raw(b"\xdd" + (131000).to_bytes(4, "big") + b"\xc0" * 131000)
        same("131,000 objects are allowed",
             c.call(AGREGAR, "hondo", tarea("t"), {"x": many}), True)
        same("both were carried out", c.eliminar("hondo", "t"), 2)


def random_bytes(server):
    chance = random.Random(20240229)
    loud = 0
    for _ in range(100):
        with server.link() as stranger:
            stranger.send(chance.randbytes(3000))
            loud += stranger.rest(3) != []
    same("random bytes of 100 strangers: silence and a close", loud, 0)
    strange = 0
    for _ in range(100):
        with server.client() as c:
            # A size or a string may look sound for long: end it.
            c.send(chance.randbytes(3000), b"\xc1" * 1200000)
            said = c.rest(3)
            strange += len(said) != 1 or said[0][1] != "node.error"
    same("of 100 clients: one node.error and a close", strange, 0)


def no_hello(server):
    denied = [1, 9, ["denied", "not allowed"], None]
    for what, frame in (
            ("a request first", request(9, LISTAR, "ana")),
            ("node.ping first", request(9, "node.ping")),
            ("node.auth first", request(9, "node.auth", "0" * 64)),
            ("a hello without params", request(9, "node.hello")),
            ("a hello of bad UTF-8", request(
                9, "node.hello", hello_of(node=BAD_UTF8[0])))):
        with server.link() as stranger:
            stranger.send(frame, request(10, AGREGAR, "ana", tarea("x")))
            same("%s: denied and a close" % what, stranger.rest(3), [denied])
    with server.link() as stranger:
        stranger.send(notify(AGREGAR, "ana", tarea("x")),
                      request(10, LISTAR, "ana"))
        same("a cast first: silence and a close", stranger.rest(3), [])
    with server.link() as stranger:
        stranger.send(pack([1, 1, None, True]))
        same("an answer first: silence and a close", stranger.rest(3), [])


def wrong_hello(server):
    for change in ({"versions": []}, {"versions": [2, 7]},
                   {"versions": ["1"]}, {"versions": [1] * 17},
                   {"nonce": "ab"}, {"nonce": "A" * 64}, {"nonce": 7},
                   {"node": ""}, {"node": "a\nb"}, {"node": "n" * 129},
                   {"ping": 1}):
        with server.link() as stranger:
            stranger.send(request(1, "node.hello", hello_of(**change)))
            same("a hello with %.40s: denied" % change, stranger.rest(3),
                 [[1, 1, ["denied", "not allowed"], None]])
    for user in ("", "u" * 65, "a\tb", BAD_UTF8[0], 5):
        with server.link() as stranger:
            stranger.send(request(1, "node.hello", hello_of(user=user)))
            said = stranger.rest(3)
            check("a hello of user %.20r: refused" % user, len(said) == 1 and
                  said[0][2][0] in ("badarg", "denied"), said)
    with server.client(user="u" * 64, node="n" * 128, ping=False) as c:
        same("names at their limits are admitted", c.call("node.ping"), True)


def cookies(server):
    cookie = server.cookie()
    for wrong in (b"x", cookie[:-1], cookie + b"x", cookie.upper(), b""):
        with server.link() as stranger:
            hello = hello_of()
            stranger.send(request(1, "node.hello", hello))
            welcome = stranger.read()[3]
            stranger.send(request(2, "node.auth", proof(
                wrong, "client", hello, welcome)),
                request(3, AGREGAR, "ana", tarea("x")))
            same("cookie %.9r...: denied" % wrong, stranger.rest(3),
                 [[1, 2, ["denied", "not allowed"], None]])
    with server.link() as stranger:
        hello = hello_of()
        stranger.send(request(1, "node.hello", hello))
        welcome = stranger.read()[3]
        stranger.send(request(2, "node.auth", proof(
            cookie, "server", hello, welcome)))
        same("the server's own proof is none of the client's",
             stranger.rest(3), [[1, 2, ["denied", "not allowed"], None]])


def replay(server):
    hello = hello_of()
    with server.link() as c:
        c.send(request(1, "node.hello", hello))
        welcome = c.read()[3]
        auth = request(2, "node.auth", proof(server.cookie(), "client", hello,
                                             welcome))
        c.send(auth)
        check("the real one is admitted", c.read()[2] is None)
    with server.link() as stranger:
        stranger.send(request(1, "node.hello", hello), auth)
        said = stranger.rest(3)
        check("its hello and proof, said again, are denied",
              len(said) == 2 and said[0][3]["nonce"] != welcome["nonce"] and
              said[1] == [1, 2, ["denied", "not allowed"], None], said)


def second_hello(server):
    with server.link() as stranger:
        stranger.send(request(1, "node.hello", hello_of()))
        stranger.read()
        stranger.send(request(2, "node.hello", hello_of()))
        same("a second hello before authentication: denied",
             stranger.rest(3), [[1, 2, ["denied", "not allowed"], None]])
    with server.client() as c:
        same("after it: badarg", c.refusal("node.hello", hello_of()),
             "badarg")
        same("a second node.auth too", c.refusal("node.auth", "0" * 64),
             "badarg")
        same("and the link goes on", c.listar("nadie"), [])


def unclean(server):
    with server.client() as c:
        for bad in BAD_UTF8:
            same("a title of bad UTF-8 %s is badarg" % bad[1:].hex(),
                 c.refusal(AGREGAR, "ana", tarea(bad)), "badarg")
            same("so is a user", c.refusal(LISTAR, bad), "badarg")
        same("an ext is badarg, even in an option nobody reads",
             c.refusal(LISTAR, "ana", {"x": Ext(1, b"y")}), "badarg")
        same("a method of bad UTF-8 too", c.refusal(BAD_UTF8[0]), "badarg")
        c.cast(AGREGAR, "ana", tarea(BAD_UTF8[0]))
        c.send(pack([1, 5, None, Ext(1, b"y")]), pack([1, 6, None, True]))
        check("unclean casts, and answers nobody asked for, are dropped",
              c.is_quiet())
        same("and the link goes on", c.listar("nadie"), [])


def unknown(server):
    with server.client() as c:
        for method, word in (
                ("nadie.listar_tareas", "noproc"), ("listener.admitted",
                                                    "noproc"),
                ("tareas.borrar_todo", "undef"), ("tareas.", "undef"),
                (".listar_tareas", "undef"), ("tareas", "undef"),
                ("", "undef"), ("m" * 128, "undef"),
                ("a.tareas.listar_tareas", "noproc")):
            same("method %.24r is %s" % (method, word),
                 c.refusal(method, "ana"), word)
            c.cast(method, "ana")
        same("and the link goes on", c.listar("nadie"), [])


def wrong_shapes(server):
    t = tarea("x")
    shapes = (
        (AGREGAR, ()), (AGREGAR, ("ana",)), (AGREGAR, (t,)),
        (AGREGAR, ("ana", "x")), (AGREGAR, (1, t)), (AGREGAR, (b"ana", t)),
        (AGREGAR, ("ana", t, 1)), (AGREGAR, ("ana", t, {}, {})),
        (AGREGAR, ("ana", {})), (AGREGAR, ("ana", {"titulo": 1})),
        (AGREGAR, ("ana", {"titulo": None})),
        (AGREGAR, ("ana", {"descripcion": "x"})),
        (AGREGAR, ("ana", {"titulo": "x", "descripcion": 1})),
        (AGREGAR, ("ana", {"titulo": b"x"})),
        (AGREGAR, ("ana", {"titulo": "x", "otra": "y"})),
        (AGREGAR, ("ana", Raw(b"\x82" + pack("titulo") * 2 +
                              pack("titulo") * 2))),
        (ELIMINAR, ("ana",)), (ELIMINAR, ("ana", None)),
        (ELIMINAR, ("ana", ["no tocar"])),
        (ELIMINAR, ("ana", "no tocar", 1)),
        (ELIMINAR, ("ana", "no tocar", {}, {})),
        (LISTAR, ()), (LISTAR, (None,)), (LISTAR, (["ana"],)),
        (LISTAR, ("ana", None)), (LISTAR, ("ana", [])),
        (LISTAR, ("ana", {1: 2})), (LISTAR, ("ana", {}, {})))
    with server.client() as c:
        for method, params in shapes:
            same("%s %.50s is badarg" % (method[7:], list(params)),
                 c.refusal(method, *params), "badarg")
            c.cast(method, *params)
        same("their casts have no answer, and change nothing",
             c.titulos("ana"), ["no tocar"])


def texts(server):
    controls = ["\0", "\n", "\x1b[31m", "\x7f", "\x85", "a\tb"]
    cases = [("", "badarg"), ("t" * 1024, None), ("t" * 1025, "toobig"),
             ("é" * 512, None), ("é" * 512 + "t", "toobig")]
    cases += [(text, "badarg") for text in controls]
    with server.client() as c:
        for text, word in cases:
            same("titulo %.8r of %d bytes: %s" %
                 (text, len(text.encode()), word),
                 c.refusal(AGREGAR, "texto", tarea(text)), word)
            same("the same to delete",
                 c.refusal(ELIMINAR, "texto", text), word)
        cases = [("", None), ("d" * 16384, None), ("d" * 16385, "toobig")]
        for text, word in cases + [(t, "badarg") for t in controls]:
            same("descripcion %.8r of %d bytes: %s" %
                 (text, len(text), word),
                 c.refusal(AGREGAR, "texto", tarea("d", text)), word)
        same("two of them were added", c.eliminar("texto", "d"), 2)
        cases = [("", "badarg"), ("u" * 64, None), ("u" * 65, "toobig")]
        for text, word in cases + [(t, "badarg") for t in controls]:
            for method, more in ((AGREGAR, [tarea("u")]), (LISTAR, []),
                                 (ELIMINAR, ["u"])):
                same("usuario %.8r of %d bytes, %s: %s" %
                     (text, len(text), method[7:], word),
                     c.refusal(method, text, *more), word)


def log_is_clean(server):
    with server.client(node="a\u202eb") as c:
        c.cast("nadie.\x1b[31m\u202e", "ana")
        same("the link goes on", c.listar("nadie"), [])
    log = server.log()
    check("the log names casts that failed", "a cast failed" in log, log)
    check("without escape sequences and bidi controls in it",
          "\x1b" not in log and "\u202e" not in log)


def main():
    with Server() as server:
        beside = Beside(server)
        before = server.rss()
        for part in (broken_before, broken_after, frames_at_the_limit,
                     deep_and_many, random_bytes, no_hello, wrong_hello,
                     cookies, replay, second_hello, unclean, unknown,
                     wrong_shapes, texts, log_is_clean):
            part(server)
            beside.look(part.__name__)
        grown = server.rss() - before
        check("the server's memory grew by %d KiB" % (grown >> 10),
              grown < GROWTH)


run(main)
