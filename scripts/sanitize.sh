#!/bin/bash
# Runs the tests of the rooms under sanitizers: `sanitize.sh [address|thread]...`, both when none is
# named; ROOMS names the rooms. Programs that the tests start are sanitized too, and their reports
# count. First it tries itself: planted faults must be seen, correct programs must not
# (scripts/sanitize/planted.swift). docs/security-testing.md says what was found.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

all="ProtobufTests HTTP2Tests GRPCTests PostgresTests FeedTests ServiceKitTests ServiceStorageTests"
all+=" FieldProtectionTests ConformanceTests"
rooms=${ROOMS:-$all LoadTestTests}
tried=$PWD/.build/sanitize
rm -rf "$tried"
mkdir -p "$tried"

# With the backtracer a crashed program with sanitizers hangs for minutes.
export SWIFT_BACKTRACE=enable=no LC_ALL=C.UTF-8
# All is several times slower: fewer tests at a time, and more patience with each.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=${WIDTH:-6} CLIENTELE_TEST_PATIENCE=6
clean=0 reported=0 failed=0

# The environment of a sanitized program whose reports go to files that begin with $2.
options() {
  case $1 in
    address)
      echo "ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0:log_path=$2"
      echo "LSAN_OPTIONS=suppressions=$PWD/scripts/sanitize/leaks.txt:print_suppressions=0"
      ;;
    thread)
      echo "TSAN_OPTIONS=halt_on_error=0:history_size=4:log_path=$2"
      echo "LD_PRELOAD=$tried/handovers.so"
      ;;
  esac
}

# How many reports are in the files that begin with $1.
reports() {
  cat "$1".* 2>/dev/null | grep -cE '^(==[0-9]+==ERROR|WARNING: ThreadSanitizer)'
}

# Says of a sanitizer $1 whether it sees what is planted, and nothing else.
try_out() {
  local shapes correct="" shape fault seen environment
  mapfile -t environment < <(options "$1" "$tried/planted")
  swiftc -sanitize="$1" -Onone -swift-version 6 scripts/sanitize/planted.swift \
    -o "$tried/planted-$1" >"$tried/planted-$1.log" 2>&1 || { cat "$tried/planted-$1.log"; return 1; }
  case $1 in
    address) shapes="freed beyond lost" correct=kept ;;
    thread) shapes="mutex continuation-early continuation-late executor cancellation group stream" ;;
  esac
  for shape in $shapes; do
    for fault in fault ""; do
      if [ -z "$fault" ] && [ "$1" = address ]; then shape=$correct; fi
      rm -f "$tried"/planted.*
      env "${environment[@]}" timeout 60 "$tried/planted-$1" "$shape" "$fault" \
        >/dev/null 2>&1 </dev/null
      seen=$(reports "$tried/planted")
      if [ -n "$fault" ] && [ "$seen" -eq 0 ] || [ -z "$fault" ] && [ "$seen" -ne 0 ]; then
        echo "FAILED  $1: planted: $shape ${fault:-as it should be}: $seen reports"
        return 1
      fi
    done
  done
  echo "ok      $1: what is planted is seen ($shapes), what is correct is not"
}

# Runs a room $2 of the program $3 under a sanitizer $1.
run_room() {
  local log=$tried/$1-$2.log found=$tried/$1-$2.report status seen environment
  mapfile -t environment < <(options "$1" "$found")
  # They measure time, so nothing runs beside them.
  if [ "$2" = LoadTestTests ]; then environment+=("SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=1"); fi
  env "${environment[@]}" timeout --kill-after=30 1500 "$3" --testing-library swift-testing \
    --filter "^$2\\." >"$log" 2>&1 </dev/null
  status=$?
  seen=$(reports "$found")
  if [ "$seen" -ne 0 ]; then
    reported=$((reported + 1))
    echo "FAILED  $1: $2: $seen reports, in $found.*"
    cat "$found".* | grep -E '^SUMMARY: ' | sort | uniq -c | sort -rn | head -n 20
  elif [ "$status" -ne 0 ]; then
    failed=$((failed + 1))
    echo "FAILED  $1: $2: no report, but the tests ended with status $status, in $log"
    grep -E 'recorded an issue|error:' "$log" | head -n 20
  else
    clean=$((clean + 1))
    echo "ok      $1: $2: $(grep -oE 'Test run with [0-9]+ tests' "$log" | tail -n 1), no report"
  fi
}

scripts/setup.sh test </dev/null || exit 1
trap 'scripts/test-postgres.sh stop >/dev/null 2>&1 </dev/null' EXIT
scripts/test-postgres.sh start </dev/null && eval "$(scripts/test-postgres.sh env)"

# What the thread sanitizer must be told of Swift's libraries, by the toolchain's own compiler.
clang=$(dirname "$(readlink -f "$(command -v swiftc)")")/clang
"$clang" -shared -fPIC -O1 -o "$tried/handovers.so" scripts/sanitize/handovers.c || exit 1

for sanitizer in ${*:-address thread}; do
  case $sanitizer in
    address) scratch=.build-asan ;;
    thread) scratch=.build-tsan ;;
    *) echo "usage: $0 [address|thread]..." >&2; exit 64 ;;
  esac
  try_out "$sanitizer" || failed=$((failed + 1))
  if ! swift build --build-tests --sanitize "$sanitizer" --scratch-path "$scratch" \
    >"$tried/$sanitizer-build.log" 2>&1; then
    grep -vE 'Cannot export local symbol' "$tried/$sanitizer-build.log" | tail -n 40
    echo "FAILED  $sanitizer: does not build"
    failed=$((failed + 1))
    continue
  fi
  program=$(swift build --scratch-path "$scratch" --sanitize "$sanitizer" --show-bin-path)
  for room in $rooms; do
    run_room "$sanitizer" "$room" "$program/clientelePackageTests.xctest"
  done
done
if [ "$failed" -ne 0 ]; then echo "$failed failed without a report"; fi
echo "$clean rooms clean, $reported with reports"
[ $((failed + reported)) -eq 0 ]
