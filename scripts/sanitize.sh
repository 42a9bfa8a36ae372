#!/bin/bash
# Runs the tests of the rooms under sanitizers: `sanitize.sh [address|thread]...`, both when none is
# named. Leaks are looked for as well. Nothing is suppressed; docs/security-testing.md says which
# reports are known, and what they are.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
# With the backtracer a crashed program with sanitizers hangs for minutes.
export SWIFT_BACKTRACE=enable=no LC_ALL=C.UTF-8
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0
export TSAN_OPTIONS=halt_on_error=0:history_size=4

rooms=${ROOMS:-ProtobufTests HTTP2Tests GRPCTests PostgresTests FeedTests ServiceKitTests ConformanceTests}
logs=.build/sanitize-logs
mkdir -p "$logs"
passed=0 failed=0
scripts/setup.sh test </dev/null || exit 1
trap 'scripts/test-postgres.sh stop >/dev/null 2>&1 </dev/null' EXIT
scripts/test-postgres.sh start </dev/null && eval "$(scripts/test-postgres.sh env)"

# What the thread sanitizer must be told of Mutex, built by the toolchain's own compiler.
clang=$(dirname "$(readlink -f "$(command -v swiftc)")")/clang
"$clang" -shared -fPIC -O1 -o "$logs/mutex.so" scripts/sanitize/mutex.c || exit 1

for sanitizer in "${@:-address thread}"; do
  for name in $sanitizer; do
    scratch=.build-$name
    if ! swift build --build-tests --sanitize "$name" --scratch-path "$scratch" \
      >"$logs/$name-build.log" 2>&1; then
      tail -n 40 "$logs/$name-build.log"
      echo "FAILED  $name: does not build"
      failed=$((failed + 1))
      continue
    fi
    program=$(swift build --scratch-path "$scratch" --sanitize "$name" --show-bin-path)
    program+=/clientelePackageTests.xctest
    for room in $rooms; do
      [ -d "Tests/$room" ] || continue
      log=$logs/$name-$room.log
      preload=""
      if [ "$name" = thread ]; then preload=$PWD/$logs/mutex.so; fi
      LD_PRELOAD=$preload timeout --kill-after=30 1500 "$program" --testing-library swift-testing \
        --filter "^$room\\." >"$log" 2>&1 </dev/null
      result=$?
      reports=$(grep -cE '^(==[0-9]+==ERROR|WARNING: ThreadSanitizer|SUMMARY: )' "$log")
      if [ "$result" -eq 0 ] && [ "$reports" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok      $name: $room: $(grep -cE 'Test .* passed after' "$log") tests, no report"
      else
        failed=$((failed + 1))
        echo "FAILED  $name: $room: status $result, $reports lines of reports, in $log"
        grep -E '^SUMMARY: |recorded an issue|error:' "$log" | sort | uniq -c | sort -rn | head -n 20
      fi
    done
  done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
