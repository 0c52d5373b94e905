#!/usr/bin/python3
"""Measures weir against its peers, turn by turn on the same inputs, and writes the table to RESULTS.md beside this file.

    bench/run [--rounds N] [--limit SECONDS] [--grow] [--out FILE]

It builds weir, makes the inputs (inputs.py, kept in .cache/bench), installs picklescan, modelscan, fickling and modelaudit from PyPI, each in
an environment of its own below .cache/venv, and lets all of them look at each input once per round. What takes more than five seconds is measured once. The best round counts: on a shared
machine everything else that runs can only add. Processor time is user and system time with all children, as wait4 tells it; the memory of
weir is the sum of the peaks of all its processes, sampled in a run of its own that is not timed. --grow also scans pickles of many objects
from 1 MB to 1 GB.
"""

import argparse
import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
CACHE = os.path.join(ROOT, ".cache")
DATA = os.path.join(CACHE, "bench")
WEIR = os.path.join(CACHE, "bench-weir")  # not bin/weir, which somebody may build again meanwhile
PEERS = ("picklescan", "modelscan", "fickling", "modelaudit")

LIMIT = 60  # seconds for one run, --limit; a tool that takes longer is killed, and its row shows exit -9 and what it had used

# fickling's command takes one file; a folder goes through its library in one process, which is kinder to it.
FICKLING = """
import sys, os
from fickling.fickle import Pickled
from fickling.analysis import check_safety
for p in sorted(os.listdir(sys.argv[1])):
    try:
        with open(os.path.join(sys.argv[1], p), "rb") as f:
            check_safety(Pickled.load(f))
    except Exception:
        pass
"""


def tool(name):
    return os.path.join(CACHE, "venv", "bench-" + name, "bin")


def install():
    for name in PEERS:
        python = os.path.join(tool(name), "python")
        if not os.path.exists(os.path.join(tool(name), name)):
            print("installing", name, file=sys.stderr)
            subprocess.run([sys.executable, "-m", "venv", os.path.dirname(tool(name))], check=True)
            subprocess.run([python, "-m", "pip", "install", "-q", name], check=True)


def version(name):
    out = subprocess.run([os.path.join(tool(name), "python"), "-c", "import importlib.metadata as m,sys;print(m.version(%r))" % name],
                         capture_output=True, text=True, check=True)
    return out.stdout.strip()


def commands(path):
    """What each tool is told to look at path. All only look; none loads it."""
    folder = os.path.isdir(path)
    t = lambda name, *args: [os.path.join(tool(name), name), *args]
    return {
        "weir": [WEIR, "scan", "--isolate=require", path],
        "picklescan": t("picklescan", "-p", path),
        "modelscan": t("modelscan", "-p", path),
        "fickling": [os.path.join(tool("fickling"), "python"), "-c", FICKLING, path] if folder else t("fickling", "--check-safety", path),
        "modelaudit": t("modelaudit", "scan", "--no-cache", path),
    }


def once(argv):
    begin = time.monotonic()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)])
    timer = threading.Timer(LIMIT, os.kill, (pid, signal.SIGKILL))
    timer.start()
    _, status, usage = os.wait4(pid, 0)
    timer.cancel()
    return {
        "wall": time.monotonic() - begin, "cpu": usage.ru_utime + usage.ru_stime, "mb": usage.ru_maxrss / 1024,
        "code": os.waitstatus_to_exitcode(status),
    }


def family(pid):
    pids = [pid]
    for p in pids:
        try:
            for t in os.listdir("/proc/%d/task" % p):
                with open("/proc/%d/task/%s/children" % (p, t)) as f:
                    pids += [int(c) for c in f.read().split()]
        except OSError:
            pass
    return pids


def memory(argv):
    """The sum of the peaks of a command and its children, in MB."""
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peaks = {}
    while child.poll() is None:
        for p in set(family(child.pid)):
            try:
                with open("/proc/%d/status" % p) as f:
                    m = re.search(r"VmHWM:\s+(\d+)", f.read())
                if m:
                    peaks[p] = int(m.group(1))
            except OSError:
                pass
        time.sleep(0.001)
    return sum(peaks.values()) / 1024


def measure(cmds, rounds):
    best = {}
    for r in range(rounds):
        for name, argv in cmds.items():
            if r > 0 and best[name]["wall"] > 5:  # what takes long is measured once
                continue
            m = once(argv)
            old = best.get(name, m)
            best[name] = {"wall": min(old["wall"], m["wall"]), "cpu": min(old["cpu"], m["cpu"]), "mb": max(old["mb"], m["mb"]), "code": m["code"]}
    if "weir" in cmds:
        best["weir"]["mb"] = memory(cmds["weir"])
    return best


class Table:
    def __init__(self):
        self.lines = []

    def say(self, line=""):
        print(line, flush=True)
        self.lines.append(line)

    def rows(self, title, path, best, note=""):
        size = os.path.getsize(path) if os.path.isfile(path) else sum(os.path.getsize(os.path.join(path, p)) for p in os.listdir(path))
        self.say("## %s" % title)
        self.say()
        self.say("| tool | CPU s | wall s | MB | CPU ÷ weir | wall ÷ weir | exit |")
        self.say("|---|---|---|---|---|---|---|")
        w = best["weir"]
        for name, m in best.items():
            self.say("| %s | %.3f | %.3f | %.0f | %.1f | %.1f | %d |" % (
                name, m["cpu"], m["wall"], m["mb"], m["cpu"] / max(w["cpu"], 1e-3), m["wall"] / max(w["wall"], 1e-3), m["code"]))
        self.say()
        self.say("%d bytes; weir: %.0f MB per second of CPU time. %s" % (size, size / 1e6 / max(w["cpu"], 1e-3), note))
        self.say()


def machine():
    cpu = "?"
    with open("/proc/cpuinfo") as f:
        m = re.search(r"model name\s*: (.*)", f.read())
        cpu = m.group(1) if m else cpu
    return "%s, %d processors, Linux %s" % (cpu, os.cpu_count(), platform.release())


def main():
    global LIMIT
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--grow", action="store_true", help="also pickles of many objects from 1 MB to 1 GB")
    args.add_argument("--out", default=os.path.join(HERE, "RESULTS.md"))
    args.add_argument("--limit", type=int, default=LIMIT, help="seconds after which a run is ended (default %(default)s)")
    opt = args.parse_args()
    LIMIT = opt.limit
    subprocess.run(["go", "build", "-trimpath", "-o", WEIR, "./cmd/weir"], cwd=ROOT, check=True, env=dict(os.environ, CGO_ENABLED="0"))
    subprocess.run(["/usr/bin/python3", os.path.join(HERE, "inputs.py"), DATA] + ["grow"] * opt.grow, check=True)
    install()
    at = lambda name: os.path.join(DATA, name)
    t = Table()
    t.say("# weir and its peers, measured")
    t.say()
    t.say("`bench/run --rounds %d%s` on %s; best of all rounds. Load average at the beginning: %.1f." % (
        opt.rounds, " --grow" if opt.grow else "", machine(), os.getloadavg()[0]))
    t.say("Peers: %s. Memory of weir: parent and workers together." % ", ".join("%s %s" % (p, version(p)) for p in PEERS))
    t.say("Exit -9: killed after %d seconds, so the row is a lower bound." % LIMIT)
    t.say("A peer that exits above 1 did not read the input to its end: its time is then no measure.")
    t.say()
    for title, name in (
        ("PyTorch zip, state dict of 1 GB", "state-1GB.pt"),
        ("uncompressed joblib forest", "forest.joblib"),
        ("folder of 1,000 small pickles", "small"),
        ("one small file (start-up)", "one.pkl"),
        ("PyTorch zip, 40,000 tensors", "state-40000-tensors.pt"),
    ):
        t.rows(title, at(name), measure(commands(at(name)), opt.rounds))
    zlib = measure({"weir": commands(at("forest.zlib.joblib"))["weir"], "gzip -dc": ["/usr/bin/gzip", "-dc", at("forest.gz")],
                    "modelaudit": commands(at("forest.zlib.joblib"))["modelaudit"]}, opt.rounds)
    t.rows("zlib joblib forest", at("forest.zlib.joblib"), zlib, "weir ÷ gzip -dc on the same deflate stream: CPU %.2f, wall %.2f." % (
        zlib["weir"]["cpu"] / zlib["gzip -dc"]["cpu"], zlib["weir"]["wall"] / zlib["gzip -dc"]["wall"]))
    weir = lambda name: {"weir": commands(at(name))["weir"]}
    t.say("## weir alone: does the time grow?")
    t.say()
    t.say("| input | CPU s | wall s | MB | CPU ns per byte | exit |")
    t.say("|---|---|---|---|---|---|")
    names = ["state-10MB.pt", "state-100MB.pt", "state-1GB.pt"]
    if opt.grow:
        names += ["%s-%s.pkl" % (k, s) for k in ("ints", "floats", "strings", "tuples", "dicts", "dates") for s in ("1MB", "10MB", "100MB", "1GB")]
    for name in names:
        m = measure(weir(name), 1 if name.endswith("1GB.pkl") else min(opt.rounds, 3))["weir"]
        t.say("| %s | %.3f | %.3f | %.0f | %.2f | %d |" % (name, m["cpu"], m["wall"], m["mb"], m["cpu"] * 1e9 / os.path.getsize(at(name)), m["code"]))
    with open(opt.out, "w") as f:
        f.write("\n".join(t.lines) + "\n")


if __name__ == "__main__":
    main()
