# The house. `make demo` runs the main job, `make test` passes every test; both do all set-up first, in seconds the second time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INTEROP := .venv-interop
CONSTRAINTS := requirements/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-all lint types bench setup clean wheel

setup: .make/venv .make/interop

# torch comes first and by its exact version: a range would take a build with several gigabytes of CUDA.
.make/venv: pyproject.toml requirements/dev.txt requirements/libraries.txt $(CONSTRAINTS)
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: set PYTHON=..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) (once)"
	@$(BIN)/pip install --quiet "torch==2.13.0" -c $(CONSTRAINTS)
	@$(BIN)/pip install --quiet -r requirements/dev.txt -r requirements/libraries.txt -c $(CONSTRAINTS)
	@$(BIN)/pip install --quiet --no-deps --editable .
	@mkdir -p .make && touch $@

# Somebody else's verifier, in an environment of its own: it is a checker in tests, never a part of the product.
.make/interop: requirements/interop.txt
	@test -x $(INTEROP)/bin/python || $(PYTHON) -m venv $(INTEROP)
	@echo "setting up $(INTEROP) (once)"
	@$(INTEROP)/bin/pip install --quiet -r requirements/interop.txt
	@mkdir -p .make && touch $@

demo: .make/venv
	@$(BIN)/python -m demo

test: setup lint
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-all: setup lint
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: .make/venv
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache >.make/imports.log || { cat .make/imports.log; exit 1; }

# The front end's types come from the OpenAPI document, which comes from jupyter_mlsc/server/shapes.py.
types: .make/venv
	@$(BIN)/python docs/schemas/generate.py
	@cd labextension && npm run --silent types

bench: setup
	@$(BIN)/python -m benchmarks

wheel: .make/venv
	@$(BIN)/python -m build --wheel --no-isolation

clean:
	rm -rf .make dist build .mypy_cache .ruff_cache .hypothesis
