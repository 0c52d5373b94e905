#!/usr/bin/env python3
"""Writes internal/gateway/h2o/table.txt from running H2O servers: their routes, and for each input schema the fields that a client may set.

    table.py http://127.0.0.1:54321 [http://127.0.0.1:54322 ...] > internal/gateway/h2o/table.txt

Several servers of different versions give the union. Two kinds of line:

    METHOD PATH SCHEMA[+SCHEMA]
    SCHEMA field:type field:type ...

A type is s (text), F (frame), M (model), K (any other key), o (an object), with * after it for a list; a field without one is a number, a
boolean, an enumeration or a column and cannot name anything outside the request. &NAME stands for all fields of another line. Fields that
H2O reads for a route without saying so in its metadata stand in GRID, SEGMENT and UNTOLD.
"""
import json
import sys
import urllib.request

PLAIN = {"int", "long", "double", "float", "boolean", "enum", "byte", "short", "VecSpecifier"}

# GridSearchHandler and SegmentModelsBuilderHandler of h2o-core read these with schemas of their own.
GRID = {"hyper_parameters": "o", "search_criteria": "o", "grid_id": "K", "parallelism": "", "recovery_dir": "s", "job_id": "K"}
SEGMENT = {"segment_models_id": "K", "segments": "F", "segment_columns": "s*", "parallelism": ""}
# DatasetServlet reads one parameter more than DownloadDataV3 has.
UNTOLD = {"DownloadDataV3": {"escape_quotes": ""}}


def get(base, path):
    with urllib.request.urlopen(base + path) as r:
        return json.load(r)


def kind(field):
    base = field["type"].replace("[]", "")
    star = "*" if "[]" in field["type"] else ""
    if base in PLAIN or field["schema_name"] == "ColSpecifierV3":
        return ""
    if base == "string":
        return "s" + star
    if base in ("Key<Frame>", "Frame"):
        return "F" + star
    if base == "Key<Model>":
        return "M" + star
    if base.startswith("Key<"):
        return "K" + star
    return "o" + star


def fields(schemas, name):
    found = {}
    for f in schemas[name]["fields"]:
        if f["direction"] == "OUTPUT" or f["name"] in ("__meta", "__schema"):
            continue
        if f["name"] == "parameters" and f["is_schema"]:
            found.update(fields(schemas, f["schema_name"]))
        else:
            found[f["name"]] = kind(f)
            if found[f["name"]].rstrip("*") == "o" and f["schema_name"] in schemas:
                for n, k in fields(schemas, f["schema_name"]).items():
                    found[f["name"] + "." + n] = k
    found.update(UNTOLD.get(name, {}))
    return found


def main(bases):
    routes, inputs, builders = set(), {"Grid": GRID, "Segment": SEGMENT}, set()
    for base in bases:
        schemas = {s["name"]: s for s in get(base, "/3/Metadata/schemas")["schemas"]}
        told = [(r["http_method"], r["url_pattern"], r["input_schema"]) for r in get(base, "/3/Metadata/endpoints")["routes"]]
        builder = {path.split("/")[3]: schema for _, path, schema in told if path.count("/") == 3 and "/ModelBuilders/" in path and "{" not in path}
        builders.update(builder.values())
        for method, path, schema in told:
            inputs.setdefault(schema, {}).update(fields(schemas, schema))
            part = path.split("/")
            if part[2] == "Grid":
                schema += "+Grid"
            if part[2] == "SegmentModelsBuilders":
                schema = builder[part[3]] + "+Segment"
            routes.add((path, method, schema))
    common = set.intersection(*(set(inputs[b].items()) for b in builders))
    print_table(sorted(routes), inputs, builders, common)


def print_table(routes, inputs, builders, common):
    for path, method, name in routes:
        print(method, path, name)
    told = lambda fs: [n + (":" + k if k else "") for n, k in sorted(fs)]
    print("Builder", *told(common))
    for name in sorted(inputs):
        if name in builders:
            print(name, "&Builder", *told(set(inputs[name].items()) - common))
        else:
            print(name, *told(inputs[name].items()))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
