# Thin names for tools/bootstrap.py, which needs nothing but Python 3.11 or newer.
PYTHON ?= python3
BOOTSTRAP = $(PYTHON) tools/bootstrap.py

.DEFAULT_GOAL := help
.PHONY: help run test check bench bench-mlflow bench-wandb install pins

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

run:  ## install, prepare and serve on HOST:PORT (127.0.0.1:8000); DEMO=0 starts without the demo
	@HOST="$(HOST)" PORT="$(PORT)" DEMO="$(DEMO)" $(BOOTSTRAP) run

test:  ## run every test on SQLite and on PostgreSQL; ARGS="-k promote" chooses some
	@$(BOOTSTRAP) test $(ARGS)

check:  ## format, lint, types, import contracts, templates, migrations
	@$(BOOTSTRAP) check

bench:  ## measure the pages, logging through the API, and following a live run
	@$(BOOTSTRAP) bench $(ARGS)

bench-mlflow:  ## measure against mlflow's own server; ARGS="--runs 100000 --peers mlflow fasttrackml"
	@$(BOOTSTRAP) bench-mlflow $(ARGS)

bench-wandb:  ## measure logging with the real W&B client; ARGS="--megabytes 1024" for more
	@$(BOOTSTRAP) bench-wandb $(ARGS)

install:  ## install everything that the other targets need, and do nothing else
	@$(BOOTSTRAP) install

pins:  ## resolve pyproject.toml anew into requirements/
	@$(BOOTSTRAP) pins
