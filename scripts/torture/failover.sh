#!/bin/bash
# R26: a primary, a synchronous standby and a monitor; the primary is killed, or stopped for a while,
# under load. failover.sh [COUNT]. Needs root, for Debian's pg_auto_failover, and built programs.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v pg_autoctl >/dev/null; then
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    postgresql-15-auto-failover pg-auto-failover-cli
fi
exec python3 scripts/torture/failover.py "${1:-6}"
