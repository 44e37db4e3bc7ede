# The only commands anyone must know. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where no bytecode is kept, each worker and each daemon that a test starts compiles every source once more.
PYTEST := env -u PYTHONDONTWRITEBYTECODE $(BIN)/pytest

.PHONY: help demo test check check-fast test-long browser databases bench lock sandbox docs clean

help:
	@echo "make demo        a company in a box: sandbox, daemon and status page, on real plants (Ctrl-C stops)"
	@echo "make test        everything: format, lint, types, import doors, all tests"
	@echo "make check-fast  the same without the slow tests, in under a minute"
	@echo "make test-long   the long runs of the fault and property tests"
	@echo "make browser     install Debian's Chromium, for the tests of the pages in a browser (as root)"
	@echo "make databases   install Debian's MariaDB, for the tests that read from one (as root; they skip without it)"
	@echo "make bench       calls, records per second and memory beside the bare-loop floor"
	@echo "make docs        the tables of keys in docs/mappings.md, made anew from the checks"
	@echo "make lock        pin requirements.txt and requirements-dev.txt anew (needs uv)"

$(VENV)/.run: requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what requirements.txt pins, hashes checked ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@echo "installing what requirements-dev.txt pins, hashes checked ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

demo: $(VENV)/.run
	@exec $(BIN)/syncd demo --config config.example.yaml

sandbox: $(VENV)/.run
	@exec $(BIN)/python -m sandbox --state var/demo

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-fast: check
	$(PYTEST) -n 2 --dist worksteal -m "not slow and not system"

test: check
	$(PYTEST) -n 4 --dist worksteal

test-long: $(VENV)/.dev
	SYNCD_LONG=1 $(PYTEST) -n 2 -m "slow or system"

browser:
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends chromium chromium-driver

# The binaries alone: the tests start a server of their own, and none runs beside.
databases:
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mariadb-server

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

lock:
	UV_PYTHON_DOWNLOADS=never uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements.in -o requirements.txt
	UV_PYTHON_DOWNLOADS=never uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements-dev.in -o requirements-dev.txt

docs: $(VENV)/.run
	$(BIN)/python -m syncd.mapping.reference docs/mappings.md

clean:
	rm -rf $(VENV) var build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
