#!/usr/bin/env python3
"""The heartbeat: after 15 s without a byte the server pings, and only those
whose hello had "ping": true. Takes 16 s."""

import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import PING_MSGID, Server, check, pack, run, same  # noqa: E402

PING_S = 15


def main():
    with Server() as server:
        asked = server.client(ping=True)
        start = time.monotonic()
        others = [server.client(), server.client(ping=False)]
        talking = server.client(ping=True)
        check("nobody is pinged at once", asked.is_quiet(5))
        talking.call("node.ping")
        ping = asked.read(PING_S)
        took = time.monotonic() - start
        same('"ping": true is pinged', ping,
             [0, PING_MSGID, "node.ping", []])
        check("after 15 s of silence (%.2f)" % took,
              PING_S - 0.1 < took < PING_S + 0.9)
        asked.send(pack([1, PING_MSGID, None, True]))
        time.sleep(max(0, start + PING_S + 1 - time.monotonic()))
        for link in others:
            check("without it nothing comes", link.is_quiet(0.01))
        check("nor to one that said something meanwhile",
              talking.is_quiet(0.01))
        check("one ping is enough", asked.is_quiet(0.01))
        for link in others + [talking, asked]:
            same("the link is there", link.listar("x"), [])
            link.close()


run(main)
