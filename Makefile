# Two commands matter: make demo and make test. Each builds what it needs first.

PYTHON ?= python3
BIN := .venv/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
PINS := pyproject.toml constraints.txt

.PHONY: demo test explore check bench clean

demo: .venv/installed
	$(BIN)/voxaffect demo --out demo

# A process a core, each with one thread: files of tests are spread over them. One that crashes is
# not replaced: pytest-xdist may wait for the new one forever.
WORKERS := -n auto --maxprocesses 8 --dist loadfile --max-worker-restart 0

test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(WORKERS)

# Property tests with new examples, 20 times as many: minutes. A failure prints how to repeat it.
explore: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(WORKERS) --timeout 36000 \
	  --hypothesis-profile explore -m hypothesis

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed-bench
	for file in benchmarks/[a-z]*.py; do $(BIN)/python "$$file" || exit 1; done

clean:
	rm -rf .venv build dist demo src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv .venv

# A stamp is newer than the files that decide what is installed, or pip runs again.
.venv/installed: $(PINS) | $(BIN)/python
	$(INSTALL) -e '.[whisper]'
	touch $@

.venv/installed-dev: $(PINS) | $(BIN)/python
	$(INSTALL) -e '.[dev]'
	touch $@ .venv/installed

.venv/installed-bench: $(PINS) | $(BIN)/python
	$(INSTALL) -e '.[dev,bench]'
	touch $@ .venv/installed-dev .venv/installed
