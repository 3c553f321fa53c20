#!/usr/bin/env python3
"""Power losses. A session of a server, with kills and restarts in it, is
recorded call by call; the program `images` builds what a disk might hold
after a loss of power at any moment of it, and looks for what was answered.

usage: power.py [--images N] [--sessions N] [--seed N] [--control]
--control: the same with synchronous=NORMAL, which has to lose something."""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(__file__))
from world import (BUILD, KILL, CrashServer, Writer, finish,  # noqa: E402
                   pump, version_1)

IMAGES = os.path.join(BUILD, "crash", "images")
WRITERS, PERIOD, BASE_TASKS = 4, 8, 20
LIVES, ANSWERS = 4, 150  # of a server in one session; in each of them
JOBS = os.cpu_count()
# More often than the server would: a session has many of its checkpoints.
PRAGMAS = "PRAGMA wal_autocheckpoint = %d;"
NORMAL = "PRAGMA synchronous = NORMAL;"


def request(number):
    def operation(n):
        usuario = "u%d" % number
        if n % PERIOD == PERIOD - 1:
            return "tareas.eliminar_tarea", [usuario, str(n - PERIOD + 1)]
        letters = n * 37 % 500 + (6000 if n % 32 == 5 else 0)
        return "tareas.agregar_tarea", [
            usuario, {"titulo": str(n),
                      "descripcion": chr(ord("a") + n % 26) * letters}]
    return operation


def live(server, writers, chance, last):
    """One life of the server, which ends in one of three ways."""
    server.state.fail_at = 0
    server.start()
    for w in writers:
        w.connect(server)
    finish(writers)  # what was not answered in the life before
    if not last and chance.random() < 0.7:
        server.state.fail(chance.randrange(1, 400), KILL)
    before = sum(len(w.answered) for w in writers)
    pump(writers, lambda: sum(len(w.answered) for w in writers) <
         before + ANSWERS)
    if last:
        finish(writers)
        if server.stop() != 0:
            raise AssertionError("a bad end: " + server.log())
    elif server.process.poll() is None:
        server.crash()
    for w in writers:
        w.drain()
    server.wait()


def record(folder, chance, control):
    """A session: the server's log of calls, its root, and what was in it."""
    log = os.path.join(folder, "log")
    pragmas = PRAGMAS % chance.choice((10, 40, 100, 4000))
    server = CrashServer(disk=True, log=log, start=False,
                         pragmas=pragmas + (NORMAL if control else ""))
    base = None
    try:
        if chance.random() < 0.5:
            os.mkdir(server.data, 0o700)
            version_1(server.database, BASE_TASKS)
            base = os.path.join(folder, "base")
            shutil.copytree(server.data, base)
        writers = [Writer(i, request(i), keyed=True) for i in range(WRITERS)]
        for i in range(LIVES):
            live(server, writers, chance, i == LIVES - 1)
        root = os.path.dirname(server.data)
    finally:
        server.discard()
    return log, root, base


def build_images(folder, log, root, base, count, chance):
    """Runs JOBS of `images`. Returns whether all was there, and the words."""
    jobs = []
    for i in range(JOBS):
        scratch = os.path.join(folder, "disk%d" % i)
        os.mkdir(scratch)
        jobs.append(subprocess.Popen(
            [IMAGES, "-n", str(-(-count // JOBS)),
             "-s", str(chance.getrandbits(32)),
             *(["-b", base, "-B", str(BASE_TASKS)] if base else []),
             log, root, scratch],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True))
    words = [job.communicate()[0].strip() for job in jobs]
    if any(job.returncode not in (0, 1) for job in jobs):
        raise AssertionError("images ended badly: %r" %
                             [job.returncode for job in jobs])
    return all(job.returncode == 0 for job in jobs), words


def session(count, seed, control):
    chance = random.Random(seed)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="tareas-power-",
                                     dir=memory) as folder:
        return build_images(folder, *record(folder, chance, control), count,
                            chance)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--sessions", type=int, default=2)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--control", action="store_true")
    options = parser.parse_args()
    print("seed %d" % options.seed, flush=True)
    begun = time.monotonic()
    each = -(-options.images // options.sessions)
    results = [session(each, options.seed + i, options.control)
               for i in range(options.sessions)]
    bad = [words for good, words in results if not good]
    for words in bad:
        print("      " + "\n      ".join(words))
    good = bool(bad) == options.control
    print("%s%d losses of power in %d sessions%s: %s (%.1f s)" % (
        "ok    " if good else "FAIL  ", options.images, options.sessions,
        ", synchronous=NORMAL" if options.control else "",
        "answered writes were lost" if bad else
        "all that was answered is there", time.monotonic() - begun))
    return 0 if good else 1


sys.exit(main())
