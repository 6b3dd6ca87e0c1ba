# Every target sets up what it needs; `make help` lists them.
PYTHON ?= python3.11
VENV := .venv
INSTALLED := $(VENV)/.installed
BIN := $(VENV)/bin
# tflite-runtime and TensorFlow do not share a process: two runs of pytest, of two workers each.
DEVICE_TESTS := -n 2 --dist loadfile tests/unit/edge tests/unit/repository tests/parity tests/fuzz
PIPELINE_TESTS := -n 2 --dist loadfile tests/unit/pipeline

.DEFAULT_GOAL := help
.PHONY: help run test coverage fuzz system board check docs release bench clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | expand -t 10

run: $(INSTALLED) ## the main job: data, train, export, compare, bundle (into runs/mnist-fast)
	$(BIN)/liteproof run mnist-fast

test: $(INSTALLED) ## unit and parity tests
	$(BIN)/pytest $(DEVICE_TESTS)
	$(BIN)/pytest $(PIPELINE_TESTS) -m "not slow"

coverage: $(INSTALLED) ## the same tests, and which lines and branches they reach
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(DEVICE_TESTS)
	$(BIN)/coverage run -m pytest $(PIPELINE_TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

fuzz: $(INSTALLED) ## thousands of damaged models, manifests and pictures
	LITEPROOF_FUZZ=long $(BIN)/pytest -q tests/fuzz

system: $(INSTALLED) ## the whole job on real MNIST, and the edge package in an empty environment
	$(BIN)/pytest $(PIPELINE_TESTS) -m slow
	$(BIN)/pytest tests/system

board: $(INSTALLED) ## a whole emulated Raspberry Pi: set up, deployed to, served, rolled back, without power
	$(BIN)/pytest tests/board

check: $(INSTALLED) ## lint, format, types, one-way imports, shell scripts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/shellcheck scripts/*.sh .ci/run

docs: $(INSTALLED) ## the documentation, as a site to read offline (site/index.html)
	PYTHONPATH=scripts $(BIN)/python -m documentation

release: $(INSTALLED) ## both wheels and sdists into dist/, tried in empty environments on every Python here
	$(BIN)/python scripts/release.py

bench: $(INSTALLED) ## ours and its rivals, as ratios on this machine: a table and a page, in runs/bench
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[bench]' -c constraints.txt
	PYTHONPATH=scripts $(BIN)/python -m bench $(BENCH)

clean: ## remove the environments, runs and caches (data and released models stay)
	rm -rf $(VENV) .venv-* runs dist site .cache .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis .coverage*

$(INSTALLED): pyproject.toml edge/pyproject.toml hatch_build.py constraints.txt
	@echo "setting up $(VENV): TensorFlow is large, this takes a minute or more"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e "./edge[camera,serve]" -e '.[dev,docs]' -c constraints.txt
	touch $@
