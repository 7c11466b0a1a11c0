# Two commands: `make demo` and `make test`. Both need Python 3.11+ and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

LOWEST := .venv-lowest

.PHONY: demo test test-slow test-lowest lint docs bench clean

demo: $(VENV)/.core
	$(BIN)/lookalike demo --html demo.html --force

test: $(VENV)/.all
	$(MAKE) --jobs 2 lint docs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" -n auto --dist worksteal

test-slow: $(VENV)/.all
	$(BIN)/python -m pytest -m slow

# the tests with the oldest versions that pyproject.toml allows, on Python 3.11
test-lowest: $(LOWEST)/.all
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -m "not slow" -n auto tests

lint: $(VENV)/.all
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.all
	$(BIN)/python -m sphinx -W -b html docs docs/_build/html

$(VENV)/.made:
	$(PYTHON) -c "import sys; sys.exit('lookalike needs Python 3.11 or newer; make PYTHON=python3.12') if sys.version_info < (3, 11) else None"
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.core: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) install --constraint constraints.txt --editable .
	touch $@

$(VENV)/.all: $(VENV)/.core
	$(PIP) install --constraint constraints.txt --upgrade pip
	$(PIP) install --constraint constraints.txt --editable '.[all]' --group dev
	touch $@

$(LOWEST)/.all: pyproject.toml constraints.txt tools/lowest.py
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python tools/lowest.py pyproject.toml constraints.txt > $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pip --disable-pip-version-check --quiet install \
		--constraint $(LOWEST)/lowest.txt --editable '.[all]' --group dev
	touch $@

clean:
	rm -rf $(VENV) $(LOWEST) docs/_build demo.html
