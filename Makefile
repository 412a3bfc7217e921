# The version of SonarQube that `make test` and `make demo` run with.
SONARQUBE ?= 26.9.0.129388

.DEFAULT_GOAL := help
.PHONY: help test compile parts lint generate demo

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: compile parts ## Run all tests, on a real control plane and SonarQube (make -j2 builds both at once)
	tests/parts run --sonarqube $(SONARQUBE) -- cargo test --workspace

compile: ## Compile the operator and its tests
	cargo test --workspace --no-run

parts: ## Build and fetch what tests and demo run on
	tests/parts build control-plane helm sonarqube $(SONARQUBE)

lint: ## Check formatting, lints and documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items
	@if command -v shellcheck >/dev/null; then shellcheck -x -a tests/parts tests/demo .ci/run; else echo 'shellcheck is not installed: scripts unchecked'; fi

generate: ## Write the files that are generated from the code
	cargo run --quiet -- crds --write .

demo: ## Show the operator at work, from nothing
	cargo build --workspace --bins
	tests/parts run --sonarqube $(SONARQUBE) -- tests/demo
