#!/bin/bash
# The services on a Citus cluster of three nodes with TLS between them: under load each node is killed,
# and one more joins. citus.sh [ROUNDS]. Needs root, for networks of its own, built programs, and the
# extension citus for PostgreSQL, which Debian does not have.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ "$(id -u)" -eq 0 ] || { echo "citus: needs root" >&2; exit 1; }
exec unshare --net --mount-proc --pid --fork --kill-child bash -c '
  ip link set lo up
  python3 scripts/torture/citus.py "$1"
  exit $?' bash "${1:-1}"
