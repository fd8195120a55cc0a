#!/bin/sh
# Makes the certificates that servers show their callers, and the authority that callers know them by; keeps those that
# are good for another month. Servers take up a new one by themselves. Needs openssl.
#
#   compose/certificates.sh FOLDER [DEVICE]    compose/secrets.sh runs it
#
#   ca.pem                                     what callers know servers by: PIPIT_CA. No secret
#   ca.key                                     signs certificates. No container has it: whoever does can play any server
#   tls/<server>/tls.crt, tls.key, ca.crt      what the server shows, and what it knows others by
#   tls/caller/                                the same for who is no server, where servers ask for certificates
#
# With DEVICE, a name, certificates are for the servers of that device, in FOLDER/devices/DEVICE. They hold for the names
# that a server has in compose and in Kubernetes, for localhost, for this machine's name or the device's, and for what
# PIPIT_NAMES lists, separated by commas.
#
# To change the authority, remove ca.pem and ca.key: all is made anew, and every caller needs the new ca.pem.
set -eu
umask 022

MONTH=2592000
LEAF_DAYS=825
AUTHORITY_DAYS=7300

here=$(cd "$(dirname "$0")" && pwd)
cd "${1:?name the folder of the secrets}"
device=${2:-}
host=${device:-$(uname -n)}
domains=$(cd "$here/../k8s/domains/servers" && echo */ | tr -d /)
part=.part.$$
trap 'rm -rf "$part"' EXIT
mkdir -m 700 "$part"

command -v openssl >/dev/null 2>&1 || {
  echo 'certificates: there is no openssl, which makes them; install it (on Debian: sudo apt install openssl)' >&2
  exit 1
}

# settings COMMON_NAME NAMES: those of openssl
settings() {
  cat >"$part/openssl.cnf" <<END
[req]
distinguished_name = name
prompt = no
[name]
CN = $1
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $2
END
}

# run WORDS: openssl, which is heard only where it fails
run() {
  openssl "$@" 2>"$part/log" || { cat "$part/log" >&2; exit 1; }
}

# alternatives NAMES: as a certificate lists them
alternatives() {
  listed=
  set -f  # an asterisk is one; this is a process of its own
  for each in $(printf '%s' "$1" | tr ',' ' '); do
    case $each in
      *:*) listed=$listed,IP:$each ;;
      *[!0-9.]*) listed=$listed,DNS:$each ;;
      *) listed=$listed,IP:$each ;;
    esac
  done
  printf '%s' "${listed#,}"
}

authority() {
  if [ -e ca.pem ] && openssl x509 -checkend "$MONTH" -noout -in ca.pem >/dev/null 2>&1; then return; fi
  settings "Pipit" "DNS:localhost"
  run req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config "$part/openssl.cnf" \
    -extensions authority -days "$AUTHORITY_DAYS" -keyout "$part/ca.key" -out "$part/ca.pem"
  chmod 600 "$part/ca.key"
  mv "$part/ca.key" ca.key
  mv "$part/ca.pem" ca.pem
  echo "certificates: made $PWD/ca.pem, an authority; callers need it, and ca.key beside it is for nobody"
}

# is_good FOLDER NAMES: whether the certificate there is for these names, by this authority, and for another month
is_good() {
  [ -e "$1/tls.key" ] && [ "$(cat "$1/names" 2>/dev/null)" = "$2" ] && cmp -s ca.pem "$1/ca.crt" &&
    openssl x509 -checkend "$MONTH" -noout -in "$1/tls.crt" >/dev/null 2>&1 &&
    openssl verify -CAfile ca.pem "$1/tls.crt" >/dev/null 2>&1
}

# certificate FOLDER NAMES
certificate() {
  names=$(alternatives "$2")
  if is_good "$1" "$names"; then return; fi
  if [ ! -e ca.key ]; then
    echo "certificates: $PWD/$1 needs a new certificate, and ca.key is not here to sign it; put it back for so long," \
      "or remove ca.pem too for a new authority" >&2
    exit 1
  fi
  settings "${1##*/}" "$names"
  run req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -config "$part/openssl.cnf" \
    -keyout "$part/tls.key" -out "$part/request"
  run x509 -req -in "$part/request" -CA ca.pem -CAkey ca.key -days "$LEAF_DAYS" \
    -set_serial "0x1$(od -An -v -tx1 -N15 /dev/urandom | tr -d ' \n')" \
    -extfile "$part/openssl.cnf" -extensions leaf -out "$part/tls.crt"
  # A container's user is another than the one who runs this; the folder of all secrets is closed to others.
  chmod 644 "$part/tls.key"
  mkdir -p "$1"
  cp ca.pem "$part/ca.crt"
  printf '%s\n' "$names" >"$part/names"
  # Each is replaced whole. A server that looks in between finds a key that does not fit, and looks again.
  for file in ca.crt tls.key tls.crt names; do mv "$part/$file" "$1/$file"; done
  echo "certificates: made $PWD/$1"
}

# in_cluster SERVICE PODS: names in Kubernetes; PODS is the service that names each pod
in_cluster() {
  for each in "$1" "*.$2"; do printf '%s' "$each,$each.pipit,$each.pipit.svc,$each.pipit.svc.cluster.local,"; done
}

case $host in *.*) ;; *) host=$host,$host.local ;; esac
everywhere=localhost,127.0.0.1,::1,$host${PIPIT_NAMES:+,$PIPIT_NAMES}

authority
if [ -n "$device" ]; then
  folder=devices/$device/tls
  cp ca.pem "devices/$device/ca.pem"
else
  folder=tls
  certificate tls/registry "$(in_cluster registry registry-pods)$everywhere"
  certificate tls/console "$(in_cluster console console-pods)$everywhere"
fi
for domain in $domains; do
  certificate "$folder/$domain" "$domain,$(in_cluster "$domain-inference" inference-pods)$everywhere"
done
certificate "$folder/caller" "caller,$host"
