"""Writes honest Parquet tables with pyarrow, whose writer leaves a copy of each column's metadata behind it: tables.py FIXTURES. Run by run.sh with
the venv `mlflow28`."""
import hashlib
import json
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq


def main(root):
    os.makedirs(os.path.join(root, "parquet"), exist_ok=True)
    table = pa.table({"a": list(range(50)), "s": ["x%d" % (i % 7) for i in range(50)], "l": [[1, 2]] * 50, "n": pa.nulls(50)})
    entries = []
    for name, t, options in [("plain", table, {}), ("indexed", table, {"write_page_index": True}), ("groups", table, {"row_group_size": 20, "data_page_version": "2.0"}),
                             ("empty", table.slice(0, 0), {}), ("raw", table, {"compression": "none", "use_dictionary": False})]:
        path = f"parquet/{name}.parquet"
        pq.write_table(t, os.path.join(root, path), **options)
        with open(os.path.join(root, path), "rb") as f:
            sha = hashlib.sha256(f.read()).hexdigest()
        entries.append(dict(path=path, sha256=sha, kind="parquet", framework="pyarrow", version=pa.__version__, python="3.10", env="mlflow28", loader="none",
                            expect="skipped", hand_made=False, note=""))
    with open(os.path.join(root, "parquet", "manifest.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(e, sort_keys=True) for e in entries) + "\n]\n")


main(sys.argv[1])
