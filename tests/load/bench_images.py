"""How large each image of the bake file is, unpacked, and what of it is Pipit's (the rest is the base image's).

    python tests/load/bench_images.py [--platforms linux/amd64,linux/arm64]

Writes docs/measured/images.csv. Needs Docker; for another processor than this one's, its emulation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from pathlib import Path

from measure import write_csv

REPOSITORY = Path(__file__).parents[2]
BAKE = ("docker", "buildx", "bake", "-f", "docker-bake.hcl", "-f", "compose/domains/images.hcl")


def run(*command: str, **variables: str) -> str:
    """Output of a command in the repository's root."""
    done = subprocess.run(
        command, cwd=REPOSITORY, env=os.environ | variables, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()


def layers(image: str) -> tuple[int, int]:
    """Bytes of the base's layers, and of those that the Dockerfile adds, which BuildKit comments on."""
    lines = run("docker", "history", "--no-trunc", "--format", "{{.Size}}|{{.Comment}}", "--human=false", image)
    sizes = [
        (int(size), "buildkit" in comment) for size, _, comment in (row.partition("|") for row in lines.split("\n"))
    ]
    return sum(size for size, ours in sizes if not ours), sum(size for size, ours in sizes if ours)


def main() -> None:
    """Builds and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platforms", default="linux/amd64", help="separated by commas (default: linux/amd64)")
    parser.add_argument("--targets", nargs="*", default=[], help="of the bake file (default: all)")
    options = parser.parse_args()
    rows = []
    for platform in options.platforms.split(","):
        # Group names are taken apart into their targets.
        targets = json.loads(run(*BAKE, "--print", *options.targets))["target"]
        for target in targets:
            tag = f"sizes-{platform.rpartition('/')[2]}"
            run(*BAKE, "--load", target, IMAGES="pipit", TAG=tag, PLATFORMS=platform)
            base, ours = layers(f"pipit/{target}:{tag}")
            rows.append(
                {
                    "image": target,
                    "platform": platform,
                    "unpacked_mb": round((base + ours) / 1e6, 1),
                    "base_mb": round(base / 1e6, 1),
                    "own_mb": round(ours / 1e6, 1),
                }
            )
    write_csv("images", rows)


if __name__ == "__main__":
    main()
