#!/usr/bin/env python3
"""Makes internal/advisory/testdata/pack.jsonl.gz, the source of the pack of advisories that weir embeds.

    pack.py ML_CVES_JSON OSV_PYPI_ZIP OSV_GO_ZIP | gzip -9n > internal/advisory/testdata/pack.jsonl.gz

then `go test ./internal/advisory -run TestPack -update` builds pack.db from it. ML_CVES_JSON lists facts (ids, packages, ranges, how it
works); the zips are PyPA's and Go's advisory databases (both CC-BY 4.0): the second source, and ids, ranges and weaknesses for ML
packages beyond the list. Words are made here.
"""
import json
import re
import sys
import zipfile

DATE = "2026-11-01T00:00:00Z"  # when the facts were gathered

# Records of the list whose references speak of another package: (id, package in the list) → the package, or None where it is none that an ML
# project installs. Found by comparing the repositories of the references with the package's own.
WRONG = {
    ("CVE-2026-59831", "jupyter-server"): None,  # GitHub's command line tool
    ("CVE-2024-4253", "gradio"): None,           # a workflow of gradio's repository, nothing that is released
    ("CVE-2026-15080", "ray"): None,             # a module of Drupal
    ("CVE-2024-4839", "vllm"): None,             # lollms-webui
    ("CVE-2024-22421", "jupyter-server"): None,  # JupyterLab's front end
    ("Ray Deployment Security Advisory", "ray"): None,  # notices without versions
    ("vllm\u90e8\u7f72\u5b89\u5168\u63d0\u793a", "vllm"): None,
    ("JFROG-TORCHSCRIPT-PATH-TRAVERSAL", "torch"): None,  # what TorchScript is; the scanner finds models that do it
    ("JFROG-ZENML-CLOUD-ACCESS-CONTROL", "zenml"): None,  # a service, not the package
    ("CVE-2026-23528", "dask"): "distributed",
    ("CVE-2022-21697", "jupyter-server"): "jupyter-server-proxy",
    ("CVE-2024-28179", "jupyter-server"): "jupyter-server-proxy",
    ("CVE-2024-35225", "jupyterlab"): "jupyter-server-proxy",
    ("CVE-2024-22415", "jupyter-server"): "jupyter-lsp",
    ("CVE-2025-30167", "jupyter-server"): "jupyter-core",
    ("CVE-2026-44180", "jupyter-server"): "jupyter-enterprise-gateway",
    ("CVE-2021-41134", "jupyterlab"): "nbdime",
    ("CVE-2021-41247", "jupyterlab"): "jupyterhub",
    ("CVE-2025-30370", "jupyterlab"): "jupyterlab-git",
    ("CVE-2025-53000", "notebook"): "nbconvert",
    ("CVE-2025-65015", "vllm"): "joserfc",
    ("CVE-2025-1953", "vllm"): "aibrix",
    ("CVE-2026-31228", "kubeflow"): "adversarial-robustness-toolbox",
    ("CVE-2026-31229", "kubeflow"): "adversarial-robustness-toolbox",
    ("CVE-2026-31230", "kubeflow"): "adversarial-robustness-toolbox",
}
# PyPI's kubeflow is a client library with versions of its own; these are flaws of the platform.
WRONG_PACKAGES = {"kubeflow"}
# Ranges of a record that belong to its npm package of another name.
NPM_BOUNDS = {("CVE-2021-41134", "5.0.2"), ("CVE-2021-41134", "6.1.2"), ("CVE-2021-41134", "1.0.1")}

# Bounds that are no version of the package: a commit, a tag of an image, "unknown". None: no fix is known.
BOUNDS = {"67e4044": None, "930c35f1c543998e60e8d648ce93185c9b5dbe8d": None, "unknown": None, "1.83.10-stable": "1.83.10",
          "1.83.7-stable": "1.83.7", "5.0.0-beta.2": "5.0.0b2", "v0.8.5": "0.8.5", "2026.04.08": None}

# Flaws that the list lacks, from the projects' own advisories: id, package, aliases, introduced, fixed, vector, CWE, words, functions.
EXTRA = [
    ("CVE-2024-3660", "keras", ["GHSA-x4wf-678h-2pmq"], "0", "2.13.1rc0", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 94, "a Lambda layer runs the model's code when it is loaded", ["keras.models.load_model"]),
    ("CVE-2025-1550", "keras", ["GHSA-48g7-3x6r-xfhp"], "3.0.0", "3.9.0", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 94, "config.json of a .keras file calls any function, safe_mode or not", ["keras.models.load_model"]),
    ("CVE-2025-8747", "keras", ["GHSA-c9rc-mg46-23w3"], "3.0.0", "3.11.0", "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 502, "safe_mode passed over with functions of keras itself", ["keras.models.load_model"]),
    ("CVE-2025-9905", "keras", [], "3.0.0", "3.11.3", "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:A/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", 913, "safe_mode is ignored for .h5 files", ["keras.models.load_model"]),
    ("CVE-2025-9906", "keras", [], "3.0.0", "3.11.0", "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:A/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", 502, "a .keras file switches safe_mode off itself", ["keras.models.load_model"]),
    ("CVE-2026-1462", "keras", ["GHSA-4f3f-g24h-fr8m"], "3.0.0", "3.13.2", "CVSS:3.0/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 502, "TFSMLayer loads a SavedModel that the file names", ["keras.models.load_model"]),
    ("CVE-2023-25668", "tensorflow", ["GHSA-gw97-ff7c-9v96"], "0", "2.11.1", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 125, "QuantizeAndDequantize reads beyond its input", []),
    ("CVE-2023-6730", "transformers", [], "0", "4.36.0", "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 502, "pickles inside of RAG indexes and TransfoXL vocabularies", []),
    ("CVE-2023-7018", "transformers", [], "0", "4.36.0", "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 502, "pickles inside of a tokenizer's vocabulary", []),
    ("CVE-2024-3568", "transformers", [], "0", "4.38.0", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:H/I:H/A:H", 502, "pickle of a training checkpoint", ["transformers.TFPreTrainedModel.load_repo_checkpoint"]),
    ("CVE-2024-11392", "transformers", [], "0", "4.48.0", "CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 502, "configuration of MobileViTV2 models", []),
    ("CVE-2024-11393", "transformers", ["GHSA-wrfc-pvp9-mr9g"], "0", "4.48.0", "CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 502, "files of MaskFormer models", []),
    ("CVE-2024-11394", "transformers", [], "0", "4.48.0", "CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 502, "files of Trax models", []),
    ("CVE-2025-1716", "picklescan", [], "0", "0.0.21", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 184, "pip.main is not seen", []),
    ("CVE-2025-1889", "picklescan", [], "0", "0.0.22", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 646, "pickles of unusual names are not looked at", []),
    ("CVE-2025-1944", "picklescan", [], "0", "0.0.23", "", 345, "a changed name in a zip's header stops it", []),
    ("CVE-2025-1945", "picklescan", [], "0", "0.0.23", "", 345, "changed flags in a zip's header hide a pickle", []),
    ("CVE-2025-10155", "picklescan", [], "0", "0.0.31", "", 20, "an extension of PyTorch hides a pickle", []),
    ("CVE-2025-10156", "picklescan", [], "0", "0.0.31", "", 755, "a wrong checksum in a zip stops it", []),
    ("CVE-2025-10157", "picklescan", [], "0", "0.0.31", "", 693, "modules below a dangerous one are let pass", []),
    ("CVE-2026-56315", "picklescan", [], "0", "1.0.4", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 184, "modules of the standard library that run commands are let pass", []),
    ("CVE-2024-37065", "skops", [], "0.6", None, "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 502, "a model that says which of its types are trusted", ["skops.io.load"]),
    ("CVE-2025-54412", "skops", [], "0", "0.12.0", "", 351, "OperatorFuncNode calls what its name hides", ["skops.io.load"]),
    ("CVE-2025-54413", "skops", [], "0", "0.12.0", "", 351, "MethodNode reads attributes that were never trusted", ["skops.io.load"]),
    ("CVE-2025-54886", "skops", ["GHSA-378x-6p4f-8jgm"], "0", "0.13.0", "CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 502, "Card.get_model falls back to joblib", ["skops.card.Card.get_model"]),
]

# ML packages whose every record of PyPA's database belongs into the pack, and modules of Go's.
MORE = set("""tensorflow tensorflow-cpu tensorflow-gpu keras transformers torch onnx ray mlflow gradio jupyter jupyterlab notebook jupyter-server
jupyterhub joblib numpy scipy scikit-learn pandas langchain langchain-experimental llama-index streamlit dask distributed paddlepaddle horovod
pytorch-lightning nltk opencv-python opencv-python-headless opencv-contrib-python label-studio aim pyspark pyyaml""".split())
MORE_GO = {"github.com/ollama/ollama"}
PROSE = [("null pointer", 476), ("nullptr", 476), ("heap buffer overflow", 122), ("heap out-of-bounds", 125), ("heap oob", 125), ("out of bounds", 125),
         ("out-of-bounds", 125), ("stack overflow", 121), ("buffer overflow", 120), ("integer overflow", 190), ("divide by zero", 369), ("division by 0", 369),
         ("division by zero", 369), ("segmentation fault", 125), ("segfault", 125), ("use after free", 416), ("uninitialized", 908), ("memory leak", 401),
         ("path traversal", 22), ("directory traversal", 22), ("cross-site scripting", 79), ("xss", 79), ("sql injection", 89), ("command injection", 78),
         ("open redirect", 601), ("ssrf", 918), ("request forgery", 918), ("csrf", 352), ("deserializ", 502), ("pickle", 502), ("yaml", 502), ("eval(", 94),
         ("arbitrary code", 94), ("redos", 1333), ("regular expression denial", 1333), ("check fail", 617), ("check-fail", 617), ("assertion", 617), ("abort", 617),
         ("denial of service", 400), ("token", 200), ("sensitive", 200), ("credential", 200), ("crash", 400), ("permission", 863), ("authoriz", 863), ("auth", 287)]

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
       29: "path traversal", 20: "unchecked input", 476: "null pointer", 369: "division by zero", 416: "use after free", 908: "uninitialised memory",
       401: "memory leak", 617: "reachable assertion", 120: "buffer overflow", 913: "code of the file's choice", 184: "incomplete list of what is forbidden",
       646: "trust in a file's name", 345: "unchecked origin", 755: "mishandled exception", 693: "failing protection", 351: "confusion of types", 125: "read out of bounds", 190: "integer overflow", 121: "stack overflow", 122: "heap overflow"}


def words(vector):
    """What a CVSS vector says, as a sentence."""
    m = dict(p.split(":", 1) for p in vector.split("/")[1:] if ":" in p)
    if not m:
        return ""
    who = {"N": "whoever reaches it", "L": "any user", "H": "an administrator"}[m["PR"]]
    where = {"N": " over the network", "A": " on the same network", "L": " on the same machine", "P": " at the machine"}[m["AV"]]
    can = []
    for keys, full, part in ((("C", "VC"), "read its data", "read some data"), (("I", "VI"), "change its data", "change some data"),
                             (("A", "VA"), "stop it", "slow it down")):
        v = next((m[k] for k in keys if k in m), "N")
        if v in "HL":
            can.append(full if v == "H" else part)
    trick = ", once a user was tricked" if m.get("UI", "N") != "N" else ""
    return f"{who}{where} can {' and '.join([', '.join(can[:-1]), can[-1]] if len(can) > 1 else can)}{trick}" if can else ""


def summary(r, cwes, vector):
    name = r["package"]["name"].split(":")[-1]
    kind = next((CWE[c] for c in cwes if c in CWE), "")
    mechanism = r.get("mechanism", "").split("; reproduced")[0].split("; not reproduc")[0]
    parts = [p for p in (kind, mechanism or words(vector)) if p]
    return f"{name}: " + (" – ".join(parts) if parts else "a known flaw; its references tell what it does")


# The last version with the flaw where the list has no bound: what the projects' own advisories say.
LAST = {("CVE-2024-5480", "torch"): "2.2.2", ("CVE-2024-48063", "torch"): "2.4.1"}

# What happens, where the list does not say.
MECHANISM = {
    "CVE-2024-37052": "loading a scikit-learn model runs the pickle inside", "CVE-2024-37053": "loading a scikit-learn model runs the pickle inside",
    "CVE-2024-37054": "loading a pyfunc model runs the pickle inside", "CVE-2024-37055": "loading a pmdarima model runs the pickle inside",
    "CVE-2024-37056": "loading a LightGBM model runs the pickle inside", "CVE-2024-37057": "loading a TensorFlow model runs the pickle inside",
    "CVE-2024-37058": "loading a LangChain agent runs the pickle inside", "CVE-2024-37059": "loading a PyTorch model runs the pickle inside",
    "CVE-2024-37060": "a recipe's card runs the pickle inside", "CVE-2024-37061": "an MLproject runs commands of its author's choice",
    "CVE-2024-27132": "a recipe's template runs script in the notebook that shows it, and by it code",
    "CVE-2024-27133": "a dataset's fields run script in the notebook that shows them, and by it code",
    "CVE-2022-0736": "temporary files with names that can be guessed",
}

VERSION = re.compile(r"[0-9]+([.][0-9]+)*((a|b|rc|[.]post|[.]dev)[0-9]+)?$")


def events(ranges):
    for g in ranges:
        g = {k: BOUNDS.get(v, v) for k, v in g.items()}
        g = {k: v for k, v in g.items() if v is not None}
        bad = [v for v in g.values() if not VERSION.match(v)]
        if bad:
            sys.exit(f"bound {bad} is no version: correct it in BOUNDS")
        out = [{"introduced": g.get("introduced", "0")}]
        if "exact" in g:
            out = [{"introduced": g["exact"]}, {"last_affected": g["exact"]}]
        elif "fixed" in g:
            out.append({"fixed": g["fixed"]})
        elif "last_affected" in g:
            out.append({"last_affected": g["last_affected"]})
        yield {"type": "ECOSYSTEM", "events": out}


def main():
    facts, pypa, golang = sys.argv[1:]
    second, rest = {}, []
    for path, wanted in ((pypa, MORE), (golang, MORE_GO)):
        with zipfile.ZipFile(path) as z:
            for name in sorted(z.namelist()):
                d = json.loads(z.read(name))
                for a in d["affected"]:
                    for i in [d["id"], *d.get("aliases", [])]:
                        second[i, a["package"]["name"].lower()] = d
                if "withdrawn" not in d and any(a["package"]["name"].lower() in wanted for a in d["affected"]):
                    rest.append(d)
    done = {}
    for r in json.load(open(facts))["records"]:
        pkg = r["package"]
        place = (r["id"], pkg["name"])
        if place in WRONG and WRONG[place] is None or place not in WRONG and pkg["name"] in WRONG_PACKAGES:
            continue
        pkg["name"] = WRONG.get(place, pkg["name"])
        r["ranges"] = [g for g in r["ranges"] if (r["id"], g.get("fixed")) not in NPM_BOUNDS]
        if (r["id"], pkg["name"]) in LAST:
            r["ranges"], r["checked"] = [{"introduced": "0", "last_affected": LAST[r["id"], pkg["name"]]}], "feed"
        r.setdefault("mechanism", MECHANISM.get(r["id"], ""))
        other = second.get((r["id"], pkg["name"]), {})
        o = of_list(r, other)
        key = (r["id"], pkg["ecosystem"], pkg["name"].lower())
        if key in done:
            done[key]["affected"][0]["ranges"] += o["affected"][0]["ranges"]
        else:
            done[key] = o
    for e in EXTRA:
        done[e[0], "PyPI", e[1]] = of_extra(*e)
    for d in rest:
        o = of_database(d)
        ids = {o["id"], *o["aliases"]}
        o["affected"] = [a for a in o["affected"] if not any((i, a["package"]["ecosystem"], a["package"]["name"].lower()) in done for i in ids)]
        if o["affected"]:
            done[o["id"], d["id"], ""] = o
    for key in sorted(done):
        print(json.dumps(done[key], ensure_ascii=False, separators=(",", ":")))


def of_list(r, other):
    pkg = r["package"]
    cwes = [int(c.split("-")[1]) for c in r.get("cwe", [])]
    if not cwes and other:
        cwes = weakness(other)
    vector = VECTORS.get(r["id"], r.get("severity", ""))
    if not vector.startswith("CVSS:") or " " in vector:
        vector = ""
    text = r.get("mechanism", "").lower()
    server = pkg["name"] in SERVERS and r["id"] not in LIBRARY and not any(w in text for w in LIBRARY_WORDS)
    aliases = sorted(set(r.get("aliases", []) + ([other["id"], *other.get("aliases", [])] if other else [])) - {r["id"]})
    o = {"id": r["id"], "modified": DATE if verified(r) else "", "published": other.get("published", ""), "aliases": aliases,
         "summary": summary(r, cwes, vector), "severity": [{"type": "CVSS", "score": vector}] if vector else [],
         "affected": [{"package": pkg, "ranges": list(events(r["ranges"]))}],
         "references": [{"type": "ADVISORY", "url": u} for u in r.get("references", [])[:3]],
         "database_specific": {"cwe_ids": [f"CWE-{c}" for c in cwes], "weir_server": server}}
    if not verified(r) and not any({"fixed", "last_affected", "exact"} & set(g) for g in r["ranges"]):
        # Nobody has said where it ends, nor tried it: worth knowing, no more.
        o["severity"], o["database_specific"]["severity"] = [], "LOW"
    if r["id"] in SYMBOLS:
        o["affected"][0]["ecosystem_specific"] = {"imports": [{"path": "", "symbols": SYMBOLS[r["id"]]}]}
    return o


def verified(r):
    """A record without a bound, that nobody tried either, gives way to any other source."""
    bounded = all(BOUNDS.get(v, v) for g in r["ranges"] for v in g.values()) and all({"fixed", "last_affected", "exact"} & set(g) for g in r["ranges"])
    return r["checked"] == "feed" and (bounded or "reproduced" in r.get("mechanism", ""))


def of_extra(cve, name, aliases, introduced, fixed, vector, cwe, text, functions):
    r = {"id": cve, "package": {"ecosystem": "PyPI", "name": name}, "mechanism": text, "ranges": [{"introduced": introduced, "fixed": fixed}]}
    o = {"id": cve, "modified": DATE, "aliases": aliases, "summary": summary(r, [cwe], vector),
         "severity": [{"type": "CVSS", "score": vector}] if vector else [],
         "affected": [{"package": r["package"], "ranges": list(events(r["ranges"]))}], "database_specific": {"cwe_ids": [f"CWE-{cwe}"]}}
    if functions:
        o["affected"][0]["ecosystem_specific"] = {"imports": [{"path": "", "symbols": functions}]}
    return o


def weakness(d):
    prose = (d.get("summary", "") + " " + d.get("details", "")).lower()
    return [next((c for word, c in PROSE if word in prose), 0)]


def of_database(d):
    """A record of PyPA or Go as it is, but for the words."""
    cwes = [c for c in weakness(d) if c]
    vector = next((s["score"] for s in d.get("severity", [])), "")
    name = d["affected"][0]["package"]["name"].split("/")[-1]
    affected = [{"package": {k: a["package"][k] for k in ("ecosystem", "name")},
                 "ranges": [{"type": g["type"], "events": g["events"]} for g in a.get("ranges", []) if g["type"] != "GIT"],
                 "versions": outside(a)} for a in d["affected"]]
    ids = sorted([d["id"], *d.get("aliases", [])], key=lambda i: (not i.startswith("CVE-"), i))
    modified = d["modified"] if not d["modified"].startswith("0001") else d["published"]
    return {"id": ids[0], "modified": modified, "published": d.get("published", ""), "aliases": ids[1:],
            "summary": summary({"package": {"name": name}}, cwes, vector), "severity": [{"type": "CVSS", "score": vector}] if vector else [],
            "affected": affected, "references": [{"type": "FIX", "url": r["url"]} for r in d.get("references", []) if r["type"] == "FIX"][:2],
            "database_specific": {"cwe_ids": [f"CWE-{c}" for c in cwes],
                                  "weir_server": name in SERVERS | {"ollama", "jupyterhub", "streamlit", "label-studio"}}}


def outside(a):
    """Listed versions matter where no range holds them; which these are is for the builder to see, so plain final ones within ranges go."""
    return [] if any(g["type"] == "ECOSYSTEM" for g in a.get("ranges", [])) else a.get("versions", [])


main()
