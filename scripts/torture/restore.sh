#!/bin/bash
# R24: back up under a write load, lose a table, restore to the second before. restore.sh [COUNT]
# Prints, for each round, how many rows were acknowledged before the moment, how many came back, and
# how many of those acknowledged are missing. Fails on any.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/../.."

rounds=${1:-10}
program=$PWD/.build/${CONFIGURATION:-debug}/clientele
work=$PWD/.run/torture-restore-$$
bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
writer=
cleanup() {
  [ -z "$writer" ] || kill "$writer" 2>/dev/null || true
  scripts/postgres.sh kill "$work/live" 2>/dev/null || true
  scripts/postgres.sh kill "$work/restored" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
mkdir -p "$work"

sql() { "$bin/psql" -XAtq -v ON_ERROR_STOP=1 -h "$1" -U postgres -d "$2" -c "$3"; }

# Writes rows one by one and notes each that was acknowledged, with the server's clock.
write_rows() {
  local host=$1 number=0
  while :; do
    number=$((number + 1))
    sql "$host" clientele "insert into ledger (round, number) values ($2, $number)
      returning number || ' ' || extract(epoch from clock_timestamp())" || return 0
  done >>"$3"
}

scripts/postgres.sh start "$work/live" --durable --archive "$work/backups/wal" >/dev/null
host=$(scripts/postgres.sh host "$work/live")
"$program" migrate --superuser "host=$host user=postgres"
sql "$host" clientele "create table ledger (round int, number int, primary key (round, number))"

failed=0 before=0 missing=0 beyond=0
for round in $(seq "$rounds"); do
  : >"$work/acked"
  write_rows "$host" "$round" "$work/acked" & writer=$!
  "$program" backup "$work/backups" --superuser "host=$host user=postgres" --keep 2 >"$work/backup.log" 2>&1 ||
    { cat "$work/backup.log"; exit 1; }
  sleep 1
  moment=$(sql "$host" clientele "select to_char(clock_timestamp() at time zone 'UTC',
    'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')")
  epoch=$(sql "$host" clientele "select extract(epoch from '$moment'::timestamptz)")
  sleep 1
  kill "$writer" && wait "$writer" 2>/dev/null || true
  writer=
  sql "$host" clientele "create table spare (like ledger including all); insert into spare table ledger"
  sql "$host" clientele "drop table ledger"
  sql "$host" clientele "alter table spare rename to ledger"
  sql "$host" clientele "select pg_switch_wal()" >/dev/null
  sleep 2
  "$program" restore "$work/backups" --into "$work/restored" --to "$moment" >"$work/restore.log" 2>&1 ||
    { cat "$work/restore.log" "$work/restored/postgres.log"; exit 1; }
  restored=$(scripts/postgres.sh host "$work/restored")
  sql "$restored" clientele "select number from ledger where round = $round" | sort >"$work/back"
  awk -v end="$epoch" '$2 < end { print $1 }' "$work/acked" | sort >"$work/before"
  lost=$(comm -23 "$work/before" "$work/back" | wc -l)
  later=$(comm -13 "$work/before" "$work/back" | wc -l)
  echo "round $round: acknowledged before $moment: $(wc -l <"$work/before"), back:" \
    "$(wc -l <"$work/back"), lost: $lost, acknowledged within the same millisecond or in doubt: $later"
  before=$((before + $(wc -l <"$work/before"))) missing=$((missing + lost)) beyond=$((beyond + later))
  if [ "$lost" -ne 0 ] || [ "$later" -gt 1 ] || [ ! -s "$work/before" ]; then failed=1; fi
  scripts/postgres.sh kill "$work/restored"
  rm -rf "$work/restored"
done
echo "report: $rounds restores to a moment: $before acknowledged before it, $missing lost;" \
  "$beyond written about that moment came back too"
exit "$failed"
