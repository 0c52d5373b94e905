#!/usr/bin/python3
"""Measures weir's audit of dependencies against osv-scanner, turn by turn with the same advisories. How the database grows, advisories.py says.

    bench/dependencies.py OSV.zip [--rounds N] [--out FILE]

OSV.zip holds advisories for Python packages as OSV JSON, one a file: the export of osv.dev, or a part of it. The script builds weir, has it make
its database, writes a project of 200 pinned packages of which the advisories speak, and lets both tools look at it; osv-scanner is built by
`go install` at the version below and works offline. Processor time is user and system time with all children, as wait4 tells it; the best round counts.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile

import hidden
from run import CACHE, ROOT, machine, memory, once

OSV_SCANNER = "github.com/google/osv-scanner/v2/cmd/osv-scanner@v2.5.1"
DATA = os.path.join(CACHE, "bench", "dependencies")
WEIR = os.path.join(CACHE, "bench-weir")
PEER = os.path.join(CACHE, "bin", "osv-scanner")


def pins(archive, count):
    """Versions that advisories list, of as many packages: of each the first or the last."""
    names = {}
    with zipfile.ZipFile(archive) as z:
        for n in sorted(z.namelist()):
            for a in json.loads(z.read(n)).get("affected", []):
                if a["package"]["ecosystem"] == "PyPI" and a.get("versions"):
                    names.setdefault(a["package"]["name"].lower(), a["versions"])
    pick = random.Random(1)
    return ["%s==%s" % (n, pick.choice((v[0], v[-1]))) for n, v in pick.sample(sorted(names.items()), count)]


def build(output, *sources):
    """Builds a database and gives what that took."""
    m = once([WEIR, "db", "build", "--output", output, *sources])
    if m["code"] != 0:
        sys.exit("weir db build failed with %d" % m["code"])
    return m


def found(small, archive):
    """How many of the hidden flaws each tool reports, at the place where they are."""
    folder = os.path.join(DATA, "hidden")
    want = hidden.make(folder, archive)
    out = subprocess.run([WEIR, "scan", "--isolate=require", "--db", small, "--format", "json", folder], capture_output=True, text=True).stdout
    ours = {(os.path.abspath(f["path"]), f["message"].split()[0].lower()) for f in json.loads(out)["findings"] if f["rule"] == "dependency/known-vulnerability"}
    out = subprocess.run([PEER, "scan", "source", "--offline", "--no-ignore", "-r", "--format", "json", folder], capture_output=True, text=True).stdout
    theirs = {(r["source"]["path"], p["package"]["name"].lower()) for r in json.loads(out)["results"] for p in r["packages"] if p.get("vulnerabilities")}
    return [(path, (os.path.join(folder, path), name) in ours, (os.path.join(folder, path), name) in theirs) for path, name in want]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("osv")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--out", default=os.path.join(ROOT, "bench", "DEPENDENCIES.md"))
    args = p.parse_args()
    env = dict(os.environ, CGO_ENABLED="0")
    subprocess.run(["go", "build", "-trimpath", "-o", WEIR, "./cmd/weir"], cwd=ROOT, check=True, env=env)
    if not os.path.exists(PEER):
        subprocess.run(["go", "install", OSV_SCANNER], check=True, cwd=CACHE, env=dict(env, GOBIN=os.path.dirname(PEER)))
    shutil.rmtree(DATA, ignore_errors=True)
    project, many, local = (os.path.join(DATA, n) for n in ("project", "many", "osv-scalibr/PyPI"))
    for d in (project, many, local):
        os.makedirs(d)
    shutil.copy(args.osv, os.path.join(local, "all.zip"))
    os.environ["OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY"] = DATA
    os.environ["XDG_DATA_HOME"] = os.path.join(DATA, "home")
    lines = pins(args.osv, 200)
    with open(os.path.join(project, "requirements.txt"), "w") as f:
        f.write("\n".join(lines) + "\n")
    for i in range(5000):
        d = os.path.join(many, "%02d" % (i // 100), "p%d" % i)
        os.makedirs(d)
        with open(os.path.join(d, "requirements.txt"), "w") as f:
            f.write("\n".join(random.Random(i).sample(lines, 8)) + "\n")

    out = []

    def say(line=""):
        print(line, flush=True)
        out.append(line)

    say("# Dependencies: the last measurement")
    say()
    say("`bench/dependencies.py %s`, %s" % (os.path.basename(args.osv), machine()))
    say()
    small = os.path.join(DATA, "small.db")
    m = build(small, args.osv)
    size, whole = os.path.getsize(small), os.path.getsize(args.osv)
    say("Database of %s: %.0f KB, %.3f of the zip; built in %.2f s of processor time, %.0f MB." % (os.path.basename(args.osv), size / 1e3, size / whole, m["cpu"], m["mb"]))
    say()
    commands = {
        "weir": [WEIR, "scan", "--isolate=require", "--db", small, project],
        "weir, without isolation": [WEIR, "scan", "--isolate=off", "--db", small, project],
        "osv-scanner, offline": [PEER, "scan", "source", "--offline", "--lockfile", os.path.join(project, "requirements.txt")],
    }
    best = {}
    for _ in range(args.rounds):
        for name, argv in commands.items():
            m = once(argv)
            old = best.get(name, m)
            best[name] = {k: min(m[k], old[k]) for k in ("cpu", "wall")} | {"code": m["code"]}
    say("| 200 pinned packages | processor s | wall s | MB | exit |")
    say("|---|---|---|---|---|")
    for name, m in best.items():
        say("| %s | %.3f | %.3f | %.0f | %d |" % (name, m["cpu"], m["wall"], memory(commands[name]), m["code"]))
    say()
    say("osv-scanner takes %.1f times the processor time of weir." % (best["osv-scanner, offline"]["cpu"] / best["weir"]["cpu"]))
    say()
    m = min((once([WEIR, "scan", "--isolate=require", "--db", small, many]) for _ in range(3)), key=lambda m: m["wall"])
    say("5,000 requirement files of 8 pins in one tree: %.2f s wall, %.2f s of processor time, exit %d." % (m["wall"], m["cpu"], m["code"]))
    say()
    rows = found(small, args.osv)
    say("Of %d flaws hidden in a project (`hidden.py`), one a place, weir reports %d and osv-scanner %d at their places." % (
        len(rows), sum(r[1] for r in rows), sum(r[2] for r in rows)))
    say()
    say("| place | weir | osv-scanner |")
    say("|---|---|---|")
    for path, ours, theirs in rows:
        say("| %s | %s | %s |" % (path, "found" if ours else "-", "found" if theirs else "-"))
    say()
    with open(args.out, "w") as f:
        f.write("\n".join(out) + "\n")


main()
