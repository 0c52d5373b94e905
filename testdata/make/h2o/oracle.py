"""Compares weir with H2O's own reader: oracle.py WEIR MODELS VENVS VERSION [N]

Loads every binary model of a version into a stock server on loopback, and N changed copies of each: bytes changed at random, cut, extended. What the server accepts weir must
read to its end without an error; the program fails where it does not. What the server refuses and weir reads is counted only: the server also looks at values.
"""
import json
import os
import random
import re
import subprocess
import sys
import tempfile

sys.argv, own = ["verify.py", "", sys.argv[3], "-"], sys.argv
import verify  # noqa: E402

verify.PAYLOADS = own[2]


def variants(data, n, dice):
    yield "whole", data
    for _ in range(n):
        b = bytearray(data)
        kind = dice.choice(["byte", "byte", "byte", "bit", "zero", "drop", "cut", "more"])
        at = dice.randrange(len(b) // 2, len(b))
        if kind == "byte":
            b[at] = dice.randrange(256)
        elif kind == "bit":
            b[at] ^= 1 << dice.randrange(8)
        elif kind == "zero":
            b[at] = 0
        elif kind == "drop":
            del b[at]
        elif kind == "cut":
            b = b[:at]
        else:
            b += bytes(dice.randrange(256) for _ in range(8))
        yield "%s at %d" % (kind, at), bytes(b)


def main(weir, models, venvs, version, n="10"):
    dice = random.Random(5)
    folder = tempfile.mkdtemp()
    tried = []
    for name in sorted(os.listdir(os.path.join(models, version))):
        if not name.endswith(".bin") or name in ("grid.bin", "frame.bin"):
            continue
        with open(os.path.join(models, version, name), "rb") as f:
            data = f.read()
        for what, b in variants(data, int(n), dice):
            path = os.path.join(folder, "%04d" % len(tried))
            with open(path, "wb") as f:
                f.write(b)
            tried.append((name, what, path))
    out = subprocess.run([weir, "scan", "--format", "json", folder], capture_output=True, text=True).stdout
    report = json.loads(out)
    broken = {os.path.basename(p["path"]): p["reason"] for p in report["problems"]}
    found = {os.path.basename(f["path"]) for f in report["findings"]}
    s = verify.Server(version)
    accepted = refused = lost = over = behind = 0
    why = {}
    try:
        for name, what, path in tried:
            status, answer = s.call("/99/Models.bin/", {"dir": path}, timeout=20)
            base = os.path.basename(path)
            if status == 200:
                accepted += 1
                if base in broken and "whole objects" in broken[base]:
                    behind += 1  # what the server accepts may end before the file does
                elif base in broken:
                    lost += 1
                    print("%s, %s: accepted, weir says %s" % (name, what, broken[base]))
            else:
                refused += 1
                reason = (re.findall(r'"exception_type":"([^"]*)', answer) or [str(status)])[0]
                why[reason] = why.get(reason, 0) + 1
                over += base not in broken and base not in found
                if status == 0:
                    s.end()
                    s = verify.Server(version)
    finally:
        s.end()
    print("%s: %d files, the server accepts %d and refuses %d; of the accepted weir cannot read %d, and reads %d to bytes behind the model; "
          "of the refused it reads %d to the end" % (version, len(tried), accepted, refused, lost, behind, over))
    print("refused for:", ", ".join("%s %d" % (k, v) for k, v in sorted(why.items(), key=lambda x: -x[1])[:8]))
    sys.exit(1 if lost else 0)


main(*own[1:])
