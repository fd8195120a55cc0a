# Pipit's commands. `make` or `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
TASK ?= home_security.sounds
DOMAIN = $(firstword $(subst ., ,$(TASK)))
REGISTRY ?= 127.0.0.1:50050
ARGS ?=

# TensorFlow tells of its build and its choices at every start.
export TF_CPP_MIN_LOG_LEVEL ?= 3

DEV := .venv/dev/bin
TRAIN = .venv/train-$(DOMAIN)/bin
SERVE = .venv/serve-$(DOMAIN)/bin
# What a trainer starts in an environment of its own.
DETECTOR := .venv/detector-footprints/.ready
BESIDE = $(if $(filter footprints.detector,$(TASK)),$(DETECTOR))
REGISTRY_BIN := .venv/registry/bin
PACKAGES := $(wildcard shared/pyproject.toml services/*/pyproject.toml)

##@ Use
.PHONY: help demo train train-here train-stack serve registry
help: ## show this list
	@awk -F':.*## ' '/^##@ /{printf "\n%s\n", substr($$0, 5)} /^[a-z][a-z0-9-]*:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nVariables: TASK=%s REGISTRY=%s ARGS="more options" PYTHON=python3.12\n' $(TASK) $(REGISTRY)

demo: .venv/train-home_security/.ready .venv/serve-home_security/.ready .venv/registry/.ready ## train, register, serve and classify sounds, all on this machine
	$(TRAIN)/pipit demo --serve-python $(SERVE)/python --registry-python $(REGISTRY_BIN)/python $(ARGS)

train: ## train TASK: in the stack where it is up, which also publishes and promotes; else here, leaving a bundle under runs/
	@where='$(WHERE)'; [ -n "$$where" ] || where=$$($(STACK) ps --status running --quiet registry 2>/dev/null | grep -q . && echo stack || echo here); $(MAKE) train-$$where

train-here:
	@echo 'training in an environment of this machine; WHERE=stack trains in the stack'
	@$(MAKE) .venv/train-$(DOMAIN)/.ready $(BESIDE)
	$(TRAIN)/pipit train $(TASK) $(ARGS)

train-stack:
	@echo 'training in a container of the stack, then publishing and promoting; WHERE=here trains without it'
	$(STACK) -f compose/compose.train.yaml $(OVERRIDES:%=-f %) run --rm --build $(SERVICE)-trainer $(TASK) $(ARGS)

serve: ## serve TASK as the registry at REGISTRY assigns it
	@$(MAKE) .venv/serve-$(DOMAIN)/.ready
	$(SERVE)/python -m pipit.serving --registry $(REGISTRY) --tasks $(TASK) $(ARGS)

registry: .venv/registry/.ready ## run the model registry on a local folder
	$(REGISTRY_BIN)/pipit registry serve $(ARGS)

##@ Containers
.PHONY: up down logs ps images classify pipit k8s k3s
IMAGES ?= pipit
TAG ?= dev
# Empty: this machine's own.
PLATFORM ?=
# Layers of compose/ besides compose.yaml: observability, dev; none: LAYERS=. Tests put files of their own on top.
LAYERS ?= observability
OVERRIDES ?=
SERVICE = $(subst _,-,$(DOMAIN))
STACK = docker compose -f compose/compose.yaml
STACK_UP = $(STACK) $(LAYERS:%=-f compose/compose.%.yaml) $(OVERRIDES:%=-f %)
STACK_ALL = $(STACK) -f compose/compose.observability.yaml -f compose/compose.train.yaml $(OVERRIDES:%=-f %)

up: ## start the stack and wait until it is healthy; LAYERS= leaves monitoring out
	@compose/secrets.sh
	$(STACK_UP) up --detach --build --wait $(ARGS)

down: ## stop the stack and keep what it knows; ARGS=--volumes forgets it
	COMPOSE_PROFILES='*' $(STACK_ALL) down --remove-orphans $(ARGS)

logs: ## follow the stack's logs; ARGS=registry for one service
	$(STACK_UP) logs --follow --tail 100 $(ARGS)

ps: ## show the stack's containers and their health
	@$(STACK_UP) ps --all $(ARGS)

images: ## build every image; PLATFORM=linux/arm64 for a Pi, ARGS=inference for some of them
	IMAGES=$(IMAGES) TAG=$(TAG) PLATFORMS=$(PLATFORM) REVISION=$$(git describe --always --dirty 2>/dev/null || echo unknown) docker buildx bake --load $(ARGS)

classify: ## ask the stack's server of TASK what is in FILE
	@[ -f "$${FILE:-}" ] || { echo "there is no file '$${FILE:-}'; name one: make classify FILE=doorbell.wav" >&2; exit 2; }
	@case "$$FILE" in /*) path=$$FILE ;; *) path=$$PWD/$$FILE ;; esac; name=$${FILE##*/}; \
	$(STACK) run --rm --no-deps -T --user "$$(id -u):$$(id -g)" --volume "$$path:/in/$$name:ro" ask --server $(SERVICE):50051 --task $(TASK) $(ARGS) "/in/$$name"

pipit: ## run the command line in the stack: ARGS="models", ARGS="rollback home_security.sounds"
	@$(STACK) run --rm --no-deps cli $(ARGS)

OVERLAY ?= pi
k3s: ## put the stack on the cluster that kubectl speaks to, and wait for it; OVERLAY=dev (docs/k3s.md)
	@echo "to the cluster $$(kubectl config current-context)"
	@compose/secrets.sh "$(CURDIR)/k8s/secrets/files"
	kubectl apply -f k8s/base/namespace.yaml
	kubectl apply -k k8s/secrets
	kubectl apply -k k8s/overlays/$(OVERLAY)
	kubectl -n pipit rollout status statefulset/minio --timeout=10m
	kubectl -n pipit rollout status deployment/registry --timeout=10m
	kubectl -n pipit get pods

k8s: .venv/dev/.ready .venv/k8s/.ready ## render the Kubernetes manifests into build/k8s and check every combination
	@mkdir -p build/k8s
	for overlay in dev pi; do kubectl kustomize k8s/overlays/$$overlay >build/k8s/$$overlay.yaml; done
	$(DEV)/pytest tests/k8s $(ARGS)

##@ Work on Pipit
.PHONY: setup setup-detector test test-stack test-arm64 lint format protos protos-check dashboards bench lock clean
setup: .venv/dev/.ready .venv/triton/.ready .venv/k8s/.ready ## make the environment for development and tests

setup-detector: $(DETECTOR) ## make the environment that trains the footprints detector (ultralytics, AGPL-3.0)

test: setup $(DETECTOR) .venv/serve-home_security/.ready ## run all tests
	$(DEV)/pytest $(ARGS)

test-stack: setup ## run the tests that need Docker: images, the stack end to end, its faults
	$(DEV)/pytest -m "docker and not arm64" $(ARGS)

test-arm64: setup ## try every inference image, and the registry, on an emulated Arm processor
	$(DEV)/pytest -m docker tests/images/test_arm64.py $(ARGS)

lint: .venv/dev/.ready ## check style, types and protos
	$(DEV)/ruff check .
	$(DEV)/ruff format --check .
	$(DEV)/mypy
	$(DEV)/lint-imports
	$(DEV)/buf lint protos
	$(DEV)/buf breaking protos --against protos/released.binpb
	$(DEV)/buf format --diff --exit-code protos

format: .venv/dev/.ready ## bring code and protos into shape
	$(DEV)/ruff check --fix .
	$(DEV)/ruff format .
	$(DEV)/buf format --write protos

# The mapped include path gives the generated modules their place in the package, `pipit._pb`.
PROTOS := $(shell cd protos && find . -name '*.proto' | sort)
protos: .venv/dev/.ready ## generate the gRPC code
	find shared/pipit/_pb -mindepth 1 -maxdepth 1 -type d -exec rm -r {} +
	$(DEV)/python -m grpc_tools.protoc -Ipipit/_pb=protos --python_out=shared --pyi_out=shared --grpc_python_out=shared $(PROTOS:./%=pipit/_pb/%)

protos-check: protos ## fail if the generated code is not up to date
	@test -z "$$(git status --porcelain shared/pipit/_pb)" || { git --no-pager diff --stat shared/pipit/_pb; echo 'generated code is out of date: run `make protos` and commit it'; exit 1; }

dashboards: .venv/dev/.ready ## write Grafana's dashboards anew, from compose/grafana/*.py
	$(DEV)/python compose/grafana/dashboards.py

bench: setup .venv/serve-home_security/.ready .venv/serve-emotion/.ready ## measure everything; writes docs/measured/*.csv (long)
	$(DEV)/python tests/load/run_all.py $(ARGS)

# Locks hold for every platform that the wheels exist for; their inputs are the pyproject files and tests/*.in.
COMPILE = $(DEV)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-package pipit-shared --no-annotate --custom-compile-command 'make lock'
lock: .venv/dev/.ready ## choose exact versions of all dependencies anew
	$(COMPILE) services/home_security/pyproject.toml --extra serve -o services/home_security/serve.lock.txt
	$(COMPILE) services/home_security/pyproject.toml --extra train -o services/home_security/train.lock.txt
	$(COMPILE) services/emotion/pyproject.toml --extra serve -o services/emotion/serve.lock.txt
	$(COMPILE) services/emotion/pyproject.toml --extra train -o services/emotion/train.lock.txt
	$(COMPILE) services/footprints/pyproject.toml --extra serve -o services/footprints/serve.lock.txt
	$(COMPILE) services/footprints/pyproject.toml --extra train -o services/footprints/train.lock.txt
	$(COMPILE) services/footprints/detector.in --no-emit-package ultralytics -o services/footprints/detector.lock.txt
	$(COMPILE) services/registry/pyproject.toml -o services/registry/serve.lock.txt
	$(COMPILE) $(PACKAGES) --all-extras tests/dev.in -o tests/dev.lock.txt
	$(COMPILE) tests/triton.in -o tests/triton.lock.txt
	$(COMPILE) tests/k8s.in -o tests/k8s.lock.txt

clean: ## remove environments and runs
	rm -rf .venv runs

# One environment a purpose, from its lock file, made when a target first needs it. The stamp is written last.
#   $(call environment,folder,lock file,packages of this repository,module that completes it)
define environment
.venv/$(1)/.ready: $(2) $(3:%=%/pyproject.toml)
	@echo 'making .venv/$(1)'
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Pipit needs Python 3.11, 3.12 or 3.13 (TensorFlow 2.21 has no wheel for a newer one); this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	@$(PYTHON) -m venv --clear .venv/$(1)
	@.venv/$(1)/bin/python -m pip --disable-pip-version-check install --quiet --requirement $(2)
	$(if $(3),@.venv/$(1)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps $(3:%=--editable %))
	$(if $(4),@.venv/$(1)/bin/python -m $(4))
	@touch $$@
endef
$(eval $(call environment,dev,tests/dev.lock.txt,shared services/registry services/home_security services/emotion services/footprints,pipit.data.landmark_networks))
$(eval $(call environment,triton,tests/triton.lock.txt,))
$(eval $(call environment,k8s,tests/k8s.lock.txt,))
$(eval $(call environment,registry,services/registry/serve.lock.txt,shared services/registry))
$(eval $(call environment,train-home_security,services/home_security/train.lock.txt,shared services/home_security))
$(eval $(call environment,serve-home_security,services/home_security/serve.lock.txt,shared services/home_security))
$(eval $(call environment,train-emotion,services/emotion/train.lock.txt,shared services/emotion,pipit.data.landmark_networks))
$(eval $(call environment,serve-emotion,services/emotion/serve.lock.txt,shared services/emotion,pipit.data.landmark_networks))
$(eval $(call environment,train-footprints,services/footprints/train.lock.txt,shared services/footprints))
$(eval $(call environment,serve-footprints,services/footprints/serve.lock.txt,shared services/footprints))
$(eval $(call environment,detector-footprints,services/footprints/detector.lock.txt,,pip --disable-pip-version-check install --quiet --no-deps --requirement services/footprints/ultralytics.txt))
