# Each target does the set-up that it needs; on a fresh clone any of them can be the first.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
READY := .venv/ready
CODE := src tests scripts $(wildcard benchmarks)

.PHONY: help setup format check test vectors vectors-new bench soak fuzz docs demo pins clean

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv with the pinned dependencies (redone only when the pins change).

$(READY): requirements/dev.txt pyproject.toml scripts/setup
	@sh scripts/setup

format: $(READY) ## Rewrite the code in the one format, and mend what the linter can.
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

check: $(READY) ## Check format, lint, types, the import rule, installed packages and links in the documents.
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy --strict $(CODE)
	$(BIN)/lint-imports
	$(BIN)/pip check
	$(BIN)/python scripts/links.py

test: check ## Run every check, vector and test, with branch coverage.
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

vectors: $(READY) ## Open the test vectors of spec/; never rewrites them.
	$(BIN)/python -m pytest tests/vectors

vectors-new: $(READY) ## Make new test vectors in spec/vectors/.
	$(BIN)/python -m tests.vectors.make

bench: $(READY) ## Run every benchmark; each prints one JSON line.
	$(BIN)/python -m benchmarks

soak: $(READY) ## Kill -9 campaigns for as long as it takes (SEEDS=50).
	$(BIN)/python -m pytest tests/faults/test_kill.py --seeds $(or $(SEEDS),50)

fuzz: $(READY) ## Random damage through the whole stack (SECONDS=600 SEED=1).
	$(BIN)/python -m tests.faults.fuzz --seconds $(or $(SECONDS),600) --seed $(or $(SEED),1)

docs: $(READY) ## Write the generated reference pages anew and check all links.
	$(BIN)/python scripts/reference.py
	$(BIN)/python scripts/links.py

demo: $(READY) ## Run three nations and a blind relay on this machine (ONCE=1 ends by itself, JSON=1 prints facts).
	@$(BIN)/simpul demo $(if $(ONCE),--once) $(if $(JSON),--json)

pins: $(READY) ## Resolve the dependencies again and write requirements/*.txt.
	@sh scripts/pins

clean: ## Remove .venv and every cache.
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage htmlcov
