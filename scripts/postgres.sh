#!/bin/bash
# A private PostgreSQL cluster, reached by a Unix socket only.
#
#   postgres.sh start DIR [--durable] [--tls PORT] [--archive FOLDER]
#                                       make it if need be, start it, wait until it answers
#   postgres.sh stop DIR                stop it; its data stays
#   postgres.sh kill DIR                stop it as a power cut would (tests)
#   postgres.sh host DIR                print the socket's folder, libpq's `host`
#   postgres.sh standby DIR PRIMARY     make and start a standby of the durable cluster in PRIMARY
#   postgres.sh promote DIR             make a standby the primary
#   postgres.sh restore DIR BASE WAL TIME
#                                       make one from a base backup, an archive of its log and a
#                                       moment (`-` for none), and start it
#
# Without --durable it forgets all at a power cut, which is what tests want. As root it runs as the
# user `postgres`, since PostgreSQL refuses root; an ordinary user runs it as himself. The one who
# starts it may connect as each of the project's roles and as the superuser `postgres`. With --tls
# it also listens on 127.0.0.1, and takes who shows identity's certificate of `pki.sh DIR`. With
# --archive it copies its log, file by file and once a minute at least, into FOLDER.
set -euo pipefail
export LC_ALL=C

usage() { sed -n '2,15s/^# \{0,1\}//p' "$0" >&2; exit 64; }
fail() { printf 'postgres: %s\n' "$*" >&2; exit 1; }

[ "$#" -ge 2 ] || usage
action=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd -P)
durable= tls_port= primary= archive= base= log= moment=
if [ "$action" = standby ]; then
  [ "$#" -eq 3 ] || usage
  durable=--durable primary=$(cd "$3" && pwd -P)
elif [ "$action" = restore ]; then
  [ "$#" -eq 5 ] || usage
  durable=--durable base=$3 log=$4 moment=$5
  [ ! -d "$dir/data" ] || { echo "postgres: $dir holds a cluster" >&2; exit 1; }
else
  shift 2
  while [ "$#" -gt 0 ]; do
    case "$1" in
      --durable) durable=--durable ;;
      --tls) tls_port=${2:?} && shift ;;
      --archive) archive=${2:?} && shift ;;
      *) usage ;;
    esac
    shift
  done
fi
root=$(cd "$(dirname "$0")/.." && pwd -P)
data=$dir/data

bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -1)
[ -x "$bin/postgres" ] || fail "PostgreSQL is not installed: scripts/setup.sh run"

# A socket's name may have 107 bytes, `/.s.PGSQL.5432` included.
socket_of() {
  if [ "${#1}" -gt 81 ]; then
    echo "/tmp/clientele-$(printf %s "$1" | sha256sum | cut -c 1-16)"
  else
    echo "$1/socket"
  fi
}
socket=$(socket_of "$dir")

# Runs a command as who the cluster belongs to.
as_owner=()
owner=$(id -un)
if [ "$(id -u)" -eq 0 ]; then
  owner=postgres
  id "$owner" >/dev/null 2>&1 || fail "there is no user $owner"
  as_owner=(setpriv "--reuid=$owner" "--regid=$owner" --init-groups --inh-caps=-all)
  # A checkout below a folder that is closed to that user, such as /root, is reached all the same.
  if ! "${as_owner[@]}" test -x "$dir" 2>/dev/null; then
    as_owner=(
      setpriv "--reuid=$owner" "--regid=$owner" --init-groups
      --inh-caps=-all,+dac_override --ambient-caps=-all,+dac_override
    )
  fi
fi
as_owner() {
  (
    # A server outlives us; it must not keep open what our caller waits to see closed: Foundation's
    # Process takes a script for running as long as anything holds a file it opened for it.
    for fd in /proc/"$BASHPID"/fd/*; do
      fd=${fd##*/}
      if [ "$fd" -gt 2 ] && [ "$fd" -ne 255 ]; then eval "exec $fd>&-"; fi
    done
    cd / && exec "${as_owner[@]}" "$@"
  )
}

is_running() { as_owner "$bin/pg_ctl" status -D "$data" >/dev/null 2>&1; }

# Roles that a service has; `sample` is the one of the libraries' own tests.
roles() {
  local service
  echo postgres
  for service in "$root"/services/*/migrations /sample/migrations; do
    service=$(basename "${service%/migrations}" | tr - _)
    printf '%s\n' "$service" "${service}_migrate" "${service}_worker"
  done
}

write_settings() {
  local user role
  {
    printf "listen_addresses = ''\nunix_socket_directories = '%s'\n" "$socket"
    # These two may not be relative; each start writes where the checkout is now.
    printf "hba_file = '%s'\nident_file = '%s'\n" "$dir/pg_hba.conf" "$dir/pg_ident.conf"
    printf 'max_connections = 300\nlogging_collector = off\n'
    printf "timezone = 'UTC'\nlog_timezone = 'UTC'\nlc_messages = 'C'\n"
    # No personal data in the log.
    printf 'log_parameter_max_length = 0\nlog_parameter_max_length_on_error = 0\n'
    printf "log_min_error_statement = panic\nlog_error_verbosity = terse\n"
    if [ "$durable" = --durable ]; then
      printf 'fsync = on\nsynchronous_commit = on\nfull_page_writes = on\n'
      printf 'wal_level = replica\nmax_wal_senders = 4\nhot_standby = on\n'
    else
      printf 'fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n'
      printf 'wal_level = minimal\nmax_wal_senders = 0\nautovacuum_naptime = 5min\n'
    fi
    if [ -n "$archive" ]; then
      printf "archive_mode = on\narchive_timeout = 60\n"
      printf "archive_command = '\"%s\" \"%%p\" \"%s/%%f\"'\n" \
        "$root/scripts/archive-wal.sh" "$archive"
    fi
    if [ -n "$tls_port" ]; then
      printf "listen_addresses = '127.0.0.1'\nport = %s\nssl = on\n" "$tls_port"
      printf "ssl_cert_file = '%s'\nssl_key_file = '%s'\nssl_ca_file = '%s'\n" \
        "$dir/server.pem" "$dir/server.key" "$dir/pki/ca.pem"
    fi
  } >"$dir/clientele.conf"
  {
    printf 'local all all peer map=clientele\n'
    [ "$durable" != --durable ] || printf 'local replication postgres peer map=clientele\n'
    [ -z "$tls_port" ] || printf 'hostssl all all 127.0.0.1/32 cert map=tls\n'
  } >"$dir/pg_hba.conf"
  {
    for user in "$(id -un)" "$owner"; do
      roles | while read -r role; do printf 'clientele %s %s\n' "$user" "$role"; done
    done | sort -u
    [ -z "$tls_port" ] || roles | sed 's/^/tls identity /'
  } >"$dir/pg_ident.conf"
  chmod 644 "$dir/clientele.conf" "$dir/pg_hba.conf" "$dir/pg_ident.conf"
}

make_cluster() {
  local made=$dir/data.making
  rm -rf "$made"
  mkdir -m 700 "$made"
  [ "$(id -u)" -ne 0 ] || chown "$owner:" "$made"
  # The settings lie outside the data so that each start writes them anew.
  as_owner "$bin/initdb" -D "$made" -U postgres -E UTF8 --locale=C.UTF-8 --data-checksums \
    --auth=peer --no-instructions $([ "$durable" = --durable ] || echo --no-sync) >"$dir/initdb.log" \
    2>&1 || { cat "$dir/initdb.log" >&2; fail "initdb failed"; }
  echo "include '../clientele.conf'" >>"$made/postgresql.conf"
  mv "$made" "$data"
}

# A certificate for the server, where it may read it.
make_certificate() {
  "$root/scripts/pki.sh" "$dir" >/dev/null
  chmod 755 "$dir/pki"
  cp "$dir/pki/postgres.pem" "$dir/server.pem"
  cp "$dir/pki/postgres.key" "$dir/server.key"
  chmod 600 "$dir/server.key"
  if [ "$(id -u)" -eq 0 ]; then chown "$owner:" "$dir/server.pem" "$dir/server.key"; fi
}

# Copies a running cluster, to be followed from there.
make_standby() {
  local made=$dir/data.making
  rm -rf "$made"
  mkdir -m 700 "$made"
  [ "$(id -u)" -ne 0 ] || chown "$owner:" "$made"
  as_owner "$bin/pg_basebackup" -h "$(socket_of "$primary")" -U postgres -D "$made" -R -X stream \
    --checkpoint=fast >"$dir/basebackup.log" 2>&1 ||
    { cat "$dir/basebackup.log" >&2; fail "pg_basebackup failed"; }
  mv "$made" "$data"
}

# Lays a base backup down, to be led on to the moment by the archived log.
make_restored() {
  local made=$dir/data.making
  rm -rf "$made"
  cp -a "$base" "$made"
  rm -f "$made/clientele.json" "$made/postgresql.auto.conf" "$made/postmaster.pid"
  chmod 700 "$made"
  # A cluster of elsewhere may have its settings outside its data.
  grep -qs "^include '../clientele.conf'" "$made/postgresql.conf" ||
    echo "include '../clientele.conf'" >>"$made/postgresql.conf"
  if [ "$log" != - ]; then
    {
      printf "restore_command = 'cp \"%s/%%f\" \"%%p\"'\n" "$log"
      printf "recovery_target_action = 'promote'\n"
      [ "$moment" = - ] || printf "recovery_target_time = '%s'\n" "$moment"
    } >"$made/postgresql.auto.conf"
    touch "$made/recovery.signal"
  fi
  if [ "$(id -u)" -eq 0 ]; then chown -R "$owner:" "$made"; fi
  mv "$made" "$data"
}

# Reading a long archive again takes its time.
start_server() {
  as_owner "$bin/pg_ctl" start -D "$data" -s -w -t "$([ -n "$base" ] && echo 3600 || echo 60)" -l \
    "$dir/postgres.log"
}

start() {
  if [ -d "$data" ] && is_running; then return; fi
  [ -d "$data" ] ||
    if [ -n "$primary" ]; then make_standby
    elif [ -n "$base" ]; then make_restored
    else make_cluster; fi
  [ -z "$tls_port" ] || make_certificate
  if [ -n "$archive" ]; then
    mkdir -p "$archive"
    if [ "$(id -u)" -eq 0 ]; then chown "$owner:" "$archive"; fi
  fi
  write_settings
  mkdir -p "$socket"
  if [ "$(id -u)" -eq 0 ]; then chown "$owner:" "$socket"; fi
  chmod 755 "$socket"
  touch "$dir/postgres.log"
  if [ "$(id -u)" -eq 0 ]; then chown "$owner:" "$dir/postgres.log"; fi
  start_server </dev/null >/dev/null ||
    { tail -20 "$dir/postgres.log" >&2; fail "it did not start"; }
}

stop() {
  [ -d "$data" ] || return 0
  if is_running; then
    as_owner "$bin/pg_ctl" stop -D "$data" -s -w -t 60 -m "$1" || fail "it did not stop"
  fi
  case "$socket" in /tmp/*) rm -rf "$socket" ;; esac
}

case "$action" in
  start | standby | restore) start ;;
  promote) as_owner "$bin/pg_ctl" promote -D "$data" -s -w -t 60 || fail "it was not promoted" ;;
  stop) stop fast ;;
  kill) stop immediate ;;
  host) echo "$socket" ;;
  *) usage ;;
esac
