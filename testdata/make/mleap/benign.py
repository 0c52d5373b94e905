"""Lays the honest bundles and models out as fixtures: benign.py BUNDLES(0.20.0) BUNDLES(0.16.0) GRAPHS SPARK FIXTURES. Run by run.sh.

Of MLeap 0.20.0 all bundles are kept, of 0.16.0 a sample; Spark models become zip files, but for a few that stay folders. Writes the list
manifest.json beside them, in the form that testdata/benign/README.md tells.
"""
import hashlib
import json
import os
import shutil
import sys
import zipfile

OLD = ("pipeline-", "nested_pipeline-", "text_pipeline-", "wide_pipeline-", "gbt_classifier-", "kmeans-", "word2vec-", "mlp-", "one_vs_rest-")
FOLDERS = ("pipeline", "sql", "tree")


def pack(folder, to):
    """Writes a folder as a zip file with fixed times, its own name outermost."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as z:
        for where, dirs, files in sorted(os.walk(folder)):
            dirs.sort()
            for f in sorted(files):
                path = os.path.join(where, f)
                info = zipfile.ZipInfo(os.path.join(os.path.basename(folder), os.path.relpath(path, folder)))
                info.compress_type = zipfile.ZIP_DEFLATED
                with open(path, "rb") as r:
                    z.writestr(info, r.read())


def entry(root, path, **more):
    full = os.path.join(root, path)
    sha = ""
    if os.path.isdir(full):
        path += "/"
    else:
        with open(full, "rb") as f:
            sha = hashlib.sha256(f.read()).hexdigest()
    return dict(path=path, sha256=sha, python="", env="mleap", expect="clean", hand_made=False, note="", **more)


def write(root, name, entries):
    with open(os.path.join(root, name, "manifest.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(e, sort_keys=True) for e in sorted(entries, key=lambda e: e["path"])) + "\n]\n")


def main(new, old, graphs, spark, root):
    entries = []
    for name in ("mleap", "spark"):
        shutil.rmtree(os.path.join(root, name), ignore_errors=True)
        os.makedirs(os.path.join(root, name))
    for source, version in ((new, "0.20.0"), (old, "0.16.0")):
        to = os.path.join(root, "mleap", version)
        os.makedirs(to)
        for b in sorted(os.listdir(source)):
            if source == old and not b.startswith(OLD):
                continue
            (shutil.copytree if os.path.isdir(os.path.join(source, b)) else shutil.copy)(os.path.join(source, b), os.path.join(to, b))
            entries.append(entry(root, f"mleap/{version}/{b}", kind="mleap-bundle", framework="mleap", version=version, loader="BundleFile.loadMleapBundle"))
    to = os.path.join(root, "mleap", "tensorflow")
    os.makedirs(to)
    for b in sorted(os.listdir(os.path.join(graphs, "bundles"))):
        if b.startswith("plain-"):
            source = os.path.join(graphs, "bundles", b)
            (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, os.path.join(to, b))
            entries.append(entry(root, f"mleap/tensorflow/{b}", kind="mleap-bundle", framework="mleap", version="0.20.0", loader="BundleFile.loadMleapBundle"))
    write(root, "mleap", entries)
    entries = []
    for m in sorted(os.listdir(spark)):
        path = f"spark/{m}" if m in FOLDERS else f"spark/{m}.zip"
        if m in FOLDERS:
            shutil.copytree(os.path.join(spark, m), os.path.join(root, path))
        else:
            pack(os.path.join(spark, m), os.path.join(root, path))
        entries.append(entry(root, path, kind="spark-ml", framework="spark", version="3.3.4", loader="MLReader.load"))
    write(root, "spark", entries)


main(*sys.argv[1:])
