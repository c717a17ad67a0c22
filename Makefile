# Every target sets up what it needs in .venv: all that has to be there is make and Python 3.11 or later.
#   make demo    make test    make isa    make lint    make types    make doctest    make parity    make bench
#   make fuzz    make figures    make docs    make dist

SHELL := /bin/sh
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
READY := $(VENV)/.ready
TORCH := $(VENV)/.parity
OUT ?= demo-out
ARGS ?=

# Small networks run fastest on one thread, and results are then the same on every machine size.
export OPENBLAS_NUM_THREADS ?= 1
export OMP_NUM_THREADS ?= 1
export PYTHON

.PHONY: help setup demo test isa lint types doctest parity bench fuzz figures docs dist peers clean
.DELETE_ON_ERROR:

help:
	@echo "make demo      train the disk network (and MNIST, when RUSHLIGHT_DATA is set) and draw pictures"
	@echo "make test      the tests            make doctest   the examples in the docstrings"
	@echo "make isa       the compiler's tests again, with the other instruction sets of this processor"
	@echo "make lint      ruff                 make types     mypy"
	@echo "make parity    the comparison with PyTorch, which it installs (large)"
	@echo "make bench     timing beside the peers that are installed; make peers installs them (large)"
	@echo "make fuzz      random programs, compiled and eager: make fuzz ARGS='--graphs 1000 --jobs 2 --seed 0'"
	@echo "make figures   the README's figures again, by the commands beside them (minutes, MNIST and a network)"
	@echo "make docs      the documentation site, into site/, with every warning an error; installs what it needs"
	@echo "make dist      wheel and sdist, into dist/, checked and installed into an empty environment"
	@echo "make clean     remove .venv, caches and what the demo left"

setup: $(READY)

$(READY): pyproject.toml scripts/find-python
	@python=$$(MAKE_TARGET="$(MAKECMDGOALS)" scripts/find-python) || exit 1; \
	$(BIN)/python -c '' 2>/dev/null || { \
	    echo "Setting up $(VENV) with $$python ..."; "$$python" -m venv --clear $(VENV) || exit 1; }
	@echo "Installing Rushlight and its tools into $(VENV) ..."
	@$(PIP) --editable '.[all,dev]' || { \
	    echo "pip could not install what Rushlight needs; its message is above. Is the network there?" >&2; exit 1; }
	@touch $@

$(TORCH): $(READY)
	@$(BIN)/python -c 'import torch, expecttest' 2>/dev/null || { \
	    echo "Installing PyTorch for the comparison (large) ..."; $(PIP) torch==2.13.0 expecttest==0.3.0; }
	@touch $@

demo: $(READY)
	@OUT="$(OUT)" BIN="$(BIN)" scripts/demo

test: $(READY)
	$(BIN)/python -m pytest -q --ignore=tests/parity $(ARGS)

# What depends on the instruction set, with each that this processor has beside its own: products, vectors, sums.
ISA_TESTS := products windows beyond whole_products compiled_sums reductions cumulative vector einsum arm host
isa: $(READY)
	@for isa in $$($(BIN)/python -m rushlight.compile.host); do \
	    echo "RUSHLIGHT_ISA=$$isa"; \
	    RUSHLIGHT_ISA=$$isa $(BIN)/python -m pytest -q $(ISA_TESTS:%=tests/compile/test_%.py) $(ARGS) || exit 1; \
	    RUSHLIGHT_ISA=$$isa $(BIN)/python -m pytest -q tests/compile/test_fuzz.py -k "random or long" $(ARGS) || exit 1; \
	done

lint: $(READY)
	$(BIN)/ruff check --output-format concise .

types: $(READY)
	$(BIN)/mypy

doctest: $(READY)
	$(BIN)/python -m pytest -q --doctest-modules --doctest-glob='*.md' src/rushlight $(wildcard README.md docs) $(ARGS)

parity: $(TORCH)
	$(BIN)/python -m pytest -q tests/parity $(ARGS)

bench: $(READY)
	$(BIN)/python -m benchmarks $(ARGS)

fuzz: $(READY)
	$(BIN)/python -m tests.fuzz $(ARGS)

figures: $(READY)
	$(BIN)/python scripts/figures.py $(ARGS)

docs: $(READY)
	@$(BIN)/python -c 'import mkdocs, material, mkdocstrings_handlers.python' 2>/dev/null || { \
	    echo "Installing what makes the site ..."; $(PIP) --editable '.[docs]'; }
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict $(ARGS)

dist: $(READY)
	@$(BIN)/python -c 'import build, twine' 2>/dev/null || { \
	    echo "Installing what builds packages ..."; $(PIP) --editable '.[dist]'; }
	$(BIN)/python scripts/dist.py $(ARGS)

peers: $(READY)
	$(PIP) --requirement benchmarks/requirements.txt

clean:
	rm -rf $(VENV) demo-out build dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
