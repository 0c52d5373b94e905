"""Says what Python's own readers see in archives: the other side of the differential tests.

Standard input holds archives, each behind its kind (one byte: z zip, t tar, else a stream) and its length (4 bytes, little-endian).
Standard output gets one line of JSON for each.
"""
import bz2
import gzip
import hashlib
import io
import json
import lzma
import struct
import sys
import tarfile
import warnings
import zipfile
import zlib

warnings.simplefilter("ignore")
MOST = 1 << 20


def digest(b):
    return hashlib.sha256(b).hexdigest()


def see_zip(b):
    out = []
    try:
        z = zipfile.ZipFile(io.BytesIO(b))
    except Exception as e:
        return {"error": repr(e)}
    for i in z.infolist()[:200]:
        content = None
        try:
            with z.open(i) as f:
                c = f.read(MOST)
                content = digest(c) if 0 < len(c) < MOST else None
        except Exception:
            pass
        out.append({"at": i.header_offset, "packed": i.compress_size, "size": i.file_size, "crc": i.CRC, "content": content})
    return {"entries": out}


def see_tar(b):
    out = []
    try:
        with tarfile.open(fileobj=io.BytesIO(b), mode="r:") as t:
            for m in t:
                content = None
                if m.isreg() and 0 < m.size < MOST:
                    try:
                        c = t.extractfile(m).read()
                        content = digest(c) if len(c) == m.size and c.strip(b"\0") else None
                    except Exception:
                        pass
                name = m.name.encode("utf-8", "surrogateescape").hex()
                link = m.linkname.encode("utf-8", "surrogateescape").hex() if m.issym() or m.islnk() else ""
                out.append({"at": m.offset, "name": name, "link": link, "content": content})
                if len(out) >= 200:
                    break
    except Exception as e:
        return {"error": repr(e), "entries": out}
    return {"entries": out}


def see_stream(kind, b):
    """What a reader that unpickles as it goes would have been given before the stream broke."""
    got = bytearray()
    try:
        if kind == "l":
            d = zlib.decompressobj()
            for i in range(0, len(b), 16):
                got += d.decompress(b[i:i + 16])
                if len(got) > MOST:
                    break
        else:
            f = {"g": gzip.open, "b": bz2.open, "x": lzma.open}[kind](io.BytesIO(b))
            while len(got) < MOST:
                c = f.read(64)
                if not c:
                    break
                got += c
    except Exception as e:
        return {"error": repr(e), "size": len(got), "content": digest(bytes(got))}
    return {"size": len(got), "content": digest(bytes(got))}


def main():
    data = sys.stdin.buffer
    while True:
        head = data.read(5)
        if len(head) < 5:
            return
        kind, n = struct.unpack("<cI", head)
        kind, b = kind.decode(), data.read(n)
        if kind == "z":
            r = see_zip(b)
        elif kind == "t":
            r = see_tar(b)
        else:
            r = see_stream(kind, b)
        print(json.dumps(r))


main()
