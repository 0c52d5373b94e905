#!/bin/sh
# Makes internal/format/manifest/testdata/python: one small project, locked, installed and packed by the real tools, each file as the tool
# writes it but for the host of the package index, which becomes index.example.org. Needs the venvs manifest and mlflow of ../setup.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
bin=$root/.cache/venv/manifest/bin
out=$root/internal/format/manifest/testdata/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"
export POETRY_VIRTUALENVS_CREATE=false PIPENV_VENV_IN_PROJECT=1 PIPENV_IGNORE_VIRTUALENVS=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PDM_CHECK_UPDATE=false

# The index that pip itself uses; its host stands in no committed file.
index=$("$bin/python" -c 'from pip._internal.models.index import PyPI; print(PyPI.simple_url.rstrip("/"))')
hosts=$("$bin/python" -c 'from pip._internal.models.index import PyPI; print(PyPI.netloc + "|" + PyPI.file_storage_domain)')

# keep FILE NAME: copies a file, without the host of the index and this machine's folders.
keep() {
	mkdir -p "$(dirname "$out/$2")"
	sed -E -e "s#https://($hosts)#https://index.example.org#g" \
		-e "s#$root/.cache/venv/manifest/bin/##g" -e "s#file://$work#file:///project#g" -e "s#$work(/tox)?#/project#g" "$1" > "$out/$2"
}

cd "$work"
mkdir app && cd app
cat > pyproject.toml <<'TOML'
[build-system]
requires = ["setuptools>=61", "wheel"]
build-backend = "setuptools.build_meta"

[project]
name = "app"
version = "0.1.0"
requires-python = ">=3.9"
dependencies = [
    "flask==1.1.1",
    "jinja2[i18n]>=2.10.1,<3",
    'markupsafe<2.1 ; python_version < "4"', # Flask 1 needs it
]

[project.optional-dependencies]
plot = ["pillow==8.0.0"]

[dependency-groups]
dev = ["requests==2.19.0", {include-group = "lint"}]
lint = ["toml==0.10.2"]

[tool.setuptools]
py-modules = []
TOML
keep pyproject.toml uv/pyproject.toml
"$bin/uv" -q lock --python "$bin/python"
keep uv.lock uv/uv.lock
"$bin/uv" -q export --format pylock.toml -o pylock.toml
keep pylock.toml pylock/pylock.toml
"$bin/uv" -q export --format requirements-txt -o requirements-export.txt
keep requirements-export.txt uv/requirements-export.txt
printf 'flask==1.1.1\njinja2[i18n]>=2.10.1,<3\nmarkupsafe<2.1\n' > requirements.in
"$bin/pip-compile" -q --strip-extras --generate-hashes --no-emit-find-links --no-emit-index-url -o requirements.txt requirements.in
keep requirements.in pip-compile/requirements.in
keep requirements.txt pip-compile/requirements.txt
"$bin/uv" -q pip compile --python "$bin/python" --no-emit-index-url requirements.in -o requirements-uv.txt
keep requirements-uv.txt uv/requirements-compiled.txt

mkdir pdm && cp pyproject.toml pdm && cd pdm
"$bin/pdm" -q use -f "$bin/python" && "$bin/pdm" -q lock -G :all
keep pdm.lock pdm/pdm.lock
cd ..

mkdir poetry && cd poetry
cat > pyproject.toml <<'TOML'
[tool.poetry]
name = "app"
version = "0.1.0"
description = ""
authors = []
package-mode = false

[tool.poetry.dependencies]
python = "^3.11"
flask = "1.1.1"
jinja2 = { version = "^2.10.1", extras = ["i18n"] }
markupsafe = "<2.1"
pillow = { version = "8.0.*", optional = true }

[tool.poetry.extras]
plot = ["pillow"]

[tool.poetry.group.dev.dependencies]
requests = "~2.19"

[[tool.poetry.source]]
name = "mirror"
url = "INDEX"
priority = "primary"
TOML
sed -i "s#INDEX#$index#" pyproject.toml
"$bin/poetry" -q lock
keep pyproject.toml poetry/pyproject.toml
keep poetry.lock poetry/poetry.lock
cd ..

mkdir pipenv && cd pipenv
cat > Pipfile <<'TOML'
[[source]]
url = "INDEX"
verify_ssl = true
name = "pypi"

[packages]
flask = "==1.1.1"
jinja2 = {version = ">=2.10.1,<3", extras = ["i18n"]}
markupsafe = "<2.1"

[dev-packages]
requests = "==2.19.0"

[requires]
python_version = "3.11"
TOML
sed -i "s#INDEX#$index#" Pipfile
"$bin/pipenv" --python "$bin/python" lock -q > /dev/null 2>&1
keep Pipfile pipenv/Pipfile
keep Pipfile.lock pipenv/Pipfile.lock
cd ..

# An environment: what pip freeze says of it, and the records of two packages, one of which came from a file of its own.
"$bin/python" -m venv env
env/bin/python -m pip -q install -r requirements-uv.txt
"$bin/python" -m build -q -o dist . > /dev/null
env/bin/python -m pip -q install --no-deps dist/app-0.1.0-py3-none-any.whl
env/bin/python -m pip freeze > requirements-freeze.txt
keep requirements-freeze.txt freeze/requirements.txt
site=$(env/bin/python -c 'import site; print(site.getsitepackages()[0])')
for f in flask-1.1.1 app-0.1.0; do
	dir=$(ls -d "$site"/* | grep -i "/$f.dist-info")
	for m in METADATA RECORD direct_url.json; do
		[ ! -f "$dir/$m" ] || keep "$dir/$m" "env/site-packages/$(basename "$dir")/$m"
	done
done
# The prose of others' descriptions is theirs.
for m in "$out"/env/site-packages/*/METADATA; do sed -i '/^$/,$d' "$m"; done
cp dist/app-0.1.0.tar.gz dist/app-0.1.0-py3-none-any.whl "$out/"

# A project of setuptools alone, and what setuptools itself says that it requires.
mkdir ../old && cd ../old
cat > setup.py <<'PY'
from setuptools import setup

with open("requirements.txt") as f:
    required = f.read().splitlines()

tests = ["pytest>=7", "requests==2.19.0"]

setup(
    name="old",
    version="0.1.0",
    py_modules=[],
    python_requires=">=3.9",
    install_requires=required + ["jinja2>=2.10.1,<3"],
    extras_require={"test": tests, "plot": ["pillow==8.0.0"]},
)
PY
printf 'flask==1.1.1\n' > requirements.txt
cat > setup.cfg <<'CFG'
[metadata]
name = other
version = 0.1.0

[options]
py_modules =
python_requires = >=3.9
install_requires =
    flask==1.1.1
    jinja2[i18n]>=2.10.1,<3  # the last of 2
    markupsafe<2.1; python_version < "4"

[options.extras_require]
plot = pillow==8.0.0
CFG
mkdir cfg && mv setup.cfg cfg/
"$bin/python" -c 'import runpy, sys; sys.argv = ["setup.py", "-q", "egg_info"]; runpy.run_path("setup.py", run_name="__main__")'
keep setup.py setup/setup.py
keep requirements.txt setup/requirements.txt
keep old.egg-info/requires.txt setup/oracle-setup-py.txt
cd cfg
"$bin/python" -c 'import sys; sys.argv = ["setup.py", "-q", "egg_info"]; from setuptools import setup; setup()'
keep setup.cfg setup/setup.cfg
keep other.egg-info/requires.txt setup/oracle-setup-cfg.txt
cd ..

# A project of tox, and what tox itself reads in it.
mkdir ../tox && cd ../tox
cat > tox.ini <<'INI'
[tox]
requires =
    tox>=4
    virtualenv>=20.26.0
envlist = py311-{old,new}, lint, docs

[base]
deps =
    pyyaml==5.1  # shared
    six

[testenv]
deps =
    {[base]deps}
    -r{toxinidir}/requirements.txt
    -r dev.txt
    -c {tox_root}{/}constraints.txt
    # not a dependency
    old: flask==1.1.1
    new,py311: flask>=2
    !old: jinja2[i18n]>=2.10.1,<3; python_version < "4"
    py{38,311}: git+https://git.example.org/a/b@v1
    --extra-index-url https://index.example.org/simple
commands = pytest {posargs}

[testenv:lint]
skip_install = true
deps = ruff==0.1.0

[testenv:docs]
deps =
    sphinx>=4.0, \
        !=4.1
    docutils==0.17
    {[testenv:lint]deps}
INI
keep tox.ini tox/tox.ini
"$bin/python" -m venv venv
venv/bin/python -m pip -q install tox
venv/bin/tox config -k deps requires > oracle.txt
keep oracle.txt tox/oracle.txt
cd ../old

"$bin/python" "$here/notebook.py" "$out/jupyter/install.ipynb"
"$bin/python" "$here/ray_env.py" "$out/ray"
"$root/.cache/venv/mlflow/bin/python" "$here/mlflow_model.py" "$work/model"
for f in MLmodel conda.yaml python_env.yaml requirements.txt; do keep "$work/model/$f" "mlflow/$f"; done
"$bin/python" "$here/pip_config.py" "$work/pip.conf"
keep "$work/pip.conf" pip/pip.conf
