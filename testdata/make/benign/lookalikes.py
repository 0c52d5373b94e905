"""Files that only look dangerous, or only look like models: text, pictures, data with names of functions in it."""
import base64
import io
import json
import pickle
import random
import sqlite3
import struct
import zlib

import numpy as np

from recorder import PYTHON, add, done

rng = random.Random(9)


def inert(name, data, kind, note=""):
    add("lookalike/" + name, data if isinstance(data, bytes) else data.encode(), kind, "none", "", "none", "skipped", note)


def stream(name, value, note, protocol=4):
    data = pickle.dumps(value, protocol)
    pickle.loads(data)
    add("lookalike/" + name, data, "pickle", "python", PYTHON, "pickle.load", "clean", note)


def png():
    def chunk(tag, body):
        return struct.pack(">I", len(body)) + tag + body + struct.pack(">I", zlib.crc32(tag + body))

    rows = b"".join(b"\0" + bytes([i * 30 % 256, 80, 160] * 8) for i in range(8))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


inert("notes.txt", "Never call os.system on what a user typed.\nsubprocess.Popen(shell=True) is no better.\n", "text", "names of dangerous functions in prose")
inert("functions.txt", "cos\nsin\ntan\nexp\n.\n", "text", "its first lines read as the GLOBAL opcode: os.sin")
inert("letters.txt", "(dp0\nis not a pickle, but it begins as one\n", "text", "begins like a pickle of protocol 0")
inert("brackets.txt", "](lp1. See the list above.\n", "text")
inert("dots.txt", "...\nN.\nI01\n.\n", "text", "each line alone could be a pickle of a constant")
inert("README.md", "# A model\n\nLoad it with `pickle.load(open('model.pkl', 'rb'))`, if you trust it.\n", "text")
inert("train.py", "import os\nimport pickle\n\n\ndef train(data):\n    os.makedirs('out', exist_ok=True)\n    with open('out/model.pkl', 'wb') as f:\n        pickle.dump(data, f)\n", "text")
inert("config.json", json.dumps({"model": "net", "layers": [1, 2], "cmd": "os.system", "__reduce__": None}), "text")
inert("data.csv", "a,b,c\n1,2,3\n0.5,posix,system\n", "text")
inert("config.yaml", "model: net\nlayers: [1, 2]\n", "text")
inert("page.html", "<html><script>eval('1')</script></html>\n", "text")
inert("utf16.txt", "os.system".encode("utf-16"), "text")
inert("crlf.txt", "one\r\ntwo\r\n", "text")
inert("vocab.txt", "".join("##%s\n" % w for w in ("ing", "ed", "system", "exec", "eval", "import")), "text")
inert("merges.txt", "#version: 0.2\nc os\ne x\nex ec\n", "text")
inert("random.bin", bytes(rng.randrange(256) for _ in range(4096)), "binary", "random bytes")
inert("random-dots.bin", bytes(rng.choice(b"\x80\x02\x04.NK(}]u") for _ in range(600)), "binary", "random bytes that are all opcodes")
inert("zeros.bin", b"\0" * 1024, "binary")
inert("floats.bin", struct.pack("<200f", *[rng.gauss(0, 1) for _ in range(200)]), "binary", "raw weights")
inert("empty.txt", b"", "text", "an empty file")
inert("picture.png", png(), "picture")
inert("picture-trailing.png", png() + b"\0\0\0\0trailing words after the picture\n", "picture", "bytes after the end of a picture")
inert("header.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + bytes(rng.randrange(255) for _ in range(80)) + b"\xff\xd9", "picture")
inert("sound.wav", b"RIFF" + struct.pack("<I", 36 + 16) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8) + b"data" + struct.pack("<I", 16) + bytes(range(16)), "sound")
inert("paper.pdf", b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n", "document")
inert("notebook.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": ["import pickle\n"], "outputs": [], "metadata": {}, "execution_count": 1}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), "text")
base = sqlite3.connect("runs.db")
base.execute("create table runs (name text)")
base.execute("insert into runs values ('os.system')")
base.commit()
base.close()
with open("runs.db", "rb") as f:
    inert("runs.db", f.read(), "database")
add("lookalike/pointer.pt", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n",
    "lfs-pointer", "none", "", "none", "incomplete", "a Git LFS pointer in the place of a model: a problem, the model itself is not here")

stream("empty-dict.pkl", {}, "an empty dictionary")
stream("none.pkl", None, "None", 0)
stream("words.pkl", ["os\nsystem", "cos\nsystem\n", "posix", "system", "__reduce__", "eval", "exec", "__import__('os').system('ls')", "subprocess.Popen"],
       "names of dangerous functions as text")
stream("words-p0.pkl", ["os\nsystem", "cos\nsystem\n(S'ls'\ntR."], "the same below protocol 1: text is escaped", 0)
stream("byte-words.pkl", [b"cos\nsystem\n", b"\x80\x04\x95", b"R.", b"builtins\neval\n"], "parts of an attack as byte strings, none whole")
stream("nested.pkl", {"inner": pickle.dumps({"a": 1}), "list": [pickle.dumps([1, 2])]}, "innocent pickles as byte strings")
stream("base64.pkl", ["gASVCwAAAAAAAACMB25vdGhpbmc=", "gAJ9cQAu" + "A" * 40, base64.b64encode(pickle.dumps({"a": 1})).decode(), "Y29zCnN5c3RlbQ"],
       "text that looks like base64 of pickles; one is an innocent one")
stream("hex.pkl", [pickle.dumps([1]).hex(), "80049500deadbeef"], "text that looks like a pickle in hexadecimal")
stream("tokenizer.pkl", {"vocab": {w: i for i, w in enumerate(["import", "os", ".", "system", "(", "exec", "eval", "compile", "open", "rm", "-rf", "/"])}}, "a vocabulary")
stream("urls.pkl", ["https://example.org/model.pt", "file:///etc/hostname", "../../etc/hostname"], "addresses and paths as text")
stream("code-text.pkl", "import os\nos.system('ls')\n", "source code as text")


def array(name, raw, note):
    out = io.BytesIO()
    np.save(out, np.frombuffer(raw, dtype="u1"))
    np.load(io.BytesIO(out.getvalue()))
    add("lookalike/" + name, out.getvalue(), "numpy", "numpy", np.__version__, "numpy.load", "clean", note)


array("bytes-of-pickle.npy", pickle.dumps({"a": [1, 2]}, 4), "an array of bytes that are an innocent pickle")
array("bytes-of-names.npy", b"cos\nsystem\n posix system builtins eval", "an array of bytes that are names")
array("bytes-of-zip.npy", b"PK\x03\x04PK\x05\x06" + b"\0" * 18, "an array of bytes that look like a zip's")
done()
