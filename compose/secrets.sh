#!/bin/sh
# Makes the secrets that the stack needs and does not have yet; never changes one that is there. Needs coreutils.
#
#   compose/secrets.sh [FOLDER]     FOLDER: PIPIT_SECRETS, also from .env, else secrets/; from here, as in compose files
#
#   minio_user, minio_password      of the object store; MinIO and the registry have them
#   tokens.yaml                     who may call the registry, by the SHA-256 of their token; the registry has it
#   device_token                    fetches what is promoted; the inference servers have it
#   trainer_token                   publishes and promotes; the trainers have it
#   operator_token                  publishes, promotes and rolls back; for you
#   enroller_token                  puts people into the gallery and forgets them; for you, and for nothing that serves
#   gallery_key                     opens the people who are enrolled; servers that name faces have it, and nobody else.
#                                   Who loses it has to enrol everybody anew: keep a copy where only you get at it
#   grafana_password                of Grafana's user `admin`
#
# The folder is closed to all but its owner (mode 700). The files in it are not: each is mounted alone into containers,
# whose users are others than the one who runs this.
set -eu
umask 022

cd "$(dirname "$0")"
if [ -z "${PIPIT_SECRETS:-}" ] && [ -f .env ]; then
  PIPIT_SECRETS=$(sed -n 's/^PIPIT_SECRETS=//p' .env | tail -n 1)
fi
folder=${1:-${PIPIT_SECRETS:-secrets}}
mkdir -p "$folder"
chmod 700 "$folder"
cd "$folder"
folder=$PWD
trap 'rm -f .part.$$' EXIT

# random BYTES: in hexadecimal
random() { od -An -v -tx1 -N"$1" /dev/urandom | tr -d ' \n'; }

# sha256 TEXT: Linux has sha256sum, macOS has shasum
sha256() {
  if command -v sha256sum >/dev/null 2>&1; then
    printf '%s' "$1" | sha256sum | cut -d ' ' -f 1
  else
    printf '%s' "$1" | shasum -a 256 | cut -d ' ' -f 1
  fi
}

# keep FILE CONTENT: writes it whole or not at all, and only if there is no such file; a link fails where there is one
keep() {
  [ ! -e "$1" ] || return 0
  printf '%s\n' "$2" >.part.$$
  ln .part.$$ "$1" 2>/dev/null || [ -e "$1" ]
  rm -f .part.$$
  echo "secrets: made $folder/$1"
}

# token_for NAME ROLES: a token, and its entry in tokens.yaml if that is missing
token_for() {
  keep "$1_token" "$(random 32)"
  sum=$(sha256 "$(cat "$1_token")")
  grep -q "$sum" tokens.yaml || printf -- '- name: %s\n  roles: [%s]\n  sha256: %s\n' "$1" "$2" "$sum" >>tokens.yaml
}

keep minio_user "pipit-$(random 6)"
keep minio_password "$(random 20)"
keep gallery_key "$(head -c 32 /dev/urandom | base64)"
keep grafana_password "$(random 16)"
keep tokens.yaml 'callers:'
token_for device device
token_for trainer 'publisher, operator'
token_for operator 'publisher, operator'
token_for enroller enroller
