#!/usr/bin/env python3
"""Rooms over sockets: the class's transcript; a full room where each member
gets every message once and in order; readers that stop; connections that are
cut at any moment; a server that is killed. With --full the sizes are a
thousand members, ten thousand messages, a thousand cuts."""

import os
import random
import selectors
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import (Link, Refused, Server, Short,  # noqa: E402
                    check, eventually, is_sanitized, notify, request, run,
                    same, together, unpack)

FULL = "--full" in sys.argv
SMALL = is_sanitized() and not FULL
MEMBERS, SECONDS_OF_TALK = (1000, 10) if FULL else (60, 2) if SMALL else (
    200, 3)
PER_SECOND = 100
MESSAGES, CUTS = (10000, 1000) if FULL else (400, 40) if SMALL else (1000, 100)


class Chatter(Link):
    """A connection that keeps what is told between two answers."""

    def __init__(self, server, user, **how):
        super().__init__(server.port, **how)
        self.told = []
        self.authenticate(server.cookie(), user=user)

    def _result(self, msgid):
        while True:
            m = self.read()
            if m is None:
                raise ConnectionError("the end, instead of an answer")
            if m[0] == 1 and m[1] == msgid:
                if m[2] is not None:
                    raise Refused(m[2])
                return m[3]
            if m[0] == 2:
                self.told.append(m[1:])

    def next(self):
        """The next that is told."""
        return self.told.pop(0) if self.told else self.read()[1:]

    def say(self, room, text, *options):
        return self.call("chat.send", room, text, *options)


def lines(past):
    """What was said, as who: what."""
    return ["%s: %s" % (m[2], m[3]) for m in past["mensajes"]]


def whole(client, room):
    """The numbers and texts of all that was said, page by page."""
    out, last = [], 0
    while True:
        page = client.call("chat.history", room, {"desde": last})["mensajes"]
        if not page:
            return out
        out += [(m[0], m[3]) for m in page]
        last = page[-1][0]


# -- the class --------------------------------------------------------------


def class_line(event):
    """As the class prints it."""
    op, params = event
    room = params[0]
    if op == "chat.message":
        return "[%s] %s: %s" % (room, params[3], params[4])
    forms = {"chat.joined": "%s se unió a %s", "chat.left": "%s salió de %s",
             "chat.gone": "%s desconectado de %s"}
    return forms[op] % (params[1], room)


def transcript():
    with Server("--memory") as server:
        alice, bob = Chatter(server, "Alice"), Chatter(server, "Bob")
        same("general is made", alice.call("chat.create_room", "general"),
             True)
        same("and random", alice.call("chat.create_room", "random"), True)
        same("not twice", alice.refusal("chat.create_room", "general"),
             "exists")
        same("a new room is empty", alice.call("chat.join", "general"),
             {"n": 0, "mensajes": []})
        bob.call("chat.join", "general")
        alice.say("general", "Hola Bob!")
        bob.say("general", "Hola Alice!")
        same("both see both, the sender too", [
            class_line(alice.next()) for _ in range(4)], [
                "Alice se unió a general", "Bob se unió a general",
                "[general] Alice: Hola Bob!", "[general] Bob: Hola Alice!"])
        same("list_rooms", alice.call("chat.list_rooms"), [
            {"sala": "general", "miembros": 2},
            {"sala": "random", "miembros": 0}])
        same("leave", bob.call("chat.leave", "general"), True)
        same("the others hear it", class_line(alice.next()),
             "Bob salió de general")
        same("one who left is refused", bob.refusal(
            "chat.send", "general", "hola"), "denied")
        same("one who never joined too", alice.refusal(
            "chat.send", "random", "hola"), "denied")
        same("no such room", bob.refusal("chat.join", "nada"), "noproc")
        bob.call("chat.join", "general")
        alice.next()
        bob.reset()
        same("a client dies, exactly once", class_line(alice.next()),
             "Bob desconectado de general")
        check("and nothing else is told", alice.is_quiet())
        alice.close()


# -- many -------------------------------------------------------------------


def enter_all(server, count):
    """So many members of one room, who have read all that was told."""
    members = [Chatter(server, "u%d" % i) for i in range(count)]
    members[0].call("chat.create_room", "llena")
    for m in members:
        m.call("chat.join", "llena")
    for i, m in enumerate(members):
        while True:
            event = m.next()
            if event == ["chat.joined", ["llena", "u%d" % (count - 1)]]:
                break
    return members


class Ears:
    """Reads many connections at once, as bytes: all are told the same."""

    def __init__(self, members):
        self.heard = {m: bytearray(m.unread) for m in members}
        self.selector = selectors.DefaultSelector()
        for m in members:
            self.selector.register(m.socket, selectors.EVENT_READ, m)

    def listen(self, seconds):
        for key, _ in self.selector.select(max(0, seconds)):
            got = key.data.socket.recv(1 << 20)
            self.heard[key.data] += got
            if not got:
                self.selector.unregister(key.fileobj)

    def until(self, deadline):
        while time.monotonic() < deadline:
            self.listen(deadline - time.monotonic())

    def until_each_has(self, count, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and min(
                map(len, self.heard.values())) < count:
            self.listen(0.1)


def frames(raw):
    out, at = [], 0
    while at < len(raw):
        try:
            v, at = unpack(raw, at)
        except Short:
            break
        out.append(v)
    return out


def talk(ears, speakers, count):
    """So many lines at their pace, in turn."""
    start = time.monotonic()
    for i in range(count):
        speakers[i % len(speakers)].send(
            notify("chat.send", "llena", "línea %d" % i))
        ears.until(start + (i + 1) / PER_SECOND)


def reference(ears, member, count):
    """The bytes that say all of it, as one member heard them."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        seen = frames(ears.heard[member])
        if len(seen) >= count:
            break
        ears.listen(0.1)
    return seen, bytes(ears.heard[member])


def full_room():
    count = SECONDS_OF_TALK * PER_SECOND
    with Server("--memory", "--chat-rate", "0") as server:
        members = enter_all(server, MEMBERS)
        ears = Ears(members)
        talk(ears, members[:10], count)
        seen, raw = reference(ears, members[-1], count)
        same("%d messages a second, once and in order" % PER_SECOND,
             [m[2][1] for m in seen], list(range(1, count + 1)))
        ears.until_each_has(len(raw), 60)
        wrong = [m for m in members if ears.heard[m] != raw]
        check("each of %d members was told the same" % MEMBERS, not wrong,
              len(wrong))
        for m in members:
            m.close()


def deaf_readers():
    """Ten do not read; long lines fill their buffers soon."""
    text, count, deaf_count = "x" * 4000, 8000, 10
    with Server("--memory", "--chat-rate", "0") as server:
        deaf = [Chatter(server, "sordo%d" % i, receive_bytes=4096)
                for i in range(deaf_count)]
        deaf[0].call("chat.create_room", "llena")
        for d in deaf:
            d.call("chat.join", "llena")
        ana, worst = Chatter(server, "ana"), 0
        ana.call("chat.join", "llena")
        before = server.rss()
        for _ in range(count // 100):
            start = time.monotonic()
            first = ana.msgid + 1
            ana.send(*(request(first + i, "chat.send", "llena", text)
                       for i in range(100)))
            for i in range(100):
                ana._result(first + i)
            ana.msgid += 100
            worst = max(worst, time.monotonic() - start)
        grown = server.rss() - before
        gone, heard = [], []
        while len(gone) < deaf_count:
            op, params = ana.next()
            if op == "chat.gone":
                gone.append(params[1])
            elif op == "chat.message":
                heard.append(params[1])
        same("those who do not read are gone, each once", sorted(gone),
             ["sordo%d" % i for i in range(deaf_count)])
        same("and only who reads is there", ana.call("chat.who", "llena"),
             ["ana"])
        check("who reads is not held up", worst < (5 if SMALL else 1), worst)
        same("who reads misses nothing", heard,
             list(range(1, count + 1)))
        if not SMALL:
            check("a line is there once, not for each of them", grown <
                  count * 5000 + 4096 * 5000 + (16 << 20), grown >> 20)
        for d in deaf:
            d.close()


# -- cuts -------------------------------------------------------------------


def keeps(server, user, room, work):
    """Does work(client) again and again until it says that it is done;
    a connection that is cut is made again."""
    while True:
        try:
            client = Chatter(server, user)
            if work(client):
                client.close()
                return
        except (ConnectionError, OSError) as e:
            if isinstance(e, TimeoutError):
                raise


def speak(server, room, user, texts, acknowledged, dice, cut_every):
    """Says each text until it is acknowledged, with one key for all tries."""
    left = [(t, os.urandom(16)) for t in texts]

    def work(client):
        client.call("chat.join", room)
        while left:
            text, clave = left[0]
            client.msgid += 1
            client.send(request(client.msgid, "chat.send", room, text,
                                {"clave": clave}))
            if cut_every and dice.random() < 1 / cut_every:
                client.reset()
                raise ConnectionError
            acknowledged[text] = client._result(client.msgid)
            left.pop(0)
        return True

    keeps(server, user, room, work)


def view(server, room, user, last, seen, dice, cut_every, cuts):
    """Sees all up to a text; is cut now and then, in the middle of a frame
    or not, and goes on from the last number that it has."""

    def take(number, text):
        seen.append((number, text))
        return text == last

    def work(client):
        desde = seen[-1][0] if seen else 0
        while True:
            page = client.call("chat.join", room, {"desde": desde})
            for m in page["mensajes"]:
                if take(m[0], m[3]):
                    return True
            if desde == page["n"] or not page["mensajes"]:
                break
            desde = page["mensajes"][-1][0]
        while True:
            op, params = client.next()
            if op == "chat.message" and params[1] > desde:
                if take(params[1], params[4]):
                    return True
            if dice.random() < 1 / cut_every:
                cuts.append(user)
                client.reset()
                raise ConnectionError

    keeps(server, user, room, work)


def cut_connections():
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    readers = 10
    print("      SEED=%d" % seed)
    with Server("--memory", "--chat-rate", "0") as server:
        with Chatter(server, "ana") as ana:
            ana.call("chat.create_room", "cortes")
        seen, cuts, acknowledged = {}, [], {}
        texts = ["texto %d" % i for i in range(MESSAGES)]
        parts = []
        for i in range(readers):
            seen[i] = []
            dice = random.Random(seed + i)
            parts.append(lambda i=i, dice=dice: view(
                server, "cortes", "lee%d" % i, texts[-1], seen[i], dice,
                MESSAGES * readers / CUTS / 2, cuts))
        parts.append(lambda: speak(server, "cortes", "ana", texts,
                                   acknowledged, random.Random(seed - 1),
                                   100))
        together(*parts)
        with Chatter(server, "fin") as fin:
            history = whole(fin, "cortes")
        same("every text was said once, in order",
             history, list(enumerate(texts, 1)))
        check("there were cuts", len(cuts) >= CUTS, len(cuts))
        wrong = [i for i in seen if seen[i] != history]
        check("after %d cuts each view is the room's history" % len(cuts),
              not wrong, wrong)


def killed():
    """kill -9 in the middle of it, and the same folder again."""
    count = 300
    with Server("--chat-rate", "0") as server:
        with Chatter(server, "ana") as ana:
            ana.call("chat.create_room", "dura")
        acknowledged, done = {}, threading.Event()
        texts = {w: ["%d de %d" % (i, w) for i in range(count)]
                 for w in range(4)}

        def kill():
            for share in (0.2, 0.6):
                eventually(lambda: len(acknowledged) >= share * 4 * count)
                server.kill()
                os.unlink(server.path("port"))
                server.start()
            done.set()

        together(kill, *(lambda w=w: speak(
            server, "dura", "u%d" % w, texts[w], acknowledged, random, 0)
            for w in texts))
        with Chatter(server, "fin") as fin:
            history = whole(fin, "dura")
        numbers = dict((t, n) for n, t in history)
        same("numbers have no gaps", [n for n, _ in history],
             list(range(1, len(history) + 1)))
        check("every text is there once", len(history) == 4 * count ==
              len(numbers), len(history))
        wrong = [t for t in acknowledged if numbers.get(t) != acknowledged[t]]
        check("each acknowledged line has the number it was given",
              not wrong, wrong)
        check("the server was killed twice", done.is_set())


def restarted():
    """What was said before a stop is there after it, and so is the room."""
    with Server() as server:
        with Chatter(server, "ana") as ana:
            ana.call("chat.create_room", "sala")
            ana.call("chat.join", "sala")
            for i in range(15):
                ana.say("sala", "línea %d" % i)
        server.stop()
        server.start()
        with Chatter(server, "luis") as luis:
            past = luis.call("chat.join", "sala")
            same("the past is told on joining", lines(past),
                 ["ana: línea %d" % i for i in range(15)])
            same("numbers go on", luis.say("sala", "más"), 16)


run(transcript, full_room, deaf_readers, cut_connections, killed, restarted,
    seconds=1500 if FULL else 200)
