#!/usr/bin/env python3
"""Compares two results of run.py field by field and says each difference; exit 1 if there is one, or if a flow failed, or if too few ran.

    compare.py bare.json gate.json [--least 60]
"""

import argparse
import json
import sys

ABSENT = "(absent)"


def differences(a, b, path=""):
    """Yields (path, left, right) for every leaf in which two JSON values differ."""
    if type(a) is not type(b):
        yield path, a, b
    elif isinstance(a, dict):
        for k in sorted(set(a) | set(b)):
            yield from differences(a.get(k, ABSENT), b.get(k, ABSENT), f"{path}.{k}")
    elif isinstance(a, list):
        for i in range(max(len(a), len(b))):
            yield from differences(a[i] if i < len(a) else ABSENT, b[i] if i < len(b) else ABSENT, f"{path}[{i}]")
    elif a != b:
        yield path, a, b


def leaves(x):
    """How many fields a result has: a flow that returns none compares nothing."""
    if isinstance(x, dict):
        return sum(leaves(v) for v in x.values())
    if isinstance(x, list):
        return sum(leaves(v) for v in x)
    return 1


def short(x):
    s = json.dumps(x, ensure_ascii=False)
    return s if len(s) < 600 else s[:600] + "…"


def compare(bare, gate, least):
    """Returns the lines that say what is wrong and the number of fields compared."""
    wrong, fields = [], 0
    if bare["client"] != gate["client"] or bare["server"] != gate["server"]:
        wrong.append(f"different versions: {bare['client']}/{bare['server']} and {gate['client']}/{gate['server']}")
    if len(bare["flows"]) < least:
        wrong.append(f"{len(bare['flows'])} flows ran, at least {least} must")
    for name in sorted(set(bare["flows"]) | set(gate["flows"])):
        a, b = bare["flows"].get(name), gate["flows"].get(name)
        if a is None or b is None:
            wrong.append(f"{name}: ran only {'through the gate' if a is None else 'bare'}")
            continue
        if "failed" in a:
            wrong.append(f"{name}: fails on the bare server: {a['failed']}\n{a['trace']}")
            continue
        if "failed" in b:
            wrong.append(f"{name}: fails through the gate: {b['failed']}\n{b['trace']}")
            continue
        n = leaves(a["result"])
        if n == 0:
            wrong.append(f"{name}: has no fields to compare")
        fields += n
        for path, left, right in differences(a["result"], b["result"]):
            wrong.append(f"{name}: {path.lstrip('.')}\n    bare: {short(left)}\n    gate: {short(right)}")
    return wrong, fields


def main():
    p = argparse.ArgumentParser()
    p.add_argument("bare")
    p.add_argument("gate")
    p.add_argument("--least", type=int, default=1)
    args = p.parse_args()
    with open(args.bare) as f, open(args.gate) as g:
        bare, gate = json.load(f), json.load(g)
    wrong, fields = compare(bare, gate, args.least)
    for line in wrong:
        print(line)
    print(f"{len(bare['flows'])} flows, {fields} fields, {len(wrong)} differences")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
