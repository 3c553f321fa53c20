#!/usr/bin/env python3
"""Starting and stopping: statuses, addresses, the cookie file, the port file,
what is in flight when the server is told to end."""

import os
import re
import signal
import socket
import stat
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import (Link, Server, check, eventually,  # noqa: E402
                    request, run, run_program, same, tarea)

AGREGAR, LISTAR = "tareas.agregar_tarea", "tareas.listar_tareas"
USAGE, UNAVAILABLE, CANTCREAT, NOPERM = 64, 69, 73, 77


def stops(server, signo, who):
    """Tells it to end, and wants that done well."""
    start = time.monotonic()
    server.signal(signo)
    status = server.wait()
    took = time.monotonic() - start
    check("%s: status 0 after %.1f s" % (who, took),
          status == 0 and took < 5, status)
    check("the port file is gone", not os.path.exists(server.path("port")))


def signals():
    for signo in (signal.SIGTERM, signal.SIGINT):
        with Server() as server:
            with server.client() as idle, server.link() as stranger:
                stops(server, signo, signo.name)
                same("its client and a stranger see the end",
                     [idle.rest(3), stranger.rest(3)], [[], []])


def answers_in_flight():
    with Server() as server, server.client() as other, \
            server.link(receive_bytes=4096) as slow:
        slow.authenticate(server.cookie())
        for i in range(60):
            slow.agregar("ana", str(i), "d" * 16000)
        # More than the kernel's buffers hold: one is cut in the middle.
        slow.send(*(request(i, LISTAR, "ana") for i in range(30)))
        with server.client() as quick:
            quick.send(*(request(i, AGREGAR, "luz", tarea("t"))
                         for i in range(100)))
            other.call("node.ping")
            other.listar("luz")
            server.signal(signal.SIGTERM)
            same("100 answers in flight arrive", quick.rest(),
                 [[1, i, None, True] for i in range(100)])
        said = slow.rest()
        check("so does the rest of a listing of 960 KB, %d of 30" %
              len(said), 0 < len(said) < 30 and slow.unread == b"" and
              [(m[1], len(m[3])) for m in said] ==
              [(i, 60) for i in range(len(said))])
        slow.close()
        same("and then it ends well", server.wait(), 0)


def readers_that_do_not_read():
    with Server() as server, server.client() as fill:
        for i in range(60):
            fill.agregar("ana", str(i), "d" * 16000)
        slow = [server.link(receive_bytes=4096) for _ in range(3)]
        for link in slow:
            link.authenticate(server.cookie())
            link.send(*(request(i, LISTAR, "ana") for i in range(50)))
        fill.listar("ana")
        stops(server, signal.SIGTERM, "SIGTERM with three that do not read")
        for link in slow:
            link.close()


def addresses_in_use():
    with Server() as server:
        address = "127.0.0.1:%d" % server.port
        status, out, err = run_program(
            "--memory", "--cookie-file", server.cookie_file, "--listen",
            address, home=server.folder)
        check("a port in use: status 69 and a line that says so",
              status == UNAVAILABLE and
              err == "tareas_server: cannot listen on %s: the port is in "
              "use\n" % address, (status, err))
        same("and nothing that looks like a start", out, "")
        for bad in ("192.0.2.1:0", "[2001:db8::1]:0"):
            status, out, err = run_program(
                "--memory", "--cookie-file", server.cookie_file, "--listen",
                "127.0.0.1:0", "--listen", bad, home=server.folder)
            check("an address this machine has not: the same",
                  status == UNAVAILABLE and err.count("\n") == 1 and
                  bad in err and out == "", (status, out, err))
        with server.client() as c:
            same("the first server is not disturbed", c.listar("x"), [])


def same_port_again():
    with Server() as server:
        port, c = server.port, server.client()
        server.arguments[server.arguments.index("--listen") + 1] = \
            "127.0.0.1:%d" % port
        server.stop()
        server.start()
        with server.client() as again:
            same("a server starts again on the port it had",
                 (server.port, again.listar("x")), (port, []))
        c.close()


def has_v6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def addresses():
    listen = ["127.0.0.1:0", "127.0.0.2:0", "localhost:0"]
    hosts = ["127.0.0.1", "127.0.0.2", "localhost"]
    if has_v6():
        listen.append("[::1]:0")
        hosts.append("::1")
    else:
        print("skip  no ::1 here")
    with Server(listen=listen) as server:
        same("the port file has a line for each --listen",
             len(server.ports), len(listen))
        for host, port in zip(hosts, server.ports):
            if host == "localhost":
                check("it says where", eventually(
                    lambda: "localhost:%d\n" % port in server.out()))
                host = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM
                                          )[0][4][0]
            with Link(port, host).authenticate(server.cookie()) as c:
                same("it answers on %s" % host, c.call("node.ping"), True)


def cookie_files():
    with Server() as server:
        mode = stat.S_IMODE(os.stat(server.cookie_file).st_mode)
        same("the cookie file is made for its owner to read", oct(mode),
             "0o400")
        check("of 32 random bytes as hex",
              re.fullmatch(rb"[0-9a-f]{64}", server.cookie()))
        made = server.cookie()
        server.stop()
        server.start()
        same("the next start takes the same", server.cookie(), made)
        for bad in (0o644, 0o640 if os.getuid() else 0o660, 0o604, 0o402):
            os.chmod(server.cookie_file, bad)
            status, out, err = run_program(
                "--cookie-file", server.cookie_file, "--listen",
                "127.0.0.1:0", home=server.folder)
            check("mode %04o is refused, with the chmod to run" % bad,
                  status == NOPERM and err.count("\n") == 1 and
                  "chmod 400 " + server.cookie_file in err and out == "",
                  (status, err))
        os.chmod(server.cookie_file, 0o600)
        for text in ("", "\n", "a\nb", "c" * 256, "\u00e9"):
            with open(server.cookie_file, "w") as f:
                f.write(text)
            status, _, err = run_program(
                "--cookie-file", server.cookie_file, "--listen",
                "127.0.0.1:0", home=server.folder)
            check("a cookie %.5r is refused" % text,
                  status == NOPERM and err.count("\n") == 1, (status, err))


def weak_cookies():
    with Server(cookie="mi_cookie\n") as server:
        check("a cookie under 16 bytes: a warning on loopback",
              "under 16 bytes" in server.log(), server.log())
        with server.client() as c:
            same("and its newline is none of it", c.listar("x"), [])
        status, out, err = run_program(
            "--cookie-file", server.cookie_file, "--listen", "127.0.0.1:0",
            "--listen", "0.0.0.0:0", home=server.folder)
        check("a refusal for 0.0.0.0", status == NOPERM and
              "0.0.0.0" in err and err.count("\n") == 1 and out == "",
              (status, out, err))
    with Server(cookie="c" * 16) as server:
        same("one of 16 bytes needs no warning", server.log(), "")


def bad_options():
    with Server() as server:
        for bad in (["--nada"], ["sobra"], ["--lang", "fr"],
                    ["--log-level", "loud"], ["--listen", "a b"],
                    ["--listen", "127.0.0.1:70000"], ["--listen", ""],
                    ["--name", ""], ["--name", "n" * 129], ["--listen"],
                    ["--memory=1"]):
            status, out, err = run_program(*bad, home=server.folder)
            check("%.30s: status 64 and no more than two lines" %
                  " ".join(bad), status == USAGE and out == "" and
                  1 <= err.count("\n") <= 2, (status, out, err))
        status, out, err = run_program(
            "--memory", "--cookie-file", server.cookie_file, "--listen",
            "127.0.0.1:0", "--port-file", server.path("no/port"), home=server.folder)
        check("a port file that cannot be written: status 73",
              status == CANTCREAT and "no/port" in err, (status, err))


def languages():
    with Server("--lang", "es") as server:
        check("in Spanish it says what the class's does",
              eventually(lambda: server.out().startswith(
                  "Servidor de tareas iniciado\n"
                  "Esperando conexiones de clientes...\n")), server.out())
        for language, word in (("en", "Usage:"), ("es", "Uso:")):
            status, out, err = run_program("--help", home=server.folder,
                                           language=language)
            check("--help in %s" % language, status == 0 and err == "" and
                  out.startswith(word) and "--cookie-file" in out,
                  (status, out, err))
            status, out, err = run_program("--version", home=server.folder,
                                           language=language)
            check("--version in %s" % language, status == 0 and err == "" and
                  re.fullmatch(r"tareas_server \d+\.\d+\S*\n", out),
                  (status, out, err))


run(signals, answers_in_flight, readers_that_do_not_read, addresses_in_use,
    same_port_again, addresses, cookie_files, weak_cookies, bad_options,
    languages)
