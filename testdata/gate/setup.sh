#!/bin/sh
# Installs the real servers that the tests of the gate start, each in its own venv below .cache/venv. Safe to repeat; quick when all is there.
#   setup.sh ci     MLflow newest, 2.9.2 and 2.16.2, two clients of it with boosters for the flows, H2O 3.46.0.4 and 3.46.0.12, MLServer, TorchServe,
#                   an S3 stand-in, a JDK, a JDBC driver and Chromium: what test.sh needs
#   setup.sh all    also MLflow 1.30.0, 2.2.0, 2.8.0, 3.4.0 and 3.9.0, one release of each family with known flaws, and Triton
# The old MLflows hold SQLAlchemy below 2.1 and setuptools below 81, which still has pkg_resources; all versions are pinned in the
# requirement files here, so that an exploit that works today works tomorrow.
set -eu
what=${1:-ci}
case $what in ci | all) ;; *) echo "usage: setup.sh [ci|all]" >&2; exit 2 ;; esac
here=$(cd "$(dirname "$0")" && pwd)
venvs=$(cd "$here/../.." && pwd)/.cache/venv
mkdir -p "$venvs"
venvs=$(cd "$venvs" && pwd -P) # scripts keep the path that they were installed under: not that of a worktree which borrows the folder and goes
[ -e "$venvs/../.gitignore" ] || printf '*\n' > "$venvs/../.gitignore"
exec 9> "$venvs/.gate-lock"
if command -v flock > /dev/null; then flock 9; fi

if command -v apt-get > /dev/null; then
	missing=
	command -v java > /dev/null || missing="$missing openjdk-17-jre-headless"
	command -v chromium > /dev/null || missing="$missing chromium"
	[ -e /usr/share/java/h2.jar ] || missing="$missing libh2-java" # a JDBC driver for H2O
	if [ -n "$missing" ]; then
		sudo=
		if [ "$(id -u)" != 0 ]; then sudo=sudo; fi
		export DEBIAN_FRONTEND=noninteractive
		# shellcheck disable=SC2086 # the list is meant to split
		if ! $sudo apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=600 $missing; then
			$sudo apt-get update -q -o DPkg::Lock::Timeout=600
			$sudo apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=600 $missing
		fi
	fi
fi

# python VERSION: the newest interpreter of that minor version, from pyenv or the PATH.
python() {
	found=
	for p in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
		if [ -x "$p" ]; then found=$p; fi
	done
	if [ -z "$found" ]; then found=$(command -v "python$1" || true); fi
	if [ -z "$found" ]; then echo "setup.sh: no CPython $1 here" >&2; return 1; fi
	echo "$found"
}

# uv resolves and links in seconds what pip needs minutes for, and the venvs share one copy of each file.
uv=$venvs/gate-uv/bin/uv
if [ ! -x "$uv" ]; then
	"$(python 3.12)" -m venv "$venvs/gate-uv"
	"$venvs/gate-uv/bin/python" -m pip install -q --disable-pip-version-check --no-input -r "$here/requirements-uv.txt"
fi
export UV_CACHE_DIR="$venvs/../uv" UV_LINK_MODE=hardlink

# venv NAME VERSION REQUIREMENTS
venv() {
	name=$1 py=$(python "$2") file=$3
	want=$({ echo "$py"; cat "$file"; } | cksum)
	if [ "$(cat "$venvs/$name/.weir-stamp" 2> /dev/null || true)" = "$want" ]; then return 0; fi
	echo "setup.sh: $name (CPython $2)" >&2
	"$uv" venv -q --allow-existing --python "$py" "$venvs/$name"
	"$uv" pip install -q --python "$venvs/$name/bin/python" -r "$file"
	echo "$want" > "$venvs/$name/.weir-stamp"
}

mlflow() { venv "gate-mlflow-$1" "$2" "$here/requirements-mlflow-$1.txt"; }

# h2o VERSION: the venv that testdata/make/setup.sh makes too, under its name and with its requirements; its stamp is left to it.
h2o() {
	if [ -e "$venvs/h2o-$1/bin/python" ]; then return 0; fi
	echo "setup.sh: h2o-$1" >&2
	"$uv" venv -q --seed --python "$(python 3.12)" "$venvs/h2o-$1"
	"$uv" pip install -q --python "$venvs/h2o-$1/bin/python" -r "$here/../make/requirements-h2o-$1.txt"
}

# torchserve: on Debian's Python, whose torch (python3-torch) has no CUDA; testdata/make/setup.sh installs that.
torchserve() {
	file=$here/requirements-torchserve.txt
	want=$(cksum < "$file")
	if [ "$(cat "$venvs/gate-torchserve/.weir-stamp" 2> /dev/null || true)" = "$want" ]; then return 0; fi
	echo "setup.sh: gate-torchserve" >&2
	/usr/bin/python3 -m venv --system-site-packages "$venvs/gate-torchserve"
	"$venvs/gate-torchserve/bin/python" -m pip install -q --disable-pip-version-check --no-input -r "$file"
	echo "$want" > "$venvs/gate-torchserve/.weir-stamp"
}

venv gate-mlserver 3.11 "$here/requirements-mlserver.txt"
torchserve
mlflow new 3.12
mlflow 2.9.2 3.10
mlflow 2.16.2 3.11
venv gate-moto 3.12 "$here/requirements-moto.txt"
venv gate-flows-2 3.11 "$here/requirements-flows-2.txt"
venv gate-flows-3 3.12 "$here/requirements-flows-3.txt"
h2o 3.46.0.4
h2o 3.46.0.12
if [ "$what" = all ]; then
	mlflow 1.30.0 3.10
	mlflow 2.2.0 3.10
	mlflow 2.8.0 3.10
	mlflow 3.4.0 3.12
	mlflow 3.9.0 3.12
	venv gate-triton 3.10 "$here/requirements-triton.txt"
fi
