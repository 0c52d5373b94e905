"""pandas: frames, series and indexes of every kind by to_pickle, in every compression, on pandas 1.x and 2.x. No arrow."""
import datetime
import decimal
import pickle
import sys

import numpy as np
import pandas as pd

from recorder import ENV, PROTOCOLS, add, done

VERSION = pd.__version__
BASE = "pandas/%s/" % ".".join(VERSION.split(".")[:2])


def store(name, value, protocol=4, compression=None, note=""):
    suffix = {None: "", "gzip": ".gz", "bz2": ".bz2", "xz": ".xz", "zip": ".zip", "tar": ".tar", "zstd": ".zst"}[compression]
    path = BASE + "%s-p%d.pkl%s" % (name, protocol, suffix)

    def write(target):
        how = {"method": "gzip", "mtime": 1} if compression == "gzip" else compression
        value.to_pickle("frame.pkl", compression=how, protocol=protocol)
        pd.read_pickle("frame.pkl", compression=compression)
        with open("frame.pkl", "rb") as f, open(target, "wb") as g:
            g.write(f.read())

    kind = {None: "pickle", "bz2": "bzip2"}.get(compression, compression)
    add(path, write, kind, "pandas", VERSION, "pandas.read_pickle", "clean", note)


days = pd.date_range("2024-01-01", periods=3)
index = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)], names=["x", "y"])
frames = {
    "mixed": pd.DataFrame({"i": [1, 2, 3], "f": [1.5, np.nan, 2.5], "s": ["a", None, "c"], "b": [True, False, True], "o": [{"k": 1}, [2], (3,)]}),
    "categorical": pd.DataFrame({"c": pd.Categorical(["a", "b", "a"], categories=["b", "a"], ordered=True)}),
    "datetimes": pd.DataFrame({"d": days, "z": days.tz_localize("Europe/Berlin"), "u": days.tz_localize("UTC"), "t": pd.to_timedelta([1, 2, 3], "h")}, index=days),
    "periods": pd.DataFrame({"p": pd.period_range("2024-01", periods=3, freq="M")}, index=pd.period_range("2024", periods=3, freq="Y" if VERSION >= "2.2" else "A")),
    "intervals": pd.DataFrame({"n": pd.cut([1, 5, 9], [0, 3, 6, 10])}, index=pd.interval_range(0, 3)),
    "multiindex": pd.DataFrame({"v": [1, 2, 3]}, index=index), "columns": pd.DataFrame(np.eye(3), columns=index),
    "sparse": pd.DataFrame({"s": pd.arrays.SparseArray([0, 0, 1]), "f": pd.arrays.SparseArray([np.nan, 1.0, np.nan])}),
    "nullable": pd.DataFrame({"i": pd.array([1, None, 3], dtype="Int64"), "b": pd.array([True, None, False], dtype="boolean"),
                              "s": pd.array(["a", None, "b"], dtype="string")}),
    "decimals": pd.DataFrame({"d": [decimal.Decimal("1.1")] * 3, "t": [datetime.date(2024, 1, 1)] * 3}), "empty": pd.DataFrame(),
    "series": pd.Series([1, 2, 3], name="v", index=list("abc")), "attrs": pd.DataFrame({"a": [1]}),
    "duplicates": pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), "complex": pd.DataFrame({"c": [1 + 2j]}),
}
frames["attrs"].attrs = {"source": "made up"}
for name in sorted(frames):
    store(name, frames[name], 4)
    if ENV == "models":
        store(name, frames[name], 2)
for protocol in PROTOCOLS:
    if protocol not in (4,):
        store("every-protocol", frames["mixed"], protocol)
for compression in ["gzip", "bz2", "xz", "zip"] + (["tar"] if VERSION >= "1.5" else []):
    if ENV != "debian":
        store("mixed", frames["mixed"], 4, compression)
scalars = [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01", tz="Europe/Berlin"), pd.Timedelta(3, "h"), pd.Period("2024-01", "M"), pd.Interval(0, 1),
           pd.NA, pd.NaT, pd.offsets.MonthEnd(2), pd.offsets.BusinessDay(), pd.CategoricalDtype(["a"]), pd.DatetimeTZDtype("ns", "UTC"), pd.Int64Dtype(),
           pd.Index([1, 2]), pd.Index(["a"]), pd.RangeIndex(3), days, index, pd.IntervalDtype("int64"), pd.PeriodDtype("D"), pd.Grouper(key="a"), pd.StringDtype(),
           pd.SparseDtype("f8"), pd.DateOffset(days=1), pd.tseries.offsets.CustomBusinessDay()]
for protocol in (2, 4, 5):
    if protocol in PROTOCOLS:
        data = pickle.dumps(scalars, protocol)
        pickle.loads(data)
        add(BASE + "scalars-p%d.pkl" % protocol, data, "pickle", "pandas", VERSION, "pickle.load", "clean", "scalars, offsets, dtypes, indexes")
groups = pickle.dumps({"mean": frames["mixed"].groupby("b")["i"].mean(), "describe": frames["mixed"].describe()}, 4)
add(BASE + "results-p4.pkl", groups, "pickle", "pandas", VERSION, "pickle.load")
done()
