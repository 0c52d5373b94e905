#!/usr/bin/env python3
"""Makes testdata/{malicious,benign}/java with real libraries and the JDK's own ObjectOutputStream, and their lines in both manifests.

    run.py            writes the fixtures again
    run.py --prepare  only fetches the libraries and compiles, for verify_fires.py and the oracle

The libraries of libs.txt are fetched by Maven into .cache/java/lib, the programs compiled into .cache/java/classes.
verify_fires.py --only 'java/*' then notes which attacks act, on which JDK. Only beanshell-comparator.ser differs from run to run (the order of a script's tables).
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", "..", ".."))
CACHE = os.path.join(ROOT, ".cache", "java")
LIB, CLASSES = os.path.join(CACHE, "lib"), os.path.join(CACHE, "classes")
CLASSPATH = CLASSES + os.pathsep + os.path.join(LIB, "*")

# What the writer needs of the JDK's inside; the readers' flags stand in verify_fires.py.
OPENS = ["--add-opens=java.base/%s=ALL-UNNAMED" % p for p in ("java.lang", "java.util", "sun.reflect.annotation")] + [
    "--add-opens=java.rmi/sun.rmi.server=ALL-UNNAMED"]

# Hostile files that act on no JDK that is to be had here: what takes them all the same.
ACCEPTED = {
    "collections3-annotation-handler": "JDK up to 8u71; later ones resolve and make everything and end before the trigger",
    "collections3-transformed-map": "JDK up to 8u71; later ones resolve and make everything",
    "collections3-bad-attribute": "JDK up to 14; later ones resolve and make everything",
    "jdk-7u21": "JDK up to 7u21; later ones resolve and make TemplatesImpl and refuse the handler",
    "jdk-8u20": "JDK up to 8u20; later ones resolve and make TemplatesImpl and refuse the handler",
    "spring-type-provider": "JDK up to 8u71 with spring-core up to 4.1.4; later ones resolve and make everything",
    "spring-aop": "JDK up to 8u71 with spring-core up to 4.1.4; later ones resolve and make everything",
    "json-object": "json-lib 2.4 with spring-aop: resolved and made; the last link is left out here",
    "jython-function": "jython 2.5.2: resolved and made; the function's code is left out here",
    "rhino-error": "js 1.7R2: resolved and made; the script's slots are left out here",
    "scala-file": "scala-library 2.13 up to 2.13.8: 2.12, used here, refuses the lambda's name",
    "myfaces-expression": "myfaces 2.2.9: it asks for the expression's context, which only a web server has",
}


def prepare():
    """Fetches what is missing and compiles; returns the class path."""
    os.makedirs(LIB, exist_ok=True)
    with open(os.path.join(HERE, "libs.txt")) as f:
        wanted = [l.strip() for l in f if l.strip() and not l.startswith("#")]
    stamp = os.path.join(CACHE, "stamp")
    sources = sorted(os.path.join(HERE, n) for n in os.listdir(HERE) if n.endswith(".java"))
    digest = hashlib.sha256("\n".join(wanted).encode() + b"".join(open(s, "rb").read() for s in sources)).hexdigest()
    if os.path.exists(stamp) and open(stamp).read() == digest:
        return CLASSPATH
    for lib in wanted:
        part = lib.split(":")
        name = "%s-%s%s.jar" % (part[1], part[2], "-" + part[3] if len(part) > 3 else "")
        if os.path.exists(os.path.join(LIB, name)):
            continue
        artifact = ":".join(part[:3] + (["jar"] + part[3:] if len(part) > 3 else []))
        subprocess.run(["mvn", "-q", "-B", "dependency:copy", "-Dartifact=" + artifact, "-DoutputDirectory=" + LIB], cwd=CACHE, check=True)
    shutil.rmtree(CLASSES, ignore_errors=True)
    os.makedirs(CLASSES)
    subprocess.run(["javac", "-nowarn", "-Xlint:none", "-d", CLASSES, "-cp", os.path.join(LIB, "*")] + sources, check=True, stderr=subprocess.DEVNULL)
    with open(stamp, "w") as f:
        f.write(digest)
    return CLASSPATH


def generate(program, corpus, entry):
    """Runs a program, puts its files into a corpus and gives their lines for its manifest."""
    entries = []
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(["java", "-Xmx1g", "-Duser.timezone=UTC"] + OPENS + ["-cp", CLASSPATH, program, out], cwd=out, check=True)
        with open(os.path.join(out, "specs.jsonl")) as f:
            specs = [json.loads(l) for l in f]
        if not specs:
            sys.exit(program + " made nothing")
        folder = os.path.join(ROOT, "testdata", corpus, "java")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for s in specs:
            shutil.copy(os.path.join(out, s["path"]), folder)
            with open(os.path.join(out, s["path"]), "rb") as f:
                s["sha256"] = hashlib.sha256(f.read()).hexdigest()
            entries.append(entry(s))
    return entries


def hostile(s):
    steps = [x.strip() for x in s.get("steps", "").split(">") if x.strip()]
    name = os.path.basename(s["path"]).partition(".")[0]
    e = {"path": s["path"], "sha256": s["sha256"], "technique": s["technique"], "family": "java", "loader": " > ".join(steps + ["java"]), "fires": [],
         "gives": s["gives"], "canary": s["canary"], "on": ["17"], "note": ""}
    accepted = s.get("accepted_by") or ACCEPTED.get(name)
    if accepted:
        e["accepted_by"] = accepted
    return e


VERSIONS = {"weka": "3.8.6", "commons-math": "3.6.1"}


def honest(s):
    kind = "text" if s["expect"] == "skipped" or s["path"].endswith(".json") else "java-serial"
    return {"env": "java", "expect": s["expect"], "framework": s["framework"], "hand_made": False, "kind": kind, "loader": "java" if kind == "java-serial" else "none",
            "note": s["note"], "path": s["path"], "python": "", "sha256": s["sha256"], "version": VERSIONS.get(s["framework"], "17")}


def merge(corpus, entries, sort_keys):
    """Replaces the lines of this folder in a manifest; what was seen to fire stays true of the same bytes."""
    path = os.path.join(ROOT, "testdata", corpus, "manifest.json")
    with open(path) as f:
        all_ = json.load(f)
    old = {e["path"]: e for e in all_}
    for e in entries:
        was = old.get(e["path"])
        if was and was["sha256"] == e["sha256"] and was.get("loader") == e["loader"] and was.get("canary") == e.get("canary") and "fires" in e:
            e["fires"] = was["fires"]
    all_ = sorted([e for e in all_ if not e["path"].startswith("java/")] + entries, key=lambda e: e["path"])
    with open(path, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(e, sort_keys=sort_keys) for e in all_) + "\n]\n")


def main():
    prepare()
    if "--prepare" in sys.argv[1:]:
        return
    merge("malicious", generate("Hostile", "malicious", hostile), False)
    merge("benign", generate("Honest", "benign", honest), True)


if __name__ == "__main__":
    main()
