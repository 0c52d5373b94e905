"""Experiments, runs, metrics, parameters, tags, inputs and searches."""

import math

from kit import flow

# Names that honest people give, but for "\\" and "://", which the gate refuses in names because they become folders and URLs of stores. "%" and "+" are what a proxy is most likely to read twice, "/" what it is most likely to take for a path.
NAMES = ["a/b", "a/b/c d", "with space", "100% done", "a%2Fb", "a%20b", "c++", "1+1=2", "Müller", "模型", "модель №5", "🚀 launch", "semi;colon",
         "comma, dot.", "quote's \"two\"", "hash#1", "and&more", "q?a=b", "under_score-dash", "(brackets) [x] {y}", "a:b", "tilde~", "pipe|", "at@home",
         "dollar$1", "star*", "equals=", "<angle>", "..", "...", "-"]


@flow()
def experiments(c):
    k = c.client()
    one = k.create_experiment(c.name("one"), tags={"team": "red", "ü": "ä"})
    got = [k.get_experiment(one), k.get_experiment_by_name(c.name("one")), k.get_experiment_by_name("no such thing")]
    k.set_experiment_tag(one, "stage", "draft")
    k.rename_experiment(one, c.name("renamed"))
    got.append(k.get_experiment(one))
    k.delete_experiment(one)
    got.append(k.get_experiment(one))
    k.restore_experiment(one)
    got.append(k.get_experiment(one))
    got.append(c.error(lambda: k.create_experiment(c.name("renamed"))))
    got.append(c.error(lambda: k.get_experiment("987654321")))
    return got


@flow()
def experiments_named_oddly(c):
    k = c.client()
    got = {}
    for n in NAMES:
        e = k.create_experiment(c.name(n), tags={"note": n})
        got[n] = [k.get_experiment_by_name(c.name(n)), k.get_experiment(e).name]
    for n in ("100% done", "c++", "Müller", "a/b"):
        got["search " + n] = k.search_experiments(filter_string=f"name = '{c.name(n)}'")
    got["like"] = sorted(e.name for e in k.search_experiments(filter_string=f"name LIKE '{c.name('a')}%'"))
    return got


@flow()
def experiments_search_and_pages(c):
    k = c.client()
    for i in range(23):
        k.create_experiment(c.name(f"{i:02}"), tags={"even": str(i % 2 == 0), "flow": c.name()})
    got, token = [], None
    while True:
        page = k.search_experiments(filter_string=f"tags.flow = '{c.name()}'", order_by=["name DESC"], max_results=10, page_token=token)
        got.append(page)
        token = page.token
        if not token:
            break
    got.append(k.search_experiments(filter_string=f"tags.flow = '{c.name()}' AND tags.even = 'True'", order_by=["name ASC"], max_results=100))
    got.append(c.error(lambda: k.search_experiments(filter_string="nonsense")))
    return got


@flow()
def experiments_by_view(c):
    from mlflow.entities import ViewType

    k = c.client()
    ids = [k.create_experiment(c.name(str(i)), tags={"flow": c.name()}) for i in range(4)]
    k.delete_experiment(ids[1])
    return [k.search_experiments(v, filter_string=f"tags.flow = '{c.name()}'", order_by=["name ASC"])
            for v in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL)]


@flow()
def runs(c):
    import mlflow

    k = c.client()
    e = c.experiment()
    with mlflow.start_run(run_name="first", description="what it is", tags={"a": "1"}) as r:
        mlflow.log_param("depth", 3)
        mlflow.log_params({"lr": 0.1, "name/with/slash": "x y", "empty": ""})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metrics({"acc": 0.9, "val/acc": 0.8}, step=2)
        mlflow.set_tag("colour", "blau ü")
        mlflow.set_tags({"k1": "v1", "k2": 2})
    got = [k.get_run(r.info.run_id)]
    k.update_run(r.info.run_id, status="FAILED", name="renamed")
    k.delete_tag(r.info.run_id, "colour")
    got.append(k.get_run(r.info.run_id))
    got.append(c.error(lambda: k.log_param(r.info.run_id, "depth", 4)))
    got.append(c.error(lambda: k.delete_tag(r.info.run_id, "no such tag")))
    k.delete_run(r.info.run_id)
    got.append(k.get_run(r.info.run_id).info.lifecycle_stage)
    k.restore_run(r.info.run_id)
    got.append(k.get_run(r.info.run_id).info.lifecycle_stage)
    got.append(k.search_runs([e]))
    got.append(c.error(lambda: k.get_run("0" * 32)))
    return got


@flow()
def runs_nested(c):
    import mlflow

    c.experiment()
    with mlflow.start_run(run_name="parent") as parent:
        for i in range(3):
            with mlflow.start_run(run_name=f"child {i}", nested=True):
                mlflow.log_metric("i", i)
                with mlflow.start_run(run_name=f"grandchild {i}", nested=True):
                    mlflow.log_param("i", i)
    found = mlflow.search_runs(filter_string=f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'", order_by=["tags.`mlflow.runName` ASC"])
    return found.drop(columns=["start_time", "end_time"])


@flow()
def runs_resumed(c):
    import mlflow

    c.experiment()
    with mlflow.start_run(run_name="to resume") as r:
        mlflow.log_metric("x", 1, step=1)
    with mlflow.start_run(run_id=r.info.run_id):
        mlflow.log_metric("x", 2, step=2)
        mlflow.log_param("late", "yes")
    with mlflow.start_run(run_id=r.info.run_id):
        mlflow.set_tag("third", "time")
    k = c.client()
    return [k.get_run(r.info.run_id), k.get_metric_history(r.info.run_id, "x")]


@flow()
def runs_with_odd_values(c):
    import mlflow

    c.experiment("a/b")
    with mlflow.start_run(run_name="ünï/cødé 模型 100% + #") as r:
        for i, n in enumerate(["loss/train", "a b", "p.q-r_s", "Grundgröße"]):
            mlflow.log_metric(n, i)
        mlflow.log_params({"long": "x" * 500, "json": '{"a": [1, 2, "ü"]}', "path": "/data/../data/x", "url": "https://example.org/a?b=c#d",
                           "lines": "one\ntwo\ttabbed", "emoji": "🚀", "percent": "%2e%2e/%00", "html": "<b>bold</b>"})
        mlflow.set_tags({"quote": "it's \"fine\"", "sql": "'; DROP TABLE runs; --", "null": "nul\u2400", "zwj": "👩‍👩‍👧", "rtl": "שלום"})
        mlflow.set_tag("mlflow.note.content", "# Notes\n\n* a [link](https://example.org)\n\n```python\nprint('%s' % 1)\n```\n")
    return c.client().get_run(r.info.run_id)


@flow()
def metrics_not_finite(c):
    import mlflow

    c.experiment()
    with mlflow.start_run(run_name="odd numbers") as r:
        for i, v in enumerate([math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-300, 1.7e308, 123456789012345678]):
            mlflow.log_metric("m", v, step=i)
        mlflow.log_metrics({"nan": math.nan, "inf": math.inf, "minus": -math.inf})
        mlflow.log_metric("negative step", 1, step=-5)
    k = c.client()
    return [k.get_run(r.info.run_id), sorted((m.step, str(m.value)) for m in k.get_metric_history(r.info.run_id, "m"))]


@flow()
def batches(c):
    from mlflow.entities import Metric, Param, RunTag

    k = c.client()
    e = k.create_experiment(c.name())
    r = k.create_run(e, run_name="batch", start_time=1000).info.run_id
    k.log_batch(r, metrics=[Metric(f"m{i % 10}", i * 0.5, 1000 + i, i) for i in range(800)], params=[Param(f"p{i}", str(i)) for i in range(80)],
                tags=[RunTag(f"t{i}", "v" * i) for i in range(90)])
    k.log_batch(r, params=[Param("p0", "0")])
    got = [c.error(lambda: k.log_batch(r, params=[Param("p0", "other")]))]
    k.set_terminated(r, "KILLED", end_time=9000)
    return got + [k.get_run(r), [(m.step, m.value, m.timestamp) for m in k.get_metric_history(r, "m3")]]


@flow(client="2.10")
def logging_asynchronously(c):
    import mlflow

    c.experiment()
    with mlflow.start_run(run_name="async") as r:
        mlflow.log_metrics({f"m{i}": i for i in range(20)}, step=1, synchronous=False)
        mlflow.log_params({f"p{i}": i for i in range(20)}, synchronous=False)
        mlflow.set_tags({f"t{i}": i for i in range(5)}, synchronous=False)
        waits = [mlflow.log_metric("many", i, step=i, synchronous=False) for i in range(100)]
        for w in waits:
            w.wait()
        mlflow.flush_async_logging()
    k = c.client()
    return [k.get_run(r.info.run_id), [(m.step, m.value) for m in k.get_metric_history(r.info.run_id, "many")]]


@flow()
def runs_searched(c):
    import mlflow
    from mlflow.entities import ViewType

    k = c.client()
    e, other = c.experiment("one"), k.create_experiment(c.name("two"))
    for i in range(12):
        r = k.create_run(e if i % 3 else other, run_name=f"run {i:02}", start_time=1000 + i, tags={"kind": "ab"[i % 2], "d.o-t": str(i)}).info.run_id
        k.log_metric(r, "score", i / 4, timestamp=5, step=0)
        k.log_param(r, "n", str(i))
        if i == 5:
            k.delete_run(r)
        else:
            k.set_terminated(r, "FINISHED", end_time=2000 + i)
    both = [e, other]
    names = lambda f, **kw: [x.info.run_name for x in k.search_runs(both, f, **kw)]  # noqa: E731
    got = {f: names(f, order_by=["start_time ASC"]) for f in [
        "", "metrics.score > 1.5", "params.n = '3'", "tags.kind = 'a' and metrics.score <= 2", "tags.`d.o-t` = '7'", "attributes.run_name LIKE 'run 0%'",
        "attributes.status = 'FINISHED'", "params.n != '3'", "attributes.start_time > 1006", "tags.kind ILIKE 'A'"]}
    for order in ["metrics.score DESC", "params.n ASC", "attributes.run_name DESC", "tags.kind ASC, start_time DESC".split(", ")]:
        got[str(order)] = names("", order_by=order if isinstance(order, list) else [order])
    got["deleted"] = names("", run_view_type=ViewType.DELETED_ONLY)
    pages, token = [], None
    while True:
        p = k.search_runs(both, "", max_results=4, order_by=["attributes.start_time ASC"], page_token=token)
        pages.append([x.info.run_name for x in p])
        token = p.token
        if not token:
            break
    got["pages"] = pages
    got["table"] = mlflow.search_runs(both, order_by=["start_time ASC"])[["metrics.score", "params.n", "tags.kind", "status"]]
    got["by name"] = mlflow.search_runs(experiment_names=[c.name("one"), c.name("two")], order_by=["start_time ASC"], output_format="list")
    got["wrong"] = c.error(lambda: k.search_runs(both, "metrics.score > 'x'"))
    got["none"] = c.error(lambda: k.search_runs([e], "", max_results=10**9))
    return got


@flow(client="2.4")
def inputs(c):
    import mlflow
    import numpy as np
    import pandas as pd

    e = c.experiment()
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "ü"], "y": [0.1, 0.2, 0.3]})
    with mlflow.start_run(run_name="with inputs") as r:
        mlflow.log_input(mlflow.data.from_pandas(frame, source="https://example.org/data/train set.csv?v=1", name="train", targets="y"), context="training")
        mlflow.log_input(mlflow.data.from_numpy(np.arange(6.0).reshape(2, 3), source="s3://bucket/key with space/x.npy", name="ünï"), context="eval", tags={"x": "y"})
    k = c.client()
    got = k.get_run(r.info.run_id).inputs
    found = mlflow.search_runs([e], filter_string="dataset.name = 'train'", output_format="list")
    return [got, [x.info.run_name for x in found]]


@flow(client="2.11")
def system_metrics_and_context(c):
    import mlflow

    c.experiment()
    mlflow.set_system_metrics_sampling_interval(1)
    with mlflow.start_run(run_name="system", log_system_metrics=False) as r:
        mlflow.log_metric("system/cpu_utilization_percentage", 12.5, step=0)
        mlflow.log_metric("system/cpu_utilization_percentage", 13.5, step=1)
    return c.client().get_metric_history(r.info.run_id, "system/cpu_utilization_percentage")


@flow(fresh=True)
def run_continued_by_another_process(c):
    import subprocess
    import sys

    import mlflow

    c.experiment()
    with mlflow.start_run(run_name="shared") as r:
        mlflow.log_param("mine", 1)
    script = ("import mlflow, sys\nk = mlflow.MlflowClient()\nk.log_metric(sys.argv[1], 'theirs', 2)\n"
              "k.log_text(sys.argv[1], 'from another process', 'there.txt')\nprint(k.get_run(sys.argv[1]).data.params)")
    out = subprocess.run([sys.executable, "-c", script, r.info.run_id], capture_output=True, text=True, check=True).stdout
    k = c.client()
    return [out, k.get_run(r.info.run_id), [f.path for f in k.list_artifacts(r.info.run_id)]]
