#!/usr/bin/env python3
"""tareas_client as a program among others: what it writes into a pipe and on
a terminal, its statuses, and a cookie that changes while it runs."""

import json
import os
import re
import select
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import (BUILD, PROGRAM, SECONDS, Server, check,  # noqa: E402
                    environment, eventually, run, same)

CLIENT = os.path.join(BUILD, "tareas_client")
ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
UNAVAILABLE, NOPERM = 69, 77
TEXT = "a\u202eb\u2066\u200f\u2028 ñ 👨\u200d👩\u200d👧"


def command(server, *words):
    return [CLIENT, "-s", "127.0.0.1:%d" % server.port, "--lang", "en",
            "--cookie-file", server.cookie_file, "-u", "ana", *words]


def client(server, *words):
    """Status and stdout in a pipe."""
    done = subprocess.run(command(server, *words), stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=SECONDS,
                          env=environment(server.folder))
    return done.returncode, done.stdout.decode()


def on_terminal(server, *words, status=0):
    """What it writes on a terminal."""
    pid, fd = os.forkpty()
    if pid == 0:
        os.execve(CLIENT, command(server, *words), dict(
            environment(server.folder), TERM="dumb"))
    seen = b""
    while select.select([fd], [], [], SECONDS)[0]:
        try:
            seen += os.read(fd, 65536)
        except OSError:
            break
    os.close(fd)
    same("on a terminal", os.waitstatus_to_exitcode(
        os.waitpid(pid, 0)[1]), status)
    return seen.decode()


def texts():
    with Server() as server:
        client(server, "agregar", TEXT, TEXT)
        task = {"titulo": TEXT, "descripcion": TEXT}
        same("a pipe gets what is stored", client(server, "listar"),
             (0, "%s\t%s\n" % (TEXT, TEXT)))
        same("so does one that wants JSON", client(
            server, "--json", "listar"), (0, json.dumps(
                [task], ensure_ascii=False, separators=(",", ":")) + "\n"))
        seen = on_terminal(server, "listar")
        check("a terminal gets nothing that deceives",
              not set(seen) & set("\u202e\u2066\u200f\u2028") and
              "\ufffd" in seen and "ñ" in seen, seen)
        seen = on_terminal(server, "--json", "listar")
        check("not as JSON either", seen.isascii(), seen)
        same("and it is the same JSON", json.loads(seen), [task])
        client(server, "eliminar", "-y", TEXT)
        client(server, "agregar", "año")
        check("what is harmless is not escaped", "año" in on_terminal(
            server, "--json", "listar"))


def statuses_in_help(program, language, word):
    text = subprocess.run(
        [program, "--lang", language, "--help"], capture_output=True,
        timeout=SECONDS, check=True).stdout.decode()
    return set(map(int, re.findall(r"\b\d+\b", text.partition(word)[2])))


def statuses():
    """--help of both, in both languages, and both pages know the same ones."""
    said = set()
    for program in (CLIENT, PROGRAM):
        english = statuses_in_help(program, "en", "Exit status:")
        same("--help of %s says the same in both languages" %
             os.path.basename(program), statuses_in_help(
                 program, "es", "Estado de salida:"), english)
        said |= english
    for page in ("README.md", "README.es.md"):
        with open(os.path.join(ROOT, page), encoding="utf-8") as f:
            same("%s has those of --help" % page, said, {
                int(n) for n in re.findall(r"^\| (\d+) \|", f.read(), re.M)})


def no_such_machine():
    """A name that is none is known at once, before there is a connection."""
    with Server() as server:
        seen = on_terminal(server, "-s", "a..b", status=UNAVAILABLE)
        check("the menu says so", "Could not connect" in seen, seen)


def wrong_cookie():
    with Server() as server:
        other = server.path("other")
        with open(other, "w") as f:
            f.write("x" * 32)
        os.chmod(other, 0o400)
        seen = on_terminal(server, "--cookie-file", other, status=NOPERM)
        same("a refusal is said once", seen.count("refused"), 1)


def no_cookie():
    with Server() as server:
        pid, fd = os.forkpty()
        if pid == 0:
            os.execve(CLIENT, [CLIENT, "--lang", "en", "--cookie-file",
                               server.path("none")],
                      environment(server.folder))
        seen = os.read(fd, 65536).decode()
        same("without a cookie the menu ends", os.waitstatus_to_exitcode(
            os.waitpid(pid, 0)[1]), NOPERM)
        os.close(fd)
        check("before it asks who somebody is", "no cookie file" in seen and
              "User [" not in seen, seen)


def new_cookie():
    with Server() as server:
        menu = subprocess.Popen(
            command(server), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=environment(server.folder))
        same("it is connected", menu.stdout.readline(),
             b"Connected to the task server\n")
        port = server.port
        server.kill()
        os.remove(server.path("port"))
        os.remove(server.cookie_file)
        at = server.arguments.index("--listen") + 1
        server.arguments[at] = "127.0.0.1:%d" % port
        server.start()
        out, _ = menu.communicate(b"1\nuno\n\n", SECONDS)
        check("a server with a new cookie is found again",
              (menu.returncode, out.endswith("Added: «uno»\n".encode())) ==
              (0, True), (menu.returncode, out))


run(texts, statuses, no_such_machine, wrong_cookie, no_cookie,
    new_cookie)
