"""Makes the models that the tests serve, in the current folder. Each prints nothing; loading and predicting are honest but for `open`."""
import json
import os

import mlflow.pyfunc
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from sklearn.linear_model import LinearRegression

X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1, 2, 3]})
y = [1.0, 2.0, 3.0]
fit = LinearRegression().fit(X, y)
mlflow.sklearn.save_model(fit, "cols", signature=infer_signature(X, fit.predict(X)))
array = LinearRegression().fit(X.values, y)
tensors = ModelSignature(inputs=Schema([TensorSpec(np.dtype("float64"), (-1, 2))]), outputs=Schema([TensorSpec(np.dtype("float64"), (-1,))]))
mlflow.sklearn.save_model(array, "tensor", signature=tensors)


# A model as many are written: it takes what its author's notebook sends, and that is a pickle in base64.
with open("opener.py", "w") as f:
    f.write('''
import base64
import pickle

import mlflow.pyfunc


class Opener(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        out = []
        for text in model_input["payload"]:
            try:
                out.append(str(pickle.loads(base64.b64decode(text)))[:80])
            except Exception:
                out.append(text.upper())
        return out


mlflow.models.set_model(Opener())
''')
payload = ModelSignature(
    inputs=Schema([ColSpec(DataType.string, "payload")]),
    outputs=Schema([ColSpec(DataType.string)]),
    params=ParamSchema([ParamSpec("top", DataType.long, 1)]),
)
mlflow.pyfunc.save_model("open", python_model="opener.py", signature=payload)

# MLServer's repository: the three models, and one whose pickle fires when it is loaded.
class Fires:
    def __reduce__(self):
        return (open, (os.path.abspath("canary-load"), "w"))


os.makedirs("repository", exist_ok=True)
for name in ("cols", "tensor", "open"):
    os.makedirs("repository/" + name, exist_ok=True)
    with open("repository/" + name + "/model-settings.json", "w") as f:
        json.dump({"name": name, "implementation": "mlserver_mlflow.MLflowRuntime", "parameters": {"uri": os.path.abspath(name)}}, f)
import joblib

os.makedirs("repository/late", exist_ok=True)
joblib.dump(Fires(), "repository/late/model.joblib")
os.remove("canary-load") if os.path.exists("canary-load") else None
with open("repository/late/settings.off", "w") as f:
    json.dump({"name": "late", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": {"uri": "./model.joblib"}}, f)
