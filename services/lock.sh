#!/bin/sh
# Chooses versions, each with the digests of its files: services/lock.sh UV OUTPUT ARGUMENT..., for uv's `pip compile`.
#
#   OUTPUT.lock.txt    everything but PyTorch. pip refuses a file that has another digest
#   OUTPUT.torch.txt   PyTorch, where it is needed, without a digest: which of its builds fits a machine (for processors, or
#                      with NVIDIA's libraries) is up to the index that pip's settings name there
#
# Versions that are in OUTPUT.lock.txt already stay, where they can.
set -eu
uv=$1
output=$2
shift 2
"$uv" pip compile --quiet --universal --python-version 3.11 --no-emit-package pipit-shared --no-annotate \
  --custom-compile-command 'make lock' --generate-hashes "$@" -o "$output.lock.txt"
torch=$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' "$output.lock.txt")
if [ -z "$torch" ]; then
  rm -f "$output.torch.txt"
  exit
fi
# A requirement ends with the first line without a backslash at its end.
awk '/^torch==/ { skip = 1 } skip { if (!/\\$/) skip = 0; next } { print }' "$output.lock.txt" >"$output.lock.tmp"
mv "$output.lock.tmp" "$output.lock.txt"
printf '# The build is chosen where it is installed: docs/start.md#pytorch. `make lock` writes this.\n%s\n' "$torch" >"$output.torch.txt"
