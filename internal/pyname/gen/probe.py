"""Use every name that the index calls safe, with probing arguments and states, and say which of them did something after all.

    python probe.py LIST < names

Reads lines of "module TAB name TAB kind TAB uses TAB shape" (go test -run TestProbeList writes them) and runs in the interpreter whose
packages are to be probed, best as a user without rights in a folder of its own. An audit hook watches: an event that carries the probe
text (open, import, exec, os.*, socket.*, subprocess.*, ctypes.*, …) is printed with the name that caused it."""

import os
import resource
import subprocess
import sys
import threading

PROBE = "weirprobe"
CHUNK = 150


class Any(dict):
    """A state that has whatever is asked for."""

    def __getitem__(self, k):
        return PROBE

    def get(self, k, d=None):
        return PROBE

    def pop(self, k, *d):
        return PROBE

    def setdefault(self, k, d=None):
        return PROBE

    def __contains__(self, k):
        return True


def arguments():
    yield ()
    for v in (PROBE, 1, [PROBE], (PROBE, PROBE), {PROBE: PROBE}, b"weirprobe", None, Any(), len, 1.5):
        yield (v,)
    yield (PROBE, PROBE)
    yield (PROBE, PROBE, PROBE)
    yield (1, 2)
    yield (len, PROBE)
    yield ([PROBE], [PROBE])


def states():
    yield Any()
    yield {PROBE: PROBE}
    yield PROBE
    yield (PROBE, PROBE)
    yield (None, {PROBE: PROBE})
    yield 7


def child(lines):
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    out = os.fdopen(os.dup(1), "w", buffering=1)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    current, seen = [""], set()

    def hook(event, args):
        if not current[0] or event in ("object.__getattr__", "object.__setattr__", "code.__new__"):
            return
        if event in ("compile", "exec") and PROBE not in repr(args)[:4000]:
            return
        if PROBE in repr(args)[:4000] or event.startswith(("os.system", "os.exec", "os.spawn", "os.posix_spawn", "subprocess.", "socket.connect", "os.remove", "shutil.", "ctypes.dlopen", "marshal.loads", "pickle.find_class", "os.kill", "webbrowser")):
            key = (current[0], event)
            if key not in seen:
                seen.add(key)
                out.write("%s\t%s\t%s\n" % (current[0], event, repr(args)[:120]))

    sys.addaudithook(hook)
    for line in lines:
        module, name, kind, uses, shape = line.rstrip("\n").split("\t")
        try:
            __import__(module)
            o = sys.modules[module]
            for part in name.split("."):
                o = getattr(o, part)
        except BaseException:
            continue
        out.write("@%s.%s\n" % (module, name))
        current[0] = "%s.%s" % (module, name)
        try:
            if "c" in uses and shape in ("", "plain"):
                for a in arguments():
                    if shape == "plain" and len in a:
                        continue
                    try:
                        o(*a)
                    except BaseException:
                        pass
            if kind == "2" and "i" in uses and shape in ("", "plain"):
                for a in arguments():
                    try:
                        o.__new__(o, *a)
                    except BaseException:
                        pass
            if kind == "2" and "s" in uses and shape in ("", "plain"):
                for s in states():
                    try:
                        x = o.__new__(o)
                        set_state = getattr(x, "__setstate__", None)
                        if set_state is not None:
                            set_state(s)
                        elif isinstance(s, dict):
                            x.__dict__.update(s)
                        elif isinstance(s, tuple) and len(s) == 2:
                            for k, v in s[1].items():
                                setattr(x, k, v)
                        hash(x)
                        x == x
                        del x
                    except BaseException:
                        pass
        finally:
            current[0] = ""
    os._exit(0)


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--child":
        child(sys.stdin.read().splitlines())
        return
    lines = sys.stdin.read().splitlines()
    total = 0
    while lines:
        chunk = lines[:CHUNK]
        p = subprocess.Popen([sys.executable, os.path.abspath(__file__), "--child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                             env=dict(os.environ, MPLBACKEND="agg", PYTHONWARNINGS="ignore"))
        timer = threading.Timer(120, p.kill)
        timer.start()
        data = p.communicate("\n".join(chunk))[0]
        timer.cancel()
        last = None
        for line in data.splitlines():
            if line.startswith("@"):
                last = line[1:]
                total += 1
            else:
                print(line)
        if p.returncode == 0 or last is None:
            lines = lines[len(chunk):]
            continue
        # It crashed or hung on the last name that it began with: go on behind it.
        print("%s\tended the process\t%s" % (last, p.returncode))
        at = [i for i, x in enumerate(chunk) if ".".join(x.split("\t")[:2]) == last]
        lines = lines[(at[0] + 1) if at else len(chunk):]
    print(total, "names probed", file=sys.stderr)


if __name__ == "__main__":
    main()
