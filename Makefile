# The newcomer's two commands: `make local` and `make test`. Each can be typed by hand as well.
# `make local ARGS="--epochs 40"` hands settings on.

PYTHON ?= python3.11
VENV ?= .venv
ARGS ?=
REQUIREMENTS := infra/requirements
LOCK = $(VENV)/bin/uv pip compile --generate-hashes --no-emit-index-url --no-header \
	--python-version 3.11 pyproject.toml

.PHONY: local test bench fuzz faults check lock clean

local: $(VENV)/run  ## Runs the whole pipeline on drawn scenes; no data, no weights to download
	$(VENV)/bin/python -m pipeline.local $(ARGS)

test: $(VENV)/test  ## Runs all tests
	$(VENV)/bin/python -m pytest \
		--numprocesses 3 --dist loadscope --no-loadscope-reorder --durations 15

bench: $(VENV)/test  ## Speed against baselines, on the data of ../shared; an hour
	for name in features training search; do \
		$(VENV)/bin/python tests/benchmarks/$$name.py || exit 1; done
	test ! -d runs || $(VENV)/bin/python tests/benchmarks/tutorial_scores.py runs

fuzz: $(VENV)/test  ## Changes sound files at random and reads them; a minute for each kind
	$(VENV)/bin/python tests/fuzz/run.py $(ARGS)

# Whatever one of them finds, the others still run.
faults: $(VENV)/test  ## Kills runs in every step, cuts the power, fills the disk, ...; takes hours
	failed=0; \
	for kind in kill power-cut full-disk; do \
		$(VENV)/bin/python tests/faults/killed_runs.py --kind $$kind --folder build/kills $(ARGS) \
			|| failed=1; done; \
	$(VENV)/bin/python tests/faults/conditions.py || failed=1; \
	$(VENV)/bin/python tests/faults/servers.py \
		build/kills/base/runs/artifacts/*/evaluate/scored_model || failed=1; \
	exit $$failed

check: $(VENV)/test  ## Style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

lock: $(VENV)/uv  ## Pins the requirements anew from pyproject.toml, with the hashes of all files
	$(LOCK) --upgrade -o $(REQUIREMENTS)/run.txt
	$(LOCK) --extra server --group dev --constraint $(REQUIREMENTS)/run.txt \
		-o $(REQUIREMENTS)/test.txt
	for extra in gpu server; do $(LOCK) --extra $$extra --constraint $(REQUIREMENTS)/run.txt \
		-o $(REQUIREMENTS)/$$extra.txt || exit 1; done

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
