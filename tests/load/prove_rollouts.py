"""A fleet of real processes that is led to good and to bad versions: how fast, how far, and whether it comes back.

A registry over a folder and `--devices` servers, each a process with a cache of its own, are asked for answers all the
time. Each scenario adds its rows to docs/measured/rollouts.csv, in the place of those that it left there before.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from measure import MEASURED, write_csv
from pipit.cli.demo.processes import terminated_like_interrupted
from prove_bundles import make_site
from prove_lead import COLUMNS
from prove_scenarios import SCENARIOS, Options

NAME = "rollouts"


def main() -> None:
    """Measures, and writes docs/measured/rollouts.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--devices", type=int, default=20)
    parser.add_argument("--rate", type=float, default=1.0, help="requests a second of each device")
    parser.add_argument("--runs", type=int, default=10, help="of what is said with percentiles")
    parser.add_argument("--bad-runs", type=int, default=3, help="of each bad bundle")
    parser.add_argument("--only", default=",".join(SCENARIOS), help="scenarios, separated by commas")
    parser.add_argument("--keep", type=Path, help="folder for stores and logs; else they go when it ends")
    parser.add_argument("--say", action="store_true", help="write no CSV, only say what was measured")
    options = parser.parse_args()
    failures = 0
    for name in options.only.split(","):
        with terminated_like_interrupted(), _folder(options.keep) as folder:
            site = make_site(folder / "site")
            made = Options(folder, site, options.devices, options.rate, options.runs, options.bad_runs)
            rows = list(_until_it_fails(name, made))
        failures += any(row["ended"].startswith("failed") for row in rows)
        if not options.say:
            # What another start of this program measured stays.
            write_csv(NAME, [*_kept(name), *rows], ("grpcio", "numpy", "onnxruntime"))
    sys.exit(failures)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="prove-", dir=keep))
    try:
        yield folder
    finally:
        if keep is None:
            shutil.rmtree(folder)


def _until_it_fails(name: str, options: Options) -> Iterator[dict[str, str]]:
    """A scenario that does not hold is a row that says so."""
    try:
        for row in SCENARIOS[name](options):
            print({key: value for key, value in row.items() if value != ""}, flush=True)  # noqa: T201
            yield _whole({"part": name, **row})
    except (TimeoutError, AssertionError) as error:
        print(f"{name} failed: {error}", file=sys.stderr, flush=True)  # noqa: T201
        yield _whole({"part": name, "ended": f"failed: {error}"})


def _whole(row: Mapping[str, object]) -> dict[str, str]:
    return {"part": "", **dict.fromkeys(COLUMNS, "")} | {key: str(value) for key, value in row.items()}


def _kept(name: str) -> list[dict[str, str]]:
    path = MEASURED / f"{NAME}.csv"
    if not path.exists():
        return []
    with path.open() as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return [row for row in rows if row["part"] != name]


if __name__ == "__main__":
    main()
