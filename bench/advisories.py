#!/usr/bin/env python3
"""Measures the advisory database: size, build and match, with PyPA's advisories alone and with 400,000 synthetic ones around them.

    bench/advisories.py WEIR OSV_PYPI_ZIP

Prints the table that bench/README.md names. The synthetic records have the form and length of real ones; names, versions and ids are random.
"""
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import zipfile

COUNT = 400_000


def synthetic(path):
    r = random.Random(7)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
        for i in range(COUNT):
            package = f"synthetic-{r.randrange(COUNT // 6):06d}"
            low = r.randrange(4)
            versions = [f"{low}.{k}.{r.randrange(10)}" for k in range(r.randrange(3, 25))]
            ident = f"PYSEC-{2015 + i % 12}-{100000 + i}"
            z.writestr(ident + ".json", json.dumps({
                "id": ident, "modified": "2026-01-02T03:04:05Z", "published": "2026-01-01T00:00:00Z", "schema_version": "1.6.0",
                "aliases": [f"CVE-{2015 + i % 12}-{100000 + i}", "GHSA-" + "-".join("".join(r.choices("23456789cfghjmpqrvwx", k=4)) for _ in range(3))],
                "details": " ".join(r.choices(WORDS, k=60)),
                "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:%s/PR:%s/UI:N/S:U/C:%s/I:H/A:N" % (r.choice("LH"), r.choice("NLH"), r.choice("NLH"))}],
                "affected": [{"package": {"name": package, "ecosystem": "PyPI", "purl": "pkg:pypi/" + package},
                              "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": versions[-1]}]}], "versions": versions[:-1]}],
                "references": [{"type": "FIX", "url": f"https://code.example.org/{package}/commit/{r.randrange(16**40):040x}"}]}))


WORDS = "a crafted file allows remote attackers to read write data in the server of this library through its parser because input is not checked before use".split()


def timed(*command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def build(weir, out, *zips):
    script = f"/usr/bin/time -f '%e %M' {weir} db build --output {out} {' '.join(zips)} 2>&1 >/dev/null | tail -n 1"
    wall, kb = subprocess.run(["sh", "-c", script], check=True, capture_output=True, text=True).stdout.split()
    return float(wall), int(kb) // 1024


def match(db):
    out = subprocess.run(["go", "test", "-run", "^$", "-bench", "Advise", "-benchtime", "100x", "-count", "5", "./internal/advisory"], check=True,
                         capture_output=True, text=True, env=dict(os.environ, WEIR_BENCH_DB=db, CGO_ENABLED="0")).stdout
    return min(float(x) for x in re.findall(r"([\d.]+) ns/op", out)) / 1e6


def main():
    weir, pypa = (os.path.abspath(a) for a in sys.argv[1:])
    with tempfile.TemporaryDirectory() as tmp:
        many = os.path.join(tmp, "synthetic.zip")
        synthetic(many)
        print("| database | records | zips MB | file MB | file/zips | build s | build MiB | open and match 200 packages ms |")
        print("|---|---|---|---|---|---|---|---|")
        for label, records, zips in (("PyPA to October 2024", 2661, [pypa]), ("the same and 400,000 synthetic", 2661 + COUNT, [pypa, many])):
            db = os.path.join(tmp, f"{records}.db")
            wall, mib = build(weir, db, *zips)
            size, packed = os.path.getsize(db), sum(map(os.path.getsize, zips))
            print(f"| {label} | {records:,} | {packed / 1e6:.2f} | {size / 1e6:.2f} | {size / packed:.1%} | {wall:.2f} | {mib} | {match(db):.2f} |", flush=True)


main()
