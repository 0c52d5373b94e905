"""Trains small models of every algorithm with the H2O of this interpreter and saves each in every form that this version has.

    .cache/venv/h2o-VERSION/bin/python testdata/make/h2o/train.py OUT

With "wide" it trains many more variants instead, to look for false alarms. OUT gets <algorithm>.bin (h2o.save_model), <algorithm>.mojo.zip and <algorithm>.java (POJO), as far as the version exports them. The server
runs on a loopback port of its own and ends with this program. Failures are printed and do not stop the others.
"""

import os
import random
import shutil
import sys
import tempfile

import h2o
from h2o.automl import H2OAutoML
from h2o.estimators import (H2OAggregatorEstimator, H2OCoxProportionalHazardsEstimator, H2ODecisionTreeEstimator, H2ODeepLearningEstimator,
                            H2OExtendedIsolationForestEstimator, H2OGeneralizedAdditiveEstimator, H2OGeneralizedLinearEstimator,
                            H2OGeneralizedLowRankEstimator, H2OGradientBoostingEstimator, H2OIsolationForestEstimator,
                            H2OIsotonicRegressionEstimator, H2OKMeansEstimator, H2OModelSelectionEstimator, H2ONaiveBayesEstimator,
                            H2OPrincipalComponentAnalysisEstimator, H2ORandomForestEstimator, H2ORuleFitEstimator,
                            H2OSingularValueDecompositionEstimator, H2OStackedEnsembleEstimator, H2OTargetEncoderEstimator,
                            H2OUpliftRandomForestEstimator, H2OWord2vecEstimator, H2OXGBoostEstimator, H2OANOVAGLMEstimator,
                            H2OSupportVectorMachineEstimator)
from h2o.grid.grid_search import H2OGridSearch

FLAGS = ["--add-opens", "java.base/java.lang=ALL-UNNAMED"]


def frame():
    dice = random.Random(7)
    rows = []
    for i in range(120):
        a, b, c = dice.gauss(0, 1), dice.random(), dice.choice("xyz")
        y = a + (c == "x") + dice.gauss(0, 0.1)
        rows.append([a, b, c, y, "yes" if y > 0.4 else "no", dice.choice(["treatment", "control"]), dice.random() * 10, int(y > 0), i % 3])
    cols = list(zip(*rows))
    names = ["a", "b", "c", "y", "label", "arm", "time", "event", "fold"]
    f = h2o.H2OFrame(dict(zip(names, map(list, cols))), column_types={"c": "enum", "label": "enum", "arm": "enum", "event": "numeric"})
    return f


def estimators():
    small = dict(seed=1)
    cv = dict(nfolds=2, keep_cross_validation_predictions=True, seed=1)
    x = ["a", "b", "c"]
    yield "gbm", lambda f: fit(H2OGradientBoostingEstimator(ntrees=2, max_depth=2, **small), f, x, "label")
    yield "gbm-regression", lambda f: fit(H2OGradientBoostingEstimator(ntrees=2, max_depth=2, **small), f, x, "y")
    yield "drf", lambda f: fit(H2ORandomForestEstimator(ntrees=2, max_depth=2, **small), f, x, "label")
    yield "xrt", lambda f: fit(H2ORandomForestEstimator(ntrees=2, max_depth=2, histogram_type="Random", **small), f, x, "y")
    yield "glm", lambda f: fit(H2OGeneralizedLinearEstimator(family="binomial", lambda_=0, compute_p_values=True), f, x, "label")
    yield "glm-cv", lambda f: fit(H2OGeneralizedLinearEstimator(family="gaussian", **cv), f, x, "y")
    yield "gam", lambda f: fit(H2OGeneralizedAdditiveEstimator(gam_columns=["b"], num_knots=[5], family="gaussian", **small), f, ["a"], "y")
    yield "deeplearning", lambda f: fit(H2ODeepLearningEstimator(hidden=[3], epochs=1, reproducible=True, **small), f, x, "label")
    yield "autoencoder", lambda f: fit(H2ODeepLearningEstimator(autoencoder=True, hidden=[2], epochs=1, reproducible=True, **small), f, ["a", "b"], None)
    yield "kmeans", lambda f: fit(H2OKMeansEstimator(k=2, **small), f, x, None)
    yield "pca", lambda f: fit(H2OPrincipalComponentAnalysisEstimator(k=2, **small), f, ["a", "b"], None)
    yield "svd", lambda f: fit(H2OSingularValueDecompositionEstimator(nv=2, **small), f, ["a", "b"], None)
    yield "glrm", lambda f: fit(H2OGeneralizedLowRankEstimator(k=2, max_iterations=5, **small), f, ["a", "b"], None)
    yield "naivebayes", lambda f: fit(H2ONaiveBayesEstimator(**small), f, x, "label")
    yield "xgboost", lambda f: fit(H2OXGBoostEstimator(ntrees=2, max_depth=2, **small), f, x, "label")
    yield "coxph", lambda f: fit(H2OCoxProportionalHazardsEstimator(stop_column="time"), f, ["a", "b"], "event")
    yield "isolationforest", lambda f: fit(H2OIsolationForestEstimator(ntrees=2, max_depth=2, **small), f, x, None)
    yield "extendedisolationforest", lambda f: fit(H2OExtendedIsolationForestEstimator(ntrees=2, sample_size=16, **small), f, ["a", "b"], None)
    yield "rulefit", lambda f: fit(H2ORuleFitEstimator(max_rule_length=2, min_rule_length=1, max_num_rules=4, rule_generation_ntrees=2, **small), f, x, "y")
    yield "upliftdrf", lambda f: fit(H2OUpliftRandomForestEstimator(ntrees=2, max_depth=2, treatment_column="arm", uplift_metric="KL", **small), f, x + ["arm"], "label")
    yield "targetencoder", lambda f: fit(H2OTargetEncoderEstimator(**small), f, ["c"], "label")
    yield "aggregator", lambda f: fit(H2OAggregatorEstimator(target_num_exemplars=10), f, ["a", "b"], None)
    yield "decisiontree", lambda f: fit(H2ODecisionTreeEstimator(max_depth=2, **small), f, ["a", "b"], "label")
    yield "isotonic", lambda f: fit(H2OIsotonicRegressionEstimator(), f, ["b"], "y")
    yield "modelselection", lambda f: fit(H2OModelSelectionEstimator(mode="maxr", max_predictor_number=2, **small), f, x, "y")
    yield "anovaglm", lambda f: fit(H2OANOVAGLMEstimator(family="gaussian", lambda_=0), f, ["a", "b"], "y")
    yield "psvm", lambda f: fit(H2OSupportVectorMachineEstimator(gamma=0.01, rank_ratio=0.1, disable_training_metrics=True), f, ["a", "b"], "label")
    yield "word2vec", word2vec
    yield "ensemble", ensemble
    yield "automl", automl


def wide():
    """More options of the same algorithms: kept out of the fixtures, to look for false alarms."""
    x = ["a", "b", "c"]
    gbm, glm, xgb, dl = H2OGradientBoostingEstimator, H2OGeneralizedLinearEstimator, H2OXGBoostEstimator, H2ODeepLearningEstimator
    few = dict(ntrees=2, max_depth=2, seed=1)
    cv = dict(nfolds=2, keep_cross_validation_predictions=True, keep_cross_validation_models=True, keep_cross_validation_fold_assignment=True)
    yield "gbm-cv", lambda f: fit(gbm(**few, **cv), f, x, "label")
    yield "gbm-quantile", lambda f: fit(gbm(distribution="quantile", quantile_alpha=0.3, **few), f, x, "y")
    yield "gbm-multinomial", lambda f: fit(gbm(**few), f, ["a", "b"], "c")
    yield "gbm-calibrated", lambda f: fit(gbm(calibrate_model=True, calibration_frame=f, **few), f, x, "label")
    yield "gbm-isotonic", lambda f: fit(gbm(calibrate_model=True, calibration_method="IsotonicRegression", calibration_frame=f, **few), f, x, "label")
    yield "gbm-monotone", lambda f: fit(gbm(monotone_constraints={"a": 1}, **few), f, x, "y")
    yield "gbm-weights", lambda f: fit(gbm(weights_column="time", offset_column="b", stopping_rounds=2, score_each_iteration=True, **few), f, ["a", "c"], "y")
    yield "gbm-interactions", lambda f: fit(gbm(interaction_constraints=[["a", "b"]], **few), f, x, "y")
    yield "gbm-encoded", lambda f: fit(gbm(categorical_encoding="OneHotExplicit", **few), f, x, "y")
    yield "drf-cv", lambda f: fit(H2ORandomForestEstimator(binomial_double_trees=True, **few, **cv), f, x, "label")
    yield "glm-multinomial", lambda f: fit(glm(family="multinomial"), f, ["a", "b"], "c")
    yield "glm-ordinal", lambda f: fit(glm(family="ordinal"), f, ["a", "b"], "c")
    yield "glm-tweedie", lambda f: fit(glm(family="tweedie", tweedie_variance_power=1.5, missing_values_handling="Skip"), f, ["a", "b"], "time")
    yield "glm-search", lambda f: fit(glm(lambda_search=True, alpha=[0.1, 0.9], nlambdas=5, interactions=["a", "c"]), f, x, "y")
    yield "glm-negativebinomial", lambda f: fit(glm(family="negativebinomial", theta=0.5, generate_scoring_history=True), f, ["a", "b"], "event")
    yield "glm-influence", lambda f: fit(glm(family="gaussian", lambda_=0, influence="dfbetas"), f, ["a", "b"], "y")
    yield "gam-two", lambda f: fit(H2OGeneralizedAdditiveEstimator(gam_columns=["a", ["b", "time"]], bs=[0, 1], num_knots=[5, 20], scale=[0.1, 0.1], family="gaussian", **cv), f, [], "y")
    yield "gam-monotone", lambda f: fit(H2OGeneralizedAdditiveEstimator(gam_columns=["b", "a"], bs=[2, 3], spline_orders=[3, 3], num_knots=[5, 5], family="gaussian"), f, [], "y")
    yield "deeplearning-maxout", lambda f: fit(dl(hidden=[3, 3], activation="maxout_with_dropout", epochs=1, variable_importances=True, **cv), f, x, "y")
    yield "xgboost-dart", lambda f: fit(xgb(booster="dart", **few), f, x, "y")
    yield "xgboost-linear", lambda f: fit(xgb(booster="gblinear", ntrees=2, seed=1), f, x, "y")
    yield "xgboost-cv", lambda f: fit(xgb(**few, **cv), f, ["a", "b"], "c")
    yield "coxph-strata", lambda f: fit(H2OCoxProportionalHazardsEstimator(stop_column="time", stratify_by=["arm"], interactions=["a", "b"]), f, ["a", "b", "arm"], "event")
    yield "glrm-categories", lambda f: fit(H2OGeneralizedLowRankEstimator(k=2, max_iterations=5, loss="Quadratic", multi_loss="Categorical", recover_svd=True, transform="STANDARDIZE"), f, x, None)
    yield "pca-power", lambda f: fit(H2OPrincipalComponentAnalysisEstimator(k=2, pca_method="Power", use_all_factor_levels=True), f, x, None)
    yield "pca-glrm", lambda f: fit(H2OPrincipalComponentAnalysisEstimator(k=2, pca_method="GLRM"), f, x, None)
    yield "svd-random", lambda f: fit(H2OSingularValueDecompositionEstimator(nv=2, svd_method="Randomized"), f, ["a", "b"], None)
    yield "kmeans-constrained", lambda f: fit(H2OKMeansEstimator(k=2, cluster_size_constraints=[20, 30], **{"nfolds": 0}), f, ["a", "b"], None)
    yield "kmeans-estimate", lambda f: fit(H2OKMeansEstimator(k=5, estimate_k=True, **cv), f, ["a", "b"], None)
    yield "rulefit-linear", lambda f: fit(H2ORuleFitEstimator(model_type="rules_and_linear", max_num_rules=4, rule_generation_ntrees=2, algorithm="gbm", seed=1), f, x, "label")
    yield "targetencoder-blended", lambda f: fit(H2OTargetEncoderEstimator(blending=True, data_leakage_handling="kfold", fold_column="fold", columns_to_encode=[["c"], ["c", "arm"]]), f, ["c", "arm"], "label")
    yield "naivebayes-multi", lambda f: fit(H2ONaiveBayesEstimator(laplace=1, **{"nfolds": 2}), f, ["a", "b"], "c")
    yield "modelselection-backward", lambda f: fit(H2OModelSelectionEstimator(mode="backward", min_predictor_number=1), f, ["a", "b"], "y")
    yield "anovaglm-binomial", lambda f: fit(H2OANOVAGLMEstimator(family="binomial", lambda_=0), f, ["a", "b"], "label")
    yield "ensemble-gbm", lambda f: fit(H2OStackedEnsembleEstimator(metalearner_algorithm="gbm", seed=1, base_models=[
        fit(gbm(nfolds=2, fold_assignment="Modulo", keep_cross_validation_predictions=True, **few), f, x, "y"),
        fit(dl(hidden=[2], epochs=1, nfolds=2, fold_assignment="Modulo", keep_cross_validation_predictions=True), f, x, "y")]), f, x, "y")
    yield "generic", generic


def generic(f):
    folder = tempfile.mkdtemp()
    path = fit(H2OGradientBoostingEstimator(ntrees=1, seed=1), f, ["a", "b"], "y").save_mojo(folder, force=True)
    return h2o.import_mojo(path)


def grids(f, out):
    """Grids over parameters of every type."""
    for name, estimator, space in (
            ("numbers", H2OGradientBoostingEstimator(ntrees=1, seed=1), {"max_depth": [1, 2], "learn_rate": [0.1, 0.2], "sample_rate": [0.5], "balance_classes": [True, False]}),
            ("words", H2OGradientBoostingEstimator(ntrees=1, seed=1), {"histogram_type": ["UniformAdaptive", "Random"], "distribution": ["bernoulli"]}),
            ("lists", H2OGeneralizedLinearEstimator(family="binomial"), {"alpha": [[0.1, 0.5], [0.2]], "lambda_": [[0.0], [0.1]], "missing_values_handling": ["Skip", "MeanImputation"]}),
            ("layers", H2ODeepLearningEstimator(epochs=1), {"hidden": [[2], [2, 2]], "activation": ["Rectifier", "Tanh"], "input_dropout_ratio": [0, 0.1]})):
        g = H2OGridSearch(estimator, space, grid_id="weir_grid_" + name, search_criteria={"strategy": "RandomDiscrete", "max_models": 3, "seed": 1})
        g.train(x=["a", "b"], y="label", training_frame=f)
        folder = tempfile.mkdtemp()
        h2o.save_grid(folder, "weir_grid_" + name, save_params_references=True)
        for n in os.listdir(folder):
            shutil.move(os.path.join(folder, n), os.path.join(out, "grid-%s-%s.bin" % (name, n)))


def fit(model, f, x, y):
    model.train(x=x, y=y, training_frame=f)
    return model


def word2vec(_):
    words = h2o.H2OFrame({"w": ("the cat sat on the mat the dog sat on the log " * 6).split()}, column_types=["string"])
    model = H2OWord2vecEstimator(vec_size=4, epochs=1, min_word_freq=1)
    model.train(training_frame=words)
    return model


def ensemble(f):
    cv = dict(nfolds=2, fold_assignment="Modulo", keep_cross_validation_predictions=True, seed=1)
    base = [fit(H2OGradientBoostingEstimator(ntrees=2, max_depth=2, **cv), f, ["a", "b", "c"], "label"),
            fit(H2OGeneralizedLinearEstimator(family="binomial", **cv), f, ["a", "b", "c"], "label")]
    return fit(H2OStackedEnsembleEstimator(base_models=base, seed=1), f, ["a", "b", "c"], "label")


def automl(f):
    a = H2OAutoML(max_models=2, nfolds=2, seed=1, include_algos=["GBM", "StackedEnsemble"], max_runtime_secs=40)
    a.train(x=["a", "b"], y="label", training_frame=f)
    return a.leader


def grid(f, out):
    g = H2OGridSearch(H2OGradientBoostingEstimator(ntrees=1, seed=1), {"max_depth": [1, 2]}, grid_id="weir_grid")
    g.train(x=["a", "b"], y="label", training_frame=f)
    folder = tempfile.mkdtemp()
    h2o.save_grid(folder, "weir_grid")
    shutil.copy(os.path.join(folder, "weir_grid"), os.path.join(out, "grid.bin"))
    shutil.rmtree(folder)


def saved_frame(f, out):
    folder = tempfile.mkdtemp()
    f.save(folder)
    shutil.copy(os.path.join(folder, os.listdir(folder)[0]), os.path.join(out, "frame.bin"))
    shutil.rmtree(folder)


def main(out):
    os.makedirs(out, exist_ok=True)
    h2o.init(ip="127.0.0.1", port=int(os.environ.get("H2O_PORT", "54871")), name="weir-fixtures", max_mem_size="1g", nthreads=2,
             jvm_custom_args=FLAGS, start_h2o=True)
    h2o.no_progress()
    only = set(sys.argv[2:]) - {"wide"}
    more = "wide" in sys.argv[2:]
    try:
        f = frame()
        for name, make in wide() if more else estimators():
            if only and name not in only:
                continue
            try:
                model = make(f)
            except Exception as e:
                print("no %s: %s" % (name, str(e).strip().splitlines()[0]))
                continue
            save(model, name, out)
        for name, make in (("grids", grids),) if more else (("grid", grid), ("frame", saved_frame)):
            try:
                make(f, out)
            except Exception as e:
                print("no %s: %s" % (name, str(e).strip().splitlines()[0]))
    finally:
        h2o.cluster().shutdown()


def save(model, name, out):
    folder = tempfile.mkdtemp()
    for form, suffix in (("save_model", ".bin"), ("save_mojo", ".mojo.zip"), ("download_pojo", ".java")):
        try:
            if form == "save_model":
                path = h2o.save_model(model, path=folder, force=True)
            elif form == "save_mojo":
                path = model.save_mojo(path=folder, force=True)
            else:
                path = model.download_pojo(path=folder, get_genmodel_jar=False)
            shutil.move(path, os.path.join(out, name + suffix))
        except Exception as e:
            print("no %s of %s: %s" % (form, name, str(e).strip().splitlines()[0][:150]))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
