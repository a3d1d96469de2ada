# The commands of the template's own repository; "make" lists them.

PYTHON ?= python3
VENV ?= .venv
PROJECT := <<cookiecutter.project_slug>>
READY := $(VENV)/template-$(shell cksum < requirements-dev.txt | tr -dc 0-9)
BIN := $(abspath $(VENV))/bin
# As seen from the demo's project; a path with spaces cannot be a target.
INNER := $(if $(filter /%,$(VENV)),,../../../)
# Caches inside the template's folder would end up in every project made from it.
export PYTHONDONTWRITEBYTECODE := 1
export RUFF_NO_CACHE := true
export MYPY_CACHE_DIR := $(CURDIR)/build/mypy

.DEFAULT_GOAL := help
.PHONY: help demo test lint conformance bench lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' Makefile

$(READY):
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 10) <= v <= (3, 13) or sys.exit("error: Python %d.%d found, 3.10 to 3.13 needed: set PYTHON=" % v)'
	@echo "setting up $(VENV), once" >&2
	@$(PYTHON) -m venv "$(VENV)" >&2
	@rm -f "$(VENV)"/template-*
	@"$(VENV)/bin/python" -m pip --disable-pip-version-check install --quiet --require-hashes --requirement requirements-dev.txt >&2
	@touch $@

demo: $(READY) ## generate the default project, run it, show its result
	@rm -rf $(DEMO)
	@"$(BIN)/cookiecutter" --no-input --output-dir $(dir $(DEMO)) . >/dev/null
	@echo "generated $(DEMO); running it with: make local RUNNER=process" >&2
	@$(MAKE) -s -C $(DEMO) local RUNNER=process VENV=$(INNER)$(VENV) READY=$(INNER)$(READY)
DEMO := build/demo/calculate-average

test: $(READY) ## run the tests (E2E=require: fail where no engine answers)
	@"$(BIN)/python" -m pytest --numprocesses auto

lint: $(READY) ## check style, types and shell in the template
	@"$(BIN)/ruff" check . "$(PROJECT)"
	@"$(BIN)/ruff" format --check . "$(PROJECT)"
	@"$(BIN)/mypy" kfp_workbench hooks/*.py tests
	@cd "$(PROJECT)" && MYPYPATH="$(CURDIR)" "$(BIN)/mypy" .
	@"$(BIN)/shellcheck" .ci/*

conformance: $(READY) ## local runs against a real backend's (CASES=, RECORDS=, RUNNER=)
	@PYTHONPATH=tests:. "$(BIN)/python" -m conformance --runner "$(RUNNER)" $(if $(CASES),--cases "$(CASES)") $(if $(RECORDS),--records "$(RECORDS)") $(ARGS)
conformance: RUNNER ?= process

bench: $(READY) ## measure speed against the references, in pairs
	@"$(BIN)/python" tests/bench.py

lock: $(READY) ## make both lock files again from their .in files
	@cd "$(PROJECT)" && "$(BIN)/uv" pip compile $(LOCK) requirements-dev.in -o requirements-dev.txt
	@"$(BIN)/uv" pip compile $(LOCK) requirements-dev.in "$(PROJECT)/requirements-dev.in" -c "$(PROJECT)/requirements-dev.txt" -o requirements-dev.txt
LOCK := --quiet --universal --python-version 3.10 --generate-hashes --no-annotate --no-header --upgrade
