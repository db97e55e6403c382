# The house. `make demo` runs the main job, `make test` passes every test; both do all set-up first, in seconds the second time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INTEROP := .venv-interop
COLLABORATION := .venv-collaboration
CONSTRAINTS := requirements/constraints.txt
PANEL := $(shell find labextension/src -type f) labextension/package.json labextension/tsconfig.json
PANEL_TESTS := $(shell find labextension/tests -type f)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE  # hundreds of processes import the package; each would compile it anew

.PHONY: demo test test-all ready lint python-lint types bench setup clean wheel

setup: .make/system .make/venv .make/interop .make/labextension

# Programs that tests drive for real: a browser, a database, a drawing tool. Where they cannot be installed the tests that want them are skipped, with the reason.
SYSTEM := chromium:chromium dot:graphviz pg_ctlcluster:postgresql fc-list:fontconfig,fonts-dejavu-core
.make/system: Makefile
	@mkdir -p .make; missing=; for each in $(SYSTEM); do command -v $${each%%:*} >/dev/null || missing="$$missing $${each#*:}"; done; \
	missing=$$(echo $$missing | tr ',' ' '); \
	if test -z "$$missing"; then :; \
	elif test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then echo "installing$$(echo " $$missing") (once)"; \
		{ apt-get update --quiet && DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends $$missing; } >.make/system.log 2>&1 \
		|| { tail -5 .make/system.log; echo "not installed: tests that want $$missing are skipped"; }; \
	else echo "not here, so tests that want them are skipped (as root, apt-get installs them): $$missing"; fi
	@mkdir -p .make && touch $@

# torch comes first and by its exact version: a range would take a build with several gigabytes of CUDA.
.make/venv: pyproject.toml requirements/dev.txt requirements/libraries.txt $(CONSTRAINTS)
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: set PYTHON=..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) (once)"
	@$(BIN)/pip install --quiet "torch==2.13.0" -c $(CONSTRAINTS)
	@$(BIN)/pip install --quiet -r requirements/dev.txt -r requirements/libraries.txt -c $(CONSTRAINTS)
	@mkdir -p labextension/build
	@SKIP_JUPYTER_BUILDER=1 $(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@mkdir -p .make && touch $@

# The panel: packages when the lock changed, the bundle when a source changed, then into the environment's share folder.
.make/node: .make/venv labextension/package.json labextension/yarn.lock
	@command -v node >/dev/null || { echo "Node 20 or newer is needed to build the panel"; exit 2; }
	@echo "fetching what the panel is built with (once)"
	@cd labextension && PATH="$(CURDIR)/$(BIN):$$PATH" jlpm install --immutable >../.make/node.log 2>&1 || { tail -40 ../.make/node.log; exit 1; }
	@touch $@

.make/labextension: .make/node $(PANEL)
	@echo "building the panel"
	@cd labextension && PATH="$(CURDIR)/$(BIN):$$PATH" jlpm build >../.make/panel.log 2>&1 || { tail -40 ../.make/panel.log; exit 1; }
	@SKIP_JUPYTER_BUILDER=1 $(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Somebody else's verifier, in an environment of its own: it is a checker in tests, never a part of the product.
.make/interop: requirements/interop.txt
	@test -x $(INTEROP)/bin/python || $(PYTHON) -m venv $(INTEROP)
	@echo "setting up $(INTEROP) (once)"
	@$(INTEROP)/bin/pip install --quiet -r requirements/interop.txt
	@mkdir -p .make && touch $@

# Several people in one notebook: above the tests' own environment, since a server that finds it installed uses it for every notebook.
.make/collaboration: .make/venv requirements/collaboration.txt
	@test -x $(COLLABORATION)/bin/python || $(PYTHON) -m venv $(COLLABORATION)
	@echo "setting up $(COLLABORATION) (once)"
	@$(BIN)/python -c "import sysconfig; print('import site; site.addsitedir(' + repr(sysconfig.get_path('purelib')) + ')')" \
		>"$$($(COLLABORATION)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/tests.pth"
	@$(COLLABORATION)/bin/pip install --quiet -r requirements/collaboration.txt -c $(CONSTRAINTS)
	@touch $@

# Three workers, since half of the tests wait for kernels and browsers. Files are given out in the order of `tests/conftest.py`, and again where a worker
# dies (`tests/side_by_side.py`), however often.
SIDE_BY_SIDE := -n 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 1000

# A test that stands still shows where every thread of it stands, is ended and has failed; the others go on.
NO_STANDSTILL := -o faulthandler_timeout=240 -o faulthandler_exit_on_timeout=true

demo: .make/venv
	@$(BIN)/python -m demo

# Setting up waits for the network and for the disk, linting for neither: what does not need the other is done beside it.
ready:
	@$(MAKE) --no-print-directory --jobs 3 setup lint

# What failed beside the others is run once more, alone, and both are told: an accident of a busy machine is to be seen, but need not hold up a release.
# pytest's status is 1 where all were run and some failed; a run that did not come to its end is not mended by another one.
test: ready
	@cd labextension && node_modules/.bin/vitest run
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(NO_STANDSTILL) -m "not slow" \
		|| { test $$? = 1 || exit 1; echo "once more, alone: what failed above"; $(BIN)/python -m pytest $(NO_STANDSTILL) --last-failed --last-failed-no-failures none; }

test-all: ready .make/collaboration
	@cd labextension && node_modules/.bin/vitest run
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE)

lint: python-lint .make/panel-lint

python-lint: .make/venv
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache >.make/imports.log || { cat .make/imports.log; exit 1; }

.make/panel-lint: .make/node $(PANEL) $(PANEL_TESTS) labextension/eslint.config.mjs labextension/tsconfig.test.json
	@cd labextension && node_modules/.bin/tsc --noEmit -p tsconfig.test.json && node_modules/.bin/eslint src tests
	@touch $@

# The front end's types come from the OpenAPI document, which comes from jupyter_mlsc/server/shapes/.
types: .make/node
	@$(BIN)/python docs/schemas/generate.py
	@cd labextension && node_modules/.bin/openapi-typescript ../docs/schemas/openapi.json -o src/tokens.ts

bench: setup
	@$(BIN)/python -m benchmarks

wheel: .make/labextension
	@$(BIN)/python -m build --wheel --no-isolation

clean:
	rm -rf .make dist build labextension/build labextension/lib labextension/*.tsbuildinfo .mypy_cache .ruff_cache .hypothesis
