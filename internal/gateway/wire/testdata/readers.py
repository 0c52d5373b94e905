"""Reads raw requests as the servers below MLflow do, and compares with what the gate saw.

usage: readers.py FILE: a JSON object per line with method, path, query, body (SHA-256) and raw (base64).
"""
import base64
import hashlib
import io
import json
import sys
from urllib.parse import unquote

import h11
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser
from starlette.requests import Request as StarletteRequest
from werkzeug.wrappers import Request as WerkzeugRequest


def by_h11(raw):
    """What uvicorn makes of it: h11 for the framing, then the ASGI scope as uvicorn fills it, then starlette."""
    conn = h11.Connection(h11.SERVER)
    conn.receive_data(raw)
    head = conn.next_event()
    body = b""
    while True:
        event = conn.next_event()
        if isinstance(event, h11.EndOfMessage):
            break
        body += event.data
    if conn.trailing_data[0]:
        raise ValueError("h11 sees more than one request")
    path, _, query = head.target.partition(b"?")
    scope = {"type": "http", "method": head.method.decode(), "path": unquote(path.decode("ascii")), "query_string": query, "headers": list(head.headers)}
    request = StarletteRequest(scope)
    return scope["method"], scope["path"], [list(p) for p in request.query_params.multi_items()], body


def by_gunicorn(raw):
    """What gunicorn and werkzeug (Flask) make of it."""
    parser = iter(RequestParser(Config(), io.BytesIO(raw), ("127.0.0.1", 1)))
    req = next(parser)
    body = req.body.read()
    environ = {
        "REQUEST_METHOD": req.method, "PATH_INFO": unquote(req.path, "latin-1"), "QUERY_STRING": req.query, "SERVER_NAME": "x", "SERVER_PORT": "80",
        "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
    }
    try:
        next(parser)
        raise ValueError("gunicorn sees more than one request")
    except StopIteration:
        pass
    request = WerkzeugRequest(environ)
    return req.method, request.path, [list(p) for p in request.args.items(multi=True)], body


def main():
    count = 0
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            want = json.loads(line)
            raw = base64.b64decode(want["raw"])
            for reader in by_h11, by_gunicorn:
                method, path, query, body = reader(raw)
                got = {"method": method, "path": path, "query": sorted(query), "body": hashlib.sha256(body).hexdigest()}
                for name, value in got.items():
                    expected = sorted(want["query"] or []) if name == "query" else want[name]
                    if value != expected:
                        sys.exit(f"{reader.__name__}: {name} of {raw!r} is {value!r}, the gate saw {expected!r}")
            count += 1
    print(f"read {count} alike")


main()
