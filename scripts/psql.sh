#!/bin/bash
# One query as the superuser of a private cluster: psql.sh HOST QUERY
# Rows come one a line, columns separated by |.
set -euo pipefail
[ "$#" -eq 2 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 64; }
exec psql -X -q -A -t -v ON_ERROR_STOP=1 "host=$1 dbname=clientele user=postgres" -c "$2"
