# Runs inside the jail of `weir run --model`: loads one model with its own framework, uses it once where that can be guessed, and says on the
# descriptor that was its standard output what became of it. What the model's own code prints goes to standard error. All that this program says
# can be forged by what it loads; the kernel's account is kept by weir outside. It is good for CPython 3.6 and later.
import json
import os
import sys
import traceback

job = json.loads(sys.argv[1])
sys.argv = [""]
out = os.dup(1)
os.dup2(2, 1)
PATH = job["path"]


def say(stage, **more):
    more["stage"] = stage
    text = job["nonce"] + json.dumps(more) + "\n"
    os.write(out, text.encode("utf-8", "replace"))


def brief(e):
    text = "".join(traceback.format_exception_only(type(e), e)).strip()
    return text[:600]


def need(name):
    """Imports a framework, or ends with the code that makes weir try the next interpreter."""
    import importlib

    try:
        m = importlib.import_module(name)
    except ImportError as e:
        absent = getattr(e, "name", None) or ""
        say("missing", name=name if name.split(".")[0] == absent else name + " (" + brief(e) + ")")
        os._exit(3)
    root = sys.modules[name.split(".")[0]]
    say("framework", name=name, version=str(getattr(root, "__version__", "")))
    return m


# ---- loaders: each gives the object


def load_torch():
    torch = need("torch")
    import inspect

    more = {}
    try:
        known = inspect.signature(torch.load).parameters
    except (TypeError, ValueError):
        known = {}
    if "weights_only" in known:
        more["weights_only"] = False
    say("call", text="torch.load(MODEL, map_location='cpu'%s)" % "".join(", %s=%r" % i for i in more.items()))
    return torch.load(PATH, map_location="cpu", **more)


def load_torchscript():
    torch = need("torch")
    say("call", text="torch.jit.load(MODEL, map_location='cpu')")
    return torch.jit.load(PATH, map_location="cpu")


def load_torch_package():
    need("torch")
    package = need("torch.package")
    importer = package.PackageImporter(PATH)
    say("call", text="torch.package.PackageImporter(MODEL).load_pickle(…) for each pickle in it")
    names = importer.zip_reader.get_all_records()
    got = []
    for n in names:
        if n.startswith(".data/"):
            continue
        folder, _, name = n.rpartition("/")
        if name.endswith(".pkl"):
            got.append(importer.load_pickle(folder.replace("/", "."), name))
    if not got:
        for n in names:
            if n.endswith(".py") and not n.startswith(".data/"):
                got.append(importer.import_module(n[:-3].replace("/__init__", "").replace("/", ".")))
    return got[0] if len(got) == 1 else got


def load_torch_export():
    need("torch")
    export = need("torch.export")
    say("call", text="torch.export.load(MODEL)")
    return export.load(PATH)


def load_torch_distributed():
    torch = need("torch")
    import glob

    say("call", text="torch.load of the metadata and of each shard")
    more = {"weights_only": False} if tuple(int(x) for x in torch.__version__.split(".")[:2]) >= (2, 0) else {}
    meta = os.path.join(PATH, ".metadata")
    import pickle

    got = []
    if os.path.exists(meta):
        with open(meta, "rb") as f:
            got.append(pickle.load(f))
    for shard in sorted(glob.glob(os.path.join(PATH, "*.distcp"))):
        with open(shard, "rb") as f:
            got.append(torch.load(f, map_location="cpu", **more))
    return got


def load_joblib():
    joblib = need("joblib")
    say("call", text="joblib.load(MODEL)")
    return joblib.load(PATH)


def load_pickle():
    import pickle

    say("framework", name="pickle", version=sys.version.split()[0])
    say("call", text="pickle.load(open(MODEL, 'rb')), as often as there is one")
    got = []
    with open(PATH, "rb") as f:
        end = os.fstat(f.fileno()).st_size
        while not got or f.tell() < end:
            try:
                got.append(pickle.load(f))
            except Exception:
                if not got:
                    raise
                break  # what follows the first pickle need not be one
    return got[0] if len(got) == 1 else got


def load_numpy():
    numpy = need("numpy")
    say("call", text="numpy.load(MODEL, allow_pickle=True)")
    a = numpy.load(PATH, allow_pickle=True)
    if hasattr(a, "files"):
        a = {n: a[n] for n in a.files}
    return a


def load_skops():
    io = need("skops.io")
    say("call", text="skops.io.load(MODEL, trusted=everything that it names)")
    return io.load(PATH, trusted=io.get_untrusted_types(file=PATH))


def load_mlflow():
    need("mlflow")
    import mlflow.pyfunc

    with open(os.path.join(PATH, "MLmodel"), encoding="utf-8") as f:
        text = f.read()
    if "python_function" in text:
        say("call", text="mlflow.pyfunc.load_model(MODEL)")
        return mlflow.pyfunc.load_model(PATH)
    import importlib
    import yaml

    for flavor in yaml.safe_load(text).get("flavors", {}):
        try:
            m = importlib.import_module("mlflow." + flavor)
        except ImportError:
            continue
        if hasattr(m, "load_model"):
            say("call", text="mlflow.%s.load_model(MODEL)" % flavor)
            return m.load_model(PATH)
    raise RuntimeError("MLmodel names no flavor that this MLflow can load")


def load_keras():
    for name in ("keras", "tf_keras", "tensorflow.keras"):
        import importlib.util

        if importlib.util.find_spec(name.split(".")[0]):
            break
    if name == "keras" and "KERAS_BACKEND" not in os.environ:
        for backend in ("tensorflow", "torch", "jax"):
            if importlib.util.find_spec(backend):
                os.environ["KERAS_BACKEND"] = backend
                break
    keras = need(name)
    load = keras.models.load_model
    try:
        import inspect

        safe = "safe_mode" in inspect.signature(load).parameters
    except (TypeError, ValueError):
        safe = False
    more = {"safe_mode": False} if safe else {}
    say("call", text="keras.models.load_model(MODEL, compile=False%s)" % (", safe_mode=False" if safe else ""))
    return load(PATH, compile=False, **more)


def load_savedmodel():
    tf = need("tensorflow")
    say("call", text="tensorflow.saved_model.load(MODEL)")
    return tf.saved_model.load(PATH)


def load_tensorflow_graph():
    tf = need("tensorflow")
    say("call", text="tensorflow.import_graph_def(MODEL)")
    graph = tf.compat.v1.GraphDef()
    with open(PATH, "rb") as f:
        graph.ParseFromString(f.read())
    with tf.Graph().as_default() as g:
        tf.import_graph_def(graph, name="")
    return g


def load_onnx():
    ort = need("onnxruntime")
    say("call", text="onnxruntime.InferenceSession(MODEL)")
    return ort.InferenceSession(PATH, providers=["CPUExecutionProvider"])


def load_xgboost():
    xgb = need("xgboost")
    say("call", text="xgboost.Booster().load_model(MODEL)")
    b = xgb.Booster()
    b.load_model(PATH)
    return b


def load_lightgbm():
    lgb = need("lightgbm")
    say("call", text="lightgbm.Booster(model_file=MODEL)")
    return lgb.Booster(model_file=PATH)


def load_catboost():
    cb = need("catboost")
    say("call", text="catboost.CatBoost().load_model(MODEL)")
    m = cb.CatBoost()
    m.load_model(PATH)
    return m


servers = []  # ended with this program; the jail would end them too


def load_h2o():
    """Starts H2O's own server inside the jail, on the jail's own loopback, and lets it import the model."""
    h2o = need("h2o")
    import shutil
    import socket
    import subprocess
    import time

    jar = os.path.join(os.path.dirname(h2o.__file__), "backend", "bin", "h2o.jar")
    java = job.get("java") or shutil.which("java")
    if not java:
        say("missing", name="java")
        os._exit(3)
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
    s.close()
    ice = os.path.join(os.environ.get("TMPDIR", "/tmp"), "ice")
    argv = [java, "-Xmx1g", "-Dsys.ai.h2o.pojo.import.enabled=true", "-cp", os.pathsep.join([jar] + job.get("classpath", [])), "water.H2OApp",
            "-ip", "127.0.0.1", "-web_ip", "127.0.0.1", "-port", str(port), "-name", "weir", "-ice_root", ice]
    # Only Java 9 and later read this variable, and only they know the flag: without it H2O cannot define its classes.
    env = dict(os.environ, JDK_JAVA_OPTIONS="--add-opens=java.base/java.lang=ALL-UNNAMED")
    server = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=2, stderr=2)
    servers.append(server)
    url = "http://127.0.0.1:%d" % port
    last = None
    for _ in range(240):
        if server.poll() is not None:
            raise RuntimeError("the H2O server ended with code %s" % server.returncode)
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            h2o.connect(url=url, verbose=False, strict_version_check=False)
            break
        except Exception as e:
            last = e
            time.sleep(0.25)
    else:
        raise RuntimeError("the H2O server did not answer: " + brief(last))
    say("framework", name="h2o server", version=str(h2o.cluster().version))
    if job["kind"] == "h2o-binary":
        say("call", text="h2o.load_model(MODEL), then as a grid and as a frame")
        try:
            return h2o.load_model(PATH)
        except Exception:
            for load in (getattr(h2o, "load_grid", None), getattr(h2o, "load_frame", None)):
                try:
                    if load.__name__ == "load_frame":
                        return load(os.path.basename(PATH), os.path.dirname(PATH))
                    return load(PATH)
                except Exception:
                    pass
            raise
    say("call", text="h2o.import_mojo(MODEL)")
    from h2o.estimators import H2OGenericEstimator

    model = H2OGenericEstimator(path=PATH)
    model.train()
    return model


# ---- one use, where an input can be guessed; nothing here is a reason to say that the load failed


def shape(dims):
    return [d if isinstance(d, int) and d > 0 else 1 for d in dims]


def use(m):
    kind = type(m).__module__.split(".")[0] + "." + type(m).__name__
    if kind.startswith("onnxruntime."):
        import numpy

        types = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int64)": "int64", "tensor(int32)": "int32", "tensor(bool)": "bool"}
        feed = {i.name: numpy.zeros(shape(i.shape), types.get(i.type, "float32")) for i in m.get_inputs()}
        return "run", [getattr(o, "shape", None) or len(o) for o in m.run(None, feed)]
    if kind.startswith("h2o."):
        import h2o

        names, domains = m._model_json["output"]["names"], m._model_json["output"]["domains"]
        answer = m.actual_params.get("response_column") if hasattr(m, "actual_params") else None
        row = {n: [d[0] if d else 0.0] for n, d in zip(names, domains) if n != answer}
        return "predict", list(m.predict(h2o.H2OFrame(row, column_types={n: "enum" if d else "real" for n, d in zip(names, domains) if n != answer})).shape)
    if kind == "mlflow.PyFuncModel":
        return "predict", str(use_pyfunc(m))[:200]
    if "torch" in sys.modules and isinstance(m, sys.modules["torch"].nn.Module):
        return "forward", use_torch(m)
    if hasattr(m, "predict") and ("keras" in sys.modules and hasattr(m, "input_shape")):
        import numpy

        shapes = m.input_shape if isinstance(m.input_shape, list) else [m.input_shape]
        x = [numpy.zeros(shape(s), "float32") for s in shapes]
        return "predict", list(numpy.asarray(m.predict(x if len(x) > 1 else x[0], verbose=0)).shape)
    import numpy

    if kind == "xgboost.Booster":
        import xgboost

        return "predict", list(m.predict(xgboost.DMatrix(numpy.zeros((2, m.num_features())), feature_names=m.feature_names)).shape)
    if kind == "lightgbm.Booster":
        return "predict", list(m.predict(numpy.zeros((2, m.num_feature()))).shape)
    if hasattr(m, "predict") or hasattr(m, "transform"):
        n = getattr(m, "n_features_in_", None)
        if n is None and hasattr(m, "feature_names_"):
            n = len(m.feature_names_)
        how = "predict" if hasattr(m, "predict") else "transform"
        return how, list(getattr(m, how)(numpy.zeros((2, n))).shape)
    return None, None


def use_pyfunc(m):
    import numpy
    import pandas

    tries = []
    schema = m.metadata.get_input_schema() if m.metadata.signature else None
    if schema is not None and schema.has_input_names():
        tries.append(lambda: pandas.DataFrame({c.name: numpy.zeros(2, c.type.to_numpy()) for c in schema.inputs}))
    n = None
    inner = m.unwrap_python_model() if hasattr(m, "unwrap_python_model") and hasattr(m._model_impl, "python_model") else m._model_impl
    for name in ("sklearn_model", "xgb_model", "lgb_model", "cb_model", "keras_model", "model"):
        inner = getattr(inner, name, inner)
    for name in ("n_features_in_", "num_features", "num_feature"):
        v = getattr(inner, name, None)
        v = v() if callable(v) else v
        if isinstance(v, int):
            n = v
            break
    for width in [n] if n else [1, 2, 3, 4, 5, 8, 10]:
        for kind in ("float32", "float64"):
            tries.append(lambda width=width, kind=kind: pandas.DataFrame(numpy.zeros((2, width), kind)))
            tries.append(lambda width=width, kind=kind: numpy.zeros((2, width), kind))
    error = None
    for t in tries:
        try:
            p = m.predict(t())
            return list(p.shape) if hasattr(p, "shape") else p
        except Exception as e:
            error = error or e
    raise error


def use_torch(m):
    import torch

    m.eval()
    width = None
    for p in m.parameters():
        width = p.shape[-1]
        break
    error = None
    with torch.no_grad():
        for s in [(2, width or 4), (1, width or 4), (1, 3, 32, 32), (1, 1, 28, 28), (1, 3, 224, 224), (1, 1, 16), (2, 4, width or 4)]:
            try:
                y = m(torch.zeros(s))
                return list(y.shape) if hasattr(y, "shape") else type(y).__name__
            except Exception as e:
                error = error or e
    raise error


LOADERS = {k[5:].replace("_", "-"): f for k, f in list(globals().items()) if k.startswith("load_")}
LOADERS["h2o-binary"] = LOADERS["h2o-mojo"] = LOADERS["h2o"]


def end(code):
    for s in servers:
        s.kill()
    os._exit(code)


try:
    model = LOADERS[job["kind"]]()
except BaseException as e:
    say("failed", error=brief(e), lacks=str(getattr(e, "name", None) or "") if isinstance(e, ImportError) else "")
    end(4)
say("loaded", type=type(model).__module__ + "." + type(model).__qualname__)
try:
    how, what = use(model)
    if how:
        say("used", how=how, result=str(what)[:200])
except BaseException as e:
    say("unused", error=brief(e))
say("end")
end(0)
