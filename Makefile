# The commands of the template's own repository; "make" lists them.

PYTHON ?= python3
VENV ?= .venv
# An environment of your own (conda, uv, poetry): it is checked, never changed.
USE_VENV ?=
ifneq ($(USE_VENV),)
override VENV := $(USE_VENV)
else
unexport PYTHONPATH # it would put other packages before those of .venv
endif
unexport PYTHONHOME PYTHONPLATLIBDIR
PROJECT := <<cookiecutter.project_slug>>
PROJECT_LOCK := "$(PROJECT)/requirements-dev.txt"
MARKS := $(if $(USE_VENV),build/setup,$(VENV))
GONE := $(shell test -x "$(VENV)/bin/python" || printf gone-)
READY_FOR_DEMO := $(MARKS)/demo-$(GONE)$(shell cksum < requirements.txt | tr -dc 0-9)
READY := $(MARKS)/ready-$(GONE)$(shell cat requirements.txt requirements-dev.txt $(PROJECT_LOCK) | cksum | tr -dc 0-9)
SETUP = PYTHONPATH="$(CURDIR)" $(PYTHON) -m kfp_workbench.setup "$(VENV)" $(if $(USE_VENV),--given "$(CURDIR)") \
	--mark $(subst gone-,,$@) --lock requirements.txt
BIN := $(abspath $(VENV))/bin
# Caches inside the template's folder would end up in every project made from it.
export PYTHONDONTWRITEBYTECODE := 1
export RUFF_NO_CACHE := true
export MYPY_CACHE_DIR := $(CURDIR)/build/mypy

.DEFAULT_GOAL := help
.PHONY: help demo test lint conformance bench wheel lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' Makefile

$(READY_FOR_DEMO):
	@$(SETUP)

$(READY):
	@$(SETUP) --lock requirements-dev.txt --lock $(PROJECT_LOCK) --all-tools

demo: $(READY_FOR_DEMO) ## generate the default project, run it, show its result
	@rm -rf $(DEMO)
	@"$(BIN)/cookiecutter" --no-input --output-dir $(dir $(DEMO)) . >/dev/null
	@echo "generated $(DEMO); running it with: make local RUNNER=process" >&2
	@$(MAKE) -s -C $(DEMO) local RUNNER=process $(if $(USE_VENV),USE_VENV="$(abspath $(VENV))",VENV=../venv)
DEMO := build/demo/calculate-average

test: $(READY) ## run the tests (E2E=require: fail where no engine answers)
	@"$(BIN)/python" -m pytest --numprocesses auto

lint: $(READY) ## check style, types and shell in the template
	@"$(BIN)/ruff" check . "$(PROJECT)"
	@"$(BIN)/ruff" check --config pyproject.toml "$(PROJECT)/common"
	@"$(BIN)/ruff" format --check . "$(PROJECT)"
	@"$(BIN)/ruff" check $(AS_IN_A_PROJECT) starters
	@"$(BIN)/mypy" kfp_workbench *.py hooks/*.py tests
	@cd "$(PROJECT)" && MYPYPATH="$(CURDIR)" "$(BIN)/mypy" --strict .
	@"$(BIN)/lint-imports" --no-cache --no-logo
	@"$(BIN)/shellcheck" .ci/*

AS_IN_A_PROJECT := --config "$(PROJECT)/pyproject.toml" --config 'src = ["$(PROJECT)", "starters/training"]'
conformance: $(READY) ## local runs against a real backend's (CASES=, RECORDS=, RUNNER=)
	@PYTHONPATH=tests:. "$(BIN)/python" -m conformance --runner "$(RUNNER)" $(if $(CASES),--cases "$(CASES)") $(if $(RECORDS),--records "$(RECORDS)") $(ARGS)
conformance: RUNNER ?= process

bench: $(READY) ## measure speed against the references, in pairs
	@PYTHONPATH=tests:. "$(BIN)/python" -m bench

wheel: $(READY) ## build the package for an index, in build/wheel
	@"$(BIN)/python" -m hatchling build --target wheel --directory build/wheel

lock: $(READY) ## make the lock files again from their .in files
	@"$(BIN)/uv" pip compile $(LOCK) pyproject.toml "$(PROJECT)/requirements-dev.in" -o $(PROJECT_LOCK)
	@"$(BIN)/uv" pip compile $(LOCK) requirements.in -c $(PROJECT_LOCK) -o requirements.txt
	@"$(BIN)/uv" pip compile $(LOCK) requirements-dev.in -c $(PROJECT_LOCK) -c requirements.txt -o requirements-dev.txt
LOCK := --quiet --universal --python-version 3.10 --generate-hashes --no-annotate --no-header --upgrade
