# The newcomer's two commands: `make local` and `make test`. Each can be typed by hand as well.
# `make local ARGS="--epochs 40"` hands settings on.

PYTHON ?= python3.11
VENV ?= .venv
ARGS ?=
REQUIREMENTS := infra/requirements
# Begun first, so that no process is left with one of them at the end.
SLOWEST := tests/infra/mlflow_server tests/pipeline/test_local.py tests/notebooks/test_as_run.py

.PHONY: local test check lock clean

local: $(VENV)/run  ## Runs the whole pipeline on drawn scenes; no data, no weights to download
	$(VENV)/bin/python -m pipeline.local $(ARGS)

test: $(VENV)/test  ## Runs all tests
	$(VENV)/bin/python -m pytest $(SLOWEST) tests \
		--numprocesses 3 --dist loadscope --no-loadscope-reorder --durations 15

check: $(VENV)/test  ## Style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

lock: $(VENV)/uv  ## Pins the requirements anew from pyproject.toml
	$(VENV)/bin/uv pip compile --upgrade --no-emit-index-url --no-header --python-version 3.11 \
		pyproject.toml -o $(REQUIREMENTS)/run.txt
	$(VENV)/bin/uv pip compile --no-emit-index-url --no-header --python-version 3.11 \
		pyproject.toml --extra server --group dev --constraint $(REQUIREMENTS)/run.txt \
		-o $(REQUIREMENTS)/test.txt
	for extra in gpu server; do $(VENV)/bin/uv pip compile --no-emit-index-url --no-header \
		--python-version 3.11 pyproject.toml --extra $$extra \
		--constraint $(REQUIREMENTS)/run.txt -o $(REQUIREMENTS)/$$extra.txt || exit 1; done

clean:  ## Removes the environment and all runs
	rm -rf $(VENV) runs

$(VENV)/uv:
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet uv
	touch $@

# Compiled once here, TensorFlow starts several times faster in each step.
$(VENV)/run: $(VENV)/uv $(REQUIREMENTS)/run.txt pyproject.toml
	VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip install --compile-bytecode -r $(REQUIREMENTS)/run.txt
	VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip install --no-deps --editable .
	touch $@

$(VENV)/test: $(VENV)/run $(REQUIREMENTS)/test.txt
	VIRTUAL_ENV=$(VENV) $(VENV)/bin/uv pip install --compile-bytecode -r $(REQUIREMENTS)/test.txt
	touch $@
