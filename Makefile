# `make` tells what there is. Needs Python 3.11 or newer, pip and make; everything else is installed into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EXTRAS := celery e2e kubernetes sandbox test
# In an activated .venv too: its Python has no pip.
export PATH := $(subst $(CURDIR)/$(VENV)/bin:,,$(PATH))
# The machine's pip installs into .venv, so that a Python without `ensurepip` (Debian's) will do.
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check --no-input
# Dagster's instance is chosen by each command; none is to inherit the one of the shell.
unexport DAGSTER_HOME

.DEFAULT_GOAL := help
.PHONY: help demo dev test e2e screenshots docs-check test-celery soak-records soak-system deploy-check audit lint
.PHONY: bench capacity pins clean

help: ## This list.
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 16

demo: $(READY) ## One whole sync, from a simulated INN8 into an embedded Postgres, and what came of it.
	@$(BIN)/inn8 demo

dev: $(READY) ## The same surroundings with Dagster's UI and its schedule, until Ctrl-C.
	@$(BIN)/inn8 dev

test: lint ## Lint, types, import rules, definitions; then the tests.
	@$(BIN)/pytest -n auto

e2e: $(READY) ## The Dagster UI in a real browser; installs Debian's Chromium where it is missing and may be installed.
	@which chromium chromedriver > /dev/null || test "$$(id -u)" != 0 || ! which apt-get > /dev/null || \
		{ apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium chromium-driver > /dev/null; }
	@$(BIN)/pytest inn8_pipeline_tests/e2e/test_ui.py

screenshots: export SCREENSHOTS := docs
screenshots: e2e ## As e2e, and the pictures of docs/ are taken again.

docs-check: $(READY) ## The commands of README.md and docs/, typed page by page, and the queries; in a clone of its own.
	@$(BIN)/pytest $(addprefix inn8_pipeline_tests/docs/test_,parsing.py commands.py questions.py)

EXAMPLES ?= 200
soak-records: $(READY) ## The world changed, broken, killed and synced at random for long: make soak-records EXAMPLES=200.
	@SOAK_EXAMPLES=$(EXAMPLES) $(BIN)/pytest inn8_pipeline_tests/soak inn8_pipeline_tests/defs/test_kills.py --hypothesis-profile soak

test-celery: $(READY) ## A backfill on Celery, a worker killed: needs redis-server, and installs it where apt-get may.
	-@command -v redis-server > /dev/null || ! command -v apt-get > /dev/null || test "$$(id -u)" != 0 || \
		{ apt-get update -qq && apt-get install -qq -y --no-install-recommends redis-server; }
	@$(BIN)/pytest -n 0 inn8_pipeline_tests/defs/engines/test_celery.py

MINUTES ?= 60
soak-system: $(READY) ## All of it for long, with faults, kills and restarts at random: make soak-system MINUTES=60.
	@$(BIN)/python -m inn8_pipeline_tests.system --minutes $(MINUTES)

deploy-check: $(READY) $(VENV)-deploy/.ready ## What deploy/ says, run as far as it can be without an engine: the image's steps, nginx, schemas.
	@DEPLOY_PYTHON="$$(command -v $(PYTHON))" DEPLOY_TOOLS=$(CURDIR)/$(VENV)-deploy/bin \
		$(BIN)/pytest -o python_files='test_*.py check_*.py' inn8_pipeline_tests/deploy

audit: $(VENV)-audit/.ready ## Known weaknesses of the pinned packages.
	@# Without --strict it passes over what it could not ask about, and ends well.
	@$(VENV)-audit/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r constraints.txt || { \
		echo "Either a weakness stands above, or the vulnerability service could not be asked (\"could not be audited\", a"; \
		echo "connection error): then NOTHING was audited. Run it where the service can be reached."; exit 1; }

lint: $(READY) ## All of `make test` but the tests.
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo
	@# The command that is to replace this one, `dg check defs`, comes in another package.
	@# In an instance of its own, empty: dagster.yaml's storage needs a Postgres, the definitions do not.
	@mkdir -p $(VENV)/dagster_home && DAGSTER_HOME=$(CURDIR)/$(VENV)/dagster_home \
		PYTHONWARNINGS='ignore:Function `definitions_validate_command`' $(BIN)/dagster definitions validate --log-level warning

bench: $(READY) $(VENV)-bench/.ready ## Ours beside dlt and a bare script: half an hour; BENCH="--transactions 20000 --rounds 1" for a look.
	@$(BIN)/python -m benchmarks --dlt-python $(VENV)-bench/bin/python --paging $(BENCH)

capacity: $(READY) ## How far one machine goes: transactions in a tick, rows in the table, tenants; a quarter of an hour.
	@$(BIN)/python -m benchmarks.capacity $(CAPACITY)

# Each of these has an environment of its own, with the extra of its name: what it needs would not go with our pins.
$(VENV)-audit/.ready $(VENV)-bench/.ready $(VENV)-deploy/.ready: $(VENV)-%/.ready: pyproject.toml
	@echo "Setting up $(VENV)-$*, once, apart from the project's own."
	@$(PYTHON) -m venv --clear --without-pip $(VENV)-$*
	@echo '*' > $(VENV)-$*/.gitignore
	@$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["$*"], sep="\n")' > $(VENV)-$*/requirements.txt
	@$(PYTHON) -m pip --python $(VENV)-$*/bin/python --disable-pip-version-check --no-input install -qq -r $(VENV)-$*/requirements.txt
	@touch $@

pins: ## Renew constraints.txt; with PYTHON=python3.11, the oldest Python that we serve.
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

clean: ## Remove .venv and all caches.
	@rm -rf $(VENV) $(VENV)-audit $(VENV)-bench $(VENV)-deploy $(VENV)-pins .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find inn8_pipeline inn8_pipeline_tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: nothing was installed. Name one: make PYTHON=python3.12")'
	@echo "Setting up $(VENV), once; this takes a minute or two."
	@$(PYTHON) -m venv --clear --without-pip $(VENV)
	@$(PIP) install -qq --only-binary :all: --no-deps --require-hashes -r constraints.txt
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@$(PIP) check --quiet
	@touch $@
