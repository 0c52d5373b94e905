#!/usr/bin/env python3
"""Compares two results of run.py field by field and says each difference; exit 1 if there is one, or if a flow failed, or if too few ran.

    compare.py bare.json gate.json [--least 60] [--denied]

With --denied a flow may end at the gate because the account may not do it, as MLflow's client says that; the last line names those.
"""

import argparse
import json
import sys

ABSENT = "(absent)"


def differences(a, b, path="", denied=False):
    """Yields (path, left, right) for every leaf in which two JSON values differ; with denied not where the right one says that the account may not."""
    if denied and isinstance(b, dict) and says_denied(b):
        return
    if type(a) is not type(b):
        yield path, a, b
    elif isinstance(a, dict):
        for k in sorted(set(a) | set(b)):
            yield from differences(a.get(k, ABSENT), b.get(k, ABSENT), f"{path}.{k}", denied)
    elif isinstance(a, list):
        for i in range(max(len(a), len(b))):
            yield from differences(a[i] if i < len(a) else ABSENT, b[i] if i < len(b) else ABSENT, f"{path}[{i}]", denied)
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


def says_denied(x):
    """Whether a result is MLflow's own form of "the account may not", as kit.py keeps errors and answers."""
    if x.get("raised"):
        return x.get("code") == "PERMISSION_DENIED"
    return x.get("status") == 403 and isinstance(x.get("json"), dict) and x["json"].get("error_code") == "PERMISSION_DENIED"


def is_denied(flow):
    """Whether a flow ended because the account may not: the status and the error form of MLflow, not only some failure."""
    text = flow.get("failed", "")
    return text.startswith(("RestException: PERMISSION_DENIED: ", "MlflowException: PERMISSION_DENIED: ")) or "403" in text and '"error_code":"PERMISSION_DENIED"' in text


def compare(bare, gate, least, denied=None):
    """Returns the lines that say what is wrong and the number of fields compared; denied collects the flows that the account may not do."""
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
        if denied is not None and is_denied(b):
            denied.append(name)
            continue
        if "failed" in b:
            wrong.append(f"{name}: fails through the gate: {b['failed']}\n{b['trace']}")
            continue
        n = leaves(a["result"])
        if n == 0:
            wrong.append(f"{name}: has no fields to compare")
        fields += n
        for path, left, right in differences(a["result"], b["result"], denied=denied is not None):
            wrong.append(f"{name}: {path.lstrip('.')}\n    bare: {short(left)}\n    gate: {short(right)}")
    return wrong, fields


def main():
    p = argparse.ArgumentParser()
    p.add_argument("bare")
    p.add_argument("gate")
    p.add_argument("--least", type=int, default=1)
    p.add_argument("--denied", action="store_true")
    args = p.parse_args()
    with open(args.bare) as f, open(args.gate) as g:
        bare, gate = json.load(f), json.load(g)
    denied = [] if args.denied else None
    wrong, fields = compare(bare, gate, args.least, denied)
    for line in wrong:
        print(line)
    print(f"{len(bare['flows'])} flows, {fields} fields, {len(wrong)} differences")
    if denied is not None:
        print("denied:", *denied)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
