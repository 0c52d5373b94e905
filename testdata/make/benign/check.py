#!/usr/bin/env python3
"""Checks testdata/benign/: digests, size, no name of the machine that made it, and (--load) every file by its real loader.

The search for names looks inside compressed members, too.
"""
import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib

from run import HERE, OUT, environment, interpreter

# Places of a machine, and the registry's name; "/usr/lib" would be Debian's Python.
NAMES = re.compile(rb"/work/|/work\b|/root\b|/tmp/|/usr/lib|/usr/local|/home/|\.pyenv|site-packages|dist-packages|pypi")
LIMIT = 5 << 20


def layers(data, path, depth=0):
    """Yields data and everything that is packed inside it, as far as the standard library can unpack."""
    yield data
    if depth > 6:
        return
    inner = []
    try:
        if data[:2] == b"\x1f\x8b":
            inner.append(gzip.decompress(data))
        elif data[:3] == b"BZh":
            inner.append(bz2.decompress(data))
        elif data[:6] == b"\xfd7zXZ\x00":
            inner.append(subprocess.run(["xz", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout)
        elif data[:3] == b"\x5d\x00\x00":
            inner.append(lzma.decompress(data))
        elif data[:1] == b"\x78":
            inner.append(zlib.decompress(data))
        elif data[:3] == b"ZF0":  # joblib before 0.10
            inner.append(zlib.decompress(data[data.index(b"x", 4):]))
        elif data[:4] == b"\x28\xb5\x2f\xfd":
            inner.append(subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout)
        elif data[:4] == b"\x04\x22\x4d\x18":
            inner.append(subprocess.run(["lz4", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout)
        elif data[:6] == b"7z\xbc\xaf\x27\x1c":
            with tempfile.NamedTemporaryFile(suffix=".7z") as f:
                f.write(data)
                f.flush()
                inner.append(subprocess.run(["7z", "x", "-so", "-psecret", f.name], stdout=subprocess.PIPE, check=False).stdout)
        elif data[:2] == b"PK" or zipfile.is_zipfile(io.BytesIO(data)):
            with zipfile.ZipFile(io.BytesIO(data)) as z:
                inner += [z.read(i, b"secret") for i in z.infolist()]
        elif tarfile.is_tarfile(io.BytesIO(data)):
            with tarfile.open(fileobj=io.BytesIO(data)) as t:
                inner += [t.extractfile(m).read() for m in t if m.isfile()]
    except Exception as e:
        print("  %s: not unpacked: %r" % (path, e), file=sys.stderr)
    for i in inner:
        yield from layers(i, path, depth + 1)


def load(entries):
    """Loads every entry in a fresh process of its environment; returns the failures."""
    failures = []
    for env in sorted({e["env"] for e in entries}):
        mine = [e for e in entries if e["env"] == env]
        python = interpreter(env)
        if python is None:
            print("%s: no interpreter, %d files not loaded" % (env, len(mine)), file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder:
            p = subprocess.run([python, os.path.join(HERE, "load.py"), OUT], cwd=folder, env=environment(env), stdout=subprocess.PIPE,
                               input="".join(e["loader"] + "\t" + e["path"] + "\n" for e in mine).encode())
        lines = p.stdout.decode("utf-8", "replace").splitlines()
        bad = [line[4:] for line in lines if line.startswith("BAD ")]
        if p.returncode != 0 or not lines or lines[-1] != "END":
            bad.append("%s: the loading process ended early (exit %d)" % (env, p.returncode))
        print("%s: %d loaded, %d bad" % (env, len(mine) - len(bad), len(bad)))
        failures += bad
    return failures


def main():
    with open(os.path.join(OUT, "manifest.json")) as f:
        entries = json.load(f)
    failures, total, listed = [], 0, {"manifest.json", "README.md", ".gitattributes"}
    for e in entries:
        listed.add(e["path"])
        with open(os.path.join(OUT, e["path"]), "rb") as f:
            data = f.read()
        total += len(data)
        if hashlib.sha256(data).hexdigest() != e["sha256"]:
            failures.append(e["path"] + ": another digest than in the manifest")
        for layer in layers(data, e["path"]):
            m = NAMES.search(layer)
            if m:
                failures.append("%s: holds %r" % (e["path"], layer[max(0, m.start() - 40):m.end() + 60]))
                break
    for folder, _, names in os.walk(OUT):
        for n in names:
            path = os.path.relpath(os.path.join(folder, n), OUT).replace(os.sep, "/")
            if path not in listed:
                failures.append(path + ": not in the manifest")
    if total > LIMIT:
        failures.append("%d bytes are more than %d" % (total, LIMIT))
    print("%d files, %d bytes" % (len(entries), total))
    if "--load" in sys.argv[1:]:
        failures += load(entries)
    for f in failures:
        print(f, file=sys.stderr)
    return 1 if failures or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
