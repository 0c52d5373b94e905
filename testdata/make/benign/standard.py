"""Pickles of the standard library's own types, by the interpreter that runs this (2.7 and 3.6 to 3.13), every protocol."""
import array
import collections
import datetime
import decimal
import fractions
import functools
import itertools
import logging
import operator
import pickle
import re
import sys
import uuid
from argparse import Namespace

from recorder import ENV, PROTOCOLS, PYTHON, add, done

PY3 = sys.version_info[0] == 3

plain = {
    "none": None, "true": True, "ints": [0, -1, 255, 256, 65535, 65536, -2 ** 31, 2 ** 31, 2 ** 63, -2 ** 200, 2 ** 2100],
    "floats": [0.0, -0.0, 1.5, 1e308, float("inf"), float("-inf")],
    "text": [u"", u"plain", u"\u00e9\u4e2d\U0001f600", u"line\nbreak\\back", u"x" * 300],
    "bytes": [b"", b"\x00\xff", b"y" * 300], "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "nested": {"a": [{"b": ({"c": []},)}]}, "list": list(range(300)), "dict": dict((i, str(i)) for i in range(20)),
}
loop = []
loop.append(loop)
types = {
    "cycle": loop, "set": set([1, 2]), "frozenset": frozenset([3, 4]), "bytearray": bytearray(b"abc"), "complex": 1 + 2j,
    "date": datetime.date(2024, 2, 29), "time": datetime.time(1, 2, 3, 4), "datetime": datetime.datetime(2024, 2, 29, 1, 2, 3),
    "delta": datetime.timedelta(1, 2, 3), "decimal": decimal.Decimal("1.10"), "fraction": fractions.Fraction(1, 3),
    "uuid": uuid.UUID(int=5), "deque": collections.deque([1, 2], 5), "defaultdict": collections.defaultdict(list, {1: [2]}),
    "ordered": collections.OrderedDict([("b", 1), ("a", 2)]), "counter": collections.Counter("abca"),
    "pattern": re.compile("a+b", re.I), "namespace": Namespace(lr=0.1, epochs=3), "error": ValueError("wrong", 3),
    "oserror": OSError(2, "no such file"), "classes": [int, str, dict, list, object, float],
    "functions": [len, sorted, max], "array": array.array("d", [1.0, 2.0]), "math": __import__("math").sqrt,
}
objects = {"partial": functools.partial(int, base=2), "itemgetter": operator.itemgetter(1), "attrgetter": operator.attrgetter("real")}

if PY3:
    import enum
    import http
    import ipaddress
    import pathlib
    import statistics
    import types as t
    import urllib.parse

    import weakref

    types.update({
        "weakset": weakref.WeakSet([ValueError]), "empty-error": Exception(), "range": range(1, 9, 2), "slice": slice(1, 2, 3), "utc": datetime.timezone.utc,
        "zone": datetime.timezone(datetime.timedelta(hours=2), "CEST"),
        "aware": datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc), "ellipsis": Ellipsis, "notimplemented": NotImplemented,
        "nonetype": type(None), "purepath": pathlib.PurePosixPath("models/a.bin"), "winpath": pathlib.PureWindowsPath("models/a.bin"),
        "path": pathlib.PosixPath("models/a.bin"), "ip": ipaddress.ip_address("127.0.0.1"), "net": ipaddress.ip_network("10.0.0.0/8"),
        "simple": t.SimpleNamespace(a=1), "url": urllib.parse.urlparse("https://example.org/a?b=c"), "status": http.HTTPStatus.OK,
        "flag": re.RegexFlag.IGNORECASE | re.RegexFlag.MULTILINE, "mapping": collections.ChainMap({"a": 1}, {"b": 2}),
        "userdict": collections.UserDict(a=1), "keyerror": KeyError("k"), "unicode": UnicodeDecodeError("utf-8", b"x", 0, 1, "why"),
    })
    if sys.version_info >= (3, 7):
        types["logger"] = logging.getLogger("model")
    if sys.version_info >= (3, 8):
        types["normal"] = statistics.NormalDist(0, 1)
    if sys.version_info >= (3, 9):
        import zoneinfo

        types["zoneinfo"] = zoneinfo.ZoneInfo("UTC")
        types["alias"] = list[int]
    objects.update({"iter": iter([1, 2, 3]), "reversed": reversed([1, 2]), "enumerate": enumerate(["a"]), "zip": zip([1], [2])})

iterators = {"count": itertools.count(3)}
if PY3:
    iterators.update({
        "repeat": itertools.repeat(1, 2),
        "cycle": itertools.cycle([1, 2]), "chain": itertools.chain([1], [2]), "islice": itertools.islice([1, 2, 3], 2),
        "product": itertools.product([1, 2], repeat=2), "permutations": itertools.permutations([1, 2]),
        "combinations": itertools.combinations([1, 2, 3], 2), "zip_longest": itertools.zip_longest([1], [2, 3]),
    })




def store(name, value, protocol, note=""):
    data = pickle.dumps(value, protocol)
    pickle.loads(data)
    add("std/py%s/%s-p%d.pkl" % (PYTHON, name, protocol), data, "pickle", "python", PYTHON, "pickle.load", "clean", note)


if PY3:
    other = pickle._dumps
else:
    import cPickle

    other = cPickle.dumps


def second(value, protocol):
    """The other pickler of this interpreter: the pure-Python one on 3, the C one on 2."""
    data = other(value, protocol)
    pickle.loads(data)
    add("std/py%s/types-%s-p%d.pkl" % (PYTHON, "pure" if PY3 else "c", protocol), data, "pickle", "python", PYTHON, "pickle.load",
        "clean", "written by pickle.py" if PY3 else "written by cPickle")


for protocol in PROTOCOLS:
    store("plain", plain, protocol)
    # Below protocol 2 some types have no pickle (slots, range in 3.x has): keep those that do.
    kept = {}
    for key in sorted(types):
        try:
            pickle.loads(pickle.dumps(types[key], protocol))
            kept[key] = types[key]
        except Exception:
            pass
    store("types", kept, protocol)
    if PYTHON in ("2.7", "3.6", "3.13"):
        second(kept, protocol)

# These carry callables; honest, but closer to what an attack uses.
store("callables", objects if PY3 else {"partial": objects["partial"]}, 2, "partial, itemgetter, iterators of built-ins")
store("itertools", iterators, 2, "itertools objects; CPython 3.14 no longer pickles them")

if PY3:
    highest = pickle.HIGHEST_PROTOCOL
    store("bound-method", [u"abc".upper, collections.deque([1]).append, dict.fromkeys, int.from_bytes], highest,
          "bound methods of built-ins: builtins.getattr on plain data")
    store("bound-method", [u"abc".upper, collections.deque([1]).append, dict.fromkeys, int.from_bytes], 2,
          "bound methods of built-ins: builtins.getattr on plain data")
    import json

    store("qualified-name", [json.JSONDecoder.decode, collections.OrderedDict.move_to_end], 4, "dotted names of protocol 4")
    store("qualified-name", [json.JSONDecoder.decode, collections.OrderedDict.move_to_end], 2, "dotted names as getattr below protocol 4")

if ENV in ("3.13", "2.7"):
    for key in sorted(types):
        try:
            store("one/" + key, types[key], 2)
        except Exception:
            pass
done()
