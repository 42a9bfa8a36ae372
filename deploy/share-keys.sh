#!/bin/bash
# The first job of docker-compose.yml: makes certificates and keys in /keys/authority, and gives
# each container's volume what that container may know, and nothing more.
set -euo pipefail
export LC_ALL=C
umask 077

all=/keys/authority
"$(dirname "$0")/../scripts/pki.sh" "$all"

# give SERVICE FILE…: the service's certificate, the authority's, and the named keys.
give() {
  local service=$1 folder="/keys/$1" key
  shift
  install -m 0444 "$all/pki/ca.pem" "$folder/ca.pem"
  install -m 0444 "$all/pki/$service.pem" "$folder/tls.pem"
  install -m 0400 "$all/pki/$service.key" "$folder/tls.key"
  for key in "$@"; do install -m 0400 "$all/keys/$key" "$folder/$key"; done
}

give identity context-1.key context-1.pub invitation-1.key pepper-1.key audit-identity-1.key
for service in organization messaging; do
  give "$service" context-1.pub "audit-$service-1.key"
done
give client-directory context-1.pub audit-client-directory-1.key field-1.key
give gateway context-1.pub
give operator audit-{identity,organization,client-directory,messaging}-1.pub
give postgres
