#!/bin/bash
# Runs a scenario: `load.sh NAME [OPTIONS OF loadtest run]`, NAME a file or one of scenarios/. The
# services are those of a running `make run`; echo-server is started for the scenario `echo`.
set -euo pipefail
export LC_ALL=C.UTF-8
cd "$(dirname "$0")/.."

configuration=${CONFIGURATION:-release}
build=${CLIENTELE_BUILD:-.build}
scenario=${1:?usage: load.sh NAME [OPTIONS], NAME one of $(cd scenarios && echo *.json | sed 's/demo.json//; s/\.json//g')}
shift
name=$(basename "$scenario" .json)
[ -f "$scenario" ] || scenario=scenarios/$name.json

products=(loadtest)
if [ "$name" = echo ]; then products+=(echo-server); fi
for product in "${products[@]}"; do
  swift build --quiet -c "$configuration" --scratch-path "$build" --product "$product"
done
bin=$build/$configuration

server=""
stop() { if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi; }
trap stop EXIT
if [ "$name" = echo ]; then
  "$bin/echo-server" --port 50100 &
  server=$!
  # The tool waits for the server; this only sees one that ended at once, as when the port is taken.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if (exec 3<>/dev/tcp/127.0.0.1/50100) 2>/dev/null; then break; fi
    kill -0 "$server" 2>/dev/null || { echo "load: echo-server ended at once" >&2; exit 1; }
    sleep 0.1
  done
fi

status=0
"$bin/loadtest" run "$scenario" --json ".run/loadtest/$name.json" "$@" || status=$?
exit "$status"
