"""Follow calls through the sources of packages, without importing them, to find what can reach code, files, hosts and native libraries.

    python static.py OUT.jsonl.gz [--names PREFIX,...] ROOT[=PREFIX] ...

ROOT is a folder on sys.path (site-packages or the standard library's); only the packages named after "=" are read. What is found only
ever adds danger. A call counts when an argument or its receiver may come from the caller; attribute calls on objects of unknown class are
not followed, but their names are written down. With --names the modules of those packages are described as well, for packages that are
here as sources only."""

import ast
import collections
import gzip
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SKIP = re.compile(r"(^|\.)(tests?|_tests|testsuite|conftest|idlelib|turtledemo|lib2to3|examples|benchmarks|site-packages|dist-packages|ensurepip|__pycache__)(\.|$)")
SPECIAL = (
    "__new__ __init__ __setstate__ __reduce__ __reduce_ex__ __getstate__ __getnewargs__ __getnewargs_ex__ __del__ __setattr__ __delattr__ "
    "__getattr__ __getattribute__ __hash__ __eq__ __setitem__ __call__ __init_subclass__ __array_finalize__ __finalize__ append extend add update"
).split()
POWERS = {"X": 1, "I": 2, "F": 4, "N": 8, "L": 16, "D": 32, "E": 64, "C": 128, "A": 256}
REFLECT = 512  # getattr(argument, argument): inferred Importing of the soft kind
HARD = 1 | 2 | 4 | 8 | 16 | 32 | 64
sys.setrecursionlimit(10000)


def sinks():
    exact, wild = {}, {}
    with open(os.path.join(HERE, "sinks.txt"), encoding="utf-8") as f:
        for line in f:
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            module, names, power = line.split("\t")
            p = (sum(POWERS[c] for c in power if c in POWERS), sum(POWERS[c.upper()] for c in power if c.islower()))
            for n in names.split():
                if n == "*":
                    wild[module] = p
                else:
                    exact[(module, n)] = p
    # Methods that safe.txt vouches for by hand.
    with open(os.path.join(HERE, "safe.txt"), encoding="utf-8") as f:
        for line in f:
            parts = line.rstrip("\n").split("\t")
            if len(parts) == 6 and not line.startswith("#") and "c" in parts[3]:
                for n in parts[1].split():
                    if "." in n:
                        exact[(parts[0], n)] = (0, 0)
    return exact, wild


EXACT, WILD = sinks()


class Module:
    def __init__(self, name, path, package):
        self.name, self.path, self.package = name, path, package
        self.bind = {}
        self.stars = []
        self.all = None
        self.classes = {}
        self.functions = {}


class Func:
    __slots__ = ("key", "module", "cls", "calls", "power", "free", "soft", "dyn", "attrs", "locals", "decorators")

    def __init__(self, key, module, cls):
        self.key, self.module, self.cls = key, module, cls
        self.calls = []  # (chain, tainted)
        self.power = 0
        self.free = 0
        self.soft = 0
        self.dyn = 0  # 1: calls an argument or a local; 2: what the instance holds; 4: a method of a global object
        self.attrs = set()
        self.locals = {}
        self.decorators = []  # what they hold runs with the arguments of what they decorate


def chain(e):
    """A dotted name as a list, or None. Foo(...).bar gives [Foo, (), bar]."""
    parts = []
    while True:
        if isinstance(e, ast.Attribute):
            parts.append(e.attr)
            e = e.value
        elif isinstance(e, ast.Name):
            parts.append(e.id)
            return parts[::-1]
        elif isinstance(e, ast.Call) and parts:
            parts.append("()")
            e = e.func
        else:
            return None


def base_chain(e):
    """The class that stands in a list of bases."""
    if isinstance(e, ast.Subscript):
        return chain(e.value)
    if isinstance(e, ast.Call):
        c = chain(e.func)
        if c and c[-1] in ("namedtuple", "NamedTuple"):
            return ["namedtuple", "()"]
        if c and c[-1] == "with_metaclass":
            return ["object"]
        return None
    return chain(e)


def names_in(e):
    return {n.id for n in ast.walk(e) if isinstance(n, ast.Name)} if e is not None else set()


def targets(t):
    if isinstance(t, ast.Name):
        return [t.id]
    if isinstance(t, (ast.Tuple, ast.List)):
        return [x for e in t.elts for x in targets(e)]
    if isinstance(t, ast.Starred):
        return targets(t.value)
    if isinstance(t, (ast.Subscript, ast.Attribute)):
        # x[i] = v and x.a = v taint x as a whole
        while isinstance(t, (ast.Subscript, ast.Attribute)):
            t = t.value
        return [t.id] if isinstance(t, ast.Name) else []
    return []


class Program:
    def __init__(self):
        self.modules = {}
        self.funcs = {}
        self.classes = {}
        self.setters = set()
        self.memo = {}

    # -- reading
    def read(self, root, prefixes):
        root = os.path.abspath(root)
        for folder, dirs, files in os.walk(root):
            rel = os.path.relpath(folder, root)
            parts = [] if rel == "." else rel.split(os.sep)
            dirs[:] = sorted(d for d in dirs if re.match(r"^[A-Za-z_]\w*$", d) and not SKIP.search(".".join(parts + [d])))
            if prefixes and not parts:
                dirs[:] = [d for d in dirs if d in prefixes]
            for n in sorted(files):
                pyi = n.endswith(".pyi")
                if not (n.endswith(".py") or pyi):
                    continue
                base = n[:-4] if pyi else n[:-3]
                if not re.match(r"^\w+$", base):
                    continue
                if prefixes and not parts and base not in prefixes:
                    continue
                package = base == "__init__"
                name = ".".join(parts if package else parts + [base])
                if not name or SKIP.search(name):
                    continue
                if pyi and (name in self.modules or os.path.exists(os.path.join(folder, base + ".py"))):
                    continue
                self.parse(name, os.path.join(folder, n), package)

    def parse(self, name, path, package):
        try:
            with open(path, "rb") as f:
                tree = ast.parse(f.read())
        except (SyntaxError, ValueError, RecursionError, OSError):
            return
        m = Module(name, path, package)
        self.modules[name] = m
        self.body(m, tree.body, "", None)

    def body(self, m, stmts, qual, cls):
        for s in stmts:
            if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef)):
                q = qual + s.name
                self.function(m, s, q, cls)
                if not qual:
                    self.bind(m, s.name, ("def", q))
            elif isinstance(s, ast.ClassDef):
                q = qual + s.name
                c = {"bases": [base_chain(b) for b in s.bases], "meta": [chain(k.value) for k in s.keywords if k.arg == "metaclass"],
                     "methods": {}, "attrs": set(), "values": {}, "decorators": [chain(d.func if isinstance(d, ast.Call) else d) for d in s.decorator_list]}
                self.classes[(m.name, q)] = c
                m.classes[q] = c
                if not qual:
                    self.bind(m, s.name, ("class", q))
                elif cls is not None:
                    cls["attrs"].add(s.name)
                self.body(m, s.body, q + ".", c)
            elif isinstance(s, (ast.Import, ast.ImportFrom)):
                for n, ref in self.imports(m, s):
                    if not qual:
                        self.bind(m, n, ref)
            elif isinstance(s, (ast.Assign, ast.AnnAssign)):
                ts = s.targets if isinstance(s, ast.Assign) else [s.target]
                for t in ts:
                    for n in targets(t):
                        if not isinstance(t, ast.Name):
                            continue
                        if cls is not None:
                            cls["attrs"].add(n)
                            c = chain(s.value) if s.value is not None else None
                            if c:
                                cls["values"][n] = c
                        elif not qual:
                            c = chain(s.value) if s.value is not None else None
                            if n == "__all__":
                                m.all = [e.value for e in getattr(s.value, "elts", []) if isinstance(e, ast.Constant)] or m.all
                            self.bind(m, n, ("expr", c) if c and "()" not in c else ("obj", None))
            else:
                for f in ("body", "orelse", "finalbody"):
                    self.body(m, getattr(s, f, []) or [], qual, cls)
                for h in getattr(s, "handlers", []) or []:
                    self.body(m, h.body, qual, cls)

    def bind(self, m, name, ref):
        m.bind.setdefault(name, [])
        if ref not in m.bind[name]:
            m.bind[name].append(ref)

    def imports(self, m, s):
        out = []
        if isinstance(s, ast.Import):
            for a in s.names:
                if a.asname:
                    out.append((a.asname, ("mod", a.name)))
                else:
                    out.append((a.name.split(".")[0], ("mod", a.name.split(".")[0])))
        else:
            base = s.module or ""
            if s.level:
                pkg = m.name.split(".")
                if not m.package:
                    pkg = pkg[:-1]
                pkg = pkg[: len(pkg) - (s.level - 1)] if s.level > 1 else pkg
                base = ".".join(pkg + ([s.module] if s.module else []))
            for a in s.names:
                if a.name == "*":
                    m.stars.append(base)
                else:
                    out.append((a.asname or a.name, ("from", base, a.name)))
        return out

    def function(self, m, node, qual, cls):
        f = Func((m.name, qual), m, qual.rsplit(".", 1)[0] if cls is not None else None)
        if cls is not None:
            cls["methods"][node.name] = f.key
        old = self.funcs.get(f.key)
        params, tainted, deps, kinds, types_ = set(), set(), [], {}, {}
        static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
        first = node.args.args[0].arg if cls is not None and node.args.args and not static else None
        calls = []
        for d in node.decorator_list:
            if isinstance(d, ast.Attribute) and d.attr == "setter":
                self.setters.add(f.key)
            c = chain(d.func if isinstance(d, ast.Call) else d)
            if c and "()" not in c:
                f.decorators.append(c)
        for n in ast.walk(node):
            if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                a = n.args
                for x in list(getattr(a, "posonlyargs", [])) + a.args + a.kwonlyargs + [y for y in (a.vararg, a.kwarg) if y]:
                    params.add(x.arg)
            elif isinstance(n, ast.Assign):
                v = names_in(n.value)
                for t in n.targets:
                    for x in targets(t):
                        deps.append((x, v))
                    if isinstance(t, ast.Name) and isinstance(n.value, ast.Call):
                        types_.setdefault(t.id, []).append(chain(n.value.func))
                    elif isinstance(t, ast.Name):
                        c = chain(n.value)
                        if c and "()" not in c:
                            kinds.setdefault(t.id, []).append(c)
                        types_.setdefault(t.id, []).append(None)
                    if isinstance(t, ast.Subscript):
                        c = chain(t.value)
                        if c in (["os", "environ"], ["environ"], ["sys", "modules"]) and (names_in(t.slice) | v):
                            calls.append((["os", "putenv"], n.value, [n.value, t.slice]))
            elif isinstance(n, (ast.AugAssign, ast.AnnAssign, ast.NamedExpr)):
                for x in targets(n.target):
                    deps.append((x, names_in(n.value)))
            elif isinstance(n, (ast.For, ast.AsyncFor, ast.comprehension)):
                for x in targets(n.target):
                    deps.append((x, names_in(n.iter)))
            elif isinstance(n, ast.withitem) and n.optional_vars is not None:
                for x in targets(n.optional_vars):
                    deps.append((x, names_in(n.context_expr)))
                    if isinstance(n.context_expr, ast.Call):
                        types_.setdefault(x, []).append(chain(n.context_expr.func))
            elif isinstance(n, (ast.Import, ast.ImportFrom)):
                for x, ref in self.imports(m, n):
                    f.locals.setdefault(x, []).append(ref)
            elif isinstance(n, ast.Call):
                args = [a.value if isinstance(a, ast.Starred) else a for a in n.args] + [k.value for k in n.keywords]
                calls.append((chain(n.func), n.func, args))
        tainted |= params
        for _ in range(6):
            before = len(tainted)
            for x, v in deps:
                if v & tainted:
                    tainted.add(x)
            if len(tainted) == before:
                break
        assigned = {x for x, _ in deps}
        for c, func, args in calls:
            taint = [bool(names_in(a) & tainted) for a in args]
            any_arg = any(taint)
            if c is None:
                if names_in(func) & tainted:
                    f.dyn |= 2 if first in names_in(func) else 1
                    if isinstance(func, ast.Call) and chain(func.func) == ["getattr"] and any_arg:
                        f.soft |= REFLECT
                    f.soft |= POWERS["A"]
                continue
            root = c[0]
            if root in f.locals or root not in assigned and root not in params:
                if c == ["getattr"] and len(args) >= 2:
                    if taint[1]:
                        if isinstance(args[0], ast.Name) and args[0].id == first:
                            pass
                        elif taint[0]:
                            f.soft |= REFLECT
                    continue
                if c == ["setattr"] and len(args) == 3:
                    if taint[0] and taint[1] and not (isinstance(args[0], ast.Name) and args[0].id == first):
                        f.soft |= POWERS["E"]
                    continue
                f.calls.append((c, any_arg or "()" in c and bool(names_in(func) & tainted)))
                continue
            if root == first and cls is not None:
                if len(c) == 2:
                    f.calls.append((["<self>", c[1]], True))
                    continue
                f.attrs.add(c[-1])
                continue
            t = types_.get(root)
            if t and t != [None] and len(c) >= 2 and root not in params and len([x for x in t if x]) == 1:
                k = [x for x in t if x][0]
                f.calls.append((k + ["()"] + c[1:], any_arg or root in tainted))
                continue
            if len(c) == 1:
                ks = kinds.get(root)
                if ks and root not in params:
                    for k in ks:
                        f.calls.append((k, any_arg))
                    continue
                if root in tainted:
                    f.dyn |= 1
                    f.soft |= POWERS["A"]
                continue
            if root in tainted:
                f.attrs.add(c[-1])
        if old is not None:  # defined twice, under if and else: both count
            old.calls += f.calls
            old.soft |= f.soft
            old.dyn |= f.dyn
            old.attrs |= f.attrs
            old.locals.update(f.locals)
            return
        self.funcs[f.key] = f
        m.functions[qual] = f

    # -- resolving
    def lookup(self, modname, name, depth=0):
        """The objects that modname.name may be: ("mod", m) ("obj", m, qual)."""
        key = (modname, name)
        if key in self.memo:
            return self.memo[key]
        self.memo[key] = []
        out = []
        m = self.modules.get(modname)
        if m is None:
            out = [("obj", modname, name)]
            if modname + "." + name in self.modules:
                out = [("mod", modname + "." + name)]
        else:
            for ref in m.bind.get(name, []):
                out += self.follow(m, ref, name, depth + 1)
            if name not in m.bind:
                if modname + "." + name in self.modules:
                    out.append(("mod", modname + "." + name))
                else:
                    for s in m.stars:
                        sm = self.modules.get(s)
                        if sm is None or depth > 8:
                            continue
                        if (sm.all is not None and name in sm.all) or sm.all is None and not name.startswith("_"):
                            found = [r for r in self.lookup(s, name, depth + 1) if r[0] != "none"]
                            if found:
                                out += found
                                break
                if not out:
                    out = [("none", modname, name)]
        uniq = []
        for o in out:
            if o not in uniq:
                uniq.append(o)
        self.memo[key] = uniq
        return uniq

    def follow(self, m, ref, name, depth):
        if ref[0] in ("def", "class"):
            return [("obj", m.name, ref[1])]
        if ref[0] == "mod":
            return [("mod", ref[1])]
        if ref[0] == "from":
            if depth > 12:
                return []
            if ref[1] in self.modules:
                r = self.lookup(ref[1], ref[2], depth + 1)
                if r and r[0][0] != "none":
                    return r
                if ref[1] + "." + ref[2] in self.modules:
                    return [("mod", ref[1] + "." + ref[2])]
                return [("obj", ref[1], ref[2])]
            return [("ext", ref[1], ref[2])]
        if ref[0] == "expr" and depth < 12:
            return self.resolve(m, ref[1], {}, None, depth + 1) or [("val", m.name, name)]
        return [("val", m.name, name)]

    def resolve(self, m, c, local, cls, depth=0):
        root = c[0]
        if root == "<self>":
            owner = self.method(m.name, cls, c[1])
            return [("obj",) + owner] if owner else []
        if root == "super" and len(c) >= 3 and c[1] == "()" and cls is not None:
            for b in self.mro(m.name, cls)[1:]:
                k = self.classes.get(b)
                if k and c[2] in k["methods"]:
                    return [("obj",) + k["methods"][c[2]]]
            return []
        cur = []
        if root in local:
            for ref in local[root]:
                cur += self.follow(m, ref, root, depth + 1)
        elif root in m.bind:
            cur = self.lookup(m.name, root, depth + 1)
        else:
            cur = self.lookup(m.name, root, depth + 1)
            if not cur or cur[0][0] == "none":
                cur = [("ext", "builtins", root)]
        for part in c[1:]:
            nxt = []
            for o in cur:
                if part == "()":
                    nxt.append(o)
                elif o[0] == "mod":
                    nxt += self.lookup(o[1], part, depth + 1)
                elif o[0] == "obj" and (o[1], o[2]) in self.classes:
                    owner = self.method(o[1], o[2], part)
                    if owner:
                        nxt.append(("obj",) + owner)
                    elif part in self.classes[(o[1], o[2])]["attrs"]:
                        nxt.append(("obj", o[1], o[2] + "." + part))
                elif o[0] in ("ext", "obj"):
                    full = o[1] + "." + o[2]
                    if full in self.modules or (full, "*") in EXACT or full in WILD:
                        nxt += self.lookup(full, part, depth + 1) if full in self.modules else [("ext", full, part)]
                    else:
                        nxt.append((o[0], o[1], o[2] + "." + part))
            cur = nxt
        return cur

    def mro(self, mod, qual, depth=0):
        """Depth first, bases from left to right, a class kept at its last place: near enough to C3."""
        out = [(mod, qual)]
        c = self.classes.get((mod, qual))
        if c is None or depth > 24:
            return out
        m = self.modules[mod]
        scope = qual.rsplit(".", 1)[0] if "." in qual else None
        for b in c["bases"]:
            if b == ["namedtuple", "()"]:
                out.append(("typing", "NamedTuple"))
                continue
            if not b or "()" in b:
                out.append(("?", "?"))
                continue
            r = []
            if scope and (mod, scope + "." + b[0]) in self.classes and len(b) == 1:
                r = [("obj", mod, scope + "." + b[0])]
            r = r or self.resolve(m, b, {}, None)
            if not r:
                out.append(("?", "?"))
            for o in r:
                if o[0] in ("obj", "ext", "none", "val"):
                    out += self.mro(o[1], o[2], depth + 1)
        seen, res = set(), []
        for x in reversed(out):
            if x not in seen:
                seen.add(x)
                res.append(x)
        res.reverse()
        return res

    def method(self, mod, cls, name):
        key = (mod, cls, name, "m")
        if key not in self.memo:
            self.memo[key] = None
            for b in self.mro(mod, cls):
                k = self.classes.get(b)
                if k and name in k["methods"]:
                    self.memo[key] = k["methods"][name]
                    break
                if k and name in k["values"]:
                    r = self.resolve(self.modules[b[0]], k["values"][name], {}, None)
                    if r and r[0][0] in ("obj", "ext"):
                        self.memo[key] = (r[0][1], r[0][2])
                    elif (b[0], b[1] + "." + k["values"][name][0]) in self.funcs:
                        self.memo[key] = (b[0], b[1] + "." + k["values"][name][0])
                    break
        return self.memo[key]

    def sink(self, mod, qual):
        """(power with a tainted argument, power without) of a place where the graph ends, or None."""
        p = EXACT.get((mod, qual))
        if p is not None:
            return p
        if "." in qual:
            p = EXACT.get((mod, qual.split(".")[0]))
            if p is not None and any(p):
                return p
        while mod:
            if mod in WILD:
                return WILD[mod]
            if "." not in mod:
                return None
            mod = mod.rsplit(".", 1)[0]
        return None

    def solve(self):
        edges = {}
        wraps = collections.defaultdict(list)
        for key, f in self.funcs.items():
            out = []
            special = key[1].rsplit(".", 1)[-1] in SPECIAL
            for c, taint in f.calls:
                rs = self.resolve(f.module, c, f.locals, f.cls)
                if not rs and c[0] == "<self>":
                    # self.x(...) where x is no method: an attribute that the state holds is called
                    f.dyn |= 2
                    f.attrs.add(c[1])
                if taint and special and (not rs or rs[0][0] == "val") and c[0] != "<self>" and c[0] != "super" and len(c) > 1:
                    f.dyn |= 4
                    f.attrs.add(c[-1])
                for r in rs:
                    if r[0] not in ("obj", "ext", "none", "val"):
                        continue
                    mod, qual = r[1], r[2]
                    s = self.sink(mod, qual)
                    if s is None and mod in ("os", "builtins"):
                        s = (0, 0)
                    if s is not None:
                        if taint:
                            f.power |= s[0]
                        f.free |= s[1]
                        f.power |= s[1]
                        continue
                    if (mod, qual) in self.funcs:
                        out.append(((mod, qual), taint))
                    elif (mod, qual) in self.classes:
                        for special in ("__init__", "__new__", "__post_init__"):
                            o = self.method(mod, qual, special)
                            if o:
                                s = self.sink(*o)
                                if s is not None:
                                    if taint:
                                        f.power |= s[0]
                                elif o in self.funcs:
                                    out.append((o, taint))
            for c in f.decorators:
                for r in self.resolve(f.module, c, {}, None):
                    if r[0] == "obj" and (r[1], r[2]) in self.funcs and self.sink(r[1], r[2]) is None:
                        wraps[key].append((r[1], r[2]))
            edges[key] = out
        changed = True
        rounds = 0
        while changed and rounds < 60:
            changed = False
            rounds += 1
            for key, out in edges.items():
                f = self.funcs[key]
                for callee in wraps.get(key, ()):
                    # Not what it compiles or imports: that happens once, when the module is loaded.
                    p = f.power | self.funcs[callee].power & (POWERS["F"] | POWERS["N"] | POWERS["D"])
                    if p != f.power:
                        f.power = p
                        changed = True
                for callee, taint in out:
                    g = self.funcs[callee]
                    p = f.power | (g.power & HARD if taint else 0)
                    if p != f.power:
                        f.power = p
                        changed = True
                    if taint:
                        if g.dyn | f.dyn != f.dyn:
                            f.dyn |= g.dyn
                            changed = True
                        if not g.attrs <= f.attrs:
                            f.attrs |= g.attrs
                            changed = True


def describe(p, prefixes, out):
    """Modules and classes of packages that are here as sources only, in the form of live.py."""
    classes = {}
    for name in sorted(p.modules):
        if not any(name == x or name.startswith(x + ".") for x in prefixes):
            continue
        m = p.modules[name]
        attrs = {}
        names = set(m.bind)
        for s in m.stars:
            sm = p.modules.get(s)
            if sm is not None:
                names |= set(sm.all) if sm.all is not None else {n for n in sm.bind if not n.startswith("_")}
        for a in sorted(names):
            for r in p.lookup(name, a):
                if r[0] == "mod":
                    attrs[a] = ["M", r[1], ""]
                elif r[0] in ("obj", "ext") and (r[1], r[2]) in p.funcs:
                    attrs[a] = ["F", r[1], r[2]]
                elif r[0] in ("obj", "ext") and (r[1], r[2]) in p.classes:
                    attrs[a] = ["C", r[1], r[2]]
                elif r[0] == "ext":
                    attrs[a] = ["X", r[1], r[2]]
                else:
                    attrs.setdefault(a, ["O", "?", "?"])
        for sub in p.modules:
            if sub.startswith(name + ".") and "." not in sub[len(name) + 1 :]:
                attrs.setdefault(sub[len(name) + 1 :], ["M", sub, ""])
        out.write((json.dumps({"m": name, "name": name, "a": attrs}, sort_keys=True) + "\n").encode())
        for q, c in m.classes.items():
            mro = p.mro(name, q)
            sp = {}
            for special in SPECIAL:
                for b in mro:
                    k = p.classes.get(b)
                    if k and special in k["methods"]:
                        sp[special] = ["%s:%s" % b, "py"]
                        break
            f = {"mro": ["%s:%s" % b for b in mro], "sp": sp, "src": 1, "methods": sorted(c["methods"])}
            if ("typing", "NamedTuple") in mro:
                f["nt"] = 1
            if any(b[0] == "enum" and b[1] in ("Enum", "IntEnum", "Flag", "IntFlag", "StrEnum", "ReprEnum") for b in mro[1:]):
                f["enum"] = 1
            if any(b[0] == "builtins" and (b[1].endswith(("Error", "Exception", "Warning"))) for b in mro[1:]):
                f["exc"] = 1
            metas = [x for b in mro for x in (p.classes.get(b) or {"meta": []})["meta"] if x]
            if metas:
                f["metas"] = [".".join(x) for x in metas]
            if any(d and d[-1] == "dataclass" for d in c["decorators"]):
                f["dc"] = 1
            classes["%s:%s" % (name, q)] = f
    out.write((json.dumps({"classes": classes, "failed": {}}, sort_keys=True) + "\n").encode())


def main():
    args = sys.argv[1:]
    out = args.pop(0)
    names = []
    if args[0] == "--names":
        names = args[1].split(",")
        args = args[2:]
    p = Program()
    for a in args:
        root, _, only = a.partition("=")
        p.read(root, set(only.split(",")) if only else set())
    p.solve()
    with gzip.open(out, "wb") as o:
        funcs = {}
        for (mod, qual), f in p.funcs.items():
            special = qual.rsplit(".", 1)[-1] in SPECIAL or qual.rsplit(".", 1)[-1] == "__post_init__"
            rec = [f.power & (HARD | 128), f.soft, f.dyn]
            if special or not f.cls:
                rec.append(sorted(f.attrs))
            if any(rec[:3]) or special or not f.cls:
                funcs["%s:%s" % (mod, qual)] = rec
        # Slots of a state are set by setattr, which runs the setters of properties.
        setters = sorted("%s:%s" % k for k in p.setters if k in p.funcs and (p.funcs[k].power & HARD or p.funcs[k].dyn & 2))
        o.write((json.dumps({"funcs": funcs, "setters": setters}, sort_keys=True) + "\n").encode())
        if names:
            describe(p, names, o)
    print(out, len(p.modules), "modules", len(p.funcs), "functions", sum(1 for f in p.funcs.values() if f.power & HARD), "with power", file=sys.stderr)


if __name__ == "__main__":
    main()
