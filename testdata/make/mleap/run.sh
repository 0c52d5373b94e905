#!/bin/sh
# Makes the fixtures of MLeap and Spark ML, or proves those that are kept.
#   run.sh verify        MLeap's own loader on all kept bundles: hostile ones fire, honest ones load, and every file that it opens is one that weir
#                        follows; needs Java 17 and Maven, about two minutes
#   run.sh make          everything anew, Spark's too; needs the venvs `mleap` and `mlflow28` of setup.sh all, about fifteen minutes
# What it fetches and builds stays in .cache/mleap.
set -eu
what=${1:-verify}
case $what in verify | make) ;; *) echo "usage: run.sh [verify|make]" >&2; exit 2 ;; esac
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
work=$top/.cache/mleap
mkdir -p "$work"

# classpath VERSION: the jars of that MLeap, those of TensorFlow first because they want the newer protobuf.
classpath() {
	if [ ! -s "$work/cp-$1.txt" ]; then
		MAVEN_OPTS=-Xmx1g mvn -q -B -f "$here/pom.xml" -Dmleap="$1" dependency:build-classpath -Dmdep.outputFile="$work/cp-$1.txt" >&2
	fi
	cat "$work/cp-$1.txt"
}

# build VERSION SOURCE…: compiles into .cache/mleap/classes-VERSION and prints the class path with it.
build() {
	version=$1
	shift
	cp=$(classpath "$version")
	out=$work/classes-$version
	sum=$(cat "$@" | cksum)
	if [ "$(cat "$out/.stamp" 2> /dev/null || true)" != "$sum" ]; then
		rm -rf "$out"
		mkdir -p "$out"
		java -Xmx1g -cp "$cp" scala.tools.nsc.Main -nowarn -usejavacp -d "$out" "$@" >&2
		echo "$sum" > "$out/.stamp"
	fi
	echo "$out:$cp"
}

cd "$here"
new=$(build 0.20.0 Bundles.scala Fire.scala Graphs.scala Ops.scala)
cp application.conf "$work/classes-0.20.0/"
name="mleap 0.20.0, tensorflow 2.4.1"
if [ "$what" = make ]; then
	old=$(build 0.16.0 Bundles.scala Ops.scala)
	python=$top/.cache/venv/mleap/bin/python
	rm -rf "$work/new" "$work/old" "$work/graphs" "$work/spark"
	java -Xmx1g -cp "$new" weir.testdata.Bundles "$work/new"
	java -Xmx1g -cp "$old" weir.testdata.Bundles "$work/old"
	java -Xmx1g -cp "$new" weir.testdata.Graphs "$work/graphs" 2> /dev/null
	javac -d "$work/canary" canary/weir/Canary.java
	{
		sed -n 1p "$top/internal/rule/mleap-ops.txt"
		for c in "$old" "$new"; do java -Xmx512m -cp "$c" weir.testdata.Ops; done | LC_ALL=C sort -u
		sed -n '/^# Of modules/,$p' "$top/internal/rule/mleap-ops.txt"
	} > "$work/ops.txt"
	cp "$work/ops.txt" "$top/internal/rule/mleap-ops.txt"
	"$python" spark_models.py "$work/spark"
	python3 benign.py "$work/new" "$work/old" "$work/graphs" "$work/spark" "$top/testdata/benign"
	"$top/.cache/venv/mlflow28/bin/python" tables.py "$top/testdata/benign"
	python3 malicious.py "$work/graphs" "$work/new" "$work/canary" "$top/testdata/malicious"
	python3 fire.py "$top/testdata/malicious" "$new" "$name" --write
	"$python" spark_malicious.py "$work/spark" "$top/testdata/malicious" "$work/canary"
fi
(cd "$top" && go build -o "$work/weir" ./cmd/weir)
python3 fire.py "$top/testdata/malicious" "$new" "$name"
python3 fire.py "$top/testdata/benign" "$new" "$name"
python3 oracle.py "$top/testdata" "$new" "$work/weir"
