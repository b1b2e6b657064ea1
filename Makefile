# Everything a person types. Each target sets up what it needs.
.DEFAULT_GOAL := help
.PHONY: help run test e2e check format bench chaos fuzz lock build clean
PYTHON_IN_VENV := .venv/bin/python
WORKERS ?= 2

help: ## this list
	@grep -E '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9]+):.*## (.*)/make \1\t\2/' | expand -t 14

run: ## set up and start the whole product
	@scripts/environment requirements.txt
	@exec $(PYTHON_IN_VENV) -m app up

test: ## set up and run every test
	@scripts/environment requirements-dev.txt
	@CHROMIUM=$$(scripts/browser) && export CHROMIUM && \
	{ $(PYTHON_IN_VENV) -m app build >.venv/build.log 2>&1 & } && \
	exec $(PYTHON_IN_VENV) -m pytest -n $(WORKERS) --dist loadgroup

e2e: ## the browser tests alone
	@scripts/environment requirements-dev.txt
	@CHROMIUM=$$(scripts/browser) && export CHROMIUM && exec $(PYTHON_IN_VENV) -m pytest tests/e2e

check: ## style, types, import rules, TypeScript, migrations, translations
	@scripts/environment requirements-dev.txt
	@scripts/check

format: ## format the Python code
	@scripts/environment requirements-dev.txt
	@.venv/bin/ruff check --fix -q . ; .venv/bin/ruff format .

bench: ## measure, and write the figures of docs/performance.md (FULL=1: also what takes minutes)
	@scripts/environment requirements-dev.txt
	@exec $(PYTHON_IN_VENV) -m benchmarks $(if $(FULL),--full)

chaos: ## kill parts at random under 500 runs and see that nothing is lost (RUNS=, SEED=)
	@scripts/environment requirements-dev.txt
	@exec $(PYTHON_IN_VENV) -m tests.chaos.storm $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED))

fuzz: ## edit one flow in two tabs at random, with lost connections and crashes, and compare (EDITS=, SEED=)
	@scripts/environment requirements-dev.txt
	@CHROMIUM=$$(scripts/browser) && export CHROMIUM && \
	exec $(PYTHON_IN_VENV) -m tests.chaos.editing $(if $(EDITS),--edits $(EDITS)) $(if $(SEED),--seed $(SEED))

build: ## build the pages
	@scripts/environment requirements.txt
	@exec $(PYTHON_IN_VENV) -m app build

lock: ## compile the lock files from requirements*.in, leaving out releases younger than a week
	@scripts/environment requirements-dev.txt
	@scripts/lock

clean: ## remove the environment and the build, keep the data
	rm -rf .venv .web .states .mypy_cache .ruff_cache .pytest_cache assets/external
