#!/bin/bash
# Installs what the machine lacks: `setup.sh run` for `make run`, `setup.sh test` for everything.
# Debian 12 or Ubuntu 24.04 with Swift 6.3, as root or with sudo. Quick when nothing is missing:
# the package lists are fetched only when something is.
set -euo pipefail
export LC_ALL=C

mode=${1:-test}
case "$mode" in
  run | test) ;;
  *) echo "usage: $0 run|test" >&2; exit 64 ;;
esac
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
warn() { printf 'setup: warning: %s\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# --- Which packages ------------------------------------------------------------------------------

command -v dpkg-query >/dev/null || fail "needs Debian 12 or Ubuntu 24.04 (no dpkg here)"
# shellcheck source=/dev/null
. /etc/os-release
case "${ID:-}:${VERSION_ID:-}" in
  debian:12) postgres=15 compiler=12 ncurses=libncurses-dev ;;
  ubuntu:24.04) postgres=16 compiler=13 ncurses=libncurses-dev ;;
  *)
    warn "${PRETTY_NAME:-this system} is not one of Debian 12 and Ubuntu 24.04; trying its packages"
    postgres=$(apt-cache search --names-only '^postgresql-[0-9]+$' | grep -oE '[0-9]+' |
      sort -n | tail -1)
    compiler=$(apt-cache search --names-only '^libstdc\+\+-[0-9]+-dev$' | grep -oE '[0-9]+' |
      sort -n | tail -1)
    postgres=${postgres:-15} compiler=${compiler:-12} ncurses=libncurses-dev
    ;;
esac

# What Swift itself asks for, then what our system-library rooms and the private cluster need.
packages=(
  binutils git libc6-dev "libgcc-$compiler-dev" "libstdc++-$compiler-dev" libedit2 libsqlite3-0
  libxml2-dev libz3-dev "$ncurses" tzdata unzip
  ca-certificates curl make openssl pkg-config
  libnghttp2-dev libprotobuf-c-dev libpq-dev libargon2-dev libcurl4-openssl-dev libcrack2-dev libidn2-dev
  zlib1g-dev
  cracklib-runtime "postgresql-$postgres" "postgresql-client-$postgres"
)
if [ "$mode" = test ]; then
  packages+=(
    protobuf-compiler libprotobuf-dev protobuf-c-compiler
    nghttp2-client nghttp2-server python3 python3-venv docker-compose
  )
fi
# Kept current when an upgrade is offered; an upgrade that fails is reported, nothing more.
critical=(
  openssl libssl3 libssl3t64 libnghttp2-14 libprotobuf-c1 libpq5 libcurl4 libcurl4t64
  "postgresql-$postgres" "postgresql-client-$postgres"
)

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# --- How to become root --------------------------------------------------------------------------

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi

# Asks for sudo's password once, and says for what; only when root is really needed.
need_root() {
  [ "$(id -u)" -eq 0 ] && return
  say "needs root $1"
  { command -v sudo && sudo true; } >/dev/null || fail "there is no root and no sudo to do it"
}

# Quiet: apt-get's own words are shown only when it fails.
apt() {
  local words status=0
  words=$(mktemp)
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 LC_ALL=C apt-get -q -y \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@" \
    </dev/null >"$words" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then tail -n 40 "$words" >&2; fi
  rm -f "$words"
  return "$status"
}

# --- System packages -----------------------------------------------------------------------------

# Debian's PostgreSQL package makes and starts a cluster of its own. We want its programs only, so
# a setting says no for as long as the installation lasts; nothing of it stays behind.
no_cluster=/etc/postgresql-common/createcluster.d/clientele-setup.conf

install_missing() {
  local had_folder=yes
  [ -d "${no_cluster%/*}" ] || had_folder=no
  "${as_root[@]}" mkdir -p "${no_cluster%/*}"
  echo "create_main_cluster = false" | "${as_root[@]}" tee "$no_cluster" >/dev/null
  local status=0
  apt install --no-install-recommends "$@" || status=$?
  "${as_root[@]}" rm -f "$no_cluster"
  if [ "$had_folder" = no ]; then
    "${as_root[@]}" rmdir --ignore-fail-on-non-empty "${no_cluster%/*}" 2>/dev/null || true
  fi
  return "$status"
}

missing=()
for package in "${packages[@]}"; do
  installed "$package" || missing+=("$package")
done

if [ "${#missing[@]}" -gt 0 ]; then
  need_root "to install: ${missing[*]}"
  say "installing: ${missing[*]}"
  apt update || warn "the package lists could not be fetched; using those at hand"
  install_missing "${missing[@]}" || fail "could not install: ${missing[*]}"
fi

present=()
for package in "${critical[@]}"; do
  if installed "$package"; then present+=("$package"); fi
done
# Prints the upgrades that the lists at hand offer for the security-critical packages.
offered() {
  apt-get -s -q --only-upgrade install "${present[@]}" 2>/dev/null </dev/null |
    awk '/^Inst / { print $2 }' || true
}

if [ "${#present[@]}" -gt 0 ] && [ -n "$(offered)" ]; then
  say "upgrading: $(offered | tr '\n' ' ')"
  if [ "$(id -u)" -ne 0 ] && ! { command -v sudo && sudo true; } >/dev/null; then
    warn "upgrades are offered, and there is no root or sudo to install them"
  elif ! apt install --only-upgrade --no-install-recommends "${present[@]}"; then
    # The lists may be older than the archive: once more with fresh ones.
    { apt update && apt install --only-upgrade --no-install-recommends "${present[@]}"; } ||
      warn "the upgrade failed; going on with what is installed"
  fi
fi

# --- Swift ---------------------------------------------------------------------------------------

command -v swift >/dev/null || fail "needs Swift 6.3 on the PATH (https://www.swift.org/install)"
version=$(swift --version 2>/dev/null | grep -oE 'Swift version [0-9]+\.[0-9]+' | head -1)
case "${version##* }" in
  6.[3-9] | 6.[1-9][0-9] | [7-9].*) ;;
  *) fail "needs Swift 6.3 or later, found '${version:-nothing}'" ;;
esac

# --- Python tools --------------------------------------------------------------------------------

if [ "$mode" = test ]; then
  wanted=$(sha256sum scripts/requirements.txt | cut -d ' ' -f 1)
  mark=.venv/requirements.sha256
  if [ "$(cat "$mark" 2>/dev/null)" != "$wanted" ] || ! .venv/bin/python -c '' 2>/dev/null; then
    say "python tools into .venv"
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
      --only-binary :all: --requirement scripts/requirements.txt </dev/null
    echo "$wanted" >"$mark"
  fi
fi

say "ready to $mode"
