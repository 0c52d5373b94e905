"""Files in which every name is harmless by itself: a class calls what its own state puts in the place of a method, a class hands on what it is
asked to what it holds, a class of a library that acts when it is merely made."""
from asm import *
from book import add, ALL, PY3
from fam_frameworks import F as _F
from fam_stdlib import c, ref

D = "names/"
IMPORT = dict(gives="import", canary="import:antigravity")
FIND = "numpy.core:_ufunc_reconstruct"
NS = "types:SimpleNamespace"


def F(pkg, name, body, technique, **kw):
    _F("names", pkg.split(".")[0].lower() + "-" + name, body, technique, needs=pkg, **kw)


def obj(target, **state):
    return build(Code(ref(target) + EMPTY_TUPLE + NEWOBJ), state)


def partial(fn, *a):
    return c("functools:partial", ref(fn), *a)


# numpy's own way to find a ufunc by its name, kept for later: it imports any module. Called with nothing more, with one argument more, with both.
FIND0, FIND1, FIND2 = partial(FIND, "antigravity", "geohash"), partial(FIND, "antigravity"), partial(FIND)


def prop(target, name, **state):
    return getattr_(obj(target, **state), name)


def T(pkg, name, body, technique):
    F(pkg, name, body, technique, **IMPORT)


# State in the place of a method that restoring calls.
T("torch", "optimizer-hook", obj("torch.optim.sgd:SGD", _hook_for_profile=FIND0, defaults={}, param_groups=[]), "an optimizer whose state holds a callable in the place of the method that its __setstate__ calls (torch before 2)")
T("sklearn", "isotonic-build", obj("sklearn.isotonic:IsotonicRegression", X_thresholds_="antigravity", y_thresholds_="geohash", _build_f=FIND2), "a regression whose state holds a callable in the place of the method that its __setstate__ calls")
T("pandas", "frame-flags", obj("pandas.core.frame:DataFrame", _typ="dataframe", _mgr=None, _metadata=[], attrs={}, _flags=obj(NS, keys=FIND0)), "a frame whose flags are an object with a keys of its own: __setstate__ spreads them")
add(D + "state-items.pkl", p2(build(obj(NS), obj(NS, items=FIND0))), "the state itself is an object with an items of its own: Python's own unpickler, which joblib uses, asks it", "import", loader="joblib.load", canary="import:antigravity")
add(D + "slots-items.pkl", p2(build(obj(NS), (None, obj(NS, items=FIND0)))), "the same in the slots of the state", "import", loader="joblib.load", canary="import:antigravity")
T("pandas", "state-from-dict", build(Code(ref("pandas.core.frame:DataFrame") + EMPTY_TUPLE + NEWOBJ), c("collections:OrderedDict", [("_typ", "dataframe"), ("_mgr", None), ("_metadata", []), ("attrs", {}), ("_flags", obj(NS, keys=FIND0))])), "the state is a dict made of pairs by a call")
T("pandas", "namespace-from-pairs", obj("pandas.core.frame:DataFrame", _typ="dataframe", _mgr=None, _metadata=[], attrs={}, _flags=build(Code(ref(NS) + EMPTY_TUPLE + NEWOBJ), c("builtins:dict", [("keys", FIND0)]))), "the object with a keys of its own has it from a dict made of pairs")
T("pandas", "flags-behind-many", obj("pandas.core.frame:DataFrame", _typ="dataframe", _mgr=None, _metadata=[], attrs={}, _flags=obj(NS, **dict({"a%d" % i: i for i in range(90)}, keys=FIND0, z=1))), "the callable stands behind ninety ordinary attributes")
# Objects that hand on what they are asked.
T("sklearn.frozen", "frozen-append", obj("sklearn.frozen._frozen:FrozenEstimator", estimator=obj(NS, append=FIND1)) + lit("geohash") + APPEND, "APPEND on a FrozenEstimator, which asks the estimator that it holds")
T("sklearn.frozen", "frozen-appends", obj("sklearn.frozen._frozen:FrozenEstimator", estimator=obj(NS, extend=FIND1)) + MARK + lit("geohash") + APPENDS, "APPENDS on a FrozenEstimator")
T("sklearn.frozen", "frozen-additems", obj("sklearn.frozen._frozen:FrozenEstimator", estimator=obj(NS, add=FIND1)) + MARK + lit("geohash") + ADDITEMS, "ADDITEMS on a FrozenEstimator")
T("sklearn.utils._array_api", "array-api-append", c("sklearn.utils._array_api:_ArrayAPIWrapper", obj(NS, append=FIND1, extend=FIND1)) + lit("geohash") + APPEND, "APPEND on scikit-learn's wrapper of an array library, which asks what it wraps")
T("sklearn.utils._array_api", "array-api-build", build(c("sklearn.utils._array_api:_ArrayAPIWrapper", build(obj(NS), {"__setstate__": FIND1})), "geohash"), "BUILD of that wrapper asks what it wraps for __setstate__")
T("lightgbm", "cvbooster-append", obj("lightgbm.engine:CVBooster", boosters=[obj(NS, append=FIND1, extend=FIND1)]) + lit("geohash") + APPEND, "APPEND on a CVBooster, which asks all of its boosters")
T("torch", "module-append", obj("torch.nn.modules.linear:Linear", _parameters={"append": FIND1}, _buffers={}, _modules={}) + lit("geohash") + APPEND, "APPEND on a module of torch, which finds append among its parameters")
T("torch", "module-buffers-extend", obj("torch.nn.modules.linear:Linear", _parameters={}, _buffers={"extend": FIND1}, _modules={}) + MARK + lit("geohash") + APPENDS, "APPENDS on a module of torch, which finds extend among its buffers")
# Properties: getattr on an instance runs them.
T("scipy", "sparse-nnz", prop("scipy.sparse._csr:csr_matrix", "nnz", _getnnz=FIND0), "getattr of a property that calls a method of the instance's own dict")
T("scipy", "sparse-T", prop("scipy.sparse._csr:csr_matrix", "T", transpose=FIND0), "the same, a public method")
T("scipy", "ltisys-poles", prop("scipy.signal._ltisys:StateSpace", "poles", to_zpk=FIND0), "a filter whose poles ask a method of the instance's own dict")
T("scipy", "kde-inv-cov", prop("scipy.stats._kde:gaussian_kde", "inv_cov", covariance_factor=FIND0, _compute_covariance=FIND0), "a density whose covariance asks a method of the instance's own dict")
T("sklearn", "kernel-theta", prop("sklearn.gaussian_process.kernels:WhiteKernel", "theta", get_params=FIND0), "a kernel whose theta asks a method of the instance's own dict")
T("sklearn", "boosting-importances", prop("sklearn.ensemble._gb:GradientBoostingRegressor", "feature_importances_", _check_initialized=FIND0), "a model whose importances ask a method of the instance's own dict")
T("pandas", "grouper-codes", prop("pandas.core.groupby.ops:BaseGrouper", "group_info", _get_compressed_codes=FIND0), "a grouper whose codes ask a method of the instance's own dict")
T("torch", "transform-inv", prop("torch.distributions.transforms:ExpTransform", "inv", _inv=FIND0, _cache_size=0), "a transform whose inverse is a callable of its state")
T("torch", "profile-time", prop("torch.autograd.profiler_legacy:profile", "self_cpu_time_total", _check_finish=FIND0), "a profile that asks a method of the instance's own dict")
# Many silent streams before the one that acts.
QUIET = p2(lit([1, 2, 3]))
add(D + "thousand-streams.pkl", QUIET * 1000 + EVIL, "a thousand harmless pickles, then one that acts", loader="pickle:stream", on=["2.7", "3.6", "3.13"])
add(D + "thousand-streams-plain.pkl", p0(EMPTY_LIST) * 1000 + p0(glob("os", "system"), lit((CMD,)), REDUCE), "the same without PROTO anywhere", loader="pickle:stream", on=["2.7", "3.6", "3.13"])
# A dtype whose fields lie outside of its items.
SWAP = ">"


def dtype(fields, size, order="|", names=("a",), base="V8", sub=None, flags=0):
    return build(call(("numpy", "dtype"), base, False, True), (3, order, sub, names, fields, size, 1, flags))


I4 = build(call(("numpy", "dtype"), "i4", False, True), (3, ">", None, None, None, -1, -1, 0))


def array(dt, n, data):
    return build(call(("numpy.core.multiarray", "_reconstruct"), glob("numpy", "ndarray"), (0,), b"b"), (1, (n,), dt, False, data))


CRASH = dict(gives="crash", canary="crash")
F("numpy", "dtype-offset", array(dtype({"a": (I4, 1 << 30)}, 8, SWAP), 4, b"\0" * 32), "a field of a dtype lies a gigabyte behind its item: bytes there are swapped", **CRASH)
F("numpy", "dtype-offset-negative", array(dtype({"a": (I4, -(1 << 30))}, 8, SWAP), 4, b"\0" * 32), "a field of a dtype lies a gigabyte before its item", **CRASH)
# Clients that make their store when they are made.
W = dict(gives="file-write")
F("mlflow", "registry-client", c("mlflow.tracking._model_registry.client:ModelRegistryClient", "weir-canary", "weir-canary"), "mlflow's client of the model registry makes a store of files when it is made", **W)
F("mlflow", "tracking-client", c("mlflow.tracking._tracking_service.client:TrackingServiceClient", "weir-canary"), "mlflow's client of the tracking service makes a store of files when it is made", **W)
F("mlflow", "download-artifacts", obj("sklearn.isotonic:IsotonicRegression", X_thresholds_=None, y_thresholds_="weir-canary", _build_f=partial("mlflow.artifacts:download_artifacts", ".", None)), "a regression whose restoring copies what mlflow is told to where it is told", **W)
