#!/usr/bin/env python3
"""Recomputes every vector of proto/PROTOCOL.md with Python's standard library
alone, as someone would who has only that file, and compares the constants of
the C tests with it. Status 0: all agree."""

import hashlib
import hmac
import json
import os
import re
import struct
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
OBJECTS, DEPTH = 131072, 16


def pack(v):
    """The shortest MessagePack of what JSON can say."""
    if v is None or isinstance(v, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[v]
    if isinstance(v, int):
        if 0 <= v < 128:
            return bytes([v])
        sizes = ((0xCC, ">B"), (0xCD, ">H"), (0xCE, ">I"), (0xCF, ">Q"))
        head, form = next(s for s in sizes if v < 256 ** struct.calcsize(s[1]))
        return bytes([head]) + struct.pack(form, v)
    if isinstance(v, str):
        b = v.encode()
        if len(b) < 32:
            return bytes([0xA0 | len(b)]) + b
        return (b"\xd9" + bytes([len(b)]) if len(b) < 256
                else b"\xda" + struct.pack(">H", len(b))) + b
    assert len(v) < 16, "longer than any vector"
    if isinstance(v, list):
        return bytes([0x90 | len(v)]) + b"".join(map(pack, v))
    return bytes([0x80 | len(v)]) + b"".join(
        pack(k) + pack(x) for k, x in v.items())


# header byte -> kind, bytes of the length, fixed body bytes
HEADS = {0xC0: ("nil", 0, 0), 0xC2: ("bool", 0, 0), 0xC3: ("bool", 0, 0),
         0xCA: ("float", 0, 4), 0xCB: ("float", 0, 8)}
for i in range(3):
    HEADS[0xC4 + i] = ("bin", 1 << i, 0)
    HEADS[0xC7 + i] = ("ext", 1 << i, 1)
    HEADS[0xD9 + i] = ("str", 1 << i, 0)
for i in range(4):
    HEADS[0xCC + i] = HEADS[0xD0 + i] = ("int", 0, 1 << i)
for i in range(5):
    HEADS[0xD4 + i] = ("ext", 0, 1 + (1 << i))
for i in range(2):
    HEADS[0xDC + i] = ("array", 2 << i, 0)
    HEADS[0xDE + i] = ("map", 2 << i, 0)


def head(b):
    """Kind, header bytes, body bytes, children; None when b is too short."""
    if b[0] < 0x80 or b[0] >= 0xE0:
        return "int", 1, 0, 0
    if b[0] < 0xC0:
        kind = "map" if b[0] < 0x90 else "array" if b[0] < 0xA0 else "str"
        n, size, body = b[0] & (31 if kind == "str" else 15), 1, 0
    else:
        kind, length, body = HEADS[b[0]]
        size = 1 + length
        if len(b) < size:
            return None
        n = int.from_bytes(b[1:size], "big")
    if kind in ("array", "map"):
        return kind, size, body, n * (2 if kind == "map" else 1)
    return kind, size, body + n, 0


def check(b, limit):
    """(verdict, clean, end) of section 2; verdict "more" when b ends early."""
    pos, objects, open_, clean = 0, 0, [1], True
    while open_:
        others = sum(open_) - 1
        h = None if pos == len(b) else b[pos] != 0xC1 and head(b[pos:])
        if h is False:
            return "reserved", clean, pos
        if h is None:
            return ("more" if len(b) < limit else "too large"), clean, pos
        kind, size, body, children = h
        if others + children + body > limit - pos - size:
            return "too large", clean, pos
        if objects + 1 + others + children > OBJECTS:
            return "too many", clean, pos
        # open_[0] stands for the frame itself, which is no level
        if kind in ("array", "map") and len(open_) - 1 == DEPTH:
            return "too deep", clean, pos
        end = pos + size + body
        if end > len(b):
            return "more", clean, pos
        if kind == "ext" or kind == "str" and not is_utf8(b[pos + size:end]):
            clean = False
        pos, objects = end, objects + 1
        open_[-1] -= 1
        if children:
            open_.append(children)
        while open_ and open_[-1] == 0:
            open_.pop()
    return "whole", clean, pos


def is_utf8(b):
    try:
        b.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256)


def blocks(text, name):
    return re.findall(r"^```%s\n(.*?)^```$" % name, text, re.S | re.M)


def messages(text):
    """name -> (JSON value, bytes)"""
    found = {}
    for block in blocks(text, "messages"):
        for item in re.split(r"^(?=\w)", block, flags=re.M)[1:]:
            lines = [line.strip() for line in item.splitlines()]
            cut = max(i for i, s in enumerate(lines) if s.endswith("]")) + 1
            found[lines[0]] = (json.loads(" ".join(lines[1:cut])),
                               bytes.fromhex("".join(lines[cut:])))
    return found


def check_messages(found):
    for name, (value, b) in found.items():
        assert pack(value) == b, "%s: %s" % (name, pack(value).hex())
        assert check(b, 1 << 20) == ("whole", True, len(b)), name
        for cut in range(len(b)):
            assert check(b[:cut], 1 << 20)[0] == "more", (name, cut)


def check_handshake(text, found):
    pairs = [line.split(None, 1) for line in
             blocks(text, "handshake")[0].splitlines()]
    f = {k: json.loads(v) if v[0] in '"[' else v for k, v in pairs}
    t = "\n".join(["tareas/1", ",".join(map(str, f["versions"])), "1",
                   f["nonce_c"], f["nonce_s"], f["node_c"], f["node_s"],
                   f["user"], ""])
    assert t == f["T"], "T"
    k = mac(b"tareas/1", f["cookie"].encode()).digest()
    assert k.hex() == f["K"], "K"
    for side in "client", "server":
        proof = mac(k, ("%s\n%s" % (side, t)).encode()).hexdigest()
        assert proof == f["proof_" + side[0]], side
    hello, welcome = found["hello"][0][3][0], found["welcome"][0][3]
    assert hello["versions"] == f["versions"] and welcome["version"] == 1
    assert (hello["nonce"], welcome["nonce"]) == (f["nonce_c"], f["nonce_s"])
    assert (hello["node"], welcome["node"]) == (f["node_c"], f["node_s"])
    assert hello["user"] == f["user"]
    assert found["auth"][0][3] == [f["proof_c"]]
    assert found["proof"][0][3] == f["proof_s"]
    return f


def check_verdicts(text):
    for line in blocks(text, "refused")[0].splitlines():
        hexes, limit, verdict, at = re.split(r"\s{2,}", line.strip())
        b, limit, at = bytes.fromhex(hexes), int(limit), int(at)
        assert check(b, limit)[0] == verdict, line
        assert check(b[:at], limit)[0] == verdict, line
        assert check(b[:at - 1], limit)[0] == "more", line
    for line in blocks(text, "whole")[0].splitlines():
        hexes, word = re.split(r"\s{2,}", line.strip())
        b = bytes.fromhex(hexes)
        assert check(b, 1 << 20) == ("whole", word == "clean", len(b)), line


def check_c(found, f):
    """The constants that test_rpc and test_handshake use are these."""
    with open(os.path.join(ROOT, "tests/lib/vectors.h")) as file:
        text = file.read().replace("\\\n", " ")
    c = {name.lower(): "".join(re.findall(r'"([^"]*)"', value)) for
         name, value in re.findall(r"#define VECTOR_(\w+) (.*)", text)}
    want = {name: b.hex() for name, (_, b) in found.items()}
    want.update({k: f[k] for k in ("cookie", "nonce_c", "nonce_s", "node_c",
                                   "node_s", "user", "proof_c", "proof_s")})
    want["key"] = f["K"]
    assert c == want, sorted(set(c.items()) ^ set(want.items()))


def check_errors(text):
    """The table of section 5 has the words of err.h."""
    with open(os.path.join(ROOT, "proto/err.h")) as file:
        table = re.findall(r'X\(E_\w+, "(\w+)", "[^"]*", (\w+),', file.read())
    rows = re.findall(r"^\| `(\w+)` \| .* \| (yes|no) \|$", text, re.M)
    want = {(word, "yes" if safe == "true" else "no")
            for word, safe in table if word != "ok"}
    assert set(rows) == want, set(rows) ^ want


def main():
    with open(os.path.join(ROOT, "proto/PROTOCOL.md"), encoding="utf-8") as file:
        text = file.read()
    found = messages(text)
    assert len(found) >= 20
    check_messages(found)
    fields = check_handshake(text, found)
    check_verdicts(text)
    check_c(found, fields)
    check_errors(text)
    print("protocol-vectors: %d messages, one handshake" % len(found))


if __name__ == "__main__":
    try:
        main()
    except AssertionError as e:
        sys.exit("protocol-vectors: does not agree: %s" % e)
