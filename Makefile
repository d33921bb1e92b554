# `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PY := .venv/bin/python
# It doubles the start time of every Airflow process, and some machines set it.
unexport PYTHONDONTWRITEBYTECODE
# Tests that break services, lakes and processes, compare with other programs, or measure: `make test-long` runs them.
LONG := tests/failures tests/benchmarks tests/lake/test_store_elsewhere.py tests/demo/test_late_events.py \
	$(addprefix tests/quality/test_,$(addsuffix .py,deferred_import same_meaning_everywhere suite suite_cost)) \
	$(addprefix tests/sandbox/core/test_,$(addsuffix .py,kill load process)) tests/sandbox/openapi/test_openapi_fuzz.py tests/mixpanel/test_event_time.py \
	tests/sandbox/client/test_pytest_plugin.py tests/sandbox/aep/flows/test_odd_bodies.py tests/sandbox/demo_data/test_demo_data.py \
	$(addprefix tests/sandbox/aep/query_service/test_,$(addsuffix .py,limits sessions sql)) \
	$(addprefix tests/airflow/test_,$(addsuffix .py,alert_deadlines alerts examples forms partial_ingestion shards signals trial_alerts)) \
	tests/aep/setup/test_profile_configurations.py \
	$(addprefix tests/cli/test_,$(addsuffix .py,audit_and_status documented_commands every_command migrate tutorial)) \
	$(addprefix tests/security/test_,$(addsuffix .py,files forged_lake forgetting linear_expressions roles secrets_of_commands)) \
	$(addprefix tests/steps/,$(addsuffix .py,test_contradictions test_refreshed_day retention/test_clean retention/test_clean_sequences forget/test_forget \
	history/test_contradicted_ledger history/test_histories ingest/test_late_and_replaced ingest/test_partial_ingestion \
	reconcile/test_audit recover/test_recover recover/test_adopt_and_release transform/test_delta_mapping \
	transform/test_transform_order transform/test_worker_processes validate/test_shards verify/test_verify))
# One more than the number of cores, because tests wait for processes and servers that they start.
WORKERS := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))
export LAKE PORT SANDBOX_PORT S3_PORT WORKER_LOG_PORT TRIGGER_LOG_PORT

.PHONY: help ports setup demo up down test test-long test-browser test-schemas test-distributed faults bench bench-large bench-scheduler check coverage format lint lint-workflows matrix types docs docs-site lock check-lock audit-packages clean

help: ## lists the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo "  LAKE=s3 keeps the demo's lake on a local S3 server; PORT, SANDBOX_PORT, S3_PORT, WORKER_LOG_PORT and"
	@echo "  TRIGGER_LOG_PORT set other ports, as in: make demo PORT=18080"

setup: ## creates .venv from the lock; instant if nothing changed
	@scripts/setup.sh

ports:
	@scripts/check_ports.sh

demo: ports setup ## runs the whole pipeline on this machine: backfill, table, proof; then stops its processes
	@$(PY) -m scripts.demo run

up: ports setup ## starts the demo's Airflow and sandbox, and leaves them running
	@$(PY) -m scripts.demo up

down: setup ## stops the processes of `make up`
	@$(PY) -m scripts.demo down

test: setup ## runs the tests, without those of test-long and faults; five minutes on two cores
	@$(PY) -m pytest -n $(WORKERS) --ignore=tests/faults --ignore=tests/browser --ignore-glob='tests/airflow/test_faults_*.py' $(addprefix --ignore=,$(LONG))

test-long: setup ## runs the long tests: services that fail, comparisons with other programs, measurements
	@$(PY) -m pytest -n $(WORKERS) --dist=loadgroup $(LONG)

test-browser: setup ## tests the board in chromium, with its own Airflow and sandbox; about 5 minutes, SCREENSHOTS=folder keeps screenshots
	@scripts/browser.sh

test-schemas: setup ## tests setup, a day and verify with all of Adobe's field groups for events; make test covers ten of them
	@ALL_FIELD_GROUPS=1 $(PY) -m pytest -n $(WORKERS) --dist=load tests/field_groups

test-distributed: ## tests a backfill on two Celery workers, PostgreSQL, Redis and S3 with faults, and the files of deploy/; DAYS=4 is shorter
	@scripts/setup.sh --cluster
	@IMAGE_STEPS=1 CLUSTER=1 .venv-cluster/bin/python -m pytest tests/deploy tests/distributed
	@.venv-cluster/bin/python -m tests.distributed --days $(or $(DAYS),14)

bench-scheduler: ## measures Airflow's scheduler with backfills on the cluster of test-distributed; PIPELINES=100 DAYS=365 MINUTES=10
	@scripts/setup.sh --cluster
	@.venv-cluster/bin/python -m tests.distributed.scheduler_load --pipelines $(or $(PIPELINES),100) --days $(or $(DAYS),365) \
		--minutes $(or $(MINUTES),10)

faults: setup ## kills every step at every point, and counts lost and duplicate events; PLANS=500 SEED=1 MINUTES=10 set the random plans
	@$(PY) -m tests.faults

bench: setup ## measures the speed of the steps: a day of a million events, about 3 minutes; benchmarks/latest.json and .svg
	@$(PY) -m benchmarks

bench-large: setup ## as bench, and a day of ten million events, for growth; half an hour and 15 GB of TMPDIR
	@$(PY) -m benchmarks --large 10000000

check: setup check-lock lint lint-workflows types test matrix ## checks locks, format, lint, types and tests, on every installed supported Python

matrix: setup ## runs the tests on the other supported Pythons of this machine, each in a clean clone
	@scripts/matrix.sh

format: setup ## formats the code
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

lint: setup ## checks format, lint and spelling, without changes
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@git ls-files -z '*.py' '*.md' '*.sh' '*.toml' '*.yaml' '*.j2' Makefile | xargs -0 .venv/bin/codespell

lint-workflows: setup ## checks the workflows of .github: schema and security
	@.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yaml
	@.venv/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yaml
	@.venv/bin/zizmor --offline --quiet .github

coverage: setup ## measures the coverage of `make test`; a page in .coverage-html
	@$(MAKE) --no-print-directory test PYTEST_ADDOPTS="--cov --cov-report=term:skip-covered --cov-report=html"

types: setup ## runs mypy, strict
	@.venv/bin/mypy

docs: setup ## writes the generated parts of docs/sandbox.md and docs/command-line.md, and the picture of the flow
	@$(PY) scripts/sandbox_docs.py
	@$(PY) scripts/flow_picture.py
	@$(PY) -m include.cli.reference

docs-site: setup ## builds the documentation as a site in .site, without a reference to another machine
	@scripts/docs_site.sh

check-lock: setup ## checks that requirements*.in, requirements*.txt and docs/licences.md match
	@$(PY) scripts/check_lock.py
	@$(PY) scripts/licences.py --check

lock: setup ## compiles requirements*.in to requirements*.txt with hashes, and lists the licences
	@scripts/lock.sh
	@scripts/setup.sh
	@scripts/setup.sh --cluster
	@.venv-cluster/bin/python scripts/licences.py

audit-packages: setup ## lists known vulnerabilities of the images' pinned packages; "not checked" if the database cannot be reached
	@$(PY) scripts/audit_packages.py

audit-constraints: setup ## checks that requirements.in fits the constraints that Airflow publishes; "not checked" if they cannot be reached
	@scripts/audit_constraints.sh

clean: down ## removes the demo's files: its Airflow, its sandbox, its lake
	@rm -rf .run
