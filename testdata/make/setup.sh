#!/bin/sh
# Installs the Python side of weir's tests and fixtures. Safe to repeat; does nothing, quickly, when all is there.
# Nothing here comes with CUDA, and nothing is built from source.
#   setup.sh test   what `make test` needs: Debian's frameworks, a JDK and the venv `models`
#   setup.sh all    also the boosters and the venvs old, py27, py27old, mlflow, mlflow2, mlflow28, mlflow3 and unknown, for the generators
# Everything but the Debian packages goes to .cache/venv/ in the checkout, which ignores itself in git.
set -eu
what=${1:-test}
case $what in test | all) ;; *) echo "usage: setup.sh [test|all]" >&2; exit 2 ;; esac
here=$(cd "$(dirname "$0")" && pwd)
venvs=$(cd "$here/../.." && pwd)/.cache/venv
mkdir -p "$venvs"
[ -e "$venvs/../.gitignore" ] || printf '*\n' > "$venvs/../.gitignore"

# One set-up at a time: two of them would write the same venv.
exec 9> "$venvs/.lock"
if command -v flock > /dev/null; then flock 9; fi

debian="python3-torch python3-sklearn python3-joblib python3-pandas python3-lz4 p7zip-full zstd lz4 xz-utils"
missing=
if command -v dpkg-query > /dev/null; then
	for p in $debian; do
		case $(dpkg-query -W -f '${db:Status-Status}' "$p" 2> /dev/null || true) in installed) ;; *) missing="$missing $p" ;; esac
	done
	# The oracle of Java streams needs a JDK, whichever; the generators of their fixtures need Maven too.
	if ! command -v javac > /dev/null; then missing="$missing openjdk-17-jdk-headless"; fi
	if [ "$what" = all ] && ! command -v mvn > /dev/null; then missing="$missing maven"; fi
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
else
	echo "setup.sh: no dpkg here; these Debian packages are left to you: $debian" >&2
fi

# python VERSION: the newest interpreter of that minor version, from pyenv or the PATH.
python() {
	found=
	for p in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
		if [ -x "$p" ]; then found=$p; fi
	done
	if [ -z "$found" ]; then found=$(command -v "python$1" || true); fi
	if [ -z "$found" ]; then return 1; fi
	echo "$found"
}

# stamp PYTHON FILE…: names what is installed, so that a changed requirement installs again.
stamp() {
	py=$1
	shift
	{ echo "$py"; cat "$@"; } | cksum
}

pip="-m pip install -q --disable-pip-version-check --no-input"

# venv NAME VERSION REQUIREMENTS…
venv() {
	name=$1 version=$2
	shift 2
	if ! py=$(python "$version"); then
		echo "setup.sh: no CPython $version here; the venv $name is left out" >&2
		return 0
	fi
	files=
	for r in "$@"; do files="$files $here/requirements-$r.txt"; done
	# shellcheck disable=SC2086
	want=$(stamp "$py" $files)
	if [ "$(cat "$venvs/$name/.weir-stamp" 2> /dev/null || true)" = "$want" ]; then return 0; fi
	echo "setup.sh: $name (CPython $version)" >&2
	if [ "$version" = 2.7 ]; then
		rm -rf "${venvs:?}/$name" # 2.7 has no venv module: a plain folder for PYTHONPATH
		# shellcheck disable=SC2086
		"$py" $pip --target "$venvs/$name" -r "$here/requirements-$1.txt"
	else
		if [ ! -x "$venvs/$name/bin/python" ]; then "$py" -m venv "$venvs/$name"; fi
		for f in $files; do
			# shellcheck disable=SC2086
			"$venvs/$name/bin/python" $pip -r "$f"
		done
	fi
	echo "$want" > "$venvs/$name/.weir-stamp"
}

# `test` keeps a venv that already holds the boosters: its stamp is the larger one's.
if [ "$what" = all ]; then
	venv models 3.12 models boost
	venv old 3.8 old
	venv py27 2.7 py27
	venv py27old 2.7 py27old
	venv mlflow 3.12 mlflow
	venv unknown 3.12 unknown
	venv mlflow3 3.12 mlflow3
	venv mlflow2 3.11 mlflow2
	venv mlflow28 3.10 mlflow28
	venv mleap 3.10 mleap
	venv manifest 3.11 manifest
	for v in 3.46.0.12 3.46.0.6 3.46.0.4; do venv h2o-$v 3.12 h2o-$v; done
elif py=$(python 3.12) && [ "$(cat "$venvs/models/.weir-stamp" 2> /dev/null || true)" = \
	"$(stamp "$py" "$here/requirements-models.txt" "$here/requirements-boost.txt")" ]; then
	:
else
	venv models 3.12 models
fi

# The libraries that Java streams attack, in .cache/java.
if [ "$what" = all ]; then python3 "$here/java/run.py" --prepare; fi
