#!/usr/bin/env python3
"""Writes what matching needs of an OSV export, one record a line, gzipped: strip.py OSV_ZIP OUT.jsonl.gz"""
import gzip
import json
import sys
import zipfile

out = []
with zipfile.ZipFile(sys.argv[1]) as z:
    for name in sorted(z.namelist()):
        d = json.loads(z.read(name))
        r = {k: d[k] for k in ("id", "modified", "withdrawn", "aliases", "severity") if d.get(k)}
        r["affected"] = [
            {"package": {k: a["package"][k] for k in ("ecosystem", "name")},
             "ranges": [{"type": g["type"], "events": g["events"]} for g in a.get("ranges", []) if g["type"] != "GIT"],
             "versions": a.get("versions", [])} for a in d["affected"]]
        out.append(json.dumps(r, separators=(",", ":")))
with open(sys.argv[2], "wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=9) as f:
    f.write(("\n".join(out) + "\n").encode())
