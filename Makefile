# `make` lists the targets. Needs Python 3.11 or newer, pip and make; everything else is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EXTRAS := celery e2e kubernetes otel sandbox test
# Also in an activated .venv, whose Python has no pip.
export PATH := $(subst $(CURDIR)/$(VENV)/bin:,,$(PATH))
# The machine's pip installs into .venv, so that a Python without `ensurepip` (Debian's) is enough.
PIP = $(PYTHON) -m pip --python $(@D)/bin/python --disable-pip-version-check --no-input
# Each command chooses its Dagster instance; none inherits that of the shell.
unexport DAGSTER_HOME

.DEFAULT_GOAL := help
# A test that asks what make would do is itself started by make, which would say which directory it enters.
MAKEFLAGS += --no-print-directory

.PHONY: help demo dev test e2e screenshots docs-check test-slow test-backfills test-celery soak-records soak-system deploy-check audit lint
.PHONY: bench capacity pins clean

help: ## This list.
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 16

demo: $(READY) ## One whole sync from a simulated INN8 into an embedded Postgres, with its log and its rows.
	@$(BIN)/inn8 demo

dev: $(READY) ## The same environment with the Dagster UI and the schedule, until Ctrl-C; PORT=3001 chooses the port.
	@$(BIN)/inn8 dev $(if $(PORT),--port $(PORT))

test: lint ## Lint, types, import rules, definitions; then the tests.
	@$(BIN)/pytest -n auto -m "not slow"

test-slow: $(READY) ## The tests of more than some ten seconds, and those that run many processes.
	@$(BIN)/pytest -n auto -m slow

e2e: $(READY) ## Test the Dagster UI in a real browser; installs Debian's Chromium if it is missing and apt-get is allowed.
	@which chromium chromedriver > /dev/null || test "$$(id -u)" != 0 || ! which apt-get > /dev/null || \
		{ apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium chromium-driver > /dev/null; }
	@$(BIN)/pytest $(addprefix inn8_pipeline_tests/e2e/test_,report.py ui.py)

screenshots: export SCREENSHOTS := docs
screenshots: e2e ## As e2e, and take the pictures of docs/ again.

docs-check: $(READY) ## Type the commands and queries of README.md and docs/, page by page, in a clone of its own.
	@$(BIN)/pytest $(addprefix inn8_pipeline_tests/docs/test_,parsing.py commands.py questions.py)

EXAMPLES ?= 200
soak-records: $(READY) ## Change, break, kill and sync at random for a long time: make soak-records EXAMPLES=200.
	@SOAK_EXAMPLES=$(EXAMPLES) $(BIN)/pytest inn8_pipeline_tests/soak inn8_pipeline_tests/defs/test_kills.py \
		inn8_pipeline_tests/extract/test_budget.py --hypothesis-profile soak

test-backfills: $(READY) ## Backfills of 100 days whose daemon is killed or finds a broken setting, with the real daemon.
	@$(BIN)/pytest -n 0 inn8_pipeline_tests/defs/engines/test_backfills.py

test-celery: $(READY) ## Backfill on Celery and kill a worker; installs redis-server if it is missing and apt-get is allowed.
	-@command -v redis-server > /dev/null || ! command -v apt-get > /dev/null || test "$$(id -u)" != 0 || \
		{ apt-get update -qq && apt-get install -qq -y --no-install-recommends redis-server; }
	@$(BIN)/pytest -n 0 $(addprefix inn8_pipeline_tests/defs/engines/test_,celery.py celery_hosts.py lost_hosts.py)

MINUTES ?= 60
soak-system: $(READY) ## Run everything for a long time with random faults, kills and restarts: make soak-system MINUTES=60.
	@$(BIN)/python -m inn8_pipeline_tests.system --minutes $(MINUTES)

deploy-check: $(READY) $(VENV)-deploy/.ready ## Check deploy/ as far as possible without a container engine: the image's steps, nginx, schemas.
	@DEPLOY_PYTHON="$$(command -v $(PYTHON))" DEPLOY_TOOLS=$(CURDIR)/$(VENV)-deploy/bin \
		$(BIN)/pytest -o python_files='test_*.py check_*.py' inn8_pipeline_tests/deploy

audit: $(VENV)-audit/.ready ## Check the pinned packages for known weaknesses.
	@# Without --strict it succeeds even if the service could not be asked.
	@$(VENV)-audit/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r constraints.txt || { \
		echo "Either a weakness stands above, or the vulnerability service could not be asked (\"could not be audited\", a"; \
		echo "connection error): then NOTHING was audited. Run it where the service can be reached."; exit 1; }

lint: $(READY) ## Everything of `make test` but the tests.
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo
	@# Its successor, `dg check defs`, is in another package.
	@# In an empty instance: the storage of dagster.yaml needs a Postgres, the definitions do not.
	@mkdir -p $(VENV)/dagster_home && DAGSTER_HOME=$(CURDIR)/$(VENV)/dagster_home \
		PYTHONWARNINGS='ignore:Function `definitions_validate_command`' $(BIN)/dagster definitions validate --log-level warning

bench capacity: export BENCH_PYTHON := $(CURDIR)/$(VENV)-plain/bin/python
bench: $(READY) $(VENV)-bench/.ready $(VENV)-plain/.ready ## Compare with dlt and a bare script, half an hour; a quick look: BENCH="--transactions 20000 --rounds 1".
	@$(BIN)/python -m benchmarks --dlt-python $(VENV)-bench/bin/python --paging $(BENCH)

capacity: $(READY) $(VENV)-plain/.ready ## Measure how far one machine goes: transactions, rows, tenants; a quarter of an hour.
	@$(BIN)/python -m benchmarks.capacity $(CAPACITY)

new-environment = $(PYTHON) -m venv --clear --without-pip $(@D) && echo '*' > $(@D)/.gitignore
# The project as its users install it: one of the tests' packages would slow every command down (httpcore imports trio).
$(VENV)-plain/.ready: constraints.txt pyproject.toml
	@echo "Setting up $(VENV)-plain, once: the project without the packages of its tests."
	@$(new-environment)
	@sed -n 's/^\([a-z0-9._-]*\)\(\[[^]]*\]\)*\(==[^ ;]*\).*/\1\3/p' constraints.txt > $(@D)/constraints.txt
	@$(PIP) install -qq -c $(@D)/constraints.txt -e .
	@touch $@

# Each of these has a virtual environment of its own, because its packages conflict with our pins.
$(VENV)-audit/.ready $(VENV)-bench/.ready $(VENV)-deploy/.ready: $(VENV)-%/.ready: pyproject.toml
	@echo "Setting up $(VENV)-$*, once, apart from the project's own."
	@$(new-environment)
	@$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["$*"], sep="\n")' > $(@D)/requirements.txt
	@$(PIP) install -qq -r $(@D)/requirements.txt
	@touch $@

pins: ## Renew constraints.txt with PYTHON=python3.11, the oldest supported Python.
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Pins come from Python 3.11: make pins PYTHON=python3.11")'
	@rm -rf $(VENV)-pins && $(PYTHON) -m venv $(VENV)-pins
	@$(VENV)-pins/bin/python -m pip install --quiet --disable-pip-version-check pip-tools
	@sed '/^$$/q' constraints.txt > $(VENV)-pins/constraints.txt
	@# Without pip's own configuration: hashes of files that only this machine has would fit nowhere else.
	@env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE=/dev/null $(VENV)-pins/bin/pip-compile --quiet \
		--upgrade $(addprefix --extra ,$(EXTRAS)) --all-build-deps --allow-unsafe --no-strip-extras --generate-hashes --no-header \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file $(VENV)-pins/pins.txt pyproject.toml
	@cat $(VENV)-pins/pins.txt >> $(VENV)-pins/constraints.txt
	@mv $(VENV)-pins/constraints.txt constraints.txt && rm -rf $(VENV)-pins

clean: ## Remove the virtual environments and all caches.
	@rm -rf $(VENV) $(VENV)-audit $(VENV)-bench $(VENV)-deploy $(VENV)-pins $(VENV)-plain .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find inn8_pipeline inn8_pipeline_tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: nothing was installed. Name one: make PYTHON=python3.12")'
	@echo "Setting up $(VENV), once; this takes a minute or two."
	@echo "1 of 3: a virtual environment."
	@$(PYTHON) -m venv --clear --without-pip $(VENV)
	@echo "2 of 3: $$(grep -c == constraints.txt) pinned packages, downloaded and checked by their hashes; most of the time goes here."
	@$(PIP) install -qq --only-binary :all: --no-deps --require-hashes -r constraints.txt
	@echo "3 of 3: the project itself."
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@$(PIP) check --quiet
	@touch $@
