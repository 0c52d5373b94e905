"""Files of runs: logged, listed, downloaded, with the names that people give them."""

import hashlib
import os
import re

from kit import flow

# Not among them: ";" in a path is refused by the gate; "?" and "%2F" too, which the MLflow client does not escape, so that the server stores a file of
# another name or loses its bytes; "#" it cuts off in the same way, before anything is sent.
FILES = ["plain.txt", "with space.txt", "ünïcödé.txt", "模型/权重.bin", "100%.txt", "a%20b.txt", "c++.txt", "and&more.txt",
         "equals=.txt", "(1) [x] {y}.txt", "comma, dot.v1.0.txt", "quote's.txt", "at@home.txt", "dollar$.txt", "tilde~",
         ".hidden", "..twice.txt", "three...dots", "deep/er/and/deeper/file.txt", "🚀.txt", "colon:.txt", "star*.txt", "UPPER.TXT", "no-extension"]


def tree(folder):
    """Every file below a folder with its digest."""
    got = {}
    for base, _, names in os.walk(folder):
        for n in names:
            path = os.path.join(base, n)
            with open(path, "rb") as f:
                got[os.path.relpath(path, folder)] = hashlib.sha256(f.read()).hexdigest()
    return dict(sorted(got.items()))


def walk(k, run, path=None):
    """What the server lists, all folders."""
    got = []
    for f in k.list_artifacts(run, path):
        got.append([f.path, f.is_dir, f.file_size])
        if f.is_dir:
            got += walk(k, run, f.path)
    return got


@flow()
def artifacts_one_by_one(c):
    import mlflow

    c.experiment()
    with mlflow.start_run(run_name="files") as r:
        mlflow.log_artifact(c.file("one.txt", "one"))
        mlflow.log_artifact(c.file("two.csv", "a,b\n1,2\n"), artifact_path="sub/folder")
        mlflow.log_artifact(c.file("empty", ""))
        mlflow.log_artifact(c.file("zero.bin", bytes(range(256)) * 40), artifact_path="bin")
    k = c.client()
    got = [walk(k, r.info.run_id)]
    got.append(tree(mlflow.artifacts.download_artifacts(run_id=r.info.run_id, dst_path=c.folder + "/all")))
    got.append(open(mlflow.artifacts.download_artifacts(artifact_uri=f"runs:/{r.info.run_id}/one.txt")).read())
    got.append(mlflow.artifacts.load_text(f"{r.info.artifact_uri}/sub/folder/two.csv"))
    got.append(k.list_artifacts(r.info.run_id, "no/such"))
    got.append(c.error(lambda: k.download_artifacts(r.info.run_id, "missing.txt", c.folder)))
    return got


@flow()
def artifacts_named_oddly(c):
    import mlflow

    c.experiment("a/b + 100%")
    folder = os.path.join(c.folder, "in")
    for i, n in enumerate(FILES):
        c.file("in/" + n, f"content {i}")
    with mlflow.start_run(run_name="odd names") as r:
        kept = {}
        for n in FILES:
            try:
                mlflow.log_artifact(os.path.join(folder, n), artifact_path=os.path.dirname(n) or None)
                kept[n] = "logged"
            except Exception as e:  # noqa: BLE001: MLflow itself refuses some names; the gate must say the same
                kept[n] = f"{type(e).__name__}: {e}"
    k = c.client()
    got = {}
    for n in [n for n, how in kept.items() if how == "logged"]:
        try:
            path = mlflow.artifacts.download_artifacts(run_id=r.info.run_id, artifact_path=n, dst_path=os.path.join(c.folder, "out"))
            got[n] = open(path).read()
        except Exception as e:  # noqa: BLE001
            got[n] = f"{type(e).__name__}: {e}"
    return [kept, walk(k, r.info.run_id), got]


@flow()
def artifacts_in_odd_folders(c):
    import mlflow

    c.experiment()
    with mlflow.start_run(run_name="folders") as r:
        for p in ["with space", "ünï/cødé", "v1.0+build", "x=1/y=2", "b..", "(x)", ".config"]:
            mlflow.log_text(f"in {p}", f"{p}/file.txt")
        refused = [c.attempt(lambda p=p: mlflow.log_text("", f"{p}/file.txt")) for p in ("..", "/top", "a/../b")]
    k = c.client()
    got = [refused, walk(k, r.info.run_id)]
    for p in ["with space", "ünï/cødé", "v1.0+build", "x=1/y=2", "(x)"]:
        got.append(tree(mlflow.artifacts.download_artifacts(run_id=r.info.run_id, artifact_path=p, dst_path=os.path.join(c.folder, "out"))))
    return got


@flow()
def artifacts_of_a_folder(c):
    import mlflow

    c.experiment()
    for i in range(40):
        c.file(f"data/part={i % 4}/file {i:02}.parquet", bytes([i]) * (i * 100))
    with mlflow.start_run(run_name="folder") as r:
        mlflow.log_artifacts(os.path.join(c.folder, "data"))
        mlflow.log_artifacts(os.path.join(c.folder, "data"), artifact_path="again/here")
    k = c.client()
    local = k.download_artifacts(r.info.run_id, "again", c.folder)
    return [walk(k, r.info.run_id), tree(local)]


@flow()
def artifacts_from_memory(c):
    import mlflow
    import numpy as np

    c.experiment()
    with mlflow.start_run(run_name="memory") as r:
        mlflow.log_text("zeile eins\nzeile zwei ü\n", "notes/text.txt")
        mlflow.log_text("<html><script>alert(1)</script><p>report</p></html>", "report.html")
        mlflow.log_text('<svg xmlns="http://www.w3.org/2000/svg"><circle r="4"/></svg>', "picture.svg")
        mlflow.log_dict({"a": 1, "b": [1, 2, {"c": "ü"}]}, "config.json")
        mlflow.log_dict({"a": 1, "b": [1, 2]}, "config.yaml")
        mlflow.log_image(np.arange(48, dtype=np.uint8).reshape(4, 4, 3), "image.png")
    uri = r.info.artifact_uri
    local = mlflow.artifacts.download_artifacts(run_id=r.info.run_id, dst_path=c.folder)
    return [walk(c.client(), r.info.run_id), tree(local), mlflow.artifacts.load_dict(uri + "/config.json"), mlflow.artifacts.load_text(uri + "/config.yaml"),
            mlflow.artifacts.load_text(uri + "/report.html"), np.asarray(mlflow.artifacts.load_image(uri + "/image.png")).tolist()]


@flow()
def artifacts_figures(c):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import mlflow

    c.experiment()
    figure, ax = plt.subplots()
    ax.plot([1, 2, 3], [3, 1, 2])
    with mlflow.start_run(run_name="figure") as r:
        mlflow.log_figure(figure, "plots/line.png")
        figure.savefig(os.path.join(c.folder, "line.pdf"), metadata={"CreationDate": None})
        mlflow.log_artifact(os.path.join(c.folder, "line.pdf"), "plots")
    plt.close(figure)
    image = mlflow.artifacts.load_image(r.info.artifact_uri + "/plots/line.png")
    return [image.size, walk(c.client(), r.info.run_id)]


@flow(client="2.4")
def artifacts_tables(c):
    import mlflow
    import pandas as pd

    e = c.experiment()
    with mlflow.start_run(run_name="table") as r:
        mlflow.log_table({"inputs": ["what?", "wie?"], "outputs": ["this", "sö"], "toxicity": [0.0, 1.0]}, "eval results.json")
        mlflow.log_table(pd.DataFrame({"inputs": ["more"], "outputs": ["x"], "toxicity": [0.5]}), "eval results.json")
    return [mlflow.load_table("eval results.json", run_ids=[r.info.run_id]), c.client().load_table(e, "eval results.json", extra_columns=["run_id"])]


@flow(client="2.12")
def artifacts_images_by_step(c):
    import mlflow
    import numpy as np

    c.experiment()
    with mlflow.start_run(run_name="steps") as r:
        for s in range(3):
            mlflow.log_image(np.full((8, 8, 3), s * 40, dtype=np.uint8), key="samples/dogs", step=s, timestamp=1000 + s, synchronous=True)
    random = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
    return sorted([random.sub("<random>", path), size > 0] for path, folder, size in walk(c.client(), r.info.run_id) if not folder)


@flow()
def artifacts_deleted(c):
    import mlflow
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    c.experiment()
    with mlflow.start_run(run_name="delete") as r:
        for n in ("keep.txt", "drop me/one.txt", "drop me/two.txt", "drop+100%.txt"):
            mlflow.log_text(n, n)
    repo = get_artifact_repository(r.info.artifact_uri)
    repo.delete_artifacts("drop+100%.txt")
    repo.delete_artifacts("drop me")
    return walk(c.client(), r.info.run_id)


@flow()
def artifact_of_40_megabytes(c):
    import mlflow

    c.experiment()
    block = hashlib.sha256(b"weir").digest()
    path = c.file("large weights.bin", (block * 32768) * 40)
    with mlflow.start_run(run_name="large") as r:
        mlflow.log_artifact(path, "checkpoints/epoch=1")
    local = mlflow.artifacts.download_artifacts(run_id=r.info.run_id, artifact_path="checkpoints", dst_path=c.folder + "/out")
    return [walk(c.client(), r.info.run_id), tree(local)]


@flow(client="2.14", server="2.14")
def artifact_through_multipart(c):
    """The client splits what is larger than MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE, and asks the server whether its store can take parts."""
    import mlflow

    c.experiment()
    settings = {"MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true", "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "true",
                "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": str(1 << 20), "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE": str(5 << 20)}
    os.environ.update(settings)
    try:
        with mlflow.start_run(run_name="multipart") as r:
            mlflow.log_artifact(c.file("parts.bin", b"0123456789abcdef" * (12 << 16)))
        local = mlflow.artifacts.download_artifacts(run_id=r.info.run_id, dst_path=c.folder + "/out")
    finally:
        for n in settings:
            del os.environ[n]
    return [walk(c.client(), r.info.run_id), tree(local)]


@flow()
def artifacts_by_their_uri(c):
    import mlflow

    e = c.experiment()
    with mlflow.start_run(run_name="uris") as r:
        mlflow.log_text("by uri", "a folder/file.txt")
    uri = r.info.artifact_uri
    got = [uri.startswith("mlflow-artifacts:/"), mlflow.artifacts.load_text(uri + "/a folder/file.txt"),
           mlflow.artifacts.load_text(f"runs:/{r.info.run_id}/a folder/file.txt"), mlflow.get_artifact_uri.__name__,
           mlflow.artifacts.load_text(f"mlflow-artifacts:/{e}/{r.info.run_id}/artifacts/a folder/file.txt")]
    got.append(mlflow.artifacts.list_artifacts(run_id=r.info.run_id))
    got.append(mlflow.artifacts.list_artifacts(artifact_uri=uri + "/a folder"))
    return got
