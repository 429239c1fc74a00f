# Every target has a comment behind two hashes: `make help` prints them.
.DEFAULT_GOAL := help
.PHONY: help demo sandbox test check bench format
RUN := npm run --silent

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile

node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

demo: node_modules/.package-lock.json ## a whole release in about a minute: one good, one bad, under real traffic
	@$(RUN) demo

sandbox: node_modules/.package-lock.json ## start a cluster in one process with Weir on it, and stay
	@$(RUN) sandbox

test: node_modules/.package-lock.json ## run all tests
	@$(RUN) test

check: node_modules/.package-lock.json ## types, lint, format, arrows between rooms, dead code
	@$(RUN) check

bench: node_modules/.package-lock.json ## figures, as JSON lines
	@$(RUN) bench

format: node_modules/.package-lock.json ## format and fix what can be fixed
	@$(RUN) format
