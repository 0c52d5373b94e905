"""Compile Python sources with the interpreter that runs this and print what its own dis module sees in them.

usage: python make.py small            the sources below
       python make.py stdlib N         about N modules of the standard library
       python make.py opcodes          the opcode table

One JSON object per line: name, python (major*100+minor), marshal (base64), chains (names and attribute chains that the code spells:
LOAD_NAME or LOAD_GLOBAL, then LOAD_ATTR or LOAD_METHOD), resolved (for the small sources: names that must be found).
"""
from __future__ import print_function

import base64
import dis
import json
import marshal
import os
import sys

VERSION = sys.version_info[0] * 100 + sys.version_info[1]

# name -> (source, names that a reader must resolve)
SMALL = {
    "direct": ("import os\nos.system('echo hi')\n", ["os.system"]),
    "alias": ("import os as o\ndef f(x):\n    return o.popen(x)\n", ["os.popen"]),
    "from": ("def f():\n    from subprocess import Popen as P, call\n    P(['ls'], shell=True)\n    return call\n", ["subprocess.Popen", "subprocess.call"]),
    "dotted": ("import os.path as p, xml.dom.minidom\ndef f():\n    p.join('a', 'b')\n    xml.dom.minidom.parse('x')\n",
               ["os.path.join", "xml.dom.minidom.parse"]),
    "builtins": ("def f(s):\n    eval(s)\n    return open(s, 'w')\n", ["eval", "open"]),
    "dunder": ("def f():\n    __import__('os').system('echo hi')\n", ["os.system"]),
    "local": ("def f():\n    m = __import__('os')\n    g = m.system\n    g('echo hi')\n", ["os.system"]),
    "getattr": ("import os\ndef f():\n    getattr(os, 'sys' + 'tem')('echo hi')\n    getattr(__import__('shutil'), 'rmtree')\n",
                ["os.system", "shutil.rmtree"]),
    "importlib": ("import importlib\ndef f():\n    return importlib.import_module('subprocess').run(['ls'])\n", ["subprocess.run"]),
    "join": ("def f():\n    n = ''.join(['o', 's'])\n    return __import__(n).system\n", ["os.system"]),
    "reverse": ("def f():\n    n = 'metsys'\n    return getattr(__import__('so'[::-1]), n[::-1])\n", ["os.system"]),
    "modules": ("import sys\ndef f():\n    sys.modules['os'].system('x')\n    return sys.modules.get('subprocess').Popen\n",
                ["os.system", "subprocess.Popen"]),
    "dict": ("import os\ndef f():\n    return os.__dict__['system'], vars(os)['popen'], __builtins__['eval'], __builtins__.exec_\n",
             ["os.system", "os.popen", "builtins.eval"]),
    "globals": ("def f():\n    return globals()['eval']('1')\n", ["eval"]),
    "branch": ("import math, os\ndef f(c):\n    return (math if c else os).system\n", ["os.system"]),
    "closure": ("def f():\n    import os\n    def g():\n        return os.system('x')\n    return g\n", ["os.system"]),
    "lambda": ("f = lambda x: exec_(eval(x))\n", ["eval", "exec_"]),
    "class": ("import os\nclass C(object):\n    h = os.system\n    def __reduce__(self):\n        return os.popen, ('x',)\n", ["os.system", "os.popen"]),
    "comprehension": ("import os\ndef f(xs):\n    return [os.system(x) for x in xs] + list(os.popen(x) for x in xs)\n", ["os.system", "os.popen"]),
    "keywords": ("import subprocess\ndef f(*a, **k):\n    subprocess.run('x', shell=True)\n    subprocess.call(*a, **k)\n    subprocess.Popen(*a, shell=True)\n",
                 ["subprocess.run", "subprocess.call", "subprocess.Popen"]),
    "with": ("import zipfile\ndef f(p):\n    with zipfile.ZipFile(p) as z:\n        z.extractall('/')\n", ["zipfile.ZipFile.extractall"]),
    "made": ("import pathlib\ndef f():\n    pathlib.Path('x').write_text('y')\n    p = pathlib.Path('x')\n    return p.unlink()\n",
             ["pathlib.Path.write_text", "pathlib.Path.unlink"]),
    "try": ("def f():\n    try:\n        import cPickle as p\n    except ImportError:\n        import pickle as p\n    finally:\n        open('x')\n    return p.loads(b'')\n",
            ["pickle.loads", "cPickle.loads", "open"]),
    "loop": ("import os\ndef f(n):\n    for i in range(n):\n        while i:\n            os.kill(i, 9)\n            if i > 3:\n                continue\n            break\n", ["os.kill", "range"]),
    "star": ("from os import *\nsystem('x')\n", ["os.system"]),
    "extended": ("import os\n" + "".join("v%d = %d.5\n" % (i, i) for i in range(300)) + "os.system(v299)\n", ["os.system"]),
    "chr": ("def f():\n    return __import__(chr(111) + chr(115)).system\n", ["os.system"]),
    "attrgetter": ("import operator, os\ndef f():\n    return operator.attrgetter('system')(os)\n", ["os.system"]),
    "default": ("import os\ndef f(a=os.system, b=1, *, c=os.popen): return a\n" if VERSION >= 300 else "import os\ndef f(a=os.system, b=os.popen): return a\n",
                ["os.system", "os.popen"]),
}
if VERSION < 300:
    SMALL["exec"] = ("def f(s):\n    exec s\n    print >>s, open(s)\n", ["exec", "open"])
else:
    SMALL["exec"] = ("def f(s):\n    exec(s)\n    print(open(s))\n", ["exec", "open"])
if VERSION >= 306:
    SMALL["async"] = ("import os\nasync def f(x):\n    async with x as y:\n        async for z in y:\n            await os.system(z)\n    return f'{os.getcwd()!r:>3}'\n",
                      ["os.system", "os.getcwd"])
if VERSION >= 310:
    SMALL["match"] = ("import os\ndef f(x):\n    match x:\n        case {'a': y}: os.system(y)\n        case [a, *b]: os.popen(a)\n        case int(z): eval(z)\n",
                      ["os.system", "os.popen", "eval"])


def instructions(code):
    if VERSION >= 306:
        for i in dis.get_instructions(code):
            yield i.opname, i.argval
        return
    b, i, ext = bytearray(code.co_code), 0, 0
    while i < len(b):
        name, arg = dis.opname[b[i]], None
        i += 1
        if b[i - 1] >= dis.HAVE_ARGUMENT:
            arg = b[i] | b[i + 1] << 8 | ext << 16
            i += 2
        ext = arg if name == "EXTENDED_ARG" else 0
        yield name, code.co_names[arg] if name in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_ATTR") else arg


def chains(code, out):
    cur = None
    for op, arg in instructions(code):
        if op in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"):
            cur = arg
            out.add(cur)
        elif op in ("LOAD_ATTR", "LOAD_METHOD") and cur is not None:
            cur += "." + arg
            out.add(cur)
        elif op not in ("EXTENDED_ARG", "CACHE", "NOP"):
            cur = None
    for c in code.co_consts:
        if hasattr(c, "co_code"):
            chains(c, out)
    return out


def emit(name, source, resolved):
    code = compile(source, name + ".py", "exec", dont_inherit=True)
    print(json.dumps({
        "name": name, "python": VERSION, "marshal": base64.b64encode(marshal.dumps(code)).decode("ascii"),
        "chains": sorted(chains(code, set())), "resolved": resolved,
    }, sort_keys=True))


def stdlib(count):
    folder = os.path.dirname(os.__file__)
    files = []
    for base, _, names in os.walk(folder):
        if "site-packages" in base or "bad" in base or "lib2to3" in base:
            continue
        files += [os.path.join(base, n) for n in names if n.endswith(".py")]
    files.sort()
    for path in files[::max(1, len(files) // count)]:
        with open(path, "rb") as f:
            source = f.read()
        try:
            emit(os.path.relpath(path, folder), source, [])
        except (SyntaxError, ValueError, UnicodeError):
            pass


def opcodes():
    import opcode
    caches = getattr(opcode, "_inline_cache_entries", None) or {}
    special = dict(getattr(dis, "_all_opmap", {}) or {})
    for name, number in sorted(dis.opmap.items(), key=lambda x: x[1]):
        n = caches.get(name, 0) if isinstance(caches, dict) else caches[number] if number < len(caches) else 0
        print(VERSION, name, number, n)
    for name, number in sorted(special.items(), key=lambda x: x[1]):
        if name not in dis.opmap:
            print(VERSION, name, number, "special")


if sys.argv[1] == "small":
    for key in sorted(SMALL):
        emit(key, *SMALL[key])
elif sys.argv[1] == "stdlib":
    stdlib(int(sys.argv[2]))
else:
    opcodes()
