# Every target creates what it needs in .venv, so each is a single command on a fresh machine with Python 3.11+ and make.
BIN := .venv/bin
PIP := -m pip install --quiet --disable-pip-version-check

.PHONY: demo help test check bench faults fuzz load clean

demo: .venv/core-ready
	@$(BIN)/agentkit demo

help:
	@echo "make demo     an agent at work on the files here; no key, no network (what 'make' alone does)"
	@echo "make test     the tests"
	@echo "make check    format, lint, types, layers and tests, as CI runs them"
	@echo "make faults   what becomes of every fault of a provider, as a table; some minutes"
	@echo "make load     10,000 runs at once against a simulator that fails"
	@echo "make fuzz     bytes that no reader may break on, for ten minutes (SECONDS=60: for one)"
	@echo "make bench    the speed of agentkit beside other ways"
	@echo "make clean    remove what the others made"

# Three at a time: many tests wait more than they compute; more than three would disturb those that are about time.
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadfile

test: .venv/dev-ready
	@$(PYTEST)

check: .venv/dev-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(PYTEST)

bench: .venv/dev-ready .venv/bench-ready
	@$(BIN)/python tests/benchmarks/run.py
	@$(BIN)/python tests/benchmarks/run.py --transport fast

# What becomes of every fault of a provider, as a table: the outcome, the requests on the wire, the time.
faults: .venv/dev-ready
	@$(BIN)/python tests/simulator/print_faults.py

# Atheris has wheels for some platforms only; without it the same changes are made at random.
fuzz: .venv/dev-ready
	@$(BIN)/python $(PIP) --only-binary=:all: atheris || true
	@$(BIN)/python tests/fuzz/run.py $(or $(SECONDS),600)

# 10,000 runs at once against a simulator that fails one request of twenty, on both event loops.
load: .venv/dev-ready
	@$(BIN)/python tests/simulator/load.py 10000 asyncio
	@$(BIN)/python tests/simulator/load.py 10000 trio

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache .fuzz

# The first Python that is new enough, unless one is named: make PYTHON=python3.12 demo
.venv/bin/python:
	@for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python); do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    $$python -m venv .venv || { rm -rf .venv; exit 1; }; exit 0; \
	  fi; \
	done; \
	echo "agentkit needs Python 3.11 or newer; found: $$($(or $(PYTHON),python3) --version 2>&1)."; \
	echo "Install one, and name it if it is not on the PATH: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; \
	exit 1

.venv/core-ready: .venv/bin/python pyproject.toml
	@echo "Installing agentkit into .venv (once; needs the package index) ..."
	@$(BIN)/python $(PIP) --editable .
	@touch $@

.venv/dev-ready: .venv/bin/python pyproject.toml
	@echo "Installing agentkit and its development tools into .venv (once; needs the package index) ..."
	@$(BIN)/python $(PIP) --editable '.[dev]'
	@touch .venv/core-ready $@

# An environment with the core dependencies and `fast` alone: what a user's machine runs, and so what is measured.
.venv/bench-ready: .venv/bin/python pyproject.toml
	@$(BIN)/python -m venv .venv/bench
	@.venv/bench/bin/python $(PIP) --editable '.[fast]'
	@touch $@
