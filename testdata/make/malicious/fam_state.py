"""Execution without REDUCE: state, dispatch of APPEND and its kin, hashing, slots, deletion."""
from asm import *
from book import add, ALL, PY3

D = "state/"
SYS = glob("os", "system")
SYS4 = sg("posix", "system")
UD = glob("collections", "UserDict")
PARTIAL = build(new(("functools", "partial"), glob("builtins", "int")), (SYS, (CMD,), {}, {}))


def on_class(cls, **attrs):
    """BUILD with slot state on a class sets its attributes: (None, {...})."""
    return build(cls, (None, attrs)) + POP


def A(name, body, technique, gives="execute", on=PY3, note="", **kw):
    body = code(body)
    add(D + name + ".pkl", p4(body) if STACK_GLOBAL in body else p2(body), technique, gives, on=on, note=note, **kw)


def inst0(cls):
    return Code(cls + EMPTY_TUPLE + NEWOBJ)


NSP = glob("argparse", "Namespace")
A("setstate-on-class", on_class(NSP, __setstate__=SYS) + build(inst0(NSP), CMD), "two BUILDs: the first gives a class __setstate__ = os.system, the second calls it; no REDUCE")
A("append-on-class", on_class(NSP, append=SYS) + inst0(NSP) + lit(CMD) + APPEND, "a class gets append = os.system, APPEND calls it; no REDUCE")
A("appends-on-class", on_class(NSP, append=SYS) + inst0(NSP) + MARK + lit(CMD) + APPENDS, "a class gets append = os.system, APPENDS calls it; no REDUCE")
A("extend-on-class", on_class(NSP, extend=glob("builtins", "bytes")) + code(on_class(NSP, extend=build(new(("functools", "partial"), glob("builtins", "int")), (glob("multiprocessing.pool", "mapstar"), (), {}, {}))), inst0(NSP), MARK, SYS, lit([CMD]), APPENDS),
  "a class gets extend = multiprocessing.pool.mapstar, APPENDS hands it (os.system, [command])")
A("additems-on-class", on_class(NSP, add=SYS) + inst0(NSP) + MARK + lit(CMD) + ADDITEMS, "a class gets add = os.system, ADDITEMS calls it; no REDUCE")
A("setitem-on-class", on_class(NSP, __setitem__=glob("builtins", "exec")) + inst0(NSP) + lit(PY) + lit({}) + SETITEM, "a class gets __setitem__ = exec, SETITEM calls it; no REDUCE")
A("setitems-on-class", on_class(NSP, __setitem__=glob("builtins", "exec")) + inst0(NSP) + MARK + lit(PY) + lit({}) + SETITEMS, "a class gets __setitem__ = exec, SETITEMS calls it; no REDUCE")
A("del-on-class", on_class(NSP, __del__=PARTIAL) + inst0(NSP) + POP + NONE, "a class gets __del__, POP drops the instance")
A("hash-on-class", on_class(NSP, __hash__=PARTIAL) + EMPTY_DICT + inst0(NSP) + NONE + SETITEM, "a class gets __hash__, SETITEM on a dict hashes the instance")
A("hash-additems", on_class(NSP, __hash__=PARTIAL) + EMPTY_SET + MARK + inst0(NSP) + ADDITEMS, "a class gets __hash__, ADDITEMS on a set hashes the instance")
A("hash-frozenset", on_class(NSP, __hash__=PARTIAL) + MARK + inst0(NSP) + FROZENSET, "a class gets __hash__, FROZENSET hashes the instance")
A("hash-dict-opcode", on_class(NSP, __hash__=PARTIAL) + MARK + inst0(NSP) + NONE + DICT, "a class gets __hash__, DICT hashes the instance")
A("eq-on-class", on_class(NSP, __eq__=SYS, __hash__=glob("builtins", "int")) + code(on_class(NSP, __eq__=build(new(("functools", "partial"), glob("builtins", "int")), (glob("os", "system"), (), {}, {})), __hash__=build(new(("functools", "partial"), glob("builtins", "int")), (glob("builtins", "hash"), (CMD,), {}, {}))), EMPTY_DICT, lit(CMD), NONE, SETITEM, inst0(NSP), NONE, SETITEM),
  "a class gets the hash of the command and __eq__ = os.system: a collision in a dict compares, and runs")
A("init-on-class-obj", on_class(NSP, __init__=SYS) + code(MARK, glob("argparse", "Namespace"), lit(CMD), OBJ), "a class gets __init__ = os.system, OBJ instantiates it")
A("getattr-build-lookup", on_class(NSP, __getattr__=SYS) + call(("builtins", "getattr"), inst0(NSP), CMD), "a class gets __getattr__ = os.system, getattr passes the command as the name")
A("dict-attr-setitem", code(sg("argparse", "Namespace"), POP, sg("json", "__dict__"), lit("loads"), SYS4, SETITEM, POP, call(("json", "loads"), CMD)), "SETITEM on a module's dictionary makes json.loads os.system, then json.loads is called")
A("build-module-then-call", build(sg("logging", "time"), {"ctime": SYS4}) + POP + call(("time", "ctime"), CMD), "BUILD on the module time replaces ctime by os.system; then time.ctime is called")
A("build-module-int", build(sg("logging", "collections"), {"OrderedDict": SYS4}) + POP + call(("collections", "OrderedDict"), CMD), "BUILD on the module collections replaces OrderedDict by os.system; the call looks ordinary")
A("persid-on-unpickler", on_class(glob("pickle", "_Unpickler"), persistent_load=SYS) + lit(CMD) + BINPERSID, "the pure-Python Unpickler class gets persistent_load = os.system, BINPERSID calls it", note="the C unpickler is not affected")
A("persid-text-on-unpickler", on_class(glob("pickle", "_Unpickler"), persistent_load=SYS) + code(b"P" + CMD.encode() + b"\n"), "the same by the text opcode PERSID", note="the C unpickler is not affected")
A("dispatch-setitem", code(sg("pickle", "_Unpickler.dispatch"), lit(33), call(("operator", "methodcaller"), "find_class", "antigravity", "geohash"), SETITEM, POP, b"!"), "SETITEM on pickle._Unpickler.dispatch makes a new opcode", gives="import", canary="import:antigravity", note="the C unpickler is not affected")
A("thread-setstate", build(inst0(sg("threading", "Thread")), {"_target": SYS4, "_args": (CMD,), "_kwargs": {}}) + MEMOIZE + POP + call(sg("threading", "Thread.run"), binget(0)), "Thread made by NEWOBJ, target by BUILD, run by a dotted name")
A("starmap-frozenset", new(("builtins", "list"), ()) + POP + new(("builtins", "frozenset"), new(("itertools", "starmap"), SYS, [(CMD,)])), "starmap by NEWOBJ into frozenset by NEWOBJ")
A("array-new-map", new(("builtins", "bytearray"),) + MARK + APPENDS + POP + code(new(("array", "array"), "b", new(("builtins", "map"), SYS, [CMD]))), "array.array by NEWOBJ consumes a map by NEWOBJ")
A("bystanders-tuple-map", code(new(("collections", "deque"))) + POP + code(call(("builtins", "bytearray")), new(("builtins", "map"), SYS, [CMD])) + POP + POP + code(new(("collections", "Counter")), POP) + new(("builtins", "tuple"), new(("builtins", "map"), SYS, [CMD])), "bystanders, then tuple(map) by NEWOBJ")
A("list-slice-setitem", EMPTY_LIST + new(("builtins", "slice"), 0, 0) + new(("builtins", "map"), SYS, [CMD]) + SETITEM, "SETITEM of a slice of a list with a map as the value: the list consumes it; no REDUCE")
A("bytearray-slice-setitem", call(("builtins", "bytearray"), b"abc") + new(("builtins", "slice"), 0, 1) + new(("builtins", "map"), SYS, [CMD]) + SETITEM, "SETITEM of a slice of a bytearray with a map as the value")
A("frozenset-zip-map", EMPTY_LIST + MARK + new(("builtins", "map"), SYS, [CMD]) + APPENDS + POP + new(("builtins", "frozenset"), new(("builtins", "reversed"), (1,))) + POP + new(("builtins", "set"), ) + POP + new(("builtins", "enumerate"), new(("builtins", "map"), SYS, [CMD])) + POP + new(("builtins", "frozenset"), new(("builtins", "zip"), new(("builtins", "map"), SYS, [CMD]))), "frozenset(zip(map)) by NEWOBJ behind bystanders")
A("product-new", new(("builtins", "dict")) + POP + new(("itertools", "cycle"), new(("builtins", "map"), SYS, [CMD])) + POP + new(("itertools", "product"), new(("builtins", "map"), SYS, [CMD])), "itertools.product by NEWOBJ consumes its argument at once")
A("permutations-new", new(("itertools", "permutations"), new(("builtins", "map"), SYS, [CMD])), "itertools.permutations by NEWOBJ consumes its argument at once")
A("combinations-new", new(("itertools", "combinations"), new(("builtins", "map"), SYS, [CMD]), 1), "itertools.combinations by NEWOBJ consumes its argument at once")
A("bytes-filter-new", new(("fractions", "Fraction"), 1) + POP + new(("builtins", "bytes"), new(("builtins", "filter"), SYS, [CMD])) , "bytes(filter) by NEWOBJ")
A("str-new-object", on_class(NSP, __str__=PARTIAL, __repr__=PARTIAL) + new(("builtins", "str"), inst0(NSP)), "a class gets __str__, NEWOBJ of str calls it")
A("int-new-object", on_class(NSP, __int__=PARTIAL) + new(("builtins", "int"), inst0(NSP)), "a class gets __int__, NEWOBJ of int calls it")
A("float-new", on_class(NSP, __float__=PARTIAL) + new(("builtins", "float"), inst0(NSP)), "a class gets __float__, NEWOBJ of float calls it")
A("complex-new", on_class(NSP, __complex__=PARTIAL) + new(("builtins", "complex"), inst0(NSP)), "a class gets __complex__, NEWOBJ of complex calls it")
A("bytes-new-bytes", on_class(NSP, __bytes__=PARTIAL) + new(("builtins", "bytes"), inst0(NSP)), "a class gets __bytes__, NEWOBJ of bytes calls it")
A("tuple-new-iter", on_class(NSP, __iter__=PARTIAL) + new(("builtins", "tuple"), inst0(NSP)), "a class gets __iter__, NEWOBJ of tuple calls it")
A("reversed-new", on_class(NSP, __iter__=build(new(("functools", "partial"), glob("builtins", "int")), (glob("builtins", "iter"), ("",), {}, {})), __getitem__=SYS) + new(("builtins", "reversed"), "x") + POP + on_class(NSP, __reversed__=PARTIAL) + new(("builtins", "reversed"), inst0(NSP)), "a class gets __reversed__, NEWOBJ of reversed calls it")
A("bool-new", on_class(NSP, __bool__=PARTIAL) + new(("builtins", "bool"), inst0(NSP)), "a class gets __bool__, NEWOBJ of bool calls it")
A("chainmap-maps", build(inst0(glob("collections", "ChainMap")), {"maps": [build(inst0(NSP), {})]}) + POP + on_class(NSP, __getitem__=SYS) + call(("operator", "getitem"), build(inst0(glob("collections", "ChainMap")), {"maps": [inst0(NSP)]}), CMD), "collections.ChainMap whose map is an object with __getitem__ = os.system")
A("userdict-data", on_class(NSP, __setitem__=glob("builtins", "exec")) + build(inst0(UD), {"data": inst0(NSP)}) + lit(PY) + lit({}) + SETITEM, "SETITEM on a UserDict whose data is an object with __setitem__ = exec")
A("userlist-append", on_class(NSP, append=SYS) + build(inst0(glob("collections", "UserList")), {"data": inst0(NSP)}) + lit(CMD) + APPEND, "APPEND on a UserList whose data is an object with append = os.system")
A("exception-setstate", build(inst0(glob("builtins", "Exception")), {"__cause__": None}) + POP + on_class(glob("unittest.case", "_Outcome"), __setstate__=SYS) + build(inst0(glob("unittest.case", "_Outcome")), CMD), "__setstate__ put on unittest.case._Outcome")
A("type-setstate", call(("builtins", "type"), "T", (glob("argparse", "Namespace"),), {"__setstate__": SYS}) + EMPTY_TUPLE + NEWOBJ + lit(CMD) + BUILD, "type(...) makes a class with __setstate__ = os.system")
A("slot-state-setattr", on_class(NSP, __setattr__=glob("builtins", "exec")) + build(inst0(NSP), (None, {PY: {}})), "a class gets __setattr__ = exec, slot state of BUILD calls it with (source, globals)")
A("old-instance-27", code(MARK, glob("UserDict", "UserDict"), OBJ, lit({"data": {}}), BUILD, POP) + p2(RUN)[2:-1], "an old-style instance of Python 2, then a call", on=["2.7"])
A("new-instance-27", build(call(("new", "instance"), call(("new", "classobj"), textstr("'X'"), (), {}) ), {}) + POP + call(call(("new", "instancemethod"), glob("os", "system"), CMD)), "new.instancemethod of Python 2 binds the argument", on=["2.7"])
A("classobj-27", code(build(call(call(("new", "classobj"), textstr("'X'"), (), {})), {"append": glob("os", "system")}), lit(CMD), APPEND), "an old-style instance with append = os.system in its state; APPEND calls it", on=["2.7"])
A("classobj-setstate-27", code(call(call(("new", "classobj"), textstr("'X'"), (), EMPTY_DICT + textstr("'__setstate__'") + glob("os", "system") + SETITEM)), lit(CMD), BUILD), "an old-style class with __setstate__ = os.system; BUILD calls it", on=["2.7"])
A("instance-append-state", build(inst0(NSP), {"append": SYS}) + lit(CMD) + APPEND, "an ordinary instance gets append = os.system from its own state, APPEND calls it; no REDUCE, no class touched")
A("instance-extend-state", build(inst0(NSP), {"extend": glob("multiprocessing.pool", "mapstar")}) + MARK + SYS + lit([CMD]) + APPENDS, "an ordinary instance gets extend from its own state, APPENDS calls it with the list (os.system, [command])")
A("instance-add-state", build(inst0(NSP), {"add": SYS}) + MARK + lit(CMD) + ADDITEMS, "an ordinary instance gets add = os.system from its own state, ADDITEMS calls it")
A("instance-setstate-state", build(inst0(NSP), {"__setstate__": SYS}) + lit(CMD) + BUILD, "an ordinary instance gets __setstate__ = os.system from its first BUILD, a second BUILD calls it; no REDUCE")
A("module-setstate", build(sg("logging", "time"), {"__setstate__": SYS4}) + lit(CMD) + BUILD, "a module object gets __setstate__ = os.system by BUILD, a second BUILD calls it")
A("module-append", build(sg("logging", "time"), {"append": SYS4}) + lit(CMD) + APPEND, "a module object gets append = os.system by BUILD, APPEND calls it")
A("function-attr-append", build(glob("json", "loads"), {"append": SYS}) + lit(CMD) + APPEND, "a plain function gets append = os.system in its __dict__, APPEND calls it: the whole pickle names json.loads and os.system and calls neither")
A("function-attr-setstate", build(glob("json", "loads"), {"__setstate__": SYS}) + lit(CMD) + BUILD, "a plain function gets __setstate__ = os.system in its __dict__, a second BUILD calls it")
A("set-subclass-additems", build(new(("collections", "Counter")), {}) + POP + build(inst0(NSP), {"add": glob("builtins", "exec")}) + MARK + lit(PY) + ADDITEMS, "ADDITEMS on an instance whose add is exec")
A("function-code-replace", build(glob("json", "loads"), (None, {"__code__": sg("json", "dumps.__code__")})), "BUILD with slot state replaces the __code__ of a function", gives="environment", canary="python:__import__('json').loads.__code__ is __import__('json').dumps.__code__")
A("function-defaults-replace", build(sg("subprocess", "Popen.__init__"), (None, {"__defaults__": None})), "BUILD with slot state replaces a function's defaults", gives="environment", canary="python:__import__('subprocess').Popen.__init__.__defaults__ is None")
