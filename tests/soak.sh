#!/usr/bin/env bash
# Long runs with a time budget: each fuzz target for SOAK_MINUTES, then the
# end-to-end fault tests again and again for SOAK_MINUTES. All parts run; the
# exit status is 1 if one of them failed.
set -uo pipefail
cd "$(dirname "$0")/.."
minutes=${SOAK_MINUTES:-30}
status=0

tests/fuzz/run.sh $((60 * minutes)) || status=1

# Prints one line; the log is shown if a round failed.
fault_rounds() {
  local end=$((SECONDS + 60 * minutes)) rounds=0
  while [ $SECONDS -lt $end ]; do
    rounds=$((rounds + 1))
    if ! ctest --test-dir build/cpu -R '^e2e\.FaultsTest' --output-on-failure >build/soak.log 2>&1; then
      echo "FAIL  fault tests, round $rounds:"
      sed 's/^/      /' build/soak.log
      return 1
    fi
  done
  echo "ok    fault tests: $rounds rounds"
}
fault_rounds || status=1
exit $status
