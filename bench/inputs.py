#!/usr/bin/python3
"""Makes the inputs of the benchmark in a folder, with the real frameworks where they can make them.

It needs torch, scikit-learn, joblib and numpy (on Debian: python3-torch python3-sklearn python3-joblib). What is there already is kept.

    inputs.py FOLDER          the inputs of the table
    inputs.py FOLDER grow     also pickles of many objects from 1 MB to 1 GB, for the check that nothing is quadratic
"""

import datetime
import decimal
import io
import os
import pickle
import random
import struct
import sys
import zlib


def once(path, make):
    """Runs make on a temporary name and renames, so that an input is whole or not there."""
    if os.path.exists(path):
        return
    print("making", os.path.basename(path), file=sys.stderr, flush=True)
    part = path + ".part"
    make(part)
    os.rename(part, path)


def state_dict(layers, size):
    """A state dict like a language model's: layers with four tensors each, size bytes in all."""

    def make(path):
        import torch

        torch.manual_seed(0)
        per = size // (layers * 4 * 4)  # floats per tensor
        state = {}
        for i in range(layers):
            for name in ("attn.weight", "attn.bias", "mlp.weight", "mlp.bias"):
                state["model.layers.%d.%s" % (i, name)] = torch.randn(per)
        torch.save(state, path)

    return make


def forest():
    import numpy
    from sklearn.ensemble import RandomForestRegressor

    rng = numpy.random.RandomState(0)
    x, y = rng.rand(25000, 4), rng.rand(25000)
    return RandomForestRegressor(n_estimators=100, max_features=2, random_state=0, n_jobs=2).fit(x, y)


def joblib_forest(path):
    import joblib

    joblib.dump(forest(), path)


def joblib_zlib(path, raw):
    import joblib

    joblib.dump(joblib.load(raw), path, compress=("zlib", 3))


def as_gzip(path, raw):
    """The same deflate stream in gzip's dress, so that gzip -dc inflates exactly what weir does."""
    with open(raw, "rb") as f:
        packed = f.read()
    plain = zlib.decompress(packed)
    with open(path, "wb") as f:
        f.write(b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + packed[2:-4] + struct.pack("<II", zlib.crc32(plain), len(plain) & 0xFFFFFFFF))


def small_pickles(folder):
    """A thousand small files of the kinds that people keep."""
    import joblib
    import numpy
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    os.makedirs(folder)
    rng = numpy.random.RandomState(0)
    dice = random.Random(0)
    x, y = rng.rand(60, 4), rng.randint(0, 3, 60)
    for i in range(1000):
        protocol = (2, 3, 4, 5)[i // 10 % 4]
        obj = (
            lambda: {"epoch": i, "loss": dice.random(), "classes": ["a", "b", "c"]},
            lambda: rng.rand(20, 10),
            lambda: LinearRegression().fit(x, y),
            lambda: StandardScaler().fit(x * (i + 1)),
            lambda: make_pipeline(MinMaxScaler(), LogisticRegression(C=dice.random())).fit(x, y),
            lambda: DecisionTreeClassifier(max_depth=4, random_state=i).fit(x, y),
            lambda: [(k, "name %d" % k, dice.random()) for k in range(100)],
            lambda: {"at": datetime.datetime(2024, 1, 1 + i % 28), "price": decimal.Decimal(i) / 7, "tags": {"x", "y"}},
            lambda: {k: rng.rand(8).astype("f4") for k in ("w0", "b0", "w1", "b1")},
            lambda: DecisionTreeClassifier(max_depth=2, random_state=i).fit(x, y),
        )[i % 10]()
        path = os.path.join(folder, "m%04d" % i)
        if i % 10 == 9:
            joblib.dump(obj, path + ".joblib")
        else:
            with open(path + ".pkl", "wb") as f:
                pickle.dump(obj, f, protocol)


def block(items):
    """The opcodes between a list's EMPTY_LIST MEMOIZE and its end, for items, as CPython's pickler writes them (protocol 4)."""
    f = io.BytesIO()
    p = pickle._Pickler(f, 4)
    p.framer.start_framing = lambda: None
    p.dump(items)
    b = f.getvalue()
    head = b.index(b"]\x94") + 2
    assert b.endswith(b".")
    return b[head:-1]


GROWN = {
    "tuples": lambda: [(i, float(i), "item %d" % i) for i in range(1000)],
    "dicts": lambda: [{"a": i, "b": (i, i), "c": [i, None, True]} for i in range(1000)],
    "ints": lambda: list(range(1000)),
    "strings": lambda: ["item number %d" % i for i in range(1000)],
    "floats": lambda: [i / 7 for i in range(1000)],
    "dates": lambda: [datetime.datetime(2024, 1, 1 + i % 28, i % 24) for i in range(1000)],
}


def grown(kind, size):
    """A list of many objects. The block is written again and again: its MEMOIZE has no index and its strings are its own, so the stream
    is what a pickler would write, without the memory that a pickler needs for a gigabyte of objects."""

    def make(path):
        b = block(GROWN[kind]())
        with open(path, "wb") as f:
            f.write(b"\x80\x04]\x94")
            for _ in range(size // len(b) + 1):
                f.write(b)
            f.write(b".")

    return make


def main(argv):
    folder = argv[1]
    os.makedirs(folder, exist_ok=True)
    at = lambda name: os.path.join(folder, name)
    for name, size in (("state-10MB.pt", 10 << 20), ("state-100MB.pt", 100 << 20), ("state-1GB.pt", 1 << 30)):
        once(at(name), state_dict(100, size))
    once(at("state-40000-tensors.pt"), state_dict(10000, 16 << 20))
    once(at("forest.joblib"), joblib_forest)
    once(at("forest.zlib.joblib"), lambda p: joblib_zlib(p, at("forest.joblib")))
    once(at("forest.gz"), lambda p: as_gzip(p, at("forest.zlib.joblib")))
    once(at("small"), small_pickles)
    once(at("one.pkl"), lambda p: open(p, "wb").write(open(at("small/m0003.pkl"), "rb").read()))
    if "grow" in argv[2:]:
        for kind in GROWN:
            for label, size in (("1MB", 1 << 20), ("10MB", 10 << 20), ("100MB", 100 << 20), ("1GB", 1 << 30)):
                once(at("%s-%s.pkl" % (kind, label)), grown(kind, size))


if __name__ == "__main__":
    main(sys.argv)
