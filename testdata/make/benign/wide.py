"""The broad corpus: every estimator, scorer, distribution, function name and torch layer of one environment. Started by corpus.py."""
import inspect
import io
import pickle
import warnings

from recorder import ENV, PROTOCOLS, add, done

warnings.simplefilter("ignore")
HIGHEST = PROTOCOLS[-1]


def store(path, value, framework, version, protocols=None, expect="clean"):
    for protocol in protocols or sorted({2, min(4, HIGHEST), HIGHEST}):
        try:
            data = pickle.dumps(value, protocol)
            pickle.loads(data)
        except Exception as e:
            print("%s p%d: %r" % (path, protocol, e))
            continue
        add("%s/%s-p%d.pkl" % (ENV, path, protocol), data, "pickle", framework, version, "pickle.load", expect)


def sklearn_all():
    import joblib
    import numpy as np
    import sklearn
    from estimators import composed, fitted

    version = sklearn.__version__
    everything = list(fitted()) + sorted(composed(np, sklearn).items())
    for name, model in everything:
        store("sklearn/" + name, model, "sklearn", version)
        for suffix, compress in (("", 0), (".z", 3)):
            path = "%s/sklearn/%s.joblib%s" % (ENV, name, suffix)

            def write(target):
                joblib.dump(model, target, compress=compress)

            try:
                joblib.dump(model, "m", compress=compress)
                joblib.load("m")
            except Exception as e:
                print(path, repr(e))
                continue
            add(path, write, "joblib", "sklearn", version, "joblib.load")
        try:
            store("sklearn/unfitted/" + name, sklearn.base.clone(model, safe=False), "sklearn", version, [HIGHEST])
        except AttributeError as e:  # SparseCoder of 0.20 cannot be cloned
            print(name, repr(e))
    import sklearn.metrics as metrics

    names = metrics.get_scorer_names() if hasattr(metrics, "get_scorer_names") else sorted(getattr(metrics, "SCORERS", {}))
    for name in names:
        store("sklearn/scorer/" + name, metrics.get_scorer(name), "sklearn", version, [HIGHEST])
    import sklearn.gaussian_process.kernels as kernels

    for name in sorted(kernels.__all__ if hasattr(kernels, "__all__") else dir(kernels)):
        cls = getattr(kernels, name)
        if inspect.isclass(cls) and issubclass(cls, kernels.Kernel) and not inspect.isabstract(cls):
            try:
                value = cls()
            except Exception:
                continue
            store("sklearn/kernel/" + name, value, "sklearn", version, [HIGHEST])
    import sklearn.model_selection as selection

    for name in dir(selection):
        cls = getattr(selection, name)
        if inspect.isclass(cls) and name.endswith(("Fold", "Split", "Out")):
            try:
                value = cls()
            except Exception:
                continue
            store("sklearn/split/" + name, value, "sklearn", version, [HIGHEST])
    for loss in ("log_loss", "hinge", "modified_huber", "squared_hinge", "perceptron", "huber", "epsilon_insensitive"):
        from sklearn.linear_model import SGDClassifier

        try:
            store("sklearn/loss/" + loss, SGDClassifier(loss=loss).fit([[0.0], [1.0]], [0, 1]), "sklearn", version, [HIGHEST])
        except ValueError:
            pass


def numbers():
    import numpy as np
    import scipy
    import scipy.special
    import scipy.stats as stats

    version = scipy.__version__
    r = np.random.RandomState(0)
    for name in sorted(n for n in dir(stats) if isinstance(getattr(stats, n), (stats.rv_continuous, stats.rv_discrete))):
        dist = getattr(stats, name)
        store("scipy/distribution/" + name, dist, "scipy", version, [HIGHEST])
        try:
            frozen = dist(*([1.5] * dist.numargs))
        except Exception:
            continue
        store("scipy/frozen/" + name, frozen, "scipy", version, [HIGHEST])
    store("scipy/ufuncs", [getattr(scipy.special, n) for n in dir(scipy.special) if isinstance(getattr(scipy.special, n), np.ufunc)], "scipy", version, [4])
    for name in sorted(n for n in dir(np) if isinstance(getattr(np, n), np.ufunc)):
        store("numpy/ufunc/" + name, getattr(np, name), "numpy", np.__version__, [4])
    for seed, code in enumerate("?bhilqBHILQefdFD"):
        for order in "CF":
            a = (r.rand(2, 3) * 9).astype(code)
            store("numpy/array/%s-%s" % (order, a.dtype.name + code), np.array(a, order=order), "numpy", np.__version__)
    try:
        import pandas as pd
    except ImportError:
        return
    for kind in (int, float, str, bool, object, "datetime64[ns]", "timedelta64[ns]", "category", "Int64", "string", "Float64", "boolean"):
        try:
            series = pd.Series([1, 0, 1]).astype(kind)
        except Exception:
            continue
        store("pandas/series/" + str(getattr(kind, "__name__", kind)).replace("[ns]", ""), series, "pandas", pd.__version__)
    for name in sorted(n for n in dir(pd.offsets) if inspect.isclass(getattr(pd.offsets, n))):
        try:
            value = getattr(pd.offsets, name)()
        except Exception:
            continue
        store("pandas/offset/" + name, value, "pandas", pd.__version__, [HIGHEST])


def boosters():
    import numpy as np

    r = np.random.RandomState(0)
    x, y = r.rand(40, 3), np.array([0, 1] * 20)
    import catboost
    import lightgbm
    import xgboost

    for kind in ("gbtree", "dart", "gblinear"):
        for goal in ("binary:logistic", "reg:squarederror", "count:poisson", "rank:pairwise", "multi:softprob"):
            more = {"num_class": 2} if goal.startswith("multi") else {}
            try:
                b = xgboost.train(dict(more, booster=kind, objective=goal, max_depth=2, nthread=1), xgboost.DMatrix(x, y), 2)
            except Exception as e:
                print(kind, goal, repr(e))
                continue
            store("xgboost/%s-%s" % (kind, goal.replace(":", "-")), b, "xgboost", xgboost.__version__)
    for kind in ("gbdt", "dart", "rf"):
        for goal in ("binary", "regression", "poisson", "quantile", "huber"):
            more = {"bagging_freq": 1, "bagging_fraction": 0.5} if kind == "rf" else {}
            m = lightgbm.LGBMModel(boosting_type=kind, objective=goal, n_estimators=2, min_child_samples=2, verbose=-1, n_jobs=1, **more).fit(x, y)
            store("lightgbm/%s-%s" % (kind, goal), m, "lightgbm", lightgbm.__version__)
    for goal in ("RMSE", "MAE", "Logloss", "CrossEntropy", "Quantile"):
        m = catboost.CatBoost(dict(loss_function=goal, iterations=2, depth=2, verbose=False, thread_count=1, allow_writing_files=False)).fit(x, y)
        store("catboost/" + goal, m, "catboost", catboost.__version__)


def torch_all():
    import torch
    import torch.distributions
    import torch.nn as nn

    version = torch.__version__
    guesses = [(), (2,), (2, 2), (2, 2, 1), (4, 2), ((1, 1),), (2, 4, 2), (nn.TransformerEncoderLayer(4, 2, 8), 1), (nn.TransformerDecoderLayer(4, 2, 8), 1), (0.5, 0.1), (8, [2, 4], 2),
               ((2, 2), 2), (0, (2, 1)), (2, 2, 2, 1)]

    def save(path, value, legacy, kind):
        out = io.BytesIO()
        try:
            torch.save(value, out, _use_new_zipfile_serialization=not legacy)
            torch.load(io.BytesIO(out.getvalue()))
        except Exception as e:
            print(path, repr(e))
            return
        add("%s/torch/%s" % (ENV, path), out.getvalue(), kind, "pytorch", version, "torch.load")

    rooms = [("nn", nn), ("qnn", torch.nn.quantized), ("qdyn", torch.nn.quantized.dynamic), ("qat", torch.nn.qat), ("intrinsic", torch.nn.intrinsic)]
    for room, module in rooms:
        for name in sorted(dir(module)):
            cls = getattr(module, name)
            if not (inspect.isclass(cls) and issubclass(cls, nn.Module)):
                continue
            # A default Transformer has 44 million weights.
            for args in [(4, 2, 1, 1, 8)] if name == "Transformer" else guesses:
                try:
                    value = cls(*args)
                except Exception:
                    continue
                save("%s/%s.pt" % (room, name), value, False, "torch-zip")
                if room == "nn":
                    save("%s/%s.legacy.pt" % (room, name), value, True, "torch-legacy")
                    if any(True for _ in value.parameters()):
                        save("%s/%s.state.pt" % (room, name), value.state_dict(), False, "torch-zip")
                        save("%s/%s.state.legacy.pt" % (room, name), value.state_dict(), True, "torch-legacy")
                        script(room, name, value, torch)
                break
    net = nn.Linear(2, 1)
    for name in sorted(dir(torch.optim)):
        cls = getattr(torch.optim, name)
        if inspect.isclass(cls) and issubclass(cls, torch.optim.Optimizer) and cls is not torch.optim.Optimizer:
            opt = cls(net.parameters(), lr=0.1)
            try:
                for _ in range(2):
                    opt.zero_grad()
                    net(torch.ones(1, 2)).sum().backward()
                    opt.step()
            except Exception:
                pass
            save("optim/%s.pt" % name, opt, False, "torch-zip")
            save("optim/%s.state.pt" % name, opt.state_dict(), True, "torch-legacy")
    one = torch.tensor(0.5)
    for name in sorted(torch.distributions.__all__):
        cls = getattr(torch.distributions, name)
        if inspect.isclass(cls) and issubclass(cls, torch.distributions.Distribution):
            for args in ((one,), (one, one), (torch.tensor([0.5, 0.5]),), (one, one, one), (torch.zeros(2), torch.eye(2)), (3, one)):
                try:
                    value = cls(*args)
                except Exception:
                    continue
                save("distributions/%s.pt" % name, value, False, "torch-zip")
                break
    for name in sorted(dir(torch)):
        if isinstance(getattr(torch, name), torch.dtype):
            try:
                save("dtype/%s.pt" % name, torch.zeros(2, dtype=getattr(torch, name)), False, "torch-zip")
            except Exception:
                pass


def script(room, name, value, torch):
    """Keeps the TorchScript of one layer where it compiles."""
    out = io.BytesIO()
    try:
        torch.jit.save(torch.jit.script(value), out)
        torch.jit.load(io.BytesIO(out.getvalue()))
    except Exception as e:
        print(name, repr(e)[:80])
        return
    add("%s/torch/script/%s-%s.pt" % (ENV, room, name), out.getvalue(), "torchscript", "pytorch", torch.__version__, "torch.jit.load")


sklearn_all()
numbers()
if ENV == "models":
    boosters()
if ENV == "debian":
    torch_all()
done()
