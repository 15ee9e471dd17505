# make demo: set up, generate a cohort, complete it.   make check: set up, quick checks.
# make test: set up, every check and test except those that start a SLURM or need a GPU.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# a folder of real images for the tests that need some; without it these tests are skipped, with a reason
export GLIOFILL_TEST_DATA ?= $(wildcard $(abspath ../shared/data))
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PATH := $(abspath $(BIN)):$(PATH)
CORES ?= $(shell nproc)

.PHONY: demo check test static slurm-test gpu-test soak fuzz audit experiment docs lint bench clean browser

demo: $(VENV)/run.stamp
	@start=$$(date +%s); \
	rm -rf demo && \
	gliofill demo demo/bids --sessions 5 --seed 0 --processes 2 && \
	snakemake --cores $(CORES) --configfile config/demo.yaml --quiet rules </dev/null && \
	echo && awk -F'\t' '{printf "%-16s%-10s%-10s%-8s%s\n", $$1, $$3, $$4, $$5, $$7}' demo/derivatives/desc-contrasts_coverage.tsv && \
	echo && awk -F'\t' '{printf "%-16s%-12s%-10s%s\n", $$1, $$7, $$9, $$8}' demo/derivatives/desc-complete_contrasts.tsv && \
	echo && cat demo/derivatives/logs/status.txt && \
	echo "Results: demo/derivatives; open demo/derivatives/index.html (took $$(( $$(date +%s) - start )) s)"

# the paper's experiment on a small scale, on generated patients
experiment: $(VENV)/run.stamp
	test -d experiment/bids || gliofill demo experiment/bids --sessions 6 --seed 100 --complete --processes 2
	snakemake experiment --cores $(CORES) --configfile config/experiment-small.yaml --quiet rules </dev/null
	@echo "Results: experiment/derivatives/experiment; figures in its folder figures"

# the everyday loop, at most three minutes: style, types, layers, and every test under a second
check: $(VENV)/test.stamp static
	pytest -n 2 --dist loadfile -m "not slow and not slurm and not gpu"

test: $(VENV)/test.stamp browser static
	mkdocs build --strict --quiet
	pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=15

static: $(VENV)/test.stamp
	ruff check . && ruff format --check . && mypy && lint-imports && snakefmt --check Snakefile workflow

# headless Chromium for the tests of the pages: a system package, installed where apt-get and root are available
browser:
	@[ -z "$$GLIOFILL_NO_BROWSER" ] || exit 0; \
	for name in "$$GLIOFILL_CHROMIUM" chromium chromium-browser google-chrome; do ! command -v "$$name" >/dev/null || exit 0; done; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-dejavu-core >/dev/null || \
		echo "make: Chromium could not be installed; the tests of the pages need it (or GLIOFILL_NO_BROWSER=1)"; \
	else echo "make: the tests of the pages need Chromium: install it, name it in GLIOFILL_CHROMIUM, or set GLIOFILL_NO_BROWSER=1"; fi

# takes minutes; needs Debian's slurmctld, slurmd, slurm-client and munge, and says so if they are not installed
slurm-test: $(VENV)/test.stamp requirements-slurm.lock
	$(BIN)/pip install --quiet --no-deps -r requirements-slurm.lock
	pytest -m slurm -vv -rs --durations=0 tests/slurm
	@test ! -f build/slurm-jobs.md || cat build/slurm-jobs.md

# a minute on a machine with a GPU: the same bytes twice, the numbers of a CPU, and graceful behaviour when memory runs
# out; then the tests of learning, which use the GPU if there is one
gpu-test: $(VENV)/test.stamp
	pytest -m gpu tests/learning/test_cuda.py
	pytest tests/learning

# two hours: runs of a cohort, and of tuning and training, are killed at fifty random moments each, completed, and
# compared with an undisturbed run; and one run over five hundred tiny sessions is watched
soak: $(VENV)/test.stamp
	rm -rf build/soak build/soak-experiment build/long-run
	python -m tests.soak.long_run build/long-run --sessions 500
	python -m tests.soak.kills build/soak --moments 50 --seed 0
	python -m tests.soak.kills build/soak-experiment --of experiment --moments 50 --seed 0

# a minute for each reader of names, sidecars, headers and tables, guided by coverage
fuzz: $(VENV)/test.stamp
	$(BIN)/pip install --quiet atheris==3.0.0
	python -m tests.fuzz build/fuzz --seconds 60

# known vulnerabilities of the locked dependencies, and slips in the CI workflows; the tools have their own environment
audit:
	test -x build/audit/bin/zizmor || { $(PYTHON) -m venv build/audit && build/audit/bin/pip install --quiet pip-audit==2.10.1 zizmor==1.32.0; }
	build/audit/bin/zizmor --offline --persona=pedantic .github/workflows
	build/audit/bin/pip-audit --disable-pip --no-deps $(addprefix -r ,$(wildcard requirements*.lock))

docs: $(VENV)/test.stamp
	mkdocs build --strict
	@echo "Open build/site/index.html"

lint: $(VENV)/test.stamp
	ruff check --fix . && ruff format . && snakefmt Snakefile workflow && mypy && lint-imports

bench: $(VENV)/test.stamp
	python benchmarks/scan.py
	python benchmarks/training.py
	python benchmarks/pages.py

clean:
	rm -rf $(VENV) demo experiment build

# torch first: packages that depend on it must not choose another build
$(VENV)/run.stamp: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet $$(grep '^torch==' requirements.lock)
	$(BIN)/pip install --quiet -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp requirements-test.lock
	$(BIN)/pip install --quiet -r requirements-test.lock
	touch $@
