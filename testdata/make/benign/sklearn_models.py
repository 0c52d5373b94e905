"""scikit-learn: estimators of all kinds, pipelines, searches, joblib in all its compressions."""
import io
import pickle
import sys
import time
import warnings

time.time = lambda: 1700000000.0  # searches keep how long a fit took

import joblib  # noqa: E402
import numpy as np  # noqa: E402
import sklearn  # noqa: E402

from recorder import ENV, PROTOCOLS, add, done  # noqa: E402
from estimators import composed, fitted  # noqa: E402

warnings.simplefilter("ignore")
np.random.seed(3)
VERSION = sklearn.__version__
BASE = "sklearn/%s/" % ".".join(VERSION.split(".")[:2])
HIGHEST = PROTOCOLS[-1]


def store(name, data, kind, loader, note=""):
    add(BASE + name, data, kind, "sklearn", VERSION, loader, "clean", note)


def pickled(name, model, protocol, note=""):
    data = pickle.dumps(model, protocol)
    pickle.loads(data)
    store("%s-p%d.pkl" % (name, protocol), data, "pickle", "pickle.load", note)


def dumped(name, model, compress=0, protocol=None, suffix=".joblib", note=""):
    joblib.dump(model, "model.joblib", compress=compress, protocol=protocol)
    joblib.load("model.joblib")
    with open("model.joblib", "rb") as f:
        data = f.read()
    store(name + suffix, data, "joblib", "joblib.load", note or "joblib %s" % joblib.__version__)


CHOSEN = """AdaBoostClassifier BaggingRegressor BayesianRidge BernoulliNB BernoulliRBM Birch CCA CategoricalNB ComplementNB
DBSCAN DecisionTreeClassifier DictionaryLearning ElasticNetCV EmpiricalCovariance ExtraTreesClassifier FactorAnalysis FastICA
FeatureHasher GaussianMixture GaussianProcessClassifier GaussianProcessRegressor GaussianRandomProjection GradientBoostingClassifier
HDBSCAN HistGradientBoostingClassifier HistGradientBoostingRegressor IsolationForest Isomap IsotonicRegression IterativeImputer
KBinsDiscretizer KMeans KNNImputer KNeighborsClassifier KNeighborsRegressor KernelDensity KernelPCA LabelBinarizer LabelEncoder LatentDirichletAllocation
LinearDiscriminantAnalysis LinearSVC LocalOutlierFactor LogisticRegression LogisticRegressionCV MLPClassifier MLPRegressor
MiniBatchKMeans MultinomialNB NMF NearestNeighbors NuSVC Nystroem OneClassSVM OneHotEncoder OrdinalEncoder PCA PLSRegression
PoissonRegressor PolynomialFeatures PowerTransformer QuantileTransformer RANSACRegressor RFE RadiusNeighborsClassifier
RandomForestClassifier RandomForestRegressor RandomTreesEmbedding Ridge RobustScaler SGDClassifier SGDRegressor SVC SVR SelectKBest
SimpleImputer SpectralClustering SplineTransformer StandardScaler TargetEncoder TruncatedSVD TfidfTransformer""".split()
FEW = set("DecisionTreeClassifier HistGradientBoostingClassifier KNeighborsClassifier SGDClassifier SVC GaussianProcessRegressor "
          "LogisticRegression GradientBoostingClassifier RandomForestClassifier StandardScaler KernelDensity".split())

models = dict(fitted(small=True))
protocols = [2, 4] if HIGHEST < 5 else [4, 5, 2, 3]
turn = 0
for name in CHOSEN:
    if name not in models or (ENV != "models" and name not in FEW):
        continue
    pickled(name, models[name], min(protocols[turn % len(protocols)], HIGHEST))
    turn += 1
for name, model in sorted(composed(np, sklearn).items()):
    if ENV != "models" and name not in ("pipeline", "grid-search", "column-transformer", "voting"):
        continue
    pickled(name, model, HIGHEST)
    if ENV == "models":
        dumped(name, model, 0)

forest, scaler = models["RandomForestClassifier"], models["StandardScaler"]
for protocol in PROTOCOLS:
    pickled("every-protocol/SGDClassifier", models["SGDClassifier"], protocol)
compressions = [("plain", 0, ".joblib"), ("zlib", ("zlib", 3), ".joblib.z"), ("gzip", ("gzip", 3), ".joblib.gz"), ("bz2", ("bz2", 3), ".joblib.bz2")]
if sys.version_info[0] == 3:
    compressions += [("xz", ("xz", 3), ".joblib.xz"), ("lzma", ("lzma", 3), ".joblib.lzma")]
    try:
        import lz4.frame  # noqa: F401

        compressions.append(("lz4", ("lz4", 3), ".joblib.lz4"))
    except ImportError:
        pass
for name, compress, suffix in compressions:
    dumped("joblib/forest-" + name, forest, compress, suffix=suffix)
    if ENV in ("models", "py27"):
        dumped("joblib/arrays-" + name, {"w": np.arange(50.0), "o": np.array([{"a": 1}, None], dtype=object), "s": scaler}, compress, suffix=suffix)
for protocol in PROTOCOLS:
    dumped("joblib/svc-p%d" % protocol, models["SVC"], 0, protocol)
if ENV == "models":
    from sklearn.datasets import load_iris

    iris = load_iris()
    iris["filename"] = iris["data_module"] = None
    pickled("bunch", sklearn.utils.Bunch(**{k: (v[:5] if k in ("data", "target") else v) for k, v in iris.items() if k != "DESCR"}), 4)
    pickled("unfitted-all", [m for m in map(lambda n: type(models[n])(), ("SVC", "Ridge", "PCA"))], 5)
    out = io.BytesIO()
    joblib.dump(np.memmap("w.bin", dtype="f8", mode="w+", shape=(4,)), out)
    store("joblib/memmap.joblib", out.getvalue(), "joblib", "joblib.load", "a memmap becomes an array wrapper")
    out = io.BytesIO()
    joblib.dump(np.asfortranarray(np.eye(4)), out)
    store("joblib/fortran.joblib", out.getvalue(), "joblib", "joblib.load", "an array alone, Fortran order")
done()
