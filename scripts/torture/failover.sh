#!/bin/bash
# R26: a primary, a synchronous standby and a monitor; under load the primary is killed, stopped for a
# while, or cut off. failover.sh [COUNT]. Needs root, for Debian's pg_auto_failover and for networks
# of its own, and built programs.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ "$(id -u)" -eq 0 ] || { echo "failover: needs root" >&2; exit 1; }
if ! { command -v pg_autoctl && command -v nft && command -v ip; } >/dev/null; then
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    postgresql-15-auto-failover pg-auto-failover-cli nftables iproute2
fi
# Its networks and processes end with it, however it ends. Who comes first there buries the dead.
exec unshare --net --mount-proc --pid --fork --kill-child bash -c '
  ip link set lo up
  mount -t tmpfs -o mode=1777 tmpfs /run/postgresql
  python3 scripts/torture/failover.py "$1"
  exit $?' bash "${1:-20}"
