"""Merge the curated tables and what the inspectors saw into the binary volumes that pyname embeds. See README.md."""

import collections
import glob
import gzip
import json
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
POWERS = {"X": 1, "I": 2, "F": 4, "N": 8, "L": 16, "D": 32, "E": 64, "C": 128, "A": 256}
USES = {"n": 1, "i": 2, "s": 4, "c": 8}
KINDS = {"unknown": 0, "module": 1, "class": 2, "function": 3, "object": 4}
# The order is that of shapes in fits.go; "-" is none.
SHAPES = [
    "-", "plain", "getattr", "reconstructor", "newobj", "encode", "enum", "factory", "apply", "getter", "methodcaller",
    "reconstruct", "scalar", "dtype", "frombuffer", "ufunc", "mareconstruct", "bitgenerator", "cython", "tensor", "rebuildtype", "zone",
]
USERCODE, ITEMS, CURATED = 1, 2, 4


class Rec:
    """What the index says of one module.attribute."""

    __slots__ = ("kind", "power", "safe", "shape", "flags", "target")

    def __init__(self, kind=0, power=0, safe=0, shape="-", flags=0, target=None):
        self.kind, self.power, self.safe, self.shape, self.flags, self.target = kind, power, safe, shape, flags, target

    def judgement(self):
        return (self.kind, self.power, self.safe, SHAPES.index(self.shape), self.flags)


def rows(name, fields):
    """Read a curated table."""
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            parts = line.split("\t")
            if len(parts) != fields:
                sys.exit("%s:%d: %d fields, want %d" % (name, n, len(parts), fields))
            yield parts


def bits(table, text):
    n = 0
    for c in text:
        if c != "-":
            n |= table.get(c, 0)
    return n


def curated():
    """The two hand-written tables, as records."""
    entries = collections.defaultdict(dict)
    wild = collections.defaultdict(int)
    for module, names, power, _ in rows("dangerous.txt", 4):
        for name in names.split():
            if name == "*":
                wild[module] |= bits(POWERS, power)
                continue
            r = entries[module].setdefault(name, Rec(kind=KINDS["function"]))
            r.power |= bits(POWERS, power)
            r.flags |= CURATED
    for module, names, kind, uses, shape, _ in rows("safe.txt", 6):
        if shape not in SHAPES:
            sys.exit("safe.txt: shape %r of %s is not known" % (shape, module))
        for name in names.split():
            r = entries[module].setdefault(name, Rec())
            r.kind = KINDS[kind]
            r.safe = bits(USES, uses)
            r.shape = shape
            r.flags |= CURATED | (ITEMS if "m" in uses else 0)
    return entries, wild


def uvarint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def pack(entries, wild, modalias):
    """One volume. Everything is little-endian; see index.go for the layout."""
    names = sorted(set(entries) | set(wild) | set(modalias), key=lambda s: s.encode())
    index = {m: i for i, m in enumerate(names)}
    judge = {(0, 0, 0, 0, 0): 0}
    blocks, offsets, strings, stroff = bytearray(), [], bytearray(), []
    targets = {}
    tnames = []

    def target(mod):
        # Modules that records point to but that have no block here are named in a table of their own.
        if mod not in targets:
            targets[mod] = len(tnames)
            tnames.append(mod)
        return targets[mod]

    for m in names:
        stroff.append(len(strings))
        strings += m.encode()
        offsets.append(len(blocks))
        attrs = sorted(entries.get(m, {}), key=lambda s: s.encode())
        body, restarts, prev = bytearray(), [], b""
        for i, a in enumerate(attrs):
            r = entries[m][a]
            b = a.encode()[:255]
            shared = 0
            if i % 16 == 0:
                restarts.append(len(body))
            else:
                while shared < min(len(b), len(prev), 255) and b[shared] == prev[shared]:
                    shared += 1
            body += bytes([shared, len(b) - shared]) + b[shared:]
            body += uvarint(judge.setdefault(r.judgement(), len(judge)))
            if r.target is None or r.target == (m, a):
                body += uvarint(0)
            else:
                tm, tn = r.target
                body += uvarint((target(tm) + 1) << 1 | (tn != a))
                if tn != a:
                    body += uvarint(len(tn.encode())) + tn.encode()
            prev = b
        blocks += struct.pack("<I", len(attrs))
        for o in restarts:
            blocks += struct.pack("<I", o)
        blocks += body
    stroff.append(len(strings))
    offsets.append(len(blocks))
    head = bytearray()
    jt = bytearray()
    for k, p, s, sh, fl in judge:
        jt += struct.pack("<HBBBB", p, s, k, sh, fl)
    mods = bytearray()
    for i, m in enumerate(names):
        al = target(modalias[m]) + 1 if m in modalias else 0
        mods += struct.pack("<IIHH", stroff[i], offsets[i], wild.get(m, 0), al)
    mods += struct.pack("<IIHH", stroff[-1], offsets[-1], 0, 0)
    tstr, toff = bytearray(), bytearray()
    for t in tnames:
        toff += struct.pack("<I", len(tstr))
        tstr += t.encode()
    toff += struct.pack("<I", len(tstr))
    if len(tnames) >= 65535 or len(judge) >= 65535:
        sys.exit("too many targets or judgements for one volume")
    sections = [jt, mods, strings, toff, tstr, blocks]
    pos = 8 + 4 * len(sections) + 8
    head += b"weirpyn1"
    for s in sections:
        head += struct.pack("<I", pos)
        pos += len(s)
    head += struct.pack("<I", pos) + struct.pack("<I", len(names))
    return bytes(head) + b"".join(bytes(s) for s in sections)


def main():
    entries, wild = curated()
    with open(os.path.join(HERE, "..", "data", "curated.bin"), "wb") as f:
        f.write(pack(entries, wild, {"os.path": "posixpath"}))


if __name__ == "__main__":
    main()
