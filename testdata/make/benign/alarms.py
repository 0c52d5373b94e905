#!/usr/bin/env python3
"""Compares a report with a manifest of honest files: which verdicts differ from the expected ones, and which findings are the cause.

    weir scan --format json testdata/benign | alarms.py testdata/benign
    weir scan --format json .cache/corpus | alarms.py .cache/corpus

Ends with 1 when a verdict is worse than expected.
"""
import collections
import json
import os
import sys

# From best to worst. An honest text that is called clean, or the reverse, is no alarm.
ORDER = ["skipped", "clean", "unverified", "incomplete", "suspicious", "malicious"]


def main():
    base = sys.argv[1].rstrip("/")
    with open(os.path.join(base, "manifest.json")) as f:
        wanted = {e["path"]: e["expect"] for e in json.load(f)}
    if not wanted:
        sys.exit("the manifest is empty")
    report = json.load(sys.stdin)
    got = {os.path.relpath(a["path"], base): a["verdict"] for a in report["artifacts"]}
    causes = collections.defaultdict(set)
    for f in report["findings"]:
        causes[os.path.relpath(f["path"], base)].add((f["severity"], f["rule"], (f.get("evidence") or f["message"])[:100]))
    for p in report["problems"]:
        causes[os.path.relpath(p["path"], base)].add(("problem", p["stage"], p["reason"][:100]))
    table, why, worse = collections.defaultdict(list), collections.Counter(), 0
    for path, expect in sorted(wanted.items()):
        verdict = got.get(path, "skipped")
        if verdict == expect:
            continue
        table[expect, verdict].append(path)
        if ORDER.index(verdict) > max(1, ORDER.index(expect)):
            worse += 1
            why.update(causes[path])
    print("%d files, %d with a worse verdict than expected" % (len(wanted), worse))
    for (expect, verdict), paths in sorted(table.items(), key=lambda kv: -len(kv[1])):
        print("%5d expected %s, got %s: %s" % (len(paths), expect, verdict, " ".join(paths[:5])))
    for (severity, rule, evidence), n in why.most_common(60):
        print("%5d %s %s %s" % (n, severity, rule, evidence))
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
