# Everything lives inside the checkout: packages in .venv/, the demo's services and data in .meli/. `make help` lists the targets.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
GPU_PYTHON ?= $(or $(wildcard $(BIN)/python),python3)
REAL_DATA ?= $(or $(MELI_REAL_DATA),../shared/data)
HARDSHIPS ?= kills memory file-sizes disk races clocks mlflow-kills mlflow-slow

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo stop status test test-faults test-damage test-browser test-cluster test-compose test-gpu bench-gpu gpu-bundle mutants lint format lock docs docs-lab bench sbom secrets clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/.demo ## install the demo's packages into .venv/

demo: $(VENV)/.demo ## start S3, MLflow and Airflow, run the pipeline, print the champion (MELI_SOURCE=..., MELI_SETS=...)
	@$(BIN)/python -m meli_tasks.stack demo

stop: ## stop the demo's services; the data stays in .meli/
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m meli_tasks.stack stop; else echo "Nothing is installed, so nothing is running."; fi

status: ## list the running services, how to sign in, the champion and the last run
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m meli_tasks.stack status || [ $$? -eq 3 ]; else echo "Nothing is installed, so nothing is running."; fi

test: $(VENV)/.dev ## install the test packages and run the tests
	@sh tests/js/run.sh test
	@MELI_REAL_DATA=$(REAL_DATA) $(BIN)/python -m pytest -n 2 --dist loadfile $(TESTS)

test-faults: $(VENV)/.dev ## test servers that fail, kills, small disks, too little memory, races and wrong clocks (over 10 minutes on 2 cores)
	@$(BIN)/python -m pytest -m faults $(TESTS)
	@$(if $(TESTS),,$(BIN)/python -m tests.hardships $(HARDSHIPS) --times $(or $(TIMES),2) --seed $(or $(SEED),1))

test-damage: $(VENV)/.dev ## damage a finished store and run again (0.4 CPU-seconds each; DAMAGES=2000, SEED=1)
	@$(BIN)/python -m tests.damage --damages $(or $(DAMAGES),2000) --seed $(or $(SEED),1)

test-browser: $(VENV)/.dev ## test the pages in Chromium; screenshots in tests/browser/screenshots/ (10 minutes on 2 cores)
	@$(BIN)/python -m tests.browser.chromium
	@sh tests/js/run.sh install
	@$(BIN)/python -m pytest -m browser tests/browser

test-cluster: $(VENV)/.dev ## test the cluster without containers: outages, recovery, backfills (25 minutes on 2 cores)
	@sh tests/cluster/install.sh
	@$(BIN)/python -m pytest -m cluster $(or $(TESTS),tests/cluster tests/dags tests/tracking)

test-gpu: ## test training on a GPU, or say that there is none (5 minutes; GPU_PYTHON=... with torch, numpy, pydantic, safetensors, pytest)
	@PYTHON=$(GPU_PYTHON) RESULTS=.meli/gpu sh tests/gpu/run.sh test

bench-gpu: ## measure training on a GPU: .meli/gpu/results.json and a plot (8 minutes; GPU_PYTHON=...)
	@PYTHON=$(GPU_PYTHON) RESULTS=.meli/gpu sh tests/gpu/run.sh bench

gpu-bundle: $(VENV)/.demo ## pack test-gpu and bench-gpu into one file for a machine without a network (WHEELS=1: with their packages)
	@$(BIN)/python -m benchmarks.gpu.bundle $(if $(WHEELS),--wheels)

test-compose: $(VENV)/.dev ## test docker-compose.yaml on a Docker engine: build, start, train, stop (5 to 10 minutes on 2 cores)
	@sh tests/docker/install.sh
	@$(BIN)/python -m pytest -m compose -x --log-cli-level=INFO tests/docker

mutants: $(VENV)/.dev ## change the code a little at a time and list the changes that no test notices (an hour or more; MODULE=ledger)
	@MELI_REAL_DATA=$(REAL_DATA) $(BIN)/mutmut run --max-children 1 $(if $(MODULE),"meli_tasks.$(MODULE)*")
	@$(BIN)/mutmut results

lint: $(VENV)/.dev ## check style, types and import rules, and the JavaScript
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@sh tests/js/run.sh lint

format: $(VENV)/.dev ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@sh tests/js/run.sh format

docs: $(VENV)/.dev ## build the documentation site: site/index.html, for any browser, without a server or a network
	@$(BIN)/python docs/build_site.py

docs-lab: $(VENV)/.demo ## run the lab's experiments and write the tables of docs/lab.md (a quarter of an hour on 2 cores)
	@$(BIN)/python -m benchmarks.lab --source $(REAL_DATA)/meli_spanish.csv.gz

bench: $(VENV)/.dev ## run the benchmarks: a table, and files in .meli/bench/ (PARTS="peers growth", ROWS=5000000, SEEDS=1,2,3, THREADS=2)
	@MELI_REAL_DATA=$(REAL_DATA) $(BIN)/python -m benchmarks $(PARTS) $(if $(ROWS),--rows $(ROWS)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(THREADS),--threads $(THREADS))

lock: $(VENV)/.uv ## resolve the package versions again and write locks/
	@for lock in "dev --extra cluster" demo cluster; do set -- $$lock; name=$$1; \
	  $(BIN)/uv pip compile pyproject.toml locks/torch-needs.in --quiet --universal --python-version 3.11 \
	    --generate-hashes --no-annotate --no-header --override locks/without-torch.txt \
	    $$( [ $$name = dev ] || echo "-c locks/dev.txt" ) --extra $$lock -o locks/$$name.txt || exit 1; done

sbom: $(VENV)/.dev ## write the bill of materials (CycloneDX) and the licences of what the locks name: sbom/
	@$(BIN)/python docker/sbom.py sbom

secrets: $(VENV)/.python ## write .env with random secrets for docker-compose.yaml
	@$(BIN)/python docker/write_secrets.py

clean: stop ## remove .venv/, .meli/, mutants/, site/, sbom/ and node_modules/
	@rm -rf $(VENV) .meli mutants site sbom node_modules

$(VENV)/.python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not on the PATH: install Python 3.11, or name an interpreter with make PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.uv: locks/uv.txt $(VENV)/.python
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r locks/uv.txt
	@touch $@

define install
	@sh locks/install.sh $(VENV) $(1)
	@touch $@
endef

NEEDED := locks/torch.txt locks/torch-cuda.txt pyproject.toml $(VENV)/.uv

$(VENV)/.demo: locks/demo.txt $(NEEDED)
	$(call install,demo)

# The test packages include the demo's.
$(VENV)/.dev: locks/dev.txt $(NEEDED)
	$(call install,dev)
	@touch $(VENV)/.demo
