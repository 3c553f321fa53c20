#!/usr/bin/env python3
"""Flow: readers that do not read, writers that write everything at once or a
byte at a time, connections that break, descriptors that run out. The server
keeps its memory, its order and its time for the others."""

import os
import resource
import select
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import (FRAME, SECONDS, Server, check, eventually,  # noqa: E402
                    hello_of, is_sanitized, notify, pack, proof, request,
                    run, same, tarea)

AGREGAR, ELIMINAR, LISTAR = (
    "tareas." + op for op in ("agregar_tarea", "eliminar_tarea",
                              "listar_tareas"))
CALLS, CASTS = 20000, 100000
# A sanitizer keeps what was freed for a while.
GROWTH = (8 << 20) + (320 << 20 if is_sanitized() else 0)


def pump(link, frames, answers):
    """Writes and reads at once until all answers are there: compared byte by
    byte, one after the other. Returns how many were right."""
    out, inb, right = memoryview(frames), bytearray(), 0
    deadline = time.monotonic() + 4 * SECONDS
    link.socket.setblocking(False)
    answer = next(answers)
    while answer is not None and time.monotonic() < deadline:
        wants = [link.socket] if out else []
        r, w, _ = select.select([link.socket], wants, [], 1)
        if w:
            out = out[link.socket.send(out[:1 << 16]):]
        if not r:
            continue
        got = link.socket.recv(1 << 20)
        if not got:
            break
        inb += got
        at = 0
        while answer is not None and len(inb) - at >= len(answer):
            if inb[at:at + len(answer)] != answer:
                return right
            at, right, answer = at + len(answer), right + 1, next(answers)
        del inb[:at]
    link.socket.settimeout(SECONDS)
    return right


def send_until_full(link, frames):
    """Writes while the other side takes it; returns what is left."""
    out = memoryview(frames)
    link.socket.setblocking(False)
    while out and select.select([], [link.socket], [], 0.5)[1]:
        out = out[link.socket.send(out[:1 << 16]):]
    link.socket.settimeout(SECONDS)
    return out


def reader_that_does_not_read(server):
    with server.client() as other, server.link(receive_bytes=65536) as link:
        link.authenticate(server.cookie())
        for i in range(4):
            other.agregar("lento", "tarea %d" % i, "d" * 1000)
        body = pack(other.listar("lento"))
        frames = b"".join(request(i, LISTAR, "lento") for i in range(CALLS))
        before = server.rss()
        rest = send_until_full(link, frames)
        start = time.monotonic()
        other.listar("lento")
        took = time.monotonic() - start
        check("others are not disturbed (%.1f ms)" % (took * 1000), took < 1)
        time.sleep(0.5)
        used = server.cpu()
        time.sleep(0.5)
        used = server.cpu() - used
        grown = server.rss() - before
        check("20,000 calls whose 80 MB of answers nobody reads cost the "
              "server %d KiB" % (grown >> 10), grown < GROWTH)
        check("and no time while they wait (%.2f s of 0.5)" % used,
              used < 0.2)
        answers = (b"\x94\x01" + pack(i) + b"\xc0" + body
                   for i in range(CALLS))
        same("when it reads, every answer arrives in full, in order",
             pump(link, rest, none_at_end(answers)), CALLS)
        same("and the link goes on", link.call("node.ping"), True)


def none_at_end(things):
    yield from things
    yield None


def many_casts(server):
    with server.client() as c:
        frames = b"".join(notify(AGREGAR, "lote", {"titulo": "t%d" % i})
                          for i in range(CASTS))
        start = time.monotonic()
        before = server.rss()
        c.send(frames, request(1, LISTAR, "lote",
                               {"desde": CASTS - 2}))
        seen = [t["titulo"] for t in c.read(3 * SECONDS)[3]]
        took = time.monotonic() - start
        same("100,000 casts, then a call: all were applied before it "
             "(%.1f s)" % took, seen, ["t1", "t0"])
        seen = []
        for _ in range(100):
            page = c.listar("lote", {"desde": len(seen)})
            if not page:
                break
            seen += [t["titulo"] for t in page]
        check("in their order",
              seen == ["t%d" % i for i in range(CASTS - 1, -1, -1)])
        same("the user has as many as can be: one more is toobig",
             c.refusal(AGREGAR, "lote", tarea("más")), "toobig")
        grown = server.rss() - before
        check("and they take %d bytes each" % (grown // CASTS),
              grown < GROWTH)


def byte_by_byte(server):
    with server.link() as c:
        hello = hello_of()
        welcome = None
        for frame in (request(1, "node.hello", hello), b"auth",
                      request(3, AGREGAR, "gota", tarea("á" * 20)),
                      request(4, LISTAR, "gota")):
            if frame == b"auth":
                frame = request(2, "node.auth", proof(
                    server.cookie(), "client", hello, welcome))
            for i in range(len(frame)):
                c.send(frame[i:i + 1])
            answer = c.read()
            welcome = welcome or answer[3]
        same("one byte at a time is as good as any", answer,
             [1, 4, None, [tarea("á" * 20)]])


def large_frame_in_pieces(server):
    frame = request(1, AGREGAR, "piezas", tarea("t"),
                    {"x": bytes(FRAME - 100)})
    before = server.rss()
    with server.client() as c, server.client() as other:
        for at in range(0, len(frame), 9973):
            c.send(frame[at:at + 9973])
            if at < 5 * 9973:
                other.listar("piezas")
        same("a frame of 1 MiB in pieces is taken", c.read(),
             [1, 1, None, True])
        grown = server.rss() - before
        check("for %d KiB" % (grown >> 10), grown < GROWTH)


def half_close(server):
    with server.client() as c:
        c.send(*(request(i, AGREGAR, "mitad", tarea(str(i), "d" * 16000))
                 for i in range(60)))
        c.finish()
        same("after a half-close every call is answered, then it ends",
             c.rest(), [[1, i, None, True] for i in range(60)])
    with server.link(receive_bytes=4096) as c:
        c.authenticate(server.cookie())
        # More than the kernel's buffers hold between us.
        c.send(*(request(i, LISTAR, "mitad") for i in range(12)))
        c.finish()
        time.sleep(0.3)
        same("a slow reader too gets its 12 listings of 960 KB in full",
             [len(m[3]) for m in c.rest()], [60] * 12)


def broken_connections(server):
    with server.client() as other:
        base = server.fds()
        frame = request(1, AGREGAR, "roto", tarea("t", "d" * 10000))
        for cut in (1, 20, 5000, len(frame) - 1):
            c = server.client()
            c.send(frame[:cut])
            c.reset()
            c = server.client()
            c.send(frame[:cut])
            c.close()
            c = server.client()
            c.send(frame[:cut])
            c.finish()
            same("a frame cut at %d: the end, and no answer" % cut,
                 c.rest(3), [])
            c.close()
        same("what was not whole was not done", other.listar("roto"), [])
        check("their descriptors are closed",
              eventually(lambda: server.fds() == base), server.fds())
        for i in range(200):
            c = server.link() if i % 2 else server.client()
            (c.reset if i % 3 else c.close)()
        check("so are those of 200 that came and went",
              eventually(lambda: server.fds() == base), server.fds())


def few_descriptors():
    limit = 40

    def before():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with Server(before=before) as server:
        links = [server.link() for _ in range(60)]
        check("with 40 descriptors, of 60 who come it takes what it can",
              eventually(lambda: server.fds() == limit, 2), server.fds())
        used = server.cpu()
        time.sleep(1)
        used = server.cpu() - used
        check("and does not spin (%.2f s of CPU in 1 s)" % used, used < 0.2)
        for link in links:
            link.close()
        with server.client() as c:
            same("it serves again when they are gone",
                 c.agregar("fd", "uno"), True)


def on_a_server():
    with Server("--memory") as server:
        for part in (reader_that_does_not_read, many_casts, byte_by_byte,
                     large_frame_in_pieces, half_close, broken_connections):
            part(server)


run(on_a_server, few_descriptors)
