# Every target creates what it needs in .venv, so each is a single command on a fresh machine with Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check bench clean

demo: .venv/core-ready
	@$(BIN)/agentkit demo

test: .venv/dev-ready
	$(BIN)/python -m pytest

check: .venv/dev-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

bench: .venv/dev-ready .venv/bench-ready
	$(BIN)/python tests/benchmarks/run.py

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("agentkit needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 $(MAKECMDGOALS)" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv .venv

.venv/core-ready: .venv/bin/python pyproject.toml
	@echo "Installing agentkit into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/dev-ready: .venv/bin/python pyproject.toml
	@echo "Installing agentkit and its development tools into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch .venv/core-ready $@

# An environment with the core dependencies alone: what a user's machine runs, and so what is measured.
.venv/bench-ready: .venv/bin/python pyproject.toml
	@$(PYTHON) -m venv .venv/bench
	@.venv/bench/bin/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@
