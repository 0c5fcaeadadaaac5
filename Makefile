GOLANGCI_LINT_VERSION := v2.15.0
FUZZTIME ?= 30s
BIN := bin

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: build
build: ## Build the static worker into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o $(BIN)/worker ./cmd/worker

.PHONY: run
run: ## Run everything on this machine, with sample jobs
	go run ./cmd/standalone

.PHONY: test
test: ## Run all tests with the race detector
	go test -race ./...

.PHONY: bench
bench: ## Run the micro-benchmarks
	go test -run='^$$' -bench=. -benchmem ./internal/...

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME each
	@for package in $$(go list ./internal/...); do \
	  for target in $$(go test -list='^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; \
	    go test -run='^$$' -fuzz="^$$target$$" -fuzztime=$(FUZZTIME) $$package || exit 1; \
	  done; \
	done

$(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION):
	GOBIN=$(CURDIR)/$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv $(BIN)/golangci-lint $@

.PHONY: lint
lint: $(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION) ## Lint with the pinned golangci-lint
	$< run ./...

.PHONY: tidy
tidy: ## Tidy go.mod and format the code
	go mod tidy
	gofmt -w .

.PHONY: ci
ci: ## Run what CI runs
	.ci/run
