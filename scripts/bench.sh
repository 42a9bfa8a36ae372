#!/bin/bash
# Measures in one run, prints ratios, writes them as JSON to .run/bench/: echo against nghttpd and a bare
# C loop, and over mutual TLS against cleartext; then GetClient and CreateClient of the running services against
# pgbench, then every list over a million clients (SCALE=) against its SQL alone, then what a server
# does beyond what it can do. Takes about twenty minutes the first time; the seeded databases stay.
set -euo pipefail
export LC_ALL=C.UTF-8
cd "$(dirname "$0")/.."

# Statically linked programs are built apart: the flag changes everything that is compiled.
build=${CLIENTELE_BUILD:-.build/static}
mkdir -p .run/bench
for product in echo-server loadtest service-bench clientele identity organization client-directory messaging gateway; do
  swift build --quiet -c release --static-swift-stdlib --scratch-path "$build" --product "$product"
done
echo "Echo in clear and over mutual TLS, server on one core, h2load on the other:"
.venv/bin/python scripts/bench/echo.py --binary "$build/release/echo-server" \
  --json .run/bench/echo.json
echo
echo "Services, client and database on both cores:"
CLIENTELE_BIN=$build/release .venv/bin/python scripts/bench/services.py --json .run/bench/services.json
echo
echo "Storage, ${SCALE:-1000000} clients:"
CLIENTELE_BIN=$build/release .venv/bin/python scripts/bench/storage.py \
  --scale "${SCALE:-1000000}" --json .run/bench/storage.json
echo
echo "Overload, server on one core, loadtest on the other:"
.venv/bin/python scripts/bench/overload.py --bin "$build/release" --json .run/bench/overload.json
echo
echo "written: .run/bench/{echo,services,storage,overload}.json"
