#!/bin/sh
# Makes the secrets and certificates that the stack needs and does not have yet; changes none that is there, but for
# certificates that end within a month. Needs coreutils and openssl.
#
#   compose/secrets.sh [FOLDER]       FOLDER: PIPIT_SECRETS, also from .env, else secrets/; from here, as in compose files
#   compose/secrets.sh --device NAME [TO [NAMES [SERVERS]]]
#                                     besides, in devices/NAME, what a device needs that follows this stack's registry,
#                                     which has to run: it makes the tokens. TO: where the device has this repository, as
#                                     pi-kitchen.local:pipit, and gets all of it by rsync. NAMES: further names and
#                                     addresses that it is called by, separated by commas. SERVERS: those that run there,
#                                     as "home-security emotion"; else every domain's
#   compose/secrets.sh --say [FOLDER] only says how the servers are called from here
#
#   ca.pem, ca.key, tls/            certificates: see certificates.sh, which this runs
#   minio_user, minio_password      of the object store; MinIO and the registry have them
#   tokens.yaml                     who may call, by the SHA-256 of their token; the registry and all servers have it
#   caller_token                    asks servers what is in a picture or a recording; for you and your programs
#   device_token                    fetches what is promoted; the inference servers of this stack share it
#   devices/NAME/device_tokens/     the same for each server of a device: it speaks for that server and for no other
#   trainer_token                   publishes and promotes; the trainers have it
#   operator_token                  publishes, promotes, rolls back and labels; for you, to sign in to the console too
#   console_token                   what the console reads by itself: what devices kept, and labels
#   enroller_token                  puts people into the gallery and forgets them; for you, and for nothing that serves
#   signing_key                     signs what trainers publish, so that no other bundle is taken; for you, if you publish from
#                                   elsewhere (PIPIT_SIGNING_KEY). Keep a copy of it
#   gallery_key                     opens the people who are enrolled; servers that name faces have it, and nobody else.
#                                   Who loses it has to enrol everybody anew: keep a copy where only you get at it
#   grafana_password                of Grafana's user `admin`
#
# The folder is closed to all but its owner (mode 700). The files in it are not: each is mounted alone into containers,
# whose users are others than the one who runs this.
set -eu
umask 022

cd "$(dirname "$0")"
here=$PWD
device=
to=
names_of_device=
servers=
say=
case ${1:-} in
  --say)
    say=yes
    shift ;;
  --device)
    device=${2:-}
    to=${3:-}
    names_of_device=${4:-}
    servers=${5:-$(cd ../k8s/domains/servers && echo */ | tr -d /)}
    case $device in
      '' | *[!A-Za-z0-9.-]* | [!A-Za-z0-9]*)
        echo 'secrets: name the device by letters, digits, dots and hyphens, as in: make device DEVICE=pi-kitchen' >&2
        exit 2 ;;
    esac
    for server in $servers; do
      [ -f "../k8s/domains/servers/$server/kustomization.yaml" ] || {
        echo "secrets: there is no server '$server'; there are: $(cd ../k8s/domains/servers && echo */ | tr -d /)" >&2
        exit 2
      }
    done
    case $to in
      '' | ?*:?*) ;;
      *)
        echo 'secrets: say where the device has this repository, as in: TO=pi-kitchen.local:pipit' >&2
        exit 2 ;;
    esac
    set -- ;;
esac

# setting NAME: from the environment, else from .env, where compose finds it too
setting() {
  value=$(printenv "$1" || true)
  if [ -z "$value" ] && [ -f .env ]; then value=$(sed -n "s/^$1=//p" .env | tail -n 1); fi
  printf '%s' "$value"
}

bind=$(setting PIPIT_BIND)
names=$(setting PIPIT_NAMES)
port=$(setting PIPIT_CONSOLE_PORT)
case $bind in '' | 0.0.0.0 | :: | '[::]') ;; *) names=$bind${names:+,$names} ;; esac
folder=${1:-$(setting PIPIT_SECRETS)}
folder=${folder:-secrets}
mkdir -p "$folder"
chmod 700 "$folder"
cd "$folder"
folder=$PWD
if [ -n "$say" ]; then
  echo 'to look, label and lead rollouts, open this in a browser that trusts ca.pem, and sign in with the token:'
  echo "  https://localhost:${port:-8080}   token: cat $folder/operator_token"
  echo 'to call the servers from this machine, or with copies of these two files from another:'
  echo "  export PIPIT_CA=$folder/ca.pem PIPIT_TOKEN=\$(cat $folder/caller_token)"
  exit
fi
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

# signing_key: a private key of Ed25519 in PKCS #8 (RFC 8410), whose secret is random; macOS's openssl knows no Ed25519
signing_key() {
  echo '-----BEGIN PRIVATE KEY-----'
  { printf '0.\002\001\0000\005\006\003+ep\004"\004 '; head -c 32 /dev/urandom; } | base64
  echo '-----END PRIVATE KEY-----'
}

# token_for FILE NAME ROLES: a token, and its entry in tokens.yaml if that is missing
token_for() {
  keep "$1" "$(random 32)"
  sum=$(sha256 "$(cat "$1")")
  grep -q "$sum" tokens.yaml || printf -- '- name: %s\n  roles: [%s]\n  sha256: %s\n' "$2" "$3" "$sum" >>tokens.yaml
}

# for_device NAME: certificates are made anew before they end, so this is done for each that there is
for_device() {
  there=devices/$1
  [ -e "$there/names" ] || : >"$there/names"
  PIPIT_NAMES=$(cat "$there/names") "$here/certificates.sh" "$folder" "$1"
  cp tokens.yaml gallery_key "$there/"
}

# tokens_for_device NAME: one a server, for each is a device to the registry. That keeps their digests, shows each once, and
# would give the same server another one
tokens_for_device() {
  there=devices/$1/device_tokens
  mkdir -p "$there"
  for server in $servers; do
    [ ! -e "$there/$server" ] || continue
    token=$(cd "$here" && docker compose -f compose.yaml run --rm --no-deps -T cli devices add "$1-$server" \
      </dev/null 2>"$folder/.part.$$") || {
      cat ".part.$$" >&2
      echo "secrets: the registry made no token for $1-$server; is the stack up (make up)?" >&2
      exit 1
    }
    rm -f ".part.$$"
    keep "$there/$server" "$token"
  done
}

keep minio_user "pipit-$(random 6)"
keep minio_password "$(random 20)"
keep signing_key "$(signing_key)"
keep gallery_key "$(head -c 32 /dev/urandom | base64)"
keep grafana_password "$(random 16)"
keep tokens.yaml 'callers:'
token_for caller_token caller reader
token_for device_token device device
token_for trainer_token trainer 'publisher, operator'
token_for operator_token operator 'publisher, operator, labeller'
token_for console_token console labeller
token_for enroller_token enroller enroller
PIPIT_NAMES=$names "$here/certificates.sh" "$folder"

if [ -n "$device" ]; then
  mkdir -p "devices/$device"
  chmod 700 "devices/$device"
  host=${to%%:*}
  asked=${host:+${host#*@}${names_of_device:+,}}$names_of_device
  [ -z "$asked" ] || printf '%s\n' "$asked" >"devices/$device/names"
fi
[ -z "$device" ] || tokens_for_device "$device"
for each in devices/*/; do
  [ ! -d "$each" ] || for_device "$(basename "$each")"
done

if [ -n "$to" ]; then
  # Not this machine's own secrets, nor what is made anew there.
  rsync -a --exclude /compose/secrets --exclude /compose/.env --exclude /k8s/secrets/files --exclude .venv --exclude /runs \
    "$here/../" "$to/"
  rsync -a "devices/$device/" "$to/compose/secrets/"
  echo "secrets: copied them to $to/compose/secrets"
elif [ -n "$device" ]; then
  echo "secrets: copy $folder/devices/$device to the device, as compose/secrets in its copy of this repository"
fi
