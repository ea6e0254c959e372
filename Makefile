# Needs Python 3.11 or newer and make; the first run of any target sets up .venv from the lock.

PYTHON ?= python3
WORKERS ?= 2

BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
STAMP := .venv/.installed
CODE := src tests

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench lock clean

help:
	@echo 'make demo    show a full report on an embedded account, no AWS credentials needed'
	@echo 'make test    everything that CI runs: lint, types, import contract, tests'
	@echo 'make lint    ruff, mypy and the import contract only'
	@echo 'make format  let ruff format and mend the code'
	@echo 'make bench   measure the speed figures'
	@echo 'make setup   only create .venv'
	@echo 'make lock    write requirements.lock anew with the newest versions'
	@echo 'make clean   remove .venv and everything that was made'

setup: $(STAMP)

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("whyblocked needs Python 3.11 or newer; this is %d.%d: make PYTHON=python3.x" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo 'Setting up .venv (once, about a minute) ...'
	@$(PYTHON) -m venv .venv
	@$(PIP) install -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)
	@$(BIN)/whyblocked demo

test: lint
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --cov --cov-report=term

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	@$(BIN)/python -m tests.benchmarks

# In a throw-away environment, so that the resolver is no dependency of the project.
lock:
	@tmp=$$(mktemp -d) && trap 'rm -rf "$$tmp"' EXIT && \
	$(PYTHON) -m venv "$$tmp/venv" && "$$tmp/venv/bin/python" -m pip -qq install uv && \
	{ echo '# Exact versions of everything that make installs, for Python 3.11 and newer.'; \
	  echo '# Written by "make lock" from pyproject.toml: edit that.'; } > "$$tmp/lock" && \
	"$$tmp/venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	  --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
	  --group pyproject.toml:dev pyproject.toml >> "$$tmp/lock" && \
	cp "$$tmp/lock" requirements.lock

clean:
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache htmlcov .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
