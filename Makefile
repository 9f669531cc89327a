# One command each; every target makes the environment it needs. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV ?= .venv
PEERS_VENV ?= .venv-peers
JOBS ?= 2

ifeq ($(OS),Windows_NT)
BIN = $(VENV)/Scripts
PEERS_BIN = $(PEERS_VENV)/Scripts
else
BIN = $(VENV)/bin
PEERS_BIN = $(PEERS_VENV)/bin
endif

STAMP = $(VENV)/.installed
PEERS_STAMP = $(PEERS_VENV)/.installed

.PHONY: demo test test-peers check bench soak clean

demo: $(STAMP)  ## run the demonstration campaign on the simulated bench
	$(BIN)/aimdlab demo

test: $(STAMP)  ## every test, with the wheel installed into a clean environment
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not soak" --ignore tests/peers

test-peers: $(PEERS_STAMP)  ## public third-party clients drive the simulators
	$(PEERS_BIN)/python -m pytest tests/peers

check: $(STAMP)  ## lint, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)  ## benchmarks: ratios to a floor measured in the same run
	$(BIN)/python -m benchmarks

soak: $(STAMP)  ## long runs: real clock, kills
	$(BIN)/python -m pytest -n 0 -s -m soak tests/soak

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	$(BIN)/python -c "from pathlib import Path; Path('$(STAMP)').touch()"

$(PEERS_STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,peers]"
	$(PEERS_BIN)/python -c "from pathlib import Path; Path('$(PEERS_STAMP)').touch()"

clean:  ## forget the environments and caches
	$(PYTHON) -c "import shutil; [shutil.rmtree(p, ignore_errors=True) for p in ('$(VENV)', '$(PEERS_VENV)', 'build', 'dist')]"
