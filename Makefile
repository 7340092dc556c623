# make demo   everything likewise does, on a small rendered set; ends with an HTML page
# make test   the whole test suite
# make check  format, lint, types
# make scenes an environment with Blender, for `likewise data render`
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check format scenes benchmarks clean

demo: $(VENV)/core
	$(BIN)/likewise demo $(if $(DATA),--data "$(DATA)") --out demo

test: $(VENV)/dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

check: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

scenes: .venv-bpy/ready

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "likewise needs Python 3.11 or newer: run  make PYTHON=python3.11 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/core: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -e .
	touch $@

$(VENV)/dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -e ".[dev]"
	touch $@ $(VENV)/core

# Blender's module pins an older numpy, so it lives apart; likewise finds it there.
.venv-bpy/ready:
	$(PYTHON) -m venv .venv-bpy
	.venv-bpy/bin/python -m pip install -q "bpy>=4.5,<5.1"
	touch $@

clean:
	rm -rf $(VENV) .venv-bpy build dist demo .pytest_cache .mypy_cache .ruff_cache
