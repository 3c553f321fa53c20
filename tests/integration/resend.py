#!/usr/bin/env python3
"""Writes over links that break: a proxy between client and server cuts the
link before a request, or after it and before its answer. What a person asked
for once happens once, in the order in which it was asked for, or the client
says that nobody knows."""

import os
import select
import socket
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import (BUILD, SECONDS, Server, Short, check,  # noqa: E402
                    environment, run, same, unpack)

CLIENT = os.path.join(BUILD, "tareas_client")
LINES, CUT_EACH = 5000, 700
USER_MAX = 100000  # tasks
REQUEST, ANSWER, CRASH = "request", "answer", "crash"


class Cut(Exception):
    """The link ends here."""


def frames(buffer):
    """The whole messages at the start of a buffer, and their bytes."""
    while True:
        try:
            message, at = unpack(buffer)
        except Short:
            return
        yield message, bytes(buffer[:at])
        del buffer[:at]


class Passage:
    """One link through the proxy. cut: (REQUEST, n): before the n-th write
    reaches the server; (ANSWER, n): when the server has answered it; (CRASH,
    n): the same, and the server is killed and started again; None."""

    def __init__(self, proxy, near, cut):
        self.proxy, self.near, self.cut = proxy, near, cut
        self.far = socket.create_connection(
            ("127.0.0.1", proxy.server.port), SECONDS)
        for s in (self.near, self.far):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.writes, self.msgid = 0, None

    def asked(self, message, raw):
        if message[0] == 0 and message[2] in ("tareas.agregar_tarea",
                                              "tareas.eliminar_tarea"):
            self.proxy.seen.append(message[3])
            self.writes += 1
            if self.cut == (REQUEST, self.writes):
                raise Cut
            if self.cut in ((ANSWER, self.writes), (CRASH, self.writes)):
                self.msgid = message[1]
        self.far.sendall(raw)

    def answered(self, message, raw):
        if message[0] == 1 and message[1] == self.msgid:
            if self.cut[0] == CRASH:
                self.proxy.restart()
            raise Cut
        self.near.sendall(raw)

    def pump(self):
        ways = {self.near: (bytearray(), self.asked),
                self.far: (bytearray(), self.answered)}
        while True:
            for s in select.select(list(ways), [], [], SECONDS)[0]:
                got = s.recv(1 << 16)
                if not got:
                    raise Cut
                buffer, passes = ways[s]
                buffer += got
                for message, raw in frames(buffer):
                    passes(message, raw)

    def run(self):
        try:
            self.pump()
        except (Cut, OSError):
            pass
        self.near.close()
        self.far.close()


class Proxy:
    """cuts: for each link, one after the other; then None. links: how many
    it takes in all."""

    def __init__(self, server, *cuts, links=1000):
        self.server, self.seen = server, []
        self.cuts, self.links = list(cuts), links
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        for _ in range(self.links):
            try:
                near, _address = self.listener.accept()
            except OSError:
                break
            cut = self.cuts.pop(0) if self.cuts else None
            Passage(self, near, cut).run()
        self.listener.close()

    def restart(self):
        self.server.kill()
        os.remove(self.server.path("port"))
        self.server.start()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(SECONDS)

    def claves(self):
        return [params[-1]["clave"] for params in self.seen]


def client(server, proxy, *arguments, user, text=""):
    """Status, stdout, stderr of the client, through the proxy."""
    done = subprocess.run(
        [CLIENT, "--lang", "en", "--cookie-file", server.cookie_file, "-s",
         "127.0.0.1:%d" % proxy.port, "-u", user, *arguments],
        input=text.encode(), capture_output=True, timeout=6 * SECONDS,
        env=environment(server.folder))
    proxy.close()
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def command(where):
    """agregar and eliminar, each with its first link cut there."""
    with Server() as server, server.client() as c:
        proxy = Proxy(server, (where, 1))
        same("agregar, cut at the %s: done" % where,
             client(server, proxy, "agregar", "Uno", user="ana"),
             (0, "Added: «Uno»\n", ""))
        same("and it is there once", c.titulos("ana"), ["Uno"])
        claves = proxy.claves()
        check("it was sent twice with one key of 16 bytes",
              len(claves) == 2 and claves[0] == claves[1] and
              isinstance(claves[0], bytes) and len(claves[0]) == 16, claves)
        c.agregar("ana", "Uno")
        c.agregar("ana", "Dos")
        proxy = Proxy(server, (where, 1))
        status, out, _ = client(server, proxy, "eliminar", "Uno", user="ana")
        check("eliminar, cut at the %s: says how many" % where,
              status == 0 and "2" in out, (status, out))
        same("and the others are there", c.titulos("ana"), ["Dos"])
        check("another write has another key",
              claves[0] not in proxy.claves(), proxy.claves())


def cut_before_the_request():
    command(REQUEST)


def cut_before_the_answer():
    command(ANSWER)


def cut_again_and_again():
    with Server() as server, server.client() as c:
        proxy = Proxy(server, *[(ANSWER, 1)] * 3)
        same("three cuts in a row: done",
             client(server, proxy, "agregar", "Uno", user="ana")[0], 0)
        same("and it is there once", c.titulos("ana"), ["Uno"])
        same("it was sent four times with one key",
             (len(proxy.seen), len(set(proxy.claves()))), (4, 1))


def menu():
    with Server() as server, server.client() as c:
        proxy = Proxy(server, (ANSWER, 1), (ANSWER, 2))
        status, out, _ = client(server, proxy, user="ana", text=(
            "1\nUno\nd\n1\nDos\nd\n1\nTres\nd\n2\nDos\n0\n"))
        same("the menu over two cuts: status", status, 0)
        same("it says each once", [out.count(t) for t in
                                   ("«Uno»", "«Dos»", "«Tres»")], [1, 1, 1])
        same("and each happened once", c.titulos("ana"), ["Tres", "Uno"])
        same("four writes have four keys", len(set(proxy.claves())), 4)


def no_way_back():
    with Server() as server, server.client() as c:
        proxy = Proxy(server, (ANSWER, 1), links=1)
        status, out, err = client(server, proxy, "--timeout", "1000",
                                  "agregar", "Uno", user="ana")
        check("a link that does not come back: not known, and what to do",
              status == 75 and out == "" and "not known" in err and
              "list" in err, (status, out, err))
        same("(it was done)", c.titulos("ana"), ["Uno"])


def many(where):
    titulos = ["linea %d" % i for i in range(LINES)]
    text = "".join("%s\t%d\n" % (t, i) for i, t in enumerate(titulos))
    with Server() as server:
        proxy = Proxy(server, *[(where, CUT_EACH)] * (LINES // CUT_EACH - 1))
        same("%d lines, at each %dth: %s" % (LINES, CUT_EACH, where),
             client(server, proxy, "agregar", "-", user="ana", text=text),
             (0, "Sent: %d\n" % LINES, ""))
        check("lines were sent again", len(proxy.seen) > LINES,
              len(proxy.seen))
        with server.client() as c:
            seen = c.titulos("ana")[::-1]
        same("each line is there once", (len(seen), set(seen)),
             (LINES, set(titulos)))
        check("in the order of the file", seen == titulos)


def many_over_links_that_break():
    many(ANSWER)


def many_over_a_server_that_crashes():
    many(CRASH)


def many_over_the_limit():
    with Server() as server:
        proxy = Proxy(server)
        status, out, err = client(
            server, proxy, "agregar", "-", user="ana",
            text="\n" + "linea\n" * USER_MAX + "de más\n" * 2)
        wrong = err.splitlines()
        check("the lines that are refused are named, the others are added",
              status == 65 and out == "Sent: %d\n" % USER_MAX and
              [w.split(":")[1] for w in wrong] ==
              [" line %d" % n for n in (1, USER_MAX + 2, USER_MAX + 3)],
              (status, out, err))


def many_without_a_way_back():
    text = "".join("linea %d\n" % i for i in range(1, LINES + 1))
    with Server() as server, server.client() as c:
        proxy = Proxy(server, (ANSWER, CUT_EACH), links=1)
        status, out, err = client(server, proxy, "--timeout", "1000",
                                  "agregar", "-", user="ana", text=text)
        sent = int(out.split()[1])
        there = len(c.titulos("ana"))
        words = err.replace(":", " ").split()
        rest = int(words[words.index("on") - 1]) if "from" in words else 0
        check("a load that broke off says so: %s" % err.strip(),
              status == 75 and "not known" in err and rest > sent,
              (status, out, err))
        check("what it calls added is there", sent <= there, (sent, there))
        check("what it calls not sent is not", there < rest, (there, rest))
        same("unknown is the part between", int(words[1]), rest - 1 - sent)


run(cut_before_the_request, cut_before_the_answer, cut_again_and_again, menu,
    no_way_back, many_over_links_that_break, many_over_a_server_that_crashes,
    many_over_the_limit, many_without_a_way_back, seconds=120)
