#!/bin/sh
# Runs the console beside a registry, until Ctrl-C: services/console/run.sh CONSOLE_PYTHON REGISTRY_PYTHON REGISTRY [OPTION...]
#
# CONSOLE_PYTHON, REGISTRY_PYTHON: interpreters of their environments. REGISTRY: host:port. Where nobody answers there, and
# it is an address of this machine, a registry on a local folder (PIPIT_REGISTRY_STORE) is started, and ended with the
# console. OPTIONS are those of `pipit console`.
set -eu
console=$1
starts=$2
registry=$3
shift 3

answers() { "$console" -m pipit.rpc.probe "$registry" >/dev/null 2>&1; }

beside=
trap '[ -z "$beside" ] || { kill "$beside" 2>/dev/null || true; wait "$beside" || true; }' EXIT
# Ctrl-C reaches the console too: this waits for it to end.
trap : INT TERM
if ! answers; then
  case $registry in
    127.0.0.1:* | localhost:*) ;;
    *)
      echo "console: no registry answers at $registry; name one that runs, as REGISTRY=pi.local:50050, with PIPIT_CA where" \
        "it speaks TLS; or one of this machine, which is then started" >&2
      exit 1 ;;
  esac
  echo "console: no registry answers at $registry, so one on a local folder is started beside it" >&2
  PIPIT_REGISTRY_PORT=${registry##*:} "$starts" -m model_registry &
  beside=$!
  tries=0
  until answers; do
    tries=$((tries + 1))
    kill -0 "$beside" 2>/dev/null && [ "$tries" -lt 150 ] || {
      echo "console: the registry did not start at $registry; what it said stands above" >&2
      exit 1
    }
    sleep 0.2
  done
fi
code=0
"$console" -m pipit.cli.main console --registry "$registry" "$@" &
process=$!
trap 'kill "$process" 2>/dev/null || true' INT TERM
# Once more where a signal ended the wait and not the console.
wait "$process" || code=$?
while kill -0 "$process" 2>/dev/null; do
  code=0
  wait "$process" || code=$?
done
exit "$code"
