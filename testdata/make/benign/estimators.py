"""Fits every estimator of the scikit-learn that is there on a dozen rows. Python 2.7 can read this, too."""
import inspect
import warnings

import numpy as np

try:
    from sklearn.utils import all_estimators
except ImportError:

    def all_estimators():
        """The estimators of scikit-learn 0.20, whose own function needs pytest."""
        import importlib

        found = {}
        for room in "cluster decomposition ensemble linear_model naive_bayes neighbors preprocessing svm tree".split():
            module = importlib.import_module("sklearn." + room)
            for name in module.__all__:
                cls = getattr(module, name)
                if inspect.isclass(cls) and hasattr(cls, "fit") and not inspect.isabstract(cls):
                    found[name] = cls
        return sorted(found.items())

SMALL = {
    "n_estimators": 3, "max_iter": 20, "n_components": 2, "n_init": 1, "n_clusters": 2, "max_depth": 2, "cv": 2, "n_nonzero_coefs": 1,
    "random_state": 0, "hidden_layer_sizes": (4,), "n_neighbors": 3, "max_bins": 8, "perplexity": 2, "min_samples_leaf": 1, "n_quantiles": 5,
    "n_splits": 2, "min_cluster_size": 3, "n_features": 8, "n_alphas": 5, "n_bins": 3,
}


def rows():
    """A dozen rows of three features, the classes and the target that go with them."""
    r = np.random.RandomState(0)
    x = r.rand(12, 3)
    return x, np.array([0, 1] * 6), x.dot([1.0, 2.0, -1.0]) + 1


def make(cls):
    """An instance of cls at the smallest size that still fits; None when it needs an estimator of its own."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.tree import DecisionTreeClassifier

    init = cls.__init__
    names = list(inspect.signature(init).parameters) if hasattr(inspect, "signature") else inspect.getargspec(init).args
    kw = {k: v for k, v in SMALL.items() if k in names}
    if "estimator" in names and cls.__name__ not in ("RANSACRegressor",):
        kw["estimator"] = Ridge() if cls.__name__ in ("RegressorChain", "MultiOutputRegressor") else LogisticRegression()
        if cls.__name__ in ("AdaBoostClassifier", "BaggingClassifier"):
            kw["estimator"] = DecisionTreeClassifier(max_depth=1)
        if "Regressor" in cls.__name__:
            kw["estimator"] = Ridge()
    if "base_estimator" in names and "Chain" in cls.__name__:
        kw["base_estimator"] = Ridge() if "Regressor" in cls.__name__ else LogisticRegression()
        kw.pop("estimator", None)
    if cls.__name__ in ("StackingClassifier", "StackingRegressor", "VotingClassifier", "VotingRegressor"):
        kw["estimators"] = [("a", Ridge() if "Regressor" in cls.__name__ else LogisticRegression())]
    if "param_grid" in names:
        kw["param_grid"] = {"C": [1.0, 2.0]}
    if "param_distributions" in names:
        kw["param_distributions"], kw["n_iter"] = {"C": [1.0, 2.0]}, 2
    if cls.__name__ == "ColumnTransformer":
        kw["transformers"] = [("a", "passthrough", [0])]
    if cls.__name__ in ("Pipeline",):
        kw["steps"] = [("a", LogisticRegression())]
    if cls.__name__ == "FeatureUnion":
        from sklearn.preprocessing import StandardScaler

        kw["transformer_list"] = [("a", StandardScaler())]
    if cls.__name__ == "SparseCoder":
        kw["dictionary"] = np.eye(3)
    return cls(**kw)


def fit(name, model):
    """Fits by trial: the kinds of input that estimators take, one after another."""
    x, classes, target = rows()
    text, dicts = ["one two", "two three", "three one"] * 4, [{"a": 1, "b": 2}] * 12
    first = [(x, target)] if "Regressor" in name or name.endswith(("SVR", "Ridge")) else [(x, classes), (x, target)]
    tries = first + [(x, np.c_[classes, classes[::-1]]), (x, np.c_[target, target]), (x,), (text,), (dicts,), (classes,),
                     (x[:, 0], target), ([("a",), ("b", "a")],), (np.abs(x), classes), ((x * 3).astype(int), classes),
                     (x.dot(x.T),), (x.dot(x.T), classes)]
    for args in tries:
        try:
            return model.fit(*args)
        except Exception:
            continue
    return None


def fitted(small=False):
    """Yields the name and the fitted model of every estimator; the ones that cannot be fitted are left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import sklearn.experimental

            __import__("sklearn.experimental.enable_iterative_imputer")
            __import__("sklearn.experimental.enable_hist_gradient_boosting")
            __import__("sklearn.experimental.enable_halving_search_cv")
        except ImportError:
            pass
        for name, cls in all_estimators():
            try:
                model = make(cls)
            except Exception:
                continue
            if small and name in ("GaussianProcessRegressor", "SVC"):
                model.set_params(**({"probability": True} if name == "SVC" else {}))
            model = fit(name, model)
            if model is not None:
                yield name, model


def composed(np, sklearn):
    """Models made of models."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
    from sklearn.feature_selection import SelectFromModel, SelectKBest, f_classif
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels
    from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
    from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
    from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, PolynomialFeatures, StandardScaler
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.metrics import make_scorer, f1_score

    x, y, t = rows()
    text = ["one two", "two three", "three one", "four two"] * 3
    grid = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=KFold(2), scoring=make_scorer(f1_score)).fit(x, y)
    from scipy import stats

    out = {
        "pipeline": Pipeline([("scale", StandardScaler()), ("poly", PolynomialFeatures(2)), ("clf", LogisticRegression())]).fit(x, y),
        "text-pipeline": make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), SGDClassifier(random_state=0, max_iter=20, tol=None)).fit(text, y),
        "count-bayes": make_pipeline(CountVectorizer(), MultinomialNB()).fit(text, y),
        "hashing": make_pipeline(HashingVectorizer(n_features=16), LogisticRegression()).fit(text, y),
        "union": FeatureUnion([("a", StandardScaler()), ("b", SelectKBest(f_classif, k=1))]).fit(x, y),
        "column-transformer": ColumnTransformer([("num", StandardScaler(), [0, 1]), ("cat", OneHotEncoder(handle_unknown="ignore"), slice(2, 3))]).fit(x),
        "grid-search": grid,
        "random-search": RandomizedSearchCV(SVC(), {"C": stats.uniform(0.1, 2)}, n_iter=2, cv=2, random_state=0).fit(x, y),
        "voting": VotingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier(max_depth=2))]).fit(x, y),
        "calibrated": CalibratedClassifierCV(DecisionTreeClassifier(max_depth=2), cv=2).fit(x, y),
        "bagging": BaggingClassifier(n_estimators=2, random_state=0).fit(x, y),
        "one-vs-rest": OneVsRestClassifier(LogisticRegression()).fit(x, y),
        "select-from-model": SelectFromModel(RandomForestClassifier(n_estimators=2, max_depth=2, random_state=0)).fit(x, y),
        "target": TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1).fit(x, t + 3),
        "function-transformer": make_pipeline(FunctionTransformer(np.log1p, validate=True), MinMaxScaler(), Ridge()).fit(x, t),
        "gp-kernels": GaussianProcessRegressor(kernels.RBF() * 2 + kernels.WhiteKernel() + kernels.Matern() + kernels.DotProduct()
                                               + kernels.ExpSineSquared() + kernels.RationalQuadratic()).fit(x, t),
    }
    try:
        from sklearn.ensemble import StackingClassifier

        out["stacking"] = StackingClassifier([("a", LogisticRegression()), ("b", make_pipeline(StandardScaler(), SVC()))], cv=2).fit(x, y)
    except ImportError:
        pass
    try:
        import pandas as pd
        from sklearn.compose import make_column_selector

        frame = pd.DataFrame({"n": x[:, 0], "c": ["a", "b", "c"] * 4})
        out["frame-columns"] = make_pipeline(ColumnTransformer([("n", StandardScaler(), make_column_selector(dtype_include="number")),
                                             ("c", OneHotEncoder(), ["c"])]), LogisticRegression()).fit(frame, y)
    except ImportError:
        pass
    return out
