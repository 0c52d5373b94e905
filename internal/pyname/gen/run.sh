#!/bin/sh
# Makes the data of pyname anew: environments, inspection, call graphs, volumes. Needs the interpreters of pyenv, Debian's python3-torch,
# python3-sklearn and python3-joblib, and the environments of testdata/make/setup.sh. Writes below .cache/index only. See README.md.
#
#	internal/pyname/gen/run.sh [venvs] [live] [static] [hooks] [build]
set -eu
gen=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$gen/../../.." && pwd)
out=$root/.cache/index
v=$HOME/.pyenv/versions
new=$v/3.13.0/bin/python
libs="pytz dateutil numpy scipy pandas sklearn joblib networkx dill cloudpickle lightgbm xgboost catboost"
list=$(echo "$libs six skops h2o" | tr ' ' ,)
mkdir -p "$out/live" "$out/static" "$out/wheels"

venv() { # name python, then what to install
	n=$1 p=$2
	shift 2
	[ -d "$out/venvs/$n" ] || "$v/$p/bin/python" -m venv "$out/venvs/$n"
	"$out/venvs/$n/bin/python" -m pip install -q --disable-pip-version-check --only-binary=:all: "$@"
}

sources() { # folder python-version wheel-requirement: the sources of a wheel for another system, without its libraries
	"$new" -m pip download -q --no-deps --only-binary=:all: --platform macosx_11_0_arm64 --python-version "$2" -d "$out/wheels/$1" "$3"
	mkdir -p "$out/$1"
	for w in "$out/wheels/$1"/*.whl; do
		unzip -q -o "$w" '*.py' '*.pyi' '*/METADATA' -d "$out/$1" || true
	done
	rm -rf "$out/$1/torch/testing/_internal"
}

venvs() {
	venv new 3.13.0 numpy scipy pandas scikit-learn joblib networkx dill cloudpickle lightgbm skops h2o
	venv new 3.13.0 --no-deps xgboost-cpu catboost
	venv mid 3.10.13 numpy==1.26.4 scipy==1.11.4 pandas==2.0.3 scikit-learn==1.3.2 joblib==1.3.2 networkx==3.1 dill==0.3.7 \
		cloudpickle==2.2.1 lightgbm==3.3.5
	venv mid 3.10.13 --no-deps xgboost==1.7.6 catboost==1.2.2
	venv past 3.7.16 numpy==1.16.6 scipy==1.3.3 pandas==0.25.3 scikit-learn==0.20.4 joblib==0.14.1 networkx==2.4 dill==0.3.4 \
		cloudpickle==1.2.2 lightgbm==2.3.1
	sources torch2 3.12 torch==2.11.0
	sources torch2 3.12 torchvision==0.26.0
	sources torch22 3.11 torch==2.2.2
	sources hf 3.12 transformers==5.23.0
	sources hf 3.12 accelerate==1.15.0
	sources hf 3.12 trl==1.16.0
	sources hf4 3.10 transformers==4.30.2
	sources hf4 3.10 accelerate==0.21.0
	sources hf4 3.10 trl==0.9.6
	for d in hf hf4; do # the settings and enums that training arguments hold; models are left out
		rm -rf "$out/$d/transformers/models" "$out/$d/transformers/pipelines" "$out/$d/transformers/cli" "$out/$d/transformers/commands"
	done
}

live() {
	cd /tmp # not among the sources: the current folder is on sys.path
	"$v/2.7.18/bin/python" "$gen/live.py" "$out/live/py27.jsonl.gz" stdlib
	for p in 3.6.15 3.7.16 3.8.18 3.9.18 3.10.13 3.11.7 3.12.1 3.13.0; do
		"$v/$p/bin/python" "$gen/live.py" "$out/live/py$(echo "$p" | cut -d. -f1-2 | tr -d .).jsonl.gz" stdlib
	done
	"$root/.cache/venv/models/bin/python" "$gen/live.py" "$out/live/models.jsonl.gz" $libs six
	"$root/.cache/venv/old/bin/python" "$gen/live.py" "$out/live/old.jsonl.gz" pytz dateutil numpy scipy pandas sklearn joblib dill cloudpickle
	/usr/bin/python3 "$gen/live.py" "$out/live/debian.jsonl.gz" numpy scipy sklearn joblib torch
	"$root/.cache/venv/mlflow/bin/python" "$gen/live.py" "$out/live/mlflow.jsonl.gz" mlflow
	"$out/venvs/new/bin/python" "$gen/live.py" "$out/live/new.jsonl.gz" $libs h2o skops
	"$out/venvs/mid/bin/python" "$gen/live.py" "$out/live/mid.jsonl.gz" $libs
	"$out/venvs/past/bin/python" "$gen/live.py" "$out/live/past.jsonl.gz" pytz dateutil numpy scipy pandas sklearn joblib networkx dill cloudpickle lightgbm
}

graph() { # name, then the arguments of static.py
	n=$1
	shift
	"$new" -W ignore "$gen/static.py" "$out/static/$n.jsonl.gz" "$@"
}

static() {
	for p in 3.6.15 3.7.16 3.8.18 3.9.18 3.10.13 3.11.7 3.12.1 3.13.0; do
		m=$(echo "$p" | cut -d. -f1-2)
		graph "py$(echo "$m" | tr -d .)" "$v/$p/lib/python$m"
	done
	graph models "$v/3.12.1/lib/python3.12" "$root/.cache/venv/models/lib/python3.12/site-packages=$list"
	graph old "$v/3.8.18/lib/python3.8" "$root/.cache/venv/old/lib/python3.8/site-packages=$list"
	graph debian /usr/lib/python3.11 "/usr/lib/python3/dist-packages=numpy,scipy,sklearn,joblib,torch"
	graph torch2 --names torch,torchvision,torchgen,functorch "$v/3.12.1/lib/python3.12" "$out/torch2"
	graph torch22 --names torch "$v/3.12.1/lib/python3.12" "$out/torch22"
	for d in hf hf4; do
		graph "$d" --names transformers,accelerate,trl "$v/3.12.1/lib/python3.12" "$out/$d"
	done
	graph mlflow "$v/3.12.1/lib/python3.12" "$root/.cache/venv/mlflow/lib/python3.12/site-packages=mlflow"
	graph new "$v/3.13.0/lib/python3.13" "$out/venvs/new/lib/python3.13/site-packages=$list"
	graph mid "$v/3.10.13/lib/python3.10" "$out/venvs/mid/lib/python3.10/site-packages=$list"
	graph past "$v/3.7.16/lib/python3.7" "$out/venvs/past/lib/python3.7/site-packages=$list"
}

hooks() {
	sp=site-packages
	"$new" -W ignore "$gen/hooks.py" "$root/.cache/venv/models/lib/python3.12/$sp=numpy,scipy,pandas,sklearn,joblib,networkx,dill,cloudpickle,lightgbm,xgboost,catboost,dateutil,pytz" \
		"$root/.cache/venv/mlflow/lib/python3.12/$sp=mlflow" "$out/torch2=torch,torchvision" "$out/torch22=torch" \
		/usr/lib/python3/dist-packages=torch,sklearn,scipy,numpy,joblib "$root/.cache/venv/old/lib/python3.8/$sp=numpy,scipy,pandas,sklearn,joblib" > "$out/hooks.txt"
	mv "$out/hooks.txt" "$gen/../data/hooks.txt"
}

build() { "$new" "$gen/build.py" "$out"; }

[ $# -gt 0 ] || set -- venvs live static hooks build
for step in "$@"; do
	"$step"
done
