#!/usr/bin/env python3
"""tareas_client chat in scripts, against the real server: what is said, what
is followed, what is refused, and a server that goes and comes back."""

import json
import os
import select
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import (BUILD, SECONDS, Server, check, environment,  # noqa: E402
                    eventually, run, same)

CLIENT = os.path.join(BUILD, "tareas_client")
NOTHING, USAGE, DATA, TEMPFAIL = 1, 64, 65, 75


def command(server, user, *words, language="es"):
    return [CLIENT, "-s", "127.0.0.1:%d" % server.port, "--lang", language,
            "--cookie-file", server.cookie_file, "-u", user, "chat", *words]


def chat(server, user, *words, said="", **how):
    """Status, stdout and stderr of a command."""
    done = subprocess.run(command(server, user, *words, **how),
                          input=said.encode(), capture_output=True,
                          timeout=SECONDS, env=environment(server.folder))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Follower:
    """One that follows a room, from the moment on that it is in it."""

    def __init__(self, server, user, *words):
        self.path = server.path("follows-" + user)
        with open(self.path, "wb") as out:
            self.process = subprocess.Popen(
                command(server, user, *words), stdout=out,
                stdin=subprocess.DEVNULL, env=environment(server.folder))
        if not eventually(lambda: self.lines()):
            raise AssertionError("it does not follow")

    def lines(self):
        with open(self.path, encoding="utf-8") as f:
            return f.read().splitlines()

    def end(self):
        """Its status and its lines."""
        return self.process.wait(SECONDS), self.lines()


def saying():
    with Server() as server:
        same("a room that does not exist", chat(
            server, "Alice", "nada", "--decir", "hola"),
            (NOTHING, "", "La sala nada no existe\nCon --crear se crea\n"))
        same("in English it is --create", chat(
            server, "Alice", "nada", "--say", "hi", language="en")[2],
            "The room nada does not exist\n--create makes it\n")
        same("--crear makes it", chat(
            server, "Alice", "general", "--crear", "--decir", "Hola"),
            (0, "[general] Alice: Hola\n", ""))
        same("and once more, in English", chat(
            server, "Alice", "general", "--create", "--say", "Hi",
            language="en"), (0, "[general] Alice: Hi\n", ""))
        lines = ["línea %d 🎉" % n for n in range(40)]
        same("--decir -: all lines, however fast", chat(
            server, "Alice", "general", "--decir", "-",
            said="\n".join(lines) + "\n\n"),
            (0, "".join("[general] Alice: %s\n" % s for s in lines), ""))
        same("--json", json.loads(chat(
            server, "Alice", "general", "--json", "--decir", 'a "b"')[1]),
            {"tipo": "mensaje", "sala": "general", "n": 43,
             "usuario": "Alice", "texto": 'a "b"'})
        status, out, err = chat(server, "Alice", "general", "--decir", "a\x1bb")
        check("a control character is refused",
              (status, out) == (DATA, "") and "No se dijo" in err and
              "\x1b" not in err, (status, out, err))
        status, out, err = chat(
            server, "Alice", "general", "--decir", "x" * 100000)
        check("a line over 4 KiB too, and it is not repeated whole",
              (status, out) == (DATA, "") and "…" in err and len(err) < 200,
              (status, out, err))
        same("CRLF ends a line", chat(
            server, "Alice", "general", "--decir", "-", said="a\r\n\r\nb\r"),
            (0, "[general] Alice: a\n[general] Alice: b\n", ""))
        status, out, err = chat(server, "Alice", "general", "--decir", "-",
                                said="a\n\nb\x1b\nc\n")
        check("--decir - ends at the first line that cannot be said",
              (status, out) == (DATA, "[general] Alice: a\n") and
              "línea 3: No se dijo" in err, (status, out, err))


def following():
    with Server() as server:
        chat(server, "Alice", "general", "--crear", "--decir", "antes")
        bob = Follower(server, "Bob", "general", "--seguir", "--cuenta", "2")
        eva = Follower(server, "Eva", "general", "--follow", "--json",
                       "--count", "1", "--seconds", "20")
        chat(server, "Alice", "general", "--decir", "Hola Bob!")
        same("--json: an object a line", [
            (o["tipo"], o["sala"], o["usuario"], o.get("texto"))
            for o in map(json.loads, eva.end()[1])],
            [("entra", "general", "Eva", None),
             ("entra", "general", "Alice", None),
             ("mensaje", "general", "Alice", "Hola Bob!")])
        check("Bob sees her leave", eventually(
            lambda: "Eva salió de general" in bob.lines()), bob.lines())
        chat(server, "Alice", "general", "--decir", "Adiós")
        status, lines = bob.end()
        same("the class's lines, and the count", (status, sorted(lines)), (
            0, sorted(["Bob se unió a general", "Eva se unió a general",
                       "Alice se unió a general",
                       "[general] Alice: Hola Bob!", "Eva salió de general",
                       "Alice salió de general", "Alice se unió a general",
                       "[general] Alice: Adiós"])))
        same("what was said before is not followed", chat(
            server, "Bob", "general", "--seguir", "--cuenta", "1",
            "--plazo", "1"), (TEMPFAIL, "Bob se unió a general\n", ""))
        same("--plazo alone ends well", chat(
            server, "Bob", "general", "--seguir", "--plazo", "1")[0], 0)


def endings():
    with Server() as server:
        chat(server, "Alice", "general", "--crear", "--decir", "hola")
        bob = Follower(server, "Bob", "general", "--seguir")
        eva = Follower(server, "Eva", "general", "--seguir")
        eva.process.terminate()
        same("SIGTERM ends it well", eva.end()[0], 0)
        check("and it leaves the room", eventually(
            lambda: "Eva salió de general" in bob.lines()), bob.lines())
        ana = Follower(server, "Ana", "general", "--seguir")
        ana.process.kill()
        ana.end()
        check("one that is killed is disconnected", eventually(
            lambda: "Ana desconectado de general" in bob.lines()), bob.lines())
        bob.process.terminate()
        bob.end()


def breaks():
    """A server that is killed: what was said comes, each line once."""
    with Server() as server:
        chat(server, "Alice", "general", "--crear", "--decir", "uno")
        bob = Follower(server, "Bob", "general", "--seguir", "--cuenta", "3")
        chat(server, "Alice", "general", "--decir", "dos")
        check("before", eventually(
            lambda: "[general] Alice: dos" in bob.lines()), bob.lines())
        port = server.port
        server.kill()
        os.remove(server.path("port"))
        at = server.arguments.index("--listen") + 1
        server.arguments[at] = "127.0.0.1:%d" % port
        server.start()
        chat(server, "Alice", "general", "--decir", "tres")
        chat(server, "Alice", "general", "--decir", "cuatro")
        status, lines = bob.end()
        same("after", (status, [s for s in lines if s[0] == "["]),
             (0, ["[general] Alice: " + s for s in ("dos", "tres", "cuatro")]))


def conversation():
    with Server() as server:
        said = ("hola\n/crear general\nHola\n/quien\n/salas\n/historia 1\n"
                "/sala otra\n/salir general\n/salir general\n/borrar general\n"
                "/nada\n/menu\nno se dice\n")
        same("lines and commands from a file", chat(
            server, "Bob", said=said), (
            NOTHING,
            "Bob se unió a general\n[general] Bob: Hola\nEn general: Bob\n"
            "* general (1)\n[general] Bob: Hola\nBob salió de general\n"
            "Borrada: general\n",
            "No estás en ninguna sala: /unirse SALA te une a una\n"
            "La sala otra no existe\nNo estás en general\n"
            "/nada: no hay tal comando; /ayuda los muestra\n"))
        same("a long command is not repeated whole", chat(
            server, "Bob", said="/%s\n" % ("x" * 10000)),
            (USAGE, "", "/%s…: no hay tal comando; /ayuda los muestra\n" %
             ("x" * 58)))
        chat(server, "Eva", "sala de estar", "--crear", "--decir", "aquí")
        same("names with spaces, English words", chat(
            server, "Bob", said="/join sala de estar\n/rooms\n/leave\n",
            language="en")[:2],
            (0, "[sala de estar] Eva: aquí\nBob joined sala de estar\n"
             "* sala de estar (1)\nBob left sala de estar\n"))
        same("a room of one who is there is not deleted", chat(
            server, "Bob", "sala de estar", said="/borrar sala de estar\n"
            )[2], "Solo quien creó sala de estar puede borrarla mientras "
            "haya alguien\n")
        chat(server, "Eva", "h", "--crear", "--decir", "aquí")
        same("/historia wants a number", chat(
            server, "Bob", "h", said="/historia 0\n/historia -1\n"
            "/historia x\n")[2],
            "/historia: un número de 1 a 100000\n" * 3)


def slashes_and_json():
    with Server() as server:
        said = "/crear general\n//usr/bin\n///\n//\n/salas\n/quien\n" \
               "/salir\n/borrar general\n/salas\n"
        same("two slashes say one", chat(server, "Bob", said=said), (
            0, "Bob se unió a general\n[general] Bob: /usr/bin\n"
            "[general] Bob: //\n[general] Bob: /\n* general (1)\n"
            "En general: Bob\nBob salió de general\nBorrada: general\n"
            "No hay salas; /crear SALA crea una\n", ""))
        status, out, err = chat(server, "Bob", "--json", said=said)
        seen = [json.loads(line) for line in out.splitlines()]
        same("--json: all of it is JSON", (status, err, [
            (o["tipo"], o.get("sala")) for o in seen]), (0, "", [
                (kind, "general") for kind in
                ["entra"] + 3 * ["mensaje"] +
                ["sala", "persona", "sale", "borrada"]]))
        same("a room", seen[4], {"tipo": "sala", "sala": "general",
                                 "miembros": 1, "dentro": True})
        same("a person", seen[5], {"tipo": "persona", "sala": "general",
                                   "usuario": "Bob"})
        check("the help says so", "//TEXTO" in chat(
            server, "Bob", said="/ayuda\n")[1])


class Person:
    """Somebody who chats on a terminal."""

    def __init__(self, server, user, *words):
        self.pid, self.fd = os.forkpty()
        if self.pid == 0:
            os.execve(CLIENT, command(server, user, *words), dict(
                environment(server.folder), TERM="xterm"))
        self.seen = b""

    def type(self, text):
        self.seen = b""
        os.write(self.fd, text.encode())

    def sees(self, text):
        def there():
            while select.select([self.fd], [], [], 0)[0]:
                self.seen += os.read(self.fd, 65536)
            return text.encode() in self.seen
        return eventually(there)

    def leave(self):
        os.write(self.fd, b"\x04")
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)
        return status


def tab():
    """Tab knows the server's rooms, without a request for each key."""
    with Server() as server:
        chat(server, "Alice", "lejana", "--crear", "--decir", "x")
        ana = Person(server, "Ana", "lejana")
        check("she is in", ana.sees("Ana@lejana> "), ana.seen)
        chat(server, "Alice", "nueva", "--crear", "--decir", "x")
        ana.type("/sala le\t")
        check("a room from before her", ana.sees("/sala lejana"), ana.seen)
        ana.type("\x15/sala nu\t")
        check("typed", ana.sees("/sala nu"), ana.seen)
        ana.type("\x15/salas\r")
        check("/salas", ana.sees("nueva (0)"), ana.seen)
        ana.type("/sala nu\t")
        check("tells of a new one", ana.sees("nueva"), ana.seen)
        ana.type("\x15/borrar nueva\r")
        check("deleted", ana.sees("Borrada: nueva"), ana.seen)
        ana.type("/sala nu\tx")
        check("one that is deleted is not offered", ana.sees("nu\ax"),
              ana.seen)
        ana.type("\x15")
        same("and she leaves", ana.leave(), 0)


def usage():
    with Server() as server:
        for words in (["--decir", "x"], ["--seguir"], ["--crear"],
                      ["a", "--cuenta", "1"], ["a", "--plazo", "1"],
                      ["a", "b"], ["a", "--seguir", "--cuenta", "0"],
                      ["a", "--seguir", "--plazo", "x"]):
            status, out, err = chat(server, "Ana", *words)
            check("chat %s is no way to use it" % " ".join(words),
                  (status, out) == (USAGE, "") and err != "",
                  (status, out, err))
        done = subprocess.run([CLIENT, "--decir", "x", "listar"],
                              capture_output=True, timeout=SECONDS,
                              env=environment(server.folder))
        same("--decir is for chat alone", done.returncode, USAGE)


run(saying, following, endings, breaks, conversation, slashes_and_json,
    tab, usage)
