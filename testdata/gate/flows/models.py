"""Models: logged by several flavors, with signatures and examples, loaded again."""

import os
import sys

from artifacts import walk
from kit import flow


def data():
    import pandas as pd

    x = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0] * 5, "b": [1.0, 0.0, 1.0, 0.0] * 5})
    return x, [0, 1, 1, 0] * 5


def where(name):
    """How a model's place is said: artifact_path until 2.x, name since."""
    import mlflow

    from kit import version

    return {"name" if version(mlflow.__version__) >= (3,) else "artifact_path": name}


def listed(c, info):
    """The files of a logged model, wherever this version keeps them."""
    k = c.client()
    if getattr(info, "model_id", None):
        return sorted(f.path for f in k.list_logged_model_artifacts(info.model_id))
    return sorted(f[0] for f in walk(k, info.run_id, info.artifact_path))


def about(info):
    return [info.signature.to_dict() if info.signature else None, sorted(info.flavors), info.model_uri, info.metadata, info.utc_time_created]


@flow()
def model_sklearn(c):
    import mlflow
    from sklearn.linear_model import LogisticRegression

    x, y = data()
    c.experiment()
    fitted = LogisticRegression().fit(x, y)
    with mlflow.start_run(run_name="sklearn") as r:
        info = mlflow.sklearn.log_model(fitted, **where("model"), signature=mlflow.models.infer_signature(x, fitted.predict(x)), input_example=x.head(2),
                                        pip_requirements=["scikit-learn"])
    loaded, generic = mlflow.sklearn.load_model(info.model_uri), mlflow.pyfunc.load_model(info.model_uri)
    return [about(info), listed(c, info), loaded.predict(x), generic.predict(x), loaded.coef_, sorted(c.client().get_run(r.info.run_id).data.tags)]


@flow()
def model_after_500_metrics(c):
    import mlflow
    from sklearn.linear_model import LinearRegression

    x, y = data()
    c.experiment()
    with mlflow.start_run(run_name="burst then model") as r:
        mlflow.log_metrics({"warm": 1})
        for i in range(500):
            c.client().log_metric(r.info.run_id, "loss", 1 / (i + 1), step=i)
        info = mlflow.sklearn.log_model(LinearRegression().fit(x, y), **where("model"), pip_requirements=["scikit-learn"])
    h = c.client().get_metric_history(r.info.run_id, "loss")
    return [about(info), listed(c, info), len(h), [(m.step, m.value) for m in h], mlflow.pyfunc.load_model(info.model_uri).predict(x)]


@flow()
def model_python_function(c):
    import mlflow

    class Add(mlflow.pyfunc.PythonModel):
        def load_context(self, context):
            self.n = int(open(context.artifacts["number"]).read())

        def predict(self, context, model_input, params=None):
            return [v + self.n for v in model_input["a"]]

    x, _ = data()
    c.experiment()
    with mlflow.start_run(run_name="pyfunc"):
        info = mlflow.pyfunc.log_model(**where("adder"), python_model=Add(), artifacts={"number": c.file("the number.txt", "41")},
                                       pip_requirements=["mlflow"], metadata={"author": "ü"})
    loaded = mlflow.pyfunc.load_model(info.model_uri)
    return [about(info), listed(c, info), loaded.predict(x), loaded.metadata.metadata]


@flow(client="2.13")
def model_from_code(c):
    import mlflow

    path = c.file("my model.py", "import mlflow\n\n\nclass M(mlflow.pyfunc.PythonModel):\n    def predict(self, context, model_input, params=None):\n"
                  "        return [len(v) for v in model_input]\n\n\nmlflow.models.set_model(M())\n")
    c.experiment()
    with mlflow.start_run(run_name="code"):
        info = mlflow.pyfunc.log_model(**where("from-code"), python_model=path, input_example=["ab", "c"], pip_requirements=["mlflow"])
    return [about(info), listed(c, info), mlflow.pyfunc.load_model(info.model_uri).predict(["abc", "d"])]


@flow(client="2.20")
def model_of_one_function(c):
    import mlflow

    def shout(model_input: list[str]) -> list[str]:
        return [s.upper() for s in model_input]

    c.experiment()
    with mlflow.start_run(run_name="function"):
        info = mlflow.pyfunc.log_model(**where("shout"), python_model=shout, input_example=["ab"], pip_requirements=["mlflow"])
    return [about(info), mlflow.pyfunc.load_model(info.model_uri).predict(["abc", "ü"])]


@flow()
def model_xgboost(c):
    import mlflow
    import xgboost

    x, y = data()
    c.experiment()
    with mlflow.start_run(run_name="xgboost"):
        info = mlflow.xgboost.log_model(xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(x, y), **where("model"), signature=mlflow.models.infer_signature(x, y),
                                       pip_requirements=["mlflow"])
    return [about(info), listed(c, info), mlflow.pyfunc.load_model(info.model_uri).predict(x)]


@flow()
def model_lightgbm(c):
    import lightgbm
    import mlflow

    x, y = data()
    c.experiment()
    with mlflow.start_run(run_name="lightgbm"):
        booster = lightgbm.train({"verbose": -1, "min_data_in_leaf": 1, "num_threads": 1}, lightgbm.Dataset(x, y), 3)
        info = mlflow.lightgbm.log_model(booster, **where("model"), signature=mlflow.models.infer_signature(x, y),
                                       pip_requirements=["mlflow"])
    return [about(info), listed(c, info), mlflow.pyfunc.load_model(info.model_uri).predict(x)]


@flow()
def autolog_sklearn(c):
    import mlflow
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import GridSearchCV

    x, y = data()
    e = c.experiment()
    mlflow.sklearn.autolog(silent=True, log_input_examples=True, log_model_signatures=True)
    try:
        with mlflow.start_run(run_name="autolog") as r:
            GridSearchCV(RandomForestClassifier(n_jobs=1, random_state=1), {"n_estimators": [2, 3]}, cv=2, n_jobs=1).fit(x, y)
    finally:
        mlflow.sklearn.autolog(disable=True)
    k = c.client()
    run = k.get_run(r.info.run_id)
    children = k.search_runs([e], f"tags.`mlflow.parentRunId` = '{r.info.run_id}'")
    return [run.data.params, sorted(run.data.metrics), sorted(run.data.tags), len(children), sorted(f[0] for f in walk(k, r.info.run_id)), run.inputs]


@flow()
def autolog_xgboost(c):
    import mlflow
    import xgboost

    x, y = data()
    c.experiment()
    mlflow.xgboost.autolog(silent=True, log_models=False)
    try:
        with mlflow.start_run(run_name="autolog") as r:
            xgboost.train({"nthread": 1}, xgboost.DMatrix(x, y), 5, evals=[(xgboost.DMatrix(x, y), "train")], verbose_eval=False)
    finally:
        mlflow.xgboost.autolog(disable=True)
    k = c.client()
    run = k.get_run(r.info.run_id)
    return [run.data.params, run.data.metrics, sorted(f[0] for f in walk(k, r.info.run_id)), [(m.step, m.value) for m in k.get_metric_history(r.info.run_id, "train-rmse")]]


@flow()
def model_signatures(c):
    import mlflow
    import numpy as np
    from mlflow.models import ModelSignature, get_model_info, set_signature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec
    from sklearn.linear_model import LinearRegression

    x, y = data()
    c.experiment()
    with mlflow.start_run(run_name="signatures"):
        info = mlflow.sklearn.log_model(LinearRegression().fit(x, y), **where("model"), pip_requirements=["scikit-learn"])
        tensors = mlflow.sklearn.log_model(LinearRegression().fit(x, y), **where("tensors"), pip_requirements=["scikit-learn"], signature=ModelSignature(
            Schema([TensorSpec(np.dtype("float64"), (-1, 2))]), Schema([TensorSpec(np.dtype("float64"), (-1,))]), ParamSchema([ParamSpec("t", "double", 0.5)])))
    got = [c.error(lambda: mlflow.pyfunc.load_model(tensors.model_uri).predict("not a tensor"))["raised"], get_model_info(tensors.model_uri).signature.to_dict()]
    set_signature(info.model_uri, ModelSignature(Schema([ColSpec("double", "a"), ColSpec("double", "b")]), Schema([ColSpec("long")])))
    return got + [get_model_info(info.model_uri).signature.to_dict()]


@flow(fresh=True)
def model_loaded_by_another_process(c):
    import subprocess

    import mlflow
    from sklearn.linear_model import LinearRegression

    x, y = data()
    c.experiment()
    with mlflow.start_run(run_name="other process"):
        info = mlflow.sklearn.log_model(LinearRegression().fit(x, y), **where("model"), registered_model_name=c.name("m"), pip_requirements=["scikit-learn"])
    script = "import mlflow, sys\nm = mlflow.pyfunc.load_model(sys.argv[1])\nprint(m.predict([[1.0, 2.0]]).round(6).tolist(), m.metadata.flavors.keys())"
    env = {**os.environ, "MLFLOW_LOGGING_LEVEL": "ERROR"}
    run = lambda uri: subprocess.run([sys.executable, "-c", script, uri], capture_output=True, text=True, check=True, env=env).stdout  # noqa: E731
    return [run(info.model_uri), run(f"models:/{c.name('m')}/1")]


@flow(client="3.0")
def logged_models(c):
    import mlflow
    from sklearn.linear_model import LinearRegression

    x, y = data()
    e = c.experiment()
    k = c.client()
    with mlflow.start_run(run_name="logged models") as r:
        for i in range(3):
            info = mlflow.sklearn.log_model(LinearRegression().fit(x, y), name=f"model-{i}", params={"depth": i}, tags={"kind": "ab"[i % 2]}, step=i,
                                            pip_requirements=["scikit-learn"])
            mlflow.log_metric("score", i / 2, model_id=info.model_id)
    got = [k.get_logged_model(info.model_id)]
    k.set_logged_model_tags(info.model_id, {"note": "a b/ü", "drop": "1"})
    k.delete_logged_model_tag(info.model_id, "drop")
    k.log_model_params(info.model_id, {"late": "p"})
    got += [k.get_logged_model(info.model_id), sorted(o.step for o in k.get_run(r.info.run_id).outputs.model_outputs)]
    got.append(k.search_logged_models([e], order_by=[{"field_name": "name", "ascending": True}]))
    got.append([m.name for m in k.search_logged_models([e], filter_string="params.depth = '1'")])
    got.append([m.name for m in k.search_logged_models([e], filter_string="metrics.score >= 0.5 AND tags.kind = 'a'")])
    page = k.search_logged_models([e], max_results=2, order_by=[{"field_name": "metrics.score", "ascending": False}])
    got += [page, k.search_logged_models([e], max_results=2, page_token=page.token, order_by=[{"field_name": "metrics.score", "ascending": False}])]
    got.append([f.path for f in k.list_logged_model_artifacts(info.model_id)])
    k.delete_logged_model(info.model_id)
    got.append([m.name for m in k.search_logged_models([e], order_by=[{"field_name": "name"}])])
    return got


@flow(client="3.0")
def logged_model_without_a_run(c):
    import mlflow

    e = c.experiment()
    k = c.client()
    m = mlflow.initialize_logged_model(name="outside", params={"a": "b"}, tags={"t": "u"}, model_type="agent", experiment_id=e)
    k.log_model_artifact(m.model_id, c.file("prompt template.txt", "say {{x}}"))
    k.log_model_artifacts(m.model_id, os.path.dirname(c.file("many/more/one.txt", "1")), "folder")
    mlflow.finalize_logged_model(m.model_id, "READY")
    external = mlflow.create_external_model(name="elsewhere", params={"endpoint": "x"}, experiment_id=e)
    mlflow.set_active_model(name="outside")
    mlflow.clear_active_model()
    return [k.get_logged_model(m.model_id), k.list_logged_model_artifacts(m.model_id), k.list_logged_model_artifacts(m.model_id, "folder"), external]
