# Every habit of this project has its name here; README, hooks and .ci/run call only these.
# Needs python3, make and git. uv comes from PATH when it is new enough, else it goes into .tools/.

UV := .tools/bin/uv
RUN := $(UV) run --locked --all-packages
UV_MINIMUM := $(shell sed -n 's/^required-version = ">=\(.*\)"/\1/p' pyproject.toml)
UV_VERSION := $(shell sed -n 's/^ARG UV_IMAGE=.*://p' images/inference/Dockerfile)

LAB_PORT ?= 8888
LOAD_URL ?= http://127.0.0.1:8000
LOAD_USERS ?= 256
LOAD_SECONDS ?= 5
LOAD_P95_MS ?= 50
# Rounds of so many seconds each; a quick look is BENCH_ROUNDS=1, and BENCH="single start" some of it.
BENCH ?=
export BENCH_SECONDS ?= 1
export BENCH_ROUNDS ?= 5
export SOAK_SECONDS ?= 1800

# onnxruntime reports its use to its maker unless it is told not to.
export ORT_DISABLE_TELEMETRY := 1

.DEFAULT_GOAL := help
.PHONY: help tools sync serve lab up down test test-all test-lean test-stack test-clients test-browser endure soak check hooks format \
	bench load pictures stubs audit sbom clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---------------------------------------------------------------- running

serve lab: export INFERENCE_HOST ?= 127.0.0.1
serve lab: export INFERENCE_PORT ?= 8000
serve lab: export INFERENCE_MODELS_DIR ?= $(CURDIR)/models
serve lab: export EXPORTER_MODELS_DIR ?= $(INFERENCE_MODELS_DIR)
serve lab: export EXPORTER_URL ?= http://127.0.0.1:$(INFERENCE_PORT)

serve: tools ## Serve models/ on 127.0.0.1:8000, trained first when there are none; Ctrl-C stops
	@mkdir -p "$$INFERENCE_MODELS_DIR"
	@if [ -z "$$(cd "$$INFERENCE_MODELS_DIR" && find . -name '*.onnx' ! -path './.*' | head -n 1)" ]; then \
		echo "There are no models yet: training the penguin classifiers."; \
		$(UV) run --locked --no-dev --package notebooks python notebooks/penguins.py; \
	fi
	@$(UV) run --locked --no-dev --package inference inference serve

lab: tools ## Open JupyterLab on 127.0.0.1:8888; what it publishes goes where `make serve` looks
	@JUPYTER_CONFIG_PATH=$(CURDIR)/notebooks/jupyter $(UV) run --locked --no-dev --package notebooks jupyter lab \
		--ip=127.0.0.1 --port=$(LAB_PORT) --no-browser --ServerApp.root_dir=$(CURDIR)/notebooks \
		$(if $(filter 0,$(shell id -u)),--allow-root)

up: ## Build and start both containers, wait until they are healthy
	docker compose up --build --detach --wait
	@echo "JupyterLab:  $$(docker compose logs --no-log-prefix jupyter | grep -o 'http://127.0.0.1:8888/[^ ]*' | tail -n 1)"
	@echo "Service:     http://127.0.0.1:8000/docs"

down: ## Stop all containers, the load generator too; models, selection and notebooks are kept
	docker compose --profile load down

# ---------------------------------------------------------------- testing

# The lean suite holds the service's own tests, so that they run once, where they prove the most.
test: sync ## Run the fast tests and the docstrings' examples with coverage, then the lean suite
	$(UV) run --no-sync pytest --cov --cov-branch --cov-report=term:skip-covered \
		--cov-report=html:reports/coverage --doctest-modules \
		inference/src notebooks/src tests/unit tests/contract tests/acceptance
	@$(MAKE) --no-print-directory test-lean

test-lean: export UV_PROJECT_ENVIRONMENT := .tools/lean
test-lean: tools ## Run the service's tests with nothing but the service's dependencies installed
	UV_COMPILE_BYTECODE=1 $(UV) sync --locked --quiet --package inference --group lean
	@.tools/lean/bin/python -c "import importlib.util as u, sys; \
		sys.exit('scikit-learn is importable' if u.find_spec('sklearn') else 0)"
	.tools/lean/bin/python -m pytest tests/unit/inference tests/service

# The laboratory script gives an engine and base images to a machine that has none.
test-stack: sync ## Build the containers, bring them up and test the loop through them
	@if [ -f ../shared/container-lab.sh ]; then bash ../shared/container-lab.sh images/*/Dockerfile; fi
	$(UV) run --no-sync pytest tests/stack

test-clients: sync ## Generate Python and TypeScript clients and call with them (PyPI, npm; Debian's nodejs, npm)
	$(RUN) --group generators pytest tests/clients

test-browser: sync ## Test the pages in Chromium (Debian's package, /usr/bin/chromium)
	$(RUN) --group browser pytest tests/browser

# What `make test` samples, whole; any of these numbers can be given on the command line.
test-all: export CORPUS ?= 1000
test-all: export NEIGHBOURS ?= 1000
test-all: export JUNK ?= 1900
test-all: export STOP_RUNS ?= 30
test-all: export FAILING_CALLS ?= 100
test-all: sync ## Run whole what `make test` samples: corpus, attackers, failing calls (an hour)
	$(UV) run --no-sync pytest tests/acceptance tests/contract/endurance/test_worst_neighbour.py \
		tests/service/test_failing_calls.py tests/service/protocol/test_stopping.py \
		tests/service/test_junk.py

# The same tests run shortly in `make test`; any of these numbers can be given on the command line.
endure: export FUZZ_INPUTS ?= 100000
endure: export FUZZ_REQUESTS ?= 10000
endure: export FUZZ_FILES ?= 500
endure: export REPUBLICATIONS ?= 1000
endure: export FAILING_CALLS ?= 100
endure: export FAILING_TIMES ?= 3
endure: sync ## Fuzz decoders, routes and files, and republish, at full length (about an hour)
	$(UV) run --no-sync pytest tests/unit/inference/test_fuzz.py tests/contract/endurance \
		tests/service/test_republication.py tests/service/test_failing_calls.py

# On a machine that does nothing else: the server has one core, the generator another.
bench: sync ## Measure the service beside its peers, with wrk; writes docs/reference/benchmarks.md
	$(UV) run --no-sync python tests/load/bench.py $(BENCH)

# Ever more users, up to LOAD_USERS, until an answer in 20 takes longer than LOAD_P95_MS.
load: tools ## Load a running service at LOAD_URL until its knee is found; report in reports/load.md and .html
	@mkdir -p reports
	$(RUN) --group load locust --locustfile tests/load/locustfile.py,tests/load/ramp.py \
		--headless --only-summary --host $(LOAD_URL) --html reports/load.html --report reports/load.md \
		--largest-users $(LOAD_USERS) --step-seconds $(LOAD_SECONDS) --bound-p95-ms $(LOAD_P95_MS)

# Ends with an error when a request was lost, a worker came back late, or memory has grown.
soak: sync ## Hold a mixed load for half an hour while faults are injected; report in reports/soak.md
	PYTHONPATH=tests $(UV) run --no-sync python -m soak

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

format: sync ## Format the code and mend what can be mended automatically
	$(UV) run --no-sync ruff format
	$(UV) run --no-sync ruff check --fix

pictures: sync ## Remake the screenshots in docs/pictures
	$(RUN) --group browser pytest tests/browser/pictures.py -o python_functions="take_*"

# The generated messages get a descriptor pool of their own, since a process that also loads another
# package's messages of the same names (tritonclient's, say) could not load both.
stubs: STUBS := inference/src/inference/web/grpc
stubs: sync ## Remake the gRPC messages from protocol.proto
	$(RUN) --group stubs python -m grpc_tools.protoc -I $(STUBS) \
		--python_out=$(STUBS) --pyi_out=$(STUBS) protocol.proto
	sed -i 's/_descriptor_pool\.Default()/_descriptor_pool.DescriptorPool()/' $(STUBS)/protocol_pb2.py

# The package whose dependencies an image holds, after the image's name.
IMAGES := inference:inference jupyter:notebooks
PIP_AUDIT := pip-audit==2.10.1
CYCLONEDX := cyclonedx-bom==7.5.0

# Two things that look alike are told apart: no known hole, and an index that cannot be asked.
audit: tools reports/locked ## Look for known holes in what the images hold
	@failed=0; for image in $(IMAGES); do \
		name=$${image%%:*}; log=reports/audit-$$name.txt; \
		if $(UV) tool run --quiet --from $(PIP_AUDIT) pip-audit --strict --no-deps --disable-pip \
			--progress-spinner off --requirement reports/locked/$$name.txt >$$log 2>&1; then \
			echo "$$name: no known holes"; \
		elif grep -q '^Found .*known vulnerabilit' $$log; then \
			cat $$log; failed=1; \
		else \
			echo "$$name: NOT AUDITED: the index of known holes cannot be asked from here:"; \
			tail -n 1 $$log | cut -c 1-200; failed=1; \
		fi; \
	done; exit $$failed

sbom: tools reports/locked ## List what the images hold, as CycloneDX in reports/sbom-*.json
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

clean: ## Remove caches and reports; models and environments stay
	rm -rf .coverage .import_linter_cache .mypy_cache .pytest_cache .ruff_cache dist reports
	find . -name __pycache__ -not -path './.*' -prune -exec rm -rf {} +

# ---------------------------------------------------------------- tools

# Compiling costs seconds once; without it a machine that writes no bytecode compiles at every start.
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
		echo "This python3 can neither make a virtual environment nor run pip." >&2; \
		echo "Install one of them (Debian and Ubuntu: apt-get install python3-venv), or uv." >&2; \
		exit 1; \
	fi && ln -sf ../uv/bin/uv $@
