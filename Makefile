# make demo: three embedded PCs made the same, watched and verified. make test: the tests. Each does its own set-up.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
PEERS := .venv-peers
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -X dev -m pytest
# Tests wait for processes and PCs most of the time: two workers a processor. One test alone: make test ARGS='-n0 tests/unit/test_aio.py'
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n > 4 ? 8 : 2 * n)))
SIDE_BY_SIDE := -n $(WORKERS) --dist loadgroup

# Where PYTHONDONTWRITEBYTECODE is set every start of hotdesk would compile all of it again: once for all, before what starts it often.
COMPILE := $(BIN)/python -m compileall -q runner tests

.PHONY: help demo test check lint types format bench load soak lab-test matrix matrix-peers fuzz conformance community projects molecule build clean

help:
	@echo 'make demo      run the main job on three embedded PCs (no root needed)'
	@echo 'make test      run the tests (real PCs too, when root and sshd are there)'
	@echo 'make check     lint, types and tests'
	@echo 'make bench     time hotdesk beside ansible-playbook, Mitogen, pyinfra, rsync and a bare loop'
	@echo 'make load      200 PCs in one inventory: memory, threads, turns of the event loop, every way to end a run (root: whole PCs)'
	@echo 'make soak      an hour of runs with random faults on whole PCs: nothing may grow (root)'
	@echo 'make conformance  playbooks under ansible-playbook and hotdesk; (root) ansible-core's own test suite (TARGETS="a b", ARGS=--accept)'
	@echo 'make community  the same with modules of collections, on targets of Ansible 2.9 that nobody here has tuned for (root)'
	@echo 'make projects   the same with roles of other projects (DebOps, TripleO, Kayobe), each playbook twice (root)'
	@echo 'make lab-test  the tests on whole PCs alone (root)'
	@echo 'make matrix    every fault with every kind of work on whole PCs, many rounds (root; hours)'
	@echo 'make matrix-peers  ansible-playbook, Mitogen and pyinfra in the same cells (root; half an hour)'
	@echo 'make fuzz      spoiled input of every kind for half an hour (MINUTES=30)'
	@echo 'make guarantees  put what these two have measured into docs/guarantees.md'
	@echo 'make molecule  run the Molecule scenarios: under ansible-playbook and under hotdesk, and (root) one for each job'
	@echo 'make build     build the wheel, the source archive and the collection tarball'

# Sets $$pip to the pip of a venv (the argument): its own, or, where there is no python3-venv (no ensurepip), one that is already there.
define pip_for
if $(1)/bin/python -m pip --version >/dev/null 2>&1; then pip='$(1)/bin/python -m pip'; \
elif $(PYTHON) -m pip --version >/dev/null 2>&1; then pip='$(PYTHON) -m pip --python $(1)/bin/python'; \
else echo 'no pip here: apt install python3-venv (or python3-pip), then try again'; exit 1; fi; \
export PIP_DISABLE_PIP_VERSION_CHECK=1
endef

# The venv is remade when the lock file changes.
$(VENV)/.ready: requirements.lock pyproject.toml
	@test -n '$(PYTHON)' || { echo 'hotdesk needs Python 3.11 or newer (apt install python3 python3-venv)'; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || $(PYTHON) -m venv --without-pip $(VENV)
	@echo 'setting up $(VENV) from requirements.lock ...'
	@$(call pip_for,$(VENV)); \
	$$pip install -q --require-hashes -r requirements.lock && $$pip install -q --no-deps --no-build-isolation -e .
	@site=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
	mkdir -p "$$site/ansible_collections/hotdesk" && ln -sfn "$(CURDIR)/collection" "$$site/ansible_collections/hotdesk/sync"
	@touch $@

demo: $(VENV)/.ready
	@$(BIN)/hotdesk demo

test: $(VENV)/.ready
	@$(COMPILE)
	@$(PYTEST) $(SIDE_BY_SIDE) $(ARGS)

check: lint types test

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready
	$(BIN)/mypy

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The kube-apiserver is built once (docs/lab.md); without the network its test is skipped by name.
lab-test: $(VENV)/.ready
	@$(COMPILE)
	@test "$$(id -u)" != 0 || $(BIN)/python -m tests.lab.kubernetes || true
	@$(PYTEST) $(SIDE_BY_SIDE) -m 'lab or thorough' $(ARGS)

matrix: $(VENV)/.ready
	@mkdir -p build/matrix
	@$(COMPILE)
	@$(BIN)/python -m tests.matrix --write build/matrix/hotdesk.json $(ARGS)

# The peers and what they need have a venv of their own.
$(PEERS)/.ready: tests/matrix/peers/requirements.lock | $(VENV)/.ready
	@$(PYTHON) -m venv $(PEERS) >/dev/null 2>&1 || $(PYTHON) -m venv --without-pip $(PEERS)
	@echo 'setting up $(PEERS) from $< ...'
	@$(call pip_for,$(PEERS)); $$pip install -q --require-hashes -r $<
	@touch $@

matrix-peers: $(VENV)/.ready $(PEERS)/.ready
	@$(BIN)/python -m tests.matrix.peers --output build/matrix/peers.json $(ARGS)

# The figures of docs/guarantees.md from what the two above have measured.
guarantees: $(VENV)/.ready
	@$(BIN)/python -m tests.matrix.table docs/guarantees.md --hotdesk build/matrix/hotdesk.json --peers build/matrix/peers.json $(ARGS)

fuzz: $(VENV)/.ready
	@$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),30) $(ARGS)

conformance: $(VENV)/.ready
	@$(call pip_for,$(VENV)); $$pip install -q --require-hashes -r tests/bench/requirements.lock
	@$(COMPILE)
	@test -n '$(TARGETS)' || $(PYTEST) $(SIDE_BY_SIDE) -m '' tests/conformance
	@$(BIN)/python -m tests.conformance.suite $(TARGETS) $(ARGS)

community: $(VENV)/.ready
	@$(call pip_for,$(VENV)); $$pip install -q --require-hashes -r tests/bench/requirements.lock
	@$(COMPILE)
	@$(BIN)/python -m tests.conformance.suite --of community $(TARGETS) $(ARGS)

projects: $(VENV)/.ready
	@$(call pip_for,$(VENV)); $$pip install -q --require-hashes -r tests/bench/requirements.lock
	@$(COMPILE)
	@$(BIN)/python -m tests.conformance.suite --of projects $(TARGETS) $(ARGS)

bench: $(VENV)/.ready $(PEERS)/.ready
	@$(call pip_for,$(VENV)); $$pip install -q --require-hashes -r tests/bench/requirements.lock
	@$(COMPILE)
	@$(BIN)/python -m tests.bench $(ARGS)

load: $(VENV)/.ready
	@$(COMPILE)
	@$(BIN)/python -m tests.load $(ARGS)

soak: $(VENV)/.ready
	@$(COMPILE)
	@$(BIN)/python -m tests.soak $(ARGS)

# Those of single jobs stand on whole PCs, for which one must be root; some need a program of this machine. One alone: make molecule SCENARIOS=dconf
OF_JOBS := $(filter-out default hotdesk,$(patsubst molecule/%/molecule.yml,%,$(wildcard molecule/*/molecule.yml)))
PROGRAMS := docker:dockerd flatpak:flatpak libvirt:libvirtd snap:snap
WITHOUT = $(shell PATH="$$PATH:/usr/sbin:/sbin"; for pair in $(PROGRAMS); do command -v "$${pair#*:}" >/dev/null || echo "$${pair%:*}"; done)
LEFT_OUT = $(if $(filter 0,$(shell id -u)),$(WITHOUT),$(OF_JOBS))
SCENARIOS ?= default hotdesk $(filter-out $(LEFT_OUT),$(OF_JOBS))
molecule: $(VENV)/.ready
	@$(if $(filter file,$(origin SCENARIOS)),$(if $(LEFT_OUT),echo 'not run for lack of root or of a program: $(LEFT_OUT)'))
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/molecule test $(SCENARIOS:%=-s %)

build: $(VENV)/.ready
	@$(BIN)/python -m hatchling build -d dist
	@$(BIN)/ansible-galaxy collection build --force --output-path dist collection

clean:
	rm -rf $(VENV) $(PEERS) dist build .mypy_cache .ruff_cache .pytest_cache
