# Thin: each target says what it does and installs what it needs; cuda-build
# and gpu-check also need a CUDA 13 toolkit on the machine.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
export KEEL_CACHE ?= $(HOME)/.cache/keel
CMAKE_CACHE := -DKEEL_CACHE=$(KEEL_CACHE)
.DEFAULT_GOAL := build
.PHONY: setup build test demo parity cuda-build gpu-check lint clean

setup:
	@deploy/setup.sh build

build: setup
	@mkdir -p build
	@cmake --preset cpu $(CMAKE_CACHE) >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	cmake --build --preset cpu -j $(JOBS)

test: build
	@deploy/setup.sh prometheus
	ctest --test-dir build/cpu --output-on-failure -LE gpu -j $(JOBS)

demo: build
	@deploy/setup.sh demo
	@deploy/demo/run.sh

parity: build
	@tests/parity/run.sh

cuda-build: setup
	cmake --preset cuda $(CMAKE_CACHE)
	cmake --build --preset cuda -j $(JOBS) --target keel-worker

gpu-check:
	@deploy/gpu_check.sh

lint:
	@deploy/setup.sh build
	@deploy/lint.sh

clean:
	rm -rf build
