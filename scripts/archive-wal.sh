#!/bin/bash
# PostgreSQL's archive_command: archive-wal.sh FILE TARGET
# The file is on disk under its name, whole, before the server may forget it; a file that is there
# already with other contents is never replaced.
set -euo pipefail
if [ -e "$2" ]; then
  cmp -s "$1" "$2"
  exit
fi
cp "$1" "$2.part"
sync "$2.part"
mv "$2.part" "$2"
sync "$(dirname "$2")"
