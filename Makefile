# The project's commands; `make help` lists them.
# All except `help` and `clean` set up the environment first (`setup`).
#   make setup PYTHON=/path/to/python3.11    another Python (3.10 to 3.12)
#   make setup MMCV_CUDA=0                   mmcv without CUDA (1: with it)
#   make test ARGS='tests/test_ops -k grad'  only some tests
#   make test ARGS="-n 0"                    one test after the other

PYTHON ?=
ARGS ?=
VENV_PYTHON := .venv/bin/python
# Two processes, because many tests use two threads or start processes. Files
# are ordered by tests/conftest.py: long ones first.
PYTEST = $(VENV_PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all coverage lint types docs dist clean

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1|/p' $(firstword $(MAKEFILE_LIST)) \
	  | awk -F'|' '{printf "make %-8s %s\n", $$1, $$2}'

# An existing environment keeps its Python.
PYTHONS := .venv/bin/python \
  $(if $(PYTHON),'$(PYTHON)',python3 python3.11 python3.12 python3.10)
IS_SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))

setup: ## build .venv with mmcv's operators (once; later under a second)
	@for python in $(PYTHONS); do \
	  if "$$python" -c '$(IS_SUPPORTED)' 2>/dev/null; then \
	    exec "$$python" tools/setup/setup_env.py; fi; done; \
	printf '%s %s %s\n' 'Set-up: the project needs Python 3.10, 3.11 or 3.12,' \
	  'and there is none as $(or $(PYTHON),python3) here: install one and' \
	  'run `make setup PYTHON=/path/to/it`.' >&2; exit 1

demo: setup ## train on the sample clips, evaluate, upscale a video
	@$(VENV_PYTHON) tools/demo.py $(ARGS)

test: setup ## run the quick tests
	@$(PYTEST) -m 'not slow and not processes' $(ARGS)

test-all: setup ## run all tests (half an hour)
	@$(PYTEST) $(ARGS)

coverage: setup ## run the quick tests and report the lines without coverage
	@$(VENV_PYTHON) -m coverage run -m pytest \
	  -m 'not slow and not processes' $(ARGS)
	@$(VENV_PYTHON) -m coverage report

lint: setup types ## check style, spelling and types
	@$(VENV_PYTHON) -m flake8
	@$(VENV_PYTHON) -m isort --check-only --diff .
	@$(VENV_PYTHON) -m yapf --diff --recursive dksan_mm tools tests configs
	@$(VENV_PYTHON) -m codespell_lib

types: setup ## check the types (under a minute; later a few seconds)
	@$(VENV_PYTHON) -m mypy

dist: setup ## build the wheel and the source archive, and check them
	rm -rf build dist
	@.venv/bin/uv build --python $(VENV_PYTHON)
	@.venv/bin/uv tool run twine@7.0.0 check --strict dist/*

docs: setup ## build the documentation in docs/_build/html
	@$(VENV_PYTHON) -m sphinx -W --keep-going -q docs docs/_build/html $(ARGS)
	@echo 'open docs/_build/html/index.html'

clean: ## remove .venv and build files (keeps data and trainings)
	rm -rf .venv build dist docs/_build docs/api/generated *.egg-info .pytest_cache .mypy_cache .coverage
	find dksan_mm tools tests configs -name __pycache__ -prune -exec rm -rf {} +
