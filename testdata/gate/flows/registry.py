"""The model registry: models, versions, aliases, stages, tags, searches, copies."""

from artifacts import tree
from kit import flow
from models import about, data, where


def logged(c, name="model", **more):
    import mlflow
    from sklearn.linear_model import LinearRegression

    x, y = data()
    if mlflow.active_run() is None:
        c.experiment()
        with mlflow.start_run(run_name="logged for the registry"):
            return mlflow.sklearn.log_model(LinearRegression().fit(x, y), **where(name), pip_requirements=["scikit-learn"], **more)
    return mlflow.sklearn.log_model(LinearRegression().fit(x, y), **where(name), pip_requirements=["scikit-learn"], **more)


@flow()
def registered_models(c):
    k = c.client()
    n = c.name("a model")
    got = [k.create_registered_model(n, tags={"team": "ü"}, description="first\nline"), k.get_registered_model(n)]
    k.update_registered_model(n, description="changed")
    k.set_registered_model_tag(n, "k/1", "v 1")
    k.set_registered_model_tag(n, "drop", "x")
    k.delete_registered_model_tag(n, "drop")
    got.append(k.get_registered_model(n))
    got.append(c.error(lambda: k.create_registered_model(n)))
    k.rename_registered_model(n, c.name("renamed"))
    got += [k.get_registered_model(c.name("renamed")), c.error(lambda: k.get_registered_model(n))]
    k.delete_registered_model(c.name("renamed"))
    return got + [c.error(lambda: k.get_registered_model(c.name("renamed")))]


@flow()
def registered_models_named_oddly(c):
    k = c.client()
    got = {}
    for n in ["with space", "dotted.name.v1", "under_score-dash", "Müller 模型", "100%", "a+b", "a%20b", "hash#1", "and&more", "q?x=1", "(1) [x]", "comma, x",
              "quote's", "semi;colon", "🚀", "at@home", "tilde~", "a=b", ".."]:
        full = c.name(n)
        k.create_registered_model(full, tags={"odd": c.name()})
        k.set_registered_model_tag(full, "t", n)
        got[n] = [k.get_registered_model(full), k.get_latest_versions(full)]
    got["all"] = sorted(m.name for m in k.search_registered_models(f"tags.odd = '{c.name()}'"))
    got["equal"] = [m.name for m in k.search_registered_models(f"name = '{c.name('100%')}'")]
    for n in ["a/b", "a:b", ""]:
        got["refused " + n] = c.error(lambda n=n: k.create_registered_model(c.name(n) if n else ""))
    return got


@flow()
def registered_models_searched(c):
    k = c.client()
    for i in range(15):
        k.create_registered_model(c.name(f"{i:02}"), tags={"flow": c.name(), "even": str(i % 2 == 0)})
    got, token = [], None
    while True:
        p = k.search_registered_models(f"name LIKE '{c.name()}%'", max_results=6, order_by=["name DESC"], page_token=token)
        got.append(p)
        token = p.token
        if not token:
            break
    got.append([m.name for m in k.search_registered_models(f"tags.flow = '{c.name()}' AND tags.even = 'True'", order_by=["name ASC"])])
    got.append([m.name for m in k.search_registered_models(f"name ILIKE '{c.name('1').upper()}%'", order_by=["name ASC"])])
    got.append(c.error(lambda: k.search_registered_models("nonsense = 1")))
    return got


@flow()
def versions_from_a_run(c):
    import mlflow

    n = c.name("m")
    info = logged(c)
    one = mlflow.register_model(info.model_uri, n, tags={"a": "b"})
    two = mlflow.register_model(f"runs:/{info.run_id}/model", n)
    k = c.client()
    k.update_model_version(n, "1", description="the first ü")
    k.set_model_version_tag(n, "1", "checked", "yes/no")
    k.set_model_version_tag(n, "1", "drop", "1")
    k.delete_model_version_tag(n, "1", "drop")
    got = [one.version, two.version, k.get_model_version(n, "1"), k.get_model_version_download_uri(n, "1")]
    loaded = mlflow.pyfunc.load_model(f"models:/{n}/2")
    got.append(loaded.predict(data()[0]))
    got.append(sorted(tree(mlflow.artifacts.download_artifacts(f"models:/{n}/1", dst_path=c.folder + "/m"))))
    k.delete_model_version(n, "2")
    got += [c.error(lambda: k.get_model_version(n, "2")), k.search_model_versions(f"name = '{n}'"), k.get_registered_model(n)]
    return got


@flow()
def versions_while_logging(c):
    import mlflow

    n = c.name("m")
    info = logged(c, registered_model_name=n)
    again = logged(c, registered_model_name=n)
    k = c.client()
    return [about(info), about(again), k.search_model_versions(f"name = '{n}'", order_by=["version_number ASC"]),
            k.search_model_versions(f"run_id = '{info.run_id}'"), mlflow.sklearn.load_model(f"models:/{n}/latest").coef_]


@flow(client="2.3")
def aliases(c):
    import mlflow

    n = c.name("m")
    info = logged(c)
    for _ in range(3):
        mlflow.register_model(info.model_uri, n)
    k = c.client()
    k.set_registered_model_alias(n, "champion", "1")
    k.set_registered_model_alias(n, "challenger", "2")
    got = [k.get_model_version_by_alias(n, "champion")]
    k.set_registered_model_alias(n, "champion", "3")
    got += [k.get_registered_model(n).aliases, k.get_model_version_by_alias(n, "champion").version]
    got.append(mlflow.pyfunc.load_model(f"models:/{n}@champion").predict(data()[0]))
    got.append(c.error(lambda: k.set_registered_model_alias(n, "latest", "1")))
    got.append(c.error(lambda: k.set_registered_model_alias(n, "v1", "1")))
    got.append(c.error(lambda: k.set_registered_model_alias(n, "x", "99")))
    k.delete_registered_model_alias(n, "challenger")
    got.append(c.error(lambda: k.get_model_version_by_alias(n, "challenger")))
    got.append([m.name for m in k.search_registered_models(f"name = '{n}'")])
    return got


@flow()
def stages(c):
    import mlflow

    n = c.name("m")
    info = logged(c)
    for _ in range(3):
        mlflow.register_model(info.model_uri, n)
    k = c.client()
    got = [k.transition_model_version_stage(n, "1", "Staging"), k.transition_model_version_stage(n, "2", "Production")]
    got.append(k.transition_model_version_stage(n, "3", "Production", archive_existing_versions=True))
    got += [k.get_latest_versions(n), k.get_latest_versions(n, stages=["Production", "Archived"]), k.get_model_version_stages(n, "1")]
    got.append(c.error(lambda: k.transition_model_version_stage(n, "1", "Nowhere")))
    got.append(mlflow.pyfunc.load_model(f"models:/{n}/Production").predict(data()[0]))
    k.set_model_version_tag(n, key="by stage", value="x", stage="Staging")
    return got + [k.get_model_version(n, "1").tags]


@flow(client="2.8")
def versions_copied(c):
    import mlflow

    info = logged(c)
    mlflow.register_model(info.model_uri, c.name("dev.m"))
    k = c.client()
    copied = k.copy_model_version(f"models:/{c.name('dev.m')}/1", c.name("prod.m"))
    k.set_registered_model_alias(c.name("dev.m"), "ready", "1")
    again = k.copy_model_version(f"models:/{c.name('dev.m')}@ready", c.name("prod.m"))
    return [copied, again, mlflow.pyfunc.load_model(f"models:/{c.name('prod.m')}/2").predict(data()[0]), k.get_model_version_download_uri(c.name("prod.m"), "1")]


@flow()
def versions_searched(c):
    import mlflow

    info = logged(c)
    k = c.client()
    for m in ("x", "y"):
        for i in range(4):
            mlflow.register_model(info.model_uri, c.name(m), tags={"n": str(i), "flow": c.name()})
    found = lambda f, **kw: [(v.name, v.version) for v in k.search_model_versions(f, **kw)]  # noqa: E731
    got = {f: sorted(found(f)) for f in [f"name = '{c.name('x')}'", f"tags.flow = '{c.name()}' AND tags.n = '2'", f"name LIKE '{c.name()}%'",
                                        f"run_id = '{info.run_id}'", f"run_id IN ('{info.run_id}')", f"name = '{c.name('x')}' AND version_number > 2"]}
    pages, token = [], None
    while True:
        p = k.search_model_versions(f"name LIKE '{c.name()}%'", max_results=3, order_by=["name DESC", "version_number ASC"], page_token=token)
        pages.append([(v.name, v.version) for v in p])
        token = p.token
        if not token:
            break
    got["pages"] = pages
    got["table"] = [v.version for v in mlflow.search_model_versions(filter_string=f"name = '{c.name('y')}'", order_by=["version_number DESC"])]
    return got


@flow(client="3.0")
def versions_from_a_logged_model(c):
    import mlflow

    n = c.name("m")
    info = logged(c)
    v = mlflow.register_model(f"models:/{info.model_id}", n)
    k = c.client()
    direct = k.create_model_version(n, source=f"models:/{info.model_id}", run_id=info.run_id, model_id=info.model_id, description="direct")
    return [v, direct, k.get_model_version(n, "1"), k.get_logged_model(info.model_id).tags, mlflow.pyfunc.load_model(f"models:/{n}/1").predict(data()[0])]


@flow(until="3.0")
def versions_made_by_hand(c):
    import mlflow

    n = c.name("m")
    info = logged(c)
    k = c.client()
    k.create_registered_model(n)
    run = k.get_run(info.run_id)
    v = k.create_model_version(n, source=f"{run.info.artifact_uri}/model", run_id=info.run_id, tags={"by": "hand"}, description="d", run_link="https://example.org/run?id=1")
    return [v, k.get_model_version_download_uri(n, v.version), mlflow.pyfunc.load_model(f"models:/{n}/1").predict(data()[0])]
