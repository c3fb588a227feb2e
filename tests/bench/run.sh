#!/usr/bin/env bash
# `make bench`: the loss beside PyTorch's, in a private Python environment.
set -euo pipefail
cd "$(dirname "$0")/../.."
deploy/setup.sh parity
"${KEEL_CACHE:-$HOME/.cache/keel}/parity-venv/bin/python" tests/bench/loss.py \
  --bench build/cpu/tests/keel-loss-bench --out build/bench/loss.json \
  --python "${KEEL_CACHE:-$HOME/.cache/keel}/parity-venv/bin/python"
