# Every target first makes .venv with what it needs; pyproject.toml says what that is.
PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: up down test parity lint sim bench clean

up: $(STAMP)
	$(BIN)/starling up --detach

down: $(STAMP)
	$(BIN)/starling down

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

# 200,000 requests of each family and 100,000 damaged payloads against a real redis-server, from a fresh seed,
# which the last lines name: STARLING_PARITY_SEED=... plays the same again.
parity: $(STAMP)
	STARLING_PARITY_COMMANDS=$${STARLING_PARITY_COMMANDS:-200000} \
	STARLING_PARITY_RESTORES=$${STARLING_PARITY_RESTORES:-100000} \
	STARLING_PARITY_VALUES=$${STARLING_PARITY_VALUES:-1000} \
	STARLING_PARITY_SEED=$${STARLING_PARITY_SEED:-$$(date +%s)000} \
	$(BIN)/python -m pytest tests/parity -n $(WORKERS) --timeout 3600

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
