"""Every way in which the pickle machine can be told to call or import something."""
from asm import *
from book import add, ALL, PY3

D = "opcode/"
posix = ("posix", "system")

add(D + "global-reduce-p0.pkl", p0(glob("os", "system"), MARK, raw_text(CMD), TUPLE, REDUCE), "GLOBAL and REDUCE, protocol 0, no PROTO opcode")
add(D + "global-reduce-p1.pkl", p0(glob("posix", "system"), MARK, shortbinstr(CMD.encode()), TUPLE, REDUCE), "GLOBAL and REDUCE, protocol 1 opcodes, no PROTO opcode")
add(D + "global-reduce-p2.pkl", p2(glob("os", "system"), binuni(CMD), T1, REDUCE), "GLOBAL and REDUCE, protocol 2")
add(D + "global-reduce-p3.pkl", proto(3) + RUN + STOP, "GLOBAL and REDUCE, protocol 3", on=PY3)
add(D + "stack-global-p4.pkl", framed(sg("posix", "system"), short(CMD), MEMOIZE, T1, REDUCE), "STACK_GLOBAL in a FRAME, protocol 4", on=PY3)
add(D + "stack-global-p5.pkl", proto(5) + sg("posix", "system") + short(CMD) + T1 + REDUCE + STOP, "STACK_GLOBAL, protocol 5", on=ALL[3:])
add(D + "stack-global-p2.pkl", p2(sg("posix", "system"), short(CMD), T1, REDUCE), "STACK_GLOBAL under PROTO 2, whose readers do not expect it", on=PY3)
add(D + "stack-global-no-proto.pkl", p0(sg("posix", "system"), short(CMD), T1, REDUCE), "STACK_GLOBAL without PROTO", on=PY3)
add(D + "stack-global-memo.pkl", p4(short("system"), MEMOIZE, POP, short("posix"), MEMOIZE, POP, binget(1), binget(0), STACK_GLOBAL, short(CMD), T1, REDUCE),
    "STACK_GLOBAL whose two names come from the memo through BINGET", on=PY3)
add(D + "stack-global-memo-reversed.pkl", p4(short("posix"), binput(7), short("system"), binput(3), POP, POP, lit("benign"), POP, longbinget(7), get(3), STACK_GLOBAL, short(CMD), T1, REDUCE),
    "STACK_GLOBAL with LONG_BINGET and text GET and a memo filled by BINPUT", on=PY3)
add(D + "stack-global-dup.pkl", p4(call(code(short("timeit"), DUP, STACK_GLOBAL), PY, "pass", sg("time", "time"), 1)), "STACK_GLOBAL whose two names are one string and its DUP (timeit.timeit)", on=PY3)
add(D + "stack-global-junk.pkl", p4(short("posix"), short("collections"), POP, short("system"), short("OrderedDict"), POP, STACK_GLOBAL, short(CMD), T1, REDUCE),
    "STACK_GLOBAL with benign strings pushed and popped between its names", on=PY3)
add(D + "stack-global-pop-mark.pkl", p4(short("posix"), MARK, short("numpy"), short("ndarray"), POP_MARK, short("system"), STACK_GLOBAL, short(CMD), T1, REDUCE),
    "STACK_GLOBAL with benign strings removed by POP_MARK", on=PY3)
add(D + "stack-global-unicode.pkl", p4(textuni("posix"), textuni("system"), STACK_GLOBAL, short(CMD), T1, REDUCE), "STACK_GLOBAL with names from the text opcode UNICODE", on=PY3)
add(D + "stack-global-unicode-escape.pkl", p4(textuni("p\\u006fsix"), textuni("s\\u0079stem"), STACK_GLOBAL, short(CMD), T1, REDUCE), "STACK_GLOBAL with names from UNICODE with \\u escapes", on=PY3)
add(D + "stack-global-binunicode8.pkl", p4(binuni8("posix"), binuni8("system"), STACK_GLOBAL, short(CMD), T1, REDUCE), "STACK_GLOBAL with names from BINUNICODE8", on=PY3)
add(D + "stack-global-string.pkl", p4(textstr("'posix'"), textstr("'system'"), STACK_GLOBAL, short(CMD), T1, REDUCE), "STACK_GLOBAL with names from STRING", on=PY3)
add(D + "stack-global-string-escape.pkl", p4(textstr("'p\\x6fs\\151x'"), textstr('"s\\171stem"'), STACK_GLOBAL, textstr("'echo weir > \\x77eir-canary'"), T1, REDUCE),
    "STACK_GLOBAL with names from STRING with hexadecimal and octal escapes", on=PY3)
add(D + "stack-global-binstring.pkl", p4(shortbinstr(b"posix"), binstr(b"system"), STACK_GLOBAL, short(CMD), T1, REDUCE), "STACK_GLOBAL with names from SHORT_BINSTRING and BINSTRING", on=PY3)
add(D + "stack-global-nested-memo.pkl", p4(lit({"module": "posix"}), POP, MARK, short("posix"), MEMOIZE, short("system"), MEMOIZE, LIST, MEMOIZE, POP, binget(0), binget(1), STACK_GLOBAL, short(CMD), T1, REDUCE),
    "STACK_GLOBAL whose names were memoized as members of a list that was dropped", on=PY3)
add(D + "stack-global-memoized-callable.pkl", p4(sg("posix", "system"), MEMOIZE, POP, short("weights"), POP, binget(0), short(CMD), T1, REDUCE),
    "the callable is memoized and dropped, then fetched for REDUCE", on=PY3)
add(D + "global-memoized.pkl", p2(glob("os", "system"), binput(255), POP, lit({"a": 1}), POP, binget(255), binuni(CMD), T1, REDUCE), "GLOBAL kept in the memo and called later")
add(D + "args-memoized.pkl", p2(binuni(CMD), T1, binput(0), POP, glob("os", "system"), binget(0), REDUCE), "the argument tuple is built first and fetched from the memo")
add(D + "inst.pkl", p0(inst("os", "system", raw_text(CMD))), "INST")
add(D + "inst-p4.pkl", p4(inst("os", "system", CMD)), "INST inside protocol 4", on=PY3)
add(D + "obj.pkl", p0(MARK, glob("os", "system"), raw_text(CMD), OBJ), "OBJ calls the function below its arguments")
add(D + "obj-many-args.pkl", p0(MARK, glob("subprocess", "call"), lit(["sh", "-c", CMD]), OBJ), "OBJ on subprocess.call")
add(D + "newobj-ex-map.pkl", p4(newex(sg("builtins", "map"), (sg("posix", "system"), [CMD]), {}), MEMOIZE, POP, newex(sg("builtins", "tuple"), (binget(0),), {})),
    "NEWOBJ_EX makes a map, a second NEWOBJ_EX consumes it; no REDUCE", on=PY3)
add(D + "newobj-map-tuple.pkl", p2(new(("builtins", "tuple"), new(("builtins", "map"), glob("os", "system"), [CMD]))), "NEWOBJ of map consumed by NEWOBJ of tuple; no REDUCE", on=PY3)
add(D + "newobj-map-bytes.pkl", p2(new(("builtins", "bytes"), new(("builtins", "map"), glob("os", "system"), [CMD]))), "NEWOBJ of map consumed by NEWOBJ of bytes; no REDUCE", on=PY3)
add(D + "newobj-filter-frozenset.pkl", p2(new(("builtins", "frozenset"), new(("builtins", "filter"), glob("builtins", "exec"), [PY]))), "NEWOBJ of filter consumed by NEWOBJ of frozenset; no REDUCE", on=PY3)
add(D + "newobj-starmap-deque.pkl", p2(build(new(("collections", "deque")), None) , POP, new(("builtins", "tuple"), new(("itertools", "starmap"), glob("os", "system"), [(CMD,)]))),
    "NEWOBJ of itertools.starmap consumed by tuple; no REDUCE", on=PY3)
add(D + "newobj-enumerate-zip.pkl", p2(new(("builtins", "tuple"), new(("builtins", "zip"), new(("builtins", "enumerate"), new(("builtins", "map"), glob("os", "system"), [CMD]))))),
    "a map inside enumerate inside zip, consumed by tuple, all by NEWOBJ", on=PY3)
add(D + "newobj-accumulate.pkl", p2(new(("builtins", "tuple"), new(("itertools", "accumulate"), [PY, None], glob("builtins", "exec")))), "itertools.accumulate with exec as its function, by NEWOBJ", on=PY3)
add(D + "newobj-takewhile.pkl", p2(new(("builtins", "tuple"), new(("itertools", "takewhile"), glob("os", "system"), [CMD]))), "itertools.takewhile whose predicate is os.system, by NEWOBJ", on=PY3)
add(D + "newobj-groupby-key.pkl", p2(new(("builtins", "tuple"), new(("itertools", "groupby"), [CMD], glob("os", "system")))), "itertools.groupby whose key is os.system, by NEWOBJ", on=PY3)
add(D + "appends-extend-map.pkl", p2(new(("collections", "deque")), MARK, APPENDS, POP, lit([]), MARK, APPENDS, POP,
    build(call(("collections", "deque")), None), POP, call(glob("builtins", "list"), new(("builtins", "map"), glob("os", "system"), [CMD]))), "list() consumes a map made by NEWOBJ", on=PY3)
add(D + "ext1.pkl", p2(call(("copyreg", "add_extension"), "os", "system", 240), POP, b"\x82\xf0", binuni(CMD), T1, REDUCE), "EXT1 after the stream registered its own extension code", on=PY3)
add(D + "ext1-py2.pkl", p2(call(("copy_reg", "add_extension"), "os", "system", 240), POP, b"\x82\xf0", binuni(CMD), T1, REDUCE), "EXT1 after copy_reg.add_extension (Python 2 name, mapped on 3)")
add(D + "ext2.pkl", p2(call(("copyreg", "add_extension"), "posix", "system", 0x1234), POP, b"\x83\x34\x12", binuni(CMD), T1, REDUCE), "EXT2 after copyreg.add_extension", on=PY3)
add(D + "ext4.pkl", p2(call(("copyreg", "add_extension"), "posix", "system", 0x12345678), POP, b"\x84\x78\x56\x34\x12", binuni(CMD), T1, REDUCE), "EXT4 after copyreg.add_extension", on=PY3)
add(D + "ext-registry-setitem.pkl", p2(glob("copyreg", "_inverted_registry"), lit(241), lit(("os", "system")), SETITEM, POP, b"\x82\xf1", binuni(CMD), T1, REDUCE),
    "EXT1 after SETITEM put a code into copyreg._inverted_registry; no call registers it", on=PY3)
add(D + "ext-cache-setitem.pkl", p2(glob("copyreg", "_extension_cache"), lit(242), glob("os", "system"), SETITEM, POP, b"\x82\xf2", binuni(CMD), T1, REDUCE),
    "EXT1 after SETITEM put a callable into copyreg._extension_cache", on=PY3)
add(D + "proto-twice.pkl", proto(2) + proto(0) + proto(1) + RUN + STOP, "several PROTO opcodes, also in the middle")
add(D + "proto-in-middle.pkl", proto(2) + glob("os", "system") + proto(2) + binuni(CMD) + proto(1) + T1 + REDUCE + STOP, "PROTO between the opcodes of a call")
