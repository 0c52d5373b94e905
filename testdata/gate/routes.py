"""Prints the routes of the MLflow that this interpreter has, and the fields of their requests, as one JSON object.

    routes.py                    this installation, as JSON
    routes.py --merge FILE...    what several printed, as internal/gateway/mlflow/requests.txt

The route table of weir's gateway (internal/gateway/mlflow) is held against this, and its requests.txt is the union of what several versions print.
Without Flask (mlflow-skinny) only what the protocol buffers describe can be listed; "whole" is false then.
"""

import json
import os
import re
import sys
import tempfile

KINDS = {1: "number", 2: "number", 8: "bool", 9: "string", 12: "string", 14: "enum"}
WELL_KNOWN = {
    "google.protobuf.Timestamp": "string", "google.protobuf.Duration": "string", "google.protobuf.FieldMask": "string",
    "google.protobuf.Value": "any", "google.protobuf.Struct": "any", "google.protobuf.ListValue": "any",
}


def repeated(field):
    try:
        return bool(field.is_repeated)
    except AttributeError:
        return field.label == 3


def message(descriptor, messages):
    """Adds a message and what it holds; a field's name ends in * where it may stand several times."""
    name = descriptor.full_name
    if name in messages:
        return name
    fields = messages[name] = {}
    for field in descriptor.fields:
        key = field.name + ("*" if repeated(field) else "")
        inner = field.message_type
        if inner is None:
            fields[key] = KINDS.get(field.type, "integer")
        elif inner.full_name in WELL_KNOWN:
            fields[key] = WELL_KNOWN[inner.full_name]
        elif inner.GetOptions().map_entry:
            fields[field.name] = "any"
        else:
            fields[key] = message(inner, messages)
    return name


def from_protos():
    from mlflow.protos import databricks_pb2, mlflow_artifacts_pb2, model_registry_pb2, service_pb2

    modules = [service_pb2, model_registry_pb2, mlflow_artifacts_pb2]
    try:
        from mlflow.protos import webhooks_pb2

        modules.append(webhooks_pb2)
    except ImportError:
        pass
    routes, messages = {}, {}
    for module in modules:
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                for end in method.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
                    for prefix in ("/api/", "/ajax-api/"):
                        # The server joins without a slash, so a path that has none becomes "/api/2.0mlflow/…".
                        path = plain(f"{prefix}{end.since.major}.0{end.path}")
                        routes[f"{end.method} {path}"] = message(method.input_type, messages)
    return routes, messages


def plain(path):
    """Writes a path variable the way that weir's table does."""
    path = path.replace("{assessment.trace_id}", "{trace_id}")
    path = re.sub(r"<path:(\w+)>|\{(\w+):path\}", lambda m: "{" + (m[1] or m[2]) + "...}", path)
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)


def served():
    """The routes of the running program: Flask's, those of its login, and FastAPI's."""
    os.environ.setdefault("_MLFLOW_SERVER_FILE_STORE", "sqlite:///routes.db")
    os.environ.setdefault("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true")
    os.environ.setdefault("_MLFLOW_SERVER_ARTIFACT_ROOT", "mlflow-artifacts:/")
    os.environ.setdefault("_MLFLOW_SERVER_ARTIFACT_DESTINATION", "./artifacts")
    os.environ.setdefault("MLFLOW_FLASK_SERVER_SECRET_KEY", "routes")
    os.environ.setdefault("MLFLOW_AUTH_ADMIN_PASSWORD", "only-for-listing-routes")
    os.environ.setdefault("MLFLOW_TRACKING_URI", "sqlite:///routes.db")
    from mlflow.server import app

    maps, problems = [app.url_map], []
    try:
        from mlflow.server import auth

        made = auth.create_app() if hasattr(auth, "create_app") else None
        maps.append((made if hasattr(made, "url_map") else app).url_map)
    except Exception as e:  # its login needs modules that not every installation has
        problems.append(f"auth: {type(e).__name__}: {e}")
    found = set()
    for m in maps:
        for rule in m.iter_rules():
            for method in rule.methods - {"HEAD", "OPTIONS"}:
                found.add(f"{method} {plain(rule.rule)}")
    try:
        from mlflow.server.fastapi_app import create_fastapi_app
        walk(create_fastapi_app(), "", found)
    except ImportError:
        pass
    return sorted(found), problems


def walk(router, prefix, found):
    """Adds the routes of a Starlette router, those of routers below it too."""
    for route in router.routes:
        path = prefix + getattr(route, "path", "")
        for method in (getattr(route, "methods", None) or set()) - {"HEAD", "OPTIONS"}:
            found.add(f"{method} {plain(path)}")
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        if inner is not None and hasattr(inner, "routes") and inner is not router:
            context = getattr(route, "include_context", None)
            walk(inner, prefix + (getattr(context, "prefix", "") or ""), found)


def merge(files):
    """Prints messages and the requests that they describe, one a line: the union over versions, which never gave a field two types."""
    messages, requests = {}, {}
    for name in files:
        with open(name) as f:
            one = json.load(f)
        for message_name, fields in one["messages"].items():
            known = messages.setdefault(message_name, {})
            for field, kind in fields.items():
                other = field[:-1] if field.endswith("*") else field + "*"
                if known.get(field, kind) != kind or other in known:
                    raise SystemExit(f"{name}: {message_name}.{field} is {kind}, elsewhere {known.get(field) or known.get(other)}")
                known[field] = kind
        for route, message_name in one["requests"].items():
            method, path = route.split(" ", 1)
            if path.startswith("/api/"):
                requests[f"{method} {path[len('/api/'):]}"] = message_name
    for name in sorted(messages):
        print("message", name, *(f"{field}:{kind}" for field, kind in sorted(messages[name].items())))
    for route in sorted(requests):
        print("request", route, requests[route])


def main():
    if sys.argv[1:2] == ["--merge"]:
        return merge(sys.argv[2:])
    import mlflow

    os.chdir(tempfile.mkdtemp())
    protos, messages = from_protos()
    try:
        import flask  # noqa: F401

        routes, problems = served()
        whole = True
    except ImportError as e:
        routes, problems, whole = sorted(protos), [str(e)], False
    json.dump({"version": mlflow.__version__, "whole": whole, "problems": problems, "routes": routes,
               "requests": dict(sorted(protos.items())), "messages": messages}, sys.stdout, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
