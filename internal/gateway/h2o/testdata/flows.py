"""Everyday work with the unmodified h2o client. Each flow returns what can be compared; the test runs the script against a server and through
the gate and wants the same.

Environment: URL, AUTH (user and password, or empty), IN and OUT (folders that the server reads and writes), VERSION.
"""
import json
import os
import re
import sys
import tempfile
import time
import traceback

import h2o
from h2o.automl import H2OAutoML
from h2o.estimators import (H2ODeepLearningEstimator, H2OGeneralizedLinearEstimator, H2OGenericEstimator, H2OGradientBoostingEstimator,
                            H2OIsolationForestEstimator, H2OKMeansEstimator, H2OPrincipalComponentAnalysisEstimator, H2ORandomForestEstimator,
                            H2OStackedEnsembleEstimator, H2OWord2vecEstimator)
from h2o.grid.grid_search import H2OGridSearch

IN, OUT, VERSION = os.environ["IN"], os.environ["OUT"], os.environ["VERSION"]
FLOWS = []


def flow(f):
    FLOWS.append(f)
    return f


def rows(frame, n=5):
    return frame.head(n).as_data_frame(use_pandas=False)


def data():
    """A table of 300 rows: two numbers, a category, an answer."""
    path = os.path.join(IN, "table.csv")
    with open(path, "w") as f:
        f.write("a,b,kind,day,y\n")
        for i in range(300):
            f.write("%d,%.2f,%s,2024-%02d-%02d,%s\n" % (i % 17, (i * 7 % 100) / 3, "red green blue".split()[i % 3], i % 12 + 1, i % 28 + 1, "yes" if (i % 17) * 3 + i % 5 > 25 else "no"))
    return path


def table(key="table.hex"):
    return h2o.upload_file(data(), destination_frame=key)


def gbm(key, frame, **more):
    m = H2OGradientBoostingEstimator(model_id=key, ntrees=4, max_depth=3, seed=7, **more)
    m.train(x=["a", "b", "kind"], y="y", training_frame=frame)
    return m


@flow
def cluster_status():
    c = h2o.cluster()
    return [c.version, c.cloud_size, c.cloud_healthy, c.consensus, bool(h2o.cluster().is_running())]


@flow
def capabilities_and_metadata():
    return [sorted(c["name"] for c in h2o.api("GET /3/Capabilities")["capabilities"]), len(h2o.api("GET /3/Metadata/endpoints").routes) > 280,
            sorted(h2o.api("GET /3/ModelBuilders")["model_builders"])]


@flow
def upload_csv():
    f = table()
    return [f.frame_id, f.shape, f.names, f.types, rows(f)]


@flow
def upload_python_object():
    f = h2o.H2OFrame({"p": [1, 2, 3, None], "q": ["x", "y", "x", "z"]}, destination_frame="object.hex")
    return [f.shape, f.types, rows(f)]


@flow
def import_below_root():
    f = h2o.import_file(data(), destination_frame="imported.hex")
    return [f.shape, rows(f)]


@flow
def import_folder_with_pattern():
    d = os.path.join(IN, "parts")
    os.makedirs(d, exist_ok=True)
    for i in range(3):
        with open(os.path.join(d, "part%d.csv" % i), "w") as f:
            f.write("a,b\n%d,%d\n" % (i, i * i))
    f = h2o.import_file(d, pattern=r".*\.csv", destination_frame="parts.hex")
    return [f.shape, sorted(f.as_data_frame(use_pandas=False)[1:])]


@flow
def parse_with_options():
    raw = h2o.import_file(data(), parse=False)
    setup = h2o.parse_setup(raw, destination_frame="parsed.hex", column_types=["numeric", "numeric", "enum", "string", "enum"])
    f = h2o.parse_raw(setup)
    return [f.types, f.shape, rows(f, 3)]


@flow
def slices_and_arithmetic():
    f = table()
    g = f[f["a"] > 10, ["a", "b"]]
    g["c"] = g["a"] * 2 + g["b"] ** 2
    return [g.shape, rows(g), f[0:4, :].as_data_frame(use_pandas=False), (f["a"] + 1).sum(), f["b"].mean(), f["b"].sd(), f[f["kind"] == "red", "a"].max()]


@flow
def strings_factors_and_dates():
    f = table()
    k = f["kind"].ascharacter().toupper()
    return [rows(k), f["kind"].levels(), f["kind"].set_level("red")[0, 0], rows(f["day"].month()), rows(f["kind"].asfactor().table()), f["kind"].nlevels()]


@flow
def group_by_and_merge():
    f = table()
    g = f.group_by("kind").mean("b").count().get_frame()
    other = h2o.H2OFrame({"kind": ["red", "green", "blue"], "weight": [1, 2, 3]}, destination_frame="weights.hex", column_types={"kind": "enum"})
    m = f.merge(other)
    return [sorted(g.as_data_frame(use_pandas=False)[1:]), m.shape, m["weight"].sum()]


@flow
def missing_values():
    f = h2o.H2OFrame({"p": [1, None, 3, None, 5], "q": [None, 2, 3, 4, 5]}, destination_frame="holes.hex")
    before = f.nacnt()
    f.impute("p", method="mean")
    return [before, f.nacnt(), f.na_omit().shape, f.isna().sum(), rows(f.fillna(method="forward"))]


@flow
def apply_and_lambda():
    f = table()[["a", "b"]]
    return [rows(f.apply(lambda x: x * 2 + 1, axis=0)), rows(f.apply(lambda row: row * row, axis=1))]


@flow
def split_bind_sort_quantile():
    f = table()
    train, test = f.split_frame(ratios=[0.8], seed=3, destination_frames=["train.hex", "test.hex"])
    both = train.rbind(test)
    return [train.nrow, test.nrow, both.shape, f["a"].cbind(f["b"]).names, rows(f.sort(["a", "b"])), rows(f["b"].quantile([0.1, 0.5, 0.9])), rows(f["a"].unique().sort(0)), f[["a", "b"]].cor().as_data_frame(use_pandas=False)]


@flow
def summary_and_describe():
    f = table()
    s = h2o.api("GET /3/Frames/%s/summary" % f.frame_id)["frames"][0]
    return [[c["label"] for c in s["columns"]], [c["mean"] for c in s["columns"]], f.type("a"), h2o.get_frame("table.hex").shape]


@flow
def gradient_boosting():
    f = table()
    m = gbm("gbm1", f)
    p = m.predict(f)
    return [m.auc(), m.logloss(), m.varimp(), rows(p), m.model_performance(f).confusion_matrix().to_list(), m.actual_params["ntrees"]]


@flow
def cross_validation():
    f = table()
    m = gbm("gbmcv", f, nfolds=3, fold_assignment="Modulo", keep_cross_validation_predictions=True, keep_cross_validation_models=True)
    return [m.auc(xval=True), [x.model_id for x in m.cross_validation_models()], rows(m.cross_validation_holdout_predictions() if False else m.cross_validation_predictions()[0])]


@flow
def linear_model():
    f = table()
    m = H2OGeneralizedLinearEstimator(model_id="glm1", family="binomial", lambda_=0, seed=7)
    m.train(x=["a", "b", "kind"], y="y", training_frame=f)
    return [m.coef(), m.auc(), m.null_deviance(), rows(m.predict(f))]


@flow
def forest_with_validation():
    f = table()
    train, valid = f.split_frame(ratios=[0.7], seed=5, destination_frames=["rf_train.hex", "rf_valid.hex"])
    m = H2ORandomForestEstimator(model_id="drf1", ntrees=5, seed=7)
    m.train(x=["a", "b", "kind"], y="y", training_frame=train, validation_frame=valid)
    return [m.auc(valid=True), rows(m.predict(valid)), m.scoring_history(use_pandas=False) is not None if False else True]


@flow
def clusters_components_anomalies():
    f = table()[["a", "b"]]
    k = H2OKMeansEstimator(model_id="km1", k=3, seed=7)
    k.train(x=["a", "b"], training_frame=f)
    pca = H2OPrincipalComponentAnalysisEstimator(model_id="pca1", k=2, transform="STANDARDIZE", seed=7)
    pca.train(x=["a", "b"], training_frame=f)
    iso = H2OIsolationForestEstimator(model_id="iso1", ntrees=3, seed=7)
    iso.train(x=["a", "b"], training_frame=f)
    return [k.centers(), rows(k.predict(f)), rows(pca.predict(f)), rows(iso.predict(f))]


@flow
def deep_learning():
    f = table()
    m = H2ODeepLearningEstimator(model_id="dl1", hidden=[4], epochs=1, seed=7, reproducible=True)
    m.train(x=["a", "b", "kind"], y="y", training_frame=f)
    return [m.logloss(), rows(m.predict(f))]


@flow
def text_to_vectors():
    words = h2o.H2OFrame([[w] for w in "the cat sat on the mat the dog sat on the log".split() * 20], destination_frame="words.hex", column_types=["string"])
    m = H2OWord2vecEstimator(model_id="w2v1", vec_size=4, min_word_freq=2, epochs=1)
    m.train(training_frame=words)
    return [sorted(m.find_synonyms("cat", count=3))[:0], m.transform(words, aggregate_method="NONE").shape, m.to_frame().ncol]


@flow
def grid_search():
    f = table()
    g = H2OGridSearch(H2OGradientBoostingEstimator(seed=7, max_depth=2), {"ntrees": [2, 4]}, grid_id="grid1")
    g.train(x=["a", "b", "kind"], y="y", training_frame=f)
    s = h2o.get_grid("grid1").get_grid(sort_by="auc", decreasing=True)
    return [s.model_ids, [m.auc() for m in s.models], rows(s.models[0].predict(f))]


@flow
def stacked_ensemble():
    f = table()
    common = dict(nfolds=3, fold_assignment="Modulo", keep_cross_validation_predictions=True)
    a = gbm("base_gbm", f, **common)
    b = H2ORandomForestEstimator(model_id="base_drf", ntrees=4, seed=7, **common)
    b.train(x=["a", "b", "kind"], y="y", training_frame=f)
    m = H2OStackedEnsembleEstimator(model_id="stack1", base_models=[a, b], seed=7)
    m.train(x=["a", "b", "kind"], y="y", training_frame=f)
    return [m.auc(), rows(m.predict(f))]


@flow
def automl():
    f = table()
    a = H2OAutoML(max_models=2, seed=7, project_name="auto1", include_algos=["GLM", "DRF"], nfolds=2)
    a.train(x=["a", "b", "kind"], y="y", training_frame=f)
    board = a.leaderboard.as_data_frame(use_pandas=False)
    return [len(board), board[0], [[x[:12] for x in board[i][:1]] + board[i][1:] for i in range(1, len(board))], rows(a.leader.predict(f)), h2o.automl.get_automl("auto1").project_name]


@flow
def explanations():
    f = table()
    m = gbm("gbm2", f)
    pdp = m.partial_plot(f, cols=["a"], plot=False, nbins=4)
    return [[list(map(str, r)) for r in pdp[0].cell_values], rows(m.predict_contributions(f)), rows(m.predict_leaf_node_assignment(f)),
            m.permutation_importance(f, seed=7, use_pandas=False).cell_values[0][0], m.h(f, ["a", "b"]), rows(m.staged_predict_proba(f))]


@flow
def metrics_of_predictions():
    f = table()
    m = gbm("gbm3", f)
    p = m.predict(f)
    mm = h2o.make_metrics(p["yes"], f["y"], domain=["no", "yes"])
    return [mm.auc(), mm.logloss(), m.model_performance(f).gini(), h2o.get_model("gbm3").model_id]


@flow
def one_tree():
    from h2o.tree import H2OTree
    t = H2OTree(model=gbm("gbm4", table()), tree_number=0, tree_class="yes" if False else None)
    return [t.features, t.thresholds, t.left_children]


@flow
def save_and_load_model():
    f = table()
    m = gbm("gbm5", f)
    want = rows(m.predict(f))
    path = h2o.save_model(m, path=OUT, filename="gbm5.bin")
    h2o.remove(m)
    back = h2o.load_model(path)
    return [os.path.basename(path), back.model_id, rows(back.predict(f)) == want]


@flow
def download_and_upload_model():
    f = table()
    m = gbm("gbm6", f)
    want = rows(m.predict(f))
    with tempfile.TemporaryDirectory() as d:
        path = h2o.download_model(m, path=d)
        h2o.remove(m.model_id)
        back = h2o.upload_model(path)
    return [back.model_id, rows(back.predict(f)) == want]


@flow
def mojo_out_and_in():
    f = table()
    m = gbm("gbm7", f)
    with tempfile.TemporaryDirectory() as d:
        if VERSION == "3.46.0.12":  # it makes MOJOs no more
            try:
                m.download_mojo(path=d)
                return "made"
            except Exception as e:
                return re.sub(r"\s+", " ", str(e))[:200]
        path = m.download_mojo(path=d)
        size = os.path.getsize(path) > 1000
        up = h2o.upload_mojo(path, model_id="mojo_up")
        saved = m.save_mojo(path=OUT, filename="gbm7.zip") if hasattr(m, "save_mojo") else m.download_mojo(path=OUT)
        imported = H2OGenericEstimator.from_file(saved, model_id="mojo_in")
        java = m.download_pojo(path=d)
        return [size, up.model_id, rows(up.predict(f)), imported.model_id, rows(imported.predict(f)), os.path.getsize(java) > 1000]


@flow
def export_frame():
    f = table()
    path = os.path.join(OUT, "table-out.csv")
    h2o.export_file(f, path)
    with open(path) as g:
        lines = g.read().splitlines()
    with tempfile.TemporaryDirectory() as d:
        h2o.download_csv(f, os.path.join(d, "t.csv"))
        got = open(os.path.join(d, "t.csv")).read().splitlines()
    return [lines[:3], len(lines), got[:3], len(got)]


@flow
def lists_and_removal():
    f = table("gone.hex")
    m = gbm("gone", f)
    before = "gone" in h2o.api("GET /3/Models") and True
    models = [x["model_id"]["name"] for x in h2o.api("GET /3/Models")["models"]]
    frames = [x["frame_id"]["name"] for x in h2o.api("GET /3/Frames")["frames"]]
    h2o.remove(m)
    h2o.remove("gone.hex")
    after = [x["model_id"]["name"] for x in h2o.api("GET /3/Models")["models"]]
    return [before, "gone" in models, "gone.hex" in frames, "gone" in after]


@flow
def assign_rename_copy():
    f = table()
    g = h2o.assign(f[0:10, :], "first.hex")
    c = h2o.deep_copy(g, "copied.hex")
    c["a"] = c["a"] + 100
    g.set_names(["A", "B", "K", "D", "Y"])
    return [g.shape, rows(c, 2), h2o.get_frame("first.hex").shape, g.names]


@flow
def made_up_frames():
    f = h2o.create_frame(frame_id="made.hex", rows=20, cols=3, categorical_fraction=0, integer_fraction=1, integer_range=5, missing_fraction=0, seed=7)
    i = h2o.interaction(table(), factors=["kind", "y"], pairwise=True, max_factors=10, min_occurrence=1, destination_frame="inter.hex")
    return [f.shape, rows(f), rows(i)]


@flow
def jobs_and_errors():
    f = table()
    gbm("gbm8", f)
    states = {j["status"] for j in h2o.api("GET /3/Jobs")["jobs"]}
    try:
        h2o.get_model("no_such_model")
        error = "none"
    except Exception as e:
        error = type(e).__name__
    try:
        H2OGradientBoostingEstimator(ntrees=-1).train(x=["a"], y="y", training_frame=f)
        second = "none"
    except Exception as e:
        second = type(e).__name__
    return [sorted(states), error, second]


def clean(v):
    """Takes out what differs between any two runs: sessions, numbers that the server gave, times."""
    if isinstance(v, dict):
        return {str(k): clean(w) for k, w in v.items()}
    if isinstance(v, (list, tuple)):
        return [clean(w) for w in v]
    if isinstance(v, float):
        return float("%.9g" % v) if v == v else "NaN"
    if isinstance(v, str):
        return re.sub(r"_sid_[0-9a-f]+|[0-9]{13}_[0-9]+|[0-9]{8}_[0-9]{6}|AutoML_[0-9]+", "#", v)
    return v if isinstance(v, (int, bool, type(None))) else str(v)


def main():
    user = os.environ.get("AUTH", "").split(":", 1)
    h2o.connect(url=os.environ["URL"], auth=tuple(user) if len(user) == 2 else None, verbose=False)
    h2o.no_progress()
    only = os.environ.get("ONLY", "").split()
    for f in FLOWS:
        if only and f.__name__ not in only:
            continue
        start = time.time()
        try:
            out = {"result": clean(f())}
        except Exception:
            out = {"error": clean(traceback.format_exc(limit=-3))}
        print("TIME %s %.1f" % (f.__name__, time.time() - start))
        print("FLOW " + json.dumps({"name": f.__name__, **out}, sort_keys=True))
        sys.stdout.flush()
    h2o.connection().close()


main()
