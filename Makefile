# Needs GNU make and Python 3.11 or newer with its venv module; everything else lands in .venv.
# On Windows, or without make: CONTRIBUTING.md lists the same steps as plain Python commands.

PYTHON ?= python3
VENV ?= .venv
STEPS ?=
ROOMS ?=

PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
# pip 25.1 is the first that installs dependency groups; Debian 12 brings 23.0.1.
PIP_FLOOR := 25.1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo docs test lab bench soak mutants clean distclean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'Variables: PYTHON=python3.12 (which Python), VENV=.venv (where it is installed to).'

demo: $(VENV)/.installed-demo  ## a live market in a real kernel, no key, no network: writes demo/quickstart.html and demo/mnq.parquet
	$(PY) -m mdnb demo

test: $(VENV)/.installed-dev  ## every check there is; STEPS="lint unit" for some of them
	$(PY) -m tests $(STEPS)

docs: $(VENV)/.installed-docs  ## the documentation, build/docs/index.html; what leads nowhere there is an error
	$(PY) -m sphinx -E -W --keep-going -q -j auto .docs build/docs

lab: $(VENV)/.installed-lab  ## JupyterLab on the notebooks
	$(PY) -m jupyterlab notebooks

bench: $(VENV)/.installed-dev  ## speed, beside other packages; installs those apart, under .bench
	$(PY) -m tests.benchmarks

soak: $(VENV)/.installed-dev  ## the slow tests: hours of market, the environment of Binder
	$(PY) -m tests soak

mutants: $(VENV)/.installed-mutants  ## which planted faults the tests notice; hours; ROOMS="validate bars" for some rooms
	$(PY) -m tests.mutants $(ROOMS)

clean:  ## remove what the commands wrote, but not .venv
	rm -rf demo build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .mutants
	find .docs mdnb tests notebooks binder -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf .docs/notebooks
	find notebooks -name .ipynb_checkpoints -type d -prune -exec rm -rf {} +

distclean: clean  ## remove .venv and .bench too
	rm -rf $(VENV) .bench

$(VENV)/.installed-demo: pyproject.toml $(VENV)/.pip
	$(PIP) install --quiet --editable . --group demo
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.pip
	$(PIP) install --quiet --editable '.[docs]' --group dev
	@touch $(addprefix $(VENV)/.installed-,demo docs lab) $@  # it holds what those need

$(VENV)/.installed-docs: pyproject.toml $(VENV)/.pip
	$(PIP) install --quiet --editable '.[docs]'
	@touch $@

$(VENV)/.installed-mutants: pyproject.toml $(VENV)/.pip
	$(PIP) install --quiet --editable . --group mutants
	@touch $@

$(VENV)/.installed-lab: pyproject.toml $(VENV)/.pip
	$(PIP) install --quiet --editable '.[lab]'
	@touch $@

$(VENV)/.pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "mdnb needs Python 3.11 or newer, and $(PYTHON) is not. Name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo "$(PYTHON) has no venv module. On Debian: sudo apt-get install -y python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@$(PIP) install --quiet --upgrade 'pip>=$(PIP_FLOOR)' || true
	@$(PY) -c 'import pip, sys; sys.exit(tuple(map(int, pip.__version__.split(".")[:2])) < tuple(map(int, "$(PIP_FLOOR)".split("."))))' || { \
	  echo "pip $(PIP_FLOOR) or newer is needed and could not be installed: the package index is out of reach." >&2; \
	  echo "Check the network (and, on a bare system: sudo apt-get install -y ca-certificates), then try again." >&2; exit 1; }
	@touch $@
