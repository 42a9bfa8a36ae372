#!/usr/bin/env bash
# Writes everything that is generated from protos/: Swift, C, OpenAPI, the access table.
#   scripts/generate.sh           writes what changed and names it
#   scripts/generate.sh --check   writes nothing; names what differs and exits 1 if anything does
set -euo pipefail
cd "$(dirname "$0")/.."

package=tools/protoc-gen-clientele
# Debian's libprotobuf-dev; another place can be named.
well_known=${CLIENTELE_PROTO_INCLUDE:-/usr/include}

swift build --quiet --package-path "$package" --product protoc-gen-clientele >&2
plugin=$package/.build/debug/protoc-gen-clientele

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

# google/api only declares options; google/rpc/code.proto only names numbers that StatusCode has.
mapfile -t protos < <(cd protos && find . -name '*.proto' | sed 's,^\./,,' \
  | grep -v -e '^google/api/' -e '^google/rpc/code.proto' | LC_ALL=C sort)
protos+=(google/protobuf/{any,duration,empty,field_mask,timestamp}.proto)

protoc -Iprotos -I"$well_known" --plugin="protoc-gen-clientele=$plugin" \
  --clientele_out="$fresh" "${protos[@]}"

# Generated folders hold nothing else, so what is there and was not written is stale.
committed() {
  find Sources services Tests -path '*/Generated/*' -type f
  find Sources/CProtos Tests/CTestProtos -type f
}
changed=0
while read -r file; do
  cmp -s "$fresh/$file" "$file" && continue
  changed=1
  if [[ ${1:-} == --check ]]; then
    echo "differs: $file"
  else
    mkdir -p "$(dirname "$file")"
    cp "$fresh/$file" "$file"
    echo "wrote $file"
  fi
done < <(cd "$fresh" && find . -type f | sed 's,^\./,,' | LC_ALL=C sort)
while read -r file; do
  [[ -e $fresh/$file ]] && continue
  changed=1
  if [[ ${1:-} == --check ]]; then
    echo "stale: $file"
  else
    rm "$file"
    echo "removed $file"
  fi
done < <(committed | LC_ALL=C sort)

if [[ ${1:-} == --check ]]; then
  [[ $changed == 0 ]] || { echo "run make generate and commit what it writes" >&2; exit 1; }
fi
