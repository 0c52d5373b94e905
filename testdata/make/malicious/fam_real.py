"""Models that the real frameworks wrote, with one hostile object inside. Needs the interpreter that has torch and scikit-learn."""
import collections
import io
import os
import pickle

import joblib
import numpy
import pandas
import scipy.sparse
import sklearn.ensemble
import sklearn.linear_model
import sklearn.pipeline
import sklearn.preprocessing
import torch

from asm import CMD
from book import add

D = "real/"


class Hostile:
    """Pickles as a call of os.system."""

    def __reduce__(self):
        return os.system, (CMD,)


def torched(x, **kw):
    out = io.BytesIO()
    torch.manual_seed(0)
    torch.save(x, out, **kw)
    return out.getvalue()


def jobbed(x, compress=0):
    out = io.BytesIO()
    joblib.dump(x, out, compress=compress)
    return out.getvalue()


def A(name, data, technique, loader, **kw):
    # Storage keys and object identities may differ from run to run only where noted; these are the same each time.
    add(D + name, data, technique, loader=loader, **kw)


X, Y = numpy.arange(20.0).reshape(10, 2), numpy.arange(10) % 2
forest = sklearn.ensemble.RandomForestClassifier(2, max_depth=2, random_state=0).fit(X, Y)
forest.classes_ = [Hostile()]
A("forest-classes.joblib", jobbed(forest), "a random forest of joblib, hostile in classes_", "joblib.load")
A("forest-classes-zlib.joblib", jobbed(forest, 3), "the same compressed", "joblib.load")
A("forest.pkl", pickle.dumps(forest, 4), "a random forest in a pickle", "framework:sklearn")
pipe = sklearn.pipeline.Pipeline([("scale", sklearn.preprocessing.StandardScaler()), ("fit", sklearn.linear_model.LogisticRegression())]).fit(X, Y)
pipe.steps[0][1].feature_names_in_ = Hostile()
A("pipeline-deep.pkl", pickle.dumps(pipe, 5), "a pipeline, hostile in an attribute of its first step", "framework:sklearn")
pipe2 = sklearn.pipeline.Pipeline([("f", sklearn.preprocessing.FunctionTransformer(os.system)), ("fit", sklearn.linear_model.LogisticRegression())])
A("pipeline-function-deferred.pkl", pickle.dumps(pipe2, 4), "a pipeline whose FunctionTransformer is os.system: it runs at predict", "none", accepted_by="pickle.load, joblib.load; runs when the pipeline is used")
A("object-array.npy", (lambda o: (numpy.save(o, numpy.array([1, Hostile()], dtype=object)), o.getvalue())[1])(io.BytesIO()), "numpy.save of an array of objects", "numpy.load")
A("object-array.npz", (lambda o: (numpy.savez(o, w=X, meta=numpy.array([Hostile()], dtype=object)), o.getvalue())[1])(io.BytesIO()), "numpy.savez with an array of objects", "numpy.load")
A("dataframe-object-column.pkl", pickle.dumps(pandas.DataFrame({"a": [1, 2], "b": pandas.Series([Hostile(), None], dtype=object)}), 4), "a data frame, hostile in a column of objects", "pandas.read_pickle")
A("dataframe-attrs.pkl", (lambda d: (d.attrs.update(x=Hostile()), pickle.dumps(d, 4))[1])(pandas.DataFrame({"a": [1]})), "a data frame, hostile in its attrs", "pandas.read_pickle")
A("sparse-attribute.pkl", (lambda m: (setattr(m, "note", Hostile()), pickle.dumps(m, 4))[1])(scipy.sparse.csr_matrix([[1.0, 0.0]])), "a sparse matrix with one attribute too many", "framework:scipy")
STATE = collections.OrderedDict([("fc.weight", torch.ones(2, 2)), ("fc.bias", torch.zeros(2)), ("note", Hostile())])
A("state-dict.pt", torched(STATE), "a state dict of torch.save, hostile in one value", "torch.load")
META = collections.OrderedDict([("fc.weight", torch.ones(2, 2))])
META._metadata = collections.OrderedDict([("", {"version": Hostile()})])
A("state-dict-metadata.pt", torched(META), "a state dict whose _metadata is hostile", "torch.load")
net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
with torch.no_grad():
    for p in net.parameters():
        p.fill_(0.5)
net.note = Hostile()
A("module.pt", torched(net), "a whole module with one attribute too many", "torch.load")
opt = torch.optim.Adam(torch.nn.Linear(1, 1).parameters())
A("checkpoint.ckpt", torched({"epoch": 1, "optimizer": opt.state_dict(), "callbacks": {"hook": Hostile()}}), "a checkpoint in the manner of Lightning, hostile in its callbacks", "torch.load")
net2 = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.ReLU())
net2._forward_pre_hooks[0] = os.system
A("module-hook-deferred.pt", torched(net2), "a module whose forward hook is os.system: it runs when the model is called", "none", accepted_by="torch.load; runs when the model is called")




for proto in range(6):
    A("protocol-%d.pkl" % proto, pickle.dumps({"weights": [1.0, 2.0], "meta": {"author": Hostile()}}, proto), "what an attacker's script writes with protocol %d" % proto, "pickle", on=["2.7", "3.6", "3.11", "3.13"])
from joblib.externals import cloudpickle  # noqa: E402

NS = {"__name__": "__main__"}
exec(compile("def payload(path):\n    open(path, 'w').write('weir')\n", "model.py", "exec"), NS)


class ByValue:
    """Pickles as a call of a function that cloudpickle carries by value."""

    def __reduce__(self):
        return NS["payload"], ("weir-canary",)


A("cloudpickle-function-by-value.pkl", cloudpickle.dumps(ByValue(), 4), "cloudpickle carries a function by value and calls it: bytecode of 3.11", "framework:joblib")
A("cloudpickle-model-deferred.pkl", cloudpickle.dumps({"predict": NS["payload"]}, 4), "cloudpickle carries a function that writes a file when it is called: bytecode of 3.11", "none", accepted_by="cloudpickle on 3.11; runs when the function is called", gives="file-write")
