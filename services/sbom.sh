#!/bin/sh
# Lists the Python packages in an image, as CycloneDX: services/sbom.sh CYCLONEDX IMAGE FOLDER
#
# CYCLONEDX is the command cyclonedx-py. The list is made of what is installed in the image, not of what a lock names:
# each package with its version, its licence, and what it requires. Nothing of the image is run. A trainer's second
# environment has a list of its own. The packages of Debian below are not in it.
set -eu
cyclonedx=$1
image=$2
folder=$3
work=$(mktemp -d)
container=$(docker create "$image")
trap 'docker rm --force "$container" >/dev/null; rm -rf "$work"' EXIT
name=$(basename "${image%:*}")
mkdir -p "$folder"
for environment in pipit beside; do
  docker cp "$container:/opt/$environment/lib" - >"$work/lib.tar" 2>/dev/null || continue
  # Descriptions alone, in an environment of this machine: cyclonedx-py looks into an environment.
  rm -rf "${work:?}/listed" "${work:?}/lib"
  python3 -m venv --without-pip "$work/listed"
  tar --extract --file "$work/lib.tar" --directory "$work" --wildcards '*/site-packages/*.dist-info/*'
  cp -R "$work"/lib/python3*/site-packages/. "$work"/listed/lib/python3*/site-packages/
  [ "$environment" = pipit ] && file=$folder/$name.cdx.json || file=$folder/$name-$environment.cdx.json
  "$cyclonedx" environment --output-reproducible --of JSON -o "$file" "$work/listed"
  echo "$file"
done
