"""What every flow is made of: the list of flows, and how results become plain JSON that two runs have in common."""

import base64
import dataclasses
import datetime
import enum
import json
import math
import os
import re
import tempfile
import urllib.parse
import urllib.request

FLOWS = {}


def version(text):
    """The leading numbers of a version: "3.17.2" → (3, 17, 2)."""
    return tuple(int(n) for n in re.findall(r"\d+", text)[:3])


@dataclasses.dataclass
class Flow:
    name: str
    run: object
    client: tuple  # oldest client that can do it
    until: tuple  # first client that no longer can
    server: tuple  # oldest server that can answer it
    same: bool  # client and server must have the same major version
    fresh: bool  # starts processes of its own: the mlflow command, another interpreter


def flow(client="2.0", until="99", server=None, same=False, fresh=False):
    """Lists a function as a flow. It takes a Context and returns what the client was told."""

    def add(f):
        name = f.__name__.replace("_", "-")
        if name in FLOWS:
            raise ValueError(f"two flows are called {name}")
        FLOWS[name] = Flow(name, f, version(client), version(until), version(server or client), same, fresh)
        return f

    return add


class Context:
    """One flow's view of the server: its address, a folder of its own, and names that no other flow uses."""

    def __init__(self, uri, flow, label):
        self.uri, self.flow, self.label = uri, flow, label
        self.folder = tempfile.mkdtemp(prefix="flow-")

    def name(self, text=""):
        return f"{self.label}.{self.flow} {text}".strip()

    def client(self):
        import mlflow

        return mlflow.MlflowClient()

    def experiment(self, text=""):
        """Makes an experiment, makes it the active one, and returns its id."""
        import mlflow

        return mlflow.set_experiment(self.name(text)).experiment_id

    def file(self, name, content):
        path = os.path.join(self.folder, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        return path

    def error(self, call):
        """What a call that must be refused by the server says to the caller."""
        got = self.attempt(call)
        if not isinstance(got, dict) or "raised" not in got:
            raise AssertionError(f"this was expected to be refused, and gave {got!r}")
        return got

    def attempt(self, call):
        """What a call says that may or may not be refused."""
        try:
            return call()
        except Exception as e:  # noqa: BLE001: whatever the client raises is the result
            return {"raised": type(e).__name__, "code": getattr(e, "error_code", None), "text": str(e)}

    def http(self, method, path, body=None, headers=None, keep=("content-type",)):
        """One request as curl would send it, redirects not followed; the headers named in keep are part of the result."""
        headers = {"Authorization": authorization(), **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        headers = {k: v for k, v in headers.items() if v is not None}
        request = urllib.request.Request(self.uri + path, data=body, method=method, headers=headers)
        try:
            answer = OPENER.open(request, timeout=60)
        except urllib.error.HTTPError as e:
            answer = e
        with answer:
            data = answer.read()
        got = {"status": answer.status, **{k: answer.headers.get(k) for k in keep}}
        try:
            got["json"] = json.loads(data)
        except ValueError:
            got["body"] = data.decode("utf-8", "backslashreplace")
        return got

    def get(self, path, query=None, **more):
        if query:
            path += "?" + urllib.parse.urlencode(query, doseq=True)
        return self.http("GET", path, **more)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))


def authorization():
    """The header that the MLflow client makes from its environment; None where there is none."""
    if user := os.environ.get("MLFLOW_TRACKING_USERNAME"):
        pair = f"{user}:{os.environ['MLFLOW_TRACKING_PASSWORD']}"
        return "Basic " + base64.b64encode(pair.encode()).decode()
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return "Bearer " + token
    return None


def plain(x, depth=0):
    """Turns what a client returns into JSON, losing nothing that a user could see."""
    if depth > 12:
        raise ValueError(f"{type(x)} nests too deeply")
    sub = lambda y: plain(y, depth + 1)  # noqa: E731
    kind = type(x).__name__
    if x is None or isinstance(x, (bool, int, str)):
        return x.value if isinstance(x, enum.Enum) else x
    if isinstance(x, float):
        return x if math.isfinite(x) else str(x)
    if isinstance(x, enum.Enum):
        return x.name
    if isinstance(x, bytes):
        return x.decode("utf-8", "backslashreplace")
    if isinstance(x, (datetime.datetime, datetime.timedelta)):
        return str(x)
    if kind == "PagedList":
        return {"items": [sub(i) for i in x], "more": bool(x.token)}
    if isinstance(x, dict):
        return {str(k): sub(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)) or kind in ("dict_keys", "dict_values", "RepeatedScalarContainer", "RepeatedCompositeContainer"):
        return [sub(i) for i in x]
    if isinstance(x, (set, frozenset)):
        return sorted(sub(i) for i in x)
    if kind == "DataFrame":  # by column: their order comes from a set
        return {str(n): [sub(v) for v in x[n].astype(object).tolist()] for n in sorted(x.columns)}
    if kind in ("ndarray", "Series", "Index"):
        return sub(x.tolist())
    if hasattr(x, "item") and type(x).__module__ == "numpy":
        return sub(x.item())
    if hasattr(x, "isoformat"):
        return x.isoformat()
    if hasattr(x, "model_dump"):
        return sub(x.model_dump())
    if dataclasses.is_dataclass(x):
        return {f.name: sub(getattr(x, f.name)) for f in dataclasses.fields(x) if not f.name.startswith("_")}
    if type(x).__module__.startswith("mlflow."):
        names = [n for n in dir(type(x)) if isinstance(getattr(type(x), n, None), property)]
        if names:
            return {n: sub(getattr(x, n)) for n in names if not n.startswith("_")}
        if hasattr(x, "to_dict"):
            return sub(x.to_dict())
        return {n: sub(v) for n, v in vars(x).items() if not n.startswith("_")}
    raise TypeError(f"how is a {type(x)} shown?")


# What differs between any two runs of the same flow: ids, times, sizes that hold them. Each becomes a placeholder, numbered in the order of
# its first appearance within the flow, so that two results agree only where the same thing stands in the same places.
PATTERNS = [
    ("time", r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)?"),
    ("uuid", r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    ("id", r"(?<![0-9A-Za-z])(?:tr-|m-|d-|a-|ep-|s-|[a-z]{2}-)?[0-9a-f]{32}(?![0-9a-f])"),
    ("span", r"(?<![0-9A-Za-z])[0-9a-f]{16}(?![0-9A-Za-z])"),
    ("ns", r"(?<![0-9])1[5-9][0-9]{17}(?![0-9])"),
    ("ms", r"(?<![0-9])1[5-9][0-9]{11}(?![0-9])"),
]
# Where the number of an experiment stands in a text.
PLACE = re.compile(r"(mlflow-artifacts:/(?:workspaces/[a-z0-9-]+/)?|/experiments/|artifacts/artifacts/|<top>/)(\d+)(?=/|$)|(?<![0-9A-Za-z])()(\d+)(?=(?:/|%2F)[0-9a-f]{32})")
EXPERIMENT = {"experiment_id", "experiment_ids", "experimentId", "_mlflow_experiment_ids"}
ANY = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in PATTERNS))


class Normaliser:
    """Replaces ids and times by placeholders. fixed maps strings of this run (its address, its folders) to names."""

    def __init__(self, fixed):
        self.fixed = sorted(fixed.items(), key=lambda kv: -len(kv[0]))
        self.seen = {}
        self.experiments = {}

    def experiment(self, x):
        """Experiments are numbered by the server, and two runs share one server."""
        return self.experiments.setdefault(x, f"<experiment {len(self.experiments) + 1}>")

    def text(self, s):
        for old, new in self.fixed:
            s = s.replace(old, new)
        s = PLACE.sub(lambda m: (m[1] or "") + self.experiment(m[2] or m[4]), s)
        return ANY.sub(self._place, s)

    def _place(self, m):
        if m.lastgroup in ("time", "ms", "ns"):
            return f"<{m.lastgroup}>"
        key = (m.lastgroup, m.group())
        if key not in self.seen:
            self.seen[key] = f"<{m.lastgroup} {1 + sum(k[0] == m.lastgroup for k in self.seen)}>"
        return self.seen[key]

    def value(self, x, key=""):
        if isinstance(x, str):
            return re.sub(r"\d+", lambda m: self.experiment(m[0]), x) if key in EXPERIMENT else self.text(x)
        if isinstance(x, bool) or x is None:
            return x
        if isinstance(x, int) and (x >= 1_500_000_000_000 or key in LENGTHS):
            return f"<{'ns' if x >= 1e18 else 'ms' if key not in LENGTHS else 'length'}>"
        if isinstance(x, float) and (x >= 1_500_000_000_000 or key in LENGTHS):
            return "<ms>" if key not in LENGTHS else "<length>"
        if isinstance(x, dict):
            return {self.text(k): self.value(v, k) for k, v in x.items()}
        if isinstance(x, list):
            return [self.value(v, key) for v in x]
        return x


# Durations and what is computed from them.
LENGTHS = {"execution_duration", "execution_time_ms", "execution_time", "duration_ms", "executionDuration"}
