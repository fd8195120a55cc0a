# Pipit's commands. `make` or `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
PIP_FLAGS := --quiet --disable-pip-version-check

# One environment for each purpose, each from its lock file, made when a target first needs it:
#   dev      everything, with the tools that check the code
#   train-*  one domain's trainer         serve-*  one domain's inference server, nothing else
#   registry the registry service         triton   an unmodified Open Inference client, for its test
DEV := .venv/dev
.PHONY: help
help: ## show this list
	@grep -hE '^[a-z][a-zA-Z_-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-zA-Z_-]+):.*## (.*)/\1\t\2/' | awk -F'\t' '{printf "  make %-16s %s\n", $$1, $$2}'
