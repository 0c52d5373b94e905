"""The joblib inside old scikit-learns: 0.9 writes one .npy file for each array beside the pickle, 0.12 under a vendored name."""
import os

import numpy as np
import sklearn
from sklearn.externals import joblib
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from recorder import add, done

X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1] * 3)
MODELS = {"pipeline": make_pipeline(StandardScaler(), SGDClassifier(random_state=0)).fit(X, Y), "tree": DecisionTreeClassifier(max_depth=2).fit(X, Y),
          "arrays": {"w": X, "o": np.array([{"a": 1}, None], dtype=object), "n": np.float64(2)}}
VERSION = ".".join(sklearn.__version__.split(".")[:2])
for name in sorted(MODELS):
    for compress in (0, 3):
        folder = "%s-%d" % (name, compress)
        os.mkdir(folder)
        joblib.dump(MODELS[name], os.path.join(folder, name + ".pkl"), compress=compress)
        joblib.load(os.path.join(folder, name + ".pkl"))
        for n in sorted(os.listdir(folder)):
            first = n == name + ".pkl"
            with open(os.path.join(folder, n), "rb") as f:
                data = f.read()
            add("sklearn/%s/vendored-joblib/%s/%s" % (VERSION, folder, n), data, "joblib" if first else "numpy" if n.endswith(".npy") else "zfile", "sklearn", sklearn.__version__,
                "sklearn.externals.joblib.load" if first else "none", "clean", "joblib %s, as sklearn.externals.joblib" % joblib.__version__)
done()
