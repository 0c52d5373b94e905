#!/usr/bin/env python3
"""Makes testdata/benign/ and its manifest with the interpreters that `setup.sh all` has made ready.

    run.py              every generator in every environment
    run.py torch sklearn   only these generators

The fragments of generators that are not run again are kept below .cache/benign/, so that the manifest is always whole.
"""
import glob
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
OUT = os.path.join(ROOT, "testdata", "benign")
FRAGMENTS = os.path.join(ROOT, ".cache", "benign")
VENVS = os.path.join(ROOT, ".cache", "venv")
PYENV = os.path.join(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")), "versions")
EVERY = ["2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"]

# Some pickles hold addresses (the storages of torch's legacy format, scikit-learn's vectorizers): without randomised ones a second run is the same.
FIXED = ["setarch", "-R"] if subprocess.run(["setarch", "-R", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0 else []

# generator: the environments that run it
PLAN = {
    "standard": EVERY,
    "arrays": ["models", "old", "debian", "py27"],
    "sklearn_models": ["models", "old", "debian", "py27"],
    "joblib_old": ["py27", "py27old"],
    "frames": ["models", "old", "debian"],
    "scipy_objects": ["models", "old"],
    "boosters": ["models"],
    "torch_models": ["debian"],
    "torch_handmade": ["debian"],
    "usercode": ["models", "old"],
    "mlflow_model": ["mlflow"],
    "unknown": ["unknown"],
    "lookalikes": ["models"],
    "containers": ["debian"],
}


def interpreter(env):
    """The Python of an environment; None when this machine lacks it."""
    if env == "debian":
        found = ["/usr/bin/python3"]
    elif env in ("py27", "py27old"):
        found = glob.glob(os.path.join(PYENV, "2.7.*", "bin", "python"))
    elif env[0].isdigit():
        found = sorted(glob.glob(os.path.join(PYENV, env + ".*", "bin", "python")))
    else:
        found = [os.path.join(VENVS, env, "bin", "python")]
    found = [f for f in found if os.path.exists(f)]
    return found[-1] if found else None


def environment(env):
    """The variables of a generator: no bytecode, fixed hashing, two threads at most, no user site."""
    e = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="0", PYTHONNOUSERSITE="1", OMP_NUM_THREADS="1",
             SOURCE_DATE_EPOCH="1700000000", TZ="UTC")
    e["PYTHONPATH"] = HERE + (os.pathsep + os.path.join(VENVS, env) if env in ("py27", "py27old") else "")
    return e


def run(job):
    """Runs one generator in one environment inside an empty folder, so that only relative names reach its files."""
    generator, env = job
    python = interpreter(env)
    if python is None:
        return "%s: no interpreter for %s" % (generator, env)
    fragment = os.path.join(FRAGMENTS, "%s-%s.json" % (generator, env))
    with tempfile.TemporaryDirectory() as folder:
        # Compiled under its bare name: tracers and cloudpickle keep the file names of the code that they meet.
        start = "exec(compile(open(%r).read(), %r, 'exec'))" % (os.path.join(HERE, generator + ".py"), generator + ".py")
        p = subprocess.run(FIXED + [python, "-c", start, OUT, fragment, env], cwd=folder,
                           env=environment(env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if p.returncode != 0:
        return "%s on %s: exit %d\n%s" % (generator, env, p.returncode, p.stdout.decode("utf-8", "replace")[-4000:])
    return None


def merge():
    """Writes the manifest from all fragments; the last generator to name a path wins."""
    manifest = os.path.join(OUT, "manifest.json")
    entries = {}
    if os.path.exists(manifest):
        with open(manifest) as f:
            entries = {e["path"]: e for e in json.load(f) if e["path"].startswith("java/")}  # made by ../java/run.py
    for generator in PLAN:
        for env in PLAN[generator]:
            name = os.path.join(FRAGMENTS, "%s-%s.json" % (generator, env))
            if os.path.exists(name):
                with open(name) as f:
                    for e in json.load(f):
                        entries[e["path"]] = e
    with open(manifest, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(entries[p], sort_keys=True, ensure_ascii=True) for p in sorted(entries)) + "\n]\n")
    for folder, _, names in os.walk(OUT):
        for n in names:
            path = os.path.relpath(os.path.join(folder, n), OUT).replace(os.sep, "/")
            if path not in entries and path not in ("manifest.json", "README.md", ".gitattributes"):
                os.remove(os.path.join(folder, n))  # of an earlier run under another name
    return entries


def main():
    os.makedirs(FRAGMENTS, exist_ok=True)
    wanted = sys.argv[1:] or [g for g in PLAN if os.path.exists(os.path.join(HERE, g + ".py"))]
    # containers and lookalikes read what the others wrote: they go last, alone.
    first = [(g, e) for g in wanted if g != "containers" for e in PLAN[g]]
    last = [(g, e) for g in wanted if g == "containers" for e in PLAN[g]]
    with ThreadPoolExecutor(2) as pool:
        failures = [f for f in pool.map(run, first) if f] + [f for f in map(run, last) if f]
    entries = merge()
    print("%d files in the manifest" % len(entries))
    for f in failures:
        print(f, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
