#!/usr/bin/env bash
# `make parity`: tokens, image tensors, models, training and a published
# checkpoint, live against open_clip 3.3.0 in a private Python environment.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
venv=${KEEL_CACHE:-$HOME/.cache/keel}/parity-venv
deploy/setup.sh demo parity
"$venv/bin/python" tests/parity/tokens_and_images.py --dump build/cpu/tests/keel-data-dump
"$venv/bin/python" tests/parity/tokens_and_images.py --dump build/cpu/tests/keel-data-dump \
  --samples 64 --image-size 64 --context-length 32
"$venv/bin/python" tests/parity/model_parity.py --dump build/cpu/tests/keel-model-dump
"$venv/bin/python" tests/parity/train_parity.py --dump build/cpu/tests/keel-train-dump
"$venv/bin/python" tests/parity/embeddings.py --bin build/cpu/bin
