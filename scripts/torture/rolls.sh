#!/bin/bash
# Ten rolling restarts of all services under load: no call may fail. `rolls.sh [COUNT]`.
set -euo pipefail
cd "$(dirname "$0")/../.."
CLIENTELE_ROLLS=${1:-10} exec scripts/test.sh SystemTests.RollTests/rolls
