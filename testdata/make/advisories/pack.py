#!/usr/bin/env python3
"""Makes internal/advisory/pack.jsonl, the source of the pack of advisories that weir embeds.

    pack.py ML_CVES_JSON OSV_PYPI_ZIP > internal/advisory/pack.jsonl

then `go test ./internal/advisory -run TestPack -update` builds pack.db from it. ML_CVES_JSON lists facts (ids, packages, ranges, how it
works); OSV_PYPI_ZIP is PyPA's advisory database, the second source. Words are made here.
"""
import json
import sys
import zipfile

DATE = "2026-11-01T00:00:00Z"  # when the facts were gathered

# Feeds that name the wrong package: the references are about something else of the same name.
WRONG = {
    ("CVE-2026-59831", "jupyter-server"),  # GitHub's command line tool
}

VECTORS = {"CVE-2025-32434": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}

# Functions that hold the flaw, where it is a function that a project calls.
SYMBOLS = {
    "CVE-2025-32434": ["torch.load"],
    "CVE-2026-24747": ["torch.load"],
    "CVE-2022-45907": ["torch.jit.annotations.parse_type_line"],
    "CVE-2024-6507": ["deeplake.ingest_kaggle"],
    "CVE-2024-5565": ["vanna.base.VannaBase.ask"],
}

# Packages that are servers: a flaw of theirs concerns who runs them, unless it is in what a client calls (LIBRARY).
SERVERS = {"mlflow", "gradio", "tritonserver", "litellm", "ai.h2o:h2o-core", "h2o", "jupyter-server", "jupyterlab", "notebook", "kubeflow",
           "mage-ai", "torchserve", "zenml", "aim", "weave", "feast", "vllm", "ray", "dask"}
LIBRARY_WORDS = ("load", "deserial", "pickle", "recipe", "model file")
LIBRARY = {"CVE-2024-37052", "CVE-2024-37053", "CVE-2024-37054", "CVE-2024-37055", "CVE-2024-37056", "CVE-2024-37057", "CVE-2024-37058",
           "CVE-2024-37059", "CVE-2024-37060", "CVE-2024-37061", "CVE-2024-27132", "CVE-2024-27133", "CVE-2023-5245"}

CWE = {22: "path traversal", 23: "path traversal", 36: "path traversal", 73: "file name chosen by the attacker", 77: "command injection",
       78: "command injection", 79: "cross-site scripting", 89: "SQL injection", 94: "code injection", 95: "code injection",
       200: "data exposure", 284: "missing access control", 287: "missing authentication", 306: "missing authentication",
       352: "request forgery across sites", 400: "exhaustion of resources", 502: "deserialisation of untrusted data", 601: "open redirect",
       611: "external XML entities", 639: "access to other users' objects", 770: "exhaustion of resources", 787: "write out of bounds",
       862: "missing authorisation", 863: "wrong authorisation", 918: "requests to internal servers (SSRF)", 1333: "slow regular expression",
       29: "path traversal", 20: "unchecked input", 125: "read out of bounds", 190: "integer overflow", 121: "stack overflow", 122: "heap overflow"}


def words(vector):
    """What a CVSS vector says, in words."""
    m = dict(p.split(":", 1) for p in vector.split("/")[1:] if ":" in p)
    if not m:
        return ""
    where = {"N": "over the network", "A": "from the same network", "L": "from the same machine", "P": "with access to the machine"}[m["AV"]]
    who = {"N": "without an account", "L": "with any account", "H": "with an administrator's account"}[m["PR"]]
    help_ = "" if m.get("UI", "N") == "N" else ", with a user's help"
    hits = []
    for keys, text in ((("C", "VC"), "reads data"), (("I", "VI"), "changes data"), (("A", "VA"), "stops the service")):
        v = next((m[k] for k in keys if k in m), "N")
        if v == "H":
            hits.append(text)
        elif v == "L":
            hits.append(text + " in part")
    return f"{where}, {who}{help_}: {', '.join(hits) or 'no known effect'}"


def summary(r, cwes, vector):
    name = r["package"]["name"].split(":")[-1]
    kind = next((CWE[c] for c in cwes if c in CWE), "")
    mechanism = r.get("mechanism", "").split("; reproduced")[0].split("; not reproduc")[0]
    parts = [p for p in (kind, mechanism or words(vector)) if p]
    return f"{name}: " + (" – ".join(parts) if parts else "flaw whose kind no public record tells")


def events(ranges):
    for g in ranges:
        out = [{"introduced": g.get("introduced", "0")}]
        if "exact" in g:
            out = [{"introduced": g["exact"]}, {"last_affected": g["exact"]}]
        elif "fixed" in g:
            out.append({"fixed": g["fixed"]})
        elif "last_affected" in g:
            out.append({"last_affected": g["last_affected"]})
        yield {"type": "ECOSYSTEM", "events": out}


def main():
    facts, pypa = sys.argv[1:]
    second = {}
    with zipfile.ZipFile(pypa) as z:
        for name in z.namelist():
            d = json.loads(z.read(name))
            for a in d["affected"]:
                for i in [d["id"], *d.get("aliases", [])]:
                    second[i, a["package"]["name"].lower()] = d
    done = {}
    for r in json.load(open(facts))["records"]:
        pkg = r["package"]
        if (r["id"], pkg["name"]) in WRONG:
            continue
        other = second.get((r["id"], pkg["name"]), {})
        cwes = [int(c.split("-")[1]) for c in r.get("cwe", [])]
        vector = VECTORS.get(r["id"], r.get("severity", ""))
        if not vector.startswith("CVSS:") or " " in vector:
            vector = ""
        text = r.get("mechanism", "").lower()
        server = pkg["name"] in SERVERS and r["id"] not in LIBRARY and not any(w in text for w in LIBRARY_WORDS)
        o = {"id": r["id"], "modified": DATE if r["checked"] == "feed" else "", "published": other.get("published", ""),
             "aliases": sorted(set(r.get("aliases", []) + ([other["id"], *other.get("aliases", [])] if other else [])) - {r["id"]}),
             "summary": summary(r, cwes, vector),
             "severity": [{"type": "CVSS", "score": vector}] if vector else [],
             "affected": [{"package": pkg, "ranges": list(events(r["ranges"]))}],
             "references": [{"type": "ADVISORY", "url": u} for u in r.get("references", [])[:3]],
             "database_specific": {"cwe_ids": r.get("cwe", []), "weir_server": server}}
        if r["id"] in SYMBOLS:
            o["affected"][0]["ecosystem_specific"] = {"imports": [{"path": "", "symbols": SYMBOLS[r["id"]]}]}
        key = (r["id"], pkg["ecosystem"], pkg["name"])
        if key in done:
            done[key]["affected"][0]["ranges"] += o["affected"][0]["ranges"]
        else:
            done[key] = o
    for key in sorted(done):
        print(json.dumps(done[key], ensure_ascii=False, separators=(",", ":")))


main()
