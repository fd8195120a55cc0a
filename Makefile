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

# A folder with a domain.toml is a domain.
DOMAINS := $(patsubst services/%/domain.toml,%,$(wildcard services/*/domain.toml))

DEV := .venv/dev/bin
TRAIN = .venv/train-$(DOMAIN)/bin
SERVE = .venv/serve-$(DOMAIN)/bin
# Trainers that have a second environment, by the list of what is installed last in it: services/DOMAIN/TASK.late.in.
BESIDES := $(foreach late,$(wildcard services/*/*.late.in),$(patsubst %.late.in,%,$(notdir $(late)))-$(notdir $(patsubst %/,%,$(dir $(late)))))
BESIDE = $(patsubst %,.venv/%/.ready,$(filter $(lastword $(subst ., ,$(TASK)))-$(DOMAIN),$(BESIDES)))
REGISTRY_BIN := .venv/registry/bin
CONSOLE_BIN := .venv/console/bin
PACKAGES := $(wildcard shared/pyproject.toml services/*/pyproject.toml)

##@ Use
.PHONY: help demo console train train-here train-stack train-pipeline serve registry shell
help: ## show this list
	@awk -F':.*## ' '/^##@ /{printf "\n%s\n", substr($$0, 5)} /^[a-z][a-z0-9-]*:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\nVariables: TASK=%s REGISTRY=%s ARGS="more options" PYTHON=python3.12\n' $(TASK) $(REGISTRY)

# The console's environment is made where the demo is to open one.
demo: .venv/train-home_security/.ready .venv/serve-home_security/.ready .venv/registry/.ready $(if $(findstring --console,$(ARGS)),.venv/console/.ready) ## train, register, serve and classify sounds, all on this machine; ARGS=--rollout: a bad version stops itself; ARGS=--console: open the console
	$(TRAIN)/pipit demo --serve-python $(SERVE)/python --registry-python $(REGISTRY_BIN)/python --console-python $(CONSOLE_BIN)/python --shell 'make shell' $(ARGS)

console: .venv/console/.ready .venv/registry/.ready ## look, label and lead rollouts in a browser, beside REGISTRY; one is started where none runs
	@services/console/run.sh $(CONSOLE_BIN)/python $(REGISTRY_BIN)/python $(REGISTRY) $(ARGS)

train: ## train TASK: in the stack where it is up, which also publishes and promotes; else here, leaving a bundle under runs/
	@where='$(WHERE)'; [ -n "$$where" ] || where=$$($(STACK) ps --status running --quiet registry 2>/dev/null | grep -q . && echo stack || echo here); $(MAKE) train-$$where

train-here:
	@echo 'training in an environment of this machine; WHERE=stack trains in the stack'
	@$(MAKE) .venv/train-$(DOMAIN)/.ready $(BESIDE)
	$(TRAIN)/pipit train $(TASK) $(ARGS)

train-stack:
	@echo 'training in a container of the stack, then publishing and promoting; WHERE=here trains without it'
	$(STACK) -f compose/compose.train.yaml $(OVERRIDES:%=-f %) run --rm --build $(SERVICE)-trainer $(TASK) $(ARGS)

RECIPE ?=
REPORT ?= build/train
# Empty: stop before it.
PUBLISH ?= --publish
# What .github/workflows/train-model.yml runs.
train-pipeline: export PIPIT_DATA := $(or $(PIPIT_DATA),data)
train-pipeline: $(TRAIN:/bin=)/.ready $(BESIDE) ## train TASK by RECIPE, publish to REGISTRY what passes its gates, promote nothing
	$(if $(filter synthetic,$(RECIPE)),$(TRAIN)/pipit data synthesise $(TASK))
	$(TRAIN)/pipit train $(TASK) $(RECIPE:%=--recipe %) --data-manifest check --require-gates --report $(REPORT) $(if $(PUBLISH),$(PUBLISH) --registry $(REGISTRY)) $(ARGS)

serve: ## serve TASK as the registry at REGISTRY assigns it
	@$(MAKE) .venv/serve-$(DOMAIN)/.ready
	$(SERVE)/python -m pipit.serving --registry $(REGISTRY) --tasks $(TASK) $(ARGS)

registry: .venv/registry/.ready ## run the model registry on a local folder
	$(REGISTRY_BIN)/pipit registry serve $(ARGS)

# Not a rule of the environment's own: which task it is for is known only now.
shell: ## open a shell in which `pipit` is that of TASK; ARGS="pipit models" runs one command instead
	@$(MAKE) --silent .venv/train-$(DOMAIN)/.ready $(BESIDE)
ifeq ($(ARGS),)
	@printf '%s\n' 'pipit trains, classifies and asks the registry here, for $(DOMAIN); `exit` leaves.' \
	  '  pipit --help' '  pipit doctor' '  pipit data synthesise $(TASK)' '  pipit train $(TASK) --recipe synthetic'
	@PATH="$(CURDIR)/$(TRAIN):$$PATH" VIRTUAL_ENV="$(CURDIR)/$(TRAIN:/bin=)" "$${SHELL:-bash}" -i || true
else
	@PATH="$(CURDIR)/$(TRAIN):$$PATH" VIRTUAL_ENV="$(CURDIR)/$(TRAIN:/bin=)" bash -c "$$ARGS"
endif

##@ Containers
.PHONY: up down logs ps device images sbom vulnerabilities digests classify pipit k8s k3s
IMAGES ?= pipit
TAG ?= dev
# Empty: this machine's own.
PLATFORM ?=
# --push: to the registry that IMAGES names.
OUTPUT ?= --load
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
	@compose/secrets.sh --say

down: ## stop the stack and keep what it knows; ARGS=--volumes forgets it
	COMPOSE_PROFILES='*' $(STACK_ALL) down --remove-orphans $(ARGS)

logs: ## follow the stack's logs; ARGS=registry for one service
	$(STACK_UP) logs --follow --tail 100 $(ARGS)

ps: ## show the stack's containers and their health
	@$(STACK_UP) ps --all $(ARGS)

DEVICE ?=
# Where the device has this repository, as pi-kitchen.local:pipit. Empty: nothing is copied.
TO ?=
# Further names and addresses that callers have for it, separated by commas.
NAMES ?=
# Those that run there, as "home-security emotion". Empty: every domain's.
SERVERS ?=
device: ## give a Pi what it needs to follow this stack's registry: DEVICE=pi-kitchen TO=pi-kitchen.local:pipit
	@compose/secrets.sh --device "$(DEVICE)" "$(TO)" "$(NAMES)" "$(SERVERS)"

images: ## build every image; PLATFORM=linux/arm64 for a Pi, ARGS=inference for some of them
	IMAGES=$(IMAGES) TAG=$(TAG) PLATFORMS=$(PLATFORM) REVISION=$$(git describe --always --dirty 2>/dev/null || echo unknown) docker buildx bake -f docker-bake.hcl -f compose/domains/images.hcl $(OUTPUT) $(ARGS)

sbom: .venv/supply/.ready ## list what the built images hold, as CycloneDX, in build/sbom; ARGS="registry emotion-inference" for some
	@set -e; for image in $(or $(ARGS),registry console $(foreach domain,$(DOMAINS),$(subst _,-,$(domain))-inference)); do \
	  services/sbom.sh .venv/supply/bin/cyclonedx-py $(IMAGES)/$$image:$(TAG) build/sbom; done

vulnerabilities: .venv/supply/.ready ## look up what is known of the locked versions (asks PyPI)
	@code=0; for lock in services/*/*.lock.txt; do echo "$$lock"; \
	  .venv/supply/bin/pip-audit --strict --no-deps --disable-pip --progress-spinner off --requirement $$lock $(ARGS) || code=1; done; exit $$code

digests: ## write the digests that the tags of foreign images have now into compose, k8s and the Dockerfiles
	compose/digests.sh

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
	@compose/secrets.sh --say "$(CURDIR)/k8s/secrets/files"

k8s: .venv/dev/.ready .venv/k8s/.ready ## render the Kubernetes manifests into build/k8s and check every combination
	@mkdir -p build/k8s
	for overlay in dev pi; do kubectl kustomize k8s/overlays/$$overlay >build/k8s/$$overlay.yaml; done
	$(DEV)/pytest tests/k8s $(ARGS)

##@ Work on Pipit
.PHONY: console-page console-page-check setup setup-detector setup-tests test test-stack test-arm64 lint format domains domains-check protos protos-check dashboards screenshots bench bench-peers lock console-api clean
setup: .venv/dev/.ready .venv/triton/.ready .venv/k8s/.ready ## make the environment for development and tests

setup-detector: $(BESIDES:%=.venv/%/.ready) ## make the environment that trains detectors (ultralytics, AGPL-3.0)

# `make -j2 setup-tests` makes two environments at a time; each takes one core.
setup-tests: setup setup-detector .venv/serve-home_security/.ready .venv/supply/.ready

# Each worker holds the libraries of every trainer, a gigabyte and a half.
test: setup-tests ## run all tests, side by side on up to 4 cores; ARGS="-n 0" for a debugger
	$(DEV)/pytest --numprocesses=logical --maxprocesses=4 $(ARGS)

test-stack: setup ## run the tests that need Docker: images, the stack end to end, its faults
	$(DEV)/pytest -m "docker and not arm64" $(ARGS)

test-arm64: setup ## try every inference image, and the registry, on an emulated Arm processor
	$(DEV)/pytest -m docker tests/images/test_arm64.py $(ARGS)

lint: .venv/dev/.ready domains-check ## check style, types, imports, protos, and that what `make domains` writes is up to date
	$(DEV)/ruff check .
	$(DEV)/ruff format --check .
	$(DEV)/mypy
	$(DEV)/pytest --quiet tests/imports
	$(DEV)/buf lint protos
	$(DEV)/buf breaking protos --against protos/released.binpb
	$(DEV)/buf format --diff --exit-code protos

format: .venv/dev/.ready ## bring code and protos into shape
	$(DEV)/ruff check --fix .
	$(DEV)/ruff format .
	$(DEV)/buf format --write protos

domains: ## write what stands outside of a domain's folder, from services/*/domain.toml
	@PYTHONPATH=shared $(PYTHON) -m pipit.deployment

domains-check: ## fail if that is not up to date
	@PYTHONPATH=shared $(PYTHON) -m pipit.deployment --check

WEB := services/console/web
PAGE := services/console/pipit_console/page
$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json $(WEB)/package.json
	cd $(WEB) && npm ci

console-page: $(WEB)/node_modules/.package-lock.json ## build the console's page anew; needs node 20, which users don't
	cd $(WEB) && npx vite build

# What is committed has to be what the sources make, and to stay small enough for a slow network.
console-page-check: ## check the page's sources, try them, and that the committed build is theirs
	@if ! command -v npm >/dev/null; then echo 'npm is not there: the page of the console was not checked'; else \
	  $(MAKE) $(WEB)/node_modules/.package-lock.json && cd $(WEB) && npm run check && npx vite build --logLevel warn --outDir ../../../build/page && \
	  { diff --recursive --brief ../../../build/page ../pipit_console/page || { echo 'the committed page is not what its sources make: make console-page' >&2; exit 1; }; } && \
	  node scripts/size.mjs ../pipit_console/page 150; fi

# The mapped include path gives the generated modules their place in the package, `pipit._pb`.
PROTOS := $(shell cd protos && find . -name '*.proto' | sort)
protos: .venv/dev/.ready ## generate the gRPC code
	find shared/pipit/_pb -mindepth 1 -maxdepth 1 -type d -exec rm -r {} +
	$(DEV)/python -m grpc_tools.protoc -Ipipit/_pb=protos --python_out=shared --pyi_out=shared --grpc_python_out=shared $(PROTOS:./%=pipit/_pb/%)

protos-check: protos ## fail if the generated code is not up to date
	@test -z "$$(git status --porcelain shared/pipit/_pb)" || { git --no-pager diff --stat shared/pipit/_pb; echo 'generated code is out of date: run `make protos` and commit it'; exit 1; }

screenshots: .venv/dev/.ready ## take the pictures of the console anew, of a demo with a rollout (needs chromium); PIPIT_DATA: real sounds
	$(DEV)/python tests/console/take_screenshots.py $(ARGS)

dashboards: .venv/dev/.ready ## write Grafana's dashboards anew, from compose/grafana/*.py
	$(DEV)/python compose/grafana/dashboards.py

PEERS := $(patsubst tests/load/peers/%.lock.txt,%,$(wildcard tests/load/peers/*.lock.txt))
# Of the peers, the environments of those that are named, or of all.
bench-peers: .venv/dev/.ready .venv/serve-home_security/.ready $(foreach peer,$(PEERS),$(if $(or $(findstring $(peer),$(ARGS)),$(if $(findstring --servers,$(ARGS)),,all)),.venv/peer-$(peer)/.ready)) ## measure Pipit beside other servers; ARGS="--servers pipit,fastapi --rounds 1 --bundle BUNDLE" for some of them
	$(DEV)/python tests/load/bench_peers.py $(ARGS)

bench: setup $(DOMAINS:%=.venv/serve-%/.ready) ## measure everything; writes docs/measured/*.csv (long)
	$(DEV)/python tests/load/run_all.py $(ARGS)

# Locks hold for every platform that the wheels exist for; their inputs are the pyproject files, services/build.in,
# services/*/*.in and tests/*.in. What a *.late.in names is installed after its lock, so the lock leaves it out.
LOCK = services/lock.sh $(DEV)/uv
lock: .venv/dev/.ready ## choose exact versions of all dependencies anew; ARGS=toys for one domain alone
	set -e; for domain in $(or $(ARGS),$(DOMAINS)); do \
	  for kind in serve train; do $(LOCK) services/$$domain/$$kind services/$$domain/pyproject.toml --extra $$kind; done; \
	  for late in $$(find services/$$domain -maxdepth 1 -name '*.late.in'); do \
	    $(LOCK) $${late%.in} $$late --no-deps; \
	    $(LOCK) $${late%.late.in} $${late%.late.in}.in $$(sed -n 's/^\([a-z][a-z0-9_-]*\)==.*/--no-emit-package \1/p' $$late); \
	  done; \
	done
ifeq ($(ARGS),)
	$(LOCK) services/build services/build.in
	set -e; for service in registry console; do $(LOCK) services/$$service/serve services/$$service/pyproject.toml; done
	$(LOCK) tests/dev $(PACKAGES) --all-extras tests/dev.in
	set -e; for each in triton k8s supply $(PEERS:%=load/peers/%); do $(LOCK) tests/$$each tests/$$each.in; done
endif

console-api: .venv/console/.ready ## write what the console's API takes and gives into services/console/openapi.json
	.venv/console/bin/python -m pipit_console.openapi services/console/openapi.json

clean: ## remove environments and runs
	rm -rf .venv runs

# One environment a purpose, from its lock file, made when a target first needs it. The stamp is written last. A lock is
# complete, so that nothing else is looked for; PyTorch comes after it, with what its build needs.
#   $(call environment,folder,lock file,packages of this repository,module that completes it)
define environment
.venv/$(1)/.ready: $(2) $(3:%=%/pyproject.toml)
	@echo 'making .venv/$(1)'
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Pipit needs Python 3.11, 3.12 or 3.13 (TensorFlow 2.21 has no wheel for a newer one); this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	@$(PYTHON) -m venv --clear .venv/$(1)
	@.venv/$(1)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes --requirement services/build.lock.txt
	@.venv/$(1)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes --requirement $(2)
	$(if $(wildcard $(2:.lock.txt=.torch.txt)),@.venv/$(1)/bin/python -m pip --disable-pip-version-check install --quiet --requirement $(2:.lock.txt=.torch.txt))
	$(if $(3),@.venv/$(1)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation $(3:%=--editable %))
	$(if $(4),@.venv/$(1)/bin/python -m $(4))
	@touch $$@
endef
# The networks that find faces and bodies, where trainers of the domains $(1) need them.
landmarks = $(if $(shell grep -ls '^landmarks *= *true' $(1:%=services/%/domain.toml)),pipit.landmark_networks)
# The same for its server, where that keeps pictures without their faces.
blurs = $(if $(shell grep -ls '^blurs_faces *= *true' $(1:%=services/%/domain.toml)),pipit.landmark_networks)
# detector-footprints: 1 gives detector, 2 footprints.
half = $(word $(1),$(subst -, ,$(2)))
late = pip --disable-pip-version-check install --quiet --no-deps --require-hashes --requirement services/$(2)/$(1).late.lock.txt

$(eval $(call environment,dev,tests/dev.lock.txt,shared services/registry services/console $(DOMAINS:%=services/%),$(call landmarks,$(DOMAINS))))
$(eval $(call environment,triton,tests/triton.lock.txt,))
$(eval $(call environment,k8s,tests/k8s.lock.txt,))
$(eval $(call environment,supply,tests/supply.lock.txt,))
$(foreach peer,$(PEERS),\
$(eval $(call environment,peer-$(peer),tests/load/peers/$(peer).lock.txt,shared services/home_security)))
$(eval $(call environment,registry,services/registry/serve.lock.txt,shared services/registry))
$(eval $(call environment,console,services/console/serve.lock.txt,shared services/console))
$(foreach domain,$(DOMAINS),\
$(eval $(call environment,train-$(domain),services/$(domain)/train.lock.txt,shared services/$(domain),$(call landmarks,$(domain))))\
$(eval $(call environment,serve-$(domain),services/$(domain)/serve.lock.txt,shared services/$(domain),$(call blurs,$(domain)))))
$(foreach beside,$(BESIDES),\
$(eval $(call environment,$(beside),services/$(call half,2,$(beside))/$(call half,1,$(beside)).lock.txt,,$(call late,$(call half,1,$(beside)),$(call half,2,$(beside))))))
