#!/bin/bash
# The picture of each service's schema as its migrations leave it: services/<service>/schema.sql.
#
#   schema.sh                      write them, from a cluster of its own that it removes again
#   schema.sh --check              compare them with the migrations instead; fails when they differ
#   schema.sh --print CONN SCHEMA  print the picture of a migrated database, for the tests
#
# Needs the built operator's program (`swift build --product clientele`), but for --print.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."

# The key of pg_dump's \restrict would be random, the versions are the machine's own, and nobody
# restores from a picture: it needs no search_path.
picture() {
  pg_dump --schema-only --restrict-key=schema --schema="$2" "$1" |
    sed -e '/^-- Dumped from database version/d' -e '/^-- Dumped by pg_dump version/d' \
      -e '/^SELECT pg_catalog.set_config/d'
}

mode=${1:-write}
case "$mode" in
  write | --check) ;;
  --print)
    [ "$#" -eq 3 ] || { echo "usage: $0 --print CONNECTION SCHEMA" >&2; exit 64; }
    picture "$2" "$3"
    exit
    ;;
  *) echo "usage: $0 [--check | --print CONNECTION SCHEMA]" >&2; exit 64 ;;
esac

program=.build/${CONFIGURATION:-debug}/clientele
[ -x "$program" ] || { echo "schema: build first: swift build --product clientele" >&2; exit 1; }
cluster=.run/schema-postgres
new=$(mktemp)
cleanup() {
  rm -f "$new"
  scripts/postgres.sh kill "$cluster" >/dev/null 2>&1 || true
  rm -rf "$cluster"
}
trap cleanup EXIT
scripts/postgres.sh start "$cluster" >/dev/null
host=$(scripts/postgres.sh host "$cluster")
"$program" migrate --superuser "host=$host user=postgres" >/dev/null

status=0
for folder in services/*/migrations; do
  service=$(basename "$(dirname "$folder")")
  file=services/$service/schema.sql
  picture "host=$host user=postgres dbname=clientele" "${service//-/_}" >"$new"
  if [ "$mode" = write ]; then
    cp "$new" "$file"
    chmod 0644 "$file"
  elif ! diff -u "$file" "$new"; then
    echo "schema: $file is not what the migrations make; run scripts/schema.sh" >&2
    status=1
  fi
done
exit "$status"
