# Two commands for a fresh machine with python3 (3.11 or later, with venv), g++, make, perl and git:
#
#   make demo    sets up .venv (without torch) and runs `sterna demo`
#   make test    adds torch, the linters and the test tools; lints; runs every test on two cores
#
# Both install only what changed: a stamp file in .venv stands for each finished installation and is
# older than pyproject.toml or constraints.txt when these were edited.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt
WORKERS ?= 2
PYTEST_ARGUMENTS ?=

.PHONY: help demo test lint pytest clean

help:
	@sed -n 's/^#   make/  make/p' Makefile

$(VENV)/stamp-venv:
	@echo "== Creating the virtual environment $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python must be 3.11 or later, not $$($(PYTHON) -V); set PYTHON=..."; exit 2; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "The venv module must be installed (Debian: apt-get install python3-venv)"; exit 2; }
	@touch $@

$(VENV)/stamp-run: $(VENV)/stamp-venv pyproject.toml constraints.txt
	@echo "== Installing Sterna and its tools (about 600 MB, no torch)"
	@$(INSTALL) --editable .
	@touch $@

# torch comes first and by its exact pin, so that no range of another package chooses a larger build.
$(VENV)/stamp-test: $(VENV)/stamp-run
	@echo "== Installing torch, Brevitas, data sets and test tools (about 2 GB)"
	@$(INSTALL) "$$(grep '^torch==' constraints.txt)"
	@$(INSTALL) --editable '.[all]'
	@touch $@

demo: $(VENV)/stamp-run
	@echo "== Running sterna demo"
	@$(BIN)/sterna demo

lint: $(VENV)/stamp-test
	@echo "== Checking style and types"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/pyright --pythonpath $(BIN)/python

pytest: $(VENV)/stamp-test
	@command -v chromium > /dev/null \
	  || echo "== No Chromium here: reports are not opened in a browser (Debian: apt-get install chromium)"
	@command -v tclsh > /dev/null || $(BIN)/python -c "import tkinter" 2> /dev/null \
	  || echo "== No Tcl here: Vivado scripts are not run with recorded commands (Debian: apt-get install tcl)"
	@echo "== Running the tests on $(WORKERS) cores"
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGUMENTS)

test: lint pytest

clean:
	@echo "== Removing $(VENV) and build/"
	@rm -rf $(VENV) build
