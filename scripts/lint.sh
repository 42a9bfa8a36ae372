#!/bin/bash
# The checks over text: `lint.sh [swift|protos|migrations|generated|compose|scripts]...`, all of
# them when none is named. A tool that is missing fails the check; nothing is skipped.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."

# Every Swift file that a person wrote.
swift_files() {
  find Package.swift Sources services Tests tools \
    \( -name Generated -o -name '.build*' \) -prune -o -name '*.swift' -print0
}

lint_swift() { swift_files | xargs -0 -n 200 swift format lint --strict --parallel; }
# What the last release said must still be understood (`make baseline`).
lint_protos() { .venv/bin/buf lint && .venv/bin/buf breaking --against protos/baseline.binpb; }
lint_migrations() {
  local files
  files=$(find services -path '*/migrations/*.sql' | sort)
  [ -n "$files" ] || { echo "no migrations found"; return 1; }
  # shellcheck disable=SC2086
  .venv/bin/squawk --config .squawk.toml --reporter gcc $files
}
lint_generated() { scripts/generate.sh --check; }
lint_compose() { docker-compose -f docker-compose.yml config -q; }
lint_scripts() {
  local file
  for file in scripts/*.sh deploy/*.sh deploy/postgres/*.sh .ci/run; do bash -n "$file"; done
}

status=0
for name in "${@:-all}"; do
  case "$name" in
    swift | protos | migrations | generated | compose | scripts) names=("$name") ;;
    all) names=(scripts protos migrations generated compose swift) ;;
    format)
      swift_files | xargs -0 -n 200 swift format format --in-place --parallel
      continue
      ;;
    *) echo "usage: $0 [swift|protos|migrations|generated|compose|scripts|format]..." >&2; exit 64 ;;
  esac
  for part in "${names[@]}"; do
    # A subshell with -e of its own: inside a condition bash would not stop at a failure.
    set +e
    (set -euo pipefail; "lint_$part")
    result=$?
    set -e
    if [ "$result" -ne 0 ]; then echo "lint: $part failed" >&2; status=1; fi
  done
done
exit "$status"
