# Everything from a bare checkout: each target makes .venv by itself, from locked dependencies with hashes.
# What runs the relay needs the runtime lock only; what works on it needs the other one too.
PYTHON ?= python3
# Processes that test: one more than there are cores, since most tests spend most of their time waiting.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(4, len(os.sched_getaffinity(0)) + 1))' 2>/dev/null || echo 2)
PIP_INSTALL := .venv/bin/python -m pip install --quiet --disable-pip-version-check
READY := .venv/.ready
READY_DEV := .venv/.ready-dev

.DEFAULT_GOAL := help
.PHONY: help install demo run test campaigns lint bench words lock sbom

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY_DEV) ## Make .venv with everything in it

demo: $(READY) ## Try the relay between a Telegram and a Kit that run on this machine
	.venv/bin/python -m relay demo $(ARGS)

run: $(READY) ## Run the relay with the settings of the environment and .env
	.venv/bin/python -m relay run

# The processes must collect the same tests in the same order: hence the hash seed. Each loads all modules: so what Python has
# compiled is kept, also where the shell says otherwise.
test: $(READY_DEV) ## Run the tests and show what they cover; ARGS="-k NAME" goes to pytest
	PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE= .venv/bin/python -m pytest --numprocesses $(WORKERS) --dist worksteal --cov=relay --cov-report=term-missing:skip-covered $(ARGS)

campaigns: $(READY_DEV) ## Run each campaign in its short form; ARGS="kills" runs one
	.venv/bin/python -m tests.campaigns $(ARGS)

lint: $(READY_DEV) ## Check style and types
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench: $(READY_DEV) ## Measure; BEFORE=COMMIT measures beside the relay of that commit
	.venv/bin/python -m tests.bench $(if $(BEFORE),--before "$(BEFORE)") $(ARGS)

words: $(READY_DEV) ## Compile the catalogues of all languages, and list their lines in docs/languages.md
	.venv/bin/python -m tests.words.catalogues

lock: ## Lock the newest versions that pyproject.toml allows
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && $(PYTHON) -m venv "$$tools" \
	&& "$$tools/bin/pip" install --quiet --disable-pip-version-check uv \
	&& compile="$$tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-strip-extras --upgrade" \
	&& $$compile pyproject.toml --extra media --extra postgres -o requirements.lock \
	&& $$compile pyproject.toml --extra media --extra postgres --group dev -c requirements.lock -o requirements-dev.lock

sbom: ## Write what the relay is made of to sbom.json (CycloneDX), from the runtime lock with its hashes
	@tools=$$(mktemp -d) && trap 'rm -rf "$$tools"' EXIT && $(PYTHON) -m venv "$$tools" \
	&& "$$tools/bin/pip" install --quiet --disable-pip-version-check "cyclonedx-bom>=7.5,<8" \
	&& "$$tools/bin/cyclonedx-py" requirements --pyproject pyproject.toml --output-reproducible -o sbom.json requirements.lock \
	&& echo "sbom.json: $$(grep -c '"bom-ref"' sbom.json) entries"

$(READY): requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON). On Debian: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is older than 3.11. On Debian 12 or later: apt-get install python3 python3-venv;" \
			"or name a newer one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments. On Debian: apt-get install python3-venv"; exit 1; }
	@echo "First time here: making a Python environment in .venv ..."
	@test -x .venv/bin/pip || $(PYTHON) -m venv --clear .venv
	@echo "Downloading $$(grep -c '^[a-z].*==' requirements.lock) packages and checking their hashes: about half a minute ..."
	@$(PIP_INSTALL) --require-hashes -r requirements.lock
	@touch $@

$(READY_DEV): $(READY) requirements-dev.lock pyproject.toml
	@echo "Downloading what tests and checks need, $$(grep -c '^[a-z].*==' requirements-dev.lock) packages in all: about a minute ..."
	@$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@
