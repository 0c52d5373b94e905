"""List the methods that classes call on themselves while an instance is being restored, compared, hashed, filled or asked for a property.

    python hooks.py FOLDER[=PACKAGE,...] ... > ../data/hooks.txt

An instance's own dict hides the methods of its class, so a state that holds a callable under one of these names has it called: no honest
state does. The machine takes such a callable for called. Read from the sources alone; nothing is imported."""

import ast
import os
import sys

SPECIAL = set(
    "__setstate__ __setattr__ __delattr__ __getattr__ __getattribute__ __hash__ __eq__ __ne__ __del__ __setitem__ __len__ __iter__ __next__ "
    "__contains__ __getitem__ __bool__ __int__ __index__ __float__ append extend add update __new__ __array_finalize__".split()
)
# Names under which honest objects keep callables of their own; a class that calls a method so named has been looked at.
KEPT = set("forward fit predict score transform metric kernel func function loss activation dist fun fn method transforms type wrap where".split())
# What code of that kind calls on the objects that an instance holds, and on a state that is no dict; the last ones are asked of instances.
FOREIGN = set(
    "keys items values get pop setdefault update copy index count append extend add clear insert remove astype view any all item tolist numpy eq "
    "clamp clone to read readline readlines close write flush seek tell fileno __setstate__ __array__ __array_interface__ __array_struct__ "
    "__dataframe__ __dlpack__ __cuda_array_interface__ __torch_function__".split()
)


def self_calls(fn):
    """Names that a function calls on its first argument."""
    args = fn.args.posonlyargs + fn.args.args
    if not args:
        return set()
    me, out = args[0].arg, set()
    for n in ast.walk(fn):
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and isinstance(n.func.value, ast.Name) and n.func.value.id == me:
            out.add(n.func.attr)
    return out


def is_property(d):
    d = d.func if isinstance(d, ast.Call) else d
    name = d.attr if isinstance(d, ast.Attribute) else getattr(d, "id", "")
    return "property" in name or name in ("cache_readonly", "reify", "setter", "available_if")


def scan(path, found):
    try:
        with open(path, encoding="utf-8") as f:
            tree = ast.parse(f.read())
    except (SyntaxError, ValueError, UnicodeDecodeError):
        return
    for cls in ast.walk(tree):
        if not isinstance(cls, ast.ClassDef):
            continue
        methods = {f.name: f for f in cls.body if isinstance(f, ast.FunctionDef)}
        todo = [f for f in cls.body if isinstance(f, ast.FunctionDef) and (f.name in SPECIAL or any(map(is_property, f.decorator_list)))]
        seen = set()
        while todo:
            for name in self_calls(todo.pop()):
                if name in seen:
                    continue
                seen.add(name)
                if name in methods:
                    todo.append(methods[name])
        found["called"] |= seen
    for n in ast.walk(tree):
        if isinstance(n, ast.ClassDef):
            found["methods"] |= {f.name for f in n.body if isinstance(f, ast.FunctionDef)}


def main():
    found = {"called": set(), "methods": set()}
    for arg in sys.argv[1:]:
        root, _, only = arg.partition("=")
        for top in only.split(",") if only else [""]:
            for base, dirs, files in os.walk(os.path.join(root, top)):
                dirs[:] = sorted(d for d in dirs if d not in ("tests", "testing", "_internal", "__pycache__", "site-packages"))
                for name in sorted(files):
                    if name.endswith(".py"):
                        scan(os.path.join(base, name), found)
    names = (found["called"] & found["methods"]) - KEPT
    names = {n for n in names if not (n.startswith("__") and n.endswith("__")) and len(n) <= 64}
    if not names:
        sys.exit("hooks.py: nothing was found")
    print("\n".join(sorted(names | FOREIGN)))


if __name__ == "__main__":
    main()
