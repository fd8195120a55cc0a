#!/bin/sh
# Makes an authority and a certificate for each server, for clusters without cert-manager. Needs openssl.
#
#   k8s/components/tls/make-certificates.sh FOLDER
#
#   FOLDER/authority.key                keep it; whoever has it can make certificates that your devices trust
#   FOLDER/<server>-tls/                tls.crt, tls.key, ca.crt: what the secret <server>-tls holds
#
# An authority that is there is used again, certificates are made anew. They hold for a year, the authority for ten.
set -eu
umask 077

folder=${1:?give the folder to write to}
domains=$(cd "$(dirname "$0")/../../domains/servers" && ls -d -- */)
mkdir -p "$folder"
cd "$folder"

if [ ! -e authority.key ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=Pipit \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
    -keyout authority.key -out authority.crt 2>/dev/null
fi

# certificate SERVICE PODS: PODS is the service that names its pods; 127.0.0.1 is for the probes, which run in the container
certificate() {
  mkdir -p "$1-tls"
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
    -keyout "$1-tls/tls.key" -out "$1.csr" 2>/dev/null
  printf '%s\n' "subjectAltName=DNS:$1,DNS:$1.pipit,DNS:$1.pipit.svc,DNS:$1.pipit.svc.cluster.local,DNS:*.$2,DNS:localhost,IP:127.0.0.1" \
    'extendedKeyUsage=serverAuth' >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA authority.crt -CAkey authority.key -CAcreateserial -days 365 \
    -extfile "$1.ext" -out "$1-tls/tls.crt" 2>/dev/null
  cp authority.crt "$1-tls/ca.crt"
  rm "$1.csr" "$1.ext"
}

certificate registry registry-pods
for domain in $domains; do
  certificate "${domain%/}-inference" inference-pods
done
