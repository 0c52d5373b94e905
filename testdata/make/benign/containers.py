"""Containers that hold honest models and text: zip, tar, gzip, bzip2, xz, zstd, lz4, 7z, also nested, and some that are encrypted."""
import bz2
import gzip
import io
import lzma
import os
import pickle
import subprocess
import tarfile
import zipfile
import zlib

from recorder import OUT, add, done

STAMP = (2024, 1, 1, 0, 0, 0)


def have(path):
    with open(os.path.join(OUT, *path.split("/")), "rb") as f:
        return f.read()


PKL = pickle.dumps({"weights": list(range(40)), "name": "net"}, 4)
TEXT = b"A model, its labels and its card.\n" * 4
MODELS = [("model.pkl", PKL), ("README.md", TEXT), ("forest.joblib", have("sklearn/1.2/joblib/forest-zlib.joblib.z")), ("weights.npy", have("numpy/np1.24/dtype-float64.npy")),
          ("net.pt", have("torch/zip/state-linear.pth")), ("data/arrays.npz", have("numpy/np1.24/arrays.npz"))]
SMALL = [("model.pkl", PKL), ("README.md", TEXT)]


def store(name, data, kind, expect="clean", note=""):
    add("container/" + name, data, kind, "none", "", "none", expect, note)


def zipped(members, method=zipfile.ZIP_DEFLATED, comment=b"", folders=(), stream=False, big=False):
    out = io.BytesIO()
    if stream:
        out.seekable = lambda: False
        out.tell = lambda: (_ for _ in ()).throw(OSError())
    with zipfile.ZipFile(out, "w", method) as z:
        for f in folders:
            z.writestr(zipfile.ZipInfo(f, STAMP), b"")
        for name, data in members:
            info = zipfile.ZipInfo(name, STAMP)
            info.compress_type = method
            with z.open(info, "w", force_zip64=big) as w:
                w.write(data)
        z.comment = comment
    return out.getvalue()


def tarred(members, mode="w", form=tarfile.PAX_FORMAT, extra=()):
    out = io.BytesIO()
    if mode == "w:gz":
        mode, packed = "w", True
    else:
        packed = False
    with tarfile.open(fileobj=out, mode=mode, format=form) as t:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1704067200
            t.addfile(info, io.BytesIO(data))
        for info in extra:
            t.addfile(info)
    return gzip.compress(out.getvalue(), mtime=1) if packed else out.getvalue()


def tool(*args, data):
    return subprocess.run(args, input=data, stdout=subprocess.PIPE, check=True).stdout


def seven(members, *flags):
    """An archive by 7z; every call has a folder of its own."""
    folder = "seven%d" % len(os.listdir("."))
    os.mkdir(folder)
    for name, data in members:
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)
        os.utime(path, (1704067200, 1704067200))
    names = sorted({n.split("/")[0] for n, _ in members})
    for n in names:
        os.utime(os.path.join(folder, n), (1704067200, 1704067200))
    subprocess.run(["7z", "a", "-bd", "-mtc=off", "-mta=off", "out.7z"] + list(flags) + names, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    with open(os.path.join(folder, "out.7z"), "rb") as f:
        return f.read()


store("models.zip", zipped(MODELS), "zip")
store("stored.zip", zipped(MODELS, zipfile.ZIP_STORED), "zip")
store("bzip2.zip", zipped(SMALL, zipfile.ZIP_BZIP2), "zip", note="method 12")
store("lzma.zip", zipped(SMALL, zipfile.ZIP_LZMA), "zip", note="method 14")
store("folders.zip", zipped([("a/b/model.pkl", PKL)], folders=("a/", "a/b/")), "zip", note="with entries for folders")
store("comment.zip", zipped(SMALL, comment=b"made for a test"), "zip")
store("streamed.zip", zipped(SMALL, stream=True), "zip", note="sizes in data descriptors")
store("zip64.zip", zipped(SMALL, big=True), "zip", note="zip64 extra fields without need")
store("unicode.zip", zipped([("mod\u00e8le/\u6a21\u578b.pkl", PKL)]), "zip", note="names in UTF-8")
store("nested.zip", zipped([("inner.zip", zipped([("deep.zip", zipped(SMALL))])), ("inner.tar.gz", tarred(SMALL, "w:gz"))]), "zip", note="three levels")
store("empty.zip", zipped([]), "zip", note="no member")
store("text-only.zip", zipped([("README.md", TEXT)]), "zip")
store("models.tar", tarred(MODELS), "tar")
store("ustar.tar", tarred(SMALL, form=tarfile.USTAR_FORMAT), "tar")
store("gnu-long.tar", tarred([("d" * 90 + "/" + "n" * 90 + ".pkl", PKL)], form=tarfile.GNU_FORMAT), "tar", note="GNU long names")
store("pax-long.tar", tarred([("d" * 90 + "/\u00e9" + "n" * 90 + ".pkl", PKL)]), "tar", note="pax long names")
link = tarfile.TarInfo("latest.pkl")
link.type, link.linkname = tarfile.SYMTYPE, "model.pkl"
hard = tarfile.TarInfo("copy.pkl")
hard.type, hard.linkname = tarfile.LNKTYPE, "model.pkl"
store("links.tar", tarred(SMALL, extra=(link, hard)), "tar", note="a symbolic and a hard link that stay inside")
folder = tarfile.TarInfo("models")
folder.type = tarfile.DIRTYPE
store("folder.tar", tarred([("models/model.pkl", PKL)], extra=(folder,)), "tar")
plain = tarred(MODELS)
small = tarred(SMALL)
store("models.tar.gz", gzip.compress(plain, mtime=1), "gzip")
store("models.tgz", gzip.compress(small, mtime=1), "gzip")
store("models.tar.bz2", bz2.compress(small), "bzip2")
store("models.tar.xz", lzma.compress(small), "xz")
store("models.tar.zst", tool("zstd", "-qc", data=small), "zstd")
store("models.tar.lz4", tool("lz4", "-qc", data=small), "lz4")
store("model.pkl.gz", gzip.compress(PKL, mtime=1), "gzip")
store("model.pkl.bz2", bz2.compress(PKL), "bzip2")
store("model.pkl.xz", lzma.compress(PKL), "xz")
store("model.pkl.lzma", lzma.compress(PKL, lzma.FORMAT_ALONE), "lzma")
store("model.pkl.zst", tool("zstd", "-q", "-19", "-c", data=PKL), "zstd")
store("model.pkl.lz4", tool("lz4", "-q", "-9", "-c", data=PKL), "lz4")
store("model.pkl.z", zlib.compress(PKL), "zlib")
store("text.gz", gzip.compress(TEXT, mtime=1), "gzip", note="text in gzip")
store("members.gz", gzip.compress(PKL[:50], mtime=1) + gzip.compress(PKL[50:], mtime=1), "gzip", note="one pickle over two gzip members")
store("streams.bz2", bz2.compress(PKL[:50]) + bz2.compress(PKL[50:]), "bzip2", note="one pickle over two bzip2 streams")
store("streams.xz", lzma.compress(PKL[:50]) + lzma.compress(PKL[50:]) + b"\0" * 4, "xz", note="two xz streams and stream padding")
store("frames.zst", tool("zstd", "-qc", data=PKL[:50]) + b"\x50\x2a\x4d\x18\x04\0\0\0note" + tool("zstd", "-qc", data=PKL[50:]), "zstd", note="two frames and a skippable one between")
store("frames.lz4", tool("lz4", "-qc", data=PKL[:50]) + tool("lz4", "-qc", data=PKL[50:]), "lz4", note="two lz4 frames")
store("linked.lz4", tool("lz4", "-q", "-BD", "-B4", "-c", data=PKL * 900), "lz4", note="dependent blocks; many equal pickles")
name = io.BytesIO()
with gzip.GzipFile("model.pkl", "wb", fileobj=name, mtime=1) as g:
    g.write(PKL)
store("named.gz", name.getvalue(), "gzip", note="with the file's name in the header")
store("models.7z", seven(MODELS), "7z")
store("solid-off.7z", seven(SMALL, "-ms=off"), "7z")
store("lzma.7z", seven(SMALL, "-m0=lzma"), "7z")
store("copy.7z", seven(SMALL, "-mx=0"), "7z", note="stored")
store("bzip2.7z", seven(SMALL, "-m0=bzip2"), "7z")
store("deflate.7z", seven(SMALL, "-m0=deflate"), "7z")
store("plain-header.7z", seven(SMALL, "-mhc=off"), "7z", note="an uncompressed header")
store("delta.7z", seven(SMALL, "-m0=delta:4", "-m1=lzma2"), "7z", note="a delta filter before lzma2")
store("ppmd.7z", seven(SMALL, "-m0=ppmd"), "7z", note="PPMd: clean where it can be unpacked, else incomplete")
store("encrypted.7z", seven(SMALL, "-psecret"), "7z", "incomplete", "the password is secret")
store("encrypted-names.7z", seven(SMALL, "-psecret", "-mhe=on"), "7z", "incomplete", "names are encrypted too; the password is secret")
for how in ("ZipCrypto", "AES256"):
    folder = "zip" + how
    os.mkdir(folder)
    for n, d in SMALL:
        with open(os.path.join(folder, n), "wb") as f:
            f.write(d)
        os.utime(os.path.join(folder, n), (1704067200, 1704067200))
    subprocess.run(["7z", "a", "-bd", "-tzip", "-mtc=off", "-psecret", "-mem=" + how, "out.zip", "model.pkl", "README.md"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
    with open(os.path.join(folder, "out.zip"), "rb") as f:
        store("encrypted-%s.zip" % how.lower(), f.read(), "zip", "incomplete", "encrypted by %s; the password is secret" % how)
store("nested.7z", seven([("models.tar.gz", tarred(SMALL, "w:gz")), ("inner.zip", zipped(SMALL))]), "7z", note="archives inside")
store("many.zip", zipped([("m%03d.pkl" % i, pickle.dumps(i, 2)) for i in range(200)]), "zip", note="two hundred small pickles")
done()
