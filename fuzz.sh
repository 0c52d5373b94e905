#!/bin/sh
# Runs every fuzz target of the module for the number of executions (10000000x) or the time (20m) given; a second argument narrows
# them to the targets whose name matches it. Targets are found, never listed.
# A number is the safer choice: go test can take the end of its own time for a failure ("context deadline exceeded", golang/go#75804).
set -eu
cd "$(dirname "$0")"
time=${1:-5000x}
only=${2:-Fuzz}
found=0
for file in $(git ls-files '*_test.go'); do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$file" | grep -E "$only"); do
		found=$((found + 1))
		echo "fuzz $target in $(dirname "$file") for $time"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x -parallel 2 "./$(dirname "$file")" > .cache/fuzz.log 2>&1 || { cat .cache/fuzz.log; exit 1; }
		grep -E 'execs:|^ok' .cache/fuzz.log | tail -n 2
	done
done
[ "$found" -gt 0 ] || { echo "no fuzz target found" >&2; exit 1; }
echo "$found fuzz targets"
