#!/usr/bin/env python3
"""The outside storey: a parent that starts the server again, sockets that
come from outside (--supervised, and systemd's socket activation), and the
cookie that SIGHUP reads again."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import (Link, PROGRAM, Refused, SECONDS, Server,  # noqa: E402
                    check, environment, eventually, run, run_program, same,
                    together)

USAGE, UNAVAILABLE, SOFTWARE, NOPERM = 64, 69, 70, 77
OLD, NEW = "o" * 32, "n" * 32
STOP_S, RESTARTS = 5, 3
UNSHARE = ["unshare", "--pid", "--fork", "--kill-child"]


class Supervised(Server):
    def __init__(self, *options, **how):
        super().__init__("--supervised", *options, **how)

    def child(self):
        """The pid of the server itself; None while there is none."""
        return child_of(self.pid)

    def crash(self, signo=signal.SIGKILL):
        """Ends the child; returns the pid it had."""
        pid = self.child()
        os.kill(pid, signo)
        return pid

    def next_child(self, last):
        """The child after that one."""
        eventually(lambda: self.child() not in (None, last))
        return self.child()


class Doomed(Supervised):
    """One whose end is no business of the with block's."""

    def __exit__(self, *_):
        self.kill()
        shutil.rmtree(self.folder)


def child_of(pid):
    path = "/proc/%d/task/%d/children" % (pid, pid)
    try:
        with open(path) as f:
            pids = f.read().split()
    except OSError:
        return None
    return int(pids[0]) if pids else None


def is_alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


# -- a child that dies ------------------------------------------------------


def restarts():
    with Supervised("--memory") as server:
        port, before = server.port, server.client()
        same("the server is a child of what was started",
             before.listar("ana"), [])
        last = server.crash()
        with server.client() as during:
            same("who comes after its death is served, on the same port",
                 during.listar("ana"), [])
        same("a client of before sees the end", before.rest(), [])
        before.close()
        new = server.next_child(last)
        check("by another process", new not in (None, last), (last, new))
        same("the port file says the same", port_file(server), [port])
        check("the log says what it died of",
              "died of signal 9, " in server.log(), server.log())
    check("and the end takes the port file away", not os.path.exists(
        server.path("port")))


def port_file(server):
    with open(server.path("port")) as f:
        return [int(line) for line in f]


def what_was_answered_stays():
    with Supervised() as server:
        with server.client() as c:
            c.agregar("ana", "Comprar leche")
        server.crash()
        with server.client() as c:
            same("the task of a call that was answered is there after a "
                 "crash", c.titulos("ana"), ["Comprar leche"])


def nobody_is_refused():
    """Each of many comes at another moment of a restart."""
    with Supervised() as server:
        links = []
        for _ in range(2):
            last = server.crash()
            for _ in range(30):
                links.append(server.link())
                time.sleep(0.01)
            server.next_child(last)
        same("of 60 who came during two restarts none was refused",
             len(links), 60)
        with links[-1] as c:
            same("and the last one is served",
                 c.authenticate(server.cookie()).listar("ana"), [])
        for link in links:
            link.close()


def gives_up():
    with Doomed() as server:
        start, last = time.monotonic(), None
        for _ in range(RESTARTS + 1):
            last = server.next_child(last)
            os.kill(last, signal.SIGABRT)
        same("the fourth death in 5 s is the last: status 70",
             server.wait(), SOFTWARE)
        took = time.monotonic() - start
        check("after a longer and longer wait: %.2f s" % took,
              0.1 + 0.2 + 0.4 <= took < STOP_S)
        same("it had been started again 3 times",
             server.log().count("is started again in"), RESTARTS)
        said = server.log().splitlines()[-1]
        check("and it says so", said.startswith("tareas_server: ") and
              "4 times in 5 s" in said and "signal 6" in said, said)
        check("nobody listens there now", not is_open(server.port))


def is_open(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def stops_in_time_of_pause():
    with Supervised() as server:
        server.crash()
        log = "is started again"
        eventually(lambda: log in server.log())
        server.signal(signal.SIGTERM)
        same("SIGTERM between two children: status 0", server.wait(), 0)


# -- statuses and signals ---------------------------------------------------


def statuses():
    with Server() as other:
        address = "127.0.0.1:%d" % other.port
        for options, status, text in (
                (["--listen", address], UNAVAILABLE,
                 "cannot listen on %s: the port is in use" % address),
                (["--listen", "192.0.2.1:0"], UNAVAILABLE,
                 "cannot listen on 192.0.2.1:0: "),
                (["--listen", "127.0.0.1:0", "--cookie-file", "/dev/null"],
                 NOPERM, "/dev/null"),
                (["--listen", "127.0.0.1:0", "--port-file", "/no/port"],
                 73, "/no/port"),
                (["--nada"], USAGE, "--nada")):
            seen = [run_program("--memory", "--cookie-file",
                                other.cookie_file, *options, *supervised,
                                home=other.folder)
                    for supervised in ([], ["--supervised"])]
            check("%.40s: status %d, and the words of a server without a "
                  "parent" % (" ".join(options), status),
                  seen[1] == seen[0] and seen[0][0] == status and
                  text in seen[0][2], seen)


def stops():
    for signo in (signal.SIGTERM, signal.SIGINT):
        with Supervised() as server, server.client() as idle:
            child = server.child()
            server.signal(signo)
            same("%s stops both with status 0" % signo.name,
                 (server.wait(), is_alive(child)), (0, False))
            same("and in order", idle.rest(), [])
    with Supervised() as server:
        child = server.child()
        os.kill(child, signal.SIGTERM)
        same("a child that was stopped in order is not started again",
             (server.wait(), server.log()), (0, ""))


def one_that_does_not_stop():
    with Doomed() as server:
        os.kill(server.child(), signal.SIGSTOP)
        start = time.monotonic()
        server.signal(signal.SIGTERM)
        status = server.wait()
        took = time.monotonic() - start
        check("a child that does not stop is killed after %.1f s: status 70"
              % took, status == SOFTWARE and STOP_S < took < SECONDS - 1,
              status)


def parent_dies():
    with Doomed() as server:
        child = server.child()
        server.kill()
        check("kill -9 of the parent takes the child with it",
              eventually(lambda: not is_alive(child), 2))
        check("and the port", eventually(lambda: not is_open(server.port)))


def inherits_nothing_else():
    with Supervised() as server:
        names = {line.split(b"=")[0] for line in environ(server.child())}
        check("the child was told of its sockets", b"LISTEN_FDS" in names)
        last = server.crash()
        child = server.next_child(last)
        eventually(lambda: "Listening" in server.out())
        with server.client() as c:
            c.call("node.ping")
            with Server() as plain, plain.client() as d:
                d.call("node.ping")
                fds = len(os.listdir("/proc/%d/fd" % child))
                same("and has no descriptor that another server has not",
                     fds, plain.fds())


def environ(pid):
    with open("/proc/%d/environ" % pid, "rb") as f:
        return f.read().split(b"\0")


def process_one():
    if not can_unshare():
        print("skip  as process 1: unshare --pid is not permitted")
        return
    with InNamespace("--supervised") as server:
        init = child_of(server.pid)
        child = child_of(init)
        same("as process 1 it has a child", [status_of(init, "NSpid")[-1],
                                             child is not None], ["1", True])
        os.kill(child, signal.SIGKILL)
        with server.client() as c:
            same("which it starts again", c.listar("ana"), [])
        same("and does not keep", [p for p in children_of(init)
                                   if not is_alive(p)], [])
        orphan(server, init)
        os.kill(init, signal.SIGTERM)
        same("SIGTERM reaches it", server.wait(), 0)


def can_unshare():
    if not shutil.which("unshare") or not shutil.which("nsenter"):
        return False
    return subprocess.run(UNSHARE + ["true"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


class InNamespace(Server):
    def start(self):
        self.arguments = UNSHARE + self.arguments
        super().start()


def status_of(pid, key):
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith(key + ":"):
                return line.split()[1:]
    return []


def children_of(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(word) for word in f.read().split()]


def orphan(server, init):
    """A stranger whose own parent ends becomes a child of process 1."""
    subprocess.run(
        ["nsenter", "--pid=/proc/%d/ns/pid" % child_of(init), "sh", "-c",
         "sh -c 'read x; exit 3' <%s & echo $!" % fifo(server)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    same("an orphan is its child", len(children_of(init)), 2)
    with open(server.path("fifo"), "w"):
        pass
    check("and is reaped", eventually(lambda: len(children_of(init)) == 1),
          children_of(init))


def fifo(server):
    os.mkfifo(server.path("fifo"))
    return server.path("fifo")


# -- sockets from outside ---------------------------------------------------


class Activated:
    """A server that is handed sockets as systemd does it."""

    def __init__(self, *options, sockets, pid_offset=0, count=None):
        self.folder = tempfile.mkdtemp(prefix="tareas-")
        self.cookie_file = os.path.join(self.folder, "cookie")
        with open(self.cookie_file, "w", opener=private) as f:
            f.write(OLD)
        self.err = os.path.join(self.folder, "err")
        fds = [s.fileno() for s in sockets]
        env = dict(environment(self.folder),
                   LISTEN_FDS=str(len(fds) if count is None else count),
                   LISTEN_FDNAMES=":".join("tareas" for _ in fds))
        arguments = [PROGRAM, "--lang", "en", "--cookie-file",
                     self.cookie_file, *options]
        with open(self.err, "wb") as err:
            self.pid = os.fork()
            if self.pid == 0:
                become(arguments, env, fds, err.fileno(), pid_offset)

    def log(self):
        with open(self.err, encoding="utf-8") as f:
            return f.read()

    def wait(self):
        """Its exit status; None: it goes on."""
        ended = []

        def has_ended():
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                ended.append(os.waitstatus_to_exitcode(status))
            return ended

        if not eventually(has_ended):
            return None
        self.pid = 0
        return ended[0]

    def stop(self):
        os.kill(self.pid, signal.SIGTERM)
        return self.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        shutil.rmtree(self.folder)


def private(path, flags):
    return os.open(path, flags, 0o400)


def become(arguments, env, fds, err, pid_offset):
    """In the new process: the sockets are 3, 4, ... and nothing else is."""
    try:
        os.dup2(err, 1)
        os.dup2(err, 2)
        above = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in fds]
        for i, fd in enumerate(above):
            os.dup2(fd, 3 + i)
        os.closerange(3 + len(fds), 200)
        env["LISTEN_PID"] = str(os.getpid() + pid_offset)
        os.execve(arguments[0], arguments, env)
    finally:
        os._exit(99)


def listening(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    s = socket.socket(family)
    s.bind((host, 0))
    s.listen(64)
    return s


def port_of(s):
    return s.getsockname()[1]


def serves(s, cookie=OLD):
    with Link(port_of(s)).authenticate(cookie.encode()) as c:
        return c.call("node.ping")


def socket_activation(*options):
    who = " ".join(options) or "without --supervised"
    with listening() as a, listening() as b:
        waiting = Link(port_of(a))
        with Activated(*options, sockets=[a, b]) as server:
            waiting.authenticate(OLD.encode())
            check("activated, %s: who was there first is served" % who,
                  waiting.call("node.ping"))
            check("and both sockets are used", serves(b))
            lines = [line for line in server.log().splitlines()
                     if line.startswith("Listening on ")]
            same("it says where, in their order", lines,
                 ["Listening on 127.0.0.1:%d" % port_of(s) for s in (a, b)])
            same("a restart of the process that listens keeps them",
                 waiting.call("sys.reiniciar", "listener"), True)
            check("and goes on", serves(a) and serves(b))
            same("it ends in order", server.stop(), 0)
        waiting.close()
        check("the sockets are still systemd's", is_open(port_of(a)))


def activation_with_listen():
    with listening() as a, listening() as b:
        address = "127.0.0.1:%d" % port_of(b)
        with Activated("--listen", address, sockets=[a, b]) as server:
            check("with --listen the socket that matches is used", serves(b))
            same("and no other", server.log().count("Listening on"), 1)


def what_is_no_socket():
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    with bound, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, \
            socket.socket(socket.AF_UNIX) as local:
        local.bind("\0tareas-%d" % os.getpid())
        local.listen(1)
        for name, s in (("a bound one", bound), ("UDP", udp),
                        ("a Unix one", local)):
            with Activated(sockets=[s]) as server:
                same("%s is refused: status 69" % name, server.wait(),
                     UNAVAILABLE)
                check("and one line", server.log().count("\n") == 1 and
                      "descriptor 3" in server.log(), server.log())
    with listening() as a:
        with Activated(sockets=[a], count=65) as server:
            same("more sockets than there may be: status 69", server.wait(),
                 UNAVAILABLE)
        for what, how in (("another's LISTEN_PID", {"pid_offset": 1}),
                          ("a count that is none", {"count": "1x"})):
            with Activated("--listen", "127.0.0.1:0", sockets=[a],
                           **how) as server:
                eventually(lambda: "Listening on" in server.log())
                check("%s is ignored" % what, ":%d\n" % port_of(a)
                      not in server.log() and
                      "Listening on 127.0.0.1:" in server.log(),
                      server.log())


def weak_cookie_and_inherited():
    with socket.create_server(("0.0.0.0", 0)) as a:
        with Activated(sockets=[a]) as server:
            check("a good cookie goes with a socket for everybody",
                  serves(a))
            os.unlink(server.cookie_file)
            with open(server.cookie_file, "w", opener=private) as f:
                f.write("weak")
            os.kill(server.pid, signal.SIGHUP)
            check("SIGHUP does not take a weak one there", eventually(
                lambda: "the old one stays: under 16 bytes are too few for "
                "0.0.0.0" in server.log()), server.log())
            check("the old one goes on", serves(a))


# -- the cookie again -------------------------------------------------------


def is_denied(server, cookie):
    try:
        server.link().authenticate(cookie.encode())
        return False
    except Refused as e:
        return e.word == "denied"


def new_cookie(server, text, mode=0o400):
    """Writes it, sends SIGHUP, waits for what the log says to that."""
    lines = server.log().count("cookie: ")
    os.unlink(server.cookie_file)
    if text is not None:
        server.write_cookie(text, mode)
    server.signal(signal.SIGHUP)
    eventually(lambda: server.log().count("cookie: ") > lines)
    return server.log().splitlines()[-1]


def cookie_again(kind):
    name = kind.__name__
    with kind(cookie=OLD) as server, server.client() as session:
        said = new_cookie(server, NEW + "\n")
        check("%s: SIGHUP reads the cookie again" % name,
              said.endswith("info  cookie: read again"), said)
        same("a session that is up stays", session.listar("ana"), [])
        with server.client() as c:
            check("the new cookie is known", c.call("node.ping"))
        check("the old one is denied", is_denied(server, OLD))
        for what, text, mode, why in (
                ("one that others can read", "x" * 32, 0o644, "chmod 400"),
                ("an empty one", "", 0o400, server.cookie_file),
                ("a missing one", None, 0, server.cookie_file)):
            said = new_cookie(server, text, mode)
            check("%s changes nothing, and the log says why" % what,
                  "error cookie: the old one stays: " in said and
                  why in said, said)
        server.write_cookie(NEW)
        with server.client() as c:
            same("what was read last is still known", c.listar("ana"), [])
        same("and the session goes on", session.listar("ana"), [])


def terminal():
    """Whoever starts it in a terminal that is closed finds it gone."""
    for options in ([], ["--supervised"]):
        folder = tempfile.mkdtemp(prefix="tareas-")
        pid, fd = os.forkpty()
        if pid == 0:
            os.execve(PROGRAM, [PROGRAM, "--lang", "en", "--listen",
                                "127.0.0.1:0", *options],
                      environment(folder))
        try:
            in_terminal(pid, fd, " ".join(options))
        finally:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            shutil.rmtree(folder)


def in_terminal(pid, fd, options):
    seen = b""
    while b"Listening on" not in seen:
        seen += os.read(fd, 4096)
    os.kill(pid, signal.SIGHUP)
    while b"cookie: read again" not in seen:
        seen += os.read(fd, 4096)
    check("SIGHUP in a terminal that is there is for the cookie", True)
    os.close(fd)
    check("the terminal's end stops it %s" % options,
          eventually(lambda: not is_alive(pid)))
    if not is_alive(pid):
        same("in order", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)


def children():
    together(restarts, what_was_answered_stays, nobody_is_refused, gives_up,
             stops_in_time_of_pause, one_that_does_not_stop, parent_dies,
             inherits_nothing_else)


def outside():
    socket_activation()
    socket_activation("--supervised")
    activation_with_listen()
    what_is_no_socket()
    weak_cookie_and_inherited()


def cookies():
    cookie_again(Server)
    cookie_again(Supervised)


run(children, statuses, stops, process_one, outside, cookies, terminal,
    seconds=120)
