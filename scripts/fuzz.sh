#!/bin/bash
# Fuzzes with libFuzzer and the address sanitizer: `fuzz.sh [TARGET]...`, each for SECONDS_EACH (300)
# seconds, with what it found so far kept under .run/fuzz. `fuzz.sh short` is the part of
# `make test`: RUNS_EACH inputs (10 000) a target, from the committed seeds, and only the rooms of the
# wire, as the others take long to build with sanitizers.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=.build-fuzz
corpora=tools/fuzz/Corpus
# With the backtracer a crashed program with sanitizers hangs for minutes.
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}
short=""
if [ "${1:-}" = short ]; then short=1; shift; fi
if [ -n "$short" ]; then
  # The same inputs every time: a test that fails must fail again.
  extent=(-seed=1 -runs="${RUNS_EACH:-10000}")
else
  extent=(-max_total_time="${SECONDS_EACH:-300}")
  export FUZZ_EDGE=1
fi

# SwiftPM gives the compiler one sanitizer at a time, so the second is named by hand.
swift build --package-path tools/fuzz --scratch-path "$scratch" --product fuzz \
  --sanitize address -Xswiftc -sanitize=fuzzer,address -Xcc -fsanitize=fuzzer-no-link -Xswiftc -O
program=$(swift build --package-path tools/fuzz --scratch-path "$scratch" --show-bin-path)/fuzz

targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
  for folder in "$corpora"/*/; do targets+=("$(basename "$folder")"); done
fi

status=0
for target in "${targets[@]}"; do
  if [ -n "$short" ] && [[ "$target" =~ ^(gateway|texts)$ ]]; then continue; fi
  grown=.run/fuzz/$target found=.run/fuzz/found/$target-
  if [ -n "$short" ]; then rm -rf "$grown"; fi
  mkdir -p "$grown" .run/fuzz/found
  # Five seconds for an input are too long, and so is a gigabyte for all of them.
  if FUZZ_TARGET=$target "$program" "$grown" "$corpora/$target" "${extent[@]}" \
    -timeout=5 -rss_limit_mb=1024 -max_len=4096 -print_final_stats=1 -artifact_prefix="$found" \
    >".run/fuzz/$target.log" 2>&1; then
    echo "ok      $target: $(grep -oE 'number_of_executed_units: *[0-9]+' ".run/fuzz/$target.log" |
      grep -oE '[0-9]+') inputs"
  else
    status=1
    echo "FAILED  $target: the input is at $found…; run it with"
    echo "    SWIFT_BACKTRACE=enable=no FUZZ_TARGET=$target $program FILE"
    grep -vE '^#[0-9]+\s+(NEW|REDUCE|RELOAD|pulse)' ".run/fuzz/$target.log" | tail -n 60
  fi
done
exit "$status"
