"""A pickle assembler: every function returns the bytes of a few opcodes, and bytes are joined with +.

The pickle module cannot be used to write these fixtures: it refuses most of what they need (a name that is cut at
a NUL, a frame that lies, a memo index of 2**31), and its output changes between versions. Here the exact opcode is chosen.
"""
import struct

CMD = "echo weir > weir-canary"
PY = "open('weir-canary','w').write('weir')"

STOP = b"."
MARK = b"("
POP = b"0"
POP_MARK = b"1"
DUP = b"2"
NONE = b"N"
TRUE = b"\x88"
FALSE = b"\x89"
EMPTY_TUPLE = b")"
EMPTY_LIST = b"]"
EMPTY_DICT = b"}"
EMPTY_SET = b"\x8f"
TUPLE = b"t"
T1, T2, T3 = b"\x85", b"\x86", b"\x87"
LIST = b"l"
DICT = b"d"
REDUCE = b"R"
BUILD = b"b"
APPEND = b"a"
APPENDS = b"e"
SETITEM = b"s"
SETITEMS = b"u"
ADDITEMS = b"\x90"
FROZENSET = b"\x91"
OBJ = b"o"
NEWOBJ = b"\x81"
NEWOBJ_EX = b"\x92"
STACK_GLOBAL = b"\x93"
MEMOIZE = b"\x94"
BINPERSID = b"Q"
NEXT_BUFFER = b"\x97"
READONLY_BUFFER = b"\x98"


def _b(s):
    return s if isinstance(s, bytes) else s.encode("utf-8", "surrogatepass")


class Code(bytes):
    """Bytes that are opcodes already, so that lit() leaves them alone."""

    def __add__(self, other):
        return Code(bytes(self) + bytes(other))

    def __radd__(self, other):
        return Code(bytes(other) + bytes(self))


def code(*parts):
    return Code(b"".join(bytes(p) for p in parts))


def proto(n):
    return Code(b"\x80" + bytes([n]))


def frame(n):
    return Code(b"\x95" + struct.pack("<Q", n))


def glob(module, name):
    return Code(b"c" + _b(module) + b"\n" + _b(name) + b"\n")


def inst(module, name, *args):
    return Code(MARK + b"".join(lit(a) for a in args) + b"i" + _b(module) + b"\n" + _b(name) + b"\n")


def short(s):
    b = _b(s)
    return Code(b"\x8c" + bytes([len(b)]) + b)


def binuni(s):
    b = _b(s)
    return Code(b"X" + struct.pack("<I", len(b)) + b)


def binuni8(s):
    b = _b(s)
    return Code(b"\x8d" + struct.pack("<Q", len(b)) + b)


def textuni(raw):
    return Code(b"V" + _b(raw) + b"\n")


def textstr(raw):
    """STRING, with the quotes given by the caller."""
    return Code(b"S" + _b(raw) + b"\n")


def binstr(b):
    return Code(b"T" + struct.pack("<i", len(b)) + b)


def shortbinstr(b):
    return Code(b"U" + bytes([len(b)]) + b)


def binbytes(b):
    return Code(b"B" + struct.pack("<I", len(b)) + b)


def shortbytes(b):
    return Code(b"C" + bytes([len(b)]) + b)


def binbytes8(b):
    return Code(b"\x8e" + struct.pack("<Q", len(b)) + b)


def bytearray8(b):
    return Code(b"\x96" + struct.pack("<Q", len(b)) + b)


def binint(n):
    return Code(b"J" + struct.pack("<i", n))


def put(i):
    return Code(b"p" + str(i).encode() + b"\n")


def get(i):
    return Code(b"g" + str(i).encode() + b"\n")


def binput(i):
    return Code(b"q" + bytes([i]))


def binget(i):
    return Code(b"h" + bytes([i]))


def longbinput(i):
    return Code(b"r" + struct.pack("<I", i))


def longbinget(i):
    return Code(b"j" + struct.pack("<I", i))


def sg(module, name):
    """STACK_GLOBAL with two constant strings (protocol 4)."""
    return Code(short(module) + short(name) + STACK_GLOBAL)


def raw_text(s):
    """A str for Python 2 as well: STRING gives str on both."""
    return Code(b"S" + repr(s).encode() + b"\n")


def lit(x):
    """Any Python constant as opcodes that every version reads."""
    if isinstance(x, Code):
        return x
    if x is None:
        return Code(NONE)
    if x is True:
        return Code(b"I01\n")
    if x is False:
        return Code(b"I00\n")
    if isinstance(x, int):
        if -2**31 <= x < 2**31:
            return binint(x)
        return Code(b"L" + str(x).encode() + b"L\n")
    if isinstance(x, float):
        return Code(b"F" + repr(x).encode() + b"\n")
    if isinstance(x, str):
        return binuni(x)
    if isinstance(x, (bytes, bytearray)):
        return shortbytes(bytes(x)) if len(x) < 256 else binbytes(bytes(x))
    if isinstance(x, tuple):
        return Code(MARK + b"".join(lit(i) for i in x) + TUPLE)
    if isinstance(x, list):
        return Code(EMPTY_LIST + MARK + b"".join(lit(i) for i in x) + APPENDS)
    if isinstance(x, dict):
        return Code(EMPTY_DICT + MARK + b"".join(lit(k) + lit(v) for k, v in x.items()) + SETITEMS)
    if isinstance(x, set):
        return Code(EMPTY_SET + MARK + b"".join(lit(i) for i in sorted(x)) + ADDITEMS)
    raise TypeError(x)


def args(*a):
    return lit(tuple(a))


def call(fn, *a):
    """fn is code that pushes a callable, or a (module, name) pair."""
    return Code(fnref(fn) + args(*a) + REDUCE)


def new(cls, *a):
    return Code(fnref(cls) + args(*a) + NEWOBJ)


def newex(cls, a, kw):
    return Code(fnref(cls) + lit(a) + lit(kw) + NEWOBJ_EX)


def fnref(fn):
    if isinstance(fn, Code):
        return fn
    return glob(*fn)


def build(obj, state):
    return Code(obj + lit(state) + BUILD)


def getattr_(obj, name):
    return call(("builtins", "getattr"), obj, name)


def kwcall(fn, a, kw):
    """A call with keyword arguments: functools.partial made by NEWOBJ_EX would be one way; this is the one of the classic protocol."""
    return call(Code(call(("functools", "partial"), fnref(fn)) + args(fnref(fn), tuple(a), dict(kw), None) + BUILD))


def p2(*parts):
    return bytes(proto(2) + code(*parts) + STOP)  # plain bytes: inside another pickle it is an argument, not opcodes


def p4(*parts):
    return bytes(proto(4) + code(*parts) + STOP)


def framed(*parts):
    """Protocol 4 with one honest FRAME."""
    body = code(*parts) + STOP
    return bytes(proto(4) + frame(len(body)) + body)


def p0(*parts):
    return bytes(code(*parts) + STOP)


SYSTEM = glob("os", "system")
RUN = call(("os", "system"), CMD)
EXEC = call(("builtins", "exec"), PY)
BENIGN = p2(lit({"weights": [1, 2, 3]}))
EVIL = p2(RUN)
EVIL_POSIX = p2(call(("posix", "system"), CMD))
