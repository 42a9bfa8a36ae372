#!/bin/bash
# Another organisation's ids in every field of every method. `probes.sh [COUNT]`: so many at least.
set -euo pipefail
cd "$(dirname "$0")/../.."
CLIENTELE_PROBES=${1:-5000} exec scripts/test.sh SystemTests.ProbeTests
