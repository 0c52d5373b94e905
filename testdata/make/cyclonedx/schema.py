"""Writes internal/report/testdata/cyclonedx-1.6.schema.json: the official schema without its prose, which is most of it.

Usage: schema.py bom-1.6.schema.json > internal/report/testdata/cyclonedx-1.6.schema.json
The file is part of the specification's repository and of the package cyclonedx-python-lib (cyclonedx/schema/_res). What it takes from other
schemas (licence names, signatures) becomes "anything": weir writes neither.
"""
import json, sys

PROSE = {"description", "title", "meta:enum", "examples", "$comment", "default"}


def strip(v, names=False):
    if isinstance(v, dict):
        out = {k: strip(x, k in ("properties", "definitions", "patternProperties")) for k, x in v.items() if names or k not in PROSE}
        ref = out.get("$ref")
        if isinstance(ref, str) and not ref.startswith("#"):
            del out["$ref"]
        return out
    if isinstance(v, list):
        return [strip(x) for x in v]
    return v


schema = json.load(open(sys.argv[1], encoding="utf-8"))
if "definitions" not in schema or "1.6" not in schema.get("$id", ""):
    sys.exit("this is not the schema of CycloneDX 1.6")
json.dump(strip(schema), sys.stdout, separators=(",", ":"), sort_keys=True)
print()
