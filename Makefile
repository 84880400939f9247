# make help lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c '$(USABLE)' >/dev/null 2>&1 && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
DEV_STAMP := $(VENV)/.ready-dev

# Each generated file and the module that writes it to stdout; $(1) is what is done with that.
generated = for pair in openapi.json:chalicelib.api.openapi docs/reference/api.md:chalicelib.api.reference \
	docs/reference/cli.md:ancla_cli.reference; do \
	file=$${pair%:*}; $(BIN)/python -m $$(cut -d: -f2 <<< $$pair) | { $(1); } || exit 1; done

##@ Try it
.PHONY: demo
demo: $(STAMP) ## The main job on this machine, told step by step (KEEP=1 leaves it running)
	@$(BIN)/python -m tests.demo

.PHONY: up
up: $(STAMP) ## Serve on this machine in the foreground (ANCLA_HOME, ANCLA_PORT, ANCLA_ROUTER_PORT)
	@exec $(BIN)/python local.py

.PHONY: user
user: $(STAMP) ## Add a user, and print the first key (NAME=maria EMAIL=…)
	@$(BIN)/python users.py $(NAME) $(EMAIL)

.PHONY: doctor
doctor: $(STAMP) ## Look at this installation: settings, engines, rights, each with a hint where it is not right (JSON=1)
	@$(BIN)/python doctor.py $(if $(JSON),--json)

##@ Real engines (Linux, root)
.PHONY: engines
engines: ## Build the real engines once, into the cache: Kubernetes, Vault, Consul, registry, BuildKit (ANCLA_ENGINES_CACHE)
	@$(PYTHON) -m engines build

.PHONY: engines-up
engines-up: ## Start what is not running, and wait until all is ready (ANCLA_ENGINES_HOME)
	@$(PYTHON) -m engines up

.PHONY: engines-down
engines-down: ## Stop everything and leave nothing behind (KEEP=1 keeps data and logs)
	@$(PYTHON) -m engines down $(if $(KEEP),--keep)

.PHONY: engines-status
engines-status: ## Name, version, state, address and pid of each engine
	@$(PYTHON) -m engines status

.PHONY: engines-logs
engines-logs: ## The last lines of an engine's log (NAME=apiserver, FOLLOW=1)
	@$(PYTHON) -m engines logs $(NAME) $(if $(FOLLOW),--follow)

.PHONY: test-engines
test-engines: $(DEV_STAMP) ## The suites and stories on real engines, on sets of their own (SETS=2, SHARES="builder twice", AGAIN=1)
	@SETS=$(SETS) $(BIN)/python -m tests.lane $(if $(AGAIN),--again) $(SHARES)

.PHONY: bench-engines
bench-engines: $(DEV_STAMP) ## Figures on the real engines that run, beside kubectl and helm, in bench-engines.json (PAIRS=30, TURNS=100, PARTS=pairs)
	@ANCLA_PROFILE=engines ANCLA_ENGINES_HOME="$${ANCLA_ENGINES_HOME:-$(CURDIR)/.engines-home}" PAIRS=$(PAIRS) TURNS=$(TURNS) $(BIN)/python -m tests.bench_engines $(PARTS)

##@ Work on it
.PHONY: setup
setup: $(DEV_STAMP) ## Make .venv with everything that development needs

.PHONY: test
test: $(DEV_STAMP) ## All tests
	@$(BIN)/pytest -n auto --dist loadfile

.PHONY: unit
unit: $(DEV_STAMP) ## The quick tests, for every save: all but contracts, journeys and simulation
	@$(BIN)/pytest -n auto tests --ignore tests/contracts --ignore tests/journeys --ignore tests/simulation

.PHONY: simulate
simulate: $(DEV_STAMP) ## Many random stories with random faults over virtual time (SEEDS=500)
	@ANCLA_SIMULATION_SEEDS=$(or $(SEEDS),500) $(BIN)/pytest tests/simulation -n auto

.PHONY: bench
bench: $(DEV_STAMP) ## Figures as a table and in bench.json: deploy overhead, API latency, 20 services at once, rollback, idle
	@$(BIN)/python -m tests.bench

.PHONY: check
check: $(DEV_STAMP) ## What CI checks beside the tests: style, types, import contracts, dead code, dependencies, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/vulture
	@for part in . cli sdks/python; do (cd $$part && $(CURDIR)/$(BIN)/deptry .) || exit 1; done
	@$(call generated,diff -u $$file - || { echo "$$file is not what the code declares: run make generate" >&2; exit 1; })

.PHONY: generate
generate: $(DEV_STAMP) ## Write the generated files anew: openapi.json, docs/reference/{api,cli}.md
	@$(call generated,tee $$file >/dev/null)

.PHONY: format
format: $(DEV_STAMP) ## Lay the code out
	@$(BIN)/ruff check --fix-only -q .
	@$(BIN)/ruff format -q .

.PHONY: lock
lock: $(DEV_STAMP) ## Pin the newest versions of what requirements*.in ask for
	@for f in requirements requirements-local requirements-dev; do $(BIN)/uv pip compile --universal --python-version 3.11 --no-header --no-emit-index-url --generate-hashes --upgrade --quiet $$f.in -o $$f.txt; done

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/uv:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed: install it, or name it: make PYTHON=/path/to/python3 …" >&2; exit 1; }
	@echo "setting up $(VENV) with $(PYTHON)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check uv==$(shell sed -n 's/^uv==\([0-9.]*\).*/\1/p' requirements-dev.txt)

$(STAMP): $(VENV)/bin/uv requirements-local.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements-local.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e sdks/python -e cli
	@touch $@

$(DEV_STAMP): $(VENV)/bin/uv requirements-dev.txt $(STAMP)
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements-dev.txt
	@touch $@
