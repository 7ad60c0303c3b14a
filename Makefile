# Every target sets up what it needs. Two are enough to begin with: make demo, make test.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check test-system bench schema dashboards format clean

demo: $(READY)
	$(BIN)/duskgate demo $(ARGS)

test: $(READY)
	$(BIN)/pytest -m "not system" $(ARGS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-system: $(READY)
	$(BIN)/pytest -m system $(ARGS)

bench: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt -e ".[bench]"
	$(BIN)/python -m tests.bench $(ARGS)

schema: $(READY)
	$(BIN)/python -m duskgate.config.schema > config/gateway.schema.json

dashboards: $(READY)
	$(BIN)/python -m deploy.grafana.build

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it with make PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=constraints.txt $(BIN)/pip install --quiet --disable-pip-version-check -e ".[dev,postgres,flagd,ofrep]"
	touch $(READY)

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
