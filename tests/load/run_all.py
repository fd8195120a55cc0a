"""Every benchmark, one after the other; each writes its CSV to docs/measured. Some take long: see each one's --help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
BENCHMARKS = (
    "log_mel",
    "training",
    "empty_classify",
    "overhead",
    "swap",
    "standby",
    "footprint",
    "start",
    "streams",
    "distributed",
    "landmarks",
    "emotion",
    "faces",
    "naming",
    "galleries",
    "enrolment",
    "cry",
)
"""log_mel and training need real clips, landmarks and faces real faces and weights (PIPIT_DATA); overhead, swap,
standby, footprint, start and streams a bundle of `pipit train home_security.sounds`, emotion one of
`pipit train emotion.expression`, enrolment real faces and one of `pipit train home_security.faces`; distributed two
cores; cry the weights of its networks."""


def main() -> int:
    """Runs all; gives 1 if one of them failed."""
    failed = []
    for name in BENCHMARKS:
        print(f"== {name}", flush=True)  # noqa: T201
        if subprocess.run([sys.executable, FOLDER / f"bench_{name}.py"], check=False).returncode:
            failed.append(name)
    for task, arguments in (("sounds", sys.argv[1:]), ("stress", []), ("cry", [])):
        print(f"== cross-validation of {task}: long", flush=True)  # noqa: T201
        command = [sys.executable, FOLDER / f"crossvalidate_{task}.py", *arguments]
        if subprocess.run(command, check=False).returncode:
            failed.append(f"crossvalidate_{task}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)  # noqa: T201
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
