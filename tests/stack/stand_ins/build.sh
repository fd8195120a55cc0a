#!/bin/sh
# Builds the images that stand in for public ones, and their base if there is none; says what it does. What is there
# already is kept, or built anew where its files here have changed.
#
#   tests/stack/stand_ins/build.sh
set -eu

cd "$(dirname "$0")"
base=pipit-stand-ins/base:trixie
debian=debian:trixie-slim

if docker image inspect "$base" >/dev/null 2>&1; then
  echo "stand-ins: $base is there"
elif docker pull --quiet "$debian" >/dev/null 2>&1; then
  echo "stand-ins: installing packages on $debian"
  docker build --quiet --build-arg BASE="$debian" --target packages --tag "$base" .
else
  echo "stand-ins: $debian can't be pulled, making $base from Debian's packages"
  ./base.sh "$base"
fi

for target in object-store prometheus alertmanager; do
  echo "stand-ins: building pipit-stand-ins/$target:dev"
  docker build --quiet --build-arg BASE="$base" --target "$target" --tag "pipit-stand-ins/$target:dev" .
done
