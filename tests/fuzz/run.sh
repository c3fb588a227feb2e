#!/usr/bin/env bash
# Runs each fuzz target for some seconds, two at a time. What is new is kept in
# build/fuzz/found/TARGET for the next run, what ends a target in
# build/fuzz/crashes; the corpora in the tree stay as they are.
#
#   tests/fuzz/run.sh SECONDS [TARGET...]      default: every target
set -uo pipefail
cd "$(dirname "$0")/../.."
seconds=$1
shift
[ $# -gt 0 ] || set -- $(ls tests/fuzz/corpus)
mkdir -p build/fuzz/crashes

# Prints one line; the log is shown if the target did not end well.
run_target() {
  local target=$1 log=build/fuzz/$1.log
  mkdir -p "build/fuzz/found/$target"
  if timeout $((seconds + 300)) "build/asan/fuzz/fuzz_$target" -max_total_time="$seconds" \
    -rss_limit_mb=2048 -timeout=25 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/crashes/$target-" \
    "build/fuzz/found/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1; then
    echo "ok    $target: $(grep -a 'number_of_executed_units' "$log" | tr -s ' ' | cut -d' ' -f2) runs," \
      "$(grep -ao 'cov: [0-9]*' "$log" | tail -1)"
  else
    echo "FAIL  $target:"
    tail -n 60 "$log" | sed 's/^/      /'
    return 1
  fi
}
export -f run_target
export seconds
printf '%s\n' "$@" | xargs -P "${JOBS:-2}" -I{} bash -c 'run_target {}'
