"""Traces: made by decorators and by hand, searched, tagged, judged, deleted; by MLflow's own protocol and by OpenTelemetry's."""

import json
import time

from kit import flow


def spans(t):
    return sorted([s.name, s.span_type, s.inputs, s.outputs, str(s.status.status_code), sorted(s.attributes), s.parent_id is None, [e.name for e in s.events]]
                  for s in t.data.spans)


def about(t):
    i = t.info
    metadata = {k: v for k, v in i.request_metadata.items() if k not in ("mlflow.trace.sizeBytes", "mlflow.trace.sizeStats")}
    return [i.request_id, {"experiment_id": i.experiment_id}, str(i.status), metadata, i.tags, t.data.request, t.data.response, spans(t)]


def traced(c, n=1, fail=False):
    """Makes n traces with three spans each; returns their ids."""
    import mlflow

    @mlflow.trace(span_type="TOOL", attributes={"unit": "°C"})
    def add(a, b):
        if fail:
            raise ValueError("does not add ü")
        return a + b

    @mlflow.trace(name="ask the model", span_type="CHAIN")
    def ask(question, n):
        with mlflow.start_span("inner / part", span_type="RETRIEVER") as s:
            s.set_inputs({"q": question})
            s.set_attributes({"top_k": 3, "nested": {"a": [1, None]}})
            s.set_outputs([{"page_content": "text", "metadata": {"doc_uri": "file 1.md#a?b"}}])
        return {"answer": add(n, 1), "text": "ü" * 10}

    ids = []
    for i in range(n):
        try:
            ask("what is 1 + 1?", i)
        except ValueError:
            pass
        ids.append(mlflow.get_last_active_trace_id())
    mlflow.flush_trace_async_logging()
    return ids


@flow(client="2.22", same=True)
def traces_by_decorators(c):
    import mlflow

    c.experiment()
    ids = traced(c, 2)
    return [about(mlflow.get_trace(i)) for i in ids]


@flow(client="2.22", same=True)
def traces_of_errors(c):
    import mlflow

    c.experiment()
    (one,) = traced(c, 1, fail=True)
    return [about(mlflow.get_trace(one)), c.attempt(lambda: mlflow.get_trace("tr-" + "0" * 32))]


@flow(client="2.22", same=True)
def traces_by_the_client(c):
    e = c.experiment()
    k = c.client()
    root = k.start_trace("by hand", inputs={"x": 1}, tags={"k": "v/1"}, experiment_id=e)
    child = k.start_span("child", root.request_id, root.span_id, span_type="LLM", inputs={"messages": [{"role": "user", "content": "hi"}]})
    k.end_span(root.request_id, child.span_id, outputs={"role": "assistant", "content": "hello"}, attributes={"tokens": 3})
    k.end_trace(root.request_id, outputs={"y": 2}, status="OK")
    import mlflow

    mlflow.flush_trace_async_logging()
    return about(k.get_trace(root.request_id))


@flow(client="2.22", same=True)
def traces_searched(c):
    import mlflow

    e = c.experiment()
    with mlflow.start_run(run_name="traced") as r:
        ids = traced(c, 3)
    traced(c, 2)
    k = c.client()
    where = {"locations" if hasattr(k, "create_dataset") else "experiment_ids": [e]}
    for n, i in enumerate(ids):
        k.set_trace_tag(i, "number", str(n))
    names = lambda f, **kw: [t.info.tags.get("number") for t in k.search_traces(**where, filter_string=f, order_by=["timestamp_ms ASC"], **kw)]  # noqa: E731
    got = {f: names(f) for f in ["", "tags.number = '1'", "attributes.status = 'OK'", "attributes.name = 'ask the model'", "attributes.timestamp_ms > 0"]}
    got["run"] = sorted(str(t) for t in names("", run_id=r.info.run_id))
    page = k.search_traces(**where, max_results=2, order_by=["timestamp_ms ASC"])
    got["pages"] = [len(page), bool(page.token), len(k.search_traces(**where, max_results=2, page_token=page.token, order_by=["timestamp_ms ASC"]))]
    frame = mlflow.search_traces(experiment_ids=[e], order_by=["timestamp_ms ASC"])
    got["table"] = [sorted(str(x) for x in frame.columns), len(frame)]
    return got


@flow(client="2.22", same=True)
def traces_tagged_and_deleted(c):
    import mlflow

    e = c.experiment()
    ids = traced(c, 4)
    k = c.client()
    k.set_trace_tag(ids[0], "a tag", "a value with ü / % +")
    k.set_trace_tag(ids[0], "drop", "1")
    k.delete_trace_tag(ids[0], "drop")
    got = [mlflow.get_trace(ids[0]).info.tags]
    got.append(k.delete_traces(e, trace_ids=ids[:2]) if hasattr(k, "create_dataset") else k.delete_traces(e, request_ids=ids[:2]))
    got.append(len(k.search_traces([e])))
    got.append(k.delete_traces(e, max_timestamp_millis=int(time.time() * 1000) + 1000, max_traces=10))
    return got + [len(k.search_traces([e]))]


@flow(client="3.2")
def trace_assessments(c):
    import mlflow
    from mlflow.entities import AssessmentSource, AssessmentSourceType

    c.experiment()
    (t,) = traced(c)
    human = AssessmentSource(AssessmentSourceType.HUMAN, "ada@example.org")
    a = mlflow.log_feedback(trace_id=t, name="good", value=True, rationale="because ü", source=human, metadata={"k": "v"})
    b = mlflow.log_feedback(trace_id=t, name="scores", value={"a": 0.5})
    x = mlflow.log_expectation(trace_id=t, name="expected answer", value={"facts": ["a", "b"]}, source=human)
    mlflow.log_feedback(trace_id=t, name="failed", error=ValueError("no"))
    got = [mlflow.get_assessment(t, a.assessment_id), mlflow.get_assessment(t, x.assessment_id)]
    mlflow.update_assessment(t, a.assessment_id, mlflow.entities.Feedback(name="good", value=False, rationale="changed"))
    mlflow.override_feedback(trace_id=t, assessment_id=b.assessment_id, value=1, rationale="over")
    mlflow.delete_assessment(t, x.assessment_id)
    got.append(c.error(lambda: mlflow.get_assessment(t, x.assessment_id)))
    return got + [sorted([s.name, str(s.feedback and s.feedback.value), s.rationale, s.valid] for s in mlflow.get_trace(t).info.assessments)]


@flow(client="3.2")
def traces_updated_while_open(c):
    import mlflow

    e = c.experiment()

    @mlflow.trace
    def chat(message):
        mlflow.update_current_trace(tags={"route": "a/b"}, metadata={"mlflow.trace.session": "session 1", "mlflow.trace.user": "ada"},
                                    client_request_id="req 1", request_preview="asked", response_preview="said")
        return message.upper()

    for m in ("one", "two"):
        chat(m)
    mlflow.flush_trace_async_logging()
    found = mlflow.search_traces(locations=[e], filter_string="metadata.`mlflow.trace.session` = 'session 1'", return_type="list")
    return sorted((about(t) for t in found), key=lambda a: str(a[5])) + [mlflow.search_traces(locations=[e], filter_string="metadata.`mlflow.trace.user` = 'eve'", return_type="list")]


@flow(client="3.2")
def traces_of_many_threads(c):
    import concurrent.futures

    import mlflow

    e = c.experiment()

    @mlflow.trace
    def work(i):
        return i * i

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        got = sorted(pool.map(work, range(40)))
    mlflow.flush_trace_async_logging()
    found = mlflow.search_traces(locations=[e], max_results=100, return_type="list")
    return [got, sorted(json.loads(t.data.response) for t in found)]


@flow(client="3.2")
def traces_linked_to_runs(c):
    import mlflow

    c.experiment()
    ids = traced(c, 3)
    k = c.client()
    with mlflow.start_run(run_name="later") as r:
        pass
    k.link_traces_to_run(ids[:2], r.info.run_id)
    return [len(k.search_traces(run_id=r.info.run_id, locations=[r.info.experiment_id]))]


@flow(client="3.2")
def trace_with_a_large_body(c):
    import mlflow

    c.experiment()

    @mlflow.trace
    def big(text):
        return {"echo": text, "n": len(text)}

    big("långt " * 60000)
    mlflow.flush_trace_async_logging()
    t = mlflow.get_trace(mlflow.get_last_active_trace_id())
    return [len(t.data.request), len(t.data.response), t.data.spans[0].outputs["n"]]


def otlp(trace, name, parent=b""):
    """One span as OpenTelemetry's own exporter sends it."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    a = resource.resource.attributes.add()
    a.key, a.value.string_value = "service.name", "shop ü"
    span = resource.scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.parent_span_id, span.name = trace, trace[:8], parent, name
    span.start_time_unix_nano = time.time_ns() - 5_000_000
    span.end_time_unix_nano = time.time_ns()
    a = span.attributes.add()
    a.key, a.value.string_value = "gen_ai.system", "test"
    return request.SerializeToString()


@flow(client="3.6")
def traces_by_opentelemetry(c):
    """POST /v1/traces, protobuf, plain and gzipped, as any OTLP exporter does it."""
    import gzip
    import os

    import mlflow

    e = c.experiment()
    got = []
    ids = [os.urandom(16) for _ in range(2)]
    head = {"Content-Type": "application/x-protobuf", "X-Mlflow-Experiment-Id": e, "User-Agent": "OTel-OTLP-Exporter-Python/1.40.0"}
    got.append(c.http("POST", "/v1/traces", otlp(ids[0], "plain"), head))
    got.append(c.http("POST", "/v1/traces", gzip.compress(otlp(ids[1], "gzipped")), {**head, "Content-Encoding": "gzip"}))
    got.append(c.http("POST", "/v1/traces", b"not protobuf \xff", head)["status"])
    found = mlflow.search_traces(locations=[e], return_type="list")
    return got + [sorted(s.name for t in found for s in t.data.spans)]
