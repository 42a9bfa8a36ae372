# `make` alone lists what there is. Every target is a script or a command you can also run by hand.
.DEFAULT_GOAL := help
SHELL := /bin/bash
CONFIGURATION ?= debug
BIN = .build/$(CONFIGURATION)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what the machine lacks (system packages, Python tools in .venv)
	@scripts/setup.sh test

.PHONY: generate
generate: ## Write the Swift and C made from protos/, and docs/openapi.json
	@scripts/setup.sh test
	@scripts/generate.sh

.PHONY: schemas
schemas: ## Write services/*/schema.sql as the migrations leave it
	@swift build --configuration $(CONFIGURATION) --product clientele
	@CONFIGURATION=$(CONFIGURATION) scripts/schema.sh

.PHONY: build
build: ## Build everything (CONFIGURATION=release for an optimised build)
	@swift build --configuration $(CONFIGURATION)

.PHONY: run
run: ## Bring everything up from nothing on this machine; Ctrl-C stops it
	@scripts/setup.sh run
	@swift build --configuration $(CONFIGURATION)
	@exec $(BIN)/clientele dev

.PHONY: test
test: ## Run every check
	@scripts/test.sh

.PHONY: test-one
test-one: ## Run the tests whose id matches NAME=, such as NAME='IdentityTests.SignIn'
	@test -n "$(NAME)" || { echo "usage: make test-one NAME=Room.Suite" >&2; exit 64; }
	@scripts/test.sh '$(NAME)'

.PHONY: format
format: ## Format the Swift that people wrote
	@scripts/lint.sh format

.PHONY: baseline
baseline: ## At a release: keep the protos as they are as what later ones must not break
	@scripts/setup.sh test
	@.venv/bin/buf build --exclude-source-info --output protos/baseline.binpb

.PHONY: lint
lint: ## Check formatting, protos, migrations, generated code and compose file
	@scripts/setup.sh test
	@scripts/lint.sh

.PHONY: bench
bench: ## Measure against nghttpd, a bare C loop and pgbench in one run; prints ratios
	@scripts/setup.sh test
	@scripts/bench.sh

.PHONY: fuzz
fuzz: ## Fuzz every parser for SECONDS= each (300), or only TARGET=
	@scripts/setup.sh test
	@SECONDS_EACH=$(or $(SECONDS),300) scripts/fuzz.sh $(TARGET)

.PHONY: sanitize
sanitize: ## Run the rooms' tests under the address and the thread sanitizer (ONLY=thread)
	@scripts/sanitize.sh $(ONLY)

.PHONY: abuse
abuse: ## Attack an optimised echo-server for SECONDS= an attack (4) and print what it bore
	@scripts/setup.sh test
	@swift build --configuration release --product echo-server
	@.venv/bin/python Tests/SystemTests/abuse/run.py --table --seconds $(or $(SECONDS),4) \
	  --connections 4 --idle 10000 .build/release/echo-server

.PHONY: load
load: ## Offer load to a running `make run`: SCENARIO=client-directory (see scenarios/), OPTIONS='--rate 500'
	@test -n "$(SCENARIO)" || { echo "usage: make load SCENARIO=name [OPTIONS='--rate 500'], name one of:"; ls scenarios | sed -n '/demo/d; s/^\(.*\)\.json$$/  \1/p'; exit 64; } >&2
	@scripts/load.sh '$(SCENARIO)' $(OPTIONS)

.PHONY: torture
torture: ## The full counts of docs/reliability-testing.md, and all their reports at the end (an hour and a half)
	@scripts/torture.sh

.PHONY: torture-failover
torture-failover: ## Primaries killed, stopped and cut off under load (root; installs pg_auto_failover)
	@scripts/setup.sh test
	@scripts/torture.sh failover

.PHONY: migrate
migrate: ## Bring the development database's schemas up to date
	@swift build --configuration $(CONFIGURATION) --product clientele
	@$(BIN)/clientele migrate

.PHONY: seed
seed: ## Fill the database of a running `make run`: OPTIONS='--organizations 10 --clients 100000'
	@swift build --configuration $(CONFIGURATION) --product clientele
	@$(BIN)/clientele seed $(OPTIONS)

.PHONY: psql
psql: ## Open psql on the database of a running `make run` (ROLE=identity for a role's view)
	@psql "host=$$(scripts/postgres.sh host .run/postgres) dbname=clientele user=$(or $(ROLE),postgres)"

.PHONY: doctor
doctor: ## Say what is wrong with this machine or the running services
	@swift build --configuration $(CONFIGURATION) --product clientele
	@$(BIN)/clientele doctor

.PHONY: clean
clean: ## Remove build products (the data under .run stays)
	@rm -rf .build .build-* tools/*/.build
