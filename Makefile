# Every target first makes .venv with what it needs; pyproject.toml says what that is.
PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: up down test lint sim bench clean

up: $(STAMP)
	$(BIN)/starling up --detach

down: $(STAMP)
	$(BIN)/starling down

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

sim: $(STAMP)
	$(BIN)/starling sim faults --seeds 2000 --workers $(WORKERS)

bench: $(STAMP)
	$(BIN)/starling bench

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@
