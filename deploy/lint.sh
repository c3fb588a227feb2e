#!/usr/bin/env bash
# Fast checks of the sources: format, layering, lengths, scripts.
set -uo pipefail
cd "$(dirname "$0")/.."
failures=0

# check TITLE COMMAND...: the command prints offenders and nothing else.
check() {
  local title=$1 found
  shift
  found=$("$@" 2>&1)
  if [ -z "$found" ]; then
    echo "ok    $title"
  else
    echo "FAIL  $title"
    sed 's/^/      /' <<<"$found"
    failures=$((failures + 1))
  fi
}

sources() { find common coordinator worker tests -name '*.cc' -o -name '*.h' -o -name '*.cu' | sort; }

format() { sources | xargs -r clang-format-14 --dry-run -Werror 2>&1 | grep -E 'error:' | cut -d: -f1 | sort -u; }
layering() { python3 tests/layering/layering.py; }
too_long() {
  sources | xargs -r wc -l | awk '$2 != "total" && ($1 > 450 || ($2 ~ /\.h$/ && $1 > 270))'
}
untested() {  # test sources that no CMakeLists.txt names
  find tests -name '*_test.cc' | while read -r file; do
    grep -qw "$(basename "$file" .cc)" "$(dirname "$file")/CMakeLists.txt" 2>/dev/null || echo "$file"
  done
}
unlisted() {  # tests of a Python file whose CMakeLists.txt names others of them, but not these
  find tests -name '*_test.py' | while read -r file; do
    list=$(dirname "$file")/CMakeLists.txt
    tests=$(grep -oE '^    def test_\w+' "$file" | cut -c9-)
    echo "$tests" | grep -qwFf - "$list" || continue  # it is run as a whole
    for test in $tests; do grep -qw "$test" "$list" || echo "$file: $test"; done
  done
}
scripts() { find deploy tests .ci -name '*.sh' -o -path '.ci/run' | xargs -r -n1 bash -n; }
python_syntax() {
  find deploy docs tests -name '*.py' | xargs -r -n1 python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])'
}

check "formatted (clang-format, .clang-format)"              format
check "dependency rules (tests/layering)"                   layering
check "headers up to 270 lines, sources up to 450"           too_long
check "every test file is in the build"                      untested
check "every test of a listed Python file is listed"          unlisted
check "shell scripts parse"                                  scripts
check "python scripts parse"                                 python_syntax
exit $((failures > 0))
