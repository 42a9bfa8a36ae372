#!/bin/bash
# Runs every check and ends with the line "N passed, N failed"; `test.sh NAME [OPTION…]` runs only the
# tests whose id (Room.Suite/test) matches the regular expression NAME, with options of `swift test`.
# One failure does not stop the rest.
set -uo pipefail
export LC_ALL=C.UTF-8
# A trap is told in a few lines, without the list of loaded libraries.
export SWIFT_BACKTRACE=enable=yes,interactive=no,color=no,images=none,registers=none,limit=24
cd "$(dirname "$0")/.." || exit 1

logs=.build/test-logs
room_seconds_max=1500
passed=0 failed=0 summary="" child=""
started=$SECONDS

# --- Leaving nothing behind ----------------------------------------------------------------------

cluster=""
stop_cluster() {
  [ -n "$cluster" ] || return 0
  cluster=""
  scripts/test-postgres.sh stop >>"$logs/postgres.log" 2>&1 </dev/null ||
    echo "test: the test cluster did not stop; see $logs/postgres.log" >&2
}
interrupted() {
  trap - INT TERM HUP
  [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
  exit 130
}
trap stop_cluster EXIT
trap interrupted INT TERM HUP

# --- Running and counting ------------------------------------------------------------------------

# quietly LOG COMMAND…: runs a command that a signal can end at once, its words into LOG.
quietly() {
  local log=$1 status=0
  shift
  "$@" >"$log" 2>&1 </dev/null &
  child=$!
  wait "$child" || status=$?
  child=""
  return "$status"
}

note() { summary+=$(printf '%-28s %6d passed %6d failed %s' "$1" "$2" "$3" "${4:-}")$'\n'; }

# check NAME COMMAND…: one check, counted as one.
check() {
  local name=$1 log="$logs/${1// /-}.log" from=$SECONDS
  shift
  if quietly "$log" "$@"; then
    passed=$((passed + 1))
    note "$name" 1 0 "$((SECONDS - from)) s"
    echo "ok      $name ($((SECONDS - from)) s)"
  else
    failed=$((failed + 1))
    note "$name" 0 1 "$((SECONDS - from)) s"
    echo "FAILED  $name ($((SECONDS - from)) s), from $log:"
    # A compiler says what is wrong long before its last line.
    { grep -E '(^|[ :])(error|fatal error): ' "$log" | sort -u | head -n 40; tail -n 40 "$log"; } |
      sed 's/^/    /'
    return 1
  fi
}

# Counts the test cases in a swift-testing XML file: prints "passed failed skipped", or nothing
# when the file was not finished, as after a crash.
count_cases() {
  [ -f "$1" ] && grep -q '</testsuites>' "$1" || return 0
  awk '
    /<testcase [^>]*\/>/ { good++; next }
    /<testcase / { bad = 0; left = 0 }
    /<failure/ { bad = 1 }
    /<skipped/ { left = 1 }
    /<\/testcase>/ { if (bad) failed++; else if (left) skipped++; else good++ }
    END { print good + 0, failed + 0, skipped + 0 }' "$1"
}

# room NAME [SETTING]: all tests of one test target, in a process of their own, so that one that
# traps takes no other room's results with it.
room() {
  local name="$1${2:+ $2}" slug from=$SECONDS status=0 counts good bad left alone=()
  slug=${name//[ =]/-}
  local log="$logs/$slug.log" xml="$logs/$slug.xml"
  rm -f "$logs/$slug-swift-testing.xml"
  # Each of these tests starts the whole product and may kill it: several at once starve each other.
  [ "$1" != SystemTests ] || alone=(--no-parallel)
  quietly "$log" env ${2:+"$2"} timeout --kill-after=30 "$room_seconds_max" \
    swift test --skip-build "${alone[@]}" --filter "^$1\\." --xunit-output "$xml" || status=$?
  counts=$(count_cases "$logs/$slug-swift-testing.xml")
  if [ -n "$counts" ]; then
    read -r good bad left <<<"$counts"
    # A process that ended badly after its last test is a failure all the same.
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
  else
    good=$(grep -E 'Test .* passed after' "$log" | grep -vcE '(Suite|Test run) ')
    bad=$(grep -E 'Test .* failed after' "$log" | grep -vcE '(Suite|Test run) ')
    bad=$((bad + 1)) left=0
    echo "$name ended before all its tests were done (status $status)" >>"$log"
  fi
  passed=$((passed + good)) failed=$((failed + bad))
  local words="$((SECONDS - from)) s"
  if [ "$left" -gt 0 ]; then words+=", $left skipped"; fi
  if [ "$((good + bad))" -eq 0 ]; then words+=", no tests"; fi
  note "$name" "$good" "$bad" "$words"
  if [ "$bad" -eq 0 ]; then
    echo "ok      $name: $good tests ($words)"
  else
    echo "FAILED  $name: $good passed, $bad failed ($words), from $log:"
    { grep -E 'recorded an issue|failed after|Fatal error|fatalError' "$log" | head -n 60
      tail -n 25 "$log"; } | cut -c 1-400 | sed 's/^/    /'
  fi
  # What the checkers counted, in either case.
  sed -n 's/^report: /        /p' "$log"
}

finish() {
  stop_cluster
  printf '\n%s\n' "${summary}took $((SECONDS - started)) s"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

start_cluster() {
  cluster=started
  check "test cluster" scripts/test-postgres.sh start || return
  eval "$(scripts/test-postgres.sh env)"
}

# --- The run -------------------------------------------------------------------------------------

mkdir -p "$logs"
: >"$logs/postgres.log"

if [ "$#" -gt 0 ]; then
  scripts/setup.sh test && swift build --build-tests || exit 1
  start_cluster || exit 1
  swift test --skip-build --filter "$@" </dev/null
  exit
fi

# Set-up speaks for itself: what it installs, and why it cannot.
if ! scripts/setup.sh test </dev/null; then
  failed=1
  note "set-up" 0 1
  finish
fi
passed=1
note "set-up" 1 0

for part in scripts protos migrations compose generated swift; do
  check "lint $part" scripts/lint.sh "$part"
done
if check "build" swift build --build-tests --explicit-target-dependency-import-check error; then
  check "schemas" scripts/schema.sh --check
  start_cluster
  rooms=$(swift package dump-package 2>/dev/null </dev/null | .venv/bin/python -c '
import json, sys
print("\n".join(t["name"] for t in json.load(sys.stdin)["targets"] if t["type"] == "test"))')
  if [ -z "$rooms" ]; then
    failed=$((failed + 1))
    note "rooms" 0 1 "Package.swift names no test target"
  fi
  for name in $rooms; do room "$name"; done
  # What Citus needs said with every call, said to plain PostgreSQL.
  for name in ClientDirectoryTests FeedTests; do
    room "$name" CLIENTELE_DATABASE_PROLOGUE=set-local
  done
  check "fuzz" scripts/fuzz.sh short
fi
finish
