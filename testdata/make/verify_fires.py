#!/usr/bin/env python3
"""Loads every malicious fixture with the real loader and notes in manifest.json on which interpreters its canary appeared.

    verify_fires.py [--only GLOB] [--jobs N] [--check] [--new]

Each load is a process of its own, in an empty temporary folder that is also its HOME, with limits on time, memory
and file size. --check changes nothing and fails when something that the manifest says fires no longer does, on the
interpreters found here. --new looks only at entries that have not fired yet.
"""
import argparse
import ast
import base64
import bz2
import collections
import concurrent.futures
import fnmatch
import glob
import gzip
import io
import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
OUT = os.path.join(ROOT, "testdata", "malicious")

# Runs in the throwaway process; must be good for Python 2.7 too. argv: loader, file, kind of unpickler, canary.
CHILD = r'''
import os, sys
loader, path, kind, canary = sys.argv[1:5]
if loader.split(':')[0] not in ('pickle', 'shelve'):
    sys.argv = ['']
report = int(os.environ.pop('WEIR_REPORT'))
def say(s):
    try: os.write(report, (s + '\n').encode('utf-8', 'replace'))
    except Exception: pass
try:
    import resource
    gib = 12 if loader.split(':')[0] not in ('pickle',) else 2
    for lim, v in ((resource.RLIMIT_CPU, 20), (resource.RLIMIT_FSIZE, 64 << 20), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_AS, gib << 30)):
        resource.setrlimit(lim, (v, v))
except Exception: pass
if hasattr(sys, 'addaudithook'):
    def hook(event, args, say=say, canary=canary):
        if event in ('socket.connect', 'socket.getaddrinfo', 'socket.sendto'): say('connect')
        elif event == 'open' and 'weir-secret' in str(args[0]): say('read')
        elif event == 'import' and canary == 'import:' + str(args[0]): say('import ' + canary[7:]) # others would fill the pipe
    sys.addaudithook(hook)
elif canary == 'connect':
    import socket
    def wrap(f):
        def g(*a, **k):
            say('connect'); return f(*a, **k)
        return g
    socket.getaddrinfo = wrap(socket.getaddrinfo)
    socket.create_connection = wrap(socket.create_connection)
del say
def load():
    name, _, opt = loader.partition(':')
    if name == 'pickle':
        f = open(path, 'rb')
        kw = {}
        stream = False
        for o in opt.split(','):
            k, _, v = o.partition('=')
            if k == 'at': f.seek(int(v))
            elif k == 'stream': stream = True
            elif k: kw[k] = v
        if sys.version_info[0] == 2:
            import pickle, cPickle
            fn = cPickle.load if kind == 'C' else pickle.load
        else:
            import pickle
            fn = pickle.load if kind == 'C' else pickle._load
        obj = fn(f, **kw)
        while stream:
            obj = fn(f, **kw)
        return obj
    if name == 'torch.load':
        import torch
        return torch.load(path, **({'weights_only': True} if opt == 'weights_only' else {'weights_only': False}))
    if name == 'torch.jit.load':
        import torch
        m = torch.jit.load(path)
        if opt == 'forward': return m(torch.ones(2))
        return m
    if name == 'torch.package':
        import torch.package
        mod, res = opt.split('/', 1)
        imp = torch.package.PackageImporter(path)
        if mod == 'import': return imp.import_module(res)
        return imp.load_pickle(mod, res)
    if name == 'joblib.load':
        import joblib
        return joblib.load(path)
    if name == 'joblib.load-mmap':
        import joblib
        return joblib.load(path, mmap_mode='r')
    if name == 'numpy.load':
        import numpy
        d = numpy.load(path, allow_pickle=True)
        if opt == 'all' or hasattr(d, 'files'):
            for k in d.files: d[k]
        return d
    if name == 'numpy.load-plain':
        import numpy
        return numpy.load(path)
    if name == 'pandas.read_pickle':
        import pandas
        return pandas.read_pickle(path)
    if name == 'pandas.read_hdf':
        import pandas
        return pandas.read_hdf(path)
    if name == 'dill.load':
        import dill
        return dill.load(open(path, 'rb'))
    if name == 'cloudpickle.load':
        import cloudpickle
        return cloudpickle.load(open(path, 'rb'))
    if name == 'framework':
        # A plain pickle that needs the named package to be installed.
        import pickle
        fn = pickle.load if kind == 'C' else pickle._load
        return fn(open(path, 'rb'))
    if name == 'shelve':
        import shelve, shutil
        shutil.copy(path, 'db.dat')
        open('db.dir', 'w').write("'k', (0, %d)\n" % os.path.getsize(path))
        import dbm.dumb
        return shelve.Shelf(dbm.dumb.open('db', 'r'))['k']
    if name == 'marshal':
        import marshal
        exec(marshal.load(open(path, 'rb')), {})
        return
    raise SystemExit('no loader ' + name)
def main():
    try:
        load()
        os.write(report, b'loaded\n')
    except MemoryError:
        os.write(report, b'crash MemoryError\n')
    except RecursionError if sys.version_info[0] > 2 else RuntimeError:
        os.write(report, b'crash RecursionError\n')
    except BaseException as e:
        try: os.write(report, ('raised %s: %s\n' % (type(e).__name__, str(e)[:300].replace('\n', ' '))).encode('utf-8', 'replace'))
        except Exception: pass
    if canary.startswith('import:') and canary[7:] in sys.modules:
        os.write(report, ('import ' + canary[7:] + '\n').encode())
    if canary.startswith('python:'):
        g = {'os': os, 'sys': sys}
        try:
            if eval(canary[7:], g): os.write(report, b'python\n')
        except Exception as e:
            os.write(report, ('expression %r\n' % (e,)).encode())
main()
'''


def interpreters():
    found = {}
    for exe in sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin/python"))):
        v = ".".join(exe.split(os.sep)[-3].split(".")[:2])
        found[v] = exe
    for v in ("2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"):
        if v not in found and shutil.which("python" + v):
            found[v] = shutil.which("python" + v)
    return found


FRAMEWORK_PYTHONS = ["/usr/bin/python3"] + sorted(p for p in glob.glob(os.path.join(ROOT, ".cache", "venv", "*", "bin", "python")) if "bench" not in p)
_probed = {}


def probe(module):
    """Every interpreter that can import module, with the version it has: label -> executable."""
    if module not in _probed:
        found = {}
        for exe in FRAMEWORK_PYTHONS:
            try:
                out = subprocess.run([exe, "-c", "import sys, %s as m; top = sys.modules[%r]; print('%%d.%%d %s %%s' %% (sys.version_info[0], "
                                      "sys.version_info[1], getattr(top, '__version__', '')))" % (module, module.split(".")[0], module.split(".")[0])],
                                     capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
            except OSError:  # an environment that somebody made anew meanwhile
                continue
            if out.returncode == 0 and out.stdout.strip():
                found.setdefault(out.stdout.strip().splitlines()[-1], exe)
        _probed[module] = found
    return _probed[module]


# The flags of the two ways in which Java streams are tried: as H2O is started on JDK 17 (and with the cache of addresses open, to see
# what was looked up), and with what attacks through the JDK's XML and JDBC classes need there.
JAVA = {
    "": ["--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.net=ALL-UNNAMED"],
    " opened": ["--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.net=ALL-UNNAMED", "--add-opens=java.base/java.util=ALL-UNNAMED",
                "--add-opens=java.xml/com.sun.org.apache.xalan.internal.xsltc.trax=ALL-UNNAMED", "--add-opens=java.sql.rowset/com.sun.rowset=ALL-UNNAMED",
                "-Djdk.xml.enableTemplatesImplDeserialization=true"],
}


def jvms():
    """Every JVM of the versions that fixtures name, by version."""
    found = {}
    for exe in sorted(glob.glob("/usr/lib/jvm/*/bin/java")) + [shutil.which("java") or ""]:
        if os.access(exe, os.X_OK):
            out = subprocess.run([exe, "-version"], capture_output=True, text=True).stderr
            found.setdefault(out.partition('version "')[2].partition('"')[0].split(".")[0], exe)
    return found


def run_java(exe, data, canary, way):
    """Reads the streams in data in a throwaway JVM (Fire.java); returns (fired, what was seen)."""
    sys.path.insert(0, os.path.join(HERE, "java"))
    from run import CLASSPATH
    with tempfile.TemporaryDirectory(prefix="weir-fires-") as top:
        cwd = os.path.join(top, "cwd")
        os.mkdir(cwd)
        with open(os.path.join(top, "model"), "wb") as f:
            f.write(data)
        late = False
        cmd = [exe, "-Xmx256m", "-XX:TieredStopAtLevel=1"] + JAVA[way] + ["-cp", CLASSPATH, "Fire", os.path.join(top, "model")]
        try:
            out = subprocess.run(cmd, cwd=cwd, env={"PATH": "/usr/bin:/bin", "HOME": cwd}, capture_output=True, text=True, timeout=20).stdout
        except subprocess.TimeoutExpired as e:
            late, out = True, (e.stdout or b"").decode("utf-8", "replace")
        lines = out.splitlines()
        fired = {"file": bool(os.listdir(cwd)), "connect": "connect" in lines, "crash": late or any(x.startswith("crash") for x in lines)}.get(canary, False)
        return fired, " | ".join(x for x in lines if not x.startswith("resolved"))[-400:] + (" late" if late else "")


def step(op, data):
    """One step of unpacking before the loader."""
    verb, _, arg = op.partition(" ")
    if verb == "javamagic":  # the stream that begins so many magics later
        at = 0
        for _ in range(int(arg)):
            at = data.index(b"\xac\xed\0\5", at + 1)
        return data[at:]
    if verb == "base64at":  # base64 of either alphabet from a word on
        text = data[data.index(arg.encode()):].replace(b"\n", b"").replace(b"\r", b"").replace(b"-", b"+").replace(b"_", b"/")
        n = next((i for i, c in enumerate(text) if not (chr(c).isalnum() or chr(c) in "+/")), len(text))
        return base64.b64decode(text[:n] + b"=" * (-n % 4))
    if verb == "carve":
        return data[int(arg):]
    if verb == "base64":
        start = data.index(arg.encode()) + len(arg) if arg else 0
        return base64.b64decode(bytes(c for c in data[start:] if chr(c) not in "\n\r ").split(b'"')[0])
    if verb == "base64url":
        start = data.index(arg.encode()) + len(arg)
        return base64.urlsafe_b64decode(data[start:].split(b'"')[0])
    if verb == "inflate":
        return zlib.decompressobj(-15).decompress(data[int(arg):])
    if verb == "zlib":
        return zlib.decompress(data)
    if verb == "jsonlatin1":
        return json.loads(data)[arg].encode("latin1")
    if verb == "jsonlist":
        return bytes(json.loads(data)[arg])
    if verb == "pyliteral":
        return ast.literal_eval(data.decode().partition("=")[2].strip())
    if verb == "hex":
        return bytes.fromhex(data[int(arg or 0):].decode("ascii", "ignore").strip())
    if verb == "gzip":
        return gzip.decompress(data)
    if verb == "bz2":
        return bz2.decompress(data)
    if verb == "xz":
        return lzma.decompress(data)
    if verb == "zip":
        with zipfile.ZipFile(io.BytesIO(data)) as z:
            return z.read(arg)
    if verb == "tar":
        with tarfile.open(fileobj=io.BytesIO(data)) as t:
            return t.extractfile(arg).read()
    if verb in ("7z", "zstd", "lz4"):
        with tempfile.TemporaryDirectory() as d:
            with open(os.path.join(d, "in"), "wb") as f:
                f.write(data)
            cmd = {"7z": ["7z", "e", "-so", "in", arg], "zstd": ["zstd", "-dcq", "in"], "lz4": ["lz4", "-dcq", "in"]}[verb]
            return subprocess.run(cmd, cwd=d, check=True, capture_output=True).stdout
    raise ValueError(op)


def run(exe, loader, data, suffix, kind, canary, timeout):
    """Loads data once; returns (fired, what was seen)."""
    with tempfile.TemporaryDirectory(prefix="weir-fires-") as top:
        cwd = os.path.join(top, "cwd")
        os.mkdir(cwd)
        path = os.path.join(top, "model" + suffix)
        with open(path, "wb") as f:
            f.write(data)
        child = os.path.join(top, "child.py")
        with open(child, "w") as f:
            f.write(CHILD)
        if canary in ("read", "gone"):
            with open(os.path.join(cwd, "weir-secret"), "w") as f:
                f.write("weir secret\n")
        r, w = os.pipe()
        env = {"PATH": "/usr/bin:/bin", "HOME": cwd, "TMPDIR": cwd, "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8",
               "WEIR_REPORT": str(w), "MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        for k in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
            if k in os.environ:
                env[k] = os.environ[k]
        late = False
        p = subprocess.Popen([exe, child, loader, path, kind, canary], cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=(w,), start_new_session=True)
        os.close(w)
        try:
            out, _ = p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            late = True
            try:
                os.killpg(p.pid, 9)
            except ProcessLookupError:
                pass
            try:
                out, _ = p.communicate(timeout=5)
            except subprocess.TimeoutExpired:
                out = b""
        os.set_blocking(r, False)
        seen = b""
        try:
            while True:
                part = os.read(r, 65536)
                if not part:
                    break
                seen += part
        except BlockingIOError:
            pass
        os.close(r)
        lines = seen.decode("utf-8", "replace").splitlines()
        if canary == "file":
            fired = any(f.startswith("weir-canary") and f != "weir-canary.in" for _, dirs, files in os.walk(cwd) for f in dirs + files)
        elif canary in ("connect", "read"):
            fired = canary in lines
        elif canary == "gone":
            fired = not os.path.exists(os.path.join(cwd, "weir-secret"))
        elif canary == "stdout":
            fired = b"weir-canary" in out
        elif canary == "crash":
            fired = late or p.returncode < 0 or any(x.startswith("crash") for x in lines) or b"MemoryError" in out or any(x.startswith("raised SystemError") for x in lines)
        elif canary.startswith("import:"):
            fired = "import " + canary[7:] in lines
        elif canary.startswith("python:"):
            fired = "python" in lines
        else:
            raise ValueError(canary)
        said = " | ".join(x for x in lines if not x.startswith("import"))
        return fired, "%s rc=%s%s %s" % (said, p.returncode, " late" if late else "", out.decode("utf-8", "replace")[-400:].replace("\n", " / "))


def attempts(entry, pythons):
    """(label, executable, kind) of each way to load the entry."""
    loader = entry["loader"].split(">")[-1].strip()
    name, _, opt = loader.partition(":")
    if name in ("pickle", "shelve", "marshal"):
        for v in entry["on"]:
            if v in pythons:
                kinds = ("C", "Py") if name == "pickle" else ("C",)
                for kind in kinds:
                    yield "%s %s" % (v, kind), pythons[v], kind
        return
    if name == "framework":
        for label, exe in sorted(probe(opt).items()):
            yield label, exe, "C"
        return
    if name == "java":
        for v, exe in sorted(jvms().items()):
            if v in entry["on"]:
                for way in JAVA:
                    yield "java " + v + way, exe, way
        return
    module = {"torch.load": "torch", "torch.jit.load": "torch", "torch.package": "torch"}.get(name, name.split(".")[0])
    for label, exe in sorted(probe(module).items()):
        yield label, exe, "C"


def verify(entry, pythons, verbose):
    with open(os.path.join(OUT, entry["path"]), "rb") as f:
        data = f.read()
    steps = [s.strip() for s in entry["loader"].split(">")]
    if steps[-1].startswith("none"):
        return None
    try:
        for s in steps[:-1]:
            data = step(s, data)
    except Exception as e:  # a fixture that no longer unpacks is reported, not fatal
        return [], [("unpack", repr(e))]
    suffix = os.path.splitext(entry["path"])[1] if len(steps) == 1 else ".pkl"
    fires, log, tried = [], [], 0
    for label, exe, kind in attempts(entry, pythons):
        if not os.access(exe, os.X_OK):
            continue  # gone since it was found
        tried += 1
        if steps[-1] == "java":
            if fires:
                continue  # what needs no opened modules needs no second try
            ok, seen = run_java(exe, data, entry["canary"], kind)
        else:
            ok, seen = run(exe, steps[-1], data, suffix, kind, entry["canary"], 8 if entry["canary"] == "crash" else 40)
        log.append((label, seen))
        if ok:
            fires.append(label)
        if verbose:
            print("   %-22s %s %s" % (label, "FIRED" if ok else "-----", seen))
    return (fires, log) if tried else None


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", default="*")
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--check", action="store_true")
    ap.add_argument("--new", action="store_true")
    ap.add_argument("-v", action="store_true")
    a = ap.parse_args()
    manifest = os.path.join(OUT, "manifest.json")
    with open(manifest) as f:
        entries = json.load(f)
    if not entries:
        sys.exit("the manifest is empty")
    pythons = interpreters()
    chosen = [e for e in entries if fnmatch.fnmatch(e["path"], a.only) and not (a.new and e["fires"])]
    if any(e["loader"].split(">")[-1].strip() == "java" for e in chosen):
        sys.path.insert(0, os.path.join(HERE, "java"))
        from run import prepare
        prepare()
    lost = silent = 0
    missing = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for e, res in zip(chosen, pool.map(lambda e: verify(e, pythons, a.v), chosen)):
            if res is None:
                print("%-60s not tried (%s)" % (e["path"], e["loader"]))
                continue
            fires, log = res
            if a.check:
                tried = {label for label, _ in log}
                gone = [x for x in e["fires"] if x in tried and x not in fires]
                missing.update(x for x in e["fires"] if x not in tried)
                if gone:
                    lost += 1
                    print("%-60s NO LONGER FIRES on %s" % (e["path"], ", ".join(gone)))
                continue
            tried = {label for label, _ in log}
            e["fires"] = fires + [x for x in e["fires"] if x not in tried]
            print("%-60s %2d of %2d  %s" % (e["path"], len(fires), len(log), "" if fires else "SILENT: " + str(log[-1:])[:300]), flush=True)
            silent += not fires and not e.get("accepted_by")
    if a.check:
        for label, n in sorted(missing.items()):
            print("%-60s not tried: %d that fired there (setup.sh all)" % (label, n))
        print("%d entries checked, %d lost" % (len(chosen), lost))
        sys.exit(1 if lost else 0)
    sys.path.insert(0, os.path.join(HERE, "malicious"))
    sys.dont_write_bytecode = True
    from generate import write_manifest
    write_manifest(manifest, entries)
    print("%d entries, %d fire; of those tried now %d are silent" % (len(entries), sum(bool(e["fires"]) for e in entries), silent))


if __name__ == "__main__":
    main()
