"""Reads JSON texts with CPython's json, which is what MLflow reads bodies with, and compares with what the gate read.

usage: cpython.py FILE: a JSON object per line: raw (base64 of the text) and value, the gate's reading, in which a number is {"n": its spelling},
an object {"o": [[name, value], …]}, an array {"a": […]}.
"""
import base64
import json
import math
import sys


def same(gate, here):
    if isinstance(gate, dict) and "n" in gate:
        text = gate["n"]
        if any(c in text for c in ".eENI"):
            want = float(text)
            return type(here) is float and (here == want or math.isnan(here) and math.isnan(want))
        return type(here) is int and here == int(text)
    if isinstance(gate, dict) and "o" in gate:
        return type(here) is dict and {k for k, _ in gate["o"]} == set(here) and len(gate["o"]) == len(here) and all(same(v, here[k]) for k, v in gate["o"])
    if isinstance(gate, dict):
        return type(here) is list and len(gate["a"]) == len(here) and all(map(same, gate["a"], here))
    return type(gate) is type(here) and gate == here


def unique(pairs):
    """json.loads keeps the last of two equal names; the gate must not have passed any."""
    if len({k for k, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def main():
    count = 0
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            raw = base64.b64decode(case["raw"])
            try:
                here = json.loads(raw, object_pairs_hook=unique)
            except ValueError as e:
                sys.exit(f"the gate reads {raw!r}, CPython says {e}")
            if not same(case["value"], here):
                sys.exit(f"{raw!r} is {case['value']!r} for the gate, {here!r} for CPython")
            count += 1
    print(f"read {count} alike")


main()
