"""The server as people reach it without the Python client: curl, R and Java clients, older versions' spellings, the calls of the UI."""

import os

from kit import authorization, flow

API, AJAX = "/api/2.0/mlflow", "/ajax-api/2.0/mlflow"


@flow()
def rest_by_curl(c):
    curl = {"User-Agent": "curl/7.88.1", "Accept": "*/*"}
    made = c.http("POST", API + "/experiments/create", {"name": c.name()}, curl)
    e = made["json"]["experiment_id"]
    got = [made, c.get(API + "/experiments/get", {"experiment_id": e}, headers=curl), c.get(API + "/experiments/get-by-name", {"experiment_name": c.name()}, headers=curl)]
    run = c.http("POST", API + "/runs/create", {"experiment_id": e, "start_time": 1234, "tags": [{"key": "a", "value": "b"}], "run_name": "by curl"}, curl)
    r = run["json"]["run"]["info"]["run_id"]
    got.append(run)
    got.append(c.http("POST", API + "/runs/log-metric", {"run_id": r, "key": "m", "value": 1.5, "timestamp": 1, "step": 2}, curl))
    got.append(c.http("POST", API + "/runs/log-parameter", {"run_id": r, "key": "p", "value": "v"}, curl))
    got.append(c.http("POST", API + "/runs/set-tag", {"run_uuid": r, "run_id": r, "key": "t", "value": "ü"}, curl))
    got.append(c.get(API + "/runs/get", {"run_id": r}, headers=curl))
    got.append(c.http("POST", API + "/runs/search", {"experiment_ids": [e], "filter": "params.p = 'v'", "max_results": 5}, curl))
    got.append(c.get(API + "/metrics/get-history", {"run_id": r, "metric_key": "m"}, headers=curl))
    got.append(c.http("POST", API + "/runs/update", {"run_id": r, "status": "FINISHED", "end_time": 5678}, curl))
    got.append(c.http("POST", API + "/runs/delete", {"run_id": r}, curl))
    return got


@flow()
def rest_content_types(c):
    """What clients call their JSON: with a charset, quoted or not, with spaces."""
    got = []
    for i, t in enumerate(["application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", 'application/json; charset="utf-8"']):
        got.append(c.http("POST", API + "/experiments/create", {"name": c.name(f"{i} ü")}, {"Content-Type": t}))
    return got


@flow()
def rest_numbers_as_text(c):
    """Protobuf's JSON writes 64-bit numbers as strings, and reads both; so do the Java and R clients."""
    e = c.http("POST", API + "/experiments/create", {"name": c.name()})["json"]["experiment_id"]
    r = c.http("POST", API + "/runs/create", {"experiment_id": e, "start_time": "1234", "run_name": "n"})["json"]["run"]["info"]["run_id"]
    got = [c.http("POST", API + "/runs/log-metric", {"run_id": r, "key": "m", "value": "NaN", "timestamp": "12", "step": "3"})]
    got.append(c.http("POST", API + "/runs/log-metric", {"run_id": r, "key": "inf", "value": "Infinity", "timestamp": 12}))
    got.append(c.http("POST", API + "/runs/log-metric", b'{"run_id":"%s","key":"e","value":1.5E+3,"timestamp":12,"step":0}\n' % r.encode(), {"Content-Type": "application/json"}))
    return got + [c.get(API + "/runs/get", {"run_id": r})]


@flow()
def rest_spellings_of_space(c):
    """A space in a query is '+' for Python and '%20' for browsers; other characters may be escaped or not."""
    c.http("POST", API + "/experiments/create", {"name": c.name("a b+c/d")})
    base = API + "/experiments/get-by-name?experiment_name=" + c.name() + "+"
    return [c.http("GET", base + q) for q in ("a%20b%2Bc%2Fd", "a+b%2Bc%2Fd", "a+b%2bc/d", "%61+b%2Bc%2fd")]


@flow()
def rest_of_other_clients(c):
    """The headers of the Java and R clients and of old Python ones."""
    e = c.http("POST", API + "/experiments/create", {"name": c.name()})["json"]["experiment_id"]
    agents = ["mlflow-java-client/2.9.2", "mlflow-python-client/1.30.0", "mlflow-python-client/2.3.1", "r-mlflow/2.22.0", "python-requests/2.31.0", "okhttp/4.12.0",
              "Go-http-client/1.1", "PostmanRuntime/7.39.0", "Apache-HttpClient/4.5.13 (Java/17.0.9)", None]
    got = {str(a): c.get(API + "/experiments/get", {"experiment_id": e}, headers={"User-Agent": a, "Accept-Encoding": "gzip, deflate", "Connection": "keep-alive",
           "X-Request-Id": "1", "Cache-Control": "no-cache", "Accept": "application/json, */*;q=0.1"}) for a in agents}
    auth = authorization()
    for form in ("basic", "BASIC", "bearer", "BEARER"):
        word, _, rest = (auth or "").partition(" ")
        if word.lower() == form.lower() or auth is None:
            got["scheme " + form[:0] + ("lower" if form.islower() else "upper")] = c.get(API + "/experiments/get", {"experiment_id": e}, headers={"Authorization": auth and f"{form} {rest}"})
    return got


@flow()
def rest_trailing_newline_and_spaces(c):
    """Pretty-printed bodies, a final newline, an empty object, a GET with an empty JSON body as old clients sent it."""
    got = [c.http("POST", API + "/experiments/create", b'{\n  "name": "%s",\n  "tags": []\n}\r\n' % c.name().encode(), {"Content-Type": "application/json"})]
    got.append(c.http("POST", API + "/experiments/search", {"max_results": 1, "filter": f"name = '{c.name()}'"}))
    got.append(c.get(API + "/experiments/search", {"max_results": 1, "filter": f"name = '{c.name()}'"}))
    got.append(c.http("POST", API + "/experiments/get-by-name", {"experiment_name": c.name()})["status"])
    got.append(c.http("GET", API + "/no-such-route")["status"] >= 400)
    return got


@flow()
def rest_artifacts(c):
    """Artifacts by curl: PUT with odd types, GET, list, HEAD is not offered."""
    base = "/api/2.0/mlflow-artifacts/artifacts"
    e = c.http("POST", API + "/experiments/create", {"name": c.name()})["json"]["experiment_id"]
    r = c.http("POST", API + "/runs/create", {"experiment_id": e})["json"]["run"]["info"]["run_id"]
    top = f"{base}/{e}/{r}/artifacts"
    got = []
    for name, kind in [("a%20b.txt", "text/plain"), ("plus+sign.bin", "application/octet-stream"), ("%C3%BC.json", None), ("deep/er/x.csv", "text/csv"), ("form.txt", "application/x-www-form-urlencoded")]:
        got.append(c.http("PUT", f"{top}/{name}", b"content of " + name.encode(), {"Content-Type": kind or "application/x-thing"}))
        got.append(c.http("GET", f"{top}/{name}", keep=("content-type", "content-disposition", "x-content-type-options")))
    got.append(c.get(base, {"path": f"{e}/{r}/artifacts"}))
    got.append(c.get(API + "/artifacts/list", {"run_id": r}))
    got.append(c.get(API + "/artifacts/list", {"run_id": r, "path": "deep"}))
    got.append(c.get("/get-artifact", {"path": "a b.txt", "run_uuid": r}, keep=("content-type", "content-disposition", "x-content-type-options")))
    got.append(c.http("DELETE", f"{top}/plus+sign.bin"))
    got.append(c.http("GET", f"{top}/missing.txt")["status"])
    return got


@flow(server="2.11")
def rest_upload_of_the_ui(c):
    e = c.http("POST", AJAX + "/experiments/create", {"name": c.name()})["json"]["experiment_id"]
    r = c.http("POST", AJAX + "/runs/create", {"experiment_id": e})["json"]["run"]["info"]["run_id"]
    query = f"?run_uuid={r}&path=notes/my%20table.json"
    got = [c.http("POST", AJAX + "/upload-artifact" + query, b'{"a": 1}', {"Content-Type": "application/octet-stream"})]
    return got + [c.get("/get-artifact", {"path": "notes/my table.json", "run_uuid": r})]


@flow(server="2.0")
def rest_metric_history_in_bulk(c):
    k = c.client()
    e = c.experiment()
    ids = []
    for i in range(4):
        r = k.create_run(e, run_name=f"bulk {i}").info.run_id
        ids.append(r)
        for s in range(12):
            k.log_metric(r, "loss/a b", s / (i + 1), timestamp=s, step=s)
    got = [c.get(AJAX + "/metrics/get-history-bulk", {"run_id": ids, "metric_key": "loss/a b", "max_results": 100})]
    got.append(c.get(AJAX + "/metrics/get-history-bulk-interval", {"run_ids": ids, "metric_key": "loss/a b", "max_results": 5}))
    got.append(c.get(AJAX + "/metrics/get-history-bulk-interval", {"run_ids": ids, "metric_key": "loss/a b", "start_step": 2, "end_step": 7, "max_results": 320}))
    for g in got:  # the server sorts by the runs' ids, which are random
        g["json"]["metrics"].sort(key=lambda m: (ids.index(m["run_id"]), m["step"]))
    return [ids, got]


GRAPHQL_RUN = """query GetRun($data: MlflowGetRunInput!) {
  mlflowGetRun(input: $data) {
    apiError { helpUrl code message __typename }
    run {
      info { runName status runUuid experimentId artifactUri endTime lifecycleStage startTime userId __typename }
      experiment { experimentId name tags { key value __typename } artifactLocation lifecycleStage lastUpdateTime __typename }
      modelVersions { status version name source __typename }
      data { metrics { key value step timestamp __typename } params { key value __typename } tags { key value __typename } __typename }
      inputs { datasetInputs { dataset { digest name profile schema source sourceType __typename } tags { key value __typename } __typename } __typename }
      __typename
    }
    __typename
  }
}"""


@flow(server="2.15")
def graphql_of_the_run_page(c):
    import mlflow

    c.experiment()
    with mlflow.start_run(run_name="graphql ü") as r:
        mlflow.log_params({"a": 1})
        mlflow.log_metrics({"m": 0.5})
        mlflow.set_tag("mlflow.note.content", "note")
    body = {"operationName": "GetRun", "variables": {"data": {"runId": r.info.run_id}}, "query": GRAPHQL_RUN}
    got = [c.http("POST", "/graphql", body)]
    got.append(c.http("POST", "/graphql", {"variables": {"data": {"runId": "0" * 32}}, "query": GRAPHQL_RUN}))
    search = ("query SearchRuns($data: MlflowSearchRunsInput!) { mlflowSearchRuns(input: $data) { apiError { code message } runs { info { runName status } "
              "data { metrics { key value } } } } }")
    got.append(c.http("POST", "/graphql", {"query": search, "variables": {"data": {"experimentIds": [r.info.experiment_id], "maxResults": 5}}}))
    return got


@flow()
def rest_registry(c):
    n = c.name("m")
    got = [c.http("POST", API + "/registered-models/create", {"name": n, "description": "d"})]
    got.append(c.get(API + "/registered-models/get", {"name": n}))
    got.append(c.http("PATCH", API + "/registered-models/update", {"name": n, "description": "e"}))
    got.append(c.get(API + "/registered-models/search", {"filter": f"name='{n}'", "max_results": 3, "order_by": "name ASC"}))
    got.append(c.get(API + "/registered-models/search", {"filter": f"name ILIKE '%{n}%'", "order_by": ["timestamp DESC", "name ASC"]}))
    got.append(c.http("POST", API + "/registered-models/get-latest-versions", {"name": n, "stages": ["None"]}))
    got.append(c.get(API + "/registered-models/get-latest-versions", {"name": n}))
    got.append(c.http("POST", API + "/registered-models/set-tag", {"name": n, "key": "k", "value": "v"}))
    got.append(c.http("DELETE", API + "/registered-models/delete-tag", {"name": n, "key": "k"}))
    got.append(c.http("POST", API + "/registered-models/rename", {"name": n, "new_name": n + " 2"}))
    got.append(c.http("DELETE", API + "/registered-models/delete", {"name": n + " 2"}))
    return got


@flow()
def rest_probes(c):
    """What load balancers and people look at first. The gate's own headers differ; status, type and text must not."""
    got = [c.http("GET", "/health"), c.http("GET", "/version"), c.http("GET", "/")["status"], c.http("GET", "/")["content-type"]]
    return got + [c.http("GET", "/static-files/" + os.path.basename("manifest.json"))["status"]]


@flow(client="3.0")
def rest_server_info(c):
    return [c.get("/api/3.0/mlflow/server-info"), c.get("/ajax-api/3.0/mlflow/ui-telemetry")["status"]]
