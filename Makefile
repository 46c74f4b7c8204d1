# The project's commands; `make help` lists them.
# `demo`, `test` and `lint` set the environment up first (`setup`).
#   make setup PYTHON=/path/to/python3.11    another Python (3.10 to 3.12)
#   make setup MMCV_CUDA=0                   mmcv without CUDA (1: with it)
#   make test ARGS='tests/test_ops -k grad'  only some tests

PYTHON ?= python3
ARGS ?=
VENV_PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint clean

help: ## list the commands
	@sed -n 's/^\([a-z]*\):[^#]*## /\1|/p' $(firstword $(MAKEFILE_LIST)) \
	  | awk -F'|' '{printf "make %-8s %s\n", $$1, $$2}'

setup: ## build .venv, mmcv's operators included (once; then under a second)
	@command -v '$(PYTHON)' >/dev/null || { printf '%s %s\n' \
	  "There is no '$(PYTHON)' here: install Python 3.10, 3.11 or 3.12 and" \
	  "run 'make setup PYTHON=/path/to/it'." >&2; exit 1; }
	@MMCV_CUDA='$(MMCV_CUDA)' '$(PYTHON)' tools/setup/setup_env.py

demo: setup ## train on the sample clips, evaluate, super-resolve a video
	@$(VENV_PYTHON) tools/demo.py $(ARGS)

test: setup ## run the tests
	@$(VENV_PYTHON) -m pytest $(ARGS)

lint: setup ## check the style
	@$(VENV_PYTHON) -m flake8
	@$(VENV_PYTHON) -m isort --check-only --diff .
	@$(VENV_PYTHON) -m yapf --diff --recursive dksan_mm tools tests configs

clean: ## remove .venv and what Python left behind (no data, no trainings)
	rm -rf .venv build dist *.egg-info .pytest_cache
	find dksan_mm tools tests configs -name __pycache__ -prune -exec rm -rf {} +
