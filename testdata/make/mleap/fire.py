"""Proves fixtures with MLeap's own loader: fire.py FIXTURES CLASSPATH NAME [--write].

Copies every fixture into a throwaway folder that has secret.txt and outside/evil.node, lets Fire.scala load it there and predict once, and compares: a
hostile one must leave its canary (or read the file), an honest one must load and leave nothing. --write notes in the manifest
where a hostile fixture fired. NAME says with which versions.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile


def prepare(root, where, entries):
    """Lays out the current folder of the loader; returns the paths of the copies."""
    os.makedirs(os.path.join(where, "tmp"))
    os.makedirs(os.path.join(where, "b"))
    with open(os.path.join(where, "secret.txt"), "w") as f:
        f.write("secret")
    evil = os.path.join(where, "outside", "evil.node")
    os.makedirs(evil)
    for name, data in {
        "model.json": b'{"op":"tokenizer","attributes":{"regex":{"string":"x"}}}',
        "node.json": b'{"name":"weir-outside","shape":{"inputs":[{"port":"input","name":"a"}],"outputs":[{"port":"output","name":"b"}]}}',
        "model.pb": b"\x0a\x09tokenizer\x12\x10\x0a\x0e\x0a\x05regex\x12\x05\x0a\x03\x12\x01x",
        "node.pb": b"\x0a\x0cweir-outside\x12\x1b\x0a\x0a\x0a\x05input\x12\x01a\x12\x0d\x0a\x06output\x12\x03out",
    }.items():
        with open(os.path.join(evil, name), "wb") as f:
            f.write(data)
    paths = []
    for i, e in enumerate(entries):
        source = os.path.join(root, e["path"].rstrip("/"))
        to = os.path.join(where, "b", f"{i}" + (".zip" if os.path.isfile(source) else ""))
        (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, to)
        paths.append(os.path.relpath(to, where))
    return paths


def with_class_path(where, path, classpath):
    """Loads a bundle with its own folder and files on the class path, in a Java machine of its own."""
    own = [os.path.join(path, "root")] + [os.path.join(path, "root", n) for n in ("lib.jar", "weights.bin")]
    run = subprocess.run(["java", "-Xmx512m", "-cp", ":".join([classpath, *own]), "weir.testdata.Fire", path], cwd=where, capture_output=True, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def fired(e, got):
    """How a hostile fixture fired, or nothing."""
    if e["gives"] in ("write", "class path"):
        return bool(got["canaries"])
    if "node" in e["path"]:
        return "weir-outside" in got["nodes"]
    return got["predicts"] > 0 and not got["errors"]


def main(root, classpath, name, *flags):
    listed = os.path.join(root, "mleap", "manifest.json")
    with open(listed) as f:
        entries = json.load(f)
    hostile = "gives" in entries[0]
    with tempfile.TemporaryDirectory(prefix="weir-mleap") as where:
        paths = prepare(root, where, entries)
        run = subprocess.run(["java", "-Xmx1g", "-Djava.io.tmpdir=tmp", "-cp", classpath, "weir.testdata.Fire", *paths], cwd=where, capture_output=True, text=True)
        results = [json.loads(l) for l in run.stdout.splitlines() if l.startswith('{"path"')]
        for i, e in enumerate(entries):
            if e.get("gives") == "class path":
                results[i] = with_class_path(where, paths[i], classpath)
    if len(results) != len(entries):
        sys.exit(f"{len(results)} answers for {len(entries)} fixtures:\n{run.stderr[-2000:]}")
    wrong = 0
    for e, got in zip(entries, results):
        ok = fired(e, got) if hostile else got["loads"] and not got["errors"] and not got["canaries"]
        if hostile:
            e["fires"] = [name] if ok else []
        if not ok:
            wrong += 1
            print("not as expected:", e["path"], json.dumps(got)[:400])
    print(f"{len(entries) - wrong} of {len(entries)} as expected with {name}")
    if "--write" in flags and hostile:
        with open(listed, "w") as f:
            f.write("[\n" + ",\n".join(json.dumps(e) for e in entries) + "\n]\n")
    return wrong == 0


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
