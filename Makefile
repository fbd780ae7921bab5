# make app     installs all that is needed and starts the app
# make test    installs all that is needed and runs the tests
# Everything goes into .venv; only a browser, for the tests, is taken from the system.

PORT ?= 8501
VISITORS ?= 60
MINUTES ?= 3
SECONDS ?= 840
PICTURES ?= 10000
SEED ?= 0
# Tests start many processes: what one of them has compiled, the next need not compile again.
unexport PYTHONDONTWRITEBYTECODE
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
# The first Python that is new enough; only asked for when something is to be installed.
PYTHON ?= $(or $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python $(NEW_ENOUGH) 2>/dev/null && echo $$python && break; done),python3)

BIN := .venv/bin
# A file's tests stay in one process, for they share browsers; files begin in the order of tests/conftest.py.
PYTEST := $(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile --no-loadscope-reorder
# The shape hook gets in the way of torch.compile and torch.export, so their tests run without it.
UNHOOKED := $(PYTEST) -o addopts="--strict-markers --strict-config"
UNHOOKED_FILES = $(shell grep -rl --include='test_*.py' 'mark\.unhooked' tests)

.PHONY: help setup app test test-fast check test-data test-gpu gpu-check test-cluster load replicas fuzz clean

help:
	@echo "make app          start the app (PORT=$(PORT))"
	@echo "make test         run the linter and the tests"
	@echo "make test-fast    run the tests that take no browser, no training and no other processes"
	@echo "make check        run the linter, the formatter, the type checker and the import rules"
	@echo "make test-data    run the tests that need the data sets in the folder DYSAMPLE_DATA"
	@echo "make test-gpu     run the tests that need a CUDA device"
	@echo "make gpu-check    measure all that only a GPU can tell, within SECONDS=$(SECONDS)"
	@echo "make test-cluster run the tests that start a Ray Serve cluster on this machine"
	@echo "make load         let a class of visitors use the app at once (VISITORS=$(VISITORS) MINUTES=$(MINUTES))"
	@echo "make replicas     try two replicas of the app behind nginx, of which one is killed"
	@echo "make fuzz         feed damaged pictures to the reading function (PICTURES=$(PICTURES) SEED=$(SEED))"
	@echo "make setup        install everything that the commands above need"
	@echo "make clean        remove .venv and what tools left behind"

setup: .venv/.dev
	@$(BIN)/python scripts/machine.py browser

app: .venv/.app
	$(BIN)/python -m streamlit run app/main.py --server.port=$(PORT)

test: .venv/.test
	$(BIN)/python -m ruff check .
	CHROME="$$($(BIN)/python scripts/machine.py browser)" && export CHROME && \
	$(PYTEST) && $(UNHOOKED) -m "unhooked and not data and not gpu and not cluster" $(UNHOOKED_FILES)

test-fast: .venv/.test
	$(PYTEST) -m "not unhooked and not data and not gpu and not cluster and not browser and not slow"

check: .venv/.dev
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m pyright
	$(BIN)/lint-imports

test-data: .venv/.test
	@test -d "$$DYSAMPLE_DATA" || { echo "Set DYSAMPLE_DATA to the folder with the data sets."; exit 1; }
	$(PYTEST) -m data

test-gpu: .venv/.test
	$(UNHOOKED) -m gpu

gpu-check: .venv/.test
	$(BIN)/python -m scripts.gpu_check --seconds=$(SECONDS)

# One process: the machine is busy enough with a cluster.
test-cluster: .venv/.cluster
	$(BIN)/python -m pytest -m cluster

load: .venv/.app
	$(BIN)/python scripts/classroom.py --visitors=$(VISITORS) --minutes=$(MINUTES)

replicas: .venv/.app
	$(BIN)/python scripts/replicas.py

fuzz: .venv/.app
	$(BIN)/python scripts/fuzz.py --pictures=$(PICTURES) --seed=$(SEED)

clean:
	rm -rf .venv .pytest_cache .ruff_cache .import_linter_cache build dist *.egg-info

# A stamp for each list of requirements: a second call installs nothing. The longer lists include the shorter.
.venv/.test .venv/.dev .venv/.cluster: INCLUDED = .venv/.app
.venv/.dev .venv/.cluster: INCLUDED += .venv/.test
.venv/.app: requirements.txt
.venv/.test: requirements-test.txt requirements.txt
.venv/.dev: requirements-dev.txt requirements-test.txt requirements.txt
.venv/.cluster: requirements-cluster.txt requirements-test.txt requirements.txt

.venv/.app .venv/.test .venv/.dev .venv/.cluster: pyproject.toml
	@$(PYTHON) $(NEW_ENOUGH) 2>/dev/null || { \
		echo "Python 3.11 or newer is needed. $(PYTHON) is: $$($(PYTHON) -V 2>&1)"; \
		echo "With a newer one elsewhere: make PYTHON=/path/to/python $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) scripts/machine.py venv
	@echo "Installing into .venv what $(word 2,$^) names: several minutes the first time, for PyTorch is large."
	$(BIN)/python -m pip install --disable-pip-version-check --requirement $(word 2,$^)
	@touch $@ $(INCLUDED)
