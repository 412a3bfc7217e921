# The versions of SonarQube whose real servers the tests run on, beside simulated ones.
SONARQUBES ?= 26.9.0.129388 25.1.0.102122
# The other versions that are simulated: their simulators are held to real servers by `make contract-all` alone.
OTHER_SONARQUBES ?= 25.12.0.117093 10.7.0.96327 9.9.8.100196 8.9.0.43852
# As many tests run side by side, each on a control plane of its own.
CONTROL_PLANES ?= 4
# The version that the demo runs with; none for a simulated one.
SONARQUBE ?=

# What `make test-dist` runs: on simulated servers, what a build for another C library could change.
DIST_TESTS ?= e2e::binding::first_binding:: e2e::operations::shutdown:: e2e::operations::failover:: e2e::security:: --skip real_

# How many bindings `make bench` creates; FIFTY=--fifty measures 50 connections as well.
SIZES ?= 100,1000
FIFTY ?=
# The operator in the image: static, with the allocator of musl.
SHIPPED := $(shell uname -m)-unknown-linux-musl
# ADD=--add keeps the results of other sizes, so that one size can be measured by itself.
ADD ?=

# Says it to tests/servers.
servers = $(foreach version,$(1),--sonarqube $(version))

# What a static program is linked by; the same is said by packaging/release.
musl = @command -v musl-gcc >/dev/null && [ -d "$$(rustc --print sysroot)/lib/rustlib/$(SHIPPED)" ] || \
	{ echo 'the program is built for $(SHIPPED): install musl-tools, and run: rustup target add $(SHIPPED)'; exit 1; }

# Those of the matrix in the user's guide.
MATRIX := 8.9.0.43852 9.9.8.100196 10.7.0.96327 25.1.0.102122 26.9.0.129388
# The versions of Kubernetes that are supported, beside the one that all else runs on.
KUBERNETES := 1.33 1.36

.DEFAULT_GOAL := help
.PHONY: help test test-matrix contract contract-all compile servers lint generate demo dist test-dist dashboard chaos fuzz bench bench-real bench-report mutants

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: compile servers ## Run all tests, on real control planes and SonarQube servers (make -j2 builds both at once)
	tests/servers run --control-planes $(CONTROL_PLANES) $(call servers,$(SONARQUBES)) -- tests/everything

test-matrix: compile ## Run every scenario on every version and edition, the apiserver tier on each Kubernetes; write the matrix into the guide
	tests/servers build control-plane helm kubeconform $(foreach version,$(MATRIX),sonarqube $(version))
	for version in $(KUBERNETES); do \
		BINDERY_KUBERNETES=$$version tests/servers run --control-planes $(CONTROL_PLANES) -- cargo test --test it apiserver:: || exit; \
	done
	tests/servers run --control-planes $(CONTROL_PLANES) $(call servers,$(MATRIX)) -- tests/every-server docs/guide/matrix.md

contract: compile servers ## Hold the simulators to the real servers, and show which test passed on which server
	tests/servers run $(call servers,$(SONARQUBES)) -- tests/matrix contract:: --skip other_versions

contract-all: contract ## The same on all other versions (fetches and starts four more servers)
	tests/servers build $(foreach version,$(OTHER_SONARQUBES),sonarqube $(version))
	tests/servers run $(call servers,$(OTHER_SONARQUBES)) -- tests/matrix other_versions --skip every_server

compile: ## Compile the operator and its tests
	cargo test --workspace --no-run

servers: ## Build and fetch what tests and demo run on
	tests/servers build control-plane helm helm3 kubeconform lua kstatus promtool $(foreach version,$(SONARQUBES),sonarqube $(version))

lint: ## Check formatting, lints and documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items
	cd tests/actionlint && go tool actionlint $(CURDIR)/.github/workflows/*.yml
	@if command -v shellcheck >/dev/null; then shellcheck -x -a tests/servers tests/demo tests/every-server tests/everything tests/matrix tests/chaos tests/dashboard/take tests/release tests/in-image packaging/release .ci/run; else echo 'shellcheck is not installed: scripts unchecked'; fi

generate: ## Write the files that are generated from the code
	UPDATE=1 cargo test --quiet --test it -- generated::committed_files_are_as_generated

demo: ## Show the operator at work, from nothing (SONARQUBE=26.9.0.129388: with a real SonarQube)
	@echo 'Builds what is missing first: the operator and the simulators (some 5 minutes), etcd and kube-apiserver (5 more).'
	@echo 'When all is there, the demo takes half a minute.'
	@cargo build --quiet --workspace --bins
	@tests/servers run $(call servers,$(SONARQUBE)) -- tests/demo

dist: ## Build a release into dist/: program, image, chart, manifests, schemas, SBOM, checksums
	packaging/release

test-dist: ## Test dist/: the end-to-end tests with the operator in its image, read-only, as its user (DIST_TESTS=e2e::security::)
	tests/servers run --control-planes $(CONTROL_PLANES) -- tests/release $(DIST_TESTS)

dashboard: ## Draw docs/guide/dashboard.png from what Prometheus scrapes of an operator at work (needs Python with matplotlib)
	$(musl)
	tests/servers build control-plane promtool
	cargo build --quiet --workspace --bins
	cargo build --release --target $(SHIPPED) --bin bindery
	tests/servers run -- tests/dashboard/take \
		$${CARGO_TARGET_DIR:-target}/$(SHIPPED)/release/bindery docs/guide/dashboard.png

chaos: ## Kill, stop, delay and cut everything for some 20 minutes; write what crashes come to into the guide
	tests/servers build control-plane sonarqube 26.9.0.129388
	cargo test --test it --no-run
	tests/servers run --control-planes 3 --sonarqube 26.9.0.129388 -- tests/chaos docs/guide/crashes.md

bench: ## Measure what bindings cost, beside the floor of the same run (SIZES=100,1000,10000 FIFTY=--fifty)
	$(musl)
	tests/servers build control-plane
	cargo build --release --target $(SHIPPED) --bin bindery
	cargo bench --bench bench --no-run
	tests/servers run -- cargo bench --bench bench -- \
		--binary $${CARGO_TARGET_DIR:-target}/$(SHIPPED)/release/bindery --sizes $(SIZES) $(FIFTY) $(ADD)

bench-real: ## Measure creates and a sweep of 300 bindings on a real SonarQube, by its own access log
	tests/servers build control-plane sonarqube 26.9.0.129388
	cargo test --test it --no-run
	BINDERY_REAL_BINDINGS=300 tests/servers run --sonarqube 26.9.0.129388 -- cargo test --test it -- e2e::operations::real_cost:: --nocapture

bench-report: ## Write docs/guide/cost.md and its charts from what make bench has measured
	cargo bench --bench bench -- --report docs/guide

fuzz: ## Run each fuzz target for a minute (BINDERY_FUZZ_SECONDS=60)
	BINDERY_FUZZ_SECONDS=$${BINDERY_FUZZ_SECONDS:-60} cargo test --test it fuzz:: -- --nocapture --test-threads 2

mutants: ## Break the core and the fleet line by line, and list what no unit or property test notices (hours; needs cargo-mutants)
	@command -v cargo-mutants >/dev/null || { echo 'cargo-mutants is not installed: cargo install cargo-mutants --locked'; exit 1; }
	cargo mutants --file 'src/plan/**' --file 'src/fleet/**' --timeout 60 --output target -- --lib
