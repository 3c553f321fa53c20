"""What the tests of crashes share: a server whose calls to the disk can be
watched, failed and recorded, and writers that remember what was answered."""

import atexit
import mmap
import os
import resource
import select
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import (BUILD, PROGRAM, SECONDS, Raw,  # noqa: E402, F401
                    Server, check, environment, eventually, failures, pack,
                    run, run_program, same, unpack)

LIBRARY = os.path.join(BUILD, "crash", "libdisk.so")
EARLY = os.path.join(BUILD, "crash", "tareas_server_early")
KILL = FREE_REAL = 2 ** 64 - 1
FLIGHT = 16
# An answer of [1, msgid, nil, true or a small number]: nine bytes.
HEAD, NINE = b"\x94\x01\xce", struct.Struct(">3sIBB")

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # it aborts often here


class State:
    """struct disk_state of disk.h, shared with a program that runs."""

    FIELDS = ("calls", "fail_at", "fail_errno", "failed", "free_bytes")

    def __init__(self, path):
        with open(path, "wb") as f:
            f.write(struct.pack("5Q", 0, 0, 0, 0, FREE_REAL))
        with open(path, "r+b") as f:
            object.__setattr__(self, "memory", mmap.mmap(f.fileno(), 40))

    def __getattr__(self, name):
        at = self.FIELDS.index(name) * 8
        return struct.unpack_from("Q", self.memory, at)[0]

    def __setattr__(self, name, value):
        struct.pack_into("Q", self.memory, self.FIELDS.index(name) * 8, value)

    def fail(self, after, errno):
        """The call after so many more fails, once."""
        self.fail_errno, self.fail_at = errno, self.calls + after


class CrashServer(Server):
    """A server on self.data. With disk=True it runs on the library, which
    self.state steers; log is where that records."""

    def __init__(self, *options, program=None, disk=False, log=None,
                 pragmas=None, data=None, start=True):
        self.state, self.preload = None, {}
        self.may_start = False
        super().__init__(*options)
        atexit.register(self.discard)  # whatever happens to the test
        self.data = data or os.path.join(self.path("disk"), "data")
        self.database = os.path.join(self.data, "tareas.db")
        os.makedirs(os.path.dirname(self.data), exist_ok=True)
        self.arguments += ["--data", self.data]
        if program:
            self.arguments[0] = program
        if disk:
            self.state = State(self.path("state"))
            self.preload = {"LD_PRELOAD": LIBRARY,
                            "DISK_DIR": os.path.dirname(self.data),
                            "DISK_STATE": self.path("state")}
            if log:
                self.preload["DISK_LOG"] = log
            if pragmas:
                self.preload["DISK_PRAGMAS"] = pragmas
        self.may_start = True
        if start:
            self.start()

    def start(self):
        if self.may_start and not self.try_start():
            raise AssertionError("no server: " + self.log())

    def try_start(self):
        """True when it serves; else it has ended, see process and log()."""
        with open(self.path("err"), "ab") as err:
            self.process = subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL, stderr=err,
                stdout=subprocess.PIPE,
                env=dict(environment(self.folder), **self.preload))
        said = b""
        while b"Waiting" not in said:
            if not select.select([self.process.stdout], [], [], SECONDS)[0]:
                self.kill()
                raise TimeoutError("neither started nor ended")
            more = os.read(self.process.stdout.fileno(), 4096)
            if not more:
                self.process.stdout.close()
                self.wait()
                return False
            said += more
        self.process.stdout.close()
        with open(self.path("port")) as f:
            self.ports = [int(line) for line in f]
        return True

    def discard(self):
        """The end of a server of which no more is wanted."""
        if self.process:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def crash(self):
        self.process.send_signal(signal.SIGKILL)
        self.wait()


# The database as the first version had it.
VERSION_1 = """
CREATE TABLE estado (id INTEGER PRIMARY KEY CHECK (id = 1),
 seq INTEGER NOT NULL);
INSERT INTO estado VALUES (1, 0);
CREATE TABLE tarea (id INTEGER PRIMARY KEY, usuario TEXT NOT NULL,
 titulo TEXT NOT NULL, descripcion TEXT NOT NULL);
CREATE TABLE clave (seq INTEGER PRIMARY KEY, n INTEGER NOT NULL,
 usuario TEXT NOT NULL, clave BLOB NOT NULL, huella BLOB NOT NULL,
 palabra TEXT NOT NULL);
CREATE VIEW tareas AS SELECT usuario, titulo, descripcion
 FROM tarea ORDER BY id;
PRAGMA application_id = 0x54415245;
PRAGMA user_version = 1;
"""


def version_1(path, tasks):
    """A database of the first version, with tasks 0, 1, ... of "base"."""
    db = sqlite3.connect(path)
    db.executescript("PRAGMA journal_mode = WAL;" + VERSION_1)
    db.executemany("INSERT INTO tarea VALUES (?, 'base', ?, '')",
                   [(i + 1, str(i)) for i in range(tasks)])
    db.execute("UPDATE estado SET seq = ?", (tasks,))
    db.commit()
    db.close()


class Writer:
    """Sends operations number self.sent, ..., over one link after the other,
    FLIGHT of them before their answers. request(n) is the n-th: its method
    and params. number tells it from the other writers."""

    def __init__(self, number, request, keyed):
        self.number, self.request, self.keyed = number, request, keyed
        self.sent = 0
        self.answered = set()
        self.claves = {}
        self.again = []  # sent over a former link, and not answered
        self.link = None

    def connect(self, server):
        self.link = server.client(user="w%d" % self.number)
        if self.keyed:
            self.again = [n for n in range(self.sent)
                          if n not in self.answered]

    def frame(self, n):
        method, params = self.request(n)
        if self.keyed:
            clave = self.claves.setdefault(n, os.urandom(16))
            params = params + [{"clave": clave}]
        msgid = Raw(b"\xce" + struct.pack(">I", self.msgid(n)))
        return pack([0, msgid, method, params])

    def msgid(self, n):
        return (self.number + 1) << 20 | n

    def send(self, count):
        """count more, those of before first."""
        again, self.again = self.again[:count], self.again[count:]
        fresh = range(self.sent, self.sent + count - len(again))
        self.sent = fresh.stop
        self.link.send(*[self.frame(n) for n in [*again, *fresh]])

    def receive(self):
        """How many answers came; 0: the end."""
        try:
            self.link.unread += self.link.socket.recv(1 << 16)
        except ConnectionError:
            return 0
        count, b, at = 0, self.link.unread, 0
        while len(b) - at >= NINE.size:
            head, msgid, nil, _ = NINE.unpack_from(b, at)
            if head != HEAD or nil != 0xc0:
                raise AssertionError("refused: %r" % (unpack(b, at),))
            self.answered.add(msgid & 0xfffff)
            count, at = count + 1, at + NINE.size
        del b[:at]
        return count

    def drain(self):
        """What was answered before the end."""
        while self.receive():
            pass
        self.link.close()


def pump(writers, more, seconds=None):
    """Keeps FLIGHT operations of each writer in flight until more() is false
    or the time is over, or a link ends. Returns how many were answered."""
    deadline = time.monotonic() + (seconds or SECONDS)
    poll = select.epoll()
    by_fd = {w.link.socket.fileno(): w for w in writers}
    for fd, w in by_fd.items():
        poll.register(fd, select.EPOLLIN)
    total = 0
    with poll:
        try:
            for w in writers:
                w.send(FLIGHT)
            while more() and time.monotonic() < deadline:
                for fd, _ in poll.poll(deadline - time.monotonic()):
                    n = by_fd[fd].receive()
                    if n == 0:
                        return total
                    total += n
                    by_fd[fd].send(n)
        except ConnectionError:
            return total
    if more() and not seconds:
        raise TimeoutError("the server does not answer")
    return total


def finish(writers):
    """Reads until all that was sent is answered, or a link ends."""
    for w in writers:
        if w.again:
            w.send(len(w.again))
    for w in writers:
        while len(w.answered) < w.sent and w.receive():
            pass
