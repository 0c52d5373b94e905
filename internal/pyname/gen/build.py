"""Merge the curated tables and what live.py and static.py saw into the binary volumes that pyname embeds. See README.md.

    python build.py [FOLDER with live/ and static/]

Without a folder only the curated tables are written."""

import collections
import glob
import gzip
import json
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "data")
POWERS = {"X": 1, "I": 2, "F": 4, "N": 8, "L": 16, "D": 32, "E": 64, "C": 128, "A": 256}
REFLECT = 512
STOP = 0x8000  # a module that its parents' judgement does not cover
OWN = 0x4000  # a power of names that are in no version of the module, and not of its submodules
HARD = 1 | 2 | 4 | 8 | 16 | 32 | 64
USES = {"n": 1, "i": 2, "s": 4, "c": 8}
KINDS = {"unknown": 0, "module": 1, "class": 2, "function": 3, "object": 4}
# The order is that of shapeNames in fits.go; "-" is none.
SHAPES = [
    "-", "plain", "getattr", "reconstructor", "newobj", "encode", "enum", "factory", "apply", "getter", "methodcaller",
    "reconstruct", "scalar", "dtype", "frombuffer", "ufunc", "mareconstruct", "bitgenerator", "cython", "tensor", "rebuildtype", "zone",
    "one", "accessor", "setattr", "createarray", "distribution", "rangerepr", "fraction", "text",
]
USERCODE, ITEMS, CURATED = 1, 2, 4

FRAMEWORKS = set("pytz dateutil numpy scipy pandas sklearn joblib networkx lightgbm xgboost catboost torch torchvision h2o skops mlflow dill cloudpickle transformers accelerate trl".split())
# What their classes written in C or Cython do when made or given state has been looked at; the exceptions are in dangerous.txt.
C_TRUSTED = FRAMEWORKS - {"mlflow", "pytz", "dateutil", "transformers", "accelerate", "trl", "h2o", "dill", "cloudpickle"}
# Classes of the standard library that are written in C and only hold values.
C_STDLIB = set(
    "builtins __builtin__ exceptions _collections collections _datetime datetime _decimal decimal _struct array _random random _functools fractions types _io:BytesIO "
    "_io:StringIO itertools _operator uuid enum typing _typing functools abc _abc pathlib weakref ast _ast time _queue string copyreg dataclasses".split()
)
# Where the canonical module has a better known name.
PUBLIC = {
    "posix": "os", "nt": "os", "_io": "io", "_operator": "operator", "_functools": "functools", "_pickle": "pickle", "_collections": "collections",
    "_datetime": "datetime", "_decimal": "decimal", "_struct": "struct", "_random": "random", "exceptions": "builtins", "_pydatetime": "datetime",
    "_pydecimal": "decimal", "pathlib._local": "pathlib", "_frozen_importlib": "importlib._bootstrap",
    "_frozen_importlib_external": "importlib._bootstrap_external", "_collections_abc": "collections.abc",
}


class Rec:
    """What the index says of one module.attribute."""

    __slots__ = ("kind", "power", "safe", "shape", "flags", "target")

    def __init__(self, kind=0, power=0, safe=0, shape="-", flags=0, target=None):
        self.kind, self.power, self.safe, self.shape, self.flags, self.target = kind, power, safe, shape, flags, target

    def judgement(self):
        return (self.kind, self.power, self.safe, SHAPES.index(self.shape), self.flags & ~CURATED)


def rows(name, fields):
    """Read a curated table."""
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            parts = line.split("\t")
            if len(parts) != fields:
                sys.exit("%s:%d: %d fields, want %d" % (name, n, len(parts), fields))
            yield parts


def bits(table, text):
    n = 0
    for c in text:
        if c != "-":
            n |= table.get(c, 0)
    return n


class Curated:
    """The hand-written tables."""

    def __init__(self):
        self.power, self.wild, self.safe, self.user = {}, {}, {}, set()
        for module, names, power, _ in rows("dangerous.txt", 4):
            for name in names.split():
                if name == "?":
                    self.wild[module] = OWN | bits(POWERS, power)
                elif name == "*" and power == "-":
                    self.wild[module] = STOP
                elif name == "*":
                    self.wild[module] = self.wild.get(module, 0) | bits(POWERS, power)
                else:
                    self.power[(module, name)] = self.power.get((module, name), 0) | bits(POWERS, power)
        for module, names, kind, uses, shape, _ in rows("safe.txt", 6):
            if shape not in SHAPES or kind not in KINDS:
                sys.exit("safe.txt: shape %r or kind %r of %s is not known" % (shape, kind, module))
            for name in names.split():
                self.safe[(module, name)] = (KINDS[kind], bits(USES, uses), shape, ITEMS if "m" in uses else 0)
        for module, names, _ in rows("usercode.txt", 3):
            for name in names.split():
                self.user.add((module, name))

    def wildness(self, module):
        p = 0
        while module:
            w = self.wild.get(module, 0)
            if w == STOP:
                break
            if not w & OWN:
                p |= w
            module = module.rpartition(".")[0]
        return p

    def names(self):
        return set(self.power) | set(self.safe) | self.user


class World:
    """One environment: what is where, and what calls what."""

    def __init__(self, name):
        self.name = name
        self.modules, self.classes, self.funcs = {}, {}, {}
        self.source, self.setters = {}, set()
        self.versions, self.python = {}, ""

    def load_names(self, path, old):
        with gzip.open(path, "rt", encoding="utf-8") as f:
            for line in f:
                d = json.loads(line)
                if "python" in d:
                    self.python, self.versions = d["python"], d["versions"]
                elif "m" in d:
                    attrs = self.modules.setdefault(d["m"], {})
                    for a, rec in d["a"].items():
                        k, m, q = rec[:3]
                        src = rec[3] if len(rec) > 3 else None
                        if k in "CF" and m and q and old:
                            m, q = old(m, q)
                        if src and k == "F":
                            self.source["%s:%s" % (m, q)] = src
                        attrs[a] = (k, m, q)
                    if d["name"] != d["m"]:
                        self.modules.setdefault("=alias", {})[d["m"]] = d["name"]
                elif "classes" in d:
                    for k, v in d["classes"].items():
                        if old:
                            m, _, q = k.partition(":")
                            k = "%s:%s" % old(m, q)
                        self.classes[k] = v
                if "funcs" in d:
                    self.funcs = d["funcs"]
                    self.setters = set(d.get("setters", ()))


IMPLICIT = (
    "__iter__ __next__ __len__ __length_hint__ __getitem__ __contains__ __bool__ __str__ __repr__ __bytes__ __index__ __int__ __float__ "
    "__complex__ __array__ __array_interface__ __array_struct__ __reversed__ __lt__ __le__ __gt__ __ge__ __ne__ __format__ __fspath__ "
    "__array_ufunc__ __array_function__ __instancecheck__ __subclasscheck__ keys items values get"
).split()


ITERATES = set("__iter__ __next__ __len__ __getitem__ __array__ __index__ __int__ __float__ __bool__ __contains__ keys items".split())


# Where functions are held to be called while something goes through the data.
HOLDERS = ("torch.utils.data.", "torchvision.datasets.")


def defined_in(w):
    """Classes that call themselves after another module than the one that defines them, with the place of their code."""
    defined = {}
    for facts in w.classes.values():
        for sp in facts.get("sp", {}).values():
            if len(sp) > 2 and "." in sp[2].partition(":")[2]:
                defined.setdefault(sp[0], sp[2].rpartition(".")[0])
    return defined


class Judge:
    """Judges the objects of one world."""

    def __init__(self, world, curated, extra):
        self.w, self.c = world, curated
        self.funcs = dict(extra)
        self.funcs.update(world.funcs)
        self.risky = set()
        for k, rec in self.funcs.items():
            mod, _, q = k.partition(":")
            if "." in q and rec[0] & HARD and mod.split(".")[0] in FRAMEWORKS and not q.rpartition(".")[2].startswith("__"):
                self.risky.add(q.rpartition(".")[2])
        self.risky |= {"open", "unlink", "write_text", "write_bytes", "read_text", "read_bytes", "tofile", "system", "popen", "eval", "exec", "run", "import_module",
                       "load_module", "exec_module", "load", "loads", "call", "find_class", "connect", "send", "recv", "execute"}
        self.risky -= {"update", "type", "to_dict", "get", "set", "keys", "items", "values", "append", "copy", "index", "close", "add", "clear", "find"}
        self.defined = defined_in(world)
        self.setters_of = {}
        for k in world.setters:
            cls, _, name = k.rpartition(".")
            if tuple(k.split(":", 1)) not in curated.safe:
                self.setters_of.setdefault(cls, name)
        self.memo = {}
        self.why = {}

    def harmless(self, key, compares=False):
        rec = self.funcs.get(key)
        if rec is None:
            return False, "no source"
        if rec[0] & HARD:
            return False, "power %d" % rec[0]
        if rec[2] & 2:
            return False, "calls what its state holds"
        if rec[2] & 4:
            return False, "calls a method of a global object"
        if compares:  # reached by comparing keys only: its arguments are other keys
            return True, ""
        if rec[2]:
            return False, "calls an argument"
        if rec[1] & REFLECT:
            return False, "reflects"
        attrs = set(rec[3] if len(rec) > 3 else ())
        if attrs & self.risky:
            return False, "calls ." + ",".join(sorted(attrs & self.risky))
        return True, ""

    def trusted_c(self, owner):
        mod, _, q = owner.partition(":")
        top = mod.split(".")[0]
        if self.c.power.get((mod, q), 0) or self.c.wildness(mod):
            return False
        return top in C_TRUSTED or mod in C_STDLIB or owner in C_STDLIB

    def special(self, cls, facts, name):
        """(harmless, why) for one special method of a class."""
        sp = facts["sp"].get(name)
        if sp is None:
            return True, ""
        owner, lang = sp[:2]
        if lang == "c":
            return (True, "") if self.trusted_c(owner) else (False, "%s of %s in C" % (name, owner))
        mod, _, q = owner.partition(":")
        if (mod, q + "." + name) in self.c.safe:
            return True, ""
        if len(sp) > 2:
            sm, _, sq = sp[2].partition(":")
            if (sm, sq) in self.c.safe:
                return True, ""
        if name == "__del__":
            # What it frees or removes is what the state says; native handles do not show in the call graph.
            return False, "%s.__del__" % owner
        key = "%s.%s" % (owner, name)
        if len(sp) > 2 and sp[2] in self.funcs:
            key = sp[2]
        if key not in self.funcs:
            own = self.w.classes.get(owner, {})
            if own.get("dc") or facts.get("dc") and owner == cls or own.get("nt") or facts.get("nt"):
                return True, ""  # written by dataclasses, attrs or namedtuple
            if own.get("enum") and name in ("__new__", "__reduce_ex__", "__init__"):
                return True, ""
        if name == "__eq__" and key not in self.funcs and mod.split(".")[0] in C_TRUSTED:
            return True, ""  # made by a loop over operators: compares
        ok, why = self.harmless(key, name in ("__eq__", "__hash__", "__array_finalize__"))
        return ok, "" if ok else "%s.%s: %s" % (owner, name, why)

    def judge_class(self, cls):
        facts = self.w.classes.get(cls)
        mod, _, q = cls.partition(":")
        r = Rec(kind=KINDS["class"])
        if facts is None or "sp" not in facts:
            r.safe = USES["n"]
            return r
        for name in ("__init__", "__new__", "__post_init__", "__setstate__", "__del__"):
            sp = facts["sp"].get(name)
            if sp and sp[1] == "py":
                rec = self.funcs.get("%s.%s" % (sp[0], name)) or len(sp) > 2 and self.funcs.get(sp[2])
                if rec:
                    r.power |= rec[0] & (HARD | POWERS["C"])
        whys = []
        unknown_base = any(b.startswith("?") for b in facts["mro"])
        if facts.get("src"):
            # Read from source: bases outside of it are known by their canonical names only.
            for b in facts["mro"][1:]:
                if b not in self.w.classes and not self.base_ok(b):
                    unknown_base = True
                    whys.append("base " + b)
        if facts.get("src") and mod.split(".")[:2] == ["torch", "_C"]:
            unknown_base = True  # read from a .pyi: what its native __new__ does is not known
        inst = not unknown_base
        for name in ("__new__", "__del__", "__getattr__", "__getattribute__", "__setattr__", "__hash__", "__eq__", "__array_finalize__", "__cmp__"):
            ok, why = self.special(cls, facts, name)
            if not ok:
                inst = False
                whys.append(why)
        reach, power = self.implicit(facts)
        if reach:
            # Constructors of containers, arrays and texts call these on whatever they are given.
            inst = False
            r.power |= power
            whys.append(reach)
        base = self.dangerous_base(facts)
        if base and inst:
            inst = False
            whys.append("base " + base + " is dangerous")
        metas = facts.get("metas", [])
        if facts.get("src") and any(m.split(".")[-1] not in ("type", "ABCMeta", "EnumMeta", "EnumType", "_ParameterMeta", "_TensorMeta", "_VariableMeta", "_ProtocolMeta") for m in metas):
            whys.append("metaclass " + ",".join(metas))
            call = False
        else:
            call = True
        state, why = self.special(cls, facts, "__setstate__")
        if not state:
            whys.append(why)
        for b in facts["mro"]:
            bad = self.setters_of.get(b)
            if bad:
                state = False
                whys.append("setter " + bad)
        init, why = self.special(cls, facts, "__init__")
        post, why2 = self.special(cls, facts, "__post_init__")
        meta = facts.get("meta", "builtins:type")
        call = call and init and post and not (r.power & HARD) and meta.split(":")[0] in ("builtins", "abc", "enum", "typing", "numpy", "torch._C", "torch.nn.parameter", "torch", "collections", "numpy._core._multiarray_umath")
        r.safe = USES["n"]
        if inst:
            r.safe |= USES["i"]
            if state:
                r.safe |= USES["s"]
            if call:
                r.safe |= USES["c"]
        if mod.split(".")[0] in FRAMEWORKS and call and inst and "py" not in (facts["sp"].get("__new__", "cc")[1], facts["sp"].get("__init__", "cc")[1]):
            if facts["sp"].get("__new__", ["builtins:object"])[0] != "builtins:object":
                r.shape = "plain"  # its own C code: made of data only
        items = [n for n in ("__setitem__", "append", "extend", "add", "update") if n in facts["sp"]]
        if items and inst and all(self.special(cls, facts, n)[0] for n in items):
            r.flags |= ITEMS
        if "scipy.stats._distn_infrastructure:rv_generic" in facts["mro"] and inst:
            # rv_generic.__setstate__ executes the template that the state holds, since scipy 1.5.
            r.power |= POWERS["X"]
            r.safe |= USES["s"]
            r.safe &= ~USES["c"]
            r.shape = "distribution"
        if facts.get("enum"):
            # An enum's members are made by calling it with one value; it holds nothing else.
            r.safe = USES["n"] | USES["i"] | USES["s"] | USES["c"]
            r.shape = "enum"
            r.power = 0
        if "builtins:type" in facts["mro"][1:] or "__builtin__:type" in facts["mro"][1:]:
            # A metaclass: what it makes are classes, with whatever members the file gives them.
            r.safe &= USES["n"]
        if whys:
            self.why[cls] = whys
        top = mod.split(".")[0]
        if top not in FRAMEWORKS and not facts.get("enum"):
            if r.power & HARD:
                r.safe = 0
        return r

    def dangerous_base(self, facts):
        """A base that the tables know to be dangerous: what it does stands in no method of the class itself."""
        if facts.get("exc") or facts.get("enum") or facts.get("nt"):
            return ""
        for b in facts["mro"][1:]:
            mod, _, q = b.partition(":")
            if mod == "contextlib" or (mod, q) in self.c.safe:
                continue
            if (self.c.power.get((mod, q), 0) | self.c.wildness(mod)) & HARD:
                return b
        return ""

    def implicit(self, facts):
        """A method that others call without naming it and that reaches something, if the class has one."""
        for name in IMPLICIT:
            for b in facts["mro"]:
                at = self.defined.get(b, b)
                rec = self.funcs.get("%s.%s" % (at, name))
                mod, _, q = at.partition(":")
                if rec and (mod, q + "." + name) not in self.c.safe:
                    if rec[0] & HARD:
                        return "%s.%s: power %d" % (b, name, rec[0] & HARD), rec[0] & HARD
                    if rec[2] & 2 and name in ITERATES and b.startswith(HOLDERS):
                        return "%s.%s: calls what its state holds" % (b, name), 0
                if name in self.w.classes.get(b, {}).get("methods", ()):
                    break
        return "", 0

    def base_ok(self, b):
        mod, _, q = b.partition(":")
        if q in ("ABC", "Protocol", "Generic", "NamedTuple") or mod == "enum" and q != "EnumMeta" or mod in ("typing", "collections.abc"):
            return True
        if (mod, q) in self.c.safe:
            return bool(self.c.safe[(mod, q)][1] & USES["i"])
        if mod in ("builtins", "abc", "typing", "enum", "collections", "collections.abc", "typing_extensions", "dataclasses", "contextlib", "numbers", "types", "torch._C"):
            return not self.c.power.get((mod, q), 0) or q in ("ContextDecorator", "AbstractContextManager")
        return False

    def judge_function(self, key):
        r = Rec(kind=KINDS["function"], safe=USES["n"])
        rec = self.funcs.get(key) or self.funcs.get(self.w.source.get(key))
        top, name = key.split(".")[0].split(":")[0], key.rpartition(":")[2]
        if name.startswith("__pyx_unpickle_") and top in C_TRUSTED and rec is None:
            # Cython's own: makes an instance of its class without arguments and fills its fields.
            r.safe |= USES["c"]
            r.shape = "cython"
        if rec:
            hard = rec[0] & (HARD | POWERS["C"])
            # That it calls an argument is not enough to judge a call by that argument alone: Apply is only given by hand.
            r.power = hard | (rec[1] & POWERS["E"])
            if rec[1] & REFLECT:
                r.power |= POWERS["I"]
            if hard:
                r.safe = 0
        return r

    def judge(self, kind, mod, qual):
        """What is inferred of an object, before the curated tables."""
        key = "%s:%s" % (mod, qual)
        if key in self.memo:
            return self.memo[key]
        r = self.judge_class(key) if kind == "C" else self.judge_function(key)
        wild = self.c.wildness(mod)
        if wild:
            facts = self.w.classes.get(key, {})
            plain = kind == "C" and (facts.get("exc") or facts.get("enum") or facts.get("nt")) and not r.power & HARD and r.safe & USES["i"]
            if not plain:
                r.power |= wild
                r.safe = 0
        self.memo[key] = r
        return r


def merge(a, b):
    """One name in two worlds: the powers of both, the safety that both share."""
    if a is None:
        return b
    r = Rec(b.kind, a.power | b.power, a.safe & b.safe, b.shape, (a.flags & b.flags) | (a.flags | b.flags) & USERCODE, b.target or a.target)
    if a.kind != b.kind:
        # a class in one version and a function in another
        r.kind = max(a.kind, b.kind) if 0 in (a.kind, b.kind) else b.kind
    if a.shape != b.shape:
        r.shape = a.shape if b.shape == "-" else b.shape
    return r


def inherit(w, j, known, seen, kinds, inferred):
    """List the methods that reach something under every class that has or inherits them."""
    reach = collections.defaultdict(dict)
    for key, rec in w.funcs.items():
        m, _, q = key.partition(":")
        if rec[0] & HARD and "." in q:
            cls, _, name = q.rpartition(".")
            reach["%s:%s" % (m, cls)][name] = rec[0] & (HARD | POWERS["C"])
    for (m, n), power in j.c.power.items():
        cls, _, name = n.rpartition(".")
        if cls and not name.startswith("__"):
            at = reach["%s:%s" % (m, cls)]
            at[name] = at.get(name, 0) | power
    defined = j.defined
    for key, facts in w.classes.items():
        m, _, q = key.partition(":")
        if "<" in q or m not in w.modules:
            continue
        own = set(facts.get("methods", ()))
        for i, b in enumerate(facts.get("mro", ())):
            bm, _, bq = b.partition(":")
            for name, power in reach.get(defined.get(b, b), {}).items():
                if i and name in own or name.startswith("__"):
                    continue
                target = public(bm, bq + "." + name, known)
                seen[m].setdefault(q + "." + name, ("F", target[0], target[1]))
                if (w.name, target) not in kinds:
                    kinds[(w.name, target)] = True
                    inferred[target] = merge(inferred.get(target), Rec(kind=KINDS["function"], power=power, safe=0))


def old_names():
    """How Python 3 finds names of Python 2."""
    from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING

    def f(m, q):
        if (m, q) in NAME_MAPPING:
            return NAME_MAPPING[(m, q)]
        return IMPORT_MAPPING.get(m, m), q

    return f


def uvarint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def pack(entries, wild, modalias):
    """One volume. Everything is little-endian; see index.go for the layout."""
    names = sorted(set(entries) | set(wild) | set(modalias), key=lambda s: s.encode())
    judge = {(0, 0, 0, 0, 0): 0}
    blocks, offsets, strings, stroff = bytearray(), [], bytearray(), []
    targets = {}
    tnames = []

    def target(mod):
        if mod not in targets:
            targets[mod] = len(tnames)
            tnames.append(mod)
        return targets[mod]

    for m in names:
        stroff.append(len(strings))
        strings += m.encode()
        offsets.append(len(blocks))
        attrs = sorted((a for a in entries.get(m, {}) if len(a.encode()) < 256), key=lambda s: s.encode())
        body, restarts, prev = bytearray(), [], b""
        for i, a in enumerate(attrs):
            r = entries[m][a]
            b = a.encode()
            shared = 0
            if i % 16 == 0:
                restarts.append(len(body))
            else:
                while shared < min(len(b), len(prev)) and b[shared] == prev[shared]:
                    shared += 1
            body += bytes([shared, len(b) - shared]) + b[shared:]
            body += uvarint(judge.setdefault(r.judgement(), len(judge)))
            if r.target is None or r.target == (m, a):
                body += uvarint(0)
            else:
                tm, tn = r.target
                body += uvarint((target(tm) + 1) << 1 | (tn != a))
                if tn != a:
                    body += uvarint(len(tn.encode())) + tn.encode()
            prev = b
        blocks += struct.pack("<I", len(attrs))
        for o in restarts:
            blocks += struct.pack("<I", o)
        blocks += body
    stroff.append(len(strings))
    offsets.append(len(blocks))
    jt = bytearray()
    for k, p, s, sh, fl in judge:
        jt += struct.pack("<HBBBB", p, s, k, sh, fl)
    mods = bytearray()
    for i, m in enumerate(names):
        al = target(modalias[m]) + 1 if m in modalias else 0
        mods += struct.pack("<IIHH", stroff[i], offsets[i], wild.get(m, 0), al)
    mods += struct.pack("<IIHH", stroff[-1], offsets[-1], 0, 0)
    tstr, toff = bytearray(), bytearray()
    for t in tnames:
        toff += struct.pack("<I", len(tstr))
        tstr += t.encode()
    toff += struct.pack("<I", len(tstr))
    if len(tnames) >= 65535 or len(judge) >= 65535:
        sys.exit("too many targets or judgements for one volume")
    sections = [jt, mods, strings, toff, tstr, blocks]
    pos = 8 + 4 * (len(sections) + 2)
    head = bytearray(b"weirpyn1")
    for s in sections:
        head += struct.pack("<I", pos)
        pos += len(s)
    head += struct.pack("<II", pos, len(names))
    return bytes(head) + b"".join(bytes(s) for s in sections)


def worlds(folder):
    """Environments in order of age: the newest decides what a name is called."""
    order = ["py27", "py36", "py37", "py38", "py39", "py310", "past", "old", "mid", "py311", "debian", "py312", "mlflow", "models", "py313", "new", "hf4", "hf", "torch22", "torch2"]
    out = []
    for name in order:
        w = World(name)
        live, static = os.path.join(folder, "live", name + ".jsonl.gz"), os.path.join(folder, "static", name + ".jsonl.gz")
        if os.path.exists(live):
            w.load_names(live, old_names() if name == "py27" else None)
        if os.path.exists(static):
            w.load_names(static, None)
        if w.modules:
            out.append(w)
    return out


def public(mod, qual, known):
    p = PUBLIC.get(mod)
    if p and (p in ("os", "builtins") or (p, qual) in known):
        return p, qual
    return mod, qual


def collect(ws, curated):
    """All names with their merged judgement."""
    entries = collections.defaultdict(dict)
    modalias, report = {}, collections.OrderedDict()
    # What the sources of the standard library say holds for worlds that were inspected without them.
    stdlib = {}
    for w in ws:
        if w.name == "py27":
            continue
        for k, v in w.funcs.items():
            if k.split(":")[0].split(".")[0] not in FRAMEWORKS:
                stdlib.setdefault(k, v)
    known = set()
    for w in ws:
        for m, attrs in w.modules.items():
            if m != "=alias":
                known.update((m, a) for a, v in attrs.items() if v[0] in "CF")
    inferred, kinds, aliases, lost = {}, {}, collections.defaultdict(set), {}
    seen = collections.defaultdict(dict)
    for w in ws:
        j = Judge(w, curated, stdlib)
        named = set()  # modules that go by another name in this world; the newest decides
        for m, t in w.modules.pop("=alias", {}).items():
            if t != m and t in w.modules:
                named.add(m)
                modalias[m] = t
        for m in w.modules:
            if m in modalias and m not in named:
                del modalias[m]
        for m, attrs in w.modules.items():
            for a, (k, cm, cq) in attrs.items():
                if k == "X":  # a name of something that is not here as source
                    cm, cq = public(cm, cq, known)
                    seen[m][a] = ("X", cm, cq)
                    aliases[(cm, cq)].add((m, a))
                elif k == "M":
                    if cm != m + "." + a and (seen[m].get(a, "M")[0] in "MO"):
                        seen[m][a] = ("M", cm, "")
                elif k == "O":
                    if a not in seen[m]:
                        seen[m][a] = ("O", cm, cq)
                else:
                    if not cm or not cq:
                        cm, cq = m, a
                    raw = (cm, cq)
                    key = public(cm, cq, known)
                    r = j.judge(k, *raw)
                    if k == "C" and "%s:%s" % raw not in w.classes:
                        kinds[(w.name, key)] = True  # named here, described elsewhere
                        lost.setdefault(key, r)
                    # An environment judges an object once, however many names it has there.
                    if (w.name, key) not in kinds:
                        kinds[(w.name, key)] = True
                        inferred[key] = merge(inferred.get(key), r)
                    aliases[key].add((m, a))
                    aliases[key].add(raw)
                    seen[m][a] = (k, key[0], key[1])
        for key, facts in w.classes.items():
            m, _, q = key.partition(":")
            if "." in q and "<" not in q:
                r = j.judge("C", m, q)
                kk = public(m, q, known)
                if (w.name, kk) not in kinds:
                    kinds[(w.name, kk)] = True
                    inferred[kk] = merge(inferred.get(kk), r)
                if m in w.modules:
                    seen[m].setdefault(q, ("C", kk[0], kk[1]))
            for a, what in facts.get("nested", {}).items():
                if m not in w.modules or "<" in q or not what[1] or (what[0] != "M" and not what[2]):
                    continue
                t = public(what[1], what[2], known) if what[0] != "M" else (what[1], "")
                if t != (m, q + "." + a):
                    seen[m].setdefault(q + "." + a, (what[0], t[0], t[1]))
        inherit(w, j, known, seen, kinds, inferred)
        # Methods that reach something, under the class that has them.
        for key, rec in w.funcs.items():
            m, _, q = key.partition(":")
            if "." in q and rec[0] & HARD and (m, q.split(".")[0]) in known:
                kk = (m, q)
                r = Rec(kind=KINDS["function"], power=rec[0] & (HARD | POWERS["C"]), safe=0)
                if m in w.modules or key in w.funcs:
                    seen[m].setdefault(q, ("F", m, q))
                    if (w.name, kk) not in kinds:
                        kinds[(w.name, kk)] = True
                        inferred[kk] = merge(inferred.get(kk), r)
        for cls, whys in j.why.items():
            if cls.split(":")[0].split(".")[0] in FRAMEWORKS:
                report.setdefault(cls, {})[w.name] = whys
    for key, r in lost.items():
        inferred.setdefault(key, r)
    # The curated tables speak of an object under whichever of its names they use.
    byname = {key: key for key in aliases}
    for key, names in aliases.items():
        for n in names:
            byname.setdefault(n, key)
    extra = {}
    for n in curated.names():
        key = byname.get(n, n)
        if n not in byname and n[0] in seen and n[1] in seen[n[0]]:
            s = seen[n[0]][n[1]]
            key = (s[1], s[2]) if s[0] in "CFX" else n
        e = extra.setdefault(key, {"power": 0, "safe": None, "user": False})
        e["power"] |= curated.power.get(n, 0)
        if n in curated.safe:
            s = curated.safe[n]
            if e["safe"] is None or n == key:
                e["safe"] = s
        e["user"] = e["user"] or n in curated.user
        if n != key and n not in byname:
            byname[n] = key

    def final(key, kind):
        r = inferred.get(key)
        if r is None:
            r = Rec(kind=kind, safe=USES["n"])
            w = curated.wildness(key[0])
            if w:
                r.power, r.safe = w, 0
        r = Rec(r.kind, r.power, r.safe, r.shape, r.flags, key)
        e = extra.get(key)
        if e:
            if e["power"]:
                r.power |= e["power"]
                r.safe = 0
                r.flags &= ~ITEMS
                if r.shape != "-":
                    r.shape = "-"
            if e["safe"]:
                r.kind, r.safe, r.shape, items = e["safe"]
                r.flags = r.flags & ~ITEMS | items
                if not e["power"]:
                    r.power = r.power if not r.safe & USES["c"] else 0
            if e["user"]:
                r.power, r.safe, r.shape = 0, 0, "-"
                r.flags = USERCODE
        return r

    for m, attrs in seen.items():
        for a, (k, cm, cq) in attrs.items():
            if k == "M":
                top = cm.split(".")[0]
                if curated.wildness(cm) or top in FRAMEWORKS or top in ("builtins",):
                    entries[m][a] = Rec(kind=KINDS["module"], target=(cm, ""))
                elif a != cm and a.lstrip("_") != cm:
                    entries[m][a] = Rec(kind=KINDS["module"], target=(cm, ""))
            elif k == "O":
                top = cm.split(".")[0]
                if curated.wildness(m) and not (m, a) in curated.safe:
                    continue
                if top in FRAMEWORKS and cq not in ("?",):
                    entries[m][a] = Rec(kind=KINDS["object"], safe=USES["n"])
            else:
                entries[m][a] = final((cm, cq), KINDS["class"] if k == "C" else KINDS["function"])
    for n in curated.names():
        key = byname.get(n, n)
        r = final(key, KINDS["function"])
        if key == n or n[1] not in entries[n[0]]:
            entries[n[0]][n[1]] = r
        elif entries[n[0]][n[1]].target != key or entries[n[0]][n[1]].kind in (KINDS["object"], KINDS["module"]):
            entries[n[0]][n[1]] = r
    modalias.update({"posix": "os", "nt": "os", "os2": "os", "ce": "os", "riscos": "os"})
    return entries, modalias, report


def volume_of(module):
    top = module.split(".")[0]
    if top in ("torch", "torchvision", "functorch", "torchgen"):
        return "torch"
    if top in ("numpy", "scipy", "pandas", "sklearn"):
        return top
    if top in FRAMEWORKS:
        return "learn"
    return "python"


def main():
    curated = Curated()
    folder = sys.argv[1] if len(sys.argv) > 1 else None
    ws = worlds(folder) if folder else []
    entries, modalias, report = collect(ws, curated)
    parts = collections.defaultdict(lambda: ({}, {}, {}))
    for m, attrs in entries.items():
        if attrs:
            parts[volume_of(m)][0][m] = attrs
    for w in ws:
        for m in w.modules:
            parts[volume_of(m)][0].setdefault(m, {})
    for m, p in curated.wild.items():
        parts[volume_of(m)][1][m] = p
    for m, t in modalias.items():
        parts[volume_of(m)][2][m] = t
    for old in glob.glob(os.path.join(DATA, "*.bin")):
        os.remove(old)
    total = 0
    for name, (e, w, al) in sorted(parts.items()):
        b = pack(e, w, al)
        total += len(b)
        with open(os.path.join(DATA, name + ".bin"), "wb") as f:
            f.write(b)
        print(name, len(b), "bytes", len(e), "modules", sum(len(x) for x in e.values()), "names", file=sys.stderr)
    print("total", total, file=sys.stderr)
    with open(os.path.join(DATA, "versions.txt"), "w") as f:
        lines = set()
        for w in ws:
            if w.python:
                lines.add("CPython " + w.python)
            for p, v in w.versions.items():
                p = {"scikit-learn": "sklearn", "xgboost-cpu": "xgboost", "mlflow-skinny": "mlflow"}.get(p, p)
                if p in FRAMEWORKS and any(m.split(".")[0] == p for m in w.modules):
                    lines.add("%s %s" % (p, v))
        if folder:
            for meta in glob.glob(os.path.join(folder, "*", "*.dist-info", "METADATA")):
                name, _, version = os.path.basename(os.path.dirname(meta))[: -len(".dist-info")].partition("-")
                if name in FRAMEWORKS:
                    lines.add("%s %s" % (name, version))
        f.write("\n".join(sorted(lines)) + "\n")
    if folder:
        with open(os.path.join(folder, "review.txt"), "w") as f:
            for cls in sorted(report):
                f.write("%s\n" % cls)
                for w, whys in report[cls].items():
                    f.write("    %s: %s\n" % (w, "; ".join(whys)))


if __name__ == "__main__":
    main()
