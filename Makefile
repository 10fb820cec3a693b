# `make repro` reproduces the demo, `make test` tests, `make check` lints and type-checks.
# Needs Python 3.11 or newer, git and make; everything else is installed into .venv, once per change of the pins.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

repro: $(READY)
	. $(BIN)/activate && dvc repro

test: $(READY)
	$(BIN)/python -m pytest -m "not slow"

test-all: $(READY)
	$(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Written last: its presence means that the set-up finished. The tests import the checkout itself, so the
# package goes in without its dependencies, which are the pins'.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "clfer needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

.PHONY: repro test test-all check format
