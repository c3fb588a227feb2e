# Thin: each target says what it does and installs what it needs; cuda-build
# and gpu-check also need a CUDA 13 toolkit on the machine.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
# Twelve sources of a target compiled as one: half the time of a whole build.
# JOIN=OFF where one edits and builds again.
JOIN ?= ON
export KEEL_CACHE ?= $(HOME)/.cache/keel
CMAKE_CACHE := -DKEEL_CACHE=$(KEEL_CACHE)
.DEFAULT_GOAL := build
FUZZ_SECONDS ?= 60
export SOAK_MINUTES ?= 30
.PHONY: setup configure build test demo results parity bench cuda-build gpu-check lint clean \
  setup-sanitizers asan-build asan tsan tidy fuzz soak

# Where several programs share the processors, threads that spin while they
# wait for each other take most of the time.
test demo parity asan: export OMP_WAIT_POLICY = PASSIVE

setup:
	@deploy/setup.sh build

configure: setup
	@mkdir -p build
	@cmake --preset cpu $(CMAKE_CACHE) -DCMAKE_UNITY_BUILD=$(JOIN) -DCMAKE_UNITY_BUILD_BATCH_SIZE=12 >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }

build: configure
	cmake --build --preset cpu -j $(JOBS) --target programs

test: configure
	@deploy/setup.sh prometheus docs client
	cmake --build --preset cpu -j $(JOBS)
	ctest --test-dir build/cpu --output-on-failure -LE gpu -j $(JOBS)

demo: build
	@deploy/setup.sh demo
	@deploy/demo/run.sh

# Writes the figures and tables of docs/results.md; goes on where it was stopped.
results: build
	@deploy/setup.sh demo experiment
	@/usr/bin/python3 deploy/experiment/run.py

parity: build
	cmake --build --preset cpu -j $(JOBS) --target keel-data-dump keel-model-dump keel-train-dump
	@tests/parity/run.sh

# Writes build/bench/loss.json; about ten minutes on two cores.
bench: configure
	cmake --build --preset cpu -j $(JOBS) --target keel-loss-bench
	@tests/bench/run.sh

cuda-build: setup
	cmake --preset cuda $(CMAKE_CACHE)
	cmake --build --preset cuda -j $(JOBS) --target keel-worker

gpu-check:
	@deploy/gpu_check.sh

setup-sanitizers: setup
	@deploy/setup.sh sanitizers

# Clang's thread-safety analysis is an error here.
asan-build: setup-sanitizers
	cmake --preset asan $(CMAKE_CACHE) >/dev/null
	cmake --build --preset asan -j $(JOBS)

asan: asan-build
	ctest --test-dir build/asan --output-on-failure -LE gpu -j $(JOBS)

tsan: setup-sanitizers
	cmake --preset tsan $(CMAKE_CACHE) >/dev/null
	cmake --build --preset tsan -j $(JOBS)
	ctest --test-dir build/tsan --output-on-failure -LE gpu -j $(JOBS)

tidy: setup-sanitizers
	@cmake --preset tidy $(CMAKE_CACHE) >/dev/null
	@cmake --build --preset tidy --target keel_proto_sources keel_storage_proto_sources
	@JOBS=$(JOBS) deploy/tidy.py build/tidy

# Each target for FUZZ_SECONDS; crashes are kept in build/fuzz/crashes.
fuzz: asan-build
	@JOBS=$(JOBS) tests/fuzz/run.sh $(FUZZ_SECONDS)

# Fuzz targets and fault tests, SOAK_MINUTES each.
soak: build asan-build
	@JOBS=$(JOBS) tests/soak.sh

lint:
	@deploy/setup.sh build
	@deploy/lint.sh

clean:
	rm -rf build
