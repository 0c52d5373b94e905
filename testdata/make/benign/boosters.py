"""xgboost, lightgbm and catboost: native boosters and their scikit-learn models, by pickle and joblib."""
import pickle
import warnings

import catboost
import joblib
import lightgbm
import numpy as np
import xgboost

from recorder import add, done

warnings.simplefilter("ignore")
r = np.random.RandomState(0)
X, Y = r.rand(40, 3), np.array([0, 1] * 20)
T = X.sum(1)


def store(framework, name, value, protocols=(4,), dump=False, note=""):
    version = {"xgboost": xgboost, "lightgbm": lightgbm, "catboost": catboost}[framework].__version__
    for protocol in protocols:
        data = pickle.dumps(value, protocol)
        pickle.loads(data)
        add("%s/%s-p%d.pkl" % (framework, name, protocol), data, "pickle", framework, version, "pickle.load", "clean", note)
    if dump:
        for suffix, compress in ((".joblib", 0), (".joblib.z", 3)):
            joblib.dump(value, "m", compress=compress)
            joblib.load("m")
            with open("m", "rb") as f:
                add("%s/%s%s" % (framework, name, suffix), f.read(), "joblib", framework, version, "joblib.load", "clean", note)


small = dict(n_estimators=2, max_depth=2, n_jobs=1)
store("xgboost", "booster", xgboost.train({"max_depth": 2, "nthread": 1}, xgboost.DMatrix(X, Y), 2), (2, 4, 5), True)
store("xgboost", "classifier", xgboost.XGBClassifier(**small).fit(X, Y), (2, 4, 5), True)
store("xgboost", "regressor", xgboost.XGBRegressor(**small).fit(X, T))
store("xgboost", "ranker", xgboost.XGBRanker(**small).fit(X, Y, qid=np.repeat([0, 1], 20)))
store("xgboost", "forest", xgboost.XGBRFClassifier(**small).fit(X, Y))
store("xgboost", "stopped", xgboost.XGBClassifier(callbacks=[xgboost.callback.EarlyStopping(2, save_best=True)], **small)
      .fit(X, Y, eval_set=[(X, Y)], verbose=False), note="with a callback object")
store("xgboost", "unfitted", xgboost.XGBClassifier(), (2,))
quiet = dict(small, verbose=-1, min_child_samples=2)
store("lightgbm", "booster", lightgbm.train({"verbose": -1, "num_threads": 1, "min_data_in_leaf": 2, "max_depth": 2}, lightgbm.Dataset(X, Y), 2), (2, 4, 5), True)
store("lightgbm", "classifier", lightgbm.LGBMClassifier(**quiet).fit(X, Y), (2, 4, 5), True)
store("lightgbm", "regressor", lightgbm.LGBMRegressor(**quiet).fit(X, T, eval_set=[(X, T)], callbacks=[lightgbm.early_stopping(2, verbose=False)]))
store("lightgbm", "ranker", lightgbm.LGBMRanker(**quiet).fit(X, Y, group=[20, 20]))
calm = dict(iterations=2, depth=2, verbose=False, thread_count=1, allow_writing_files=False)
store("catboost", "classifier", catboost.CatBoostClassifier(**calm).fit(X, Y), (2, 4, 5), True)
store("catboost", "regressor", catboost.CatBoostRegressor(**calm).fit(X, T))
store("catboost", "ranker", catboost.CatBoostRanker(**calm).fit(X, Y, group_id=np.repeat([0, 1], 20)))
store("catboost", "base", catboost.CatBoost(dict(calm)).fit(X, T))

from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.multioutput import MultiOutputClassifier  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

store("xgboost", "pipeline", make_pipeline(StandardScaler(), xgboost.XGBClassifier(**small)).fit(X, Y), (5,), True)
store("lightgbm", "multi-output", MultiOutputClassifier(lightgbm.LGBMClassifier(**quiet)).fit(X, np.c_[Y, Y[::-1]]))
grid = GridSearchCV(xgboost.XGBRegressor(n_estimators=1, n_jobs=1), {"max_depth": [1, 2]}, cv=2).fit(X, T)
for k in grid.cv_results_:
    if k.endswith("_time"):
        grid.cv_results_[k][:] = 0  # how long the fits took would change every run
grid.refit_time_ = 0.0
store("xgboost", "grid", grid)
done()
