"""What this Python's unpicklers import and call, without doing any of it.

Reads pickles from standard input (4-byte little-endian length, then the bytes) and writes one line a pickle: tab-separated events
kind:module:name, in order, without repeats. Every import is answered with a stand-in class that records what the unpickler does with
it, so nothing of the pickle runs. The argument names the unpickler: c or python. Works on Python 2.7 and 3.6 and later.
"""
import io
import signal
import struct
import sys

try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
except (ImportError, ValueError):
    pass

PY2 = sys.version_info[0] == 2
events = []


def plain(s):
    return "".join(c if " " < c <= "~" and c != ":" else "?" for c in s)


def log(kind, cls):
    e = "%s:%s:%s" % (kind, plain(cls.weir_module), plain(cls.weir_name))
    if e not in events:
        events.append(e)


def standin(module, name):
    class Meta(type):
        def __call__(cls, *args, **kwargs):
            log("call", cls)
            return object.__new__(cls)

        def __getattr__(cls, attr):
            if attr.startswith("weir_"):
                return type.__getattribute__(cls, attr)
            raise AttributeError(attr)

    def method(kind):
        def run(self, *args, **kwargs):
            log(kind, type(self))
        return run

    def new(cls, *args, **kwargs):
        log("new", cls)
        return object.__new__(cls)

    def call(self, *args, **kwargs):
        log("again", type(self))
        return object.__new__(type(self))

    body = {
        "weir_module": module, "weir_name": name, "__new__": new, "__call__": call, "__setstate__": method("state"),
        "append": method("items"), "extend": method("items"), "add": method("items"), "__setitem__": method("items"),
    }
    return Meta("Standin", (object,), body)


known = {}


def find(module, name):
    key = (module, name)
    if key not in known:
        known[key] = standin(module, name)
    log("find", known[key])
    return known[key]


def load(data, which):
    if PY2:
        if which == "c":
            import cPickle
            u = cPickle.Unpickler(io.BytesIO(data))
            u.find_global = find
            u.persistent_load = lambda pid: None
            return u.load()
        import pickle

        class U2(pickle.Unpickler):
            def find_class(self, module, name):
                return find(module, name)

            def persistent_load(self, pid):
                return None
        return U2(io.BytesIO(data)).load()
    import pickle
    base = pickle.Unpickler if which == "c" else pickle._Unpickler

    class U3(base):
        def find_class(self, module, name):
            return find(module, name)

        def persistent_load(self, pid):
            return None
    return U3(io.BytesIO(data), encoding="latin1").load()


def main():
    which = sys.argv[1]
    stdin = sys.stdin if PY2 else sys.stdin.buffer
    out = sys.stdout if PY2 else sys.stdout.buffer
    while True:
        head = stdin.read(4)
        if len(head) < 4:
            return
        data = stdin.read(struct.unpack("<I", head)[0])
        # a pickle that keeps its unpickler busy ends this process: whoever asked goes on with the next one
        signal.setitimer(signal.ITIMER_REAL, 3)
        del events[:]
        known.clear()
        try:
            load(data, which)
        except RecursionError if not PY2 else RuntimeError:
            pass
        except Exception:
            pass
        line = "\t".join(events) + "\n"
        out.write(line if PY2 else line.encode("utf-8", "replace"))
        out.flush()


main()
