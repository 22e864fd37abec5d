# The tasks of Mailrail. Nothing else starts the project.
PYTHON ?= python3
BIN := .venv/bin
# dbt's templater wants to know a warehouse, and never opens it.
export MAILRAIL_WAREHOUSE ?= /tmp/mailrail-lint.duckdb
export DO_NOT_TRACK = 1

.PHONY: demo dev test proof-long check fix bench pictures install lock

demo: .venv/.installed ## the whole loop on sample data, into an SMTP sink on this machine
	$(BIN)/mailrail demo

dev: .venv/.installed ## everything: Dagster UI, dashboards, collector, sender, mailbox reader, sink
	$(BIN)/mailrail dev

test: .venv/.installed-dev ## every test
	$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder

proof-long: .venv/.installed-dev ## the promises of the sender: hundreds of kills, every crash point (about an hour)
	$(BIN)/python -m pytest -q tests/proof

check: .venv/.installed-dev ## format, lint, types, borders, SQL
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models

fix: .venv/.installed-dev ## mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/sqlfluff fix --disable-progress-bar dbt_project/models

bench: .venv/.installed-dev ## measure, and write tests/benchmarks/results.json
	$(BIN)/python -m tests.benchmarks

pictures: .venv/.installed-dev ## the pictures of the README, from the home of the last demo (needs a Chromium)
	$(BIN)/python -m orchestration.demo.photographer

install: .venv/.installed

.venv/.installed: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
	  echo "make: $(PYTHON) cannot make a virtual environment; install Python 3.11 or newer with venv"; exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || { \
	  echo "make: Mailrail needs Python 3.11 to 3.13; run: rm -rf .venv && make PYTHON=python3.11 demo"; exit 1; }
	@echo "installing into .venv (about a minute) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.installed-dev: requirements-dev.lock .venv/.installed
	@echo "installing what the tests need ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

lock: ## renew both lock files (needs uv); they hold versions and hashes, no addresses
	uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-strip-extras --python-version 3.11 \
	  --no-emit-index-url --no-emit-find-links -q -o requirements-dev.lock
	uv pip compile pyproject.toml -c requirements-dev.lock --universal --generate-hashes --no-strip-extras \
	  --python-version 3.11 --no-emit-index-url --no-emit-find-links -q -o requirements.lock
