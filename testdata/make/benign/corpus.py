#!/usr/bin/env python3
"""Writes the corpus of false alarms to .cache/corpus/: thousands of honest files that are too many to keep.

    corpus.py        makes it where it is missing or was made by other generators
    corpus.py -f     makes it again

manifest.json there has the form of testdata/benign/manifest.json; every file was loaded once by the framework that wrote it.
"""
import glob
import hashlib
import json
import os
import shutil
import sys

import run

OUT = os.path.join(run.ROOT, ".cache", "corpus")
ENVS = ["models", "old", "debian", "py27"]


def stamp():
    """A digest of what decides the content."""
    h = hashlib.sha256()
    for name in [os.path.join(run.HERE, n) for n in ("wide.py", "estimators.py", "recorder.py")] + sorted(glob.glob(os.path.join(run.HERE, "..", "requirements-*.txt"))):
        with open(name, "rb") as f:
            h.update(f.read())
    h.update(repr([run.interpreter(e) for e in ENVS]).encode())
    return h.hexdigest()


def main():
    want, mark = stamp(), os.path.join(OUT, ".stamp")
    if "-f" not in sys.argv[1:] and os.path.exists(mark):
        with open(mark) as f:
            if f.read() == want:
                return 0
    shutil.rmtree(OUT, ignore_errors=True)
    os.makedirs(OUT)
    run.OUT, run.FRAGMENTS = OUT, OUT
    failures = [f for f in (run.run(("wide", e)) for e in ENVS) if f]
    entries = []
    for e in ENVS:
        name = os.path.join(OUT, "wide-%s.json" % e)
        if os.path.exists(name):
            with open(name) as f:
                entries += json.load(f)
            os.remove(name)
    with open(os.path.join(OUT, "manifest.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(e, sort_keys=True) for e in entries) + "\n]\n")
    print("%d files, %d bytes" % (len(entries), sum(os.path.getsize(os.path.join(OUT, e["path"])) for e in entries)))
    for f in failures:
        print(f, file=sys.stderr)
    if failures or not entries:
        return 1
    with open(mark, "w") as f:
        f.write(want)
    return 0


if __name__ == "__main__":
    sys.exit(main())
