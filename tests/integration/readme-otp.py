#!/usr/bin/env python3
"""The chapter of README.md that sets OTP beside its C, and its twin of
README.es.md: each C block stands in the file that its first line names, line
by line and in that order; both pages have the same blocks; and every function
and constant that the chapter names is in the headers."""

import glob
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from tareas import check, run, same  # noqa: E402

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
CHAPTERS = {"README.md": "OTP notions beside their C",
            "README.es.md": "La clase en C"}
HEAD = re.compile(r"/\* ([\w/]+\.c) \*/\n")
LEFT_OUT = "/* ... */\n"
PREFIXES = "agent|gs|loop|net|node|proc|reg|sup"
CONSTANTS = "AGENT|E|GS|LIMIT|LOOP|MESSAGE|REG|SUP"


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def chapter(page):
    """Its text, up to the next heading of the page."""
    found = re.findall(r"^## %s\n(.*?)(?=^## )" % CHAPTERS[page], read(page),
                       re.S | re.M)
    if len(found) != 1:
        raise AssertionError("%s has %d such chapters" % (page, len(found)))
    return found[0]


def blocks(page):
    return re.findall(r"^```c\n(.*?)^```$", chapter(page), re.S | re.M)


def missing(block):
    """The first piece between what was left out that the file does not have
    after the one before; or what is wrong with the block's head."""
    head = HEAD.match(block)
    if head is None:
        return "no file in " + block.split("\n", 1)[0]
    if not os.path.exists(os.path.join(ROOT, head[1])):
        return "no file " + head[1]
    text, at = "\n" + read(head[1]), 0
    for piece in block[head.end():].split(LEFT_OUT):
        found = text.find("\n" + piece, at)
        if piece.strip() == "" or found < 0:
            return piece
        at = found + len(piece)
    return None


def quotes():
    for page in CHAPTERS:
        found = blocks(page)
        check("%s quotes programs" % page, len(found) >= 9, len(found))
        for block in found:
            wrong = missing(block)
            check("%s: %s" % (page, block.split("\n", 1)[0]), wrong is None,
                  wrong)


def twins():
    same("both pages have the same blocks", blocks("README.es.md"),
         blocks("README.md"))


def headers():
    """What the headers say, without their comments."""
    text = "".join(read(os.path.relpath(path, ROOT))
                   for folder in ("common", "proto")
                   for path in glob.glob(os.path.join(ROOT, folder, "*.h")))
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def named(page):
    """Functions and constants: in the prose all that look so, in the blocks
    those with a prefix of the runtime that are not the program's own."""
    text = chapter(page)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)
    functions = set(re.findall(r"\b([a-z]\w*)\(\)", prose))
    constants = set(re.findall(r"\b(?:%s)_[A-Z_]+\b" % CONSTANTS, text))
    for block in filter(HEAD.match, blocks(page)):
        own = re.findall(r"^(\w+)\(", read(HEAD.match(block)[1]), re.M)
        functions |= set(re.findall(r"\b((?:%s)_\w+)\(" % PREFIXES,
                                    block)).difference(own)
    return functions, constants


def names():
    text = headers()
    for page in CHAPTERS:
        functions, constants = named(page)
        check("%s names functions and constants" % page,
              len(functions) >= 40 and len(constants) >= 12,
              (len(functions), len(constants)))
        same("%s: its functions are in the headers" % page,
             [name for name in sorted(functions)
              if not re.search(r"\b%s\(" % name, text)], [])
        same("%s: its constants are in the headers" % page,
             [name for name in sorted(constants)
              if not re.search(r"\b%s\b" % name, text)], [])
    same("both pages name the same", named("README.es.md"),
         named("README.md"))


run(quotes, twins, names)
