#!/usr/bin/env python3
"""Runs the flows of this folder with the MLflow client of this interpreter against one server, and writes what the client was told.

    run.py --uri http://127.0.0.1:5000 --server 3.17.2 --out bare.json [--only 'runs*'] [--list]

Credentials come from the environment, as MLflow itself reads them (MLFLOW_TRACKING_TOKEN, or _USERNAME and _PASSWORD).
"""

import argparse
import fnmatch
import importlib
import json
import os
import random
import shutil
import string
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = ["tracking", "artifacts", "models", "registry", "traces", "genai", "rest", "commands"]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--uri")
    p.add_argument("--server", help="the server's version")
    p.add_argument("--out")
    p.add_argument("--user", default="maintainer", help="who runs the client; the gate writes the account's name into runs, so it is the same")
    p.add_argument("--only", action="append", help="a pattern of names")
    p.add_argument("--one-process", action="store_true", help="without the flows that start processes of their own: they take long")
    p.add_argument("--list", action="store_true")
    p.add_argument("--label", default="".join(random.choices(string.ascii_letters, k=6)), help="what the names on the server begin with")
    args = p.parse_args()
    sys.dont_write_bytecode = True
    sys.path.insert(0, HERE)
    import kit

    for m in MODULES:
        if os.path.exists(os.path.join(HERE, m + ".py")):
            importlib.import_module(m)
    if args.list:
        print("\n".join(kit.FLOWS))
        return
    os.environ.update(ENVIRONMENT, MLFLOW_TRACKING_URI=args.uri, LOGNAME=args.user, USER=args.user)
    top = os.path.realpath(tempfile.mkdtemp(prefix="flows-"))
    tempfile.tempdir = top
    os.chdir(top)  # no git repository, no mlruns of somebody else
    import mlflow

    mine = kit.version(mlflow.__version__)
    server = kit.version(args.server or mlflow.__version__)
    results = {}
    for f in kit.FLOWS.values():
        if args.only and not any(fnmatch.fnmatch(f.name, o) for o in args.only):
            continue
        if not (f.client <= mine < f.until and f.server <= server) or f.same and mine[0] != server[0]:
            continue
        if f.fresh and args.one_process:
            continue
        results[f.name] = one(kit, mlflow, f, args, top)
    with open(args.out, "w") as out:
        json.dump({"client": mlflow.__version__, "server": args.server, "flows": results}, out, indent=1, sort_keys=True, ensure_ascii=False)
    failed = [n for n, r in results.items() if "failed" in r]
    print(f"{len(results)} flows with client {mlflow.__version__}, {len(failed)} failed {' '.join(failed)}", file=sys.stderr)
    os.chdir("/")
    shutil.rmtree(top, ignore_errors=True)


# Nothing is sent to anybody, nothing waits longer than it must, and no run gets a name by chance.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "PYTHONWARNINGS": "ignore",
    "NO_PROXY": "*",
    "PYTHONHASHSEED": "0",
    "GIT_PYTHON_REFRESH": "quiet",
}


def one(kit, mlflow, f, args, top):
    c = kit.Context(args.uri, f.name, args.label)
    places = {args.uri: "<uri>", args.label: "<label>", args.label.lower(): "<label>", top: "<top>", c.folder: "<folder>"}
    for secret in (os.environ.get("MLFLOW_TRACKING_TOKEN"), os.environ.get("MLFLOW_TRACKING_PASSWORD")):
        if secret:
            places[secret] = "<secret>"
    started = time.monotonic()
    try:
        got = {"result": kit.Normaliser(places).value(kit.plain(f.run(c)))}
    except Exception as e:  # noqa: BLE001: a failing flow is a result to compare, and fails the comparison
        text = traceback.format_exc()
        got = {"failed": f"{type(e).__name__}: {e}", "trace": text[-3000:]}
    finally:
        while mlflow.active_run():
            mlflow.end_run()
        mlflow.set_tracking_uri(args.uri)
        shutil.rmtree(c.folder, ignore_errors=True)
    got["seconds"] = round(time.monotonic() - started, 2)
    return got


if __name__ == "__main__":
    main()
