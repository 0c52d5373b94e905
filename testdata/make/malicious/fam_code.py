"""Code objects inside pickles: marshal, FunctionType, CodeType, each for the interpreters whose bytecode it is."""
from asm import *
from book import add, PY3

D = "code/"
# marshal.dumps(compile(PY, "m", "exec"), 2) of each version.
MARSHAL = {
    "2.7": "6300000000000000000300000040000000731a0000006500006400006401008302006a010064020083010001640300532804000000730b000000776569722d63616e6172797401000000777404000000776569724e280200000074040000006f70656e7405000000777269746528000000002800000000280000000074010000006d74080000003c6d6f64756c653e010000007400000000",
    "3.6": "630000000000000000000000000300000040000000731400000065006400640183026a01640283010100640353002804000000750b000000776569722d63616e6172797501000000777504000000776569724e280200000075040000006f70656e7505000000777269746528000000002800000000280000000075010000006d75080000003c6d6f64756c653e010000007300000000",
    "3.8": "6300000000000000000000000000000000030000004000000073140000006500640064018302a0016402a1010100640353002804000000750b000000776569722d63616e6172797501000000777504000000776569724e280200000075040000006f70656e7505000000777269746528000000002800000000280000000075010000006d75080000003c6d6f64756c653e010000007300000000",
    "3.10": "6300000000000000000000000000000000030000004000000073140000006500640064018302a0016402a1010100640353002804000000750b000000776569722d63616e6172797501000000777504000000776569724e280200000075040000006f70656e7505000000777269746528000000002800000000280000000075010000006d75080000003c6d6f64756c653e0100000073020000001400",
    "3.11": "630000000000000000000000000400000000000000734400000097000200650064006401a6020000ab020000000000000000a00100000000000000000000000000000000000000006402a6010000ab0100000000000000000100640353002804000000750b000000776569722d63616e6172797501000000777504000000776569724e280200000075040000006f70656e750500000077726974652800000000730000000075010000006d75080000003c6d6f64756c653e75080000003c6d6f64756c653e01000000732b000000f003010101d800048004805d9033d10017d40017d7001dd2001d9866d10025d40025d00025d00025d000257300000000",
    "3.12": "630000000000000000000000000400000000000000733400000097000200650064006401ab020000000000006a030000000000000000000000000000000000006402ab01000000000000010079032804000000750b000000776569722d63616e6172797501000000777504000000776569724e280200000075040000006f70656e750500000077726974652800000000730000000075010000006d75080000003c6d6f64756c653e75080000003c6d6f64756c653e01000000731a000000f003010101d90004805d9033d30017d7001dd1001d9866d500257300000000",
    "3.13": "630000000000000000000000000400000000000000733400000095005c002200530053013502000000000000520300000000000000000000000000000000000053023501000000000000200067032804000000750b000000776569722d63616e6172797501000000777504000000776569724e280200000075040000006f70656e750500000077726974652800000000730000000075010000006d75080000003c6d6f64756c653e75080000003c6d6f64756c653e01000000731a000000f003010101d90004805d9033d30017d7001dd1001d9866d500257300000000",
}
GLOBALS = {"__builtins__": call(("importlib", "import_module"), "builtins")}
G27 = EMPTY_DICT + textstr("'__builtins__'") + call(("__builtin__", "__import__"), textstr("'__builtin__'")) + SETITEM
for v, h in MARSHAL.items():
    data, slug = bytes.fromhex(h), v.replace(".", "")
    runs = {"3.6": ["3.6", "3.7"], "3.8": ["3.8", "3.9"]}.get(v, [v])
    if v == "2.7":
        mcode = call(("marshal", "loads"), binstr(data))
        add(D + "marshal-function-27.pkl", p2(call(call(("types", "FunctionType"), mcode, Code(G27)))), "marshal.loads makes a code object, types.FunctionType a function, REDUCE calls it: bytecode of 2.7", on=runs)
        add(D + "marshal-new-function-27.pkl", p2(call(call(("new", "function"), mcode, Code(G27)))), "the same with new.function", on=runs)
        continue
    mcode = call(("marshal", "loads"), data)
    add(D + "marshal-function-%s.pkl" % slug, p2(call(call(("types", "FunctionType"), mcode, GLOBALS))), "marshal.loads makes a code object, types.FunctionType a function, REDUCE calls it: bytecode of %s" % v, on=runs)
    add(D + "marshal-exec-%s.pkl" % slug, p2(call(("builtins", "exec"), mcode)), "exec of marshal.loads: bytecode of %s" % v, on=runs)
m311 = bytes.fromhex(MARSHAL["3.11"])
add(D + "marshal-zlib-base64.pkl", p2(call(("builtins", "exec"), call(("marshal", "loads"), call(("zlib", "decompress"), call(("base64", "b64decode"), __import__("base64").b64encode(__import__("zlib").compress(m311, 9)).decode()))))), "exec of marshal of zlib of base64: bytecode of 3.11", on=["3.11"])
add(D + "marshal-load-file.pkl", p2(call(("builtins", "exec"), call(("marshal", "load"), call(("io", "BytesIO"), m311)))), "marshal.load of a BytesIO: bytecode of 3.11", on=["3.11"])
add(D + "function-new-setstate.pkl", p2(build(new(("types", "FunctionType"), call(("marshal", "loads"), m311), GLOBALS), (None, {"__name__": "forward"})), EMPTY_TUPLE, REDUCE), "the function is made by NEWOBJ of types.FunctionType and renamed by BUILD: bytecode of 3.11", on=["3.11"])
add(D + "function-code-swap.pkl", p2(build(glob("json", "detect_encoding"), (None, {"__code__": call(("marshal", "loads"), m311)})), EMPTY_TUPLE, REDUCE), "BUILD replaces the code of json.detect_encoding, then it is called: bytecode of 3.11", on=["3.11"])
add(D + "function-code-swap-kept.pkl", p2(build(glob("json", "detect_encoding"), (None, {"__code__": call(("marshal", "loads"), m311)}))), "BUILD replaces the code of json.detect_encoding: whoever calls it later runs it", gives="environment", on=["3.11"], canary="python:__import__('json').detect_encoding.__code__.co_names == ('open', 'write')")

NAMES, CONSTS = ("open", "write"), ("weir-canary", "w", "weir", None)
S27 = Code(MARK + b"".join(textstr(repr(x)) for x in ("open", "write")) + TUPLE)
C27 = Code(MARK + b"".join(textstr(repr(x)) for x in ("weir-canary", "w", "weir")) + NONE + TUPLE)
add(D + "codetype-27.pkl", p2(call(call(("types", "FunctionType"), call(("types", "CodeType"), 0, 0, 3, 64, binstr(bytes.fromhex("6500006400006401008302006a01006402008301000164030053")), C27, S27, (), textstr("'m'"), textstr("'f'"), 1, textstr("''")), Code(G27)))), "types.CodeType from its parts: bytecode of 2.7", on=["2.7"])
add(D + "codetype-36.pkl", p2(call(call(("types", "FunctionType"), call(("types", "CodeType"), 0, 0, 0, 3, 64, bytes.fromhex("65006400640183026a0164028301010064035300"), CONSTS, NAMES, (), "m", "f", 1, b""), GLOBALS))), "types.CodeType from its parts: bytecode of 3.6", on=["3.6", "3.7"])
add(D + "codetype-38.pkl", p2(call(call(("types", "FunctionType"), call(("types", "CodeType"), 0, 0, 0, 0, 3, 64, bytes.fromhex("6500640064018302a0016402a101010064035300"), CONSTS, NAMES, (), "m", "f", 1, b""), GLOBALS))), "types.CodeType from its parts: bytecode of 3.8", on=["3.8", "3.9", "3.10"])
C311 = bytes.fromhex("97000200650064006401a6020000ab020000000000000000a00100000000000000000000000000000000000000006402a6010000ab010000000000000000010064035300")
L311 = bytes.fromhex("f003010101d800048004805d9033d10017d40017d7001dd2001d9866d10025d40025d00025d00025d00025")
add(D + "codetype-311.pkl", p2(call(call(("types", "FunctionType"), call(("types", "CodeType"), 0, 0, 0, 0, 4, 0, C311, CONSTS, NAMES, (), "m", "f", "f", 1, L311, b""), GLOBALS))), "types.CodeType from its parts: bytecode of 3.11", on=["3.11"])
add(D + "codetype-new-311.pkl", p2(call(new(("types", "FunctionType"), new(("types", "CodeType"), 0, 0, 0, 0, 4, 0, C311, CONSTS, NAMES, (), "m", "f", "f", 1, L311, b""), GLOBALS))), "CodeType and FunctionType by NEWOBJ: bytecode of 3.11", on=["3.11"])
add(D + "codetype-313.pkl", p2(call(call(("types", "FunctionType"), call(("types", "CodeType"), 0, 0, 0, 0, 4, 0, bytes.fromhex("95005c00220053005301350200000000000052030000000000000000000000000000000000005302350100000000000020006703"), CONSTS, NAMES, (), "m", "f", "f", 1, b"\xf0\x03\x01\x01\x01\xd9\x00\x04", b""), GLOBALS))), "types.CodeType from its parts: bytecode of 3.13", on=["3.13"])
add(D + "code-replace-311.pkl", p4(call(("builtins", "exec"), kwcall(code(sg("json", "loads.__code__.replace")), (), {"co_code": C311, "co_consts": CONSTS, "co_names": NAMES, "co_varnames": (), "co_argcount": 0, "co_kwonlyargcount": 0, "co_nlocals": 0, "co_stacksize": 4, "co_flags": 0, "co_linetable": L311, "co_freevars": (), "co_cellvars": (), "co_exceptiontable": b""}))), "the replace method of an honest code object gives a hostile one: bytecode of 3.11", on=["3.11"])
add(D + "compile-eval-lambda.pkl", p2(call(call(("builtins", "eval"), "lambda: open('weir-canary', 'w')"))), "eval makes a lambda, REDUCE calls it")
add(D + "type-with-method-from-exec.pkl", p4(EMPTY_DICT, MEMOIZE, POP, call(("builtins", "exec"), "def __setstate__(self, s): open(s, 'w')", code(binget(0))), POP, build(new(call(("builtins", "type"), "C", (glob("argparse", "Namespace"),), code(binget(0)))), "weir-canary")), "exec defines a function in a dictionary, type() makes a class of it, BUILD calls it", on=PY3)
