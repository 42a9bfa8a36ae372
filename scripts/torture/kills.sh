#!/bin/bash
# kill -9 of every service and of PostgreSQL under load, and a stopped PostgreSQL; prints the checker's
# reports. `kills.sh [A-SERVICE [POSTGRESQL [BACKENDS [STOP-SECONDS]]]]`.
set -euo pipefail
cd "$(dirname "$0")/../.."
export CLIENTELE_KILLS=${1:-100} CLIENTELE_POSTMASTER_KILLS=${2:-50} CLIENTELE_BACKEND_KILLS=${3:-200}
export CLIENTELE_STOP_SECONDS=${4:-30}
exec scripts/test.sh 'SystemTests.(KillTests|SlowDatabaseTests)'
