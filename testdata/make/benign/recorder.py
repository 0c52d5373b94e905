"""Writes fixtures and remembers what each is. Runs on CPython 2.7 and 3.6 to 3.13, so its syntax is the oldest one.

Every generator is called by run.py in an empty folder of its own as: python GENERATOR.py FIXTURES FRAGMENT ENV
and ends with done(), which writes FRAGMENT: the generator's part of the manifest.
"""
import hashlib
import json
import os
import pickle
import random
import sys
import warnings

warnings.simplefilter("ignore")
random.seed(3)

OUT, FRAGMENT, ENV = sys.argv[1], sys.argv[2], sys.argv[3]
PYTHON = "%d.%d" % sys.version_info[:2]
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
_entries = []


def add(path, data, kind, framework, version, loader, expect="clean", note="", hand_made=False):
    """Stores one file. data is its bytes, or a function that writes the file to the name it is given."""
    name = os.path.join(OUT, *path.split("/"))
    if not os.path.isdir(os.path.dirname(name)):
        os.makedirs(os.path.dirname(name))
    if callable(data):
        data(name)
        with open(name, "rb") as f:
            data = f.read()
    else:
        with open(name, "wb") as f:
            f.write(data)
    _entries.append({
        "path": path, "sha256": hashlib.sha256(data).hexdigest(), "kind": kind, "framework": framework,
        "version": version, "python": PYTHON, "env": ENV, "loader": loader, "expect": expect, "note": note,
        "hand_made": hand_made,
    })


def keep(path, kind, framework, version, loader, expect="clean", note="", hand_made=False):
    """Remembers a file that a framework has already written below FIXTURES."""
    with open(os.path.join(OUT, *path.split("/")), "rb") as f:
        add(path, f.read(), kind, framework, version, loader, expect, note, hand_made)


def done():
    """Writes the fragment; a generator that made nothing fails."""
    if not _entries:
        raise SystemExit("no fixture was made")
    with open(FRAGMENT, "w") as f:
        json.dump(_entries, f)
