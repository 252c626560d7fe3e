# Everything a developer, CI or a first visitor runs.  `make` alone prints the
# targets.  Each target installs what it needs first (.ci/prepare.py).
#
# Variables: VARIANT (debug release gcc clang asan tsan coverage: the flavour
# of a C build), BUILD (where C builds go), JOBS, PYTHON, ARGS (handed to
# pytest or to the C test runner), WERROR= (warnings do not fail), V=1.

.DEFAULT_GOAL := help
SHELL := /bin/sh

PYTHON ?= python3
VENV := .venv
VENV_PYTHON := $(VENV)/bin/python
BUILD ?= build
VARIANT ?= debug
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
ARGS ?=
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
SUBMAKE := $(MAKE) --no-print-directory $(if $(filter 1,$(V)),,-s)

# Payload files of the vendor that some tests read; absent: those tests skip.
SGO_SAMPLES ?= $(abspath ../shared/samples)
export SGO_SAMPLES

# What `make ci` (.ci/run) and `make full` run, in this order, each a target.
# docs/internals/tests.md says what each is for and what it takes.
CI_STEPS := prepare-ci lint typecheck wheel-test docs-check test asan tsan test-packets model budgets sim-sample fuzz soak-minute
FULL_STEPS := $(CI_STEPS) ctest-long valgrind test-browser

PREPARE = $(PYTHON) .ci/prepare.py --venv $(VENV)

## ------------------------------------------------------------ everyday

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' \
	    $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install what is missing: system packages, .venv
	@$(PREPARE) build demo test lint

.PHONY: prepare-build prepare-demo prepare-test prepare-lint prepare-valgrind
.PHONY: prepare-ci
prepare-build:
	@$(PREPARE) build
prepare-demo:
	@$(PREPARE) build demo
prepare-test:
	@$(PREPARE) build demo test
prepare-lint:
	@$(PREPARE) build demo test lint
prepare-valgrind:
	@$(PREPARE) build valgrind
# All that CI_STEPS need, at one go: one apt-get, one pip.
prepare-ci:
	@$(PREPARE) build demo test lint docs valgrind fuzz model packets

.PHONY: build
build: prepare-build ## the extension module, in place
	@$(SUBMAKE) extension

.PHONY: demo
demo: prepare-demo ## live odds in this terminal: no key, no network
	@$(SUBMAKE) extension
	@$(VENV_PYTHON) -m sgostream.cli demo $(ARGS)

.PHONY: lab
lab: ## the same in JupyterLab, with the notebooks; ARGS='--port 8888'
	@$(PREPARE) build demo lab
	@$(SUBMAKE) extension
	@$(VENV_PYTHON) docs/tools/jupyter_lab.py $(ARGS)

.PHONY: test
test: prepare-test ## every test, C and Python
	@$(SUBMAKE) run-ctests ARGS=
	@$(SUBMAKE) run-pytest

.PHONY: pytest
pytest: prepare-test ## the Python tests; ARGS='tests/unit -k name'
	@$(SUBMAKE) run-pytest

.PHONY: ctest
ctest: prepare-build ## the C tests; ARGS='map buf' picks some
	@$(SUBMAKE) run-ctests

.PHONY: format
format: prepare-lint ## rewrite C and Python files in our style
	clang-format -i $(C_STYLED)
	$(VENV)/bin/ruff check --fix --quiet $(PY_LINTED) || true
	$(VENV)/bin/ruff format $(PY_LINTED)

## ------------------------------------------------------------ checks

# By gcc as it is released: budgets and simulation use the same objects.
.PHONY: lint
lint: prepare-lint ## formatters, compilers, clang-tidy, cppcheck, ruff, mypy
	@$(SUBMAKE) lint-format
	@$(SUBMAKE) lint-python
	@$(SUBMAKE) -j$(JOBS) compile VARIANT=release CC=gcc
	@$(SUBMAKE) -j$(JOBS) compile VARIANT=clang
	@$(SUBMAKE) lint-cppcheck
	@$(SUBMAKE) -j$(JOBS) lint-tidy

.PHONY: typecheck
typecheck: prepare-lint ## the stub against the module, mypy and pyright on uses
	@$(SUBMAKE) extension
	@echo "  stubtest"
	$(Q)$(VENV_PYTHON) -m mypy.stubtest sgostream._core
	@echo "  mypy, pyright tests/typing"
	$(Q)$(VENV)/bin/mypy tests/typing
	$(Q)tests/typing/node_modules/.bin/pyright --project tests/typing \
	    --pythonpath $(VENV_PYTHON)

.PHONY: replay
replay: prepare-build ## run a recording: FILE=path, ARGS=-v shows each step
	@$(SUBMAKE) -j$(JOBS) $(OUT)/tools/replay
	@$(OUT)/tools/replay $(ARGS) $(FILE)

.PHONY: check-includes
check-includes: prepare-test ## nothing depends upwards; headers stand alone
	@$(VENV)/bin/pytest -q tests/unit/test_layers.py

.PHONY: asan
asan: prepare-test ## C and Python tests under ASan + UBSan
	@$(SUBMAKE) run-ctests VARIANT=asan ARGS=
	@$(SUBMAKE) run-pytest-asan

.PHONY: tsan
tsan: prepare-build ## C tests under ThreadSanitizer
	@$(SUBMAKE) run-ctests VARIANT=tsan

.PHONY: valgrind
valgrind: prepare-valgrind ## C tests under valgrind, leaks are errors
	@$(SUBMAKE) run-ctests RUNNER=--valgrind

# CI tries one in 97.
STRIDE ?= 1
.PHONY: torture
torture: prepare-build ## each allocation of a whole client fails once; STRIDE=1
	@$(SUBMAKE) -j$(JOBS) $(OUT)/tests/test_client_torture
	@SGO_TORTURE_STRIDE=$(STRIDE) $(OUT)/tests/test_client_torture

SECONDS ?= 10
.PHONY: fuzz
fuzz: ## fuzz Pusher, envelopes, documents, differences: SECONDS=10 each
	@$(PREPARE) build fuzz
	@$(SUBMAKE) -j$(JOBS) c-fuzzers VARIANT=fuzz
	@$(PYTHON) tests/fuzz/run.py --seconds $(SECONDS) --jobs $(JOBS) \
	    $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/fuzz/%,$(FUZZ_SOURCES))

# Deterministic simulation (docs/internals/simulation.md).  SIM_OFFSET moves CI
# to other seeds with each commit, or each day where there is no git.
SEEDS ?= 2000
FIRST ?= 1
SIM_ARGS ?=
SIM_OFFSET ?= $(shell git rev-list --count HEAD 2>/dev/null || date +%j)
.PHONY: sim sim-mutants sim-herd sim-sample
sim: prepare-build ## simulate SEEDS=2000 from FIRST=1; SIM_ARGS='--trace'
	@$(SUBMAKE) -j$(JOBS) $(BUILD)/release/sim VARIANT=release
	@$(BUILD)/release/sim --first $(FIRST) --seeds $(SEEDS) $(SIM_ARGS)

sim-mutants: prepare-build ## catch each deliberate bug; writes their table
	@$(SUBMAKE) -j$(JOBS) $(BUILD)/mutants/sim VARIANT=mutants
	@$(BUILD)/mutants/sim --mutants --first $(FIRST) \
	    --table docs/internals/simulation.md $(SIM_ARGS)

sim-herd: prepare-build ## 10,000 clients of a server that was down for 30 s
	@$(SUBMAKE) -j$(JOBS) $(BUILD)/release/sim VARIANT=release
	@$(BUILD)/release/sim --herd

sim-sample: prepare-build ## what CI simulates: other seeds with each commit
	@echo "  simulation sample: SIM_OFFSET=$(SIM_OFFSET)"
	@$(SUBMAKE) -j$(JOBS) $(BUILD)/release/sim VARIANT=release
	@$(SUBMAKE) -j$(JOBS) $(BUILD)/mutants/sim VARIANT=mutants
	@$(SUBMAKE) -j2 sample-seeds sample-others

# Each takes one processor: both at once.
.PHONY: sample-seeds sample-others
sample-seeds:
	@$(BUILD)/release/sim --first $$(($(SIM_OFFSET) * 100000)) \
	    --seeds 100000 --seconds 40 $(SIM_ARGS)
sample-others:
	@$(BUILD)/release/sim --herd
	@$(BUILD)/mutants/sim --mutants --sample 8 \
	    --offset $$(($(SIM_OFFSET) * 8))

.PHONY: model
model: ## the brain's rules as a Promela model, checked by spin
	@$(PREPARE) model
	@$(PYTHON) tests/model/run.py

.PHONY: ctest-long
ctest-long: prepare-build ## C tests with all rounds of the random ones
	@$(SUBMAKE) run-ctests VARIANT=release RUNNER='--percent 100 --timeout 600'

# Changed events a second and minutes of `make soak`.
RATE ?= 50
MINUTES ?= 45
.PHONY: soak soak-minute
soak: prepare-test ## real-size events, faults, flat memory; MINUTES=45 RATE=50
	@$(SUBMAKE) extension
	@$(VENV_PYTHON) tests/soak/soak.py --minutes $(MINUTES) --rate $(RATE) \
	    $(ARGS)
# A minute has its noise: 5 % instead of the 2 % that 45 minutes must hold.
soak-minute: ## the same for one minute
	@$(SUBMAKE) soak MINUTES=1 ARGS='--growth 0.05'

# The rules stand in a network namespace of our own: nobody else meets them.
# CI may run where none can be made; then the step says so and is no failure.
PACKETS_TRY := ip link set lo up && iptables -w -A INPUT -p tcp \
    -m statistic --mode random --probability 0.5 -j DROP
.PHONY: test-packets
test-packets: prepare-test ## packets lost, dropped, refused (root needed)
	@$(PREPARE) packets
	@$(SUBMAKE) extension
	@if unshare --net sh -c '$(PACKETS_TRY)'; then \
	    unshare --net sh -c 'ip link set lo up && \
	        exec $(VENV)/bin/pytest tests/packets $(ARGS)'; \
	else \
	    echo "NOT RUN: no namespace with packet rules on this machine"; \
	    test "$$CI" = true; \
	fi

.PHONY: bench-json
bench-json: prepare-build ## what documents cost, against inflate; ARGS='--json'
	@$(SUBMAKE) -j$(JOBS) $(BUILD)/release/benchmarks/bench_json \
	    VARIANT=release
	@$(BUILD)/release/benchmarks/bench_json $(ARGS)

# The peers have a virtual environment and a node_modules of their own, which
# only these targets make.
BENCH_PYTHON := benchmarks/.venv/bin/python
BENCH_NODE := benchmarks/clients/node
.PHONY: bench bench-load bench-peers
bench: prepare-test bench-peers ## side by side with peers; ARGS=--quick
	@$(SUBMAKE) extension
	@$(BENCH_PYTHON) benchmarks/run.py $(ARGS)

bench-load: prepare-test bench-peers ## 80 updates a second; ARGS='--minutes 10'
	@$(SUBMAKE) extension
	@$(BENCH_PYTHON) benchmarks/load.py $(ARGS)

bench-peers: benchmarks/.venv/made $(BENCH_NODE)/node_modules/made
benchmarks/.venv/made: benchmarks/requirements.txt
	@$(PYTHON) -m venv $(@D)
	@$(BENCH_PYTHON) -m pip install --quiet -r $<
	@touch $@
$(BENCH_NODE)/node_modules/made: $(BENCH_NODE)/package.json
	@npm install --prefix $(BENCH_NODE) --silent --no-audit --no-fund \
	    --no-package-lock
	@touch $@

# ARGS=--write takes what is counted as the new budgets.
.PHONY: budgets
budgets: prepare-valgrind ## instructions of hot paths, counted, within 3 %
	@$(SUBMAKE) -j$(JOBS) $(BUILD)/release/benchmarks/count_json \
	    VARIANT=release
	@$(PYTHON) benchmarks/budgets.py $(ARGS) \
	    $(BUILD)/release/benchmarks/count_json

.PHONY: ci
ci: ## what CI runs; prints each step's seconds
	@$(PYTHON) .ci/steps.py $(CI_STEPS)

.PHONY: full
full: ## everything, before an issue is called resolved
	@$(PYTHON) .ci/steps.py $(FULL_STEPS)

.PHONY: test-roots
test-roots: ## the suite in fresh newer Debian roots (root needed)
	@$(PYTHON) .ci/prepare.py --venv $(VENV) roots
	@$(PYTHON) tests/tools/test_roots.py $(ARGS)

.PHONY: new-user
new-user: ## a first visit in a bare Debian root, timed (root needed)
	@$(PYTHON) .ci/prepare.py --venv $(VENV) roots
	@$(PYTHON) tests/tools/test_roots.py bookworm $(ARGS) \
	    --run 'python3 tests/tools/new_user.py'

# Other Pythons, by name or path; each gets a virtual environment of its own.
PYTHONS ?= $(foreach p,python3.12 python3.13 python3.14, \
    $(if $(shell $(p) --version 2>/dev/null),$(p)))
.PHONY: test-pythons
test-pythons: ## the Python tests with each of PYTHONS='python3.13 /other'
	@for python in $(PYTHONS); do \
	    echo "--- $$python"; \
	    $(SUBMAKE) pytest PYTHON=$$python \
	        VENV=.venv-$$($$python -c 'import sys; print(sys.version[:4])') \
	        || exit 1; \
	done

.PHONY: dist
dist: prepare-test ## source distribution and wheel in dist/
	rm -rf dist
	$(VENV_PYTHON) -m build --outdir dist .

.PHONY: wheel-test
wheel-test: prepare-test ## sdist, wheel, install in an empty venv, import
	@$(VENV_PYTHON) tests/tools/wheel_test.py

# Pages (docs/conf.py).  -W: a warning, as of a link to nowhere, is an error.
DOCS := $(BUILD)/docs
.PHONY: prepare-docs docs docs-check screenshots
prepare-docs:
	@$(PREPARE) build docs
docs: prepare-docs ## the documentation, in build/docs
	@$(SUBMAKE) extension
	@$(SUBMAKE) run-sphinx
	@echo "  $(DOCS)/index.html"
docs-check: prepare-docs ## build it with warnings as errors, run its Python
	@$(SUBMAKE) extension
	@$(SUBMAKE) run-sphinx SPHINX_ARGS='-E -W --keep-going'
	@$(VENV)/bin/pytest -q tests/docs
screenshots: prepare-docs ## take the pictures in docs/images anew
	@$(PREPARE) browser
	@$(SUBMAKE) extension
	@$(SUBMAKE) run-sphinx
	@for script in docs/tools/shoot_*.py; do \
	    echo "  $$script"; \
	    case $$script in *_docs.py) built=$(DOCS) ;; *) built= ;; esac; \
	    $(VENV_PYTHON) $$script $$built || exit 1; \
	done
	@$(SUBMAKE) notebook-images

# The libraries inside (packaging/sources.txt) are built once into DEPS;
# SOURCES=folder with their archives instead of downloads.
DEPS ?= $(BUILD)/deps
.PHONY: wheel wheel-root
wheel: ## a wheel with its libraries inside, licences, SBOM: in dist/
	@$(PREPARE) build wheel
	@packaging/build_deps.sh $(DEPS)
	@rm -rf build/lib.* build/wheel
	@SGO_STATIC=$(abspath $(DEPS)) $(VENV_PYTHON) -m build --wheel \
	    --no-isolation --outdir build/wheel . >build/wheel.log 2>&1 || \
	    { tail -n 40 build/wheel.log; exit 1; }
	@$(VENV_PYTHON) packaging/finish_wheel.py --deps $(DEPS) build/wheel/*.whl

wheel-root: wheel ## that wheel in a bare Debian root: https and wss (root needed)
	@$(PREPARE) build demo wheel roots
	@$(SUBMAKE) extension
	@$(VENV_PYTHON) tests/tools/wheel_root.py $(ARGS) dist/*manylinux*.whl

# In a real JupyterLab and Debian's Chromium: pictures go to build/images, and
# with IMAGES=docs/images where the pages show them.  SGO_MEASURE_SECONDS=60.
IMAGES ?= $(BUILD)/images
.PHONY: test-browser notebook-images
test-browser: prepare-build ## board and chart in JupyterLab: hands, 60 s of load
	@$(PREPARE) build browser
	@$(SUBMAKE) extension
	@SGO_IMAGES=$(abspath $(IMAGES)) $(VENV)/bin/pytest -s tests/browser \
	    --timeout 900 -o faulthandler_timeout=890 $(ARGS)
notebook-images: ## pictures of board and chart in docs/images anew
	@$(SUBMAKE) test-browser IMAGES=docs/images ARGS='-k by_hand'

.PHONY: clean
clean: ## remove what was built (keeps .venv)
	rm -rf $(BUILD) dist *.egg-info sgostream/_core*.so
	find . -name __pycache__ -type d -not -path './.venv*' \
	    -prune -exec rm -rf {} +

## ------------------------------------------------------------ C builds
# Out of tree: $(BUILD)/$(VARIANT)/{obj,tests,examples}, libsgostream.a.

OUT := $(BUILD)/$(VARIANT)

CC_debug := $(CC)
CC_release := $(CC)
CC_gcc := gcc
CC_clang := clang
CC_asan := gcc
CC_tsan := gcc
CC_mutants := $(CC)
CC_coverage := gcc
CC_fuzz := clang

HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
FLAGS_debug := -O1 -g
FLAGS_release := -O3 -g -DNDEBUG $(HARDEN)
FLAGS_gcc := -O2 -g $(HARDEN)
FLAGS_clang := -O2 -g $(HARDEN)
FLAGS_asan := -O1 -g -fno-omit-frame-pointer \
    -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS_tsan := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
FLAGS_fuzz := -O1 -g -fno-omit-frame-pointer \
    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FLAGS_mutants := -O2 -g -DSGO_MUTANTS
FLAGS_coverage := -O0 -g --coverage

COMPILER := $(CC_$(VARIANT))
ifeq ($(COMPILER),)
$(error VARIANT is one of debug release gcc clang asan tsan coverage fuzz \
    mutants, not "$(VARIANT)")
endif

WERROR ?= -Werror
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
    -Wpointer-arith -Wcast-align -Wwrite-strings -Wundef -Wvla -Wformat=2 \
    -Wimplicit-fallthrough $(WERROR)

# Looked up when first used: pkg-config may be installed by this very run.
LIBRARIES := libwebsockets libcurl libcjson openssl zlib
HAVE_LIBDEFLATE = $(eval HAVE_LIBDEFLATE := $$(shell pkg-config --exists \
    libdeflate 2>/dev/null && echo libdeflate))$(HAVE_LIBDEFLATE)
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags \
    $(LIBRARIES) $(HAVE_LIBDEFLATE)) $(if $(HAVE_LIBDEFLATE),\
    -DSGO_HAVE_LIBDEFLATE=1))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell pkg-config --libs $(LIBRARIES) \
    $(HAVE_LIBDEFLATE)))$(PKG_LIBS)
PY_CFLAGS = $(eval PY_CFLAGS := $$(shell $(PYTHON) -c \
    'import sysconfig; print("-isystem", sysconfig.get_path("include"))'\
    ))$(PY_CFLAGS)

DEFINES := -std=gnu11 -D_GNU_SOURCE
ALL_CFLAGS = $(DEFINES) -Icsrc/core $(WARNINGS) -fPIC -pthread \
    -fvisibility=hidden -fstack-protector-strong $(FLAGS_$(VARIANT)) \
    $(PKG_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pthread $(FLAGS_$(VARIANT)) $(LDFLAGS) -Wl,--as-needed
ALL_LIBS = $(PKG_LIBS) -lm $(LDLIBS)

CORE_SOURCES := $(sort $(wildcard csrc/core/*.c csrc/core/*/*.c))
BINDING_SOURCES := $(sort $(wildcard csrc/python/*.c))
HEADERS := $(sort $(wildcard csrc/core/*.h csrc/core/*/*.h csrc/python/*.h))
TEST_SOURCES := $(sort $(wildcard tests/c/test_*.c))
# Other files of tests/c are helpers: x.c goes into what includes "x.h".
HELPER_SOURCES := $(filter-out tests/c/test_% tests/c/fuzz_% tests/c/bench_%, \
    $(sort $(wildcard tests/c/*.c)))
HELPER_INCLUDES := $(shell grep -oH '"[a-z0-9_]*[.]h"' tests/c/*.c 2>/dev/null)
included = $(filter $(HELPER_SOURCES),$(foreach f,$(1), \
    $(patsubst $(f):"%.h",tests/c/%.c,$(filter $(f):%,$(HELPER_INCLUDES)))))
helpers_of = $(sort $(call included,$(1) $(call included,$(1))))
EXAMPLE_SOURCES := $(sort $(wildcard examples/*.c))

SIM_SOURCES := $(sort $(wildcard tests/sim/*.c))

objects = $(patsubst %.c,$(OUT)/obj/%.o,$(1))
LIBRARY := $(OUT)/libsgostream.a
TEST_PROGRAMS := $(patsubst tests/c/%.c,$(OUT)/tests/%,$(TEST_SOURCES))
EXAMPLE_PROGRAMS := $(patsubst examples/%.c,$(OUT)/examples/%, \
    $(EXAMPLE_SOURCES))
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/*.c))
FUZZ_PROGRAMS := $(patsubst tests/fuzz/%.c,$(OUT)/fuzz/%,$(FUZZ_SOURCES))
TOOL_SOURCES := $(sort $(wildcard tests/tools/*.c))
TOOL_PROGRAMS := $(patsubst tests/tools/%.c,$(OUT)/tools/%,$(TOOL_SOURCES))

C_STYLED := $(sort $(wildcard csrc/core/*.[ch] csrc/core/*/*.[ch] \
    csrc/python/*.[ch] tests/c/*.[ch] tests/c/*/*.[ch] \
    tests/tools/*.[ch] tests/fuzz/*.[ch] examples/*.[ch] \
    benchmarks/*.[ch] benchmarks/c/*.[ch] tests/sim/*.[ch]))
PY_LINTED := setup.py .ci sgostream tests examples benchmarks \
    docs/conf.py docs/tools packaging

$(OUT)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC   [$(VARIANT)] $<"
	$(Q)$(COMPILER) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(call objects,$(BINDING_SOURCES)): ALL_CFLAGS += $(PY_CFLAGS)
$(call objects,$(TEST_SOURCES) $(HELPER_SOURCES)): ALL_CFLAGS += -Itests/c
$(call objects,$(SIM_SOURCES)): ALL_CFLAGS += -Itests/c -Itests/sim

$(LIBRARY): $(call objects,$(CORE_SOURCES))
	@echo "  AR   [$(VARIANT)] $@"
	@rm -f $@
	$(Q)ar rcs $@ $^

.SECONDEXPANSION:
$(OUT)/tests/%: $(OUT)/obj/tests/c/%.o \
    $$(call objects,$$(call helpers_of,tests/c/$$*.c)) $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LINK [$(VARIANT)] $@"
	$(Q)$(COMPILER) $(ALL_LDFLAGS) $^ $(ALL_LIBS) -o $@

# It brings a clock of its own; the archive's is not linked then.
$(OUT)/sim: $(call objects,$(SIM_SOURCES) tests/c/json_help.c) $(LIBRARY)
	@echo "  LINK [$(VARIANT)] $@"
	$(Q)$(COMPILER) $(ALL_LDFLAGS) $^ $(ALL_LIBS) -o $@

$(OUT)/examples/%: $(OUT)/obj/examples/%.o $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LINK [$(VARIANT)] $@"
	$(Q)$(COMPILER) $(ALL_LDFLAGS) $^ $(ALL_LIBS) -o $@

# Helpers of the tests make their events.
BENCH_SOURCES := $(sort $(wildcard benchmarks/c/*.c))
$(call objects,$(BENCH_SOURCES)): ALL_CFLAGS += -Itests/c
$(OUT)/benchmarks/%: $(OUT)/obj/benchmarks/c/%.o \
    $(call objects,tests/c/json_help.c tests/c/odds_event.c) $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LINK [$(VARIANT)] $@"
	$(Q)$(COMPILER) $(ALL_LDFLAGS) $^ $(ALL_LIBS) -o $@

$(OUT)/tools/%: $(OUT)/obj/tests/tools/%.o $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LINK [$(VARIANT)] $@"
	$(Q)$(COMPILER) $(ALL_LDFLAGS) $^ $(ALL_LIBS) -o $@

$(OUT)/fuzz/%: $(OUT)/obj/tests/fuzz/%.o $(LIBRARY)
	@mkdir -p $(@D)
	@echo "  LINK [$(VARIANT)] $@"
	$(Q)$(COMPILER) $(ALL_LDFLAGS) -fsanitize=fuzzer $^ $(ALL_LIBS) -o $@

ALL_OBJECTS := $(call objects,$(CORE_SOURCES) $(BINDING_SOURCES) \
    $(TEST_SOURCES) $(HELPER_SOURCES) $(SIM_SOURCES) $(EXAMPLE_SOURCES) \
    $(TOOL_SOURCES) $(FUZZ_SOURCES) $(BENCH_SOURCES))
-include $(ALL_OBJECTS:.o=.d)
.SECONDARY: $(ALL_OBJECTS)

.PHONY: lib c-fuzzers c-tests c-examples compile
lib: $(LIBRARY)
c-tests: $(TEST_PROGRAMS)
c-fuzzers: $(FUZZ_PROGRAMS)
c-examples: $(EXAMPLE_PROGRAMS) $(TOOL_PROGRAMS)
compile: $(ALL_OBJECTS)

## ------------------------------------------------------------ inner targets
# The public targets above call these in a second make, after the set-up.

RUNNER ?=
# detect_leaks: on for C programs, off inside Python (it never frees all).
SANITIZER_ENV := UBSAN_OPTIONS=print_stacktrace=1 \
    TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=tests/c/tsan.supp

.PHONY: run-ctests
run-ctests:
	@$(SUBMAKE) -j$(JOBS) $(if $(ARGS),$(patsubst %,$(OUT)/tests/test_%, \
	    $(patsubst test_%,%,$(ARGS))),c-tests)
	@$(SANITIZER_ENV) \
	    ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 \
	    $(PYTHON) tests/tools/run_ctests.py $(RUNNER) --variant $(VARIANT) \
	    --jobs $(JOBS) $(OUT)/tests $(ARGS)

.PHONY: run-sphinx
run-sphinx:
	@echo "  sphinx"
	$(Q)$(VENV_PYTHON) -m sphinx -q -n -j $(JOBS) $(SPHINX_ARGS) docs $(DOCS)

.PHONY: extension
extension:
	@$(VENV_PYTHON) setup.py --quiet build_ext --inplace

.PHONY: run-pytest
run-pytest:
	@$(SUBMAKE) extension
	@$(SUBMAKE) -j$(JOBS) c-examples
	@SGO_C_EXAMPLES=$(abspath $(OUT)/examples) $(VENV)/bin/pytest $(ARGS)

# A copy of the package with an instrumented _core, ahead on the path.
# What reaches the C code.  The rest, which `make test` runs, is Python alone:
# the simulator's own tests and the house's (test_house.py looks).
ASAN_TESTS := tests/unit tests/integration tests/leaks '--ignore-glob=*/test_sim_*.py' $(patsubst %,--ignore=tests/unit/test_%.py,build house layers packaging version)
ASAN_TREE := $(abspath $(BUILD)/asan/python)
.PHONY: run-pytest-asan
run-pytest-asan:
	@$(SUBMAKE) -j$(JOBS) c-examples VARIANT=asan
	@SGO_BUILD=asan $(VENV_PYTHON) setup.py --quiet build \
	    --build-base $(BUILD)/asan/temp --build-lib $(ASAN_TREE)
	@$(SANITIZER_ENV) ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc \
	    SGO_SANITIZER=asan SGO_C_EXAMPLES=$(abspath $(BUILD)/asan/examples) \
	    PYTHONPATH=$(ASAN_TREE) PYTHONSAFEPATH=1 \
	    LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
	    $(VENV)/bin/pytest $(or $(ARGS),$(ASAN_TESTS))

.PHONY: lint-format lint-python lint-cppcheck lint-tidy
lint-format:
	@echo "  clang-format"
	$(Q)clang-format --dry-run -Werror $(C_STYLED)

lint-python:
	@echo "  ruff, mypy"
	$(Q)$(VENV)/bin/ruff check --quiet $(PY_LINTED)
	$(Q)$(VENV)/bin/ruff format --check --quiet $(PY_LINTED)
	$(Q)$(VENV)/bin/mypy

# What cppcheck needs to know of Python.h, which it does not read.
CPPCHECK_PYTHON := '-DPy_BEGIN_ALLOW_THREADS={' '-DPy_END_ALLOW_THREADS=}' \
    '-DPy_RETURN_NOTIMPLEMENTED=return Py_NotImplemented' \
    '-DPy_RETURN_NONE=return Py_None' '-DPy_RETURN_TRUE=return Py_True' \
    '-DPy_RETURN_FALSE=return Py_False' '-DPy_UNUSED(name)=name'
lint-cppcheck:
	@echo "  cppcheck"
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 -j $(JOBS) \
	    --enable=warning,performance,portability --inline-suppr \
	    --suppress=missingIncludeSystem --library=python,posix \
	    --suppress=preprocessorErrorDirective -D_GNU_SOURCE -Icsrc/core \
	    $(CPPCHECK_PYTHON) \
	    $(CORE_SOURCES) $(BINDING_SOURCES)

TIDY_STAMPS := $(patsubst %.c,$(BUILD)/tidy/%.ok, \
    $(CORE_SOURCES) $(BINDING_SOURCES))
lint-tidy: $(TIDY_STAMPS)
$(BUILD)/tidy/%.ok: %.c $(HEADERS) .clang-tidy
	@mkdir -p $(@D)
	@echo "  TIDY $<"
	$(Q)clang-tidy --quiet --warnings-as-errors='*' $< -- $(DEFINES) \
	    -Icsrc/core $(PKG_CFLAGS) $(PY_CFLAGS) 2>$@.log >$@.out || \
	    { cat $@.out; grep -v 'warnings generated' $@.log; exit 1; }
	@touch $@
