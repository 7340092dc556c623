# make demo         everything likewise does, on rendered samples, in two minutes; ends with an HTML page
#                   DATA=FOLDER shows your own photos, WEIGHTS=FILE takes the weights of EfficientNet-Lite0
# make serve        the search page and API over the index of the demo, at http://127.0.0.1:8000/
# make test         the whole test suite
# make check        format, lint, types
# make docs         the documentation site, into site/; needs no network
# make hooks        formatter and linter before each commit (pre-commit)
# make coverage     the suite with the lines that no test runs
# make faults       the tests that let every file operation fail, or kill at it: all of them (an hour)
# make fuzz         thousands of damaged files of every kind, and every bad value of every option (half an hour)
# make test-lowest  the suite with the oldest versions that pyproject.toml allows, in an environment of its own
# make scenes       an environment with Blender, for `likewise data render`
#
# TORCH_INDEX=URL   where to take torch from. Package indexes offer one build of torch for Linux on x86: the one with
#                   CUDA, which brings 4 GB of libraries that a machine without an NVIDIA GPU does not use. PyTorch's
#                   own index of CPU builds (its address is on pytorch.org, "Get started", CPU) avoids them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
DATA ?=
TORCH_INDEX ?=
PIP := $(BIN)/python -m pip install -q
WEIGHTS ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo serve test check docs hooks coverage faults fuzz test-lowest format scenes clean

demo: $(VENV)/core
	$(BIN)/likewise demo $(if $(DATA),"$(DATA)") $(if $(WEIGHTS),--weights "$(WEIGHTS)") --out demo

serve: $(VENV)/serve
	$(BIN)/likewise serve demo/index

test: $(VENV)/dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile

check: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(VENV)/dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

hooks: $(VENV)/dev
	$(BIN)/pre-commit install

coverage: $(VENV)/dev
	$(PIP) "coverage>=7.6"
	OMP_NUM_THREADS=1 $(BIN)/python -m coverage run --source src/likewise -m pytest
	$(BIN)/python -m coverage report --skip-covered --show-missing

faults: $(VENV)/dev
	OMP_NUM_THREADS=1 LIKEWISE_FAULT_TRIES=0 $(BIN)/python -m pytest tests/faults

fuzz: $(VENV)/dev
	OMP_NUM_THREADS=1 LIKEWISE_FUZZ=1 $(BIN)/python -m pytest -s tests/fuzz tests/cli/test_walking_options.py

test-lowest:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "The oldest versions have wheels for Python 3.11 only: run  make test-lowest PYTHON=python3.11" >&2; exit 2; }
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install -q uv
	.venv-lowest/bin/uv pip install -q --python .venv-lowest/bin/python --resolution lowest-direct -e ".[dev]"
	OMP_NUM_THREADS=1 .venv-lowest/bin/python -m pytest

format: $(VENV)/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

scenes: .venv-bpy/ready

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "likewise needs Python 3.11 or newer: run  make PYTHON=python3.11 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# torch first, so that whatever needs it afterwards finds it installed.
$(VENV)/torch: | $(BIN)/python
ifneq ($(TORCH_INDEX),)
	$(PIP) --index-url "$(TORCH_INDEX)" torch torchvision
else
	@if [ "$$(uname -sm)" = "Linux x86_64" ] && ! command -v nvidia-smi >/dev/null; then \
		echo "No NVIDIA GPU was found. The usual build of torch brings 4 GB of CUDA libraries all the same;"; \
		echo "to do without them:  make TORCH_INDEX=ADDRESS  with the address of PyTorch's CPU builds."; fi
endif
	touch $@

$(VENV)/core: pyproject.toml | $(VENV)/torch
	@echo "Installing likewise into $(VENV): some minutes the first time"
	$(PIP) -e ".[train]"
	touch $@

$(VENV)/serve: pyproject.toml | $(VENV)/core
	$(PIP) -e ".[train,serve]"
	touch $@

$(VENV)/dev: pyproject.toml | $(VENV)/torch
	@echo "Installing likewise and its test tools into $(VENV): some minutes the first time"
	$(PIP) -e ".[dev]"
	touch $@ $(VENV)/core

# Blender's module pins an older numpy, so it lives apart; likewise finds it there.
.venv-bpy/ready:
	$(PYTHON) -m venv .venv-bpy
	.venv-bpy/bin/python -m pip install -q "bpy>=4.5,<5.1"
	touch $@

clean:
	rm -rf $(VENV) .venv-bpy .venv-lowest build dist demo .coverage .pytest_cache .mypy_cache .ruff_cache
