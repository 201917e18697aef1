# `make` alone lists what can be made; ARGS goes on to the command, as in
#   make run ARGS="--dry-run"      make test ARGS="-k placement"

PYTHON ?= python3
PORT ?= 5000
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.SILENT:
.NOTPARALLEL:
.SUFFIXES:
.PHONY: help run test check format docs ui lock clean FORCE

help: ## list what can be made
	sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 15
	echo '  variables:   ARGS="..." for run and test, PYTHON=/path/to/python, PORT=5000 for ui'

run: $(VENV)/.installed-demo ## run the pipeline of luigi.toml; ARGS="..." are the runner's arguments
	$(BIN)/python -m runner $(ARGS)

test: $(VENV)/.installed-test ## run the tests; ARGS="..." are pytest's arguments
	$(BIN)/python -m pytest -n auto $(ARGS)

check: $(VENV)/.installed-dev ## lint, formatting, types, direction of imports, sizes
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python scripts/check-size src

format: $(VENV)/.installed-dev ## format the code and fix what can be fixed safely
	$(BIN)/python -m ruff check --fix --exit-zero --quiet
	$(BIN)/python -m ruff format

docs: $(VENV)/.installed-docs ## write docs/ as a site to site/; what is wrong with a link ends it
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -q -c docs -d build/doctrees . site $(ARGS)
	echo "site/index.html"

ui: $(VENV)/.installed-demo ## show the runs in a browser, on this machine only; PORT=5000
	$(BIN)/python -m runner ui --port $(PORT)

lock: ## write constraints.txt anew, with today's versions
	scripts/lock

clean: ## remove .venv, caches and builds; runs and their artifacts stay
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find scripts src tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

# Sets $python to the first of these that is new enough and can make environments.
define FIND_PYTHON
for python in "$(PYTHON)" python3.13 python3.12 python3.11 ""; do \
	"$$python" -c 'import ensurepip, venv; $(NEW_ENOUGH)' 2>/dev/null && break; \
done; \
if [ -z "$$python" ]; then \
	echo "$(PYTHON) is not Python 3.11 or newer with venv, nor is there a python3.11 to 3.13: make PYTHON=/path/to/python" >&2; \
	exit 1; \
elif [ "$$python" != "$(PYTHON)" ]; then \
	echo "$(PYTHON) is not Python 3.11 or newer with venv; taking $$python" >&2; \
fi
endef

# An environment does not survive the moving or copying of its checkout: it is made again then.
LOST := $(shell [ -x $(BIN)/python ] && [ "$$(cat $(VENV)/.made-in 2>/dev/null)" = "$$(pwd -P)" ] || echo yes)

# One that somebody made by hand is kept.
$(VENV)/.made-in: $(if $(LOST),FORCE)
	if [ ! -e $@ ] && $(BIN)/python -c 'import pip; $(NEW_ENOUGH)' 2>/dev/null; then \
		echo "installing into the .venv that is there (about two minutes the first time)" >&2; \
	else \
		$(FIND_PYTHON); \
		echo "creating .venv and installing (about two minutes the first time)" >&2; \
		"$$python" -m venv --clear $(VENV); \
	fi
	pwd -P >$@

# Each extra holds the smaller ones, whose stamps are therefore set with its own.
$(VENV)/.installed-demo: INSTALLS = demo
$(VENV)/.installed-docs: INSTALLS = docs
$(VENV)/.installed-test: INSTALLS = test docs demo
$(VENV)/.installed-dev: INSTALLS = dev test docs demo
$(VENV)/.installed-%: $(VENV)/.made-in pyproject.toml constraints.txt
	[ -n "$(LOST)" ] || echo "installing what '$*' needs" >&2
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[$*]"
	touch $(INSTALLS:%=$(VENV)/.installed-%)
