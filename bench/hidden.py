"""A project of machine learning with a vulnerable package in each of the places where such projects state what they install.

Every place names another package, so that what a scanner finds tells which places it looked into.
"""

import io
import json
import os
import zipfile

# Packages with flaws, well known ones so that the list can be checked by eye; the version is the last that an advisory lists.
FLAWED = [
    "django", "flask", "werkzeug", "jinja2", "requests", "urllib3", "pyyaml", "pillow", "cryptography", "lxml", "numpy", "tornado", "aiohttp",
    "sqlparse", "certifi", "ujson", "paramiko", "mlflow", "gradio", "notebook", "jupyter-server", "nbconvert", "ipython", "tensorflow", "torch",
    "scikit-learn", "joblib", "onnx", "protobuf", "bleach", "markdown2", "httpx", "waitress", "gunicorn", "redis", "celery", "babel", "mako",
    "setuptools", "wheel", "feedparser", "reportlab", "ansible", "twisted",
]


def versions(archive):
    """The last listed affected version of each package."""
    out = {}
    with zipfile.ZipFile(archive) as z:
        for name in sorted(z.namelist()):
            record = json.loads(z.read(name))
            for a in [] if record.get("withdrawn") else record.get("affected", []):
                if a.get("versions"):
                    out[a["package"]["name"].lower().replace("_", "-").replace(".", "-")] = a["versions"][-1]
    return out


def places():
    """The files, with {} where a package stands, and how it is written there."""
    return [
        ("requirements.txt", "{n}=={v}\n"),
        ("requirements/extra.txt", "-r deep/more.txt\n"),
        ("requirements/deep/more.txt", "{n} == {v} ; python_version > '3'  # why\n"),
        ("constraints.txt", "{n}=={v}\n"),
        ("dev-requirements.in", "{n}[all]=={v} \\\n    --hash=sha256:" + "0" * 64 + "\n"),
        ("cuda/requirements.txt", "--extra-index-url https://index.example.org/cu113\n{n}=={v}+cu113\n"),
        ("wheels/requirements.txt", "{n} @ https://files.example.org/{u}-{v}-py3-none-any.whl\n"),
        ("pep621/pyproject.toml", '[project]\nname = "a"\nversion = "1"\ndependencies = ["{n}=={v}"]\n'),
        ("groups/pyproject.toml", '[project]\nname = "b"\nversion = "1"\n[dependency-groups]\ntrain = ["{n}=={v}"]\n'),
        ("optional/pyproject.toml", '[project]\nname = "c"\nversion = "1"\n[project.optional-dependencies]\ngpu = ["{n}=={v}"]\n'),
        ("poetry/pyproject.toml", '[tool.poetry]\nname = "d"\nversion = "1"\n[tool.poetry.dependencies]\npython = "^3.9"\n{n} = "{v}"\n'),
        ("locked/poetry.lock", '[[package]]\nname = "{n}"\nversion = "{v}"\ndescription = ""\noptional = false\npython-versions = "*"\nfiles = []\n\n[metadata]\nlock-version = "2.0"\npython-versions = "*"\ncontent-hash = "0"\n'),
        ("uv/uv.lock", 'version = 1\nrequires-python = ">=3.9"\n\n[[package]]\nname = "{n}"\nversion = "{v}"\nsource = {{ registry = "https://index.example.org/simple" }}\n'),
        ("pipenv/Pipfile", '[packages]\n{n} = "=={v}"\n'),
        ("pipenv2/Pipfile.lock", '{{"_meta": {{"hash": {{"sha256": ""}}, "pipfile-spec": 6}}, "default": {{"{n}": {{"version": "=={v}"}}}}, "develop": {{}}}}\n'),
        ("old/setup.cfg", "[metadata]\nname = e\n[options]\ninstall_requires =\n    {n}=={v}\n"),
        ("older/setup.py", 'from setuptools import setup\n\nsetup(name="f", version="1", install_requires=["{n}=={v}"])\n'),
        ("conda/environment.yml", "name: g\nchannels: [conda-forge]\ndependencies:\n- python=3.9\n- pip:\n  - {n}=={v}\n"),
        ("conda2/environment.yml", "name: h\ndependencies:\n- python=3.9\n- {n}={v}\n"),
        ("model/MLmodel", "flavors:\n  python_function:\n    env: conda.yaml\n    loader_module: mlflow.sklearn\n    python_version: 3.9.0\n  sklearn:\n    pickled_model: model.pkl\n    sklearn_version: {v}\n"),
        ("model/requirements.txt", "{n}=={v}\n"),
        ("model/conda.yaml", "name: mlflow-env\nchannels:\n- conda-forge\ndependencies:\n- python=3.9.0\n- pip:\n  - {n}=={v}\n"),
        ("model/python_env.yaml", "python: 3.9.0\nbuild_dependencies:\n- {n}=={v}\ndependencies:\n- -r requirements.txt\n"),
        ("train.ipynb", "pip"),
        ("eval.ipynb", "bang"),
        ("Dockerfile", "FROM python:3.9-slim\nRUN apt-get update && \\\n    pip install --no-cache-dir {n}=={v} && rm -rf /var/lib/apt\n"),
        ("serve/Dockerfile", 'FROM python:3.9\nRUN ["python", "-m", "pip", "install", "{n}=={v}"]\n'),
        ("setup.sh", "#!/bin/sh\nset -e\npip3 install '{n}=={v}'\n"),
        ("scripts/env.sh", '#!/bin/bash\nVERSION={v}\npip install "{n}==$VERSION"\n'),
        ("Makefile", "install:\n\tpython -m pip install {n}=={v}\n"),
        (".github/workflows/train.yml", "on: push\njobs:\n  t:\n    runs-on: ubuntu-latest\n    steps:\n    - run: |\n        pip install {n}=={v}\n"),
        (".gitlab-ci.yml", "train:\n  script:\n  - pip install {n}=={v}\n"),
        ("mar", None),
        ("wheel", None),
        ("ray.yaml", "runtime_env:\n  pip:\n  - {n}=={v}\nimport_path: app:app\n"),
        ("k8s/deploy.yaml", 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: c\n    image: python:3.9\n    command: ["sh", "-c", "pip install {n}=={v} && python app.py"]\n'),
        ("env/lib/python3.9/site-packages/{u}-{v}.dist-info/METADATA", "Metadata-Version: 2.1\nName: {n}\nVersion: {v}\n"),
        ("sbom/bom.json", '{{"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": [{{"type": "library", "name": "{n}", "version": "{v}", "purl": "pkg:pypi/{n}@{v}"}}]}}\n'),
        ("script.py", '# /// script\n# dependencies = ["{n}=={v}"]\n# ///\nprint("hello")\n'),
        ("pdm/pdm.lock", '[metadata]\ngroups = ["default"]\nstrategy = []\nlock_version = "4.5.0"\ncontent_hash = "sha256:0"\n\n[[package]]\nname = "{n}"\nversion = "{v}"\nsummary = ""\n'),
        ("pylock.toml", 'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "{n}"\nversion = "{v}"\n'),
        ("utf16/requirements.txt", "utf16"),
        ("tox.ini", "[testenv]\ndeps =\n    {n}=={v}\n"),
    ]


def make(folder, archive):
    """Writes the project and gives what is hidden: (path, package) pairs. archive holds the advisories (OSV JSON in a zip)."""
    known = versions(archive)
    hidden, left = [], [(n, known[n]) for n in FLAWED]
    for path, text in places():
        if path == "requirements/extra.txt":
            n = v = ""
        elif path == "model/MLmodel":
            n, v = "scikit-learn", known["scikit-learn"]
            left = [p for p in left if p[0] != n]
        else:
            n, v = left.pop(0)
            if n == "scikit-learn":
                n, v = left.pop(0)
        u = n.replace("-", "_")
        path = path.format(n=n, v=v, u=u)
        if path == "mar":
            path = "store/model.mar"
            data = packed({"MAR-INF/MANIFEST.json": json.dumps({"model": {"modelName": "m", "handler": "h.py", "requirementsFile": "requirements.txt"}}), "requirements.txt": "%s==%s\n" % (n, v), "h.py": ""})
        elif path == "wheel":
            path = "dist/app-1-py3-none-any.whl"
            data = packed({"app-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: app\nVersion: 1\nRequires-Dist: %s==%s\n" % (n, v), "app-1.dist-info/WHEEL": "Wheel-Version: 1.0\n", "app-1.dist-info/RECORD": ""})
        elif text in ("pip", "bang"):
            line = "%pip install {}=={}" if text == "pip" else "!pip install -q {}=={}"
            data = json.dumps({"cells": [{"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": ["# set up\n", line.format(n, v)]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1).encode()
        elif text == "utf16":
            data = ("%s==%s\n" % (n, v)).encode("utf-16")
        else:
            data = text.format(n=n, v=v, u=u).encode()
        full = os.path.join(folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as f:
            f.write(data)
        if n:
            hidden.append((path, n))
    return hidden


def packed(files):
    b = io.BytesIO()
    with zipfile.ZipFile(b, "w") as z:
        for name, text in files.items():
            z.writestr(name, text)
    return b.getvalue()
