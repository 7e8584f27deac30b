# Commands for users and developers. Each target sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
PROBLEM ?= A bus has 40 seats. 26 people get on, and then 9 more. How many seats are still free?
DEVICE := $(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)

# The CPU build of torch: from PIP_FIND_LINKS if that folder has it, else from PyTorch's own index.
ifneq ($(wildcard $(PIP_FIND_LINKS)/torch-*+cpu-*.whl),)
CPU_TORCH := --find-links $(PIP_FIND_LINKS)
else
CPU_TORCH := --extra-index-url https://download.pytorch.org/whl/cpu --index-strategy unsafe-best-match
endif
INSTALL_cpu := $(CPU_TORCH) --overrides requirements/overrides-cpu.txt
INSTALL_gpu := --torch-backend auto
AUDIT = $(UV) run --quiet --no-project --with pip-audit==2.10.1 pip-audit --strict --disable-pip

# With this variable, which images of Python often set, each process compiles every module that it imports again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup tools generate solve serve benchmarks test test-fast test-training test-engine test-containers check format audit sbom requirements

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.setup-$(DEVICE)  ## Create .venv with the engine for this machine (GPU or CPU)

$(UV):
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check uv

$(VENV)/.setup-$(DEVICE): pyproject.toml uv.lock requirements/$(DEVICE).txt requirements/overrides-cpu.txt | $(UV)
	$(UV) sync --quiet --locked --inexact --extra train
	$(UV) pip install --quiet --no-config $(INSTALL_$(DEVICE)) -r requirements/$(DEVICE).txt
	@touch $@

tools: $(VENV)/.tools-$(DEVICE)  ## Add the tools that check deploy/ (helm, promtool, hadolint), and Chromium

$(VENV)/.tools-$(DEVICE): $(VENV)/.setup-$(DEVICE) deploy/tools.py tests/support/browser.py
	$(UV) sync --quiet --locked --inexact --extra train --group tools
	$(BIN)/python -m deploy.tools
	$(BIN)/python -m tests.support.browser
	@touch $@

generate: tools  ## Write the generated dashboards and documents
	$(BIN)/python -m deploy.generate

solve: setup  ## Solve PROBLEM="…" with the bundled model
	@$(BIN)/twinpath solve "$(PROBLEM)"

serve: setup  ## Serve POST /solve on http://127.0.0.1:8000
	@exec $(BIN)/twinpath serve

benchmarks: setup  ## Measure every table of the documents on DATA=problems.jsonl (TEST=150: only held-out problems)
	$(UV) sync --quiet --locked --inexact --extra train --group bench
	$(BIN)/python -m benchmarks.all --data "$(DATA)" --test $(or $(TEST),0) $(if $(DATASET),--dataset "$(DATASET)") \
		$(if $(RECORDED),--recorded "$(RECORDED)")

test: test-fast test-training test-engine test-containers  ## Run every test but the soak tests

test-fast: tools  ## Run the service's tests without an engine, in about two minutes
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not (engine or e2e or slow or alone or soak or containers)" \
		--ignore tests/training

test-training: tools  ## Run the tests of training/, from data to the served student
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not soak" tests/training

# First what may run beside another test: the service as a process, with its clients and browsers.
test-engine: tools  ## Run the tests on the real engine, and of the service as users start it
	$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder \
		-m "(e2e or slow) and not (engine or alone or soak or containers)" --ignore tests/training
	$(BIN)/pytest -q -m "(engine or alone) and not (soak or containers)" --ignore tests/training

# Without an engine for containers, root on Debian gets one in namespaces of its own, which ends with the tests.
test-containers: tools  ## Build the images, and run both compose files in containers
	$(BIN)/pytest -q -m "containers and not soak" tests/containers

check: tools  ## Check format, lint, types, import contracts, prose and lock file
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m dev.prose
	$(UV) lock --check

format: tools  ## Format the code, and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

audit: | $(UV)  ## Look up every pinned package in the advisory databases; needs the network
	@$(UV) export --quiet --locked --all-extras --all-groups --no-emit-project -o $(VENV)/audit.txt
	$(AUDIT) --require-hashes -r $(VENV)/audit.txt
	$(AUDIT) --no-deps -r requirements/gpu.txt

sbom: | $(UV)  ## Write sbom.json, a CycloneDX bill of materials with vLLM
	@$(UV) export --quiet --locked --no-dev --extra serve --extra otel --extra calibrate --no-emit-project --no-hashes -o $(VENV)/locked.txt
	@cat $(VENV)/locked.txt requirements/gpu.txt | sed -n 's/ *;.*//; /==/p' | sort -u > $(VENV)/sbom.txt
	$(UV) run --quiet --no-project --with cyclonedx-bom==7.5.0 cyclonedx-py requirements $(VENV)/sbom.txt -o sbom.json

requirements: | $(UV)  ## Pin the engines again, in step with uv.lock
	$(UV) export --quiet --locked --all-extras --all-groups --no-hashes --no-emit-project -o $(VENV)/lock.txt
	$(UV) pip compile --quiet --no-config --python-platform x86_64-manylinux_2_28 --python-version 3.11 -c $(VENV)/lock.txt $(CPU_TORCH) \
		--overrides requirements/overrides-cpu.txt --no-emit-find-links --no-emit-index-url --no-annotate \
		requirements/cpu.in -o requirements/cpu.txt
	$(UV) pip compile --quiet --no-config --python-platform x86_64-manylinux_2_28 --python-version 3.11 -c $(VENV)/lock.txt --no-annotate \
		--no-emit-index-url requirements/gpu.in -o requirements/gpu.txt
