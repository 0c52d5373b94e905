"""Honest MLflow models, each as its real saver writes it, packed as one small zip file.

    benign.py OUT [NAME…]   run by the Python of the venv mlflow2 (MLflow 2.22) or mlflow3 (3.17); models.py runs it for both

Each maker saves into the folder that it is given and says what weir must say of it. Every model is loaded again with
mlflow.pyfunc.load_model (or its flavour's own loader) before it counts.
"""
import inspect
import json
import os
import shutil
import sys
import textwrap
import traceback

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import mlflow
import numpy as np

from pack import pack

V = mlflow.__version__
MAJOR = V.split(".")[0]
X = np.arange(24.0).reshape(12, 2)
Y = np.array([0, 1] * 6)
CLEAN, USER, SILENT = "clean", "unverified", "silent"  # silent: no model of its own; nothing may be found in it
MAKERS = {}


def maker(expect, load="pyfunc", majors="23"):
    def register(f):
        if MAJOR in majors:
            MAKERS[f.__name__] = (f, expect, load)
        return f
    return register


def needs(*more):
    return ["mlflow==%s" % V, "numpy==%s" % np.__version__, *more]


def source(name, text):
    with open(name, "w") as f:
        f.write(textwrap.dedent(text).lstrip())
    return name


def forest():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)


@maker(CLEAN)
def sklearn_cloudpickle(out):
    mlflow.sklearn.save_model(forest(), out, serialization_format="cloudpickle", pip_requirements=needs("scikit-learn"))


@maker(CLEAN)
def sklearn_pickle(out):
    mlflow.sklearn.save_model(forest(), out, serialization_format="pickle", pip_requirements=needs("scikit-learn"), input_example=X[:1])


@maker(CLEAN, majors="3")
def sklearn_default(out):
    mlflow.sklearn.save_model(forest(), out, pip_requirements=needs("scikit-learn", "skops"))


@maker(CLEAN, majors="3")
def sklearn_skops_trusted(out):
    from sklearn.neighbors import KNeighborsClassifier
    mlflow.sklearn.save_model(KNeighborsClassifier(2).fit(X, Y), out, serialization_format="skops", pip_requirements=needs("skops"),
                              skops_trusted_types=["sklearn.metrics._dist_metrics.EuclideanDistance64", "sklearn.neighbors._kd_tree.KDTree"])


@maker(CLEAN)
def sklearn_signature(out):
    import pandas as pd
    frame = pd.DataFrame(X, columns=["../a", "<b>"])  # names of columns are the user's
    from mlflow.models import infer_signature
    mlflow.sklearn.save_model(forest(), out, signature=infer_signature(frame, Y), input_example=frame[:2], serialization_format="cloudpickle",
                              pip_requirements=needs("scikit-learn"), metadata={"team": "weights & measures", "url": "https://example.com/"})


@maker(CLEAN)
def xgboost_booster(out):
    import xgboost
    mlflow.xgboost.save_model(xgboost.train({"max_depth": 2}, xgboost.DMatrix(X, Y), 2), out, pip_requirements=needs("xgboost"))


@maker(CLEAN)
def xgboost_classifier(out):
    import xgboost
    mlflow.xgboost.save_model(xgboost.XGBClassifier(n_estimators=2, max_depth=2).fit(X, Y), out, pip_requirements=needs("xgboost"), model_format="json")


@maker(CLEAN)
def lightgbm_booster(out):
    import lightgbm
    mlflow.lightgbm.save_model(lightgbm.train({"verbose": -1, "num_leaves": 2}, lightgbm.Dataset(X, Y), 2), out, pip_requirements=needs("lightgbm"))


@maker(CLEAN)
def lightgbm_classifier(out):
    import lightgbm
    model = lightgbm.LGBMClassifier(n_estimators=2, num_leaves=2, verbose=-1).fit(X, Y)
    kind = {"serialization_format": "cloudpickle"} if "serialization_format" in inspect.signature(mlflow.lightgbm.save_model).parameters else {}
    mlflow.lightgbm.save_model(model, out, pip_requirements=needs("lightgbm"), **kind)


@maker(CLEAN)
def catboost_classifier(out):
    import catboost
    mlflow.catboost.save_model(catboost.CatBoostClassifier(iterations=2, depth=2, verbose=0, train_dir="info").fit(X, Y), out, pip_requirements=needs("catboost"))


@maker(CLEAN)
def statsmodels_ols(out):
    import statsmodels.api as sm
    mlflow.statsmodels.save_model(sm.OLS(Y, sm.add_constant(X[:, :1])).fit(), out, remove_data=True, pip_requirements=needs("statsmodels"))


@maker(CLEAN)
def pmdarima_arima(out):
    import pmdarima
    model = pmdarima.ARIMA(order=(1, 0, 0)).fit(np.sin(np.arange(30.0)))
    mlflow.pmdarima.save_model(model, out, pip_requirements=needs("pmdarima"))


@maker(CLEAN)
def onnx_model(out):
    import onnx
    from onnx import TensorProto, helper
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 2])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    mlflow.onnx.save_model(model, out, pip_requirements=needs("onnx", "onnxruntime"), onnx_session_options={"graph_optimization_level": 99, "intra_op_num_threads": 1})


@maker(CLEAN, load="none")
def spacy_blank(out):
    import spacy
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    mlflow.spacy.save_model(nlp, out, pip_requirements=needs("spacy"))


@maker(CLEAN)
def keras_model(out):
    import keras
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    mlflow.keras.save_model(model, out, pip_requirements=needs("keras", "tensorflow-cpu"))


@maker(CLEAN)
def tensorflow_keras(out):
    import tensorflow as tf
    model = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)])
    from mlflow.models import infer_signature
    mlflow.tensorflow.save_model(model, out, pip_requirements=needs("tensorflow-cpu"), signature=infer_signature(X, Y.astype("float32")))


@maker(CLEAN)
def tensorflow_module(out):
    import tensorflow as tf

    class Twice(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def __call__(self, x):
            return x * 2
    from mlflow.models import infer_signature
    mlflow.tensorflow.save_model(Twice(), out, pip_requirements=needs("tensorflow-cpu"), signature=infer_signature(X[:, 0].astype("float32")))


@maker(CLEAN, load="none")
def h2o_glm(out):
    import h2o
    h2o.init(nthreads=1, max_mem_size="1g", port=54391, bind_to_localhost=True, log_level="FATA")
    try:
        h2o.no_progress()
        from h2o.estimators import H2OGeneralizedLinearEstimator
        frame = h2o.H2OFrame([[a, b, a + b] for a, b in X])
        model = H2OGeneralizedLinearEstimator(model_id="glm", lambda_=0)
        model.train(y=2, training_frame=frame)
        mlflow.h2o.save_model(model, out, pip_requirements=needs("h2o"))
    finally:
        h2o.cluster().shutdown()


@maker(CLEAN, majors="3", load="none")
def openai_chat(out):
    os.environ["OPENAI_API_KEY"] = "none"
    mlflow.openai.save_model("gpt-4o-mini", "chat.completions", out, messages=[{"role": "user", "content": "tell of {topic}"}], pip_requirements=needs("openai"))


@maker(CLEAN, majors="3", load="none")
def spark_pipeline(out):
    from pyspark.ml import Pipeline
    from pyspark.ml.feature import VectorAssembler
    from pyspark.sql import SparkSession
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.driver.memory", "1g").config("spark.driver.host", "127.0.0.1").getOrCreate()
    try:
        frame = spark.createDataFrame([(1.0, 2.0)], ["a", "b"])
        model = Pipeline(stages=[VectorAssembler(inputCols=["a", "b"], outputCol="f")]).fit(frame)
        mlflow.spark.save_model(model, out, pip_requirements=needs("pyspark"))
    finally:
        spark.stop()


@maker(USER)
def pyfunc_python_model(out):
    class Add(mlflow.pyfunc.PythonModel):
        def __init__(self, n):
            self.n = n

        def predict(self, context, model_input, params=None):
            return model_input + self.n
    mlflow.pyfunc.save_model(out, python_model=Add(3), pip_requirements=needs())


@maker(USER)
def pyfunc_function(out):
    def predict(model_input: list[str]) -> list[str]:
        return [s.upper() for s in model_input]
    mlflow.pyfunc.save_model(out, python_model=predict, pip_requirements=needs(), input_example=["a"])


@maker(USER)
def pyfunc_artifacts(out):
    source("words.json", '["a", "b"]')

    class Words(mlflow.pyfunc.PythonModel):
        def load_context(self, context):
            with open(context.artifacts["words"]) as f:
                self.words = json.load(f)

        def predict(self, context, model_input, params=None):
            return self.words
    mlflow.pyfunc.save_model(out, python_model=Words(), artifacts={"words": "words.json"}, pip_requirements=needs())


@maker(USER)
def pyfunc_loader_module(out):
    source("doubler.py", """
        import json
        import os


        class Doubler:
            def __init__(self, factor):
                self.factor = factor

            def predict(self, model_input, params=None):
                return model_input * self.factor


        def _load_pyfunc(path):
            with open(os.path.join(path, "factor.json") if os.path.isdir(path) else path) as f:
                return Doubler(json.load(f)["factor"])
        """)
    os.mkdir("data")
    source("data/factor.json", '{"factor": 2}')
    mlflow.pyfunc.save_model(out, loader_module="doubler", data_path="data", code_paths=["doubler.py"], pip_requirements=needs())


@maker(USER)
def pyfunc_package(out):
    os.mkdir("ours")
    source("ours/__init__.py", "from .model import Ours  # noqa\n")
    source("ours/model.py", """
        import logging

        import numpy as np

        logger = logging.getLogger(__name__)


        class Ours:
            def predict(self, model_input, params=None):
                logger.info("rows: %d", len(model_input))
                return np.asarray(model_input).sum(axis=1)
        """)
    source("ours/loader.py", """
        from ours import Ours


        def _load_pyfunc(path):
            return Ours()
        """)
    source("data.txt", "none")
    mlflow.pyfunc.save_model(out, loader_module="ours.loader", data_path="data.txt", code_paths=["ours"], pip_requirements=needs())


@maker(USER)
def models_from_code(out):
    source("agent.py", """
        import mlflow
        from mlflow.pyfunc import PythonModel


        class Echo(PythonModel):
            def predict(self, context, model_input, params=None):
                return model_input


        mlflow.models.set_model(Echo())
        """)
    mlflow.pyfunc.save_model(out, python_model="agent.py", pip_requirements=needs())


@maker(USER)
def models_from_code_config(out):
    source("agent.py", """
        import os

        import mlflow
        from mlflow.models import ModelConfig
        from mlflow.pyfunc import PythonModel

        config = ModelConfig(development_config={"greeting": "hello"})


        class Greet(PythonModel):
            def predict(self, context, model_input, params=None):
                return [os.path.basename(config.get("greeting")) for _ in model_input]


        mlflow.models.set_model(Greet())
        """)
    mlflow.pyfunc.save_model(out, python_model="agent.py", model_config={"greeting": "good day"}, pip_requirements=needs())


@maker(USER)
def langchain_from_code(out):
    source("chain.py", """
        import mlflow
        from langchain_core.prompts import ChatPromptTemplate
        from langchain_core.runnables import RunnableLambda

        chain = ChatPromptTemplate.from_template("tell of {topic}") | RunnableLambda(lambda p: p.to_string())
        mlflow.models.set_model(chain)
        """)
    mlflow.langchain.save_model("chain.py", out, pip_requirements=needs("langchain"))


@maker(CLEAN, majors="2")
def langchain_runnable(out):
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import PromptTemplate
    mlflow.langchain.save_model(PromptTemplate.from_template("tell of {topic}") | StrOutputParser(), out, pip_requirements=needs("langchain"))


@maker(USER)
def code_paths_beside(out):
    source("helpers_of_ours.py", "SCALE = 2\n")
    mlflow.sklearn.save_model(forest(), out, code_paths=["helpers_of_ours.py"], serialization_format="cloudpickle", pip_requirements=needs("scikit-learn"))


@maker(CLEAN)
def conda_environment(out):
    env = {"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": ["python=3.12", "pip", {"pip": ["mlflow", "scikit-learn>=1.0; python_version > '3'", "numpy"]}]}
    mlflow.sklearn.save_model(forest(), out, conda_env=env, serialization_format="cloudpickle")


@maker(CLEAN)
def requirements_official_index(out):
    mlflow.sklearn.save_model(forest(), out, serialization_format="cloudpickle",
                              pip_requirements=["--extra-index-url https://download.pytorch.org/whl/cpu", "mlflow", "torch==2.10.0"])


@maker(CLEAN, majors="3")
def extra_files(out):
    source("notes.txt", "for whoever reads")
    mlflow.sklearn.save_model(forest(), out, serialization_format="cloudpickle", pip_requirements=needs("scikit-learn"), extra_files=["notes.txt"])


@maker(SILENT, load="none")
def file_store(out):
    """A whole session's store: runs, metrics, texts, pages, a model, a registered version."""
    mlflow.set_tracking_uri("file:" + out)
    mlflow.set_registry_uri("file:" + out)
    mlflow.set_experiment("taxi / fares")
    for alpha in (0.1, 0.2):
        with mlflow.start_run():
            mlflow.log_param("alpha", alpha)
            for step in range(3):
                mlflow.log_metric("loss", alpha / (1 + step), step=step)
            mlflow.set_tag("note", "../not/a/path")
            mlflow.log_dict({"columns": ["a", "b"]}, "columns.json")
            mlflow.log_text("<!DOCTYPE html><html><body><div id=plot></div><script>document.title = 'plot'</script></body></html>", "plots/loss.html")
            kind = {"name": "model"} if MAJOR == "3" else {"artifact_path": "model"}
            mlflow.sklearn.log_model(forest(), serialization_format="cloudpickle", pip_requirements=needs("scikit-learn"), registered_model_name="fares", **kind)


@maker(SILENT, load="none")
def project(out):
    """A project with parameters, an environment and two entry points; it is run."""
    os.mkdir(out)
    source(out + "/MLproject", """
        name: fares

        python_env: python_env.yaml

        entry_points:
          main:
            parameters:
              alpha: {type: float, default: 0.5}
              data: {type: path, default: data}
            command: "python train.py --alpha {alpha} --data {data}"
          validate:
            command: "python train.py"
        """)
    source(out + "/python_env.yaml", "python: \"3.12\"\nbuild_dependencies:\n  - pip\ndependencies:\n  - mlflow\n  - scikit-learn>=1.4\n")
    source(out + "/train.py", "import sys\n\nprint(sys.argv)\n")
    mlflow.set_tracking_uri("file:runs")
    mlflow.projects.run(out, entry_point="validate", env_manager="local", experiment_name="projects")


@maker(SILENT, load="none")
def project_docker(out):
    """A project that runs in a container with a folder of data."""
    os.mkdir(out)
    source(out + "/MLproject", """
        name: fares
        docker_env:
          image: fares:1
          volumes: ["/data/fares:/data:ro"]
          environment: [["MODE", "train"], "FARES_REGION"]
        entry_points:
          main:
            parameters:
              rounds: {type: int, default: 10}
            command: "python train.py {rounds}"
        """)
    source(out + "/train.py", "print('trained')\n")
    mlflow.projects._project_spec.load_project(out)


@maker(SILENT, majors="2", load="none")
def recipe(out):
    """A recipe with a profile and a card, as they come from MLflow's own code."""
    from mlflow.recipes.cards import BaseCard
    from mlflow.recipes.utils import get_recipe_config
    for d in ("profiles", "steps"):
        os.makedirs(out + "/" + d)
    source(out + "/recipe.yaml", """
        recipe: "regression/v1"
        # the column that is predicted
        target_col: "fare_amount"
        primary_metric: "root_mean_squared_error"
        steps:
          ingest: {{INGEST_CONFIG}}
          split:
            split_ratios: {{SPLIT_RATIOS|default([0.75, 0.125, 0.125])}}
            post_split_filter_method: create_dataset_filter
          transform:
            using: "custom"
            transformer_method: transformer_fn
          train:
            using: "custom"
            estimator_method: estimator_fn
          evaluate:
            validation_criteria:
              - metric: root_mean_squared_error
                threshold: 10
        """)
    source(out + "/profiles/local.yaml", """
        experiment:
          name: "taxi_fare_regression"
          tracking_uri: "sqlite:///metadata/mlflow/mlruns.db"
          artifact_location: "./metadata/mlflow/mlartifacts"
        model_registry:
          model_name: "taxi_fare_regressor"
        SPLIT_RATIOS: [0.7, 0.2, 0.1]
        INGEST_CONFIG:
          using: custom
          location: "./data/sample.parquet"
          loader_method: load_file_as_dataframe
        """)
    source(out + "/steps/train.py", "def estimator_fn(estimator_params=None):\n    from sklearn.linear_model import SGDRegressor\n\n    return SGDRegressor(random_state=42)\n")
    get_recipe_config(out, "local")
    card = BaseCard("fares", "train")
    card.add_tab("Model", "{{ TABLE }}").add_html("TABLE", BaseCard.render_table([("loss", 0.5)], ["metric", "value"]))
    card.add_tab("Profile", "{{ P }}").add_pandas_profile("P", "<html><script>draw()</script></html>")
    os.makedirs(out + "/train/outputs")
    card.save_as_html(out + "/train/outputs/card.html")


def logged(out):
    """A model as a run logs it: with run, ids and times in MLmodel."""
    mlflow.set_tracking_uri("file:store")
    with mlflow.start_run():
        kind = {"name": "model"} if MAJOR == "3" else {"artifact_path": "model"}
        info = mlflow.sklearn.log_model(forest(), serialization_format="cloudpickle", pip_requirements=needs("scikit-learn"), **kind)
    shutil.copytree(mlflow.artifacts.download_artifacts(info.model_uri), out)


MAKERS["logged"] = (logged, CLEAN, "pyfunc")


def load(how, path):
    if how == "pyfunc":
        mlflow.pyfunc.load_model(path)


def main():
    out, only = os.path.abspath(sys.argv[1]), sys.argv[2:]
    os.makedirs(out, exist_ok=True)
    lines, failed = [], []
    for name, (make, expect, how) in MAKERS.items():
        if only and name not in only:
            continue
        work = "/tmp/models-of-mlflow"  # the same on every machine, as savers write it down
        shutil.rmtree(work, ignore_errors=True)
        os.mkdir(work)
        os.chdir(work)
        sys.path.insert(0, work)
        try:
            make("m")
            load(how, "m")
            pack("m", os.path.join(out, name + ".zip"))
            lines.append({"name": name, "expect": expect, "loaded": how != "none", "mlflow": V})
        except Exception:
            traceback.print_exc()
            failed.append(name)
        finally:
            sys.path.remove(work)
            for module in [m for m, v in sys.modules.items() if str(getattr(v, "__file__", "")).startswith(work)]:
                del sys.modules[module]
            os.chdir("/")
            shutil.rmtree(work, ignore_errors=True)
    print(json.dumps(lines))
    if failed:
        sys.exit("benign.py: failed: " + " ".join(failed))


if __name__ == "__main__":
    main()
