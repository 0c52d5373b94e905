"""dill and cloudpickle: plain data and library objects (clean), and code of the user's own (unverified by nature)."""
import collections
import dataclasses
import datetime
import math
import os
import random
import uuid

import cloudpickle
import dill
import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from recorder import ENV, PROTOCOLS, add, done
from relative import relative_code

# The methods that @dataclass makes hold the name of the standard library's file.
dataclasses._recursive_repr.__code__ = relative_code(dataclasses._recursive_repr.__code__, os.path.dirname(dataclasses.__file__))
dataclasses.__file__ = os.path.basename(dataclasses.__file__)

# cloudpickle marks each class with a random id.
_random = random.Random(3)
uuid.uuid4 = lambda: uuid.UUID(int=_random.getrandbits(128))

DATA = {"w": np.arange(3), "d": datetime.date(2024, 1, 1), "o": collections.OrderedDict(a=1), "s": {1, 2}, "n": None, "f": math.sqrt}
X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1] * 3)
PIPELINE = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)

# The user's code, compiled under a plain name as a notebook or a script would be.
SOURCE = '''
import numpy as np
from dataclasses import dataclass
from enum import Enum

def double(x):
    """Doubles."""
    return x * 2

def ratio(a, b=2, *, eps=1e-9):
    return np.log1p(a) / (b + eps)

def counter(start):
    n = start
    def step(k):
        nonlocal n
        n += k
        return n
    return step

def numbers(k):
    for i in range(k):
        yield i * i

def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)

square = lambda x: x ** 2

class Scaler:
    """A transformer of one's own."""
    factor = 3
    def __init__(self, by=2):
        self.by = by
    def fit(self, x, y=None):
        return self
    def transform(self, x):
        return x * self.by * self.factor
    @property
    def half(self):
        return self.by / 2
    @staticmethod
    def name():
        return "scaler"
    @classmethod
    def make(cls):
        return cls(5)

class Child(Scaler):
    def transform(self, x):
        return super().transform(x) + 1

@dataclass
class Config:
    lr: float = 0.1
    layers: tuple = (1, 2)

class Colour(Enum):
    RED = 1
    BLUE = 2
'''
exec(compile(SOURCE, "model.py", "exec"), globals())


def store(name, data, framework, expect, note=""):
    module = dill if framework == "dill" else cloudpickle
    add("%s/%s/%s.pkl" % (framework, module.__version__, name), data, "pickle", framework, module.__version__, framework + ".load", expect, note)


g = globals()
USER = {"function": g["double"], "defaults": g["ratio"], "lambda": g["square"], "closure": g["counter"](3), "generator-function": g["numbers"],
        "recursive": g["factorial"], "class": g["Scaler"], "instance": g["Scaler"](4), "subclass": g["Child"](), "dataclass": g["Config"](0.5),
        "enum": g["Colour"].RED, "own-transformer": make_pipeline(FunctionTransformer(g["double"]), Ridge()).fit(X, Y),
        "own-step": make_pipeline(g["Scaler"](), LogisticRegression()).fit(X, Y)}
for name in sorted(USER):
    for protocol in (4, 2) if name in ("function", "class", "closure") else (PROTOCOLS[-1],):
        data = cloudpickle.dumps(USER[name], protocol)
        cloudpickle.loads(data)
        store("%s-p%d" % (name, protocol), data, "cloudpickle", "unverified", "code of the user's own, by value")
    if name in ("enum", "dataclass") or (ENV == "old" and name in ("own-transformer", "subclass")):
        continue
    try:
        data = dill.dumps(USER[name], 4, recurse=True)
        dill.loads(data)
    except Exception as e:
        print(name, repr(e))
        continue
    store(name + "-p4", data, "dill", "unverified", "code of the user's own, by value")

for protocol in (2, 4, 5):
    if protocol in PROTOCOLS:
        store("data-p%d" % protocol, dill.dumps(DATA, protocol), "dill", "clean", "plain data by dill")
        store("pipeline-p%d" % protocol, cloudpickle.dumps(PIPELINE, protocol), "cloudpickle", "clean", "a scikit-learn pipeline by cloudpickle")
        store("data-p%d" % protocol, cloudpickle.dumps(DATA, protocol), "cloudpickle", "clean", "plain data by cloudpickle")
store("pipeline-p4", dill.dumps(PIPELINE, 4), "dill", "clean", "a scikit-learn pipeline by dill")
store("types-p4", dill.dumps([int, list, type(None), dict, np.ndarray, np.float32, slice(1, 2), range(3), Ellipsis, NotImplemented], 4), "dill", "clean",
      "types by dill: dill._dill._load_type on names of built-in types")
store("references-p4", cloudpickle.dumps([math.sqrt, np.log1p, np.mean, StandardScaler, collections.OrderedDict], 4), "cloudpickle", "clean", "functions and classes of libraries, by name")
done()
