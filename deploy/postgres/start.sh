#!/bin/bash
# Starts the image's PostgreSQL with TLS. The server insists that its key is its own.
set -euo pipefail

mkdir -p /var/run/clientele
for name in ca.pem tls.pem tls.key; do
  install -o postgres -g postgres -m 0600 "/keys/$name" "/var/run/clientele/$name"
done
exec docker-entrypoint.sh postgres \
  -c ssl=on -c ssl_min_protocol_version=TLSv1.3 \
  -c ssl_ca_file=/var/run/clientele/ca.pem \
  -c ssl_cert_file=/var/run/clientele/tls.pem \
  -c ssl_key_file=/var/run/clientele/tls.key \
  -c hba_file=/etc/clientele/pg_hba.conf \
  -c ident_file=/etc/clientele/pg_ident.conf \
  -c log_parameter_max_length=0 -c log_parameter_max_length_on_error=0 \
  -c max_connections=300
