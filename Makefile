GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.9.0
CYCLONEDX_GOMOD_VERSION := v1.10.0
VULN_DATABASE ?= https://vuln.go.dev
FUZZTIME ?= 30s
# test/stores holds other people's programs and no code of ours.
MODULES := $(filter-out test/stores/,$(dir $(wildcard go.mod test/*/go.mod)))
BIN := bin
DIST := dist
VERSION ?= $(shell git describe --tags --always --dirty)
REVISION ?= $(shell git rev-parse HEAD)
IMAGE ?= jobferry/worker
PLATFORMS ?= linux/amd64,linux/arm64

# in_each runs a command in every module, and fails when it fails in one.
in_each = @failed=0; for module in $(MODULES); do (cd $$module && $(1)) || failed=1; done; exit $$failed

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build the static worker into bin/
	CGO_ENABLED=0 go build -trimpath -buildvcs=false \
	  -ldflags='-s -w -buildid= -X main.version=$(VERSION) -X main.revision=$(REVISION)' -o $(BIN)/worker ./cmd/worker

.PHONY: image
image: ## Build the worker's image for PLATFORMS, named IMAGE:VERSION
	docker buildx build --platform $(PLATFORMS) --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) \
	  -f deployments/Dockerfile -t $(IMAGE):$(VERSION) .

$(BIN)/cyclonedx-gomod-$(CYCLONEDX_GOMOD_VERSION):
	GOBIN=$(CURDIR)/$(BIN) go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX_GOMOD_VERSION)
	mv $(BIN)/cyclonedx-gomod $@

.PHONY: sbom
sbom: $(BIN)/cyclonedx-gomod-$(CYCLONEDX_GOMOD_VERSION) build ## Write down what the worker is made of, in CycloneDX's form, into dist/
	mkdir -p $(DIST)
	$< bin -json -licenses -version $(VERSION) -output $(DIST)/worker.cdx.json $(BIN)/worker

.PHONY: run
run: ## Run everything on this machine, with sample jobs
	go run ./cmd/standalone

.PHONY: test
test: ## Run the tests of all modules with the race detector; TESTFLAGS are added
	$(call in_each,go test -race $(TESTFLAGS) ./...)

.PHONY: test-stores
test-stores: ## Run the worker on the stores of other people; builds them first, for minutes
	go test -v -timeout 30m -parallel 4 -tags stores -run '^TestStores$$' ./test

.PHONY: vet
vet: ## Vet all modules
	$(call in_each,go vet ./...)

.PHONY: bench
bench: ## Run the micro-benchmarks
	go test -run='^$$' -bench=. -benchmem ./internal/...

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME each
	@for package in $$(go list ./internal/...); do \
	  for target in $$(go test -list='^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; \
	    go test -run='^$$' -fuzz="^$$target$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=100x $$package || exit 1; \
	  done; \
	done

$(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION):
	GOBIN=$(CURDIR)/$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv $(BIN)/golangci-lint $@

.PHONY: lint
lint: $(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION) ## Lint all modules with the pinned golangci-lint
	$(call in_each,$(CURDIR)/$< run ./...)

$(BIN)/govulncheck-$(GOVULNCHECK_VERSION):
	GOBIN=$(CURDIR)/$(BIN) go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
	mv $(BIN)/govulncheck $@

.PHONY: vuln
vuln: $(BIN)/govulncheck-$(GOVULNCHECK_VERSION) ## Look for known vulnerabilities in what is called
	$(call in_each,$(CURDIR)/$< -db $(VULN_DATABASE) ./...)

.PHONY: versions
versions: ## Check that every go.mod is tidy, and that all modules require the same versions
	$(call in_each,go mod tidy -diff)
	@awk '$$1 == "go" || $$2 ~ /^v[0-9]/ { \
	  if (($$1 in first) && first[$$1] != $$2) { print FILENAME " has " $$1 " " $$2 ", go.mod has " first[$$1]; differ = 1 } \
	  else first[$$1] = $$2 } END { exit differ }' $(MODULES:=go.mod)

# Prometheus's own tool is too large to be built here: it is taken from the
# path, or out of the package of a Debian release, which pins its version.
PROMTOOL := $(or $(shell command -v promtool),$(BIN)/promtool)

$(BIN)/promtool:
	mkdir -p $(BIN)
	cd $(BIN) && (apt-get download -q prometheus || (apt-get update -q && apt-get download -q prometheus))
	cd $(BIN) && dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x --strip-components=3 ./usr/bin/promtool && rm prometheus_*.deb

.PHONY: alerts
alerts: $(PROMTOOL) ## Check the alert rules and run their unit tests
	$< check rules deployments/monitoring/alerts.yaml deployments/monitoring/alerts_from_zero.yaml
	$< test rules deployments/monitoring/alerts_test.yaml deployments/monitoring/alerts_from_zero_test.yaml

.PHONY: tidy
tidy: ## Tidy every go.mod and format the code
	$(call in_each,go mod tidy)
	gofmt -w .

.PHONY: ci
ci: ## Run what CI runs
	.ci/run
