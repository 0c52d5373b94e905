# weir: `make demo` runs the main job on real input, `make test` passes every test. Both install what they need.

export CGO_ENABLED = 0
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: build demo test lint fuzz matrix bench fixtures docs

build: ## bin/weir
	go build -trimpath -o bin/weir ./cmd/weir

demo: build ## scan the examples, then explain what was found
	-bin/weir scan examples
	@echo
	bin/weir explain pickle/code-execution

test: ## everything that CI runs
	./test.sh

lint:
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "not gofmt'ed: $$out"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

FUZZTIME ?= 10000000x
fuzz: ## every fuzz target for FUZZTIME (a count such as 10000000x, or a go duration)
	./fuzz.sh $(FUZZTIME)

matrix: ## all environments: old frameworks, every fixture made and loaded again
	testdata/make/setup.sh all
	python3 testdata/make/benign/run.py
	python3 testdata/make/benign/check.py --load
	python3 testdata/make/verify_fires.py --check
	python3 testdata/make/mlflow/models.py check
	testdata/make/mleap/run.sh verify
	WEIR_DETONATE_ALL=1 go test -count=1 ./internal/sandbox/detonate
	python3 testdata/make/benign/corpus.py
	go test ./internal/catalog -run Corpus
	testdata/gate/setup.sh all
	go test -timeout 90m ./internal/gateway/attack -args -every
	WEIR_GATE_ALL=1 go test -count=1 -timeout 30m -run TestServers ./internal/gateway/serving
	WEIR_RAW=1000000 go test -count=1 -timeout 60m -run Desync ./internal/gateway/wire

bench: ## weir and its peers, turn by turn
	bench/run

fixtures: ## make the fixtures again with the real frameworks
	testdata/make/setup.sh all
	python3 testdata/make/benign/run.py
	testdata/make/mleap/run.sh make
	python3 testdata/make/mlflow/models.py make
	python3 testdata/make/mlflow/models.py fire

docs: build ## generated documents: rule pages and the picture of a scan
	go test ./internal/catalog -run 'Test(Rule|System)Pages' -update
	python3 docs/picture.py
