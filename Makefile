# make demo: environment, miniature data, training, test, mIoU report with pictures.
# make test: environment, whole test suite.
# make docs: the documentation, build/site.
# All need Python 3.10 or newer and pip; nothing is compiled, a second call reuses what is there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := work_dirs/demo
CONFIG := configs/deeplabv3plus_xception_mini-voc.py

.PHONY: demo test check docs env clean
.DELETE_ON_ERROR:

env: $(VENV)/.complete $(VENV)/peers/.complete

$(VENV)/.complete: requirements.txt constraints.txt setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo 'error: Python 3.10 or newer is needed: make PYTHON=python3.11'; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -r requirements.txt
	touch $@

$(VENV)/peers/.complete: requirements-peers.txt | $(VENV)/.complete
	rm -rf $(@D)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(@D) -r $<
	touch $@

demo: $(VENV)/.complete
	$(BIN)/python tools/make_mini_voc.py --out data/mini-voc
	$(BIN)/python tools/train.py $(CONFIG) --work-dir $(DEMO)
	$(BIN)/python tools/test.py $(CONFIG) $(DEMO) --work-dir $(DEMO) --out $(DEMO)/report

test: env
	$(BIN)/python -m pytest -n 2 --dist loadfile

# A warning is an error; build/site/index.html opens from the disk.
docs: $(VENV)/.complete
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

check: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) work_dirs build *.egg-info
