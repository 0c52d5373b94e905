"""Reads and writes the head of H2O's binary files, and finds the Java object streams in their bodies: enough to change real models.

A file is 1C ED, the version, the list of class names, then objects (water.AutoBuffer).
"""

import struct


def number(x):
    """A compact integer, as AutoBuffer.putInt writes it."""
    if 0 <= x + 1 <= 253:
        return bytes([x + 1])
    if -32768 <= x <= 32767:
        return b"\xff" + struct.pack("<h", x)
    return b"\xfe" + struct.pack("<i", x)


def text(s):
    return number(-1) if s is None else number(len(s.encode())) + s.encode()


def texts(names):
    """An array of strings, whose nulls at both ends are only counted (AutoBuffer.putZA)."""
    lead = next((i for i, n in enumerate(names) if n is not None), len(names))
    end = next((i + 1 for i in reversed(range(len(names))) if names[i] is not None), lead)
    return number(lead) + number(end - lead) + (number(len(names) - end) if end > lead else b"") + b"".join(map(text, names[lead:end]))


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def number(self):
        x = self.data[self.at]
        self.at += 1
        if x <= 253:
            return x - 1
        size, code = (2, "<h") if x == 255 else (4, "<i")
        self.at += size
        return struct.unpack_from(code, self.data, self.at - size)[0]

    def text(self):
        n = self.number()
        if n < 0:
            return None
        self.at += n
        return self.data[self.at - n:self.at].decode()

    def texts(self):
        lead = self.number()
        n = self.number()
        trail = self.number() if n else 0
        return [None] * lead + [self.text() for _ in range(n)] + [None] * trail


class File:
    """A binary file taken apart: version, names (the list of classes), body (the objects)."""

    def __init__(self, data):
        if data[:2] != b"\x1c\xed":
            raise ValueError("not a binary file of H2O")
        r = Reader(data, 2)
        self.version = r.text()
        self.names = r.texts()
        self.body = data[r.at:]

    def bytes(self):
        return b"\x1c\xed" + text(self.version) + texts(self.names) + self.body

    def id(self, name):
        """The number of a class, added to the list when it is not there."""
        if name not in self.names:
            if None in self.names[1:]:
                self.names[self.names.index(None, 1)] = name
            else:
                self.names.append(name)
        return self.names.index(name)

    def streams(self):
        """Offset and length in body of every Java object stream with its length before it, and the offset of that length."""
        found, at = [], 0
        while (at := self.body.find(b"\xac\xed\x00\x05", at)) >= 0:
            for back in (1, 3, 5):
                if at >= back:
                    r = Reader(self.body, at - back)
                    try:
                        n = r.number()
                    except (IndexError, struct.error):
                        continue
                    if r.at == at and 4 < n <= len(self.body) - at:
                        found.append((at - back, at, n))
                        break
            at += 4
        return found

    def replace_stream(self, which, payload):
        start, at, n = self.streams()[which]
        self.body = self.body[:start] + number(len(payload)) + payload + self.body[at + n:]
