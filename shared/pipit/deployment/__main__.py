"""`python -m pipit.deployment [--check] [ROOT]`: what `make domains` and `make domains-check` run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipit.deployment import differences, write
from pipit.errors import PipitError


def main(arguments: Sequence[str] | None = None) -> int:
    """0; 1 and a line on standard error where a domain's facts are wrong, or, with --check, files are out of date."""
    parser = argparse.ArgumentParser(
        prog="python -m pipit.deployment", description="Write what domains need elsewhere."
    )
    parser.add_argument("root", nargs="?", type=Path, default=Path(), help="folder of the repository (default: here)")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if something is out of date")
    options = parser.parse_args(arguments)
    try:
        changed = differences(options.root) if options.check else write(options.root)
    except (PipitError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for path in changed:
        sys.stdout.write(f"{path}\n")
    if options.check and changed:
        sys.stderr.write("these are out of date: run `make domains` and commit them\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
