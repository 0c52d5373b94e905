"""MLflow: the folder of a scikit-learn model, whose model.pkl is by cloudpickle, and one by pickle."""
import os

import mlflow
import mlflow.sklearn
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from recorder import add, done

X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1] * 3)
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
NEEDS = ["mlflow==%s" % mlflow.__version__, "scikit-learn==1.7.2", "numpy==2.3.5", "cloudpickle==3.1.2"]
for form in ("cloudpickle", "pickle"):
    mlflow.sklearn.save_model(model, "m-" + form, serialization_format=form, pip_requirements=NEEDS, input_example=X[:1], signature=mlflow.models.infer_signature(X, Y))
    mlflow.pyfunc.load_model("m-" + form)
    for folder, _, names in os.walk("m-" + form):
        for n in sorted(names):
            with open(os.path.join(folder, n), "rb") as f:
                data = f.read()
            path = os.path.relpath(os.path.join(folder, n), "m-" + form)
            pkl = n.endswith(".pkl")
            kind = "pickle" if pkl else "mlflow" if n == "MLmodel" else "text"
            add("mlflow/%s/%s" % (form, path), data, kind, "mlflow", mlflow.__version__, "mlflow.load_model" if pkl else "none",
                "skipped" if kind == "text" else "clean", "part of a folder that is one model")
done()
