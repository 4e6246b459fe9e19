# The only entry point to the tools, for people and CI. Each target installs missing tools once; `make help` lists the targets.

export PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

RUST := Cargo.toml Cargo.lock rust/build.rs $(shell find rust/src -name '*.rs')
PACKAGE := $(wildcard pyproject.toml README.md LICENSE) $(shell find python -name '*.py' -o -name '*.pyi' -o -name '*.json' -o -name py.typed -o -path '*/templates/*' -o -path '*/completions/*') $(shell find netmon.data licenses -type f)

.DEFAULT_GOAL := help
.PHONY: help demo screens generated docs test builds lint rust-tests rust-test python-test bench bench-live churn soak soak-screen deny fuzz sanitize wheel wheel-test dev \
  clean build-packages wheel-packages test-packages system-packages bench-packages
.DELETE_ON_ERROR:

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: $(VENV)/.netmon ## watch traffic that netmon makes itself on loopback (asks for sudo, which capturing needs)
	@$(SUDO) "$(CURDIR)/$(BIN)/netmon" --demo

test: builds lint rust-test python-test ## every check: formatters, linters, types, Rust and Python tests; live tests only as root

# The extension is linked by one thread, so the tests of the core are compiled beside it.
builds: $(VENV)/.tools $(VENV)/.wheel-tools $(BIN)/maturin | test-packages
	+@$(MAKE) --no-print-directory -j2 $(VENV)/.netmon rust-tests

rust-tests: | build-packages
	cargo test -q --locked --no-run

lint: $(VENV)/.tools $(VENV)/.netmon ## check formatting, lints and types; changes no file
	cargo fmt --check
	cargo clippy -q --locked --all-targets -- -D warnings
	cargo clippy -q --locked --all-targets --features python -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	MYPYPATH=python $(BIN)/stubtest netmon._core
	scripts/deny.sh

rust-test: | build-packages ## run the tests of the core, which need no Python
	if command -v cargo-nextest >/dev/null; then cargo nextest run --locked; else cargo test -q --locked --all-targets; fi
	cargo test -q --locked --doc

# Tests wait for commands, time-outs and servers most of the time, so more run at once than there are cores.
TEST_JOBS ?= 3

python-test: $(VENV)/.tools $(VENV)/.netmon $(VENV)/.portable | test-packages ## run the tests of the application, TEST_JOBS at once; live tests are skipped unless run as root
	$(BIN)/pytest -n $(TEST_JOBS) --dist loadfile

deny: ## check licences, sources, duplicates and advisories of crates; installs cargo-deny
	command -v cargo-deny >/dev/null || cargo install -q --locked --root target/tools cargo-deny
	scripts/deny.sh

sanitize: | build-packages ## test the code around `unsafe` with AddressSanitizer (needs a nightly compiler)
	scripts/sanitize.sh

FUZZ_SECONDS ?= 3600
FUZZ_JOBS ?= 1

fuzz: | build-packages ## run each fuzzer for FUZZ_SECONDS, one hour by default (needs a nightly compiler)
	scripts/fuzz.sh $(FUZZ_SECONDS) $(FUZZ_JOBS)

churn: $(VENV)/.tools $(VENV)/.netmon ## add and delete 1000 interfaces while netmon captures, and check that nothing is left of them (needs root)
	NETMON_CHURN=1000 $(BIN)/pytest tests/test_live_changes.py -k leak

SOAK_MINUTES ?= 60

soak: $(VENV)/.netmon | test-packages ## check memory, descriptors and counts over SOAK_MINUTES of mixed live traffic, an hour by default (asks for sudo)
	$(SUDO) "$(CURDIR)/$(BIN)/python" scripts/soak.py --minutes $(SOAK_MINUTES)

soak-screen: $(VENV)/.netmon ## check that memory stays constant with the screen open: 70 minutes of traffic in about ten
	$(BIN)/python scripts/soak_screen.py

# Captures are made once, by real servers and clients; remove the folder to make new ones.
CAPTURES := target/captures

bench: $(VENV)/.fast $(CAPTURES)/api.pcap | bench-packages ## measure speed and memory: stages, pipeline, floods at full size, other tools (asks for sudo; 20 minutes)
	cargo bench --locked
	NETMON_FULL=1 cargo test -q --release --locked --test memory --test footprint --test common_bounds -- --nocapture --test-threads=1
	cargo build -q --release --locked --example floor
	$(BIN)/python scripts/compare.py $(CAPTURES)

bench-live: $(VENV)/.fast $(CAPTURES)/api.pcap | bench-packages ## compare with other tools on live traffic at several rates (asks for sudo)
	cargo build -q --release --locked --example floor
	$(SUDO) "$(CURDIR)/$(BIN)/python" scripts/compare.py $(CAPTURES) --live

$(CAPTURES)/api.pcap: | $(BIN)/python bench-packages
	$(SUDO) "$(CURDIR)/$(BIN)/python" scripts/captures.py $(CAPTURES)

screens: $(VENV)/.tools $(VENV)/.netmon ## draw docs/screen.md and the picture in the README anew (needs root: the picture is of a real run)
	$(BIN)/python scripts/screens.py
	$(BIN)/python scripts/picture.py

generated: $(VENV)/.netmon ## write the man page, the completions of shells, the schemas of JSON and the licences of crates anew, after a change of settings, keys or crates
	$(BIN)/python scripts/generated.py
	$(BIN)/python scripts/licences.py
	$(BIN)/python scripts/schemas.py

docs: $(VENV)/.tools $(VENV)/.netmon ## build the site of the documentation in target/docs; a warning is an error
	$(BIN)/python -m sphinx -q -W --keep-going -d target/doctrees docs target/docs

wheel: $(VENV)/.wheel ## build dist/netmon_http-*.whl with a profile: one wheel for every Linux with glibc 2.28 and every Python from 3.11
	@ls dist/*.whl

wheel-test: $(VENV)/.tools $(VENV)/.fast | system-packages ## check that wheel: its parts, and that it runs in Debian 12, 13 and unstable (asks for sudo; 15 minutes)
	WHEELS=dist WHEEL_TEST=1 $(BIN)/pytest tests/test_wheel.py tests/test_sdist.py
	$(SUDO) env WHEELS=dist WHEEL_TEST=1 "$(CURDIR)/$(BIN)/pytest" tests/test_wheel_systems.py

dev: $(VENV)/.tools ## install netmon in .venv with its Python files used in place
	rm -f $(VENV)/.netmon
	$(BIN)/maturin develop -q --release --locked

clean: ## remove everything that was built
	rm -rf $(VENV) dist target python/netmon/*.so .pytest_cache .mypy_cache .ruff_cache
	find python tests -name __pycache__ -prune -exec rm -rf {} +

build-packages:
	@scripts/packages.sh build

wheel-packages:
	@scripts/packages.sh wheel

test-packages:
	@scripts/packages.sh test

system-packages:
	@scripts/packages.sh system

bench-packages:
	@scripts/packages.sh bench

# Files made in $(VENV); an empty file records that a step is done.

$(BIN)/python: | build-packages
	$(PYTHON) -m venv $(VENV)

$(BIN)/maturin: pyproject.toml | $(BIN)/python
	$(PIP) install "$$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])')"
	touch $@

$(VENV)/.tools: pyproject.toml | $(BIN)/python
	$(PIP) install --upgrade "pip>=25.1"
	$(PIP) install --group tools
	touch $@

$(VENV)/.wheel-tools: pyproject.toml | $(BIN)/python
	$(PIP) install --upgrade "pip>=25.1"
	$(PIP) install --group wheel
	touch $@

LINKED := $(addprefix scripts/,wheel.sh libpcap.sh zig.sh bill.py licences.py)

$(VENV)/.wheel: $(RUST) $(PACKAGE) $(LINKED) scripts/training.py $(BIN)/maturin $(VENV)/.wheel-tools | wheel-packages
	scripts/wheel.sh $(BIN)/python dist portable
	touch $@

# Tests check a wheel that is linked like the one that is released, but compiled in a quarter of the time.
QUICK := MATURIN_PGO=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16

$(VENV)/.portable: $(RUST) $(PACKAGE) $(LINKED) $(BIN)/maturin $(VENV)/.wheel-tools | test-packages
	$(QUICK) scripts/wheel.sh $(BIN)/python target/portable portable
	touch $@

# For a demo and for tests, a build without a profile is enough. It takes half the time and does not need llvm-profdata.
PLAIN := target/plain

$(VENV)/.netmon: $(RUST) $(PACKAGE) scripts/wheel.sh $(BIN)/maturin
	MATURIN_PGO=0 scripts/wheel.sh $(BIN)/python $(PLAIN)
	$(call install,$(PLAIN))
	touch $@

# Measurements use the wheel that is released.
$(VENV)/.fast: $(VENV)/.wheel
	$(call install,dist)
	touch $@ $(VENV)/.netmon

# The first step forces the installation, because the version number stays the same during development. The second step
# installs the dependencies.
define install
	$(PIP) install --no-deps --force-reinstall $(1)/*.whl
	$(PIP) install $(1)/*.whl
endef
