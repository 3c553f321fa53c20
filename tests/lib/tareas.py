"""What the integration tests share: a server of their own, MessagePack, the
handshake and calls over a plain socket. Python's standard library alone, and
nothing of the C code: it is a second reading of the wire's contract.

Every wait has an end: a socket's operations SECONDS, a test its alarm. The
environment's BUILD says where the programs are (default "build")."""

import hashlib
import hmac
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

BUILD = os.path.abspath(os.environ.get("BUILD", "build"))
PROGRAM = os.path.join(BUILD, "tareas_server")
SECONDS = 10
FRAME, FRAME_BEFORE_AUTH = 1 << 20, 1 << 10
PING_MSGID = 2 ** 32 - 1


def is_sanitized():
    with open(PROGRAM, "rb") as f:
        return b"__asan_init" in f.read()


# -- MessagePack ------------------------------------------------------------


class Raw(bytes):
    """Bytes that pack() copies as they are: values it would never write."""


class Ext:
    def __init__(self, code, data):
        self.code, self.data = code, data


def _head(n, fix, fix_max, *forms):
    if n <= fix_max:
        return bytes([fix | n])
    for byte, form in forms:
        if n < 1 << 8 * struct.calcsize(form):
            return bytes([byte]) + struct.pack(form, n)
    raise OverflowError(n)


def _pack_int(v):
    if v >= 0:
        return _head(v, 0, 127, (0xCC, ">B"), (0xCD, ">H"), (0xCE, ">I"),
                     (0xCF, ">Q"))
    if v >= -32:
        return struct.pack(">b", v)
    forms = ((0xD0, ">b"), (0xD1, ">h"), (0xD2, ">i"), (0xD3, ">q"))
    for byte, form in forms:
        if v >= -1 << 8 * struct.calcsize(form) - 1:
            return bytes([byte]) + struct.pack(form, v)
    raise OverflowError(v)


def pack(v):
    """A value in its shortest form."""
    if isinstance(v, Raw):
        return bytes(v)
    if v is None or isinstance(v, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[v]
    if isinstance(v, int):
        return _pack_int(v)
    if isinstance(v, float):
        return b"\xcb" + struct.pack(">d", v)
    if isinstance(v, str):
        b = v.encode()
        return _head(len(b), 0xA0, 31, (0xD9, ">B"), (0xDA, ">H"),
                     (0xDB, ">I")) + b
    if isinstance(v, bytes):
        return _head(len(v), 0, -1, (0xC4, ">B"), (0xC5, ">H"),
                     (0xC6, ">I")) + v
    if isinstance(v, Ext):
        return _head(len(v.data), 0, -1, (0xC7, ">B"), (0xC8, ">H"),
                     (0xC9, ">I")) + struct.pack(">b", v.code) + v.data
    if isinstance(v, dict):
        return _head(len(v), 0x80, 15, (0xDE, ">H"), (0xDF, ">I")) + b"".join(
            pack(k) + pack(x) for k, x in v.items())
    return _head(len(v), 0x90, 15, (0xDC, ">H"),
                 (0xDD, ">I")) + b"".join(map(pack, v))


class Short(Exception):
    """The value goes on."""


NUMBERS = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I",
           0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
LENGTHS = {1: ">B", 2: ">H", 4: ">I"}


def _take(b, at, n):
    if at + n > len(b):
        raise Short
    return bytes(b[at:at + n]), at + n


def _number(b, at, form):
    raw, at = _take(b, at, struct.calcsize(form))
    return struct.unpack(form, raw)[0], at


def _length(b, at, size):
    return _number(b, at, LENGTHS[size])


def _str(b, at, n):
    raw, at = _take(b, at, n)
    return raw.decode(errors="surrogateescape"), at


def _ext(b, at, n):
    code, at = _number(b, at, ">b")
    data, at = _take(b, at, n)
    return Ext(code, data), at


def _array(b, at, n):
    out = []
    for _ in range(n):
        v, at = unpack(b, at)
        out.append(v)
    return out, at


def _map(b, at, n):
    flat, at = _array(b, at, 2 * n)
    keys = (tuple(k) if isinstance(k, list) else k for k in flat[::2])
    return dict(zip(keys, flat[1::2])), at


# first byte -> (reader of what follows the length, bytes of the length)
SIZED = {0xC4: (_take, 1), 0xC5: (_take, 2), 0xC6: (_take, 4),
         0xC7: (_ext, 1), 0xC8: (_ext, 2), 0xC9: (_ext, 4),
         0xD9: (_str, 1), 0xDA: (_str, 2), 0xDB: (_str, 4),
         0xDC: (_array, 2), 0xDD: (_array, 4),
         0xDE: (_map, 2), 0xDF: (_map, 4)}


def unpack(b, at=0):
    """The value at b[at] and the place after it, in any of its forms."""
    if at >= len(b):
        raise Short
    c, at = b[at], at + 1
    if c < 0x80:
        return c, at
    if c < 0x90:
        return _map(b, at, c & 15)
    if c < 0xA0:
        return _array(b, at, c & 15)
    if c < 0xC0:
        return _str(b, at, c & 31)
    if c in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[c], at
    if c in NUMBERS:
        return _number(b, at, NUMBERS[c])
    if 0xD4 <= c <= 0xD8:
        return _ext(b, at, 1 << c - 0xD4)
    if c >= 0xE0:
        return c - 256, at
    if c == 0xC1:
        raise ValueError("0xc1 is no MessagePack")
    read, size = SIZED[c]
    n, at = _length(b, at, size)
    return read(b, at, n)


# -- a link -----------------------------------------------------------------


class Refused(Exception):
    """An error answer: word and text."""

    def __init__(self, error):
        super().__init__(error)
        self.word, self.text = error


def request(msgid, method, *params):
    return pack([0, msgid, method, list(params)])


def notify(method, *params):
    return pack([2, method, list(params)])


def hello_of(**changes):
    """A hello's map; a change to None leaves the key out."""
    h = {"versions": [1], "nonce": os.urandom(32).hex(), "node": "prueba@aqui"}
    h.update(changes)
    return {k: v for k, v in h.items() if v is not None}


def proof(cookie, side, hello, welcome):
    fields = ["tareas/1", ",".join(map(str, hello["versions"])),
              str(welcome["version"]), hello["nonce"], welcome["nonce"],
              hello["node"], welcome["node"], hello.get("user") or "", ""]
    text = "\n".join([side] + fields).encode()
    key = hmac.digest(b"tareas/1", cookie, hashlib.sha256)
    return hmac.digest(key, text, hashlib.sha256).hex()


class Link:
    """A connection. It knows nothing of us until authenticate()."""

    def __init__(self, port, host="127.0.0.1", receive_bytes=None):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(SECONDS)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                   receive_bytes)
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = bytearray()
        self.msgid = 100

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends it as a crashed host does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               struct.pack("ii", 1, 0))
        self.socket.close()

    def finish(self):
        self.socket.shutdown(socket.SHUT_WR)

    def send(self, *frames):
        self.socket.sendall(b"".join(frames))

    def read(self, seconds=SECONDS):
        """The next message; None at the end; TimeoutError."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                v, at = unpack(self.unread)
                del self.unread[:at]
                return v
            except Short:
                if not self._more(deadline):
                    return None

    def _more(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no message in time")
        self.socket.settimeout(left)
        try:
            got = self.socket.recv(1 << 20)
        except ConnectionError:
            got = b""
        finally:
            self.socket.settimeout(SECONDS)
        self.unread += got
        return got != b""

    def rest(self, seconds=SECONDS):
        """All messages until the end."""
        return list(iter(lambda: self.read(seconds), None))

    def is_quiet(self, seconds=0.2):
        """Nothing comes, and the end does not either."""
        try:
            self.read(seconds)
            return False
        except TimeoutError:
            return True

    def authenticate(self, cookie, **changes):
        hello = hello_of(**changes)
        self.send(request(1, "node.hello", hello))
        welcome = self._result(1)
        self.send(request(2, "node.auth",
                          proof(cookie, "client", hello, welcome)))
        if self._result(2) != proof(cookie, "server", hello, welcome):
            raise AssertionError("the server does not know the cookie")
        return self

    def _result(self, msgid):
        m = self.read()
        if m is None:
            raise ConnectionError("the end, instead of an answer")
        if m[:2] != [1, msgid]:
            raise AssertionError("expected answer %d, got %r" % (msgid, m))
        if m[2] is not None:
            raise Refused(m[2])
        return m[3]

    def call(self, method, *params):
        """The result of a call, or Refused."""
        self.msgid += 1
        self.send(request(self.msgid, method, *params))
        return self._result(self.msgid)

    def refusal(self, method, *params):
        """The word of a call's error; None if it went well."""
        try:
            self.call(method, *params)
            return None
        except Refused as e:
            return e.word

    def cast(self, method, *params):
        self.send(notify(method, *params))

    def agregar(self, usuario, titulo, descripcion=""):
        return self.call("tareas.agregar_tarea", usuario,
                         tarea(titulo, descripcion))

    def eliminar(self, usuario, titulo):
        return self.call("tareas.eliminar_tarea", usuario, titulo)

    def listar(self, usuario, *options):
        return self.call("tareas.listar_tareas", usuario, *options)

    def titulos(self, usuario):
        return [t["titulo"] for t in self.listar(usuario)]


def tarea(titulo, descripcion=""):
    return {"titulo": titulo, "descripcion": descripcion}


# -- a server ---------------------------------------------------------------


class Server:
    """One of our own: port 0, its own cookie, in a folder that goes with it.
    The end of a with block stops it and wants status 0."""

    def __init__(self, *options, listen=("127.0.0.1:0",), cookie=None,
                 before=None):
        self.folder = tempfile.mkdtemp(prefix="tareas-")
        self.cookie_file = self.path("cookie")
        if cookie is not None:
            self.write_cookie(cookie)
        self.arguments = [PROGRAM, "--lang", "en", "--cookie-file",
                          self.cookie_file, "--port-file", self.path("port")]
        for address in listen:
            self.arguments += ["--listen", address]
        self.arguments += options
        self.before = before
        self.process = None
        self.start()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write_cookie(self, text, mode=0o400):
        with open(self.cookie_file, "w") as f:
            f.write(text)
        os.chmod(self.cookie_file, mode)

    def start(self):
        with open(self.path("out"), "wb") as out, \
                open(self.path("err"), "ab") as err:
            self.process = subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL, stdout=out,
                stderr=err, env=environment(self.folder),
                preexec_fn=self.before)
        there = eventually(lambda: os.path.exists(self.path("port")) or
                           self.process.poll() is not None)
        if not there or self.process.poll() is not None:
            self.kill()
            raise AssertionError("no server: " + self.log())
        with open(self.path("port")) as f:
            self.ports = [int(line) for line in f]

    @property
    def port(self):
        return self.ports[0]

    @property
    def pid(self):
        return self.process.pid

    def cookie(self):
        with open(self.cookie_file, "rb") as f:
            return f.read().rstrip(b"\n")

    def link(self, **how):
        return Link(self.port, **how)

    def client(self, **changes):
        return self.link().authenticate(self.cookie(), **changes)

    def out(self):
        with open(self.path("out"), encoding="utf-8") as f:
            return f.read()

    def log(self):
        with open(self.path("err"), "rb") as f:
            return f.read().decode(errors="replace")

    def signal(self, signo):
        self.process.send_signal(signo)

    def wait(self, seconds=SECONDS):
        """Its exit status."""
        return self.process.wait(seconds)

    def stop(self):
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.stop() != 0:
                raise AssertionError("the server ended with status %d:\n%s" %
                                     (self.process.returncode, self.log()))
        finally:
            self.kill()
            shutil.rmtree(self.folder)

    # what /proc says

    def rss(self):
        """Resident bytes."""
        with open("/proc/%d/statm" % self.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def cpu(self):
        """Seconds of CPU it has used."""
        with open("/proc/%d/stat" % self.pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def environment(home):
    keep = {k: v for k, v in os.environ.items()
            if k in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")}
    return dict(keep, HOME=home, LC_ALL="C")


def run_program(*arguments, home, language="en", seconds=SECONDS):
    """Status, stdout and stderr of a server that is to end by itself."""
    done = subprocess.run([PROGRAM, "--lang", language, *arguments],
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=seconds, env=environment(home))
    return (done.returncode, done.stdout.decode(errors="replace"),
            done.stderr.decode(errors="replace"))


# -- a test -----------------------------------------------------------------

failures = []


def eventually(is_so, seconds=SECONDS):
    """Whether it becomes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.01)
    return False


def check(sentence, good, seen=None):
    """One line for each sentence; the test goes on after a false one."""
    print(("ok    " if good else "FAIL  ") + sentence, flush=True)
    if not good:
        failures.append(sentence)
        if seen is not None:
            print("      seen: %.500r" % (seen,), flush=True)


def same(sentence, seen, wanted):
    check(sentence, seen == wanted, seen)


def together(*parts):
    """Runs them side by side; an exception of one is raised here."""
    with ThreadPoolExecutor(len(parts)) as pool:
        for done in [pool.submit(part) for part in parts]:
            done.result()


def too_late(_signo, _frame):
    raise TimeoutError("the test takes too long")


def run(*parts, seconds=60):
    """Runs a test's parts; ends the program with its status."""
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(seconds)
    for part in parts:
        try:
            part()
        except Exception:
            failures.append(part.__name__)
            traceback.print_exc(file=sys.stdout)
    print("%d failed" % len(failures) if failures else "all passed")
    sys.exit(1 if failures else 0)
