"""Write down what every module attribute of the packages of one interpreter really is. Runs on Python 2.7 and 3.6 and later.

    python live.py OUT.jsonl.gz stdlib numpy scipy ...

One line of JSON per module. Packages are imported one after another in processes of their own, with a time limit, so that one that hangs
or crashes costs only itself. Modules that do something when imported, tests and programs are left out."""

from __future__ import print_function

import gzip
import inspect
import json
import os
import re
import subprocess
import sys
import threading
import types

SKIP = re.compile(
    r"(^|\.)(tests?|_tests|testsuite|conftest|__main__|setup|antigravity|this|idlelib|turtledemo|turtle|user|lib2to3|"
    r"_pytest|examples|benchmarks|tkinter\.__main__|pip|setuptools|_test.*|xxlimited.*|_xxtestfuzz|xxsubtype|site-packages|"
    r"dist-packages|config-.*|lib-dynload|lib-tk|plat-.*|msilib|_sysconfigdata.*|ensurepip|distutils\.command\.bdist_.*)(\.|$)"
)
EXT = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)(\.[A-Za-z0-9_.-]*)?\.(so|pyd)$|^([A-Za-z_][A-Za-z0-9_]*)(module)\.so$")
SPECIAL = (
    "__new__ __init__ __setstate__ __reduce__ __reduce_ex__ __getstate__ __getnewargs__ __getnewargs_ex__ __del__ __setattr__ __delattr__ "
    "__getattr__ __getattribute__ __hash__ __eq__ __cmp__ __setitem__ __call__ __init_subclass__ __array_finalize__ __finalize__ "
    "append extend add update __set_state __instancecheck__ __subclasscheck__"
).split()
LIMIT = 240  # seconds for one package
PY2 = sys.version_info[0] == 2
text = type(u"")


def modules_under(folder, prefix):
    """Names of the modules in a folder, without importing anything."""
    out = []
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return out
    for n in names:
        path = os.path.join(folder, n)
        if os.path.isdir(path):
            if re.match(r"^[A-Za-z_][A-Za-z0-9_]*$", n) and (prefix == "" or True):
                if os.path.exists(os.path.join(path, "__init__.py")) or prefix:
                    name = prefix + n
                    if not SKIP.search(name) and n != "__pycache__":
                        out.append(name)
                        out += modules_under(path, name + ".")
            continue
        if n.endswith(".py") and n != "__init__.py":
            name = prefix + n[:-3]
        else:
            m = EXT.match(n)
            if not m:
                continue
            name = prefix + (m.group(1) or m.group(4))
        if re.match(r"^[A-Za-z_][A-Za-z0-9_.]*$", name) and not SKIP.search(name):
            out.append(name)
    return out


def stdlib():
    folder = os.path.dirname(os.__file__)
    out = [m for m in sys.builtin_module_names if not SKIP.search(m)]
    out += modules_under(folder, "")
    for extra in ("lib-dynload", "lib-tk"):
        out += modules_under(os.path.join(folder, extra), "")
    return sorted(set(out))


def package(name):
    if PY2:
        import imp

        path = imp.find_module(name)[1]
    else:
        import importlib.util

        spec = importlib.util.find_spec(name)
        if spec is None:
            return []
        path = spec.submodule_search_locations[0] if spec.submodule_search_locations else spec.origin
    if path and os.path.isdir(path):
        return [name] + modules_under(path, name + ".")
    return [name]


def kind(o):
    if isinstance(o, types.ModuleType):
        return "M"
    if inspect.isclass(o) or PY2 and isinstance(o, types.ClassType):
        return "C"
    if callable(o) and (
        inspect.isroutine(o) or type(o).__name__ in ("ufunc", "_lru_cache_wrapper", "cython_function_or_method", "builtin_function_or_method",
                                                      "fused_cython_function", "_dispatchable", "_dispatch", "_ArrayFunctionDispatcher", "OpOverloadPacket", "OpOverload")
    ):
        return "F"
    return "O"


def name_of(o):
    q = getattr(o, "__qualname__", None) or getattr(o, "__name__", None)
    m = getattr(o, "__module__", None)
    if not isinstance(q, (str, text)):
        q = None
    if not isinstance(m, (str, text)):
        s = getattr(o, "__self__", None)
        m = s.__name__ if isinstance(s, types.ModuleType) else None
    return m, q


def walk(mod, qual):
    o = sys.modules.get(mod)
    for part in qual.split("."):
        if o is None:
            return None
        try:
            o = o.__dict__[part]
        except Exception:
            return None
    return o


class Namer(object):
    """Finds where an object is really defined: under the name that it gives itself when that leads to it, else where it is seen."""

    def __init__(self):
        self.seen = {}

    def index(self):
        for m in sorted(sys.modules):
            mod = sys.modules[m]
            if not isinstance(mod, types.ModuleType):
                continue
            for a, o in sorted(getattr(mod, "__dict__", {}).items(), key=lambda kv: str(kv[0])):
                if isinstance(a, (str, text)) and kind_safe(o) in "CF":
                    old = self.seen.get(id(o))
                    here = (m, a)
                    if old is None or (name_of_safe(o)[1] == a) and old[1] != a:
                        self.seen[id(o)] = here

    def canonical(self, o):
        m, q = name_of_safe(o)
        if m and q and "<" not in q and walk(m, q) is o:
            return m, q
        return self.seen.get(id(o), (m, q))


def kind_safe(o):
    try:
        return kind(o)
    except Exception:
        return "O"


def name_of_safe(o):
    try:
        return name_of(o)
    except Exception:
        return None, None


def source_of(o):
    """Where the code of a function stands, whatever it calls itself."""
    for _ in range(8):
        o = getattr(o, "__func__", o)
        inner = getattr(o, "__wrapped__", None) or getattr(o, "orig_func", None)
        if inner is None:
            break
        o = inner
    if isinstance(o, types.FunctionType):
        return "%s:%s" % (o.__globals__.get("__name__"), getattr(o, "__qualname__", o.__name__))
    return None


def path_of(cls, namer):
    m, q = namer.canonical(cls)
    return "%s:%s" % (m, q)


def facts(cls, namer):
    """What of a class matters to whoever makes an instance of it from a pickle."""
    out = {}
    try:
        mro = cls.__mro__
    except AttributeError:  # a class of the old style in Python 2
        return {"old": 1, "mro": [path_of(cls, namer)]}
    out["mro"] = [path_of(c, namer) for c in mro]
    special = {}
    for n in SPECIAL:
        for c in mro:
            f = c.__dict__.get(n)
            if f is not None:
                src = source_of(f)
                special[n] = [path_of(c, namer), "py", src] if src else [path_of(c, namer), "c"]
                break
    new = getattr(cls, "__new__", None)
    if not isinstance(new, types.FunctionType):
        owner = getattr(new, "__self__", None)
        if inspect.isclass(owner):
            special["__new__"] = [path_of(owner, namer), "c"]
    out["sp"] = special
    out["meta"] = path_of(type(cls), namer)
    # __module__ stands in the dict of classes made by a class statement; heap types made in C have it too, but no functions in Python.
    if not (cls.__flags__ & (1 << 9)):
        out["static"] = 1
    try:
        out["exc"] = int(issubclass(cls, BaseException))
    except Exception:
        pass
    if "__dataclass_fields__" in cls.__dict__ or "__attrs_attrs__" in cls.__dict__:
        out["dc"] = 1
    if issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple):
        out["nt"] = 1
    enum = sys.modules.get("enum")
    if enum and isinstance(cls, getattr(enum, "EnumMeta", ())):
        out["enum"] = 1
    # Attributes that are really something else: a module, a class, a function of another place.
    nested = {}
    for a, o in list(cls.__dict__.items()):
        if not isinstance(a, str) or a.startswith("__"):
            continue
        o = getattr(o, "__func__", o)
        k = kind_safe(o)
        if k == "M":
            nested[a] = ["M", o.__name__, ""]
        elif k == "C":
            nested[a] = ["C"] + list(namer.canonical(o))
        elif k == "F":
            m, q = namer.canonical(o)
            if m and q and "<" not in q and "." not in q:
                nested[a] = ["F", m, q]
    if nested:
        out["nested"] = nested
    methods = sorted(a for a, o in cls.__dict__.items() if isinstance(a, str) and kind_safe(getattr(o, "__func__", o)) == "F")
    if methods:
        out["methods"] = methods
    return out


def child(names):
    """Import the modules named and describe all that are loaded."""
    import warnings

    warnings.simplefilter("ignore")
    out = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.dup2(null, 2)
    wanted = set(names)
    failed = {}
    for n in names:
        try:
            __import__(n)
        except BaseException as e:
            failed[n] = type(e).__name__
    namer = Namer()
    namer.index()
    classes = {}
    tops = set(n.split(".")[0] for n in names)
    for m in sorted(sys.modules):
        mod = sys.modules[m]
        if not isinstance(mod, types.ModuleType) or m.split(".")[0] not in tops and m not in wanted or SKIP.search(m) or m == "__main__":
            continue
        attrs = {}
        for a, o in list(getattr(mod, "__dict__", {}).items()):
            if not isinstance(a, str) or a in ("__builtins__", "__loader__", "__spec__", "__cached__"):
                continue
            try:
                k = kind(o)
                if k == "M":
                    attrs[a] = ["M", o.__name__, ""]
                elif k in "CF":
                    cm, cq = namer.canonical(o)
                    attrs[a] = [k, cm, cq]
                    if k == "F":
                        src = source_of(o)
                        if src and src != "%s:%s" % (cm, cq):
                            attrs[a].append(src)
                    if k == "C":
                        key = "%s:%s" % (cm, cq)
                        if key not in classes:
                            classes[key] = facts(o, namer)
                            for nest, what in classes[key].get("nested", {}).items():
                                c = o.__dict__[nest]
                                nk = "%s:%s" % tuple(what[1:3])
                                if what[0] == "C" and nk not in classes and inspect.isclass(c):
                                    classes[nk] = facts(c, namer)
                elif not a.startswith("__"):
                    t = type(o)
                    attrs[a] = ["O", t.__module__, getattr(t, "__qualname__", t.__name__)]
            except BaseException as e:
                attrs[a] = ["O", "?", type(e).__name__]
        rec = {"m": m, "name": getattr(mod, "__name__", m), "a": attrs}
        out.write((json.dumps(rec, sort_keys=True) + "\n").encode())
    out.write((json.dumps({"classes": classes, "failed": failed}, sort_keys=True) + "\n").encode())
    out.flush()
    os._exit(0)


def versions(tops):
    found = {}
    try:
        from importlib.metadata import distributions
    except ImportError:
        try:
            import pkg_resources

            for d in pkg_resources.working_set:
                found[d.project_name.lower()] = d.version
        except ImportError:
            pass
        return found
    for d in distributions():
        found[(d.metadata["Name"] or "").lower()] = d.version
    return found


def main():
    if sys.argv[1] == "--child":
        child(sys.argv[2:])
        return
    out, tops = sys.argv[1], sys.argv[2:]
    py = ".".join(str(x) for x in sys.version_info[:3])
    with gzip.open(out, "wb") as f:
        f.write((json.dumps({"python": py, "versions": versions(tops)}) + "\n").encode())
        for top in tops:
            names = stdlib() if top == "stdlib" else package(top)
            env = dict(os.environ, MPLBACKEND="agg", PYTHONWARNINGS="ignore", CUDA_VISIBLE_DEVICES="", PYTHONDONTWRITEBYTECODE="1")
            # argv bounds: the standard library in a few batches, so that a crash costs one of them
            size = 120 if top == "stdlib" else 100000
            for i in range(0, len(names), size):
                batch = names[i : i + size]
                p = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--child"] + batch, stdout=subprocess.PIPE, env=env)
                timer = threading.Timer(LIMIT, p.kill)
                timer.start()
                data = p.communicate()[0]
                timer.cancel()
                f.write(data)
                print(top, len(batch), "modules,", len(data), "bytes, exit", p.returncode, file=sys.stderr)


if __name__ == "__main__":
    main()
