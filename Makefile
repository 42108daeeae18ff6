# One target per thing a person does. `demo` and `test` need python3 (with venv) and make only.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint format bench e2e stack stack-test fuzz dashboards docs proto clean

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "prempti-otel needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -V 2>&1). Set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments. Install its venv package, for instance: sudo apt install python3-venv"; exit 1; }
	@echo "setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@

demo: $(READY)
	@$(BIN)/python -m tests.demo

test: $(READY)
	@$(BIN)/python -m pytest -q --numprocesses auto --dist worksteal

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	cd hook && ../$(BIN)/mypy --strict prempti_*.py
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	@$(BIN)/python -m bench

e2e: $(READY)
	@$(BIN)/python -m pytest -q -m e2e tests/e2e

# FUZZ_SECONDS=3600 make fuzz; what fails is kept in .cache/fuzz.
FUZZ_SECONDS ?= 600
fuzz: $(READY)
	@$(BIN)/python -c 'import atheris' 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: atheris || \
	  { echo "atheris has no ready-made package for $$($(BIN)/python -V) on this system (it has for Linux, x86_64); fuzz there"; exit 1; }
	@$(BIN)/python -m tests.fuzz.fuzz_analysis -max_total_time=$(FUZZ_SECONDS)

# The programs of the stack test; half an hour and more the first time. They are kept in .cache/stack.
stack: $(READY)
	@$(BIN)/python -m tests.support.stack_programs

stack-test: $(READY)
	@$(BIN)/python -m pytest -q -m stack tests/stack

dashboards: $(READY)
	@$(BIN)/python -m dashboards.generate

docs: $(READY)
	@$(BIN)/python -m prempti_otel.ctl.reference docs

proto: $(READY)
	$(BIN)/python -m grpc_tools.protoc -I prempti_otel/proto --python_out=prempti_otel/proto --pyi_out=prempti_otel/proto \
	  --grpc_python_out=prempti_otel/proto prempti_otel/proto/prempti/v1/engine.proto
	sed -i 's/^from prempti\.v1 import/from prempti_otel.proto.prempti.v1 import/' prempti_otel/proto/prempti/v1/*_grpc.py

clean:
	rm -rf $(VENV) .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache dist
