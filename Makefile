# One command each; every target makes the environment it needs. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV ?= .venv
PEERS_VENV ?= .venv-peers
# A worker more than the two cores that a computer has at least: it begins with the tests that wait for real time.
JOBS ?= 3

ifeq ($(OS),Windows_NT)
BIN = $(VENV)/Scripts
PEERS_BIN = $(PEERS_VENV)/Scripts
else
BIN = $(VENV)/bin
PEERS_BIN = $(PEERS_VENV)/bin
endif

# A registry that stumbles is asked again: pip itself does not repeat a download that broke off.
PIP_RETRIES ?= 10
PIP_DEFAULT_TIMEOUT ?= 60
PIP_DISABLE_PIP_VERSION_CHECK ?= 1
export PIP_RETRIES PIP_DEFAULT_TIMEOUT PIP_DISABLE_PIP_VERSION_CHECK
INSTALL = -m pip install --quiet --editable

STAMP = $(VENV)/.installed
PEERS_STAMP = $(PEERS_VENV)/.installed

.PHONY: demo test test-peers search check bench bench-slow bench-growth guard soak clean

demo: $(STAMP)  ## run the demonstration campaign on the simulated bench
	$(BIN)/aimdlab demo

test: $(STAMP)  ## every test, with the wheel installed into a clean environment
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not soak" --ignore tests/peers

search: $(STAMP)  ## the tests that generate examples, with other examples each time
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --hypothesis-profile search -m hypothesis --ignore tests/peers

test-peers: $(PEERS_STAMP)  ## public third-party clients drive the simulators, public viewers open sessions
	$(PEERS_BIN)/python -m pytest tests/peers

check: $(STAMP)  ## lint, types, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)  ## benchmarks: ratios to a floor measured in the same run
	$(BIN)/python -m benchmarks

bench-slow: $(STAMP)  ## the same, and a run on the real clock with slow instruments
	$(BIN)/python -m benchmarks --slow

bench-growth: $(STAMP)  ## time and memory against steps and samples; draws the curves of docs/benchmarks.md
	$(BIN)/python -m benchmarks.growth --most-steps 100000

guard: $(STAMP)  ## fails if a step costs much more processor time or memory than it did
	$(BIN)/python -m benchmarks.guard

soak: $(STAMP)  ## long runs: real clock, kills
	$(BIN)/python -m pytest -n 0 -s -m soak tests/soak

# Also what building needs comes in the versions of constraints.txt; newer pip reads the second name.
$(STAMP) $(PEERS_STAMP): export PIP_CONSTRAINT = constraints.txt
$(STAMP) $(PEERS_STAMP): export PIP_BUILD_CONSTRAINT = constraints.txt

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(INSTALL) ".[dev]" || $(BIN)/python $(INSTALL) ".[dev]" || $(BIN)/python $(INSTALL) ".[dev]"
	$(BIN)/python -c "from pathlib import Path; Path('$(STAMP)').touch()"

$(PEERS_STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(PEERS_VENV)
	$(PEERS_BIN)/python $(INSTALL) ".[dev,peers]" || $(PEERS_BIN)/python $(INSTALL) ".[dev,peers]" || $(PEERS_BIN)/python $(INSTALL) ".[dev,peers]"
	$(PEERS_BIN)/python -c "from pathlib import Path; Path('$(PEERS_STAMP)').touch()"

clean:  ## forget the environments and caches
	$(PYTHON) -c "import shutil; [shutil.rmtree(p, ignore_errors=True) for p in ('$(VENV)', '$(PEERS_VENV)', 'build', 'dist')]"
