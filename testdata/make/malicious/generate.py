#!/usr/bin/python3
"""Writes testdata/malicious/ from the generators beside this file, and specs.json for verify_fires.py.

Needs Debian's python3-torch, python3-joblib and python3-numpy for the files of those frameworks. The same bytes come out at each run.
"""
import hashlib
import importlib
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.normpath(os.path.join(HERE, "..", "..", "malicious"))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

from book import FIXTURES  # noqa: E402

ELSEWHERE = ("java/",)
ROOMS = sorted(f[:-3] for f in os.listdir(HERE) if f.startswith("fam_") and f.endswith(".py"))


def main():
    for room in ROOMS:
        importlib.import_module(room)
    manifest = os.path.join(OUT, "manifest.json")
    old = {}
    if os.path.exists(manifest):
        with open(manifest) as f:
            old = {e["path"]: e for e in json.load(f)}
    entries, total, keep = [], 0, set()
    for x in sorted(FIXTURES):
        full = os.path.join(OUT, x.path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as f:
            f.write(x.data)
        keep.add(x.path)
        total += len(x.data)
        digest = hashlib.sha256(x.data).hexdigest()
        entry = {"path": x.path, "sha256": digest, "technique": x.technique, "family": x.family, "loader": x.loader,
                 "fires": [], "gives": x.gives, "canary": x.canary, "on": x.on, "note": x.note}
        was = old.get(x.path)
        # What was seen stays true as long as the bytes and the way to load them are the same.
        if was and was["sha256"] == digest and was["loader"] == x.loader and was["canary"] == x.canary and was["on"] == x.on:
            entry["fires"] = was["fires"]
        if x.accepted_by:
            entry["accepted_by"] = x.accepted_by
        entries.append(entry)
    # What another program makes (../java/run.py) stays as it is.
    others = [e for e in old.values() if e["path"].startswith(ELSEWHERE)]
    keep.update(e["path"] for e in others)
    entries = sorted(entries + others, key=lambda e: e["path"])
    # Only what this program wrote before and writes no more: other programs keep fixtures of theirs here, in and outside of the manifest.
    for path in set(old) - keep:
        if os.path.exists(os.path.join(OUT, path)):
            os.remove(os.path.join(OUT, path))
    write_manifest(manifest, entries)
    print("%d files, %d bytes" % (len(entries), total))


def write_manifest(path, entries):
    with open(path, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(e) for e in entries) + "\n]\n")


if __name__ == "__main__":
    main()
