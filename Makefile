# Everything a person needs, from a machine with only Python 3.11, Node 20 and make.
# `make help` lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3.11
BIN := .venv/bin
# Brownie looks for anvil on PATH
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export PYTHONPATH := $(CURDIR)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# A stamp counts while everything it promises is there.
PY_READY := .venv/.ready
PY_TOOLS := $(addprefix $(BIN)/,python brownie pytest ruff mypy mamushi natrix)
JS_READY := node_modules/.ready
JS_TOOLS := node_modules/.bin/anvil

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# --- install --------------------------------------------------------------------------

.PHONY: setup
setup: $(PY_READY) $(JS_READY) ## Install everything into .venv and node_modules

$(PY_TOOLS) $(JS_TOOLS): ;

$(PY_READY): requirements.lock $(PY_TOOLS)
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 not found: install it, or name it: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3.11"; exit 1; }
	@echo "setup: Python packages into .venv, about a minute"
	@for tool in $(PY_TOOLS); do test -x $$tool || { $(PYTHON) -m venv --clear .venv; break; }; done
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	@touch $@

# anvil is a ready binary in a package of its own: its install script has nothing to do
$(JS_READY): package.json package-lock.json $(JS_TOOLS)
	@command -v npm >/dev/null || { echo "npm not found: install Node 20 or newer, then run make $(or $(MAKECMDGOALS),setup) again"; exit 1; }
	@echo "setup: anvil into node_modules"
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: lock
lock: setup ## Write requirements.lock from requirements.in
	@$(BIN)/python -m pip install --quiet pip-tools
	@$(BIN)/python -m piptools compile --quiet --generate-hashes --strip-extras --no-header \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--output-file requirements.lock requirements.in

# --- use ------------------------------------------------------------------------------

.PHONY: build
build: setup ## Compile the contracts
	@brownie compile

.PHONY: demo
demo: build ## Play the whole protocol on a local chain
	@$(BIN)/python -m scripts.demo

.PHONY: bench
bench: build ## Measure gas and speed
	@$(BIN)/python -m scripts.bench

.PHONY: fuzz
fuzz: build ## Random walks against the reference model: STEPS=… SEED=… JOBS=… DOCS=1 (figures into docs), or CASE=file
	@$(BIN)/python -m scripts.fuzz $(if $(CASE),--case "$(CASE)") $(if $(STEPS),--steps $(STEPS)) \
		$(if $(SEED),--seed $(SEED)) $(if $(JOBS),--jobs $(JOBS)) $(if $(DOCS),--write-docs)

.PHONY: mutate
mutate: build ## Put faults into the contracts: do the tests notice? COUNT=… SEED=… JOBS=… MODULES="ledger marks" or REPORT=1 (write docs only)
	@$(BIN)/python -m scripts.mutate $(if $(MODULES),--modules $(MODULES)) $(if $(SEED),--seed $(SEED)) \
		$(if $(COUNT),--count $(COUNT)) $(if $(JOBS),--jobs $(JOBS)) $(if $(REPORT),--report)

.PHONY: study
study: setup ## Play crashes against traders who run for the exit, about two minutes: RUNS=… SEED=…
	@$(BIN)/python -m scripts.study_exits $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED))

.PHONY: replay
replay: build ## Live through 10 October 2025 at full size, one to seven minutes: DATA=folder of the public files, SEED=… DOCS=1
	@$(BIN)/python -m scripts.replay $(if $(DATA),--data "$(DATA)") $(if $(SEED),--seed $(SEED)) $(if $(DOCS),--write-docs)

.PHONY: stress
stress: build ## Named scenarios and a random sweep against the contracts: RUNS=… SEED=… JOBS=… DOCS=1
	@$(BIN)/python -m scripts.stress $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(JOBS),--jobs $(JOBS)) $(if $(DOCS),--write-docs)

.PHONY: shocks
shocks: build ## Stress view of a running venue, some seconds: RPC=… ACCOUNT=… SHOCKS="-30 +10" JSON=file
	@$(BIN)/python -m scripts.shocks $(if $(RPC),--rpc "$(RPC)") $(if $(ACCOUNT),--account "$(ACCOUNT)") \
		$(if $(SHOCKS),--shocks $(SHOCKS)) $(if $(JSON),--json "$(JSON)")

.PHONY: preview
preview: build ## What would a fill do, on a running venue: MAKER=… TAKER=… MARKET=… SIZE=… PRICE=… RPC=… MORE="--block"
	@$(BIN)/python -m scripts.preview --maker "$(MAKER)" --taker "$(TAKER)" --market "$(MARKET)" --size "$(SIZE)" \
		$(if $(PRICE),--price "$(PRICE)") $(if $(RPC),--rpc "$(RPC)") $(MORE)

.PHONY: console
console: setup ## Open a Brownie console on a local chain
	@brownie console

# --- check ----------------------------------------------------------------------------

.PHONY: test
test: lint ## Check the style, then run every test
	@brownie test --durations=10

.PHONY: test-fast
test-fast: setup ## Run the tests that take seconds
	@brownie test -m "not slow"

.PHONY: lint
lint: setup ## Check the style of every file
	@echo "lint: ruff"
	@ruff check --quiet .
	@ruff format --check . || { echo "run: make format"; exit 1; }
	@echo "lint: mypy"
	@mypy --no-error-summary
	@echo "lint: mamushi and natrix, about a minute"
	@python -m scripts.lint_vyper

.PHONY: format
format: setup ## Format every file
	@ruff check --quiet --fix --exit-zero . ; ruff format --quiet .
	@python -m scripts.lint_vyper --fix

.PHONY: clean
clean: ## Remove what was built and installed
	@rm -rf .venv node_modules build reports .hypothesis .mypy_cache .pytest_cache .ruff_cache out
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
