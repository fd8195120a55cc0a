#!/bin/sh
# Runs in a trainer's container: trains a task, publishes the bundle, and promotes it if its gates pass.
#
#   train.sh TASK [options of `pipit train`]
#
# Where PIPIT_DATA is not set, it makes a small data set of synthetic sounds, once, and trains the recipe for it.
set -eu

if [ $# -eq 0 ]; then
  echo 'train.sh: name a task, for example home_security.sounds' >&2
  exit 2
fi
task=$1
shift

if [ -z "${PIPIT_DATA:-}" ]; then
  echo 'train.sh: PIPIT_DATA is not set, so this trains on SYNTHETIC data, which says nothing about the real world' >&2
  export PIPIT_DATA="$PIPIT_RUNS/synthetic"
  pipit data synthesise "$task"
  # An option that is given as well comes later, and wins.
  # The registry keeps SYNTHETIC bundles out of production unless somebody says so; this does, and the history keeps it.
  set -- --recipe synthetic --allow-synthetic "$@"
fi
exec pipit train "$task" --publish --promote "$PIPIT_ENVIRONMENT" "$@"
