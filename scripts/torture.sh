#!/bin/bash
# The tests of docs/reliability-testing.md at their full counts, and what they came to, added up.
#
#   torture.sh [PART…]     all parts, or some:
#                          rolls kills registers network jobs mails sms probes canary migrations
#                          restore failover
#
# Counts are settings: `CLIENTELE_KILLS=5 scripts/torture.sh kills`. Ends with 0 when every part did,
# and nothing was lost or doubled.
set -uo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 1

: "${CLIENTELE_ROLLS:=10}"                  # rolling restarts of all services
: "${CLIENTELE_KILLS:=100}"                 # of each service's processes
: "${CLIENTELE_POSTMASTER_KILLS:=50}" "${CLIENTELE_BACKEND_KILLS:=200}"
: "${CLIENTELE_TRANSACTIONS:=50000}"        # of lists and tokens
: "${CLIENTELE_STOP_SECONDS:=30}"           # a stopped PostgreSQL, locks that hold all connections
: "${CLIENTELE_FAULT_SECONDS:=20}"          # each fault of the network
: "${CLIENTELE_JOBS:=10000}" "${CLIENTELE_JOB_KILLS:=50}"
: "${CLIENTELE_JOBS_PAST:=100000}"          # jobs done while a transaction is open
: "${CLIENTELE_MAILS:=10000}" "${CLIENTELE_MAIL_KILLS:=50}"
: "${CLIENTELE_SMS:=10000}" "${CLIENTELE_SMS_KILLS:=50}"
: "${CLIENTELE_PROBES:=5000}"               # at least
: "${CLIENTELE_CANARY_ANSWERS:=1000000}"  # looked at for another organisation's data
: "${CLIENTELE_MIGRATION_ROWS:=1000000}"    # clients over which migrations run
: "${CLIENTELE_RESTORES:=10}"
: "${CLIENTELE_FAILOVERS:=20}"              # a primary killed, stopped, or cut off; needs root
: "${CLIENTELE_TARGETS:=on}"                # times are held against the targets themselves
for name in $(compgen -v CLIENTELE_); do export "${name?}"; done

logs=.build/torture
parts=${*:-rolls kills registers network jobs mails sms probes canary migrations restore failover}
failed=""
mkdir -p "$logs"

run() {
  case "$1" in
    rolls) scripts/test.sh '^SystemTests\.RollTests/rolls' ;;
    kills) scripts/test.sh '^SystemTests\.KillTests/' ;;
    registers) scripts/test.sh '^SystemTests\.RegisterTests/' ;;
    network) scripts/test.sh '^SystemTests\.(SlowDatabase|DistantDatabase)Tests/' --no-parallel ;;
    jobs) scripts/test.sh '^ServiceStorageTests\.Job(Torture|Pace)Tests/' --no-parallel ;;
    mails) scripts/test.sh '^MessagingTests\.MailFaultTests/faults' ;;
    sms) scripts/test.sh '^MessagingTests\.SMSFaultTests/faults' ;;
    probes) scripts/test.sh '^SystemTests\.ProbeTests/' ;;
    canary) scripts/test.sh '^SystemTests\.CanaryTests/' ;;
    migrations) scripts/test.sh '^ClientDirectoryTests\.MigrationLockTests/' ;;
    restore) scripts/torture/restore.sh "$CLIENTELE_RESTORES" ;;
    failover) scripts/torture/failover.sh "$CLIENTELE_FAILOVERS" ;;
    *) echo "torture: there is no part $1" >&2; return 64 ;;
  esac
}

for part in $parts; do
  rm -f "$logs/$part.log"
  from=$SECONDS status=0
  run "$part" >"$logs/$part.log" 2>&1 </dev/null || status=$?
  if [ "$status" -eq 0 ]; then
    echo "ok      $part ($((SECONDS - from)) s)"
  else
    failed+=" $part"
    echo "FAILED  $part ($((SECONDS - from)) s), from $logs/$part.log:"
    { grep -E 'recorded an issue|error: ' "$logs/$part.log" | head -n 20
      tail -n 10 "$logs/$part.log"; } | cut -c 1-400 | sed 's/^/    /'
  fi
done

echo
for part in $parts; do
  [ ! -f "$logs/$part.log" ] || sed -n 's/^report: //p' "$logs/$part.log"
done | awk '
  # "261 appends acknowledged", "0 lost updates": the number before each word.
  function add(word,   rest) {
    rest = $0
    while (match(rest, "[0-9]+ (appends |moves )?" word)) {
      sum[word] += substr(rest, RSTART, RLENGTH) + 0
      rest = substr(rest, RSTART + RLENGTH)
    }
  }
  { print; add("acknowledged"); add("in doubt"); add("lost"); add("doubled") }
  END {
    printf "\nacknowledged %d, in doubt %d, lost %d, doubled %d\n", sum["acknowledged"],
      sum["in doubt"], sum["lost"], sum["doubled"]
    exit sum["lost"] + sum["doubled"] > 0
  }' || failed+=" sum"
[ -z "$failed" ] || { echo "failed:$failed"; exit 1; }
