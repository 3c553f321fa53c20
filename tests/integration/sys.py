#!/usr/bin/env python3
"""Looking inside a live server: tareas_client sys, against the real one."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import (BUILD, Refused, SECONDS, Server, check,  # noqa: E402
                    environment, eventually, request, run, same, tarea)

CLIENT = os.path.join(BUILD, "tareas_client")
USAGE, DATA, TEMPFAIL, PROTOCOL, SOFTWARE = 64, 65, 75, 76, 70
TREE = ["root", "  engine", "  domain", "    tareas", "    salas", "    chat",
        "    sys", "  sessions", "    session", "  listener"]


def command(server, *words, language="en"):
    return [CLIENT, "-s", "127.0.0.1:%d" % server.port, "--lang", language,
            "--cookie-file", server.cookie_file, "-u", "ana", *words]


def client(server, *words, **how):
    """Status, stdout and stderr of a command."""
    done = subprocess.run(command(server, *words, **how),
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=SECONDS, env=environment(server.folder))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def started(server, *words, **files):
    return subprocess.Popen(command(server, *words),
                            env=environment(server.folder), **files)


def rows(server):
    return {r["nombre"] or r["pid"]: r
            for r in json.loads(client(server, "sys", "arbol", "--json")[1])}


def tables():
    with Server() as server:
        status, out, err = client(server, "sys", "arbol")
        lines = [line.split("\t") for line in out.splitlines()]
        same("arbol: the tree, in order", [status, err] +
             [line[0] for line in lines], [0, ""] + TREE)
        check("each with pid, age, restarts, mailbox, handled",
              all(len(line) == 6 and line[1].startswith("<") and
                  all(cell.isdigit() for cell in line[2:])
                  for line in lines), lines)
        same("the aliases", client(server, "sys", "tree")[0], 0)
        status, out, _ = client(server, "sys", "ps")
        names = [line.split("\t")[0] for line in out.splitlines()]
        check("ps: everybody", status == 0 and names[-1] == "session" and
              "application" in names and len(names) == len(TREE) + 1, names)
        tree = json.loads(client(server, "sys", "arbol", "--json")[1])
        same("arbol --json", [(r["nivel"], r["id"]) for r in tree],
             [(len(n) - len(n.lstrip())) // 2 and
              ((len(n) - len(n.lstrip())) // 2, n.strip()) or (0, n)
              for n in TREE])
        check("ps --json", len(json.loads(
            client(server, "sys", "ps", "--json")[1])) == len(TREE) + 1)
        status, out, _ = client(server, "sys", "top")
        check("top without a terminal: one table", status == 0 and
              len(out.splitlines()) == len(TREE) + 1, out)
        check("top --json", "por_segundo" in json.loads(
            client(server, "sys", "top", "--json")[1])[0])


def errors():
    with Server() as server:
        for words, status, says in (
                (["estado", "nadie"], PROTOCOL, "no process nadie"),
                (["traza", "<999.9>"], PROTOCOL, "no process <999.9>"),
                (["reiniciar", "nadie\x1b[2J"], PROTOCOL, "no process nadie"),
                (["reiniciar", "root"], DATA, "no supervisor"),
                (["reiniciar", "application"], DATA, "no supervisor"),
                ([], USAGE, "missing"),
                (["estado"], USAGE, "missing"),
                (["arbol", "x"], USAGE, "too many"),
                (["traza", "x", "y"], USAGE, "too many"),
                (["arbol", "--textos"], USAGE, "--textos"),
                (["mira"], USAGE, "does not know")):
            seen = client(server, "sys", *words)
            check("sys %s: status %d" % (" ".join(words).split("\x1b")[0],
                                         status),
                  seen[0] == status and seen[1] == "" and says in seen[2] and
                  "\x1b" not in seen[2] and seen[2].count("\n") == 1, seen)
        seen = client(server, "sys", "reiniciar", "root", language="es")
        check("in Spanish", "supervisor" in seen[2] and
              "no supervisor" not in seen[2], seen)
        same("listar takes no --textos",
             client(server, "listar", "--textos")[0], USAGE)
        session = [r for r in json.loads(client(
            server, "sys", "arbol", "--json")[1]) if r["id"] == "session"]
        with server.client() as other:
            name = [r["pid"] for r in other.call("sys.arbol")
                    if r["id"] == "session"][0]
            seen = client(server, "sys", "reiniciar", name)
            check("a session is not restarted", seen[0] == DATA and
                  len(session) == 1, seen)
            same("and goes on", other.call("node.ping"), True)


def estado():
    with Server() as server:
        client(server, "agregar", "privado", "secreto\u202e")
        status, out, _ = client(server, "sys", "estado", "tareas")
        same("estado hides texts", [status, out],
             [0, "usuarios: 1\ntareas: 1\nseq: 1\nmapa:\n  ana:\n"
                 "    - titulo: 7\n      descripcion: 10\n"])
        status, out, _ = client(server, "sys", "estado", "tareas", "--textos")
        same("--textos shows them, made harmless", [status, out],
             [0, "usuarios: 1\ntareas: 1\nseq: 1\nmapa:\n  ana:\n"
                 "    - titulo: privado\n"
                 "      descripcion: secreto\ufffd\n"])
        same("--json", json.loads(client(server, "sys", "estado", "tareas",
                                         "--json")[1]),
             {"usuarios": 1, "tareas": 1, "seq": 1,
              "mapa": {"ana": [{"titulo": 7, "descripcion": 10}]}})
        for name in ("engine", "listener", "sessions", "root", "sys"):
            seen = client(server, "sys", "estado", name)
            check("estado " + name, seen[0] == 0 and seen[1] != "", seen)
        same("the engine's words are of one language", sorted(
            json.loads(client(server, "sys", "estado", "engine",
                              "--json")[1])),
             ["guardado", "hay_espacio", "salas", "seq", "tareas",
              "usuarios"])
        seen = json.loads(client(server, "sys", "estado", "listener",
                                 "--json")[1])
        same("the listener says where it listens", seen["direcciones"],
             ["127.0.0.1:%d" % server.port])


def restart_tareas():
    with Server() as server, server.client() as other:
        for i in range(50):
            other.agregar("ana", str(i))
        same("reiniciar tareas", client(server, "sys", "reiniciar", "tareas"),
             (0, "Restarted: tareas\n", ""))
        check("it is restarted under its name, once",
              eventually(lambda: rows(server)["tareas"]["reinicios"] == 1))
        same("the other client is still connected, no task is lost",
             len(other.listar("ana")), 50)
        # Around another restart: each call has one answer, or died.
        other.send(*(request(i, "tareas.agregar_tarea", "luz", tarea("t"))
                     for i in range(1000, 1050)),
                   request(1050, "sys.reiniciar", "tareas"),
                   *(request(i, "tareas.agregar_tarea", "luz", tarea("t"))
                     for i in range(1051, 1101)))
        answers = {}
        for _ in range(101):
            _, msgid, error, _ = other.read()
            answers.setdefault(msgid, []).append(error and error[0])
        check("a call in flight gets its answer or died, and one",
              sorted(answers) == list(range(1000, 1101)) and
              all(a in ([None], ["died"], ["noproc"])
                  for a in answers.values()), answers)
        done = sum(a == [None] for m, a in answers.items() if m != 1050)
        died = sum(a == ["died"] for a in answers.values())
        left = len(other.listar("luz"))
        check("what was answered is there, %d of %d" % (done, left),
              done <= left <= done + died)
        same("--json", client(server, "sys", "reiniciar", "sys", "--json")[1],
             '{"reiniciado":"sys"}\n')
        check("sys itself returns", eventually(
            lambda: client(server, "sys", "arbol")[0] == 0))


def restart_engine():
    with Server() as server:
        with server.client() as other:
            before = rows(server)
            seen = client(server, "sys", "reiniciar", "engine")
            same("reiniciar engine: answered before its link ends", seen,
                 (0, "Restarted: engine\n", ""))
            same("the others' links end", other.rest(), [])
        check("the listener listens on the same port", eventually(
            lambda: client(server, "listar")[0] == 0))
        after = rows(server)
        same("everything after it is new",
             [name for name in before if name in after and
              before[name]["pid"] == after[name]["pid"]], ["root"])
        same("engine has one restart", after["engine"]["reinicios"], 1)


def giving_up():
    server = Server()
    for i in range(4):
        def ask():
            try:
                with server.client() as link:
                    return link.call("sys.reiniciar", "engine")
            except (ConnectionError, Refused):
                return False
        check("restart %d of the engine" % (i + 1), eventually(ask, 4))
    same("four within 5 s: the server gives up with status 70",
         server.wait(), SOFTWARE)
    check("and the log says so",
          "root: engine ended too often; giving up" in server.log() and
          "application: ended: shutdown" in server.log(), server.log())
    server.kill()


def is_traced(server):
    """Somebody else has it: exists. Nobody leaves ours behind."""
    with server.client() as link:
        try:
            link.call("sys.traza", "tareas")
            return False
        except Refused as e:
            return e.word == "exists"


def asked(link):
    """How many messages `sys` has handled, this one included."""
    return [r["atendidos"] for r in link.call("sys.ps")
            if r["nombre"] == "sys"][0]


def traced(server, path, *words):
    """A traza that has begun, and its output file."""
    out = open(path, "wb")
    with server.client() as link:
        ours = asked(link)
        process = started(server, "sys", "traza", "tareas", *words,
                          stdout=out, stderr=subprocess.STDOUT)

        def has_asked():
            nonlocal ours
            ours += 1
            return asked(link) > ours
        check("the trace begins", eventually(has_asked))
    return process, out


def ended(process, out, signo, lines=0):
    """Its status and output, after so many lines of that."""
    def count():
        with open(out.name, "rb") as f:
            return f.read().count(b"\n")
    eventually(lambda: count() >= lines)
    process.send_signal(signo)
    status = process.wait(SECONDS)
    out.close()
    with open(out.name) as f:
        return status, f.read()


def traza():
    with Server() as server, server.client() as other:
        for signo in (signal.SIGINT, signal.SIGTERM):
            process, out = traced(server, server.path("trace"))
            other.agregar("ana", "t")
            other.cast("tareas.eliminar_tarea", "ana", "t")
            other.listar("ana")
            status, text = ended(process, out, signo, 3)
            same("%s ends it with status 0" % signo.name,
                 [status] + [line.split("\t")[:2]
                             for line in text.splitlines()],
                 [0, ["call", "agregar_tarea"], ["cast", "eliminar_tarea"],
                  ["call", "listar_tareas"]])
            check("and the trace is off", not is_traced(server))
        process, out = traced(server, server.path("trace"), "--json")
        other.listar("ana")
        status, text = ended(process, out, signal.SIGINT, 1)
        same("--json: an object a line",
             [status] + [json.loads(line) for line in text.splitlines()],
             [0, {"nombre": "tareas", "tipo": "call", "bytes": 5,
                  "operacion": "listar_tareas", "perdidos": 0}])


def traza_of_too_much():
    with Server() as server, server.client() as other:
        process, out = traced(server, server.path("trace"))
        n = 20000
        for _ in range(n // 100):
            other.send(*(request(i, "tareas.listar_tareas", "ana")
                         for i in range(100)))
            for _ in range(100):
                other.read()
        status, text = ended(process, out, signal.SIGINT)
        told = sum("\t" in line for line in text.splitlines())
        lost = sum(int(line.split()[0]) for line in text.splitlines()
                   if line.endswith(" lost"))
        check("what is too much is counted: %d told and %d lost of %d" %
              (told, lost, n), status == 0 and lost > 0 and
              told + lost == n, text[-200:])


def traza_ends():
    with Server() as server:
        process, out = traced(server, server.path("trace"))
        client(server, "sys", "reiniciar", "tareas")
        status = process.wait(SECONDS)
        out.close()
        with open(server.path("trace")) as f:
            text = f.read()
        check("a process that ends ends its trace", status == TEMPFAIL and
              text.startswith("end\treiniciar\t0\n"), (status, text))
        process, out = traced(server, server.path("trace"))
        same("the server stops", server.stop(), 0)
        same("and so does a trace", process.wait(SECONDS), TEMPFAIL)
        out.close()


class Terminal:
    """top on a terminal of its own."""

    def __init__(self, server):
        self.master, slave = pty.openpty()
        self.slave = slave
        self.before = termios.tcgetattr(slave)
        env = dict(environment(server.folder), TERM="xterm")

        def control():
            os.setsid()
            import fcntl
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.process = subprocess.Popen(
            command(server, "sys", "top"), stdin=slave, stdout=slave,
            stderr=slave, env=env, preexec_fn=control)
        self.seen = b""
        os.set_blocking(self.master, False)

    def read(self):
        try:
            self.seen += os.read(self.master, 65536)
        except BlockingIOError:
            pass
        return self.seen

    def close(self):
        os.close(self.slave)
        os.close(self.master)


def top_on_a_terminal():
    with Server() as server:
        for way in ("q", "\x03", signal.SIGTERM, signal.SIGHUP, "stop"):
            term = Terminal(server)
            check("top draws", eventually(
                lambda: term.read().count(b"tareas") > 1), term.seen)
            check("again and again", eventually(
                lambda: term.read().count(b"\x1b[H") > 1))
            check("keys are not echoed", not termios.tcgetattr(
                term.slave)[3] & termios.ECHO)
            if way == "stop":
                server.stop()
            elif isinstance(way, str):
                os.write(term.master, way.encode())
            else:
                term.process.send_signal(way)
            status = term.process.wait(SECONDS)
            same("%r ends it" % (way,), status,
                 TEMPFAIL if way == "stop" else 0)
            check("the terminal is as it was", termios.tcgetattr(
                term.slave) == term.before and
                b"\x1b[?1049l" in term.read(), term.seen[-100:])
            term.close()


run(tables, errors, estado, restart_tareas, restart_engine, giving_up, traza,
    traza_of_too_much, traza_ends, top_on_a_terminal, seconds=120)
