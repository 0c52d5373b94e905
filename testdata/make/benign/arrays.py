"""numpy: arrays of every dtype as .npy and .npz, and pickles of arrays, scalars, generators and the like."""
import io
import pickle

import numpy as np

from recorder import ENV, PROTOCOLS, add, done

VERSION = np.__version__
TWO = int(VERSION.split(".")[0]) >= 2
BASE = "numpy/np%s/" % ".".join(VERSION.split(".")[:2])
MATRIX = np.matrix([[1.0, 2.0]])

arrays = {}
for code in "?bhilqBHILQefdgFDG":
    a = np.zeros(4, code)
    a[:] = np.arange(4)
    if code in "gG":
        a.view("u1").reshape(-1, 16)[:, 10:] = 0  # the padding of long doubles would hold chance bytes
    arrays["dtype-" + np.dtype(code).name + ("" if code not in "qQ" else "-long")] = a
arrays.update({
    "big-endian": np.arange(3, dtype=">i4"), "bytes": np.array([b"ab", b"c"]), "unicode": np.array([u"ab", u"\u00e9"]),
    "void": np.array([b"abcd"], dtype="V4"), "datetime": np.array(["2024-01-01", "NaT"], dtype="M8[D]"),
    "timedelta": np.array([1, 2], dtype="m8[ns]"), "fortran": np.asfortranarray(np.eye(3)), "scalar": np.array(3.5),
    "empty": np.zeros((0, 3)), "structured": np.array([(1, 2.0, b"x")], dtype=[("a", "<i4"), ("b", "<f8", (1,)), ("c", "S3")]),
    "aligned": np.zeros(2, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)),
})
objects = np.array([{"a": 1}, [1, 2], None, u"text"], dtype=object)


def store(name, data, loader, expect="clean", note=""):
    add(BASE + name, data, "numpy" if not name.endswith(".pkl") else "pickle", "numpy", VERSION, loader, expect, note)


def npy(value, **kw):
    out = io.BytesIO()
    np.save(out, value, **kw)
    np.load(io.BytesIO(out.getvalue()), allow_pickle=True)
    return out.getvalue()


full = ENV in ("models", "py27")
for name in sorted(arrays):
    if full or name in ("dtype-float64", "structured"):
        store(name + ".npy", npy(arrays[name]), "numpy.load")
store("object.npy", npy(objects), "numpy.load(allow_pickle=True)", note="an object array: the file is a pickle after its header")
for writer, name in ((np.savez, "arrays.npz"), (np.savez_compressed, "compressed.npz")):
    out = io.BytesIO()
    writer(out, weights=arrays["dtype-float64"], labels=arrays["unicode"], meta=objects)
    np.load(io.BytesIO(out.getvalue()), allow_pickle=True)["meta"]
    store(name, out.getvalue(), "numpy.load(allow_pickle=True)")

rec = np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
masked = np.ma.array([1, 2, 3], mask=[0, 1, 0])
state = np.random.RandomState(5)
state.random_sample(3)
things = {
    "arrays": arrays, "object": objects, "matrix": MATRIX, "masked": masked, "recarray": rec, "randomstate": state,
    "scalars": [np.float32(1.5), np.float64(2.5), np.int8(3), np.bool_(True), np.complex64(1j), np.str_(u"a"), np.bytes_(b"b"),
                np.datetime64("2024-01-01"), np.timedelta64(5, "s"), rec[0], np.void(b"xx")],
    "dtypes": [np.dtype("f4"), np.dtype("M8[us]"), rec.dtype, np.float32, np.int64],
    "ufuncs": [np.log1p, np.add, np.exp], "functions": [np.mean, np.median], "poly": np.poly1d([1, 2]),
    "nested": {"w": [np.eye(2), {"b": np.zeros(2)}], "n": np.float64(3)},
}
if hasattr(np.random, "default_rng"):
    for bits in ("PCG64", "MT19937", "Philox", "SFC64", "PCG64DXSM"):
        if hasattr(np.random, bits):
            things["generator-" + bits.lower()] = np.random.Generator(getattr(np.random, bits)(7))
    things["seedsequence"] = np.random.SeedSequence(5)
    things["polynomial"] = np.polynomial.Polynomial([1, 2, 3])
if TWO:
    things["stringdtype"] = np.array([u"a", u"bc"], dtype=np.dtypes.StringDType())
mapped = np.memmap("weights.bin", dtype="f4", mode="w+", shape=(3,))
mapped[:] = [1, 2, 3]
things["memmap"] = mapped
for name in sorted(things):
    if not full and name in ("arrays", "poly", "polynomial", "seedsequence", "recarray", "dtypes"):
        continue
    for protocol in PROTOCOLS if name in ("nested", "scalars") else ((2, 4) if PROTOCOLS[-1] > 2 else (2,)):
        if protocol == 4 and name not in ("nested", "scalars", "arrays", "masked", "randomstate", "generator-pcg64"):
            continue
        try:
            data = pickle.dumps(things[name], protocol)
        except Exception:
            continue  # StringDType and the like have no pickle at low protocols
        pickle.loads(data)
        store("%s-p%d.pkl" % (name, protocol), data, "pickle.load")
# The pure-Python pickler writes no out-of-band or framed form for big buffers: a second dialect of the same arrays.
big = np.arange(9000, dtype="f8")
if ENV in ("models", "debian"):
    store("framed-p4.pkl", pickle.dumps({"a": big[:3], "b": big}, 4), "pickle.load", note="an array larger than a frame")
    store("framed-p5.pkl", pickle.dumps({"a": big[:3], "b": big}, 5), "pickle.load", note="an array larger than a frame")
    parts = []
    data = pickle.dumps(np.arange(4.0), 5, buffer_callback=parts.append)
    pickle.loads(data, buffers=parts)
    store("out-of-band-p5.pkl", data, "pickle.load(buffers=...)", note="NEXT_BUFFER: the data travels outside")
several = b"".join(pickle.dumps(v, 2) for v in (np.float32(1), {"a": 1}, [np.arange(2)]))
store("several-streams.pkl", several, "pickle.load", note="three pickles one after another, as repeated pickle.dump writes them")
if hasattr(objects, "dump"):
    store("ndarray-dump.pkl", objects.dumps(), "pickle.load", note="ndarray.dumps")
done()
