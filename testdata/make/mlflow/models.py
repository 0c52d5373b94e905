#!/usr/bin/env python3
"""Makes the MLflow fixtures with the real frameworks and loads every hostile one, to see that it acts.

    models.py make      honest models with MLflow 2.22 and 3.17, hostile ones; writes testdata/mlflow and its manifest
    models.py fire [GLOB]   loads each hostile one in a process of its own and notes in the manifest with which version it acted; "new": those
                        that have not acted yet
    models.py check     the same, but changes nothing and fails where something that the manifest says acts no longer does
    models.py oracle WEIR   loads every honest model under an audit hook: what it imports from its folder or opens outside of it must be a fact

Needs the venvs mlflow28, mlflow2 and mlflow3 of setup.sh, a JDK for the H2O cases, chromium for the cards.
"""
import concurrent.futures
import fnmatch
import glob
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.environ.get("WEIR_ROOT") or os.path.normpath(os.path.join(HERE, "..", "..", ".."))
OUT = os.path.join(ROOT, "testdata", "mlflow")
VENVS = {"2.8": "mlflow28", "2.22": "mlflow2", "3.17": "mlflow3"}
# What loads a case, and with which versions it is tried.
HOWS = {
    "pyfunc": "import mlflow; mlflow.pyfunc.load_model('m')",
    "predict": "import mlflow; mlflow.pyfunc.load_model('m').predict([[1.0, 2.0]])",
    "transform": "import mlflow, numpy; mlflow.sklearn.load_model('m').transform(b'echo fired > canary')",
    "sklearn": "import mlflow.sklearn; mlflow.sklearn.load_model('m')",
    "xgboost": "import mlflow.xgboost; mlflow.xgboost.load_model('m')",
    "tensorflow": "import mlflow.tensorflow; mlflow.tensorflow.load_model('m')",
    "h2o": "import mlflow; mlflow.pyfunc.load_model('m')",
    "unsafe-yaml": "import sys, yaml; yaml.unsafe_load(open('m/' + (sys.argv[1] or 'MLmodel')))",
    "pip": "import os, pathlib, runpy, sys; os.chdir('m'); os.environ['WEIR_CANARY'] = str(pathlib.Path('..').resolve() / 'canary')\n"
           "sys.argv = 'pip download --no-deps --no-build-isolation --retries 0 --isolated -d ../down -r requirements.txt'.split(); runpy.run_module('pip', run_name='__main__')",
    "recipe": "import os; os.chdir('m'); from mlflow.recipes import Recipe; Recipe(profile='local')",
    "recipe-card": "import os, yaml; from mlflow.recipes.cards import BaseCard; from mlflow.recipes.utils import get_recipe_config\n"
                   "c = get_recipe_config('m', 'local'); k = BaseCard('m', 'train'); k.add_tab('t', '{{ TARGET }}').add_html('TARGET', 'target: ' + c['target_col'])\n"
                   "open('card.html', 'w').write(k.to_html())",
    "browser": "pass",
    "store": "import mlflow; c = mlflow.MlflowClient('file:m/mlruns'); c.list_artifacts('a' * 32)",
    "project": "import mlflow; mlflow.set_tracking_uri('file:runs'); mlflow.projects.run('m', env_manager='local')",
}
ONLY = {"recipe": ["2.8"], "recipe-card": ["2.8"], "browser": ["2.8"], "h2o": ["3.17"], "pip": ["2.8"], "unsafe-yaml": ["3.17"]}

CHILD = r'''
import os, sys
report = open(os.environ.pop("WEIR_REPORT"), "a", buffering=1)
def hook(event, args):
    try:
        if event == "socket.connect": report.write("connect %r\n" % (args[1],))
        elif event in ("open", "os.listdir", "os.scandir") and isinstance(args[0], (str, bytes)):
            p = os.path.abspath(os.fsdecode(args[0]))
            if "/outside/" in p or p == "/etc" or p.startswith("/etc/") and event != "open": report.write("%s %s\n" % (event, p))
    except Exception: pass
sys.addaudithook(hook)
sys.argv = [sys.argv[0], os.environ.pop("WEIR_ARG", "")]
'''

# Honest models whose verdict is not yet the expected one, and why; internal/catalog holds the list to the truth.
ALARMS = dict.fromkeys(("pmdarima_arima", "statsmodels_ols"), "pyname does not know statsmodels' results and pmdarima yet")


def python(version):
    return os.path.join(ROOT, ".cache", "venv", VENVS[version], "bin", "python")


def neutral(version, script, *args):
    """Runs a maker from a place that is the same everywhere: cloudpickle writes down where code came from."""
    place = "/tmp/make-mlflow"
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    os.symlink(os.path.dirname(os.path.dirname(python(version))), place + "/venv")
    for name in os.listdir(HERE):
        if name.endswith(".py"):
            shutil.copy(os.path.join(HERE, name), place)
    try:
        out = subprocess.run([place + "/venv/bin/python", place + "/" + script, *args], stdout=subprocess.PIPE, check=True, text=True, env={**os.environ, "WEIR_ROOT": ROOT}).stdout
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return json.loads(out.strip().splitlines()[-1])


def make():
    for d in ("benign", "malicious"):
        shutil.rmtree(os.path.join(OUT, d), ignore_errors=True)
    lines = []
    for version in ("2.22", "3.17"):
        for m in neutral(version, "benign.py", os.path.join(OUT, "benign", version)):
            line = {"path": "benign/%s/%s.zip" % (version, m["name"]), "expect": m["expect"], "mlflow": m["mlflow"], "loaded": m["loaded"]}
            if m["name"] in ALARMS:
                line["alarm"] = ALARMS[m["name"]]
            lines.append(line)
    for m in neutral("3.17", "malicious.py", os.path.join(OUT, "malicious")):
        lines.append({"path": "malicious/%s.zip" % m["name"], "technique": m["technique"], "how": m["how"], "sign": m["sign"], "outside": m["outside"], "fires": []})
    save(lines)


def save(lines):
    with open(os.path.join(OUT, "manifest.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(l, sort_keys=True) for l in sorted(lines, key=lambda l: l["path"])) + "\n]\n")


def load():
    with open(os.path.join(OUT, "manifest.json")) as f:
        return json.load(f)


def jar(where, agent):
    """A Java program whose class writes the canary: an agent, or an extension that H2O looks up on its class path."""
    src = os.path.join(where, "src")
    os.makedirs(os.path.join(src, "META-INF", "services"))
    body = 'try { new java.io.FileWriter("canary").close(); } catch (java.io.IOException e) { }'
    h2o = glob.glob(os.path.join(ROOT, ".cache/venv/mlflow3/lib/python*/site-packages/h2o/backend/bin/h2o.jar"))[0]
    with open(os.path.join(src, "Evil.java"), "w") as f:
        if agent:
            f.write("public class Evil { public static void premain(String a) { %s } }" % body)
        else:
            f.write('public class Evil extends water.AbstractH2OExtension { public Evil() { %s } public String getExtensionName() { return "e"; } }' % body)
    with open(os.path.join(src, "META-INF", "services", "water.AbstractH2OExtension"), "w") as f:
        f.write("Evil\n")
    with open(os.path.join(src, "manifest"), "w") as f:
        f.write("Premain-Class: Evil\n")
    subprocess.run(["javac", "-cp", h2o, "Evil.java"], cwd=src, check=True)
    subprocess.run(["jar", "cfm", "x.jar", "manifest", "Evil.class", "META-INF"], cwd=src, check=True)
    with open(os.path.join(src, "x.jar"), "rb") as f:
        data = f.read()
    shutil.rmtree(src)
    return data


def sdist():
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w") as z:
        z.writestr("acme_loader-1.0/setup.py", "import os\nfrom setuptools import setup\n\nopen(os.environ['WEIR_CANARY'], 'w').close()\nsetup(name='acme-loader', version='1.0')\n")
        z.writestr("acme_loader-1.0/PKG-INFO", "Metadata-Version: 1.0\nName: acme-loader\nVersion: 1.0\n")
    return b.getvalue()


def card():
    """A card as MLflow 2.8 writes it, of a model whose name is script."""
    code = ("from mlflow.recipes.cards import BaseCard; k = BaseCard('m', 'train'); k.add_tab('Model', '{{ M }}').add_html('M', '<img src=x onerror=document.title=\"fired\">'); print(k.to_html())")
    return subprocess.run([python("2.8"), "-W", "ignore", "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout


def browser(page):
    cmd = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + os.path.dirname(page) + "/profile", "--virtual-time-budget=2000", "--dump-dom", "file://" + page]
    return subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=90, text=True).stdout


def prepare(case, where):
    with zipfile.ZipFile(os.path.join(OUT, case["path"])) as z:
        z.extractall(os.path.join(where, "m"))
    for name, text in case["outside"].items():
        data = {"AGENT": lambda: jar(where, True), "SITE": lambda: jar(where, False), "SDIST": sdist}.get(text, lambda: text.encode("latin-1"))()
        os.makedirs(os.path.dirname(os.path.join(where, name)), exist_ok=True)
        with open(os.path.join(where, name), "wb") as f:
            f.write(data)


def run(case, version, keep=None):
    """Loads a case once and says whether its sign appeared."""
    how, _, opt = case["how"].partition(":")
    where = tempfile.mkdtemp(prefix="fire-")
    try:
        prepare(case, where)
        report = os.path.join(where, "report")
        env = {"PATH": os.path.dirname(python(version)) + ":/usr/bin:/bin", "HOME": where, "WEIR_REPORT": report, "WEIR_ARG": opt, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "",
               "MLFLOW_ALLOW_FILE_STORE": "true", "PYTHONPATH": os.path.join(where, "site"), "PYTHONWARNINGS": "ignore", "USER": "nobody", "PYTHONDONTWRITEBYTECODE": "1"}
        if opt == "torch":
            os.makedirs(os.path.join(where, "site"), exist_ok=True)
            for n in ("torch", "torchgen"):
                if os.path.isdir("/usr/lib/python3/dist-packages/" + n):
                    os.symlink("/usr/lib/python3/dist-packages/" + n, os.path.join(where, "site", n))
        p = subprocess.Popen([python(version), "-c", CHILD + HOWS[how]], cwd=where, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)
        try:
            text = p.communicate(timeout=150)[0]
        except subprocess.TimeoutExpired:
            text = "timeout"
        finally:
            try:
                os.killpg(p.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        with open(report) as f:
            said = f.read()
        sign = case["sign"]
        if sign == "poem":
            return "The Zen of Python" in text, text
        if sign == "connect":
            return "connect ('127." in said, text + said
        if sign == "outside":
            return "/outside/" in said, text + said
        if sign == "etc":
            return " /etc\n" in said, text + said
        if sign == "title":
            page = os.path.join(where, "card.html") if how == "recipe-card" else glob.glob(os.path.join(where, "m", "**", "*.html"), recursive=True)[0]
            return "<title>fired</title>" in browser(page), text
        return bool(glob.glob(os.path.join(where, sign)) + glob.glob(os.path.join(where, "m", sign))), text  # projects and recipes run in their folder
    finally:
        shutil.rmtree(where, ignore_errors=True)


def versions(case):
    how, _, opt = case["how"].partition(":")
    return {"2": ["2.22"], "3": ["3.17"], "torch": ["2.22"]}.get(opt) or ONLY.get(how) or ["2.22", "3.17"]


def fire(change, only="*"):
    lines, bad = load(), []
    todo = [(l, v) for l in lines if "technique" in l and (fnmatch.fnmatch(os.path.basename(l["path"]), only) or only == "new" and not l["fires"]) for v in versions(l)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for (case, version), (acted, text) in zip(todo, pool.map(lambda t: run(*t), todo)):
            print("%-5s %-45s %s" % ("acts" if acted else "-", case["path"], version), flush=True)
            if not acted:
                print("      " + "\n      ".join(text.strip().splitlines()[-4:]))
            if acted and change and version not in case["fires"]:
                case["fires"] = sorted(case["fires"] + [version])
            if not acted and version in case["fires"]:
                bad.append(case["path"])
                if change:
                    case["fires"].remove(version)
    if change:
        save(lines)
    elif bad:
        sys.exit("models.py: no longer acts: " + " ".join(bad))


ORACLE = r"""
import os, sys
root = os.path.abspath("m") + os.sep
beside = os.path.abspath(".") + os.sep
report = open(os.environ.pop("WEIR_REPORT"), "a", buffering=1)
def hook(event, args):
    try:
        if event == "exec":
            p = os.path.abspath(args[0].co_filename)
            if p.startswith(root): report.write("ran %s\n" % p[len(root):])
        elif event == "open" and isinstance(args[0], (str, bytes)):
            p = os.path.abspath(os.fsdecode(args[0]))
            if p.startswith(beside) and not p.startswith(root) and p != beside + "report" and "/." not in p and not p.startswith((beside + "mlruns", beside + "home")) and p != beside + "site": report.write("opened %s\n" % os.path.relpath(p, root))
    except Exception: pass
sys.addaudithook(hook)
sys.argv = ["", ""]
"""


def oracle(weir):
    """Every file of the model that ran and every file outside that was opened must be among what weir says of the model."""
    ran = opened = bad = models = 0

    def one(job):
        case, version = job
        where = tempfile.mkdtemp(prefix="oracle-")
        try:
            prepare({"outside": {}, **case}, where)
            report = os.path.join(where, "report")
            open(report, "w").close()
            env = {"PATH": "/usr/bin:/bin", "HOME": where + "/home", "WEIR_REPORT": report, "MLFLOW_ALLOW_FILE_STORE": "true", "PYTHONWARNINGS": "ignore", "PYTHONPATH": os.path.join(where, "site"),
                   "PYTHONDONTWRITEBYTECODE": "1", "CUDA_VISIBLE_DEVICES": ""}
            subprocess.run([python(version), "-c", ORACLE + HOWS["pyfunc"]], cwd=where, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=150)
            with open(report) as f:
                seen = sorted(set(f.read().splitlines()))
            said = subprocess.run([weir, "scan", "m", "--facts", "--format", "jsonl"], cwd=where, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
            return case["path"], seen, [json.loads(l) for l in said.splitlines()]
        finally:
            shutil.rmtree(where, ignore_errors=True)

    jobs = [(c, c["mlflow"].rpartition(".")[0]) for c in load() if c.get("loaded")] + [(c, versions(c)[-1]) for c in load() if c.get("how", "").startswith("pyfunc")]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for path, seen, events in pool.map(one, jobs):
            models += 1
            facts = [e["fact"] for e in events if "fact" in e]
            findings = [e["finding"] for e in events if "finding" in e]
            for line in seen:
                kind, _, what = line.partition(" ")
                if "<" in what:
                    continue  # a traceback that looks for its source
                what = what.split(".zip/")[0] + (".zip" if ".zip/" in what else "")
                if kind == "ran":
                    ran += 1
                    ok = any(f["path"] == "m/" + what and f["kind"] in ("code", "call", "note", "member") for f in facts)
                else:
                    opened += 1
                    ok = any(f["kind"] == "setting" and (what + "/").startswith(os.path.normpath(f["fact"]["value"]) + "/") for f in facts if f["fact"].get("value")) or \
                        any("mlflow/loader-module" == f["rule"] and what.startswith("../site/") for f in findings)
                if not ok:
                    bad += 1
                    print("not said: %s: %s" % (path, line))
    print("%d models, %d files of theirs ran, %d outside were opened, %d of those not said" % (models, ran, opened, bad))
    if bad or not ran or not opened:
        sys.exit(1)


if __name__ == "__main__":
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "make":
        make()
    elif what in ("fire", "check"):
        fire(what == "fire", *sys.argv[2:3])
    elif what == "oracle":
        oracle(os.path.abspath(sys.argv[2]))
    elif what == "card":
        sys.stdout.write(card())
    else:
        sys.exit(__doc__)
