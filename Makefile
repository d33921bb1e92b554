# `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
# It doubles the start of every Airflow process, and some machines set it.
unexport PYTHONDONTWRITEBYTECODE
# What breaks services, lakes and processes, compares with other programs, or measures: too long for `make test`.
LONG := tests/failures tests/benchmarks tests/quality/test_same_meaning_everywhere.py tests/sandbox/openapi/test_openapi_fuzz.py \
	$(addprefix tests/security/test_,$(addsuffix .py,forged_lake linear_expressions roles)) \
	$(addprefix tests/steps/,$(addsuffix .py,test_contradictions clean/test_clean_sequences recover/test_recover \
	transform/test_delta_mapping transform/test_worker_processes))
# One more than the cores, because tests wait for processes and servers that they start.
WORKERS := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))
export LAKE PORT SANDBOX_PORT S3_PORT WORKER_LOG_PORT TRIGGER_LOG_PORT

.PHONY: help setup demo up down test test-browser test-schemas test-distributed faults bench bench-large check coverage format lint lint-workflows matrix types docs docs-site lock check-lock audit-packages clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo "  LAKE=s3 keeps the demo's lake on a local S3 stand-in; PORT, SANDBOX_PORT, S3_PORT, WORKER_LOG_PORT and"
	@echo "  TRIGGER_LOG_PORT choose other ports, as in: make demo PORT=18080"

setup: ## .venv from the lock; instant when nothing changed
	@scripts/setup.sh

demo: setup ## the whole pipeline on this machine: backfill, table, proof; stops what it started
	@$(PY) -m scripts.demo run

up: setup ## the demo's Airflow and sandbox, left running
	@$(PY) -m scripts.demo up

down: setup ## stops what `make up` started
	@$(PY) -m scripts.demo down

test: setup ## the tests; those that break something, or take long, are `make faults`
	@$(PY) -m pytest -n $(WORKERS) --ignore=tests/faults --ignore=tests/browser --ignore-glob='tests/airflow/test_faults_*.py' $(addprefix --ignore=,$(LONG))

test-browser: setup ## the board in chromium, against an Airflow and a sandbox of its own; some 5 minutes, SCREENSHOTS=folder keeps pictures
	@scripts/browser.sh

test-schemas: setup ## setup, a day and verify with every field group for events that Adobe publishes; make test takes ten of them
	@ALL_FIELD_GROUPS=1 $(PY) -m pytest -n $(WORKERS) --dist=load tests/field_groups

test-distributed: ## a backfill on two Celery workers, PostgreSQL, Redis and S3 under faults; the files of deploy/; DAYS=4 is shorter
	@scripts/setup.sh --cluster
	@.venv-cluster/bin/python -m pytest tests/deploy
	@.venv-cluster/bin/python -m tests.distributed --days $(or $(DAYS),14)

faults: setup ## kills every step at every point, and compares what is lost or twice; PLANS=500 SEED=1 MINUTES=10 choose the random plans
	@$(PY) -m tests.faults $(LONG)

bench: setup ## how fast the steps are: a day of a million events, some 3 minutes; benchmarks/latest.json and .svg
	@$(PY) -m benchmarks

bench-large: setup ## the same, and a day of ten million events, for growth; half an hour and 15 GB of TMPDIR
	@$(PY) -m benchmarks --large 10000000

check: setup check-lock lint lint-workflows types test matrix ## locks, format, lint, types and tests, on every supported Python found

matrix: setup ## the tests on the other supported Pythons of this machine, each in a clean clone
	@scripts/matrix.sh

format: setup ## formats the code
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

lint: setup ## format, lint and spelling, without changing anything
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@git ls-files -z '*.py' '*.md' '*.sh' '*.toml' '*.yaml' '*.j2' Makefile | xargs -0 .venv/bin/codespell

lint-workflows: setup ## the workflows of .github: their schema, and what is unsafe in them
	@.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yaml
	@.venv/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yaml
	@.venv/bin/zizmor --offline --quiet .github

coverage: setup ## the lines and branches that the tests of `make test` execute; a page in .coverage-html
	@$(MAKE) --no-print-directory test PYTEST_ADDOPTS="--cov --cov-report=term:skip-covered --cov-report=html"

types: setup ## mypy, strict
	@.venv/bin/mypy

docs: setup ## the generated parts of docs/sandbox.md and docs/command-line.md
	@$(PY) scripts/sandbox_docs.py
	@$(PY) -m include.cli.reference

docs-site: setup ## the documentation as a site in .site, without a reference to another machine
	@scripts/docs_site.sh

check-lock: setup ## requirements.in and requirements.txt agree, and docs/licences.md with them
	@$(PY) scripts/check_lock.py
	@$(PY) scripts/licences.py --check

lock: setup ## compiles requirements*.in to requirements*.txt with hashes, and lists the licences
	@scripts/lock.sh
	@scripts/setup.sh
	@$(PY) scripts/licences.py

audit-packages: setup ## known vulnerabilities of what requirements.txt pins; "not checked" where their database cannot be reached
	@$(PY) scripts/audit_packages.py

clean: down ## removes what the demo left behind: its Airflow, its sandbox, its lake
	@rm -rf .run
