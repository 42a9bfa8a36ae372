#!/bin/bash
# Makes the private certificates and keys of a development run: `pki.sh [FOLDER]` (.run by default).
# Run again it changes nothing, until a certificate has less than a week left. Nothing of it is
# ever committed, and none of it is fit for anything but one machine or one compose project.
#
#   FOLDER/pki/ca.pem, ca.key              the CA that services know each other by
#   FOLDER/pki/<service>.pem, .key         one leaf per service
#   FOLDER/ca.pem, dev-client.pem, .key    what a developer's gRPC client needs
#   FOLDER/keys/context-1.key, .pub        Ed25519 seed and public key of context tokens (hex)
#   FOLDER/keys/invitation-1.key           HMAC key of invitation links (hex, 32 bytes)
#   FOLDER/keys/audit-<service>-1.key, .pub  Ed25519 seed and public key of audit seals (hex)
#   FOLDER/keys/pepper-1.key               pepper of passwords (hex, 32 bytes)
#   FOLDER/keys/field-1.key                master key of encrypted fields (hex, 32 bytes)
#   FOLDER/field-secrets/                  client-directory writes a secret for each organisation there
set -euo pipefail
export LC_ALL=C
umask 077

cd "$(dirname "$0")/.."
folder=${1:-.run}
trust_domain=clientele.local
# `postgres` is the database server of docker-compose.yml.
services=(identity organization client-directory messaging gateway operator postgres)
leaf_days=90
renew_seconds=$((7 * 24 * 3600))

mkdir -p "$folder/pki" "$folder/keys" "$folder/field-secrets"
chmod 0755 "$folder"
exec 9>"$folder/pki/.lock"
flock 9
work=$(mktemp -d "$folder/pki/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT

say() { printf 'pki: %s\n' "$*"; }

# Whether a certificate exists, was signed by our CA and lives longer than the renewal window.
good() {
  [ -s "$1.pem" ] && [ -s "$1.key" ] &&
    openssl x509 -in "$1.pem" -noout -checkend "$renew_seconds" >/dev/null 2>&1 &&
    openssl verify -CAfile "$folder/pki/ca.pem" "$1.pem" >/dev/null 2>&1
}

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

make_authority() {
  good "$folder/pki/ca" && return
  say "new certificate authority"
  new_key "$work/ca.key"
  openssl req -new -x509 -key "$work/ca.key" -out "$work/ca.pem" -days 3650 -sha256 \
    -subj "/O=Clientele development/CN=Clientele development CA" \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" \
    -addext "subjectKeyIdentifier=hash"
  mv "$work/ca.key" "$folder/pki/ca.key"
  chmod 0644 "$work/ca.pem"
  mv "$work/ca.pem" "$folder/pki/ca.pem"
}

# make_leaf COMMON-NAME SERVICE: one URI SAN says which service the holder is. The DNS and IP names
# are for stock clients, which check the host; services check the URI alone.
make_leaf() {
  local name=$1 service=$2 leaf="$folder/pki/$1"
  good "$leaf" && return
  say "certificate for $name"
  new_key "$work/leaf.key"
  cat >"$work/leaf.cnf" <<EOT
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = URI:spiffe://$trust_domain/svc/$service,DNS:localhost,DNS:$name,IP:127.0.0.1,IP:::1
EOT
  openssl req -new -key "$work/leaf.key" -subj "/O=Clientele development/CN=$name" \
    -out "$work/leaf.csr"
  openssl x509 -req -in "$work/leaf.csr" -CA "$folder/pki/ca.pem" -CAkey "$folder/pki/ca.key" \
    -set_serial "0x$(openssl rand -hex 16)" -days "$leaf_days" -sha256 \
    -extfile "$work/leaf.cnf" -extensions leaf -out "$work/leaf.pem" 2>/dev/null
  chmod 0644 "$work/leaf.pem"
  # The key first: a reader that meets a new certificate must find its key.
  mv "$work/leaf.key" "$leaf.key"
  mv "$work/leaf.pem" "$leaf.pem"
}

# make_secret NAME: 32 random bytes, in hex.
make_secret() {
  local file="$folder/keys/$1.key"
  [ -s "$file" ] && return
  say "key $1"
  openssl rand -hex 32 >"$work/secret"
  mv "$work/secret" "$file"
}

# Derives the public half of an Ed25519 seed: the seed in its PKCS #8 frame, then the last 32 bytes
# of the public key that openssl answers.
make_public_half() {
  local seed="$folder/keys/$1.key" public="$folder/keys/$1.pub" escaped
  [ "$public" -nt "$seed" ] && return
  escaped=$(tr -d ' \n' <"$seed" | sed 's/../\\x&/g')
  printf '%b' "\\x30\\x2e\\x02\\x01\\x00\\x30\\x05\\x06\\x03\\x2b\\x65\\x70\\x04\\x22\\x04\\x20$escaped" \
    >"$work/seed.der"
  openssl pkey -inform DER -in "$work/seed.der" -pubout -outform DER -out "$work/public.der"
  tail -c 32 "$work/public.der" | od -An -v -tx1 | tr -d ' \n' >"$work/public"
  echo >>"$work/public"
  chmod 0644 "$work/public"
  mv "$work/public" "$public"
}

# publish FROM TO: a copy in the folder's root, written only when it differs.
publish() {
  cmp -s "$1" "$2" && return
  cp -p "$1" "$work/copy"
  mv "$work/copy" "$2"
}

make_authority
for service in "${services[@]}"; do make_leaf "$service" "$service"; done
# A developer's client may call what the gateway may.
make_leaf dev-client gateway
publish "$folder/pki/ca.pem" "$folder/ca.pem"
publish "$folder/pki/dev-client.pem" "$folder/dev-client.pem"
publish "$folder/pki/dev-client.key" "$folder/dev-client.key"
for secret in context-1 invitation-1 pepper-1 field-1; do make_secret "$secret"; done
make_public_half context-1
for service in identity organization client-directory messaging; do
  make_secret "audit-$service-1"
  make_public_half "audit-$service-1"
done
