#!/usr/bin/env bash
# Everything that needs a GPU; exits 77 where there is none.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
if ! nvidia-smi -L >/dev/null 2>&1; then
  echo "no GPU: nvidia-smi lists none on this machine"
  exit 77
fi
cmake -S "$root" --preset gpu-host -DKEEL_CACHE="${KEEL_CACHE:-$HOME/.cache/keel}"
cmake --build "$root/build/gpu-host" -j "$(nproc)"
ctest --test-dir "$root/build/gpu-host" --output-on-failure --no-tests=error -L gpu
