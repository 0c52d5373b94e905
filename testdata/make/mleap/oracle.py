"""Compares what MLeap's loader opens with what weir follows: oracle.py TESTDATA CLASSPATH WEIR. Run by run.sh.

Every honest bundle and every hostile one that loads is unpacked, and Fire.scala loads it there while the Java machine's flight recorder writes down
each file that is read. Weir's facts say which definitions a loader would open: bundle.json, root, and below each pipeline the nodes that it
names, or which it calls hidden. Both lists must be the same, and other files must be ones that a definition's operation has.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

DEFINITION = re.compile(r"(^bundle\.json|(^|/)(model|node)\.(json|pb))$")
BLOB = re.compile(r"(^|/)(tree\.(json|pb)|saved_model\.zip|graph\.pb)$")


def unpack(source, to):
    if os.path.isdir(source):
        shutil.copytree(source, to)
        return
    with zipfile.ZipFile(source) as z:
        z.extractall(to)


def opened(where, paths, classpath):
    """Runs the loader over all bundles and gives the files that it read, by bundle."""
    record = os.path.join(where, "reads.jfr")
    settings = os.path.join(where, "reads.jfc")
    with open(settings, "w") as f:
        f.write('<?xml version="1.0"?><configuration version="2.0"><event name="jdk.FileRead"><setting name="enabled">true</setting>'
                '<setting name="threshold">0 ns</setting><setting name="stackTrace">false</setting></event></configuration>')
    run = subprocess.run(["java", "-Xmx1g", "-Djava.io.tmpdir=tmp", f"-XX:StartFlightRecording=filename={record},settings={settings}",
                          "-cp", classpath, "weir.testdata.Fire", *paths], cwd=where, capture_output=True, text=True)
    loads = {g["path"]: g["loads"] for g in (json.loads(l) for l in run.stdout.splitlines() if l.startswith('{"path"'))}
    text = subprocess.run(["jfr", "print", "--json", "--events", "jdk.FileRead", record], capture_output=True, text=True, check=True).stdout
    reads = {p: set() for p in paths}
    for e in json.loads(text)["recording"]["events"]:
        path = os.path.relpath(os.path.join(where, os.path.normpath(e["values"]["path"] or "")), os.path.realpath(where))
        for p in paths:
            if path.startswith(p + "/"):
                reads[p].add(path[len(p) + 1:])
            elif path.startswith("outside/"):
                reads.setdefault("outside", set()).add(path)
    return loads, reads


def followed(where, path, weir):
    """The definitions that weir's facts lead to, from the root on."""
    out = subprocess.run([weir, "scan", "--facts", "--format", "jsonl", path], cwd=where, capture_output=True, text=True).stdout
    nodes, seen, said = {}, set(), set()
    for line in out.splitlines():
        e = json.loads(line)
        if "fact" in e:
            p = os.path.relpath(e["fact"]["path"], path)
            seen.add(p)
            f = e["fact"]["fact"]
            if f.get("key") == "mleap.node":
                nodes.setdefault(p, []).append(f["value"])
        elif e.get("finding", {}).get("rule") == "mleap/hidden-definition":
            said.add(os.path.relpath(e["finding"]["path"], path))
    reach, todo = {"bundle.json"} | said, ["root"]
    while todo:
        d = os.path.normpath(todo.pop())
        for base in ("model", "node"):
            for ext in ("json", "pb"):
                p = f"{d}/{base}.{ext}"
                if p in seen and p not in reach:
                    reach.add(p)
                    if base == "model":
                        todo += [f"{d}/{n}.node" for n in nodes.get(p, [])]
    return reach, seen


def main(testdata, classpath, weir):
    weir = os.path.abspath(weir)
    entries = []
    for corpus in ("benign", "malicious"):
        with open(os.path.join(testdata, corpus, "mleap", "manifest.json")) as f:
            entries += [os.path.join(testdata, corpus, e["path"].rstrip("/")) for e in json.load(f) if e.get("gives") != "class path"]
    wrong = files = 0
    with tempfile.TemporaryDirectory(prefix="weir-oracle") as where:
        os.makedirs(os.path.join(where, "tmp"))
        with open(os.path.join(where, "secret.txt"), "w") as f:
            f.write("secret")
        paths = []
        for i, source in enumerate(entries):
            paths.append(f"b/{i}")
            unpack(source, os.path.join(where, paths[-1]))
        loads, reads = opened(where, paths, classpath)
        for source, p in zip(entries, paths):
            follow, seen = followed(where, p, weir)
            files += len(reads[p])
            definitions = {r for r in reads[p] if DEFINITION.search(r)}
            # models within models (trees of an ensemble, classifiers of one-vs-rest) lie below their owner and have no node
            inner = {r for r in definitions - follow if r in seen and re.search(r"/(tree|model)\d+/model\.(json|pb)$", r)}
            blobs = {r for r in reads[p] if not DEFINITION.search(r)}
            strange = sorted(b for b in blobs if not BLOB.search(b))
            missed = sorted(definitions - follow - inner)
            unread = sorted(follow - definitions) if loads.get(p) else []
            if missed or strange or unread:
                wrong += 1
                print(source, "weir does not follow", missed, "opens", strange, "does not open", unread)
    print(f"{len(entries) - wrong} of {len(entries)} bundles: MLeap opens what weir follows ({files} files)")
    return wrong == 0


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
