#!/bin/sh
# Every test, from a fresh clone: installs what is missing, checks the code, runs the tests under the race detector, lets each fuzz target
# run for a little, builds for the other systems, and scans this repository with weir itself.
set -eu
cd "$(dirname "$0")"
step() { printf '\n== %s\n' "$*"; }

step set-up
testdata/make/setup.sh test
testdata/gate/setup.sh ci

step format, vet, staticcheck
make -s lint

step build
make -s build
for os in darwin windows; do GOOS=$os go build -o /dev/null ./cmd/weir; done
GOARCH=arm64 go build -o /dev/null ./cmd/weir

step "fixtures fire: a sample (make matrix tries all of them)"
for some in 'opcode/*' 'torch/zip-d*'; do python3 testdata/make/verify_fires.py --check --only "$some"; done

step fuzz, a little of each
./fuzz.sh "${FUZZTIME:-5000x}"

step weir scans its own repository
bin/weir scan --exclude 'testdata' --exclude 'examples/hostile' --exclude internal/gateway/attack/data --exclude '.cache' --exclude bin --fail-on medium .

step "weir looks up its own modules in Go's advisories of August 2026"
bin/weir scan --db internal/advisory/testdata/go-2026-08.db --fail-on high go.mod

step "go test, what the race detector cannot show: a lockdown of all threads, bounds of memory"
go test -count=1 ./internal/sandbox

step go test, the pickle machine against every CPython
go test -timeout 20m -run 'Oracle|Opcodes|Truncated' ./internal/format/pickle

step go test
CGO_ENABLED=1 go test -race -p 2 -timeout 40m ./...
