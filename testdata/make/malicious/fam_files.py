"""Files of joblib, NumPy and pandas, and the archives and compressors that wrap pickles."""
import bz2
import gzip
import io
import lzma
import os
import random
import subprocess
import tarfile
import tempfile
import zlib

import zips
from asm import *
from book import add
from zips import Entry

RAW = struct.pack("<4d", 1, 2, 3, 4)


def gz(data, name=b"", extra=b"", comment=b""):
    flags = (8 if name else 0) | (4 if extra else 0) | (16 if comment else 0)
    head = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\x02\xff"
    head += (struct.pack("<H", len(extra)) + extra if extra else b"") + (name + b"\0" if name else b"") + (comment + b"\0" if comment else b"")
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    return head + c.compress(data) + c.flush() + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def tool(cmd, files, out=None):
    """Runs a command of Debian's on files with a fixed date; out is the file it makes, else its standard output."""
    with tempfile.TemporaryDirectory() as d:
        for name, data in files:
            with open(os.path.join(d, name), "wb") as f:
                f.write(data)
            os.utime(os.path.join(d, name), (315532800, 315532800))
        done = subprocess.run(cmd, cwd=d, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if out is None:
            return done.stdout
        with open(os.path.join(d, out), "rb") as f:
            return f.read()


def zstd(data):
    return tool(["zstd", "-q", "-9", "-c", "in"], [("in", data)])


def lz4(data):
    return tool(["lz4", "-q", "-9", "-c", "in"], [("in", data)])


# joblib.
J = "joblib-file/"


def A(name, data, technique, gives="execute", loader="joblib.load", **kw):
    add(J + name, data, technique, gives, loader=loader, **kw)


def wrapper(shape=(4,), dtype="f8", raw=RAW, pad=b"", **extra):
    """joblib's NumpyArrayWrapper: its BUILD makes the loader read the array out of the stream itself."""
    state = {"subclass": glob("numpy", "ndarray"), "shape": shape, "order": "C", "dtype": call(("numpy", "dtype"), dtype, 0, 1), "allow_mmap": True, "numpy_array_alignment_bytes": 16}
    state.update(extra)
    state = {k: v for k, v in state.items() if v != "drop"}
    inline = bytes([len(pad)]) + pad if "numpy_array_alignment_bytes" in state else b""
    return Code(new(("joblib.numpy_pickle", "NumpyArrayWrapper")) + lit(state) + BUILD + inline + raw)


MODEL = lit({"coef": wrapper(), "n": 4})
A("plain.joblib", EVIL, "a plain pickle for joblib.load")
for name, pack in (("zlib.z", lambda d: zlib.compress(d, 3)), ("zlib-stored.z", lambda d: zlib.compress(d, 0)), ("gzip.gz", gz), ("bz2.bz2", bz2.compress), ("xz.xz", lzma.compress), ("lzma.lzma", lambda d: lzma.compress(d, format=lzma.FORMAT_ALONE)), ("lz4.lz4", lz4)):
    A("packed-" + name, pack(EVIL), "joblib compressed with %s" % name.split(".")[0])
    if name in ("zlib.z", "xz.xz"):
        A("packed-other-extension-" + name.split(".")[0] + ".joblib", pack(EVIL), "joblib compressed with %s, called .joblib" % name.split(".")[0])
A("old-zf.pkl", (lambda z: b"ZF" + hex(len(EVIL)).encode().ljust(19) + z)(zlib.compress(EVIL)), "joblib's old ZF compression")
A("after-array.joblib", p2(lit({"coef": wrapper()}), POP, RUN), "the call follows the raw bytes of an array in the stream")
A("between-arrays.joblib", p2(lit({"a": wrapper(), "b": RUN, "c": wrapper()})), "the call stands between two raw arrays")
A("after-array-no-alignment.joblib", p2(lit({"coef": wrapper(numpy_array_alignment_bytes="drop")}), POP, RUN), "the array of an older joblib, without padding, then the call")
A("after-array-padding.joblib", p2(lit({"coef": wrapper(pad=b"." * 200)}), POP, RUN), "two hundred bytes of padding full of STOP opcodes before the array")
A("array-looks-like-stop.joblib", p2(lit({"coef": wrapper(raw=b"N." * 16)}), POP, RUN), "the raw array holds small pickles, the call follows it")
A("array-big.joblib", p2(lit({"coef": wrapper(shape=(9000,), raw=b"\x80\x02N." * 18000)}), POP, RUN), "72,000 bytes of array that look like pickles, then the call")
A("object-array-inline.joblib", p2(lit({"coef": wrapper(dtype="O", shape=(1,), raw=EVIL, numpy_array_alignment_bytes="drop")})), "an array of objects is a pickle inside the stream of the pickle")
A("object-array-inline-aligned.joblib", p2(lit({"coef": Code(new(("joblib.numpy_pickle", "NumpyArrayWrapper")) + lit({"subclass": glob("numpy", "ndarray"), "shape": (1,), "order": "C", "dtype": call(("numpy", "dtype"), "O", 0, 1), "allow_mmap": False, "numpy_array_alignment_bytes": 16}) + BUILD + EVIL)})), "the same as a newer joblib writes it")
OBJECTS = p2(build(call(("numpy.core.multiarray", "_reconstruct"), glob("numpy", "ndarray"), (0,), shortbinstr(b"b")), (1, (1,), call(("numpy", "dtype"), "O8", 0, 1), False, [1])))
A("object-array-then-call.joblib", p2(lit({"coef": wrapper(dtype="O", shape=(1,), raw=OBJECTS, numpy_array_alignment_bytes="drop")}), POP, RUN), "an honest inline pickle of objects, then the call")
A("subclass-matrix.joblib", p2(lit({"coef": wrapper(shape=(2, 2), subclass=glob("numpy", "matrix"))}), POP, RUN), "the array is a matrix, then the call")
A("memmap-wrapper.joblib", p2(lit({"coef": wrapper(allow_mmap=False)}), POP, RUN), "an array that may not be mapped, then the call")
A("mmap-mode.joblib", p2(lit({"coef": wrapper()}), POP, RUN), "loaded with mmap_mode='r'", loader="joblib.load-mmap")
A("shape-lies.joblib", p2(RUN, POP, lit({"coef": wrapper(shape=(1 << 40,))})), "the shape asks for terabytes, after the call")
A("packed-after-array.joblib", zlib.compress(p2(lit({"coef": wrapper(numpy_array_alignment_bytes="drop")}), POP, RUN), 3), "zlib, then an array, then the call")
A("packed-two-members.gz", gz(EVIL[:20]) + gz(EVIL[20:]), "the pickle is split over two members of gzip: gzip joins them, joblib reads until the memory is gone", loader="gzip > pickle", on=["3.11"])
A("packed-two-streams.bz2", bz2.compress(EVIL[:20]) + bz2.compress(EVIL[20:]), "the pickle is split over two streams of bzip2")
A("packed-two-streams.xz", lzma.compress(EVIL[:20]) + lzma.compress(EVIL[20:]), "the pickle is split over two streams of xz")
A("packed-gzip-header-fields.gz", gz(EVIL, name=b"model.txt", extra=b"ab\x04\x00PK\x03\x04", comment=b"harmless"), "a gzip header with a name, an extra field and a comment")
A("packed-trailing.gz", gz(EVIL) + b"\0" * 64, "zeros after the gzip member: joblib reads until the memory is gone", gives="crash", canary="crash")
A("packed-bomb.z", zlib.compress(p2(binuni("A" * 3000000), POP, RUN), 9), "three megabytes of padding in three kilobytes of zlib")
A("packed-truncated.gz", gz(EVIL + random.Random(3).randbytes(40000))[:-9000], "a gzip member cut before its end: the pickle runs long before")
A("ndarraywrapper-old.pkl", p2(RUN, POP, build(new(("joblib.numpy_pickle_compat", "NDArrayWrapper")), {"filename": "../x.npy", "subclass": glob("numpy", "ndarray"), "allow_mmap": True})), "joblib's old wrapper names another file, with .. in it")
A("ndarraywrapper-secret.pkl", p2(build(new(("joblib.numpy_pickle_compat", "NDArrayWrapper")), {"filename": "/proc/self/cwd/weir-secret", "subclass": glob("numpy", "ndarray"), "allow_mmap": True})), "joblib's old wrapper reads a file by its absolute path, and unpickles it", gives="file-read", canary="read")

# NumPy.
J = "numpy-file/"


def npy(data, header=None, version=1, pad=64, magic=b"\x93NUMPY"):
    h = (header or "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }").encode()
    size = 10 if version == 1 else 12
    h = h.ljust(-(-(size + len(h) + 1) // pad) * pad - size - 1) + b"\n"
    return magic + bytes([version, 0]) + (struct.pack("<H", len(h)) if version == 1 else struct.pack("<I", len(h))) + h + data


NUM = "{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }"
BYN = dict(loader="numpy.load")
A("object.npy", npy(EVIL), "an array of objects is a pickle", **BYN)
A("object-v2.npy", npy(EVIL, version=2), "the same in version 2.0", **BYN)
A("object-v3.npy", npy(EVIL, version=3), "the same in version 3.0", **BYN)
A("object-fortran.npy", npy(EVIL, "{'descr': '|O', 'fortran_order': True, 'shape': (1, 1), }"), "the same in Fortran order", **BYN)
A("object-descr-o8.npy", npy(EVIL, "{'descr': '|O8', 'fortran_order': False, 'shape': (1,), }"), "the type is spelled |O8", **BYN)
A("object-descr-word.npy", npy(EVIL, "{'descr': 'object', 'fortran_order': False, 'shape': (1,), }"), "the type is spelled object", **BYN)
A("object-structured.npy", npy(EVIL, "{'descr': [('a', '<f8'), ('b', '|O')], 'fortran_order': False, 'shape': (1,), }"), "a structured type with one field of objects", **BYN)
A("object-subarray.npy", npy(EVIL, "{'descr': [('a', [('b', '|O', (2,))])], 'fortran_order': False, 'shape': (1,), }"), "objects in a sub-array of a nested structure", **BYN)
A("object-shape-empty.npy", npy(EVIL, "{'descr': '|O', 'fortran_order': False, 'shape': (), }"), "an array of objects without dimensions", **BYN)
A("object-shape-zero.npy", npy(EVIL, "{'descr': '|O', 'fortran_order': False, 'shape': (0,), }"), "an array of no objects still unpickles", **BYN)
A("object-header-spaces.npy", npy(EVIL, "{  'shape' : ( 1 , ) ,\t'fortran_order':False, \"descr\" : \"|O\"}"), "an odd but legal header", **BYN)
A("object-header-escapes.npy", npy(EVIL, "{'d\\x65scr': '\\x7cO', 'fortran_order': False, 'shape': (1,), }"), "a header whose strings hold escapes", **BYN)
A("object-header-concat.npy", npy(EVIL, "{'descr': '|' 'O', 'fortran_order': False, 'shape': (1,), }"), "a header whose type is two adjacent strings", **BYN)
A("object-header-longs-27.npy", npy(EVIL, "{'descr': '|O', 'fortran_order': False, 'shape': (1L,), }"), "a header that Python 2 wrote, with a long", **BYN)
A("object-header-big.npy", npy(EVIL, version=2, pad=4096), "a header of four kilobytes of blanks", **BYN)
A("object-second-pickle.npy", npy(p2(lit([1])) + EVIL), "a second pickle after that of the array", loader="carve %d > pickle" % (len(npy(p2(lit([1]))))), on=["3.11"])
A("numbers-then-pickle.npy", npy(RAW, NUM) + EVIL, "a pickle after an array of numbers", loader="carve %d > pickle" % len(npy(RAW, NUM)), on=["3.11"])
A("raw-pickle.npy", EVIL, "numpy.load takes a plain pickle for an array", **BYN)
A("raw-pickle-p4.npy", p4(sg("posix", "system"), short(CMD), T1, REDUCE), "numpy.load takes a protocol 4 pickle", **BYN)
A("header-shape-huge.npy", npy(b"", "{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }" % (1 << 42)), "a shape of 32 terabytes", gives="crash", canary="crash", loader="numpy.load-plain")
A("header-itemsize-huge.npy", npy(b"", "{'descr': '|V2147483647', 'fortran_order': False, 'shape': (65536,), }"), "items of two gigabytes", gives="crash", canary="crash", loader="numpy.load-plain")
A("header-nested.npy", npy(b"", "-" * 9000 + "1"), "a header of nine thousand signs exhausts the parser's stack", gives="crash", canary="crash", loader="numpy.load-plain")
A("npz-object.npz", zips.plain([("w.npy", npy(RAW, NUM)), ("meta.npy", npy(EVIL))]), "the second member of an .npz holds objects", **BYN)
A("npz-deflated.npz", zips.build([Entry("w.npy", npy(EVIL), method=8)]), "a deflated member with objects", **BYN)
A("npz-no-suffix.npz", zips.plain([("w", npy(EVIL))]), "a member without .npy is still an array when it looks like one", **BYN)
A("npz-hidden-duplicate.npz", zips.build([Entry("w.npy", npy(RAW, NUM)), Entry("w.npy", npy(EVIL))]), "w.npy twice, the hostile one last", **BYN)
A("npz-prefix.npz", zips.plain([("w.npy", npy(EVIL))], prefix=b"PK\x03\x04" + b"\0" * 26), "a false local header before the archive", **BYN)
A("npz-pickle-member.npz", zips.plain([("w.npy", npy(RAW, NUM)), ("extra.pkl", EVIL)]), "a pickle among the members", loader="zip extra.pkl > pickle", on=["3.11"])
A("npz-no-extension.bin", zips.plain([("w.npy", npy(EVIL))]), "an .npz that is called .bin", **BYN)
A("npz-bomb.npz", zips.build([Entry("w.npy", npy(EVIL)), Entry("pad.npy", npy(b"\0" * 8000000, "{'descr': '|u1', 'fortran_order': False, 'shape': (8000000,), }"), method=8)]), "eight megabytes of zeros beside the hostile member", **BYN)

# pandas.
J = "pandas-file/"
PD = dict(loader="pandas.read_pickle")
A("plain.pkl", EVIL, "pandas.read_pickle of a plain pickle", **PD)
A("packed.gz", gz(EVIL), "pandas.read_pickle unpacks gzip by the name", **PD)
A("packed.bz2", bz2.compress(EVIL), "pandas.read_pickle unpacks bzip2 by the name", **PD)
A("packed.xz", lzma.compress(EVIL), "pandas.read_pickle unpacks xz by the name", **PD)
A("packed.zip", zips.plain([("df.pkl", EVIL)]), "pandas.read_pickle unpacks zip by the name", **PD)
A("packed-dir.zip", zips.build([Entry("df.csv", EVIL, method=8)]), "the zip's only member is called df.csv", **PD)
A("moved-class.pkl", p2(glob("pandas.indexes.base", "_new_Index"), POP, RUN), "a name of old pandas that its reader maps to the new one, then the call", **PD)

# Archives.
J = "archive/"


def tar(members, mode="w", fmt=tarfile.PAX_FORMAT, **kw):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=fmt, **kw) as t:
        for m in members:
            ti = tarfile.TarInfo(m[0])
            data = m[1]
            for k, v in (m[2] if len(m) > 2 else {}).items():
                setattr(ti, k, v)
            if ti.type == tarfile.REGTYPE:
                ti.size = len(data)
                t.addfile(ti, io.BytesIO(data))
            else:
                t.addfile(ti)
    return out.getvalue()


def B(name, data, technique, loader, gives="execute", **kw):
    add(J + name, data, technique, gives, loader=loader, on=["2.7", "3.6", "3.11", "3.13"], **kw)


NOTE = (b"weights", b"x" * 700)
T = tar([("README", b"weir"), ("model.pkl", EVIL)])
B("tar.tar", T, "a pickle in a tar", "tar model.pkl > pickle")
B("tar-gnu.tar", tar([("d/" * 60 + "model.pkl", EVIL)], fmt=tarfile.GNU_FORMAT), "a tar with a long GNU name", "tar %smodel.pkl > pickle" % ("d/" * 60))
B("tar-pax-path.tar", tar([("benign.txt", EVIL, {"pax_headers": {"path": "model.pkl"}})]), "a pax header gives the member its real name", "tar model.pkl > pickle")
B("tar-ustar.tar", tar([("model.pkl", EVIL)], fmt=tarfile.USTAR_FORMAT), "a ustar archive", "tar model.pkl > pickle")
B("tar.tar.gz", gz(T), "a pickle in a tar.gz", "gzip > tar model.pkl > pickle")
B("tar.tar.bz2", bz2.compress(T), "a pickle in a tar.bz2", "bz2 > tar model.pkl > pickle")
B("tar.tar.xz", lzma.compress(T), "a pickle in a tar.xz", "xz > tar model.pkl > pickle")
B("tar.tar.zst", zstd(T), "a pickle in a tar.zst", "zstd > tar model.pkl > pickle")
B("tar.tar.lz4", lz4(T), "a pickle in a tar.lz4", "lz4 > tar model.pkl > pickle")
B("tar-after-end.tar", T + tar([("late.pkl", EVIL)]), "a second archive after the end of the first, which --ignore-zeros reads", "carve %d > tar late.pkl > pickle" % len(T))
B("tar-benign-then-concat.tar", tar([("README", b"weir")])[:1024] + T, "two archives joined without an end between", "tar model.pkl > pickle")
B("tar-no-extension.model", T, "a tar that is called .model", "tar model.pkl > pickle")
B("gzip.pkl.gz", gz(EVIL), "a pickle in gzip", "gzip > pickle")
B("gzip-wrong-name.pkl", gz(EVIL), "gzip that is called .pkl", "gzip > pickle")
B("gzip-two-members.gz", gz(BENIGN) + gz(EVIL), "a second member of gzip holds the hostile pickle", "gzip > carve %d > pickle" % len(BENIGN))
B("gzip-trailing-pickle.gz", gz(BENIGN) + EVIL, "a pickle after the gzip member", "carve %d > pickle" % len(gz(BENIGN)))
B("gzip-gzip-gzip.gz", gz(gz(gz(EVIL))), "gzip three times", "gzip > gzip > gzip > pickle")
B("bz2.pkl.bz2", bz2.compress(EVIL), "a pickle in bzip2", "bz2 > pickle")
B("xz.pkl.xz", lzma.compress(EVIL), "a pickle in xz", "xz > pickle")
B("lzma-alone.lzma", lzma.compress(EVIL, format=lzma.FORMAT_ALONE), "a pickle in the old lzma format", "xz > pickle")
B("xz-crc32.xz", lzma.compress(EVIL, check=lzma.CHECK_CRC32), "xz with another check", "xz > pickle")
B("xz-filters.xz", lzma.compress(EVIL, filters=[{"id": lzma.FILTER_DELTA, "dist": 4}, {"id": lzma.FILTER_LZMA2}]), "xz with a delta filter", "xz > pickle")
B("zstd.pkl.zst", zstd(EVIL), "a pickle in zstd", "zstd > pickle")
B("zstd-two-frames.zst", zstd(BENIGN) + zstd(EVIL), "the second zstd frame holds the hostile pickle", "zstd > carve %d > pickle" % len(BENIGN))
B("zstd-skippable.zst", struct.pack("<II", 0x184D2A50, 100) + b"N." * 50 + zstd(EVIL), "a skippable frame before the zstd frame", "zstd > pickle")
B("lz4.pkl.lz4", lz4(EVIL), "a pickle in lz4", "lz4 > pickle")
B("lz4-two-frames.lz4", lz4(BENIGN) + lz4(EVIL), "the second lz4 frame holds the hostile pickle", "lz4 > carve %d > pickle" % len(BENIGN))
B("lz4-legacy.lz4", tool(["lz4", "-q", "-l", "-c", "in"], [("in", EVIL)]), "the old lz4 format", "lz4 > pickle")
B("zip.zip", zips.plain([("model.pkl", EVIL)]), "a pickle in a zip", "zip model.pkl > pickle")
B("zip-deflated.zip", zips.build([Entry("model.pkl", EVIL, method=8)]), "a deflated pickle in a zip", "zip model.pkl > pickle")
B("zip-txt-member.zip", zips.plain([("notes.txt", EVIL)]), "the pickle is called notes.txt", "zip notes.txt > pickle")
B("zip-bzip2.zip", (lambda e: (e.__dict__.update(body=bz2.compress(EVIL), csize=len(bz2.compress(EVIL))), zips.build([e]))[1])(Entry("model.pkl", EVIL, method=12, ver=46)), "a zip member compressed with bzip2", "zip model.pkl > pickle")
LZ = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "preset": 6}])
LZBODY = b"\x09\x04\x05\x00" + b"\x5d\x00\x00\x80\x00" + LZ.compress(EVIL) + LZ.flush()
B("zip-lzma.zip", (lambda e: (e.__dict__.update(body=LZBODY, csize=len(LZBODY)), zips.build([e]))[1])(Entry("model.pkl", EVIL, method=14, flags=2, ver=63)), "a zip member compressed with lzma", "zip model.pkl > pickle")
for n in (3, 10):
    d = EVIL
    for i in range(n):
        d = zips.plain([("model.pkl" if i == 0 else "inner.zip", d)])
    B("zip-nested-%d.zip" % n, d, "a pickle in %d zips" % n, " > ".join(["zip inner.zip"] * (n - 1)) + " > zip model.pkl > pickle")
d = EVIL
steps = []
for i, (pack, verb) in enumerate([(gz, "gzip"), (bz2.compress, "bz2"), (lzma.compress, "xz"), (zstd, "zstd"), (lz4, "lz4"), (lambda x: zips.plain([("m", x)]), "zip m"), (lambda x: tar([("m", x)]), "tar m")]):
    d = pack(d)
    steps.insert(0, verb)
B("matryoshka.tar", d, "gzip in bzip2 in xz in zstd in lz4 in zip in tar", " > ".join(steps) + " > pickle")
for slug, opts in (("lzma2", []), ("store", ["-mx=0"]), ("ppmd", ["-m0=PPMd"]), ("bzip2", ["-m0=BZip2"]), ("deflate", ["-m0=Deflate"]), ("lzma1", ["-m0=LZMA"]), ("headers-plain", ["-mhc=off"])):
    B("7z-%s.7z" % slug, tool(["7z", "a", "-bd", "-mtm=off", "-mtc=off", "-mta=off", "-mmt=1"] + opts + ["out.7z", "model.pkl"], [("model.pkl", EVIL)], "out.7z"), "a pickle in 7z (%s), as nullifAI shipped its models" % slug, "7z model.pkl > pickle")
B("7z-wrong-extension.pt", tool(["7z", "a", "-bd", "-mtm=off", "-mtc=off", "-mta=off", "-mmt=1", "out.7z", "model.pkl"], [("model.pkl", EVIL)], "out.7z"), "a 7z that is called .pt, the nullifAI model", "7z model.pkl > pickle")
BIG = random.Random(7).randbytes(3000)
B("7z-solid.7z", tool(["7z", "a", "-bd", "-mtm=off", "-mtc=off", "-mta=off", "-mmt=1", "-ms=on", "out.7z", "a.bin", "model.pkl"], [("a.bin", BIG), ("model.pkl", EVIL)], "out.7z"), "the second file of a solid block", "7z model.pkl > pickle")
for slug, members in (("symlink", [("link", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"})]), ("hardlink", [("link", b"", {"type": tarfile.LNKTYPE, "linkname": "../../weir-canary"})]), ("dotdot", [("../../weir-canary", b"weir\n")]), ("absolute", [("/weir-canary", b"weir\n")]),
                      ("symlink-then-file", [("d", b"", {"type": tarfile.SYMTYPE, "linkname": ".."}), ("d/weir-canary", b"weir\n")]), ("device", [("dev", b"", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 8})]), ("fifo", [("pipe", b"", {"type": tarfile.FIFOTYPE})]), ("setuid", [("run", b"#!/bin/sh\n", {"mode": 0o4755})])):
    B("tar-member-%s.tar" % slug, tar([("model.pkl", BENIGN)] + members), "a tar with a benign pickle and a hostile member (%s)" % slug, "none", gives="file-write", accepted_by="tar -P, tarfile.extractall before Python 3.14's filter")
B("zip-slip.zip", zips.plain([("model.pkl", BENIGN), ("../../weir-canary", b"weir\n")]), "a zip member with .. in its name", "none", gives="file-write", accepted_by="unpackers that trust names")
