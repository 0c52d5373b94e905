"""Loads the files that its standard input names (loader, tab, path) with their real loaders; prints BAD for each that fails."""
import os
import pickle
import sys
import warnings

warnings.simplefilter("ignore")
root = sys.argv[1]


def every(f):
    """Reads one pickle after another up to the end of the file."""
    pickle.load(f)
    while f.read(1):
        f.seek(-1, 1)
        pickle.load(f)


def load(loader, name):
    with open(name, "rb") as f:
        if loader == "pickle.load":
            every(f)
        elif loader == "pickle.load(latin1)":
            pickle.load(f, encoding="latin1")
        elif loader == "pickle.load(buffers=...)":
            pickle.load(f, buffers=[bytearray(32)] * 99)
        elif loader == "numpy.load":
            import numpy

            n = numpy.load(f)
            for k in getattr(n, "files", []):
                n[k]
        elif loader == "numpy.load(allow_pickle=True)":
            import numpy

            n = numpy.load(f, allow_pickle=True)
            for k in getattr(n, "files", []):
                n[k]
        elif loader == "joblib.load":
            import joblib

            joblib.load(name)
        elif loader == "sklearn.externals.joblib.load":
            from sklearn.externals import joblib

            joblib.load(name)
        elif loader == "pandas.read_pickle":
            import pandas

            pandas.read_pickle(name)
        elif loader == "torch.load":
            import torch

            torch.load(f)
        elif loader == "torch.jit.load":
            import torch

            torch.jit.load(f)
        elif loader == "torch.package":
            import torch.package

            i = torch.package.PackageImporter(name)
            i.load_pickle("model", "model.pkl")
        elif loader == "dill.load":
            import dill

            dill.load(f)
        elif loader == "cloudpickle.load":
            import cloudpickle

            cloudpickle.load(f)
        elif loader == "mlflow.load_model":
            import mlflow.pyfunc

            mlflow.pyfunc.load_model(os.path.dirname(name))
        elif loader == "torch.distributed.checkpoint":
            with open(os.path.join(os.path.dirname(name), ".metadata"), "rb") as m:
                pickle.load(m)
        elif loader != "none":
            raise ValueError("no such loader: " + loader)


for line in sys.stdin:
    loader, path = line.rstrip("\n").split("\t")
    try:
        load(loader, os.path.join(root, path))
    except BaseException as e:
        print("BAD %s: %s: %r" % (path, loader, e))
print("END")
