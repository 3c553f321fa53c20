#!/usr/bin/env python3
"""The Python client of README.md, as it stands there, against the real server:
on 127.0.0.1, on 127.0.0.2, on ::1 and by host name; with a wrong cookie; and
against a server that knows no cookie. README.es.md has the same client."""

import os
import re
import socket
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import (SECONDS, Link, Server, check, environment,  # noqa: E402
                    pack, run, same)

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
MARK = "# tareas.py:"
LINE = "Comprar leche - Ir al supermercado\n"


def client_of(page):
    """The text of the page's Python block, which is to be one."""
    with open(os.path.join(ROOT, page), encoding="utf-8") as f:
        blocks = re.findall(r"^```python\n(.*?)^```$", f.read(), re.S | re.M)
    found = [b for b in blocks if b.startswith(MARK)]
    if len(found) != 1:
        raise AssertionError("%s has %d clients" % (page, len(found)))
    return found[0]


def run_client(folder, cookie_file, host, port, user="ana"):
    """Status, stdout and stderr, of python3 without site packages."""
    program = os.path.join(folder, "tareas.py")
    with open(program, "w", encoding="utf-8") as f:
        f.write(client_of("README.md"))
    done = subprocess.run(
        [sys.executable, "-I", program, host, str(port), user],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
        env=dict(environment(folder), TAREAS_COOKIE_FILE=cookie_file,
                 PYTHONUTF8="1"))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def pages():
    same("both pages have the same client", client_of("README.es.md"),
         client_of("README.md"))


def has_address(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as s:
            s.bind((host, 0))
        return True
    except OSError:
        return False


def reach(server, host):
    """A link to the first address of that name where the server is."""
    for info in socket.getaddrinfo(host, server.port,
                                   type=socket.SOCK_STREAM):
        try:
            link = Link(server.port, host=info[4][0])
        except ConnectionError:
            continue
        return link.authenticate(server.cookie())
    raise ConnectionError("nobody is at " + host)


def talk(host, listen):
    """Twice: the second listing shows what the first run added. And what it
    added is there for others."""
    with Server(listen=(listen,)) as server:
        for times in (1, 2):
            same("%s: run %d lists %d" % (host, times, times),
                 run_client(server.folder, server.cookie_file, host,
                            server.port), (0, times * LINE, ""))
        with reach(server, host) as other:
            same(host + ": the tasks are the server's", other.listar("ana"),
                 2 * [{"titulo": "Comprar leche",
                       "descripcion": "Ir al supermercado"}])


def addresses():
    talk("127.0.0.1", "127.0.0.1:0")
    talk("localhost", "localhost:0")
    for host, listen in (("127.0.0.2", "127.0.0.2:0"), ("::1", "[::1]:0")):
        if has_address(host):
            talk(host, listen)
        else:
            print("skip  this machine has no " + host)


def many_tasks():
    """A list that needs the longer forms of MessagePack."""
    texts = [("título %d" % i, "x" * i) for i in (0, 31, 32, 255, 256, 16384)]
    texts += [("t%d" % i, "") for i in range(100)]
    with Server() as server, server.client() as other:
        for titulo, descripcion in texts:
            other.agregar("eva", titulo, descripcion)
        status, out, err = run_client(server.folder, server.cookie_file,
                                      "localhost", server.port, "eva")
        same("a long list is read to its end", (status, out, err),
             (0, LINE + "".join("%s - %s\n" % t for t in texts[::-1]), ""))


def wrong_cookie():
    with Server() as server:
        wrong = server.path("wrong")
        with open(wrong, "w") as f:
            f.write("not the server's cookie\n")
        status, out, err = run_client(server.folder, wrong, "127.0.0.1",
                                      server.port)
        same("a wrong cookie is an error", (status, out), (1, ""))
        check("which says so", err.startswith("denied:"), err)


def impostor(listener, seen):
    """Lets anybody in, with a proof that is none."""
    connection, _ = listener.accept()
    with connection, Link.__new__(Link) as link:
        connection.settimeout(SECONDS)
        link.socket, link.unread = connection, bytearray()
        seen.append(link.read())
        link.send(pack([1, seen[0][1], None, {
            "version": 1, "nonce": "0" * 64, "node": "servidor@impostor",
            "limits": {}}]))
        seen.append(link.read())
        link.send(pack([1, seen[1][1], None, "0" * 64]))
        seen.extend(link.rest())


def wrong_server():
    with Server() as server, socket.create_server(("127.0.0.1", 0)) as fake:
        fake.settimeout(SECONDS)
        seen = []
        thread = threading.Thread(target=impostor, args=(fake, seen))
        thread.start()
        status, out, err = run_client(server.folder, server.cookie_file,
                                      "127.0.0.1", fake.getsockname()[1])
        thread.join(SECONDS)
        same("a server without the cookie is refused", (status, out, err),
             (1, "", "that server does not know the cookie\n"))
        same("and is told nothing but the handshake",
             [m[2] for m in seen], ["node.hello", "node.auth"])


run(pages, addresses, many_tasks, wrong_cookie, wrong_server)
