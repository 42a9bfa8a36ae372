#!/bin/bash
# The cluster that the tests clone their databases in: test-postgres.sh start|stop|env
# `env` prints the setting that points the tests at it. `stop` also ends what a crashed test left.
set -euo pipefail
cd "$(dirname "$0")/.."

cluster=.run/test-postgres
case "${1:-}" in
  start) scripts/postgres.sh start "$cluster" ;;
  stop)
    for left in .run/test-clusters/*/; do
      [ -d "$left" ] || continue
      scripts/postgres.sh kill "$left" && rm -rf "$left"
    done
    scripts/postgres.sh kill "$cluster"
    # Nothing in it is worth keeping, and a fresh one is made in seconds.
    rm -rf "$cluster"
    ;;
  env)
    host=$(scripts/postgres.sh host "$cluster")
    echo "export CLIENTELE_TEST_POSTGRES='host=$host user=postgres dbname=postgres'"
    ;;
  *) echo "usage: $0 start|stop|env" >&2; exit 64 ;;
esac
