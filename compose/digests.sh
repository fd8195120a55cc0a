#!/usr/bin/env bash
# Writes the digest of each image that comes from elsewhere beside its tag, so that what was tried is what is run:
# compose/digests.sh [ROOT]. Asks the images' own registries; called again, it takes the digests that the tags have then.
#
# A digest is that of the list of all platforms, so that it holds for amd64 and arm64.
set -euo pipefail
cd "${1:-$(dirname "$0")/..}"
image='(python|minio/minio|prom/prometheus|prom/alertmanager|grafana/grafana):[A-Za-z0-9._-]+'
mapfile -t files < <(grep -rlE "$image" compose k8s services/Dockerfile services/*/Dockerfile docker-bake.hcl)
mapfile -t images < <(grep -hoE "$image" "${files[@]}" | sort -u)
# All are asked before anything is written.
digests=()
for each in "${images[@]}"; do
  digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$each")
  [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || { echo "$each: the registry gave no digest, but '$digest'" >&2; exit 1; }
  digests+=("$digest")
  echo "$each@$digest"
done
for number in "${!images[@]}"; do
  sed -i -E "s#${images[number]//./\\.}(@sha256:([0-9a-f]{64}|…))?([^A-Za-z0-9._-]|\$)#${images[number]}@${digests[number]}\\3#g" "${files[@]}"
done
