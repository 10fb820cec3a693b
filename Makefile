# `make repro` reproduces the demo, `make test` tests, `make check` lints and type-checks.
# Needs Python 3.11 or newer, git and make; everything else is installed into .venv, or VENV, once per change of the pins.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PINS := $(VENV)/pins
READY := $(VENV)/ready
# A file's tests stay in one process, and find what the first of them made.
PARALLEL := --numprocesses auto --maxprocesses 8 --dist loadfile
QUIET := --quiet --quiet --disable-pip-version-check

repro: $(READY)
	. $(BIN)/activate && dvc repro

test: $(READY)
	$(BIN)/python -m pytest -m "not slow" $(PARALLEL)

test-all: $(READY)
	$(BIN)/python -m pytest $(PARALLEL)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Each mark is written last: its presence means that the step before it finished. The pins take minutes and
# are installed again only when they change; the package itself goes in without its dependencies, in seconds.
$(READY): $(PINS) pyproject.toml
	$(BIN)/python -m pip install $(QUIET) --no-deps --no-build-isolation --editable .
	touch $(READY)

$(PINS): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "clfer needs Python 3.11 or newer; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(QUIET) --no-deps --require-hashes --requirement requirements.lock
	touch $(PINS)

.PHONY: repro test test-all check format
