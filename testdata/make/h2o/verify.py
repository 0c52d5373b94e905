"""Loads the fixtures of testdata/malicious/h2o with the stock H2O and notes in their manifest where each was seen to do what it does.

    verify.py PAYLOADS VENVS [PATTERN]

PAYLOADS is what canary/make.py wrote, VENVS a folder with h2o-3.46.0.12, h2o-3.46.0.6 and h2o-3.46.0.4 in it. Each version gets one server on a loopback port, with
canary.jar on its class path, in an empty folder; servers end with this program. MOJOs and POJOs are loaded by Load.java with the classes of H2O's jar.
"""
import fnmatch
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.normpath(os.path.join(HERE, "..", "..", "malicious"))
JAVA = ["java", "-Xmx1g", "-ea", "--add-opens", "java.base/java.lang=ALL-UNNAMED"]
RMI = 54997  # the port to which payloads connect

connections = []


def listen():
    s = socket.create_server(("127.0.0.1", RMI))

    def accept():
        while True:
            c, _ = s.accept()
            connections.append(1)
            c.close()
    threading.Thread(target=accept, daemon=True).start()


def jar(version):
    return os.path.join(VENVS, "h2o-" + version, "lib", "python3.12", "site-packages", "h2o", "backend", "bin", "h2o.jar")


class Server:
    port = 54961

    def __init__(self, version):
        self.version, self.folder = version, tempfile.mkdtemp()
        Server.port += 2
        self.url = "http://127.0.0.1:%d" % Server.port
        self.process = subprocess.Popen(JAVA + ["-cp", jar(version) + ":" + os.path.join(PAYLOADS, "canary.jar"), "water.H2OApp", "-ip", "127.0.0.1", "-web_ip", "127.0.0.1",
                                                "-port", str(Server.port), "-name", "weir%d" % Server.port, "-ice_root", self.folder],
                                        cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(120):
            if self.call("/3/Cloud", timeout=5)[0] == 200:
                return
            time.sleep(0.5)
        raise SystemExit("the server of %s does not come up" % version)

    def call(self, path, data=None, timeout=40):
        try:
            with urllib.request.urlopen(self.url + path, None if data is None else urllib.parse.urlencode(data).encode(), timeout=timeout) as r:
                return r.status, r.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode("utf-8", "replace")
        except (OSError, TimeoutError) as e:
            return 0, repr(e)

    def end(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


servers = {}


def server(version):
    if version not in servers:
        servers[version] = Server(version)
    return servers[version]


def unpack(data, steps, work):
    for step in steps:
        if step == "gunzip":
            import gzip
            data = gzip.decompress(data)
        elif step == "unzip":
            path = os.path.join(work, "in.zip")
            with open(path, "wb") as f:
                f.write(data)
            with zipfile.ZipFile(path) as z:
                data = z.read(z.namelist()[0])
    return data


def binary(entry, data, way):
    """Gives a binary file to the server of its version and says whether its canary appeared."""
    version = re.search(rb"3\.46\.0\.\d+", data[:64]).group().decode()
    if not os.path.exists(jar(version)):
        return None, "no server of %s" % version
    s = server(version)
    path = os.path.join(s.folder, "model-%d" % time.monotonic_ns())
    with open(path, "wb") as f:
        f.write(data)
    canary = os.path.join(s.folder, "weir-canary")
    if os.path.exists(canary):
        os.remove(canary)
    del connections[:]
    calls = {"h2o model": ("/99/Models.bin/", {"dir": path}), "h2o job": ("/99/Models.bin/", {"dir": path}), "h2o grid": ("/3/Grid.bin/import", {"grid_path": path}),
             "h2o frame": ("/3/Frames/load", {"dir": os.path.dirname(path), "frame_id": os.path.basename(path)})}
    timeout = 12 if entry["canary"] == "hang" else 40
    status, answer = s.call(*calls[way], timeout=timeout)
    if way == "h2o job":
        status, answer = s.call("/3/Jobs/weir")
    for _ in range(10):
        if os.path.exists(canary) or connections or entry["canary"] == "hang":
            break
        time.sleep(0.2)
    if entry["canary"] == "hang":
        hung = status == 0
        s.end()
        del servers[version]
        return hung and "h2o " + version, "%d %s" % (status, answer[:200])
    seen = bool(connections) if entry["canary"] == "connect" else os.path.exists(canary)
    return seen and "h2o " + version, "%d %s" % (status, re.sub(r"\s+", " ", answer)[-300:])


def java(classpath, *args, work, timeout=60):
    try:
        p = subprocess.run(JAVA[:2] + ["-Xss512k", "-cp", os.pathsep.join(classpath), *args], cwd=work, capture_output=True, text=True, timeout=timeout)
        return p.returncode, p.stdout + p.stderr
    except subprocess.TimeoutExpired:
        return None, "time is over"


def text(entry, full, way):
    """Loads a MOJO or POJO in a process of its own."""
    version = "3.46.0.6"
    work = tempfile.mkdtemp()
    run, above = os.path.join(work, "a", "b"), os.path.join(work, "a")
    os.makedirs(run)
    for folder in (work, above, run, os.path.join(run, "outside")):
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "weir-secret"), "w") as f:
            f.write("decoy-of-weir\n")
    del connections[:]
    base = [jar(version), TOOLS, os.path.join(PAYLOADS, "canary.jar")]
    model = os.path.join(run, "model")
    if way == "pojo":
        shutil.copy(full, run)
        c = subprocess.run(["javac", "-nowarn", "-cp", jar(version), os.path.basename(full)], cwd=run, capture_output=True, text=True)
        if c.returncode:
            return None, "does not compile: " + c.stderr[:400]
        code, said = java(base + [run], "Load", "pojo", os.path.basename(full)[:-5], work=run)
    elif way == "unpack":
        code, said = java([TOOLS], "Unpack", full, os.path.join(run, "model"), work=run)
    elif way == "mojo folder":
        subprocess.run(["unzip", "-q", "-o", full, "-d", model], check=False)
        if os.path.basename(full) == "mojo-submodel.zip":
            os.makedirs(os.path.join(run, "outside"), exist_ok=True)
        code, said = java(base, "Load", "mojo", model, work=run)
    elif way == "mojo classpath":
        code, said = java([full] + base[:2], "Load", "mojo", full, work=run)
    elif way == "mojo lib":
        subprocess.run(["unzip", "-q", "-o", full, "-d", model], check=False)
        code, said = java(base[:2] + [os.path.join(model, "lib", "*")], "Load", "mojo", full, work=run)
    else:
        code, said = java(base, "Load", "mojo", full, work=run)
    time.sleep(0.2)
    seen = {
        "file": os.path.exists(os.path.join(run, "weir-canary")), "connect": bool(connections), "secret": "decoy-of-weir" in said, "property": "property" in said.split(),
        "exit": code == 77, "crash": code is None or "OutOfMemoryError" in said or "StackOverflowError" in said, "open": os.path.join("model", "..", "outside", "model.ini") in said,
        "count": "Not enough elements in the domain file" in said,
    }[entry["canary"]]
    shutil.rmtree(work)
    return seen and "h2o-genmodel " + version, said[-300:]


def main():
    manifest = os.path.join(OUT, "h2o", "manifest.json")
    with open(manifest) as f:
        entries = json.load(f)
    subprocess.run(["javac", "-nowarn", "-d", TOOLS, "-cp", jar("3.46.0.6"), os.path.join(HERE, "Load.java"), os.path.join(HERE, "Unpack.java")], check=True)
    listen()
    silent = 0
    try:
        for e in entries:
            if not fnmatch.fnmatch(e["path"], PATTERN) or e["loader"] == "none":
                continue
            full = os.path.join(OUT, e["path"])
            steps = [s.strip() for s in e["loader"].split(">")]
            if steps[-1].startswith("h2o"):
                with open(full, "rb") as f:
                    data = unpack(f.read(), steps[:-1], tempfile.gettempdir())
                label, said = binary(e, data, steps[-1])
            else:
                label, said = text(e, full, steps[-1])
            e["fires"] = [label] if label else []
            silent += not label
            print("%-48s %s" % (e["path"], label or "SILENT: " + said), flush=True)
    finally:
        for s in servers.values():
            s.end()
    with open(manifest, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(e) for e in entries) + "\n]\n")
    print("%d entries, %d fire; %d of those tried now are silent" % (len(entries), sum(bool(e["fires"]) for e in entries), silent))


PAYLOADS, VENVS = map(os.path.abspath, sys.argv[1:3])
PATTERN = sys.argv[3] if len(sys.argv) > 3 else "*"
TOOLS = tempfile.mkdtemp()
if __name__ == "__main__":
    main()
